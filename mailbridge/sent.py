"""What we sent of a post and of those before it: for telling, in a mail that quotes them, what its writer typed in."""

from forum import posts
from forum.db import AnyRow, Db
from mailbridge.read.html import to_text
from mailbridge.write import PostMail, Writer

LONGEST = 200_000  # characters; nobody types answers into more, and looking for them takes time
ABOVE = 2  # posts before the answered one: people answer older mails, too


def sent_texts(db: Db, writer: Writer, post_id: int | None, language: str) -> list[str]:
    """Of each post both forms in the reader's language, the HTML one as `read` reads it; the answered post first."""
    texts: list[str] = []
    for row in _upwards(db, post_id):
        if len(row.text) > LONGEST:
            continue
        text, html = writer.forms(_as_mailed(row), language)
        texts += [text, to_text(html)]
    return texts


def _upwards(db: Db, post_id: int | None) -> list[AnyRow]:
    found: list[AnyRow] = []
    while post_id is not None and len(found) <= ABOVE:
        found.append(posts.whole(db, post_id))
        post_id = found[-1].parent_id
    return found


def _as_mailed(row: AnyRow) -> PostMail:
    """As far as its text goes; links to files that were too large are left out."""
    return PostMail(
        row.id, row.slug, row.network, False, row.subject, row.number, row.author, row.organisation or "", row.language,
        row.sent_at, row.text, row.html, row.message_id, (), "",
    )  # fmt: skip
