"""Moving posts: to another thread or a thread of their own, when they landed wrong or their parent came later. Links lead on."""

from collections.abc import Sequence

from sqlalchemy import bindparam, func, insert, literal, or_, select, update

from forum import history, threads
from forum.db import AnyRow, Db
from forum.errors import MayNotChange, NetworkArchived, SubjectMissing, ThreadLocked, ThreadNotFound
from forum.tables import Member, Membership, Network, Post, Subscription, Thread
from forum.text import one_line

LOOKED_THROUGH = 2000  # of a network's threads, the latest active: where a message belongs is seldom further back


def may_change(db: Db, post: Post, member: Member | None) -> bool:
    """Its author, also one who has left: it is their text; the contact persons of its network; coordinators."""
    membership = db.get(Membership, (post.network_id, member.id)) if member else None
    return may_change_as(membership.role if membership else "", post.author_id, member)


def may_change_as(role: str, author_id: int, member: Member | None) -> bool:
    """`may_change` where the member's role in the network is at hand; "" for who is not in it."""
    return member is not None and (member.coordinates or role == "contact" or member.id == author_id)


def check_may_change(db: Db, post: Post, member: Member | None) -> None:
    if not may_change(db, post, member):
        raise MayNotChange(network=db.get_one(Network, post.network_id).name)


def may_move(db: Db, post: Post, member: Member | None) -> bool:
    """An author only where they may write: what others answered comes along, and stands elsewhere then."""
    if member is None or member.coordinates:
        return member is not None
    network, membership = db.get_one(Network, post.network_id), db.get(Membership, (post.network_id, member.id))
    if membership is None or network.state == "archived":
        return False
    return membership.role == "contact" or (post.author_id == member.id and network.posting == "members")


def places(db: Db, post: Post, words: str = "", limit: int = 20) -> Sequence[AnyRow]:
    """Threads it may move to: id, subject, posts, last_post_at. The latest active first; before them those of the same
    subject, and empty ones that lead here, so that a move can be taken back. `words` of the subject narrow them down."""
    here = db.get_one(Thread, post.thread_id)
    rows = db.execute(
        select(Thread.id, Thread.subject, Thread.posts, Thread.last_post_at)
        .where(Thread.network_id == post.network_id, Thread.id != here.id)
        .where(or_(Thread.posts > 0, Thread.moved_to_id == here.id))
        .order_by(Thread.last_post_at.desc(), Thread.id.desc())
        .limit(LOOKED_THROUGH)
    ).all()
    wanted, same = words.casefold().split(), here.subject.casefold()
    found = [row for row in rows if all(word in row.subject.casefold() for word in wanted)]
    return sorted(found, key=lambda row: row.posts > 0 and row.subject.casefold() != same)[:limit]


def move_to(db: Db, post: Post, thread_id: int, who: Member) -> Thread:
    """To another thread of the same network, in the order of time. What answers it comes along."""
    _check_may_move(db, post, who)
    named = threads.find_thread(db, thread_id)
    target = named if named.moved_to_id == post.thread_id else now_at(db, named)  # back to where it came from
    if target.network_id != post.network_id or target.id == post.thread_id:
        raise ThreadNotFound
    _check_open(db, target, who)
    _move(db, post, target, mutes=target.posts == 0 or _keeps_order(db, target, who))
    return target


def move_out(db: Db, post: Post, subject: str, who: Member) -> Thread:
    """To a thread of its own."""
    _check_may_move(db, post, who)
    if not (title := one_line(subject)):
        raise SubjectMissing
    target = threads.start(db, post.network_id, title, post.sent_at)
    post.parent_id = None
    _move(db, post, target, mutes=True)
    return target


def adopt(db: Db, parent: Post) -> None:
    """What has been waiting for this post to arrive answers it now; a thread that began with it joins the parent's."""
    named = {"network": parent.network_id, "parent": parent.message_id}
    for orphan in [db.get_one(Post, row.id) for row in db.execute(_WAITING, named).all()]:
        orphan.parent_id, orphan.awaits = parent.id, None
        orphan.landed_by, orphan.landed_because = "reference", "what it answers came later"
        threads.note_change(db, orphan.thread_id)
        if orphan.number == 1 and orphan.thread_id != parent.thread_id:
            # Who muted the answers is sent no mail of what they answer: not of this very post, which goes out next.
            carry(db, orphan, threads.find_thread(db, parent.thread_id), mutes=True, newest=parent.id - 1)


