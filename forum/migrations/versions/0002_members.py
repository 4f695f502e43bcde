"""Receipts for who wants them, absences, a count of changes in threads, and of bounces at addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
bears = "0001"


def upgrade() -> None:
    # A program of the version before does not name the column when it adds a member: so it has a default here.
    op.add_column("members", sa.Column("receipts", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("members", sa.Column("away_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("members", sa.Column("away_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_members_away_until",
        "members",
        ["away_until"],
        unique=False,
        sqlite_where=sa.text("away_until IS NOT NULL"),
        postgresql_where=sa.text("away_until IS NOT NULL"),
    )
    op.add_column(
        "threads",
        sa.Column("changes", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False),
    )
    op.add_column(
        "addresses",
        sa.Column(
            "bounce_points", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False
        ),
    )
    op.add_column("addresses", sa.Column("bounce_status", sa.String(), nullable=True))
    for name in ("bounced_at", "probed_at", "paused_at"):
        op.add_column("addresses", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_addresses_bounced_at",
        "addresses",
        ["bounced_at"],
        unique=False,
        sqlite_where=sa.text("bounced_at IS NOT NULL"),
        postgresql_where=sa.text("bounced_at IS NOT NULL"),
    )
