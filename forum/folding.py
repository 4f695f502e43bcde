"""Folding: quotes and signatures of a mail stand apart from what it says; and for good back in their place."""

from forum import moving, text, threads
from forum.db import Db
from forum.tables import Member, Post


def unfold(db: Db, post: Post, who: Member) -> bool:
    """For everyone and for good, what was folded is shown in its place; False when nothing was. Raises MayNotChange."""
    moving.check_may_change(db, post, who)
    if not post.folded:
        return False
    post.text = whole(post)
    post.html = text.from_mail(post.text)
    post.folded = post.folded_html = post.whole_text = ""
    db.flush()
    threads.note_change(db, post.thread_id)
    return True


def whole(post: Post) -> str:
    """All of a message in order. Where the order was not kept, what is folded stands last, as in most mails."""
    return post.whole_text or "\n\n".join(part for part in (post.text, post.folded) if part)


def whole_html(post: Post) -> str:
    return text.from_mail(whole(post)) if post.folded else post.html
