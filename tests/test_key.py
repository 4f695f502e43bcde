"""The key: one holds it, nobody waits for it, and it does not outlive its holder."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

import pytest
from sqlalchemy import text

from forum.key import Key
from forum.settings import Settings
from forum.world import World, open_world
from tests.journeys.town import until

LOCKS = """SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND datname = current_database()"""


@contextmanager
def key_of(settings: Settings) -> Iterator[Key]:
    """As in another process: a database of its own."""
    world = open_world(settings)
    key = Key(world.database)
    yield key
    key.close()
    world.database.close()


def test_one_of_all_holds_it_until_it_goes(settings: Settings) -> None:
    with key_of(settings) as one, key_of(settings) as other:
        assert [one.is_ours(), other.is_ours(), one.is_ours(), other.is_ours()] == [True, False, True, False]
        one.close()
        assert [other.is_ours(), one.is_ours()] == [True, False]


def _hold(settings: Settings, tell: Connection) -> None:
    key = Key(open_world(settings).database)
    tell.send(key.is_ours())
    signal.pause()


def test_it_goes_with_the_process_that_held_it(settings: Settings) -> None:
    told, tell = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_hold, args=(settings, tell))
    process.start()
    assert told.recv()
    with key_of(settings) as other:
        assert not other.is_ours()
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        until(lambda: other.is_ours() or None)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_it_goes_with_the_connection(world: World, settings: Settings) -> None:
    with key_of(settings) as one, key_of(settings) as other:
        assert one.is_ours()
        with world.database.transaction() as db:
            [pid] = db.scalars(text(LOCKS)).all()
            db.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        assert other.is_ours()
        assert not one.is_ours()
        other.close()
        assert one.is_ours(), "on a new connection"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_while_the_database_is_away_it_is_nobodys(settings: Settings) -> None:
    with key_of(Settings(data=settings.data, database_url="postgresql://nobody@127.0.0.1:1/none", secret="x")) as key:
        assert not key.is_ours()
