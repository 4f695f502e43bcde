"""Queues: what has come in and is not worked through, what is owed and has not gone; how many, and since when.

Read off the indexes of what waits, however many rows are settled; and counted so far that it costs milliseconds.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from forum.db import AnyRow, Db
from forum.tables import Inbox, Mail, Notice, Outbox, Post

MOST = 100_000  # are counted
OLDEST = 1_000  # of those that were put off are looked at for mails that cannot be written: these stay the oldest
UNWRITTEN = "the mail could not be written"  # by us: no later try will do, until the program is mended


@dataclass(frozen=True)
class Queue:
    """`troubled` of them failed (inbox), or were put off (outbox). `since`: the oldest one."""

    waiting: int
    troubled: int
    since: datetime | None
    untried_since: datetime | None = None  # the oldest one for which there is no answer at all
    unwritten: int = 0


def inbox(db: Db) -> Queue:
    waits, failed = Inbox.fate.is_(None), Inbox.fate == "failed"
    return Queue(_count(db, Inbox.id, waits), _count(db, Inbox.id, failed), _came(db, waits))


def outbox(db: Db, now: datetime) -> Queue:
    waits = Outbox.done_at.is_(None)
    was_put_off = waits & Outbox.answer.is_not(None)
    owed = select(Outbox.tries, Outbox.answer, Outbox.due_at, _owed_at).outerjoin(Post).outerjoin(Notice)
    first_due = owed.where(waits, Outbox.due_at <= now).order_by(Outbox.due_at, Outbox.id).limit(1)
    first_put_off = owed.where(was_put_off).order_by(Outbox.id).limit(1)
    oldest = [row for query in (first_due, first_put_off) if (row := db.execute(query).first())]
    return Queue(
        _count(db, Outbox.due_at, waits),
        _count(db, Outbox.id, was_put_off),
        min(map(_since, oldest), default=None),
        min((_since(row) for row in oldest if row.answer is None), default=None),
        _unwritten(db, was_put_off),
    )


_owed_at = func.coalesce(Post.accepted_at, Post.sent_at, Notice.owed_at).label("owed_at")


def _since(row: AnyRow) -> datetime:
    """Claims and deferrals move `due_at` on; until then it tells best, since some notices are owed for a later hour."""
    since: datetime = row.owed_at if row.tries and row.owed_at else row.due_at
    return since


def _unwritten(db: Db, was_put_off: ColumnElement[bool]) -> int:
    some = select(Outbox.answer).where(was_put_off).order_by(Outbox.id).limit(OLDEST).subquery()
    return db.scalar(select(func.count()).where(some.c.answer == UNWRITTEN)) or 0


def _came(db: Db, waits: ColumnElement[bool]) -> datetime | None:
    """By its number. What had a fate and is worked through again waits since then."""
    first = select(Inbox.id).where(waits).order_by(Inbox.fate, Inbox.id).limit(1)  # as the index has them
    oldest = select(Inbox.reason, Inbox.due_at, Mail.received_at).join(Mail, Mail.id == Inbox.mail_id)
    row = db.execute(oldest.where(Inbox.id == first.scalar_subquery())).first()
    return (row.due_at if row.reason else row.received_at) if row else None


def _count(db: Db, column: InstrumentedAttribute[Any], which: ColumnElement[bool]) -> int:
    return db.scalar(select(func.count()).select_from(select(column).where(which).limit(MOST).subquery())) or 0
