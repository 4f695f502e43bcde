"""Migrations lead to exactly the schema of the tables, and no other version is worked with."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Column, MetaData, insert, inspect, select, text

from forum import schema
from forum.commands.migrate import bring_up_to_date, config
from forum.db import Database
from forum.schema import HEAD, SchemaWrong, check_schema, is_borne
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
        db.execute(text("UPDATE schema SET bears = :version"), {"version": version})
    with pytest.raises(SchemaWrong, match=sentence):
        check_schema(empty)


def newer(database: Database, bears: str) -> None:
    """As a program of the future leaves it."""
    bring_up_to_date(database)
    with database.transaction() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        db.execute(text("UPDATE schema SET bears = :bears"), {"bears": bears})


@pytest.mark.parametrize("bears", ["0001", HEAD])
def test_a_newer_schema_that_bears_this_program_is_worked_with_and_left_as_it_is(empty: Database, bears: str) -> None:
    newer(empty, bears)
    check_schema(empty)
    bring_up_to_date(empty)
    assert schema.current(empty) == "9999"


def test_a_newer_schema_that_does_not_bear_this_program_is_not_migrated(empty: Database) -> None:
    newer(empty, "9998")
    with pytest.raises(SchemaWrong, match="Install the newer program"):
        bring_up_to_date(empty)


@pytest.mark.parametrize(
    ("program", "bears", "can"), [("0003", "0002", True), ("0003", "0003", True), ("0003", "0004", False)]
)
def test_a_schema_bears_programs_from_one_version_on(program: str, bears: str, can: bool) -> None:
    assert is_borne(program, bears) is can
    assert not is_borne(program, None), "a schema that does not say so bears nobody"


def test_each_migration_says_which_programs_it_bears(empty: Database) -> None:
    with empty.engine.connect() as connection:
        migrations = [each.module for each in ScriptDirectory.from_config(config(connection)).walk_revisions()][::-1]
    bears = [each.bears for each in migrations]
    assert bears == sorted(bears), "whom an older schema does not bear, a newer one does not either"
    assert all(each.bears <= each.revision for each in migrations)
    bring_up_to_date(empty)
    with empty.reading() as db:
        assert db.scalars(text("SELECT bears FROM schema")).all() == [bears[-1]]


def test_the_oldest_program_that_is_borne_can_live_with_the_schema(empty: Database) -> None:
    """Machines are upgraded one by one: what it writes has only the columns it knows, and what it reads has all of those."""
    before = MetaData()
    with empty.engine.connect() as connection, connection.begin():
        newest = ScriptDirectory.from_config(config(connection)).get_revision(HEAD)
        assert newest
        command.upgrade(config(connection), newest.module.bears)
        before.reflect(connection)
    bring_up_to_date(empty)
    with empty.transaction() as db:
        for table in before.sorted_tables:
            if table.name != "alembic_version":
                given = {c.name: _something(c) for c in table.columns if not c.nullable and c.server_default is None}
                db.execute(insert(table).values(given))
                assert db.execute(select(table)).one()


def _something(column: Column[object]) -> object:
    if isinstance(column.type, JSON):
        return {}
    kind = column.type.python_type
    return datetime(2026, 11, 23, tzinfo=UTC) if kind is datetime else b"1" if kind is bytes else kind(1)


def test_two_machines_that_start_together_migrate_one_after_the_other(empty: Database) -> None:
    with ThreadPoolExecutor() as machines:
        list(machines.map(bring_up_to_date, [empty] * 3))
    assert schema.current(empty) == HEAD
