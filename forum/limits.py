"""Limits: how often something was done lately. What it was is kept hashed: no list of who did it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select

from forum.db import Db
from forum.tables import Attempt
from forum.tokens import hashed

HOUR, DAY = timedelta(hours=1), timedelta(days=1)  # no window is longer: `sign_in.sweep` forgets after a day

Limit = tuple[str, int, timedelta]  # what, how often, within which time


def within(db: Db, limits: Sequence[Limit], now: datetime) -> bool:
    """Whether one more time is within them all; then it is counted."""
    if any(times(db, what, span, now) >= most for what, most, span in limits):
        return False
    db.add_all(Attempt(key=hashed(what), tried_at=now) for what, _, _ in limits)
    db.flush()
    return True


def times(db: Db, what: str, span: timedelta, now: datetime) -> int:
    lately = (Attempt.key == hashed(what)) & (Attempt.tried_at > now - span)
    return db.scalar(select(func.count()).select_from(Attempt).where(lately)) or 0
