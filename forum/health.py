"""Health: whether mail moves in and out, and whether there is room. For the health page, the alarms, and the doctor.

None of it counts over a table that grows: all is read off the indexes of what waits, or was tallied as it happened.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from forum import bounces, queues, tallies
from forum.db import Db
from forum.tables import Mail

PATIENCE = timedelta(minutes=10)
LOW_PERCENT, LOW_BYTES, FULL_BYTES = 10, 10**9, 200 * 10**6


def _(sentence: str) -> str:
    """Marks a sentence for translation."""
    return sentence


@dataclass(frozen=True)
class Waiting:
    """How many mails wait, for how long the oldest does, and how many of them are in trouble."""

    waiting: int
    oldest_s: int
    troubled: int


@dataclass(frozen=True)
class Disk:
    """Of the data folder, in bytes."""

    size: int
    free: int

    @property
    def percent(self) -> int:
        return self.free * 100 // self.size if self.size else 0

    @property
    def is_low(self) -> bool:
        return self.percent < LOW_PERCENT or self.free < LOW_BYTES


@dataclass(frozen=True)
class Trouble:
    """What should be looked at. `sentence` takes `facts`, and is translated where it is shown."""

    kind: str
    sentence: str
    facts: dict[str, int] = field(default_factory=dict)
    is_threat: bool = False  # only: as yet everything works

    def __str__(self) -> str:
        return self.sentence % self.facts


@dataclass(frozen=True)
class Health:
    inbox: Waiting
    outbox: Waiting
    last_in: datetime | None
    last_out: datetime | None
    is_stuck: bool  # nothing goes out; else what waits was put off for a reason of its own
    unwritten: int  # outgoing mails that a fault of ours keeps from being written
    is_flooded: bool
    disk: Disk | None  # None where nobody knows

    @property
    def troubles(self) -> list[Trouble]:
        """Empty when all is well."""
        return list(self._found())

    @property
    def wrong(self) -> list[str]:
        return [str(trouble) for trouble in self.troubles if not trouble.is_threat]

    def _found(self) -> Iterator[Trouble]:
        limit = PATIENCE.total_seconds()
        if failed := self.inbox.troubled:
            yield Trouble("failed", _("Incoming mails that could not be worked through: %(count)s."), {"count": failed})
        if self.unwritten:
            yield Trouble(
                "unwritten", _("Outgoing mails that could not be written: %(count)s."), {"count": self.unwritten}
            )
        if self.inbox.oldest_s > limit:
            yield Trouble("inbox", _("Incoming mail has waited for %(minutes)s minutes."), _minutes(self.inbox))
        if self.outbox.oldest_s > limit and self.is_stuck:
            yield Trouble("outbox", _("Outgoing mail has waited for %(minutes)s minutes."), _minutes(self.outbox))
        if self.is_flooded:
            yield Trouble(
                "flood", _("Mail to more than a third of all addresses comes back, so none is paused for it.")
            )
        if self.disk and self.disk.is_low:
            room = {"percent": self.disk.percent, "megabytes": self.disk.free // 10**6}
            said = _("The disk is nearly full: %(megabytes)s MB are free, %(percent)s percent.")
            yield Trouble("disk", said, room, is_threat=self.disk.free >= FULL_BYTES)


def look(db: Db, now: datetime, data: Path) -> Health:
    inbox, out, last_out = queues.inbox(db), queues.outbox(db, now), tallies.last(db, tallies.SENT)
    goes_out = last_out is not None and now - last_out <= PATIENCE
    never_tried = out.untried_since is not None and now - out.untried_since > PATIENCE
    return Health(
        Waiting(inbox.waiting, _seconds(inbox.since, now), inbox.troubled),
        Waiting(out.waiting, _seconds(out.since, now), out.troubled),
        _last_in(db),
        last_out,
        never_tried or not goes_out,
        out.unwritten,
        bounces.is_flood(db, now),
        room_in(data),
    )


def room_in(folder: Path) -> Disk | None:
    try:
        found = shutil.disk_usage(folder)
    except OSError:
        return None
    return Disk(found.total, found.free)


def _last_in(db: Db) -> datetime | None:
    return db.scalar(select(Mail.received_at).order_by(Mail.id.desc()).limit(1))


def _seconds(since: datetime | None, now: datetime) -> int:
    return max(0, int((now - since).total_seconds())) if since else 0


def _minutes(queue: Waiting) -> dict[str, int]:
    return {"minutes": queue.oldest_s // 60}
