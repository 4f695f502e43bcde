"""Posts: the one way in, whoever writes by whatever door."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from forum import attachments, loops, moving, outbox, text, threads
from forum.attachments import Upload
from forum.db import AnyRow, Db
from forum.errors import (
    EmptyPost,
    NetworkArchived,
    NotAContact,
    NotAMember,
    PostNotFound,
    SubjectMissing,
    TextTooLong,
    ThreadLocked,
)
from forum.tables import Attachment, Member, Membership, Network, Organisation, Post, Thread

MAX_TEXT = 60_000  # characters a member may write on the web; a mail may be longer, and is kept whole
MAX_MAIL_TEXT = 2_000_000
MAX_SUBJECT = 200


@dataclass(frozen=True)
class Draft:
    """A post before it is one. Either `thread_id` or `subject` is given; `owner` is the network's owners' address, for refusals."""

    network_id: int
    author_id: int
    text: str
    message_id: str
    came_by: str  # web, mail, import, api
    sent_at: datetime
    language: str
    thread_id: int | None = None
    parent_id: int | None = None
    subject: str = ""
    folded: str = ""
    uploads: Sequence[Upload] = ()
    form_key: str | None = None
    mail_id: int | None = None
    landed_by: str | None = None
    landed_because: str = ""
    conversation: str | None = None  # of Outlook's Thread-Index, hex
    awaits: str | None = None  # the Message-ID it answers, where that has not arrived
    whole_text: str = ""  # of a mail, what is folded in its place
    owner: str = ""
    mails: bool = True  # an import owes nobody a mail, nor a place in a digest


@dataclass(frozen=True)
class Accepted:
    post: Post
    is_new: bool = field(default=True)  # False: this very message had been accepted before


def accept(db: Db, draft: Draft, now: datetime, daily_cap: int = 0) -> Accepted:
    """Checks, stores, bumps the thread and writes down who is owed a mail, or a place in a digest if they have been owed
    `daily_cap` mails within a day. Refuses as `check_may_post` and `_check_content` say."""
    network = db.get_one(
        Network, draft.network_id, with_for_update=True
    )  # one post at a time in a network: numbers and copies
    if known := _known(db, draft):
        return Accepted(known, is_new=False)
    check_may_post(db, network, draft.author_id, draft.owner)
    _check_content(draft)
    thread = _thread(db, draft)
    if draft.came_by == "mail":
        loops.check(db, thread, draft.author_id, draft.text, draft.sent_at)
    post = Post(
        network_id=network.id,
        thread_id=thread.id,
        number=threads.bump(db, thread, draft.sent_at),
        parent_id=draft.parent_id,
        author_id=draft.author_id,
        sent_at=draft.sent_at,
        language=draft.language,
        came_by=draft.came_by,
        message_id=draft.message_id,
        form_key=draft.form_key,
        mail_id=draft.mail_id,
        landed_by=draft.landed_by,
        landed_because=draft.landed_because,
        conversation=draft.conversation,
        awaits=draft.awaits,
        mails=draft.mails,
        accepted_at=now,
        text=draft.text,
        folded=draft.folded,
        whole_text=draft.whole_text if draft.folded else "",
        html=_html(draft),
        folded_html=text.from_mail(draft.folded) if draft.folded else "",
    )
    db.add(post)
    db.flush()
    attachments.attach(db, post, draft.uploads)
    moving.adopt(db, post)
    if draft.mails:
        outbox.owe_post(db, network, post, now, daily_cap)
    return Accepted(post)


def check_may_post(db: Db, network: Network, member_id: int, owner: str = "") -> None:
    membership = db.get(Membership, (network.id, member_id))
    if membership is None:
        raise NotAMember(network=network.name, owner=owner)
    if network.state == "archived":
        raise NetworkArchived(network=network.name)
    if network.posting != "members" and membership.role != "contact":
        raise NotAContact(network=network.name, owner=owner)


def by_id(db: Db, post_id: int) -> Post | None:
    return db.get(Post, post_id)


def find_post(db: Db, post_id: int) -> Post:
    if post := db.get(Post, post_id):
        return post
    raise PostNotFound


def by_message_id(db: Db, network_id: int, message_ids: Sequence[str]) -> AnyRow | None:
    """The post one of these Message-IDs stands for, the last one named first: References are oldest first (RFC 5322 3.6.4).

    Its id, thread_id, message_id, author_id, network_id.
    """
    named = {"network": network_id, "named": list(message_ids)[-100:]}
    found = {row.message_id: row for row in db.execute(_BY_MESSAGE_ID, named)}
    return next((found[message_id] for message_id in reversed(message_ids) if message_id in found), None)


_BY_MESSAGE_ID = select(Post.id, Post.thread_id, Post.message_id, Post.author_id, Post.network_id).where(
    Post.network_id == bindparam("network"), Post.message_id.in_(bindparam("named", expanding=True))
)


def ancestors(db: Db, post: Post, limit: int = 10) -> list[str]:
    """Message-IDs from the thread's first post down to the parent, oldest first; at most `limit`, the oldest one kept.

    What the first one answers and what is not here yet is above it all: once it comes, mail programs know where it belongs.
    """
    ids: list[str] = []
    top: Post | AnyRow = post
    while len(ids) < 100 and (step := _above(db, top)) is not None:
        ids.append(step.message_id)
        top = step
    if top.awaits and top.parent_id is None and top.number == 1:
        ids.append(top.awaits)
    ids.reverse()
    return ids if len(ids) <= limit else [ids[0], *ids[-limit + 1 :]]


_LINKS = (Post.message_id, Post.parent_id, Post.thread_id, Post.number, Post.awaits)


def _above(db: Db, post: Post | AnyRow) -> AnyRow | None:
    """What a post answers; when it does not say, the first of its thread, so that mail programs keep them together."""
    if post.parent_id is None and post.number == 1:
        return None
    first = (Post.thread_id == post.thread_id) & (Post.number == 1)
    above = first if post.parent_id is None else Post.id == post.parent_id
    return db.execute(select(*_LINKS).where(above)).first()


def in_network(db: Db, network_id: int, after: int = 0, limit: int = 500) -> Sequence[AnyRow]:
    """Posts by id, for an export: `as_dict` and the mbox read these rows."""
    return db.execute(
        _whole().where(Post.network_id == network_id, Post.id > after).order_by(Post.id).limit(limit)
    ).all()


def whole(db: Db, post_id: int) -> AnyRow:
    if row := db.execute(_whole().where(Post.id == post_id)).first():
        return row
    raise PostNotFound


def in_list(db: Db, post_ids: Sequence[int]) -> Sequence[AnyRow]:
    """Those of these posts that are there, each as `whole` gives it; by id."""
    return db.execute(_whole().where(Post.id.in_(post_ids)).order_by(Post.id)).all() if post_ids else []


def whole_thread(db: Db, thread_id: int, after: int = 0, limit: int = 50) -> Sequence[AnyRow]:
    return db.execute(
        _whole().where(Post.thread_id == thread_id, Post.number > after).order_by(Post.number).limit(limit)
    ).all()


def as_dict(row: AnyRow, files: Sequence[Attachment], base_url: str) -> dict[str, Any]:
    """A post as the API and the export show it. `row` as `whole` gives it."""
    return {
        "id": row.id,
        "thread": row.thread_id,
        "parent": row.parent_id,
        "author": {"id": row.author_id, "name": row.author},
        "sent_at": row.sent_at.isoformat(),
        "language": row.language,
        "text": row.text,
        "html": row.html,
        "folded": row.folded,
        "attachments": [attachments.as_dict(file, base_url) for file in files],
        "came_by": row.came_by,
        "message_id": row.message_id,
        "url": f"{base_url}/p/{row.id}",
        "number": row.number,
        "subject": row.subject,
    }


def _whole() -> Any:
    return (
        select(
            Post.id,
            Post.network_id,
            Post.thread_id,
            Post.number,
            Post.parent_id,
            Post.author_id,
            Member.name.label("author"),
            Organisation.name.label("organisation"),
            Post.sent_at,
            Post.language,
            Post.text,
            Post.html,
            Post.folded,
            Post.folded_html,
            Post.came_by,
            Post.message_id,
            Post.mail_id,
            Thread.subject,
            Network.slug,
            Network.name.label("network"),
        )
        .join(Member, Member.id == Post.author_id)
        .outerjoin(Organisation, Organisation.id == Member.organisation_id)
        .join(Thread, Thread.id == Post.thread_id)
        .join(Network, Network.id == Post.network_id)
    )


def _known(db: Db, draft: Draft) -> Post | None:
    if same := by_message_id(db, draft.network_id, [draft.message_id]):
        return db.get(Post, same.id)
    return db.scalar(select(Post).where(Post.form_key == draft.form_key)) if draft.form_key else None


def _check_content(draft: Draft) -> None:
    if not draft.text.strip() and not draft.uploads:
        raise EmptyPost
    limit = MAX_MAIL_TEXT if draft.came_by in ("mail", "import") else MAX_TEXT
    if len(draft.text) > limit:
        raise TextTooLong(limit=limit)
    if draft.thread_id is None and not text.one_line(draft.subject):
        raise SubjectMissing


def _thread(db: Db, draft: Draft) -> Thread:
    if draft.thread_id is None:
        return threads.start(db, draft.network_id, text.one_line(draft.subject, MAX_SUBJECT), draft.sent_at)
    thread = moving.now_at(db, threads.find_thread(db, draft.thread_id))
    if thread.locked_at is not None:
        raise ThreadLocked(subject=thread.subject)
    return thread


def _html(draft: Draft) -> str:
    return text.from_mail(draft.text) if draft.came_by in ("mail", "import") else text.from_markdown(draft.text)
