"""The bell: whoever waits for something in the database hears at once that it has come, from whichever process or machine.

It only says where to look. PostgreSQL rings it itself: the triggers of `tables.py` notify when a transaction commits. On
SQLite the end of each transaction is heard, since a writer then closes the file in which writers wait in line.
"""

import asyncio
import ctypes
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import PoolProxiedConnection

from forum.db import Database
from forum.tables import RUNG, channel

log = logging.getLogger("parvi.bell")

Ring = Callable[[str], None]  # the table in which something has come

AGAIN_S = 1.0  # until the database, which was away, is asked for again
DEAF_S = 0.1  # between two rings where nothing can be heard
IN_CLOSE_WRITE = 8  # linux/inotify.h


@asynccontextmanager
async def listening(database: Database, tables: Iterable[str], ring: Ring) -> AsyncIterator[None]:
    """Meanwhile `ring` is called in this loop with the name of the table, one of RUNG. Whenever something may have been
    missed it is called for all: at the beginning, and when the database has come back."""
    assert set(tables) <= set(RUNG)
    listen = _listen_postgresql if database.queue is None else _listen_sqlite
    task = asyncio.create_task(listen(database, tuple(tables), ring))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _listen_postgresql(database: Database, tables: tuple[str, ...], ring: Ring) -> None:
    """On a connection of its own, as long as it lasts; again and again."""
    while True:
        try:
            connection = await asyncio.to_thread(_opened, database, tables)
        except Exception as error:  # noqa: BLE001  whatever keeps it away: looking now and then goes on
            log.warning("the bell is silent: %s", type(error).__name__)
        else:
            try:
                _ring_all(tables, ring)
                told = {channel(table): table for table in tables}
                await _until_it_breaks(connection.driver_connection, told, ring)
            finally:
                connection.invalidate()  # nobody else should hear what is meant for us
                connection.close()
        await asyncio.sleep(AGAIN_S)


def _opened(database: Database, tables: tuple[str, ...]) -> PoolProxiedConnection:
    connection = database.engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        driver.autocommit = True
        for table in tables:
            driver.execute(f"LISTEN {channel(table)}")
    except BaseException:
        connection.invalidate()
        connection.close()
        raise
    return connection


async def _until_it_breaks(driver: Any, told: dict[str, str], ring: Ring) -> None:
    loop, broken = asyncio.get_running_loop(), asyncio.Event()

    def hear() -> None:
        try:
            driver.pgconn.consume_input()
            while heard := driver.pgconn.notifies():
                ring(told[heard.relname.decode()])
        except Exception as error:  # noqa: BLE001
            log.warning("the bell fell silent: %s", type(error).__name__)
            broken.set()

    file = driver.fileno()
    loop.add_reader(file, hear)
    try:
        hear()  # what came while LISTEN was answered has been read already
        await broken.wait()
    finally:
        loop.remove_reader(file)


async def _listen_sqlite(database: Database, tables: tuple[str, ...], ring: Ring) -> None:
    assert database.queue is not None
    watch = _watch(database.queue)
    _ring_all(tables, ring)
    if watch is None:
        while True:
            await asyncio.sleep(DEAF_S)
            _ring_all(tables, ring)

    def hear() -> None:
        os.read(watch, 65536)  # what happened is known: it is only emptied
        _ring_all(tables, ring)

    loop = asyncio.get_running_loop()
    loop.add_reader(watch, hear)
    try:
        await asyncio.Event().wait()
    finally:
        loop.remove_reader(watch)
        os.close(watch)


def _watch(file: Path) -> int | None:
    """A descriptor that is readable when someone who could write has closed the file; None where there is no inotify."""
    file.touch(0o600)
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "inotify_init1"):
        return None
    watch: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if watch >= 0 and libc.inotify_add_watch(watch, os.fsencode(file), IN_CLOSE_WRITE) >= 0:
        return watch
    if watch >= 0:
        os.close(watch)
    return None


def _ring_all(tables: tuple[str, ...], ring: Ring) -> None:
    for table in tables:
        ring(table)
