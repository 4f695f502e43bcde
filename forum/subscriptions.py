"""Following and muting one thread, whatever the network's delivery mode says."""

from datetime import datetime

from sqlalchemy import delete, select

from forum.db import Db
from forum.tables import Member, Subscription, Thread


def follow(db: Db, thread: Thread, member: Member, now: datetime) -> None:
    _set(db, thread, member, now, muted=False)


def mute(db: Db, thread: Thread, member: Member, now: datetime) -> None:
    _set(db, thread, member, now, muted=True)


def clear(db: Db, thread: Thread, member: Member) -> None:
    """Back to what the network's mode says."""
    db.execute(delete(Subscription).where(Subscription.thread_id == thread.id, Subscription.member_id == member.id))


def state(db: Db, thread_id: int, member_id: int) -> str:
    """ "follow", "mute" or "" for what the network's mode says."""
    muted = db.scalar(
        select(Subscription.muted).where(Subscription.thread_id == thread_id, Subscription.member_id == member_id)
    )
    return "" if muted is None else "mute" if muted else "follow"


def _set(db: Db, thread: Thread, member: Member, now: datetime, *, muted: bool) -> None:
    found = db.get(Subscription, (thread.id, member.id)) or Subscription(thread_id=thread.id, member_id=member.id)
    found.muted, found.since = muted, now
    db.add(found)
    db.flush()
