"""What is due now and then, whatever comes in. Of all workers on all machines exactly one sees to it: who holds the key."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from forum import alarms, digests, sign_in
from forum.db import Db
from forum.key import Key
from forum.world import World
from mailbridge.put_away import put_some_away
from mailbridge.watch import bring_forward

log = logging.getLogger("parvi.worker")

HELD_S = 1.0  # between two looks whether the key is ours: so soon another worker takes over

Act = Callable[[Db, datetime], int | None]  # how much it did: while there is something, it is called again at once
DUE: tuple[tuple[timedelta, Act], ...] = (  # each in a transaction of its own
    (timedelta(minutes=10), sign_in.sweep),
    (timedelta(minutes=1), digests.owe_digests),
    (timedelta(minutes=1), bring_forward),
)
LONG_DUE: tuple[tuple[timedelta, Callable[[World], int | None]], ...] = (  # these open their own: they wait for others
    (timedelta(minutes=10), put_some_away),
    (alarms.EVERY, alarms.tell_operator),
)


async def see_to_what_is_due(world: World, stop: asyncio.Event) -> None:
    """Until `stop` is set; what is under way is finished first."""
    key, ours = Key(world.database), asyncio.Event()
    acts = [(period, act.__name__, partial(_act, world, act)) for period, act in DUE]
    long = [(period, act.__name__, partial(act, world)) for period, act in LONG_DUE]
    await asyncio.gather(
        _hold(key, ours, stop), *(_now_and_then(what, step, period, ours, stop) for period, what, step in acts + long)
    )
    key.close()


async def wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


async def _hold(key: Key, ours: asyncio.Event, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if await asyncio.to_thread(key.is_ours):
            ours.set()
        else:
            ours.clear()
        await wait(stop, HELD_S)
    ours.set()  # whoever waits for it sees that it is over


async def _now_and_then(
    what: str, step: Callable[[], int | None], period: timedelta, ours: asyncio.Event, stop: asyncio.Event
) -> None:
    """What fails is left for the next time."""
    while await ours.wait() and not stop.is_set():
        try:
            did = await asyncio.to_thread(step)
        except Exception:
            log.exception("%s: next time", what)
            did = 0
        if not did:
            await wait(stop, period.total_seconds())


def _act(world: World, act: Act) -> int | None:
    with world.database.transaction() as db:
        return act(db, world.clock())
