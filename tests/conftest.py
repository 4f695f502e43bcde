"""A world for each test, on SQLite and on PostgreSQL; only clock and randomness are ours."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from xdist.scheduler import LoadScopeScheduling

from forum.db import Database
from forum.files import open_files
from forum.settings import Settings
from forum.tables import Table
from forum.tokens import Tokens
from forum.world import World
from tests.s3 import environment, new_bucket, s3_server
from tests.warm import Engines

POSTGRES = os.environ.get("TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
MUST_RUN = "CI" in os.environ  # where everything has been installed, a skip would hide something


TOWNS = (
    r"(neighbours)/.*(\[\w+), ",
    r"(journeys/test_walks).*(\[\w+)",
    r"(journeys/test_machines|trouble/test_postgres)",
)


class TownByTown(LoadScopeScheduling):  # type: ignore[misc]
    """Each test goes to whichever process is free, but all tests in one town go to one: a town is long in building."""

    def _split_scope(self, nodeid: str) -> str:
        found = filter(None, (re.match(f"tests/{town}", nodeid) for town in TOWNS))
        return next((" ".join(each.groups()) for each in found), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TownByTown:
    return TownByTown(config, log)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 6, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def chance() -> Callable[[int], bytes]:
    """Random bytes that are the same in every run."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "parvi.sqlite3"
    database = Database(f"sqlite:///{file}")
    Table.metadata.create_all(database.engine)
    database.close()
    return file


@pytest.fixture(scope="session")
def postgres_url(worker_id: str) -> Iterator[str]:
    """A database of this test worker's own, with the schema in it."""
    name = f"parvi_{worker_id}_{os.getpid()}"
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        if MUST_RUN:
            raise
        pytest.skip(f"no PostgreSQL at {POSTGRES} ({error}); set TEST_POSTGRES to run these tests too")
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')  # no test pulls the plug
        url = f"{POSTGRES.rpartition('/')[0]}/{name}"
        database = Database(url.replace("postgresql://", "postgresql+psycopg://"))
        Table.metadata.create_all(database.engine)
        database.close()
        yield url
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    return str(getattr(request.config, "workerinput", {}).get("workerid", "gw"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with the schema; empty string for SQLite in the world's data folder, as the setting has it."""
    if request.param == "sqlite":
        (tmp_path / "data").mkdir()
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "data" / "parvi.sqlite3")
        return ""
    request.getfixturevalue("broom").execute(_EMPTY)
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def broom(postgres_url: str) -> Iterator[psycopg.Connection]:
    """A connection that is kept, since making one takes longer than emptying all tables."""
    with psycopg.connect(postgres_url, autocommit=True) as server:
        yield server


# Row by row: TRUNCATE makes new files, and a disk takes half a second for those of all tables.
_EMPTY = "".join(
    [
        *(f'DELETE FROM "{table.name}";' for table in reversed(Table.metadata.sorted_tables)),
        "SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence",
    ]
).encode()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an S3 service."""
    with s3_server() as address:
        yield address


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """PARVI_FILES: the folder in the data, or an empty bucket."""
    if request.param == "folder":
        return ""
    server = str(request.getfixturevalue("s3"))
    for name, value in environment(server).items():
        monkeypatch.setenv(name, value)
    return new_bucket(server)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        data=tmp_path / "data",
        database_url=database_url,
        mail_domain="lists.example.org",
        secret="not so secret",
        base_url="http://forum.example.org",
        caught_mail=str(tmp_path / "caught"),
        trusted_mta="mx.example.org",
    )


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    opened = Engines(tmp_path_factory.mktemp("engines"))
    yield opened
    opened.close()


@pytest.fixture
def world(settings: Settings, clock: Clock, engines: Engines) -> World:
    settings.data.mkdir(exist_ok=True)
    files, tokens = open_files(settings.files, settings.data), Tokens([settings.secret])
    return World(settings, engines.lend(settings), files, tokens, clock, chance())


def rows(world: World, statement: str) -> list[tuple[object, ...]]:
    """For a look into the database that no noun offers."""
    with world.database.reading() as db:
        return [tuple(row) for row in db.execute(text(statement))]
