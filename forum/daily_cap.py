"""The daily cap: whoever has been owed so many copies of posts within a day gets the others in a digest.

Posts come by the hundred a second and nearly nobody ever reaches the cap, so nobody is counted before they can have reached
it. Nobody is owed more copies than there are posts: each membership notes since which post there have been at least as
many as they have been owed within a day, and its network the earliest one of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, literal_column, or_, select, update
from sqlalchemy.orm import aliased

from forum.columns import Number, UtcDateTime
from forum.db import AnyRow, AnySelect, Db
from forum.limits import DAY
from forum.tables import Member, Membership, Network, Outbox, Post, Subscription

# Written out in the statement: with a parameter SQLite would not see that the index of these rows is enough.
IS_PUT_OFF = Outbox.outcome == literal_column("'digest'")
OWED_AS_MAILS = or_(Outbox.outcome.is_(None), Outbox.outcome.in_(("sent", "refused", "bounced")))


def is_reached(db: Db, network: Network, post_id: int, now: datetime, most: int) -> bool:
    """Whether a member of this network has been owed so many, 0 being no cap; their membership says until when. `network`
    is locked, and `post_id` about to be owed."""
    if not most:
        return False
    if post_id - network.copies_since_id >= most or (network.full_until is not None and network.full_until <= now):
        _count(db, network, post_id, now, most)
    return network.full_until is not None


def waiting(db: Db, member_ids: Sequence[int]) -> Sequence[AnyRow]:
    """What the cap has put off to the next digest of these members: member_id, id of the post, outbox_id, `outcome`, the one
    it has after that digest, and is_wanted. Who has left, muted or chosen the web since then wants to hear no more of it."""
    return db.execute(_WAITING.where(Outbox.member_id.in_(member_ids))).all() if member_ids else []


def settle(db: Db, rows: Sequence[AnyRow], now: datetime) -> None:
    """As `waiting` gave them."""
    settled = [{"row": row.outbox_id, "how": row.outcome, "at": now} for row in rows]
    if settled:
        db.connection().execute(_SETTLED, settled)


def who_waits(db: Db, member_ids: Sequence[int]) -> set[int]:
    """Those of these members to whose next digest the cap has put something off."""
    return set(db.scalars(select(Member.id).where(Member.id.in_(member_ids), _first.is_not(None))))


def without_hour(db: Db, now: datetime) -> Sequence[AnyRow]:
    """The same of all members who have no digest within a day: id, time_zone, digest_due_at, away_from, away_until, and
    `since` when something waits for it."""
    return db.execute(_WITHOUT_HOUR, {"tomorrow": now + DAY}).all() if db.scalar(_ANY_WAITING) else []


def _count(db: Db, network: Network, post_id: int, now: datetime, most: int) -> None:
    """Those who can have reached it; whoever has is left alone until the oldest of their copies is a day old."""
    asked = {"network": network.id, "below": post_id - most, "now": now, "since": now - DAY}
    copies = {row.member_id: row for row in db.execute(_COPIES, asked)}
    counted = [_counted(network.id, who, post_id, copies, most) for who in db.scalars(_COUNTED, asked)]
    if counted:
        db.connection().execute(_NOTED, counted)
    earliest = db.execute(_EARLIEST, asked).one()
    network.copies_since_id = post_id if earliest.since_id is None else earliest.since_id
    network.full_until = earliest.until


def _counted(
    network_id: int, member_id: int, post_id: int, copies: Mapping[int, AnyRow], most: int
) -> dict[str, object]:
    found = copies.get(member_id)
    number = found.number if found else 0
    until = found.oldest + DAY if found and number >= most else None
    return {"where": network_id, "who": member_id, "since": post_id - number, "until": until}


# Made once: building a statement costs more than running it.

_mine, _theirs = aliased(Membership), aliased(Membership)
_now = bindparam("now", type_=UtcDateTime())
_HERE = _mine.network_id == bindparam("network", type_=Number)
_IS_CLOSE = and_(_mine.full_until.is_(None), _mine.copies_since_id <= bindparam("below", type_=Number))
_CAN_HAVE_REACHED_IT = and_(_HERE, or_(_IS_CLOSE, _mine.full_until <= _now))
_COUNTED = select(_mine.member_id).where(_CAN_HAVE_REACHED_IT)
_COPIES = (
    select(_mine.member_id, func.count().label("number"), func.min(Post.accepted_at).label("oldest"))
    .join(_theirs, _theirs.member_id == _mine.member_id)
    .join(Post, Post.network_id == _theirs.network_id)
    .join(Outbox, and_(Outbox.post_id == Post.id, Outbox.member_id == _mine.member_id))
    .where(_CAN_HAVE_REACHED_IT, Post.mails, Post.accepted_at > bindparam("since", type_=UtcDateTime()), OWED_AS_MAILS)
    .group_by(_mine.member_id)
)
_NOTED = (
    update(Membership)
    .where(Membership.network_id == bindparam("where"), Membership.member_id == bindparam("who"))
    .values(copies_since_id=bindparam("since"), full_until=bindparam("until"))
)
_EARLIEST = select(
    func.min(case((_mine.full_until.is_(None), _mine.copies_since_id))).label("since_id"),
    func.min(_mine.full_until).label("until"),
).where(_HERE)
_SETTLED = (
    update(Outbox)
    .where(Outbox.id == bindparam("row"))
    .values(outcome=bindparam("how"), done_at=bindparam("at", type_=UtcDateTime()))
)


def _waiting() -> AnySelect:
    here = and_(Membership.network_id == Post.network_id, Membership.member_id == Outbox.member_id)
    told = and_(Subscription.thread_id == Post.thread_id, Subscription.member_id == Outbox.member_id)
    outcome = case(
        (Membership.member_id.is_(None), "left"),
        (Subscription.muted.is_(True), "muted"),
        (and_(Membership.mode == "none", Subscription.muted.is_(None)), "web"),
        else_="digested",
    )
    is_wanted = (outcome == "digested").label("is_wanted")
    return (
        select(Outbox.member_id, Post.id, Outbox.id.label("outbox_id"), outcome.label("outcome"), is_wanted)
        .join(Post, Post.id == Outbox.post_id)
        .outerjoin(Membership, here)
        .outerjoin(Subscription, told)
        .where(IS_PUT_OFF)
    )


_WAITING = _waiting()
_ANY_WAITING = select(Outbox.id).where(IS_PUT_OFF).limit(1)
_first = select(func.min(Outbox.done_at)).where(IS_PUT_OFF, Outbox.member_id == Member.id).scalar_subquery()
_WITHOUT_HOUR = select(
    Member.id, Member.time_zone, Member.digest_due_at, Member.away_from, Member.away_until, _first.label("since")
).where(
    or_(Member.digest_due_at.is_(None), Member.digest_due_at > bindparam("tomorrow", type_=UtcDateTime())),
    Member.id.in_(select(Outbox.member_id).where(IS_PUT_OFF)),  # by the few that wait, not by all members there are
)
