"""Towns for journeys, on each database: a bare one for a test alone, and one that walks share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select

from forum.settings import read_settings
from forum.tables import Inbox, Outbox, Table
from forum.world import World, open_world
from tests.conftest import POSTGRES
from tests.journeys.town import Town, running, until


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """Nobody lives there yet."""
    with _bare_database(request) as url, running(tmp_path, url) as town:
        yield town


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Shared"]:
    with _bare_database(request) as url, running(tmp_path_factory.mktemp("town"), url) as town:
        town.settle()
        world = open_world(read_settings(town.settings, Path("no file")))
        yield Shared(town, world)
        world.database.close()


@pytest.fixture
def settled(shared: "Shared") -> Iterator[Town]:
    """Somebody lives there, and nothing has happened yet. To start one takes longer than a walk."""
    yield shared.town
    until(lambda: shared.is_quiet() or None)
    shared.bring_back()


@contextmanager
def _bare_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Without a schema: `parvi migrate` makes it, as for anyone."""
    if request.param == "sqlite":
        yield ""
        return
    url = f"{request.getfixturevalue('postgres_url')}_town"
    name = url.rpartition("/")[2]
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        yield url
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


class Shared:
    """A town that is as it was at first whenever it is brought back to that."""

    def __init__(self, town: Town, world: World) -> None:
        self.town, self._database = town, world.database
        with self._database.reading() as db:
            tables = Table.metadata.sorted_tables
            self._rows = {table: [dict(row) for row in db.execute(select(table)).mappings()] for table in tables}

    def is_quiet(self) -> bool:
        """Nothing is under way, so that no mail of one walk arrives in the next."""
        with self._database.reading() as db:
            waits = select(Inbox.id).where(Inbox.fate.is_(None)), select(Outbox.id).where(Outbox.done_at.is_(None))
            return not any(db.scalar(each.limit(1)) for each in waits)

    def bring_back(self) -> None:
        with self._database.transaction() as db:
            for table in reversed(self._rows):
                db.execute(table.delete())
            for table, rows in self._rows.items():
                if rows:
                    db.execute(insert(table), rows)
        self.town.mailboxes.clear()
