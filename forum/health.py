"""Health: whether mail moves in and out. For the health page, and for the doctor."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, type_coerce

from forum import bounces, outbox
from forum.db import Db
from forum.tables import Inbox, Mail, Outbox, UtcDateTime

PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class Waiting:
    """How many mails wait, since when the oldest does, and how many of them are in trouble."""

    waiting: int
    oldest_s: int
    troubled: int


@dataclass(frozen=True)
class Health:
    inbox: Waiting
    outbox: Waiting
    last_in: datetime | None
    last_out: datetime | None
    is_flooded: bool

    @property
    def wrong(self) -> list[str]:
        """What should be looked at, a sentence each; empty when all is well."""
        limit = PATIENCE.total_seconds()
        found = [
            (self.inbox.troubled > 0, f"{self.inbox.troubled} incoming mails could not be worked through."),
            (self.inbox.oldest_s > limit, f"Incoming mail has waited for {self.inbox.oldest_s} seconds."),
            (self.outbox.oldest_s > limit, f"Outgoing mail has waited for {self.outbox.oldest_s} seconds."),
            (self.is_flooded, "Mail to more than a third of all addresses comes back, so none is paused for it."),
        ]
        return [sentence for is_so, sentence in found if is_so]


def look(db: Db, now: datetime) -> Health:
    return Health(_incoming(db, now), _outgoing(db, now), _last_in(db), _last_out(db), bounces.is_flood(db, now))


def _incoming(db: Db, now: datetime) -> Waiting:
    since = type_coerce(func.min(Mail.received_at), UtcDateTime())
    row = db.execute(
        select(func.count(), since).select_from(Inbox).join(Mail, Mail.id == Inbox.mail_id).where(Inbox.fate.is_(None))
    ).one()
    failed = db.scalar(select(func.count()).select_from(Inbox).where(Inbox.fate == "failed")) or 0
    return Waiting(row[0], _seconds(row[1], now), failed)


def _outgoing(db: Db, now: datetime) -> Waiting:
    queue = outbox.queue(db)
    return Waiting(queue.waiting, _seconds(queue.oldest, now), queue.deferred)


def _last_in(db: Db) -> datetime | None:
    return db.scalar(select(Mail.received_at).order_by(Mail.id.desc()).limit(1))


def _last_out(db: Db) -> datetime | None:
    """By id, not by time: the newest row that was sent is near enough, and needs no index."""
    return db.scalar(select(Outbox.done_at).where(Outbox.outcome == "sent").order_by(Outbox.id.desc()).limit(1))


def _seconds(since: datetime | None, now: datetime) -> int:
    return max(0, int((now - since).total_seconds())) if since else 0
