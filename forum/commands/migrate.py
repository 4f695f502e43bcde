"""`parvi migrate`."""

from pathlib import Path

import typer
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, func, insert, select

from forum import schema
from forum.commands import Json, say
from forum.db import Database
from forum.settings import read_settings
from forum.tables import Schema
from forum.world import open_world

MIGRATIONS = Path(__file__).parent.parent / "migrations"
MIGRATING = 0x70617276  # the number of the lock, one for the database


def register(app: typer.Typer) -> None:
    app.command()(migrate)


def migrate(as_json: Json = False) -> None:
    """Bring the database to this version."""
    world = open_world(read_settings())
    before = schema.current(world.database)
    bring_up_to_date(world.database)
    after = schema.current(world.database)
    words = (
        f"The database is at version {after}."
        if before == after
        else f"The database went from {before or 'nothing'} to {after}."
    )
    say(words, {"before": before, "after": after}, as_json)
    world.database.close()


def bring_up_to_date(database: Database) -> None:
    """In one transaction. On SQLite without foreign keys: alembic copies tables there; dropping the old one would take its children.

    A schema of a newer program that bears this one is left as it is: this machine has its turn later.
    """
    with database.engine.connect() as connection:
        _foreign_keys(connection, "OFF")
        with connection.begin():
            _wait_for_others(connection)
            if (schema.version_in(connection) or "") <= schema.HEAD:
                _upgrade(connection)
        _foreign_keys(connection, "ON")
    schema.check_schema(database)


def _upgrade(connection: Connection) -> None:
    command.upgrade(config(connection), "head")
    newest = ScriptDirectory.from_config(config(connection)).get_revision("head")
    connection.execute(delete(Schema))
    connection.execute(insert(Schema).values(bears=newest.module.bears))


def _wait_for_others(connection: Connection) -> None:
    """Machines that start together migrate one after the other; the lock goes with the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))


def config(connection: Connection) -> Config:
    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(MIGRATIONS))
    made.set_main_option("path_separator", "os")
    return made


def _foreign_keys(connection: Connection, state: str) -> None:
    """Outside a transaction: SQLite ignores this pragma within one, and ours begins at the first statement."""
    if connection.dialect.name == "sqlite":
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute(f"PRAGMA foreign_keys={state}")
