"""Migrations lead to exactly the schema of the tables, and no other version is worked with."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from forum import schema
from forum.commands.migrate import bring_up_to_date, config
from forum.db import Database
from forum.schema import SchemaWrong, check_schema
from forum.tables import Table


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a schema."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
        yield database
        database.close()
        return
    url = str(request.getfixturevalue("postgres_url"))
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("CREATE SCHEMA migrated")
        database = Database(url.replace("postgresql://", "postgresql+psycopg://") + "?options=-csearch_path%3Dmigrated")
        yield database
        database.close()
        server.execute("DROP SCHEMA migrated CASCADE")


def test_the_migrations_lead_to_the_tables(empty: Database) -> None:
    bring_up_to_date(empty)
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []
        indexes = {index["name"] for table in Table.metadata.tables for index in inspect(connection).get_indexes(table)}
    assert {index.name for table in Table.metadata.sorted_tables for index in table.indexes} <= indexes


def test_partial_indexes_are_partial(empty: Database) -> None:
    """What alembic does not compare: without their conditions they would grow with everything ever sent."""
    bring_up_to_date(empty)
    with empty.engine.connect() as connection:
        where = {
            index["name"]: index["dialect_options"]
            for table in ("outbox", "inbox", "addresses")
            for index in inspect(connection).get_indexes(table)
            if index.get("dialect_options")
        }
    assert {"ix_outbox_due", "ix_inbox_due", "ix_addresses_getting_mail"} <= {
        str(name) for name, options in where.items() if any(str(key).endswith("_where") for key in options)
    }


def test_migrating_twice_changes_nothing(empty: Database) -> None:
    bring_up_to_date(empty)
    bring_up_to_date(empty)
    assert schema.current(empty) == schema.HEAD
    check_schema(empty)


def test_foreign_keys_hold_after_a_migration(empty: Database) -> None:
    bring_up_to_date(empty)
    if empty.engine.dialect.name == "sqlite":
        with empty.engine.connect() as connection:
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_head_is_the_newest_migration(empty: Database) -> None:
    with empty.engine.connect() as connection:
        assert ScriptDirectory.from_config(config(connection)).get_heads() == [schema.HEAD]


def test_an_empty_database_is_told_what_to_do(empty: Database) -> None:
    with pytest.raises(SchemaWrong, match=r"^The database is empty\. Run “parvi migrate” to set it up\.$"):
        check_schema(empty)


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("0000", "The database is at version 0000, this program needs .* Run “parvi migrate”"),
        ("9999", "The database is at version 9999, newer than this program, .* Install the newer program."),
    ],
)
def test_another_version_is_told_what_to_do(empty: Database, version: str, sentence: str) -> None:
    bring_up_to_date(empty)
    with empty.transaction() as db:
        db.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    with pytest.raises(SchemaWrong, match=sentence):
        check_schema(empty)
