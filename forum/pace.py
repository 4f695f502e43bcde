"""Pace: how many copies may go out in a window of time, where the relay counts them; all workers together keep to it."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, text, update

from forum.columns import UtcDateTime
from forum.db import Db
from forum.tables import Pace

RELAY = "relay"


def room(db: Db, most: int, window: timedelta, now: datetime) -> int:
    """How many more may go in this window. Until the transaction ends nobody else can ask."""
    db.execute(_BEGUN, {"name": RELAY, "now": now})
    pace = db.get_one(Pace, RELAY, with_for_update=True, populate_existing=True)
    if not pace.since <= now < pace.since + window:  # also where the clock has been put back
        pace.since, pace.used = now, 0
    return max(0, most - pace.used)


def use(db: Db, number: int) -> None:
    """Below zero: so many were not sent after all. Where a new window has begun since, it gains nothing by them."""
    used = Pace.used + number
    db.execute(update(Pace).where(Pace.name == RELAY).values(used=case((used > 0, used), else_=0)))


_BEGUN = text("INSERT INTO pace (name, since, used) VALUES (:name, :now, 0) ON CONFLICT DO NOTHING").bindparams(
    bindparam("now", type_=UtcDateTime())
)
