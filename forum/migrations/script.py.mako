"""${message}"""

import sqlalchemy as sa
from alembic import op

revision = "${up_revision}"
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None
bears = "${up_revision}"  # the oldest program that can live with this schema


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