_WAITING = (
    select(Post.id)
    .where(Post.network_id == bindparam("network"), Post.awaits == bindparam("parent"))
    .order_by(Post.id)
    .limit(100)
)


def carry(db: Db, post: Post, target: Thread, *, mutes: bool, newest: int) -> None:
    """A post and all that answers it, from its thread to the target; `mutes`: whether who muted the one mutes the other,
    for all that comes after the post `newest`."""
    source = threads.find_thread(db, post.thread_id)
    moved = with_answers(db, post)
    target.moved_to_id = None
    db.flush()
    top = db.scalar(select(func.max(Post.number)).where(Post.thread_id == target.id)) or 0
    for step, post_id in enumerate(moved, start=1):
        came_in = func.coalesce(Post.came_in_id, Post.thread_id)
        move = update(Post).where(Post.id == post_id)
        move = move.values(thread_id=target.id, number=top + step, came_in_id=came_in)
        db.execute(move.execution_options(synchronize_session="fetch"))
    _tidy(db, target)
    _tidy(db, source)
    if source.posts == 0:
        _lead_on(db, source, target, mutes=mutes, newest=newest)
    threads.note_change(db, source.id, target.id)
    db.expire_all()
    db.refresh(target)


def with_answers(db: Db, post: Post) -> list[int]:
    """A post and all that answers it in its thread; by number, which is before any answer."""
    query = select(Post.id, Post.parent_id).where(Post.thread_id == post.thread_id).order_by(Post.number)
    parents = {row.id: row.parent_id for row in db.execute(query)}
    moved: dict[int, None] = {post.id: None}
    for post_id, parent_id in parents.items():
        if parent_id in moved:
            moved[post_id] = None
    return list(moved)


def _check_may_move(db: Db, post: Post, who: Member) -> None:
    """One at a time in a network, as when a post is accepted: nothing is written into a thread while it is emptied."""
    network = db.get_one(Network, post.network_id, with_for_update=True)
    db.refresh(post)
    if network.state == "archived" and not who.coordinates:
        raise NetworkArchived(network=network.name)
    if not may_move(db, post, who):
        raise MayNotChange(network=network.name)
    _check_open(db, threads.find_thread(db, post.thread_id), who)


def _check_open(db: Db, thread: Thread, who: Member) -> None:
    """Nobody takes part in a locked discussion by moving; who keeps order in the network may tidy it up."""
    if thread.locked_at is not None and not _keeps_order(db, thread, who):
        raise ThreadLocked(subject=thread.subject)


def _keeps_order(db: Db, thread: Thread, who: Member) -> bool:
    membership = db.get(Membership, (thread.network_id, who.id))
    return who.coordinates or (membership is not None and membership.role == "contact")


def _move(db: Db, post: Post, target: Thread, *, mutes: bool) -> None:
    post.landed_by, post.landed_because = "moved", "moved by hand"
    carry(db, post, target, mutes=mutes, newest=history.newest_post(db, post.network_id))


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


def _lead_on(db: Db, source: Thread, target: Thread, *, mutes: bool, newest: int) -> None:
    """The empty thread stays as a signpost; who followed it follows the new one too.

    So with who muted it, unless an author moved it: else they could silence another's discussion with a muted one.
    """
    source.moved_to_id = target.id
    db.execute(
        update(Thread)
        .where(Thread.moved_to_id == source.id)
        .values(moved_to_id=target.id)
        .execution_options(synchronize_session=False)
    )
    there = select(Subscription.member_id).where(Subscription.thread_id == target.id)
    chosen = Subscription.member_id, Subscription.muted, Subscription.since
    here = select(literal(target.id), *chosen, literal(newest)).where(
        Subscription.thread_id == source.id,
        Subscription.member_id.not_in(there),
        or_(Subscription.muted.is_(False), literal(mutes)),
    )
    db.execute(insert(Subscription).from_select(["thread_id", "member_id", "muted", "since", "after_id"], here))
    db.flush()


def now_at(db: Db, thread: Thread) -> Thread:
    """Where a thread's posts are today."""
    return threads.find_thread(db, thread.moved_to_id) if thread.moved_to_id else thread
