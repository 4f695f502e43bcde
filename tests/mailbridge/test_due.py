"""What is due now and then: by one of all workers, again at once while there is something, and through trouble."""

import asyncio
import logging
from datetime import datetime, timedelta

import pytest

from forum import digests, sign_in
from forum.db import Db
from forum.settings import Settings
from forum.world import World, open_world
from mailbridge import due
from mailbridge.due import see_to_what_is_due


class Acts:
    """Counts its calls; `does` is what each answers in turn, an exception is raised."""

    def __init__(self, *does: int | Exception) -> None:
        self.calls, self._does = 0, list(does)

    def __call__(self, db: Db, now: datetime) -> int:
        self.calls += 1
        did = self._does.pop(0) if self._does else 0
        if isinstance(did, Exception):
            raise did
        return did

    __name__ = "acts"

    async def called(self, times: int) -> None:
        async with asyncio.timeout(10):
            while self.calls < times:
                await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "HELD_S", 0.01)
    monkeypatch.setattr(due, "LONG_DUE", ())


def every(monkeypatch: pytest.MonkeyPatch, act: Acts, **period: float) -> None:
    monkeypatch.setattr(due, "DUE", ((timedelta(**period), act),))


def test_one_of_all_workers_sees_to_it_until_it_goes(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = Acts()
    every(monkeypatch, act, hours=1)
    other = open_world(settings)

    async def go() -> None:
        ends = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(see_to_what_is_due(world, ends[0]))
        await act.called(1)
        second = asyncio.create_task(see_to_what_is_due(other, ends[1]))
        await asyncio.sleep(0.1)
        assert act.calls == 1, "the other one waits"
        ends[0].set()
        await first
        await act.called(2)
        ends[1].set()
        await second

    asyncio.run(go())
    other.database.close()


def test_while_there_is_something_it_is_done_again_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    act = Acts(1, 1, 1)
    every(monkeypatch, act, hours=1)
    see_to_it_until(world, act, 4)


def test_trouble_waits_for_the_next_time(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    act = Acts(RuntimeError("the database is restarting"))
    every(monkeypatch, act, seconds=0.01)
    with caplog.at_level(logging.CRITICAL):
        see_to_it_until(world, act, 2)


def see_to_it_until(world: World, act: Acts, times: int) -> None:
    async def go() -> None:
        stop = asyncio.Event()
        seeing = asyncio.create_task(see_to_what_is_due(world, stop))
        await act.called(times)
        await asyncio.sleep(0.02)
        stop.set()
        await asyncio.wait_for(seeing, 2)

    asyncio.run(go())


def test_what_is_due_how_often() -> None:
    assert {(act, period.total_seconds()) for period, act in due.DUE} >= {
        (sign_in.sweep, 600),
        (digests.owe_digests, 60),
    }
