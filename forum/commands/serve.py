"""`parvi serve`, `web`, `bridge`, `work`: the running parts, each in a process of its own."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from functools import partial
from multiprocessing.process import BaseProcess
from typing import Any

import typer
import uvicorn

from forum.commands import log_to_stderr
from forum.schema import check_schema
from forum.settings import Settings, SettingsWrong, host_port, read_settings
from forum.web.app import create_app
from forum.world import World, open_world
from mailbridge.door import Door, lmtp_server, smtp_server
from mailbridge.explain import explained
from mailbridge.incoming import Bridge
from mailbridge.sessions import Sessions
from mailbridge.worker import send_out, work_through

log = logging.getLogger("parvi.serve")

DRAIN_S = 5
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)

Part = Callable[[World, list[socket.socket], asyncio.Event], Coroutine[Any, Any, None]]
fork = multiprocessing.get_context("fork")


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(web)
    app.command()(bridge)
    app.command()(work)


def serve() -> None:
    """Run everything on one machine: pages, mail in, mail out."""
    run(read_settings())


def web() -> None:
    """Run only the pages."""
    settings = read_settings()
    Supervisor(settings, _web_parts(settings)).run()


def bridge() -> None:
    """Run only the door for incoming mail."""
    settings = read_settings()
    Supervisor(settings, [("bridge", run_bridge, _mail_sockets(settings))]).run()


def work() -> None:
    """Run only the worker: what came in and what goes out."""
    settings = read_settings()
    Supervisor(settings, WORK).run()


def run(settings: Settings) -> None:
    """All three parts under one supervisor, until it is told to stop."""
    mail = ("bridge", run_bridge, _mail_sockets(settings))
    Supervisor(settings, [*_web_parts(settings), mail, *WORK]).run()


async def run_web(world: World, sockets: list[socket.socket], stop: asyncio.Event) -> None:
    bridge = Bridge(world)
    app = create_app(world, bridge.confirm_held, partial(explained, bridge))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=DRAIN_S, lifespan="off",
                            proxy_headers=True, server_header=False)  # fmt: skip
    server = _Uvicorn(config)
    serving = asyncio.create_task(server.serve(sockets))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    app.state.site.live.close()
    server.should_exit = True
    await serving
    stopping.cancel()


async def run_bridge(world: World, sockets: list[socket.socket], stop: asyncio.Event) -> None:
    """The first socket speaks SMTP unless it is not wanted; the others LMTP."""
    door, settings, loop = Door(Bridge(world)), world.settings, asyncio.get_running_loop()
    kinds = [smtp_server] * bool(settings.smtp) + [lmtp_server] * bool(settings.lmtp)
    sessions, size, name = Sessions(), settings.max_mail_bytes, settings.mail_domain
    servers = [
        await loop.create_server(sessions.opening(partial(kind, door, size, name)), sock=listening)
        for kind, listening in zip(kinds, sockets, strict=True)
    ]
    await stop.wait()
    for server in servers:
        server.close()
    await sessions.end(DRAIN_S)


async def run_incoming(world: World, sockets: list[socket.socket], stop: asyncio.Event) -> None:
    await work_through(world, stop)


async def run_outgoing(world: World, sockets: list[socket.socket], stop: asyncio.Event) -> None:
    await send_out(world, stop)


WORK: list[tuple[str, Part, list[socket.socket]]] = [("incoming", run_incoming, []), ("outgoing", run_outgoing, [])]


class _Uvicorn(uvicorn.Server):
    """Signals are the part's own business: all parts stop in the same way."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class Supervisor:
    """Forks one process for each part, starts anew what dies, and takes all of them along when it goes.

    Forked after everything is imported: the processes share that memory.
    """

    def __init__(self, settings: Settings, parts: list[tuple[str, Part, list[socket.socket]]]) -> None:
        self._settings, self._parts = settings, parts
        self._running: dict[int, BaseProcess] = {}
        self._stopping = False

    def run(self) -> None:
        log_to_stderr()
        self._check_schema()
        gc.collect()
        gc.freeze()
        _give_back_memory()
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, self._stop)
        lifeline, self._held = os.pipe()  # the other end closes with this process, however it dies
        while not self._stopping:
            for index, part in enumerate(self._parts):
                if index not in self._running or not self._running[index].is_alive():
                    self._start(index, part, lifeline)
            time.sleep(0.2)
        self._drain()

    def _check_schema(self) -> None:
        world = open_world(self._settings)
        try:
            check_schema(world.database)
        finally:
            world.database.close()

    def _start(self, index: int, part: tuple[str, Part, list[socket.socket]], lifeline: int) -> None:
        if died := self._running.get(index):
            log.error("%s ended with %s; starting it again", part[0], died.exitcode)
            time.sleep(0.5)
        others = [each for each in self._sockets() if each not in part[2]]
        process = fork.Process(target=_child, args=(self._settings, part, others, lifeline, self._held), name=part[0])
        process.start()
        self._running[index] = process

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _sockets(self) -> list[socket.socket]:
        return [each for _, _, sockets in self._parts for each in sockets]

    def _drain(self) -> None:
        """Who comes now is refused at once, rather than kept waiting at a socket that nobody serves."""
        for each in self._sockets():
            each.close()
        for process in self._running.values():
            process.terminate()
        until = time.monotonic() + DRAIN_S + 1
        for process in self._running.values():
            process.join(max(0, until - time.monotonic()))
            if process.is_alive():
                process.kill()


def _give_back_memory() -> None:
    """What a large mail took goes back to the system at once. Left to itself glibc takes such a size for usual from then
    on, and keeps as much for good."""
    with contextlib.suppress(AttributeError, OSError):  # another C library
        for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            ctypes.CDLL(None).mallopt(option, 1_000_000)


def _child(
    settings: Settings,
    part: tuple[str, Part, list[socket.socket]],
    others: list[socket.socket],
    lifeline: int,
    held: int,
) -> None:
    os.close(held)
    for each in others:
        each.close()
    name, body, sockets = part
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all of us; the supervisor tells us in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        uvloop_run(_until_told(settings, body, sockets, lifeline))
    except Exception:
        log.exception("%s broke down", name)
        os._exit(1)


async def _until_told(settings: Settings, body: Part, sockets: list[socket.socket], lifeline: int) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(lifeline, stop.set)
    world = open_world(settings)
    try:
        await body(world, sockets, stop)
    finally:
        world.database.close()


def uvloop_run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvicorn.Config(app="", loop="auto").get_loop_factory()) as runner:
        runner.run(main)


def _web_parts(settings: Settings) -> list[tuple[str, Part, list[socket.socket]]]:
    listening = _listen("PARVI_HTTP", settings.http)
    return [("web", run_web, [listening])] * settings.workers


def _mail_sockets(settings: Settings) -> list[socket.socket]:
    sockets = [_listen("PARVI_SMTP", settings.smtp)] if settings.smtp else []
    return [*sockets, _listen("PARVI_LMTP", settings.lmtp)] if settings.lmtp else sockets


def _listen(name: str, where: str) -> socket.socket:
    """Bound before anything is forked: whoever cannot be heard should say so at once."""
    try:
        if "/" in where:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(where)
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(where)
        else:
            host, port = host_port(where)
            listening = socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
            )
    except OSError as error:
        raise SettingsWrong(f"{name}: cannot listen at {where}: {error.strerror}.") from None
    listening.listen(512)
    listening.setblocking(False)
    return listening
