"""Following and muting one thread, whatever the network's delivery mode says."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from forum.db import Db
from forum.tables import Member, Membership, Subscription, Thread


@dataclass(frozen=True)
class Standing:
    """How a member stands to a thread: mode and role in its network; "follow", "mute" or "". All empty for others."""

    mode: str = ""
    role: str = ""
    state: str = ""

    @property
    def wants_mail(self) -> bool:
        return self.state == "follow" or (self.mode == "each" and not self.state)


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


def standing(db: Db, network_id: int, thread_id: int | None, member_id: int) -> Standing:
    """In a thread that is not there yet `thread_id` is None."""
    here = (Subscription.member_id == Membership.member_id) & (Subscription.thread_id == thread_id)
    row = db.execute(
        select(Membership.mode, Membership.role, Subscription.muted)
        .outerjoin(Subscription, here)
        .where(Membership.network_id == network_id, Membership.member_id == member_id)
    ).first()
    return Standing(row.mode, row.role, {None: "", False: "follow", True: "mute"}[row.muted]) if row else Standing()


def _set(db: Db, thread: Thread, member: Member, now: datetime, *, muted: bool) -> None:
    found = db.get(Subscription, (thread.id, member.id)) or Subscription(thread_id=thread.id, member_id=member.id)
    found.muted, found.since = muted, now
    db.add(found)
    db.flush()
