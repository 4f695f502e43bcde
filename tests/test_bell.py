"""The bell: who listens hears at once of what has been committed, and of all when something may have been missed."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from forum import bell, threads
from forum.bell import listening
from forum.members import Recipient
from forum.notices import owe_notice
from forum.tables import RUNG, Network
from forum.world import World
from mailbridge.incoming import Bridge
from tests import make
from tests.mailbridge.mails import mail, put_in

AT_ONCE_S = 0.1


class Ears:
    """What was heard since it was last asked."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self._rung = asyncio.Event()

    def __call__(self, table: str) -> None:
        self.heard.add(table)
        self._rung.set()

    async def hear(self, table: str, within: float = AT_ONCE_S) -> None:
        async with asyncio.timeout(within):
            while table not in self.heard:
                self._rung.clear()
                await self._rung.wait()

    def forget(self) -> None:
        self.heard.clear()


@asynccontextmanager
async def ears(world: World) -> AsyncIterator[Ears]:
    made = Ears()
    async with listening(world.database, RUNG, made):
        for table in RUNG:
            await made.hear(table, within=5)  # at the beginning for all
        await asyncio.sleep(0)
        made.forget()
        yield made


def hearing(world: World, body: Callable[[Ears], Awaitable[None]]) -> None:
    async def go() -> None:
        async with ears(world) as made:
            await body(made)

    asyncio.run(go())


def owe(world: World) -> None:
    with world.database.transaction() as db:
        owe_notice(db, Recipient("anna@example.org", "", "fi"), "code", world.clock())


def test_a_mail_that_is_owed_is_heard_of(world: World) -> None:
    async def body(made: Ears) -> None:
        await asyncio.to_thread(owe, world)
        await made.hear("outbox")

    hearing(world, body)


def test_a_mail_that_came_is_heard_of(world: World) -> None:
    async def body(made: Ears) -> None:
        await asyncio.to_thread(put_in, Bridge(world), mail())
        await made.hear("inbox")

    hearing(world, body)


def test_a_post_is_heard_of_by_readers_and_by_the_worker(world: World, a_network: Network) -> None:
    anna = make.member(world, network=a_network)
    post = make.post(world, a_network, anna)

    async def body(made: Ears) -> None:
        await asyncio.to_thread(make.post, world, a_network, anna, thread_id=post.thread_id)
        await made.hear("threads")
        await made.hear("outbox")

    hearing(world, body)


def test_a_change_of_a_thread_is_heard_of(world: World, a_network: Network) -> None:
    post = make.post(world, a_network, make.member(world, network=a_network))

    def change() -> None:
        with world.database.transaction() as db:
            threads.note_change(db, post.thread_id)

    async def body(made: Ears) -> None:
        await asyncio.to_thread(change)
        await made.hear("threads")

    hearing(world, body)


def test_nothing_is_heard_before_it_is_committed(world: World) -> None:
    async def body(made: Ears) -> None:
        with world.database.transaction() as db:
            owe_notice(db, Recipient("anna@example.org", "", "fi"), "code", world.clock())
            db.flush()
            await asyncio.sleep(0.05)
            assert not made.heard
        await made.hear("outbox")

    hearing(world, body)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_comes_back_is_heard_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "AGAIN_S", 0.01)

    async def body(made: Ears) -> None:
        cut(world)
        for table in RUNG:
            await made.hear(table, within=5)  # something may have come meanwhile
        made.forget()
        await asyncio.to_thread(owe, world)
        await made.hear("outbox")

    hearing(world, body)


def cut(world: World) -> None:
    """Every connection that listens."""
    listens = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    with world.database.transaction() as db:
        assert len(db.execute(text(listens)).all()) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_where_nothing_can_be_heard_it_rings_all_the_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "_watch", lambda file: None)

    async def body(made: Ears) -> None:
        await made.hear("outbox", within=1)

    hearing(world, body)


def test_listening_leaves_nothing_open(world: World) -> None:
    async def body(made: Ears) -> None:
        pass

    hearing(world, body)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        hearing(world, body)
    assert len(os.listdir("/proc/self/fd")) <= before  # what another test left may be closed meanwhile


def test_who_waits_costs_nothing(world: World) -> None:
    async def body(made: Ears) -> None:
        before = time.process_time()
        await asyncio.sleep(0.5)
        assert time.process_time() - before < 0.0025, "half a percent of a processor"
        assert not made.heard

    hearing(world, body)


@pytest.fixture
def a_network(world: World) -> Network:
    return make.network(world, members=2)
