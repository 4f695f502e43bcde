"""Which version of the schema a database has, and whether this program can work with it."""

from sqlalchemy import Connection, inspect, text

from forum.db import Database

HEAD = "0003"  # the newest file in migrations/versions; a test keeps it true


class SchemaWrong(Exception):
    """The database is not at a version this program can work with; the message says what to do."""


def check_schema(database: Database) -> None:
    """Raises SchemaWrong unless the database is at HEAD, or at a newer version that says it bears this program."""
    with database.reading() as db:
        found, bears = _found(db.connection())
    if found is None:
        raise SchemaWrong("The database is empty. Run “parvi migrate” to set it up.")
    if found < HEAD:
        raise SchemaWrong(
            f"The database is at version {found}, this program needs {HEAD}. Run “parvi migrate” to bring it up to date."
        )
    if found > HEAD and not is_borne(HEAD, bears):
        raise SchemaWrong(
            f"The database is at version {found}, newer than this program, which knows {HEAD}. Install the newer program."
        )


def is_borne(program: str, bears: str | None) -> bool:
    """Whether a program of this version can live with a newer schema; `bears` is the oldest that can."""
    return bears is not None and program >= bears


def current(database: Database) -> str | None:
    with database.reading() as db:
        return version_in(db.connection())


def version_in(connection: Connection) -> str | None:
    return _found(connection)[0]


def _found(connection: Connection) -> tuple[str | None, str | None]:
    """Version, and what the schema bears; each None where it is not told."""
    tables = inspect(connection).get_table_names()
    version = (
        connection.scalar(text("SELECT version_num FROM alembic_version")) if "alembic_version" in tables else None
    )
    bears = connection.scalar(text("SELECT bears FROM schema")) if "schema" in tables else None
    return str(version) if version else None, bears
