"""What held when: who was a member how, had chosen what for a thread, and was away, at any post.

What holds now stands where it always did; here is written down what ended, if there were posts meanwhile. Memberships and
choices are told apart by posts and not by clocks: in a network posts and changes come one after the other.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, CompoundSelect, and_, case, cast, func, insert, null, or_, select, true, union_all
from sqlalchemy.orm import InstrumentedAttribute

from forum.db import AnyRow, Db
from forum.tables import (
    Member,
    Membership,
    Network,
    PastAbsence,
    PastMembership,
    PastSubscription,
    Post,
    Subscription,
)


def stand_still(db: Db, network_id: int) -> int:
    """The network's newest post: what is changed now holds for those after it. None is accepted until the transaction
    ends. Before anything else is locked, as in `posts.accept`: else each could wait for the other."""
    db.execute(select(Network.id).where(Network.id == network_id).with_for_update(read=True, key_share=True))
    return newest_post(db, network_id)


def newest_post(db: Db, network_id: int) -> int:
    """Its id, or 0. In a network they commit in order (`posts.accept` locks it), so that none below it comes later."""
    return db.scalar(select(func.max(Post.id)).where(Post.network_id == network_id)) or 0


def end_mode(db: Db, membership: Membership, newest: int) -> None:
    """The membership's mode has held until this post; another one will from now on."""
    _keep_mode(db, membership, newest, None, None)
    membership.after_id = newest


def end_membership(db: Db, membership: Membership | AnyRow, newest: int, now: datetime) -> None:
    """They have left, after this post."""
    _keep_mode(db, membership, newest, now, membership.digested_id)


def end_choice(db: Db, subscription: Subscription, network_id: int, newest: int) -> None:
    after = subscription.after_id
    if after is None:
        after = _newest_before(db, network_id, subscription.since)
    if after < newest:
        db.add(
            PastSubscription(
                thread_id=subscription.thread_id,
                member_id=subscription.member_id,
                muted=subscription.muted,
                after_id=after,
                until_id=newest,
            )
        )


def end_absences(db: Db, member_ids: Sequence[int], now: datetime) -> None:
    """What these members have been away until now, or until they said; one that has not begun was none."""
    until = case((Member.away_until < now, Member.away_until), else_=now)
    gone = select(Member.id, Member.away_from, until).where(Member.id.in_(member_ids), Member.away_from < until)
    db.connection().execute(insert(PastAbsence).from_select(["member_id", "away_from", "away_until"], gone))


def memberships_at(post: Post, member_id: int | None = None) -> CompoundSelect[*tuple[object, ...]]:
    """Each who was a member when the post came, or only this one: member_id, mode; left_at and digested_id if they left
    with this mode, the latter being the last post that had come to them in a digest."""
    now = select(
        Membership.member_id,
        Membership.mode,
        cast(null(), PastMembership.left_at.type).label("left_at"),
        cast(null(), PastMembership.digested_id.type).label("digested_id"),
    ).where(
        Membership.network_id == post.network_id,
        _has_begun(Membership.after_id, Membership.joined_at, post),
        _only(Membership.member_id, member_id),
    )
    then = select(
        PastMembership.member_id, PastMembership.mode, PastMembership.left_at, PastMembership.digested_id
    ).where(
        PastMembership.network_id == post.network_id,
        PastMembership.until_id >= post.id,
        PastMembership.after_id < post.id,
        _only(PastMembership.member_id, member_id),
    )
    return union_all(now, then)


def chosen_at(post: Post, member_id: ColumnElement[int]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """How the choice of a member for the discussion in which the post came, now and in the past, is joined: with a
    Subscription and with a PastSubscription, of which at most one is there."""
    thread_id = post.came_in_id or post.thread_id
    now = and_(
        Subscription.thread_id == thread_id,
        Subscription.member_id == member_id,
        _has_begun(Subscription.after_id, Subscription.since, post),
    )
    then = and_(
        PastSubscription.thread_id == thread_id,
        PastSubscription.member_id == member_id,
        PastSubscription.until_id >= post.id,
        PastSubscription.after_id < post.id,
    )
    return now, then


def was_away(post: Post, member_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether they were away when the post came. Who came back in that very moment was."""
    moment = came_at(post)
    now = select(Member.id).where(Member.id == member_id, Member.away_from <= moment, Member.away_until >= moment)
    then = select(PastAbsence.id).where(
        PastAbsence.member_id == member_id, PastAbsence.away_from <= moment, PastAbsence.away_until >= moment
    )
    return or_(now.exists(), then.exists())


def came_at(post: Post) -> datetime:
    return post.accepted_at or post.sent_at


def _keep_mode(
    db: Db, membership: Membership | AnyRow, newest: int, left_at: datetime | None, digested_id: int | None
) -> None:
    after = membership.after_id
    if after is None:
        after = _newest_before(db, membership.network_id, membership.joined_at)
    if after < newest:
        db.add(
            PastMembership(
                network_id=membership.network_id,
                member_id=membership.member_id,
                mode=membership.mode,
                after_id=after,
                until_id=newest,
                left_at=left_at,
                digested_id=digested_id,
            )
        )
        db.flush()


def _newest_before(db: Db, network_id: int, when: datetime) -> int:
    """For what was chosen before version 0003, when only the time was written down."""
    earlier = select(Post.id).where(Post.network_id == network_id, Post.sent_at < when)
    return db.scalar(earlier.order_by(Post.sent_at.desc(), Post.id.desc()).limit(1)) or 0


def _has_begun(
    after: InstrumentedAttribute[int | None], since: InstrumentedAttribute[datetime], post: Post
) -> ColumnElement[bool]:
    return or_(after < post.id, and_(after.is_(None), since <= came_at(post)))


def _only(column: InstrumentedAttribute[int], member_id: int | None) -> ColumnElement[bool]:
    return true() if member_id is None else column == member_id
