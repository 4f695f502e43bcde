"""The key: of all workers on all machines one holds it, and does what only one may. It goes with the process that holds it."""

import fcntl
import os

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from forum.db import Database

CLOCK = 0x636C6F63  # the number of the lock on PostgreSQL, one for the database


class Key:
    """On PostgreSQL a lock of a connection that is kept, on SQLite one on a file: neither outlives its holder."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._file: int | None = None

    def is_ours(self) -> bool:
        """Whether we hold it still, or hold it now because nobody did. Never waits, and in trouble it is not ours."""
        try:
            return self._on_postgresql() if self._database.queue is None else self._on_sqlite()
        except (SQLAlchemyError, OSError):
            self.close()
            return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _on_postgresql(self) -> bool:
        if self._connection is not None:
            self._connection.scalar(select(1))  # with the connection the key would have gone
            return True
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            if connection.scalar(select(func.pg_try_advisory_lock(CLOCK))):
                self._connection = connection
        finally:
            if self._connection is None:
                connection.close()
        return self._connection is not None

    def _on_sqlite(self) -> bool:
        if self._file is None:
            self._file = os.open(f"{self._database.engine.url.database}-clock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where another holds it
        return True
