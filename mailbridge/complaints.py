"""Which of our mails a complaint (ARF, RFC 5965) is about, and what is done about it."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from forum import complaints
from forum.db import Db
from forum.tables import Network, Notice, Outbox, Post
from forum.tokens import Tokens
from mailbridge.addresses import Addresses
from mailbridge.letter import Letter


def note(db: Db, letter: Letter, outbox_id: int | None, addresses: Addresses, tokens: Tokens, now: datetime) -> str:
    """Why, for the log. Only what we signed counts: the envelope sender, or the link that stops the mail anyhow."""
    meant: dict[int, set[int]] = {}
    for network_id, member_id in _meant(db, letter, outbox_id, addresses, tokens):
        meant.setdefault(member_id, set()).add(network_id)
    stopped = [
        f"member {member_id} gets no more mail of {name}"
        for member_id, network_ids in meant.items()
        for name in complaints.stop(db, network_ids, member_id, now)
    ]
    return ": ".join(["a complaint", *([", ".join(stopped)] if stopped else [])])


def _meant(
    db: Db, letter: Letter, outbox_id: int | None, addresses: Addresses, tokens: Tokens
) -> Iterator[tuple[int, int]]:
    """Network and member."""
    if outbox_id is not None:
        yield from _of_row(db, outbox_id)
    for said in letter.complained_of:
        target = addresses.read(said)
        numbers = tokens.read("unsubscribe", said.rpartition("/u/")[2]) if "/u/" in said else None
        if target is not None and target.kind == "bounce":
            yield from _of_row(db, target.numbers[0])
        elif numbers is not None and len(numbers) == 2:
            yield numbers[0], numbers[1]


def _of_row(db: Db, outbox_id: int) -> Iterator[tuple[int, int]]:
    """A digest is about all networks in it; a code or a receipt about none."""
    row = db.get(Outbox, outbox_id)
    if row is not None and row.post_id is not None and row.member_id is not None:
        yield db.get_one(Post, row.post_id).network_id, row.member_id
    notice = db.get(Notice, row.notice_id) if row is not None and row.notice_id is not None else None
    if notice is not None and notice.kind == "digest" and notice.member_id is not None:
        written_in = select(Post.network_id).where(Post.id.in_(notice.facts["posts"])).distinct()
        for network_id in db.scalars(select(Network.id).where(Network.id.in_(written_in))):
            yield network_id, notice.member_id
