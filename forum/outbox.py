"""The outbox: who is owed which mail. The only thing between the forum and the bridge."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, insert, literal, or_, select, update
from sqlalchemy.orm import aliased

from forum import daily_cap
from forum.columns import Number, UtcDateTime
from forum.db import AnySelect, Db
from forum.tables import Address, Member, Membership, Network, Outbox, Post, Subscription

_told = aliased(Subscription)  # made once, as the statements below: building costs more than running


def owe_post(db: Db, network: Network, post: Post, now: datetime, most: int) -> None:
    """One row for everyone who wants this post by mail, in one statement whatever their number. Who has been owed `most`
    within a day (0: no matter how many) gets it in a digest, and their row says so."""
    db.flush()
    owed = {"network": post.network_id, "thread": post.thread_id, "author": post.author_id, "post": post.id, "now": now}
    reached = daily_cap.is_reached(db, network, post.id, now, most)
    db.connection().execute(_OWED_WITHIN_CAP if reached else _OWED, owed)


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
_is_full = Membership.full_until > _now
_OWED_WITHIN_CAP = insert(Outbox).from_select(
    ["member_id", "post_id", "due_at", "done_at", "outcome"],
    _wanting().add_columns(
        bindparam("post", type_=Number), _now, case((_is_full, _now)), case((_is_full, literal("digest")))
    ),
    include_defaults=False,
)
_COUNTED = select(func.count()).select_from(_wanting().subquery())


def let_go(db: Db, network_id: int, member_id: int, now: datetime) -> None:
    """Who has left the network is sent no more of it: what waits is settled, also what waits for a digest."""
    here = select(Post.id).where(Post.id == Outbox.post_id, Post.network_id == network_id).exists()
    for waits in (Outbox.done_at.is_(None), Outbox.outcome == "digest"):  # each has its index, both together have none
        db.execute(
            update(Outbox)
            .where(Outbox.member_id == member_id, waits, here)
            .values(done_at=now, outcome="left")
            .execution_options(synchronize_session=False)
        )


def mailed_to(db: Db, post_ids: Sequence[int]) -> dict[int, int]:
    """To how many each post goes or went by mail; one query for a page."""
    mailed = and_(Outbox.post_id.in_(post_ids), daily_cap.OWED_AS_MAILS)
    query = select(Outbox.post_id, func.count()).where(mailed).group_by(Outbox.post_id)
    rows = db.execute(query).all() if post_ids else []
    return {post_id: count for post_id, count in rows if post_id is not None}
