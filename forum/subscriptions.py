"""Following and muting one thread, whatever the network's delivery mode says."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from forum import history
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
    newest = history.stand_still(db, thread.network_id)
    if found := _locked(db, thread.id, member.id):
        _end(db, found, thread.network_id, newest)


def unfollow_all(db: Db, network_id: int, member_id: int) -> bool:
    """Whether they followed any discussion of the network until now."""
    newest = history.stand_still(db, network_id)
    here = select(Thread.id).where(Thread.network_id == network_id)
    followed = db.scalars(
        select(Subscription)
        .where(Subscription.member_id == member_id, Subscription.muted.is_(False), Subscription.thread_id.in_(here))
        .with_for_update()
    ).all()
    for each in followed:
        _end(db, each, network_id, newest)
    return bool(followed)


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
    newest = history.stand_still(db, thread.network_id)
    found = _locked(db, thread.id, member.id)
    if found is None:
        found = Subscription(thread_id=thread.id, member_id=member.id)
        db.add(found)
    elif found.muted == muted:
        return
    else:
        history.end_choice(db, found, thread.network_id, newest)
    found.muted, found.since, found.after_id = muted, now, newest
    db.flush()


def _end(db: Db, subscription: Subscription, network_id: int, newest: int) -> None:
    history.end_choice(db, subscription, network_id, newest)
    db.delete(subscription)
    db.flush()


def _locked(db: Db, thread_id: int, member_id: int) -> Subscription | None:
    return db.get(Subscription, (thread_id, member_id), with_for_update=True, populate_existing=True)
