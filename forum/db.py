"""The database: a door opens a transaction here, nouns use it, and nothing else commits."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, Row, Select, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolIsEmpty
from sqlalchemy.orm import Session as Db
from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["AnyRow", "AnySelect", "Database", "Db", "is_away"]

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
AnySelect: TypeAlias = Select[*tuple[Any, ...]]

# Otherwise each statement would see what has been committed meanwhile. SQLite does not know another way.
_READING = {"postgresql": {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}}
BUSY_S = 20  # how long a writer on SQLite waits for the other one


class Database:
    """SQLite or PostgreSQL behind one face. `url` as SQLAlchemy has it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _open_sqlite(url) if url.startswith("sqlite") else _open_postgresql(url)
        self.queue = Path(f"{self.engine.url.database}-queue") if self.engine.dialect.name == "sqlite" else None
        self._reader = self.engine.execution_options(begin="BEGIN", **_READING.get(self.engine.dialect.name, {}))

    @contextmanager
    def transaction(self) -> Iterator[Db]:
        """Everything inside happens, or nothing: an exception rolls back. On SQLite it holds the one write lock: keep it short."""
        with self._turn(), Db(self.engine, expire_on_commit=False) as db:
            yield db
            db.flush()
            _commit(db)

    @contextmanager
    def reading(self) -> Iterator[Db]:
        """One consistent look; what is written in it is thrown away."""
        with Db(self._reader, autoflush=False, expire_on_commit=False) as db:
            yield db

    @contextmanager
    def rehearsal(self) -> Iterator[Db]:
        """Everything as in a transaction, and then undone: for telling what would happen."""
        with self._turn(), Db(self.engine, expire_on_commit=False) as db:
            yield db

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Writers on SQLite wait in line: its own waiting is sleep, up to a tenth of a second at a time, and whoever
        comes back at once gets in before those who sleep. The lock goes with the process that held it."""
        if self.queue is None:
            yield
            return
        line = os.open(self.queue, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(line, fcntl.LOCK_EX)
            yield
        finally:
            os.close(line)

    def close(self) -> None:
        self.engine.dispose()


def is_away(error: BaseException) -> bool:
    """Whether the trouble is the database's own: gone, starting, full. Of what it says of a statement, none is."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolIsEmpty)
    said = getattr(error.orig, "sqlstate", None)
    if said is None:
        return isinstance(error, OperationalError | InterfaceError)
    return said[:2] in _OWN_TROUBLE or said == "25006"  # read-only: it has become a standby


# Connection, deadlock, resources, operator, system: the classes of PostgreSQL's error codes.
_OWN_TROUBLE = {"08", "40", "53", "57", "58"}


def _commit(db: Db) -> None:
    """A connection whose COMMIT failed (a full disk) may still be in its transaction: it goes, and its lock with it."""
    if not db.in_transaction():
        return
    connection = db.connection()
    try:
        db.commit()
    except Exception:
        connection.invalidate()
        raise


# An error that is logged says which statement failed, not with what: that may be a letter, an address, a token.


def _open_sqlite(url: str) -> Engine:
    if folder := Path(make_url(url).database or "").parent:
        folder.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, pool_size=8, hide_parameters=True, connect_args={"check_same_thread": False, "timeout": BUSY_S}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """A crash of the machine loses nothing that was answered with 250: hence FULL, not NORMAL."""
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # BEGIN is ours to say, see _begin_sqlite
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16000",
        "mmap_size=268435456",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Writers take the lock at once: an upgrade from a read lock fails under load whatever the time-out."""
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))


def _open_postgresql(url: str) -> Engine:
    return create_engine(url, pool_size=8, hide_parameters=True, pool_pre_ping=True, connect_args=_TO_POSTGRESQL)


# A server whose machine has died closes no connection: half a minute of silence does.
_TO_POSTGRESQL = {
    "application_name": "parvi",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
}
