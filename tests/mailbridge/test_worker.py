"""The loop: in at the one end, out at the other, through trouble, until told to stop."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from forum import memberships, sign_in
from forum.world import World
from mailbridge import worker
from mailbridge.claims import claim
from mailbridge.incoming import Bridge
from mailbridge.journal import Journal
from mailbridge.postman import CatchingPostman, SmtpPostman
from mailbridge.watch import Watch
from mailbridge.worker import make_postman, work
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import mail, put_in


def work_until(world: World, is_done: Callable[[], bool], look_s: float = 0.02) -> None:
    async def go() -> None:
        stop = asyncio.Event()
        working = asyncio.create_task(work(world, stop))
        async with asyncio.timeout(20):
            await asyncio.sleep(look_s)  # so that it has begun
            while not await asyncio.to_thread(is_done):
                assert not working.done()
                await asyncio.sleep(look_s)
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

        await worker._again_and_again("test", step, stop, asyncio.Event())

    asyncio.run(go())
    assert ended == ["whole"]


def test_what_has_run_out_is_swept(world: World, clock: Clock) -> None:
    anna = make.member(world)
    with world.database.transaction() as db:
        sign_in.open_session(db, anna, clock(), world.random)
    clock.move(days=61)
    work_until(world, lambda: rows(world, "SELECT count(*) FROM sessions") == [(0,)])


@pytest.mark.parametrize("idle", [0, 0.35])
def test_what_is_owed_is_claimed_at_once(world: World, idle: float) -> None:
    """Also long after the last: nobody waits for a look that comes now and then."""
    anna, network = make.member(world), make.network(world, members=1)
    with world.database.transaction() as db:
        memberships.join(db, network, anna, world.clock())
    posted: list[float] = []

    def is_claimed() -> bool:
        if not posted:
            time.sleep(idle)
            make.post(world, network, anna)
            posted.append(time.monotonic())
        return rows(world, "SELECT count(*) FROM outbox WHERE claim IS NOT NULL") == [(1,)]

    work_until(world, is_claimed, look_s=0.005)
    assert time.monotonic() - posted[0] < 0.1


def test_what_another_machine_owes_by_a_clock_that_is_ahead_waits_for_that_clock_only(
    world: World, clock: Clock
) -> None:
    anna, network = make.member(world), make.network(world, members=1)
    with world.database.transaction() as db:
        memberships.join(db, network, anna, world.clock())
    ahead = replace(world, clock=lambda: clock.now + timedelta(seconds=1))
    moved: list[float] = []

    def is_claimed() -> bool:
        if not moved:
            make.post(ahead, network, anna)
            time.sleep(0.03)
            clock.move(seconds=1)
            moved.append(time.monotonic())
        return rows(world, "SELECT count(*) FROM outbox WHERE claim IS NOT NULL") == [(1,)]

    work_until(world, is_claimed, look_s=0.005)
    assert time.monotonic() - moved[0] < 0.2


def test_what_a_worker_beside_us_had_claimed_is_taken_over_when_it_dies(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for its lease; and what it had noted as sent is not sent again."""
    monkeypatch.setattr(worker, "NEIGHBOURS_S", 0.02)
    network = make.network(world, members=3)
    make.post(world, network, make.member(world, network=network))
    journal = Journal(world.settings.data / "sent", "beside us")
    sent, *_ = claim(world, "beside us", Watch())
    journal.note(sent.id)

    def is_sent() -> bool:
        if journal._file:
            os.close(journal._file)  # as the system does for a process that is killed
            journal._file = 0
        return len(caught(world)) == 2

    work_until(world, is_sent)
    assert rows(world, "SELECT outcome, answer FROM outbox ORDER BY id")[0] == ("sent", "sent before a crash")
    assert len(caught(world)) == 2


def test_where_mail_goes(world: World) -> None:
    settings = replace(world.settings, caught_mail="", relay="smtp://mail.example.org")
    assert isinstance(make_postman(replace(world, settings=settings)), SmtpPostman)
    assert isinstance(make_postman(world), CatchingPostman)
    both = replace(world.settings, relay="smtp://mail.example.org")
    assert isinstance(make_postman(replace(world, settings=both)), CatchingPostman), "trying things out sends nothing"
    neither = replace(world.settings, caught_mail="")
    assert isinstance(make_postman(replace(world, settings=neither)), CatchingPostman)
