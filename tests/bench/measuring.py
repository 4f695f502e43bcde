"""Databases to measure in, and what something costs there."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import psycopg
from sqlalchemy import text

from forum.commands.migrate import bring_up_to_date
from forum.settings import Settings
from forum.world import World, open_world
from tests.bench.filling import when
from tests.mailbridge.mails import TRUSTED

POSTGRES = os.environ.get("TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


def databases(name: str) -> Iterator[tuple[str, str]]:
    yield "SQLite", ""
    try:
        with scratch_postgresql(name) as url:
            yield "PostgreSQL", url
    except psycopg.OperationalError:
        print(f"no PostgreSQL at {POSTGRES}: not measured")


@contextmanager
def scratch_postgresql(name: str) -> Iterator[str]:
    """The URL of an empty database, which is gone afterwards."""
    with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{POSTGRES.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def opened(url: str) -> Iterator[World]:
    with TemporaryDirectory() as folder:
        settings = Settings(Path(folder), url, secret="bench", mail_domain="lists.example.org", trusted_mta=TRUSTED)
        world = replace(open_world(settings), clock=Clock())
        bring_up_to_date(world.database)
        yield world
        world.database.close()


class Clock:
    """Stands where the newest post of the filling is."""

    now = when(1)

    def __call__(self) -> datetime:
        return self.now


class Meter:
    """CPU and time of what is done inside, in ms, again and again."""

    def __init__(self, world: World) -> None:
        self._world, self._servers = world, list[Path]()
        self.cpu, self.wall = list[float](), list[float]()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self._servers = self._servers or self._find_servers()
        cpu, wall = self._cpu(), time.perf_counter()
        yield
        self.wall.append(1000 * (time.perf_counter() - wall))
        self.cpu.append(1000 * (self._cpu() - cpu))

    def told(self) -> tuple[float, float]:
        return _quarter(self.cpu), _quarter(self.wall)

    def _cpu(self) -> float:
        """Linux counts in nanoseconds what each process had of a processor."""
        return time.process_time() + sum(int(server.read_text().split()[0]) for server in self._servers) / 1e9

    def _find_servers(self) -> list[Path]:
        if self._world.database.queue is not None:
            return []
        with self._world.database.reading() as db:
            pids = db.scalars(text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"))
            return [file for pid in pids if (file := Path(f"/proc/{pid}/schedstat")).exists()]


def size_of(world: World) -> int:
    """The database's, in bytes."""
    with world.database.transaction() as db:
        if world.database.queue is None:
            return int(db.scalar(text("SELECT pg_database_size(current_database())")) or 0)
        return int(db.scalar(text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")) or 0)


def _quarter(times: list[float]) -> float:
    return quantiles(times, n=4)[0] if len(times) > 1 else times[0]
