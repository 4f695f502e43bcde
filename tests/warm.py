"""One engine for all tests of a process: what SQLAlchemy has compiled is kept, and so are connections to PostgreSQL.

Each test still has a database of its own, opened by a real `Database`, whose events are its own.
"""

from copy import copy
from pathlib import Path

from sqlalchemy import event

from forum.db import Database
from forum.settings import Settings


class Engines:
    """`folder` is empty; a link in it leads to the test's data, since an engine opens one path for ever."""

    def __init__(self, folder: Path) -> None:
        self._link = folder / "data"
        self._opened: dict[str, Database] = {}

    def lend(self, settings: Settings) -> Database:
        """The database of these settings. On SQLite the one lent before is closed."""
        if settings.database_url:
            return self._of_this_test(settings.sqlalchemy_url)
        url = f"sqlite:///{self._link / 'parvi.sqlite3'}"
        if url in self._opened:
            self._opened[url].close()
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(settings.data)
        return self._of_this_test(url)

    def close(self) -> None:
        for database in self._opened.values():
            database.close()

    def _of_this_test(self, url: str) -> Database:
        shared = self._opened.get(url) or self._open(url)
        lent = copy(shared)
        lent.engine = shared.engine.execution_options()
        lent._reader = lent.engine.execution_options(**shared._reader.get_execution_options())
        return lent

    def _open(self, url: str) -> Database:
        opened = self._opened[url] = Database(url)
        if url.startswith("sqlite"):
            event.listen(opened.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        return opened
