"""The loop: what came in, what is owed, what is due."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from forum import digests, sign_in
from forum.db import Db
from forum.world import World
from mailbridge.dkim import load_signer
from mailbridge.incoming import Bridge
from mailbridge.outgoing import Outgoing
from mailbridge.postman import CatchingPostman, SmtpPostman
from mailbridge.write import Writer

log = logging.getLogger("parvi.worker")

IDLE_S = 0.1  # between two looks at an empty queue
TROUBLE_S = 2.0  # after an error: the database may be restarting

Act = Callable[[Db, datetime], int | None]  # how much it did: while there is something, it is called again at once
DUE: tuple[tuple[timedelta, Act], ...] = (
    (timedelta(minutes=10), sign_in.sweep),
    (timedelta(minutes=1), digests.owe_digests),
)


async def work(world: World, stop: asyncio.Event) -> None:
    """Until `stop` is set; what is under way is finished first."""
    bridge, postman = Bridge(world), make_postman(world)
    outgoing = Outgoing(world, make_writer(world, bridge), postman)
    await asyncio.gather(
        _again_and_again("incoming", lambda: asyncio.to_thread(bridge.work_through), stop),
        _again_and_again("outgoing", outgoing.send_some, stop),
        *(_now_and_then(world, period, act, stop) for period, act in DUE),
    )
    outgoing.close()
    await postman.close()


def make_postman(world: World) -> SmtpPostman | CatchingPostman:
    """Where mail goes: a folder, or the relay. With neither set, it waits in a folder of the data and is not lost."""
    settings = world.settings
    if settings.relay and not settings.caught_mail:
        return SmtpPostman(settings.relay, settings.mail_domain)
    return CatchingPostman(settings.caught_mail or str(settings.data / "caught"))


def make_writer(world: World, bridge: Bridge) -> Writer:
    settings = world.settings
    signer = load_signer(settings.dkim_key, settings.dkim_selector, settings.mail_domain)
    return Writer(bridge.addresses, settings.base_url, signer)


async def _again_and_again(what: str, step: Callable[[], Awaitable[int]], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            pause = 0.0 if await step() else IDLE_S
        except Exception:
            log.exception("%s: trying again", what)
            pause = TROUBLE_S
        if pause:
            await _wait(stop, pause)


async def _now_and_then(world: World, period: timedelta, act: Act, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if not await asyncio.to_thread(_act, world, act):
            await _wait(stop, period.total_seconds())


def _act(world: World, act: Act) -> int | None:
    """In a transaction of its own; what fails is left for the next time."""
    try:
        with world.database.transaction() as db:
            return act(db, world.clock())
    except Exception:
        log.exception("%s: next time", act.__name__)
        return 0


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
