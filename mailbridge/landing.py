"""Where a letter may belong: every post that something in it points at."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import and_, exists, func, literal, or_, select

from forum import moving, posts
from forum.db import AnyRow, Db
from forum.tables import Network, Outbox, Post, Thread
from forum.world import World
from mailbridge.case import sane_id
from mailbridge.decide import Clues, Known
from mailbridge.letter import Letter
from mailbridge.thread_index import conversation, thread_of

RECENT = timedelta(days=45)


def clues(db: Db, world: World, letter: Letter, network: Network | None, member_id: int | None) -> Clues:
    """Only what is in this network counts: nobody can write into another one by naming its posts."""
    if network is None:
        return Clues()
    return Clues(
        referenced=_referenced(db, network.id, letter),
        indexed=_indexed(db, world, network.id, letter),
        marked=_marked(db, world, network.id, letter),
        similar=_similar(db, network.id, letter, member_id, world.clock()) if member_id and letter.is_reply else (),
        missing=_missing(db, network.id, letter),
    )


def _referenced(db: Db, network_id: int, letter: Letter) -> Known | None:
    named = [each for each in (*letter.references, *letter.in_reply_to) if sane_id(each)]
    return known(posts.by_message_id(db, network_id, named)) if named else None


def _indexed(db: Db, world: World, network_id: int, letter: Letter) -> Known | None:
    """Our own index names the thread, wherever its posts are now; a foreign one, the posts that came with it."""
    guid = conversation(letter.thread_index)
    if guid is None:
        return None
    thread_id = thread_of(world.tokens, guid)
    thread = db.get(Thread, thread_id) if thread_id is not None else None
    same = Post.thread_id == moving.now_at(db, thread).id if thread else Post.conversation == guid.hex()
    newest = select(Post).where(Post.network_id == network_id, same).order_by(Post.number.desc(), Post.id.desc())
    return known(db.scalar(newest.limit(1)))


def _marked(db: Db, world: World, network_id: int, letter: Letter) -> Known | None:
    """The first of our own addresses or Message-IDs in what is quoted: mail programs put what is answered on top."""
    for marker in letter.markers[:20]:
        post = _by_url(db, world, marker) if "://" in marker else posts.by_message_id(db, network_id, [marker])
        if post is not None and post.network_id == network_id:
            return known(post)
    return None


def _by_url(db: Db, world: World, url: str) -> Post | None:
    """Our host, however the pages were reached: behind a proxy the scheme may differ."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    number = parts.path.rpartition("/p/")[2]
    ours = parts.netloc.casefold() == urlsplit(world.settings.base_url).netloc.casefold()
    return posts.by_id(db, int(number)) if ours and number.isdecimal() and len(number) < 16 else None


def _similar(db: Db, network_id: int, letter: Letter, member_id: int, now: datetime) -> tuple[Known, ...]:
    """Recent threads of the same subject in which the author wrote, or of which they got mail. Two are enough to ask."""
    # Not `exists`: SQLite would look among all that the member has ever written.
    wrote = literal(member_id).in_(select(Post.author_id).where(Post.thread_id == Thread.id))
    got = exists().where(and_(Outbox.post_id == Post.id, Post.thread_id == Thread.id, Outbox.member_id == member_id))
    threads = (
        select(Thread.id)
        .where(Thread.network_id == network_id, Thread.last_post_at > now - RECENT, Thread.posts > 0)
        .where(func.lower(Thread.subject) == func.lower(letter.topic), or_(wrote, got))
        .order_by(Thread.last_post_at.desc(), Thread.id.desc())
    )
    found = db.scalars(threads.limit(2)).all() if letter.topic else []
    return tuple(post for thread_id in found if (post := _newest(db, thread_id)))


def _newest(db: Db, thread_id: int) -> Known | None:
    newest = select(Post).where(Post.thread_id == thread_id).order_by(Post.number.desc()).limit(1)
    return known(db.scalar(newest))


def known(post: Post | AnyRow | None) -> Known | None:
    return Known(post.id, post.thread_id, post.message_id, post.author_id) if post else None


def _missing(db: Db, network_id: int, letter: Letter) -> str | None:
    answered = [each for each in (letter.in_reply_to or letter.references[-1:]) if sane_id(each)]
    return answered[0] if answered and posts.by_message_id(db, network_id, answered[:1]) is None else None
