"""Tallies: how often something came to its end, ever, and when last. Counted in the transaction in which it does.

A count over the rows themselves would take longer each day. Each tally is one row, which writers lock until they commit:
so it is the last thing they do.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, select, text

from forum.columns import UtcDateTime
from forum.db import Db
from forum.tables import Tally

SENT, REFUSED, DEFERRED = "copies sent", "copies refused", "copies deferred"
FATE = "fate "  # and which: posted, held, ...


def count(db: Db, times: Mapping[str, int], now: datetime) -> None:
    """In the order of their names, so that two writers never wait for each other in a ring."""
    db.flush()
    counted = [{"name": name, "number": number, "at": now} for name, number in sorted(times.items()) if number]
    if counted:
        db.connection().execute(_COUNTED, counted)


_COUNTED = text(
    "INSERT INTO tallies (name, number, at) VALUES (:name, :number, :at) "
    "ON CONFLICT (name) DO UPDATE SET number = tallies.number + excluded.number, at = excluded.at"
).bindparams(bindparam("at", type_=UtcDateTime()))


def numbers(db: Db) -> dict[str, int]:
    return {row.name: row.number for row in db.execute(select(Tally.name, Tally.number))}


def last(db: Db, name: str) -> datetime | None:
    return db.scalar(select(Tally.at).where(Tally.name == name))
