"""Moving posts: to another thread or a thread of their own, when they landed wrong or their parent came later. Links lead on."""

from sqlalchemy import func, select, update

from forum import threads
from forum.db import Db
from forum.errors import MayNotMove, SubjectMissing, ThreadNotFound
from forum.tables import Member, Membership, Network, Post, Subscription, Thread
from forum.text import one_line


def may_move(db: Db, post: Post, member: Member | None) -> bool:
    """Its author, the contact persons of its network, coordinators."""
    if member is None:
        return False
    membership = db.get(Membership, (post.network_id, member.id))
    is_contact = membership is not None and membership.role == "contact"
    return member.coordinates or is_contact or (membership is not None and post.author_id == member.id)


def move_to(db: Db, post: Post, thread_id: int, who: Member) -> Thread:
    """To another thread of the same network, in the order of time. What answers it comes along."""
    _check(db, post, who)
    target = now_at(db, threads.find_thread(db, thread_id))
    if target.network_id != post.network_id or target.id == post.thread_id:
        raise ThreadNotFound
    carry(db, post, target)
    return target


def move_out(db: Db, post: Post, subject: str, who: Member) -> Thread:
    """To a thread of its own."""
    _check(db, post, who)
    if not (title := one_line(subject)):
        raise SubjectMissing
    target = threads.start(db, post.network_id, title, post.sent_at)
    post.parent_id = None
    carry(db, post, target)
    return target


def adopt(db: Db, parent: Post) -> None:
    """What has been waiting for this post to arrive answers it now; a thread that began with it joins the parent's."""
    waiting = select(Post).where(Post.network_id == parent.network_id, Post.awaits == parent.message_id)
    for orphan in db.scalars(waiting.order_by(Post.id).limit(100)).all():
        orphan.parent_id, orphan.awaits = parent.id, None
        if orphan.number == 1 and orphan.thread_id != parent.thread_id:
            carry(db, orphan, threads.find_thread(db, parent.thread_id))


def carry(db: Db, post: Post, target: Thread) -> None:
    """A post and all that answers it, from its thread to the target."""
    source = threads.find_thread(db, post.thread_id)
    moved = _with_answers(db, post)
    db.flush()
    top = db.scalar(select(func.max(Post.number)).where(Post.thread_id == target.id)) or 0
    for step, post_id in enumerate(moved, start=1):
        move = update(Post).where(Post.id == post_id).values(thread_id=target.id, number=top + step)
        db.execute(move.execution_options(synchronize_session="fetch"))
    _tidy(db, target)
    _tidy(db, source)
    if source.posts == 0:
        _lead_on(db, source, target)
    db.expire_all()
    db.refresh(target)


def _check(db: Db, post: Post, who: Member) -> None:
    if not may_move(db, post, who):
        network = db.get_one(Network, post.network_id)
        raise MayNotMove(network=network.name)


def _with_answers(db: Db, post: Post) -> list[int]:
    """By number, which is before any answer."""
    query = select(Post.id, Post.parent_id).where(Post.thread_id == post.thread_id).order_by(Post.number)
    parents = {row.id: row.parent_id for row in db.execute(query)}
    moved: dict[int, None] = {post.id: None}
    for post_id, parent_id in parents.items():
        if parent_id in moved:
            moved[post_id] = None
    return list(moved)


def _tidy(db: Db, thread: Thread) -> None:
    """Numbers in the order of time, an answer never before what it answers; counts and times as the posts have them."""
    db.flush()
    rows = db.execute(
        select(Post.id, Post.parent_id, Post.sent_at, Post.number)
        .where(Post.thread_id == thread.id)
        .order_by(Post.sent_at, Post.id)
    ).all()
    order = _in_order({row.id: row.parent_id for row in rows})
    before = {row.id: row.number for row in rows}
    shift = max(before.values(), default=0) + len(order)
    for number, post_id in enumerate(order, start=1):  # twice, since no two may have the same number in between
        if before[post_id] != number:
            db.execute(
                update(Post)
                .where(Post.id == post_id)
                .values(number=shift + number)
                .execution_options(synchronize_session=False)
            )
    for number, post_id in enumerate(order, start=1):
        if before[post_id] != number:
            db.execute(
                update(Post)
                .where(Post.id == post_id)
                .values(number=number)
                .execution_options(synchronize_session=False)
            )
    thread.posts = len(order)
    if rows:
        thread.started_at, thread.last_post_at = rows[0].sent_at, max(row.sent_at for row in rows)
    db.flush()


def _in_order(parents: dict[int, int | None]) -> list[int]:
    """As they come, but each after what it answers."""
    placed: dict[int, None] = {}
    for post_id in parents:
        chain: list[int] = []
        step: int | None = post_id
        while step is not None and step in parents and step not in placed and step not in chain:
            chain.append(step)
            step = parents[step]
        placed.update(dict.fromkeys(reversed(chain)))
    return list(placed)


def _lead_on(db: Db, source: Thread, target: Thread) -> None:
    """The empty thread stays as a signpost; who followed or muted it does so with the new one."""
    source.moved_to_id = target.id
    db.execute(
        update(Thread)
        .where(Thread.moved_to_id == source.id)
        .values(moved_to_id=target.id)
        .execution_options(synchronize_session=False)
    )
    there = select(Subscription.member_id).where(Subscription.thread_id == target.id)
    db.execute(
        update(Subscription)
        .where(Subscription.thread_id == source.id, Subscription.member_id.not_in(there))
        .values(thread_id=target.id)
        .execution_options(synchronize_session=False)
    )
    db.flush()


def now_at(db: Db, thread: Thread) -> Thread:
    """Where a thread's posts are today."""
    return threads.find_thread(db, thread.moved_to_id) if thread.moved_to_id else thread
