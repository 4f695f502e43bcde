"""Threads: discussions of a network, newest first, and the posts in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import bindparam, func, select, true, tuple_, update
from sqlalchemy.orm import aliased

from forum.columns import UtcDateTime
from forum.db import AnyRow, AnySelect, Db
from forum.errors import ThreadNotFound
from forum.tables import Member, Membership, Network, Organisation, Post, Thread

PAGE = 50
Version: TypeAlias = tuple[Any, ...]

# Made once: an alias, or a statement, costs more to build than the query to run.
_first, _last, _answered = aliased(Post), aliased(Post), aliased(Post)
_starter, _latest, _asker = aliased(Member), aliased(Member), aliased(Member)


_sent_at = bindparam("sent_at", type_=UtcDateTime())
_EVER = bindparam("ever", datetime(1, 1, 2, tzinfo=UTC), UtcDateTime())
_BUMPED = {
    name: update(Thread)
    .where(Thread.id == bindparam("thread"))
    .values(posts=Thread.posts + 1, last_post_at=later(Thread.last_post_at, _sent_at))
    .returning(Thread.posts)
    for name, later in (("sqlite", func.max), ("postgresql", func.greatest))
}
_ACTIVE = (
    update(Network)
    .where(Network.id == bindparam("network"), func.coalesce(Network.last_post_at < _sent_at, true()))
    .values(last_post_at=_sent_at)
)


@dataclass(frozen=True)
class Page:
    """Some rows, and where the next page begins (None at the end)."""

    rows: Sequence[AnyRow]
    next: str | None


def find_thread(db: Db, thread_id: int) -> Thread:
    if thread := db.get(Thread, thread_id):
        return thread
    raise ThreadNotFound


def in_network(db: Db, network_id: int, after: str = "", limit: int = PAGE) -> Page:
    """Threads, the latest active first: id, subject, started_at, last_post_at, posts, starter, last_author. `after`: Page.next."""
    query = _summaries().where(Thread.network_id == network_id)
    if cursor := _cursor(after):
        query = query.where(tuple_(Thread.last_post_at, Thread.id) < cursor)
    rows = db.execute(query.order_by(Thread.last_post_at.desc(), Thread.id.desc()).limit(limit + 1)).all()
    return _page(rows, limit)


def lately(db: Db, member: Member, limit: int = 30) -> Sequence[AnyRow]:
    """What is going on across a member's networks, the latest first: as in_network, and slug and network's name."""
    newest = db.scalars(_LATELY, {"member": member.id, "limit": limit, "more": limit - 1}).all()
    return db.execute(
        _summaries(Network.slug, Network.name.label("network"))
        .join(Network, Network.id == Thread.network_id)
        .where(Thread.id.in_(newest))
        .order_by(Thread.last_post_at.desc(), Thread.id.desc())
    ).all()


def _newest_of_each() -> AnySelect:
    """Of each network so many, read off the end of its index, and of these the latest: else all that were ever there are
    sorted. A network with fewer gives all it has."""
    other = aliased(Thread)
    last_of_so_many = (
        select(other.last_post_at)
        .where(other.network_id == Membership.network_id, other.posts > 0)
        .order_by(other.last_post_at.desc(), other.id.desc())
        .offset(bindparam("more"))
        .limit(1)
        .correlate(Membership)
        .scalar_subquery()
    )
    in_time = Thread.last_post_at >= func.coalesce(last_of_so_many, _EVER)
    return (
        select(Thread.id)
        .join(Membership, Membership.network_id == Thread.network_id)
        .where(Membership.member_id == bindparam("member"), in_time, Thread.posts > 0)
        .order_by(Thread.last_post_at.desc(), Thread.id.desc())
        .limit(bindparam("limit"))
    )


_LATELY = _newest_of_each()


def version(thread: Thread) -> Version:
    """Differs whenever something in the thread does."""
    return (thread.posts, thread.changes, thread.locked_at, thread.moved_to_id)


def versions(db: Db, thread_ids: Sequence[int]) -> dict[int, Version]:
    """As `version`, of many; one query."""
    query = select(Thread.id, Thread.posts, Thread.changes, Thread.locked_at, Thread.moved_to_id)
    return {row[0]: tuple(row[1:]) for row in db.execute(query.where(Thread.id.in_(thread_ids)))}


def posts_in(db: Db, thread_id: int, after: int = 0, limit: int = PAGE) -> Page:
    """Posts by number: id, number, parent_id, parent_number, parent_author, author_id, author, organisation, sent_at, language,
    came_by, landed_by, text, html, folded_html. `after` is the number before the first one."""
    rows = db.execute(
        select(
            Post.id,
            Post.number,
            Post.parent_id,
            _answered.number.label("parent_number"),
            _asker.name.label("parent_author"),
            Post.author_id,
            Member.name.label("author"),
            Organisation.name.label("organisation"),
            Post.sent_at,
            Post.language,
            Post.came_by,
            Post.landed_by,
            Post.text,
            Post.html,
            Post.folded_html,
        )
        .join(Member, Member.id == Post.author_id)
        .outerjoin(Organisation, Organisation.id == Member.organisation_id)
        .outerjoin(_answered, (_answered.id == Post.parent_id) & (_answered.thread_id == Post.thread_id))
        .outerjoin(_asker, _asker.id == _answered.author_id)
        .where(Post.thread_id == thread_id, Post.number > after)
        .order_by(Post.number)
        .limit(limit + 1)
    ).all()
    return Page(rows[:limit], str(rows[limit - 1].number) if len(rows) > limit else None)


def numbers_in(db: Db, thread_id: int, after: int = 0, limit: int = PAGE) -> Page:
    """Which posts stand on a page, without what they say: id, number, author_id, sent_at."""
    rows = db.execute(
        select(Post.id, Post.number, Post.author_id, Post.sent_at)
        .where(Post.thread_id == thread_id, Post.number > after)
        .order_by(Post.number)
        .limit(limit + 1)
    ).all()
    return Page(rows[:limit], str(rows[limit - 1].number) if len(rows) > limit else None)


def start(db: Db, network_id: int, subject: str, now: datetime) -> Thread:
    thread = Thread(network_id=network_id, subject=subject, started_at=now, last_post_at=now, posts=0)
    db.add(thread)
    db.flush()
    return thread


def bump(db: Db, thread: Thread, sent_at: datetime) -> int:
    """One post more; answers its number. Time only moves on: an imported old post does not make a thread older."""
    db.flush()
    connection = db.connection()
    bumped = _BUMPED[connection.dialect.name]
    number = connection.scalar(bumped, {"thread": thread.id, "sent_at": sent_at})
    connection.execute(_ACTIVE, {"network": thread.network_id, "sent_at": sent_at})
    db.expire(thread)
    assert number is not None
    return int(number)


def note_change(db: Db, *thread_ids: int) -> None:
    """Something in them was moved or unfolded: their pages are no longer what they were."""
    noted = update(Thread).where(Thread.id.in_(thread_ids)).values(changes=Thread.changes + 1)
    db.execute(noted.execution_options(synchronize_session=False))


def _summaries(*more: Any) -> AnySelect:
    return (
        select(
            Thread.id,
            Thread.subject,
            Thread.started_at,
            Thread.last_post_at,
            Thread.posts,
            Thread.locked_at,
            _starter.name.label("starter"),
            _latest.name.label("last_author"),
            *more,
        )
        .join(_first, (_first.thread_id == Thread.id) & (_first.number == 1))
        .join(_starter, _starter.id == _first.author_id)
        .join(_last, (_last.thread_id == Thread.id) & (_last.number == Thread.posts))
        .join(_latest, _latest.id == _last.author_id)
    )


def _page(rows: Sequence[AnyRow], limit: int) -> Page:
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], f"{last.last_post_at.timestamp():.6f}-{last.id}")


def _cursor(after: str) -> tuple[datetime, int] | None:
    """Someone's edited address shows the first page rather than an error."""
    stamp, _, number = after.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        return None
    try:
        return datetime.fromtimestamp(float(stamp)).astimezone(), int(number)
    except (ValueError, OverflowError, OSError):
        return None
