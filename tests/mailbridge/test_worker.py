"""The loop: in at the one end, out at the other, through trouble, until told to stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from forum import sign_in
from forum.world import World
from mailbridge import worker
from mailbridge.incoming import Bridge
from mailbridge.postman import CatchingPostman, SmtpPostman
from mailbridge.worker import make_postman, work
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import mail, put_in


def work_until(world: World, is_done: Callable[[], bool]) -> None:
    async def go() -> None:
        stop = asyncio.Event()
        working = asyncio.create_task(work(world, stop))
        async with asyncio.timeout(20):
            while not is_done():
                assert not working.done()
                await asyncio.sleep(0.02)
        stop.set()
        await asyncio.wait_for(working, 5)

    asyncio.run(go())


def caught(world: World) -> list[Path]:
    return sorted(Path(world.settings.caught_mail).glob("*/*.eml"))


def test_a_mail_that_comes_in_goes_out_to_everyone_else(world: World) -> None:
    network = make.network(world, members=3)
    make.member(world, network=network)
    put_in(Bridge(world), mail())
    work_until(world, lambda: not rows(world, "SELECT 1 FROM inbox WHERE fate IS NULL") and len(caught(world)) == 3)
    assert [path.parent.name for path in caught(world)] == ["m1@example.net", "m2@example.net", "m3@example.net"]
    assert rows(world, "SELECT outcome, count(*) FROM outbox GROUP BY outcome") == [("sent", 3)]
    assert list((world.settings.data / "sent").iterdir()) == []


def test_trouble_in_one_round_is_not_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "TROUBLE_S", 0.01)
    real, troubles = Bridge.work_through, iter([True, True])

    def work_through(bridge: Bridge) -> int:
        if next(troubles, False):
            raise RuntimeError("the database is restarting")
        return real(bridge)

    monkeypatch.setattr(Bridge, "work_through", work_through)
    make.member(world, network=make.network(world, members=1))
    put_in(Bridge(world), mail())
    with caplog.at_level(logging.CRITICAL):
        work_until(world, lambda: len(caught(world)) == 1)


def test_stopping_takes_no_time(world: World) -> None:
    async def go() -> None:
        stop = asyncio.Event()
        stop.set()
        await asyncio.wait_for(work(world, stop), 2)

    asyncio.run(go())


def test_what_is_under_way_is_finished_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    async def go() -> None:
        stop = asyncio.Event()

        async def step() -> int:
            stop.set()
            await asyncio.sleep(0.05)
            ended.append("whole")
            return 1

        again: Callable[[str, Callable[[], Awaitable[int]], asyncio.Event], Awaitable[None]] = worker._again_and_again
        await again("test", step, stop)

    asyncio.run(go())
    assert ended == ["whole"]


def test_what_has_run_out_is_swept(world: World, clock: Clock) -> None:
    anna = make.member(world)
    with world.database.transaction() as db:
        sign_in.open_session(db, anna, clock(), world.random)
    clock.move(days=61)
    work_until(world, lambda: rows(world, "SELECT count(*) FROM sessions") == [(0,)])


def test_where_mail_goes(world: World) -> None:
    settings = replace(world.settings, caught_mail="", relay="smtp://mail.example.org")
    assert isinstance(make_postman(replace(world, settings=settings)), SmtpPostman)
    assert isinstance(make_postman(world), CatchingPostman)
    both = replace(world.settings, relay="smtp://mail.example.org")
    assert isinstance(make_postman(replace(world, settings=both)), CatchingPostman), "trying things out sends nothing"
    neither = replace(world.settings, caught_mail="")
    assert isinstance(make_postman(replace(world, settings=neither)), CatchingPostman)
