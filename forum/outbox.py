"""The outbox: who is owed which mail. The only thing between the forum and the bridge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, case, func, insert, literal, or_, select, type_coerce
from sqlalchemy.orm import aliased

from forum.db import AnySelect, Db
from forum.tables import Address, Member, Membership, Number, Outbox, Post, Subscription, UtcDateTime

_told = aliased(Subscription)  # made once, as the statements below: building costs more than running


def owe_post(db: Db, post: Post, now: datetime) -> None:
    """One row for everyone who wants this post by mail, in one statement whatever their number."""
    db.flush()
    owed = {"network": post.network_id, "thread": post.thread_id, "author": post.author_id, "post": post.id, "now": now}
    db.connection().execute(_OWED, owed)


def count_wanting(db: Db, network_id: int, now: datetime, thread_id: int | None = None) -> int:
    """To how many a post would go: what the form says before it is sent. `thread_id` is None for a new thread."""
    asked = {"network": network_id, "thread": thread_id, "author": None, "now": now}
    return db.scalar(_COUNTED, asked) or 0


def _wanting() -> AnySelect:
    """A thread followed wins over the network's mode, a muted one too; who is away gets a digest of both afterwards; the
    author needs no copy. Nobody is owed what would come back."""
    away = select(Member.id).where(Member.away_from <= _now, Member.away_until > _now)
    reached = and_(Address.member_id == Membership.member_id, Address.gets_mail, Address.paused_at.is_(None))
    return (
        select(Membership.member_id)
        .join(Address, reached)
        .outerjoin(_told, and_(_told.thread_id == _thread, _told.member_id == Membership.member_id))
        .where(
            Membership.network_id == bindparam("network", type_=Number),
            Membership.member_id.is_distinct_from(bindparam("author", type_=Number)),
            Membership.member_id.not_in(away),
            or_(_told.muted.is_(False), and_(Membership.mode == "each", _told.muted.is_(None))),
        )
    )


_now, _thread = bindparam("now", type_=UtcDateTime()), bindparam("thread", type_=Number)
_OWED = insert(Outbox).from_select(
    ["member_id", "post_id", "due_at"],
    _wanting().add_columns(bindparam("post", type_=Number), _now),
    include_defaults=False,
)
_COUNTED = select(func.count()).select_from(_wanting().subquery())


@dataclass(frozen=True)
class Deliveries:
    """Each member of the network in exactly one state; `of` is their sum. `sent` to `bounced` split `each`."""

    of: int
    author: int
    each: int
    digest: int
    muted: int
    web: int
    sent: int
    waiting: int
    deferred: int
    bounced: int


def deliveries(db: Db, post: Post) -> Deliveries:
    """Who got this post how: by the outbox where a mail was owed, by their settings where none was.

    Whose address was paused by then was owed none, and nothing came back: they read it on the web, or in the digest that
    waits for them.
    """
    state = case(
        (Membership.member_id == post.author_id, "author"),
        (Outbox.outcome == "sent", "sent"),
        (Outbox.outcome.is_not(None), "bounced"),
        (and_(Outbox.id.is_not(None), Outbox.answer.is_not(None)), "deferred"),
        (Outbox.id.is_not(None), "waiting"),
        (_told.muted.is_(True), "muted"),
        (and_(literal(post.mails), or_(Membership.mode.in_(("daily", "weekly")), _told_after_absence(post))), "digest"),
        else_="web",
    )
    rows = db.execute(
        select(state, func.count())
        .select_from(Membership)
        .outerjoin(Outbox, and_(Outbox.post_id == post.id, Outbox.member_id == Membership.member_id))
        .outerjoin(_told, and_(_told.thread_id == post.thread_id, _told.member_id == Membership.member_id))
        .where(Membership.network_id == post.network_id)
        .group_by(state)
    ).all()
    n = {name: count for name, count in rows}  # noqa: C416 - Row is no pair for mypy
    mailed = sum(n.get(name, 0) for name in ("sent", "waiting", "deferred", "bounced"))
    return Deliveries(
        of=sum(n.values()),
        author=n.get("author", 0),
        each=mailed,
        digest=n.get("digest", 0),
        muted=n.get("muted", 0),
        web=n.get("web", 0),
        sent=n.get("sent", 0),
        waiting=n.get("waiting", 0),
        deferred=n.get("deferred", 0),
        bounced=n.get("bounced", 0),
    )


def _told_after_absence(post: Post) -> ColumnElement[bool]:
    """Who wanted each message and was owed none of this one: they are away, or a digest has covered it since."""
    absent = select(Member.id).where(Member.away_until.is_not(None))
    return and_(
        or_(
            and_(Membership.mode == "each", Membership.joined_at <= post.sent_at),
            and_(_told.muted.is_(False), _told.since <= post.sent_at),
        ),
        or_(Membership.digested_id >= post.id, Membership.member_id.in_(absent)),
    )


def fate_of(db: Db, post_id: int, member_id: int) -> str | None:
    """What became of one member's copy: sent, waiting, or another outcome; None when none was owed."""
    row = db.execute(select(Outbox.outcome).where(Outbox.post_id == post_id, Outbox.member_id == member_id)).first()
    return None if row is None else row.outcome or "waiting"


def mailed_to(db: Db, post_ids: Sequence[int]) -> dict[int, int]:
    """To how many each post goes or went by mail; one query for a page."""
    query = select(Outbox.post_id, func.count()).where(Outbox.post_id.in_(post_ids)).group_by(Outbox.post_id)
    rows = db.execute(query).all() if post_ids else []
    return {post_id: count for post_id, count in rows if post_id is not None}


@dataclass(frozen=True)
class Queue:
    waiting: int
    oldest: datetime | None
    deferred: int


def queue(db: Db) -> Queue:
    """What is owed and not settled: for the health page."""
    owed_at = type_coerce(func.min(Outbox.due_at), UtcDateTime())
    row = db.execute(select(func.count(), owed_at, func.count(Outbox.answer)).where(Outbox.done_at.is_(None))).one()
    return Queue(row[0], row[1], row[2])
