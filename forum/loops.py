"""Loops: machines that answer each other in our discussions, and say nowhere that they are machines."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from forum.db import AnyRow, Db
from forum.errors import SaidAgain, ToAndFro
from forum.limits import DAY
from forum.tables import Post, Thread

ALIKE = 4  # so often within a day, among the newest posts of a thread: “Kiitos!” may well be said to two answers
ITS_SHARE = 3  # of a machine among three that answer each other in any order
QUICK, QUICK_TIME = 12, timedelta(minutes=5)  # so many mails between two or three members take people longer
NEWEST = 20


def check(db: Db, thread: Thread, author_id: int, text: str, sent_at: datetime) -> None:
    """Whether a person may have written this mail, as far as the thread tells. Raises SaidAgain or ToAndFro.

    By when they were sent: what a server held back for an hour comes all at once.
    """
    if thread.posts < ALIKE:
        return
    newest = db.execute(_NEWEST, {"thread": thread.id, "text": text}).all()
    alike = [row for row in newest if row.is_alike and row.author_id == author_id and sent_at - row.sent_at < DAY]
    if len(alike) >= ALIKE:
        raise SaidAgain(subject=thread.subject)
    if _is_to_and_fro(newest[:QUICK], author_id, sent_at):
        raise ToAndFro(subject=thread.subject)


def _is_to_and_fro(newest: Sequence[AnyRow], author_id: int, sent_at: datetime) -> bool:
    """Many mails of one member are no loop, even where somebody answers one of them: else whoever writes a dozen at once
    would keep everybody out."""
    writers = Counter(row.author_id for row in newest)
    return (
        len(newest) == QUICK
        and len(writers) in (2, 3)
        and newest[0].author_id != author_id
        and min(writers[author_id], writers[newest[0].author_id]) >= ITS_SHARE
        and all(row.came_by == "mail" and sent_at - row.sent_at < QUICK_TIME for row in newest)
    )


_NEWEST = (
    select(Post.author_id, Post.came_by, Post.sent_at, (Post.text == bindparam("text")).label("is_alike"))
    .where(Post.thread_id == bindparam("thread"))
    .order_by(Post.number.desc())
    .limit(NEWEST)
)
