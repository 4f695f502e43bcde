"""Receipts: when a writer is told by mail where their own mail landed, and what of it is folded."""

from typing import Literal

from sqlalchemy import select

from forum.db import Db
from forum.tables import Member, Post
from mailbridge.letter import Letter

Why = Literal["wanted", "held", "guessed", "folded", ""]

REMEMBERED = 30  # of their latest posts in which something was folded: told of a signature there, they know


def why(db: Db, letter: Letter, author: Member, post: Post, *, was_held: bool) -> Why:
    """ "" where none is due. Quotes go without saying; a signature is told of once, or all who have one got one each time."""
    if was_held:
        return "held"
    if post.landed_by == "subject":
        return "guessed"
    if (signature := beyond_quotes(letter)) and post.folded and not _was_told_of(db, author, post, signature):
        return "folded"
    return "wanted" if author.receipts else ""


def beyond_quotes(letter: Letter) -> str:
    return "\n\n".join(part.text.strip() for part in letter.parts if part.kind == "signature")


def _was_told_of(db: Db, author: Member, post: Post, signature: str) -> bool:
    before = select(Post.folded).where(Post.author_id == author.id, Post.folded != "", Post.id != post.id)
    return any(signature in folded for folded in db.scalars(before.order_by(Post.sent_at.desc()).limit(REMEMBERED)))
