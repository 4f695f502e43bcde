"""The loop: what came in, what is owed, what is due."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from forum.bell import listening
from forum.world import World
from mailbridge.addresses import Addresses
from mailbridge.claims import recover
from mailbridge.dkim import load_signer
from mailbridge.due import DUE, see_to_what_is_due, wait
from mailbridge.incoming import Bridge
from mailbridge.journal import left_behind
from mailbridge.outgoing import Outgoing
from mailbridge.postman import CatchingPostman, SmtpPostman
from mailbridge.write import Writer

__all__ = ["DUE", "make_postman", "make_writer", "send_out", "work", "work_through"]

log = logging.getLogger("parvi.worker")

SOON_S, IDLE_S = 0.02, 1.0  # between two looks at an empty queue: after the bell has rung, and when it was long ago
TROUBLE_S = 2.0  # after an error: the database may be restarting
NEIGHBOURS_S = 2.0  # between two looks whether a worker beside us has died


async def work(world: World, stop: asyncio.Event) -> None:
    """Both ways in one process, until `stop` is set; what is under way is finished first."""
    await asyncio.gather(work_through(world, stop), send_out(world, stop))


async def work_through(world: World, stop: asyncio.Event) -> None:
    """What came in."""
    bridge, rung = Bridge(world), asyncio.Event()
    async with listening(world.database, {"inbox": rung}, lambda _: rung.set()):
        await _again_and_again("incoming", partial(asyncio.to_thread, bridge.work_through), stop, rung)


async def send_out(world: World, stop: asyncio.Event) -> None:
    """What is owed; and what is due, which mostly ends in mail."""
    postman, rung = make_postman(world), asyncio.Event()
    outgoing = Outgoing(world, make_writer(world), postman)
    async with listening(world.database, {"outbox": rung}, lambda _: rung.set()):
        await asyncio.gather(
            _again_and_again("outgoing", outgoing.send_some, stop, rung),
            see_to_what_is_due(world, stop),
            _watch_neighbours(world, stop),
            _stop_sending(outgoing, stop),
        )
    outgoing.close()
    await postman.close()


async def _stop_sending(outgoing: Outgoing, stop: asyncio.Event) -> None:
    await stop.wait()
    outgoing.stop()


def make_postman(world: World) -> SmtpPostman | CatchingPostman:
    """Where mail goes: a folder, or the relay. With neither set, it waits in a folder of the data and is not lost."""
    settings = world.settings
    if settings.relay and not settings.caught_mail:
        return SmtpPostman(settings.relay, settings.mail_domain, at_one_domain=settings.domain_connections)
    return CatchingPostman(settings.caught_mail or str(settings.data / "caught"))


def make_writer(world: World) -> Writer:
    settings = world.settings
    signer = load_signer(settings.dkim_key, settings.dkim_selector, settings.mail_domain)
    return Writer(Addresses(settings.mail_domain, world.tokens), settings.base_url, signer)


async def _again_and_again(
    what: str, step: Callable[[], Awaitable[int]], stop: asyncio.Event, rung: asyncio.Event
) -> None:
    """While there is something at once, else when the bell rings; and now and then, for what becomes due by itself.

    After the bell it looks a few times more: what is due now may by another machine's clock be due in a moment.
    """
    pause = SOON_S
    while not stop.is_set():
        if rung.is_set():
            rung.clear()
            pause = SOON_S
        try:
            while await step() and not stop.is_set():
                pause = SOON_S
            await _wait_for_any(pause, stop, rung)
        except Exception:
            log.exception("%s: trying again", what)
            await wait(stop, TROUBLE_S)
        pause = min(2 * pause, IDLE_S)


async def _wait_for_any(seconds: float, *events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()


async def _watch_neighbours(world: World, stop: asyncio.Event) -> None:
    """What a worker that died had claimed is due again at once, where its journal is in our folder: that tells what it had
    sent. Elsewhere its lease runs out."""
    while not stop.is_set():
        try:
            await asyncio.to_thread(_take_over, world)
        except Exception:
            log.exception("taking over: next time")
        await wait(stop, NEIGHBOURS_S)


def _take_over(world: World) -> None:
    with left_behind(world.settings.data / "sent") as died:
        recover(world, died)
