"""The database: one commit, writers one after another, looks that change nothing, times in UTC."""

import contextlib
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolIsEmpty

from forum.db import Db, is_away
from forum.tables import Organisation, Session
from forum.world import World
from tests import make


def names(world: World) -> list[str]:
    with world.database.reading() as db:
        return list(db.scalars(select(Organisation.name).order_by(Organisation.name)))


def test_what_is_done_together_is_kept_together(world: World) -> None:
    with world.database.transaction() as db:
        db.add_all([Organisation(name="a"), Organisation(name="b")])
    assert names(world) == ["a", "b"]


def test_an_exception_undoes_everything(world: World) -> None:
    def break_down(db: Db) -> None:
        db.add(Organisation(name="a"))
        db.flush()
        raise RuntimeError

    with pytest.raises(RuntimeError), world.database.transaction() as db:
        break_down(db)
    assert names(world) == []


def test_what_the_database_refuses_undoes_everything(world: World) -> None:
    with pytest.raises(IntegrityError), world.database.transaction() as db:
        db.add_all([Organisation(name="a"), Organisation(name="a")])
    assert names(world) == []


def test_a_rehearsal_leaves_nothing(world: World) -> None:
    with world.database.rehearsal() as db:
        db.add(Organisation(name="a"))
        db.flush()
        assert db.scalar(select(func.count()).select_from(Organisation)) == 1
    assert names(world) == []


def test_a_look_changes_nothing(world: World) -> None:
    with contextlib.suppress(InternalError), world.database.reading() as db:  # PostgreSQL does not even let it
        db.add(Organisation(name="a"))
        db.flush()
    assert names(world) == []


def test_a_look_is_consistent(world: World) -> None:
    with world.database.reading() as db:
        before = db.scalar(select(func.count()).select_from(Organisation))
        with world.database.transaction() as other:
            other.add(Organisation(name="a"))
        assert db.scalar(select(func.count()).select_from(Organisation)) == before
    assert names(world) == ["a"]


def test_a_look_does_not_wait_for_a_writer(world: World) -> None:
    with world.database.transaction() as db:
        db.add(Organisation(name="a"))
        db.flush()
        assert names(world) == []


def test_writers_wait_for_each_other(world: World) -> None:
    """On SQLite the second one would fail at once if it had begun by reading: hence BEGIN IMMEDIATE."""

    def count_up() -> None:
        for _ in range(5):
            with world.database.transaction() as db:
                row = db.get_one(Organisation, 1, with_for_update=True)
                time.sleep(0.001)
                row.name = str(int(row.name) + 1)

    with world.database.transaction() as db:
        db.add(Organisation(name="0"))
    writers = [threading.Thread(target=count_up) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert names(world) == ["20"]


def test_a_commit_that_fails_lets_the_next_one_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at COMMIT left the connection in its transaction, and on SQLite nobody could write any more."""

    def fail(_: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    with monkeypatch.context() as patch:
        patch.setattr(world.database.engine.dialect, "do_commit", fail)
        with pytest.raises(OperationalError), world.database.transaction() as db:
            db.add(Organisation(name="lost"))
    with world.database.transaction() as db:
        db.add(Organisation(name="kept"))
    assert names(world) == ["kept"]


def test_an_empty_transaction_does_nothing(world: World) -> None:
    with world.database.transaction():
        pass


def test_children_need_their_parents(world: World) -> None:
    with pytest.raises(IntegrityError), world.database.transaction() as db:
        db.add(Session(token_hash="x", member_id=12345, opened_at=world.clock(), expires_at=world.clock()))


@pytest.mark.parametrize(
    "when",
    [
        datetime(2026, 11, 23, 6, 9, 0, 123456, UTC),
        datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(1999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=11, minutes=30))),
    ],
)
def test_a_time_comes_back_in_utc(world: World, when: datetime) -> None:
    anna = make.member(world)
    with world.database.transaction() as db:
        db.add(Session(token_hash="x", member_id=anna.id, opened_at=when, expires_at=when))
    with world.database.reading() as db:
        row = db.get_one(Session, "x")
        assert row.opened_at == when
        assert row.opened_at.tzinfo is UTC
        assert db.scalar(select(Session.token_hash).where(Session.opened_at == when)) == "x"
        assert db.scalar(select(Session.token_hash).where(Session.opened_at < when)) is None


def test_a_time_without_its_zone_is_a_bug(world: World) -> None:
    anna = make.member(world)
    naive = datetime(2026, 11, 23)  # noqa: DTZ001
    with pytest.raises(StatementError, match="without its zone"), world.database.transaction() as db:
        db.add(Session(token_hash="x", member_id=anna.id, opened_at=naive, expires_at=naive))


def test_who_waits_to_write_gets_a_turn(world: World) -> None:
    """One that comes back at once must not get in before those who wait: mail could not be taken while mail is worked through."""
    stop, turns = threading.Event(), [0]

    def hog() -> None:
        while not stop.is_set():
            with world.database.transaction() as db:
                db.add(Organisation(name=f"{turns[0]}"))
                db.flush()
                time.sleep(0.005)
            turns[0] += 1

    hogging = threading.Thread(target=hog)
    hogging.start()
    try:
        before = turns[0]
        for _ in range(10):
            with world.database.transaction() as db:
                db.scalar(select(func.count()).select_from(Organisation))
        assert turns[0] - before < 100
    finally:
        stop.set()
        hogging.join()


class Said(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("SELECT 1", {}, Exception("connection refused")), True),
        (OperationalError("SELECT 1", {}, sqlite3.OperationalError("database or disk is full")), True),
        (OperationalError("SELECT 1", {}, Said("57P01")), True),  # stopped by its operator
        (OperationalError("SELECT 1", {}, Said("53100")), True),  # disk full
        (OperationalError("SELECT 1", {}, Said("40P01")), True),  # deadlock
        (OperationalError("SELECT 1", {}, Said("54000")), False),  # an index entry too large
        (InternalError("SELECT 1", {}, Said("25006")), True),  # a standby
        (InterfaceError("SELECT 1", {}, Exception("the connection is closed")), True),
        (PoolIsEmpty("no connection within 30 seconds"), True),
        (IntegrityError("INSERT", {}, Said("23505")), False),
        (ProgrammingError("SELEKT", {}, Said("42601")), False),
        (ValueError("a bug"), False),
    ],
)
def test_whose_trouble_it_is(error: Exception, away: bool) -> None:
    assert is_away(error) is away
