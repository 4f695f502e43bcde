"""Which version of the schema a database has, and whether this program can work with it."""

from sqlalchemy import inspect, text

from forum.db import Database

HEAD = "0002"  # the newest file in migrations/versions; a test keeps it true


class SchemaWrong(Exception):
    """The database is not at this program's version; the message says what to do."""


def check_schema(database: Database) -> None:
    """Raises SchemaWrong unless the database is exactly at HEAD."""
    found = current(database)
    if found is None:
        raise SchemaWrong("The database is empty. Run “parvi migrate” to set it up.")
    if found < HEAD:
        raise SchemaWrong(
            f"The database is at version {found}, this program needs {HEAD}. Run “parvi migrate” to bring it up to date."
        )
    if found > HEAD:
        raise SchemaWrong(
            f"The database is at version {found}, newer than this program, which knows {HEAD}. Install the newer program."
        )


def current(database: Database) -> str | None:
    with database.reading() as db:
        if not inspect(db.connection()).has_table("alembic_version"):
            return None
        version = db.scalar(text("SELECT version_num FROM alembic_version"))
        return str(version) if version else None
