"""Attachments: files that belong to a post."""

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from forum.db import Db
from forum.errors import AttachmentNotFound
from forum.files import Files
from forum.tables import Attachment, Post
from forum.text import one_line

SHOWN_INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"})
_CONTENT_ID = re.compile(r"[!-;=?-~]{1,200}")


@dataclass(frozen=True)
class Upload:
    """A file whose bytes are kept already, under `digest`."""

    name: str
    media_type: str
    size: int
    digest: str
    content_id: str | None = None


def keep(files: Files, name: str, media_type: str, data: bytes, content_id: str | None = None) -> Upload:
    """Before the transaction: bytes first, then the row that speaks of them."""
    return Upload(
        clean_name(name), clean_type(media_type, name), len(data), files.keep(data), clean_content_id(content_id)
    )


def attach(db: Db, post: Post, uploads: Sequence[Upload]) -> None:
    if uploads:
        db.execute(
            insert(Attachment),
            [
                {
                    "post_id": post.id,
                    "name": up.name,
                    "media_type": up.media_type,
                    "size": up.size,
                    "digest": up.digest,
                    "content_id": up.content_id,
                }
                for up in uploads
            ],
        )


def of_posts(db: Db, post_ids: Sequence[int]) -> dict[int, list[Attachment]]:
    """One query for a whole page."""
    found: dict[int, list[Attachment]] = {}
    for file in (
        db.scalars(select(Attachment).where(Attachment.post_id.in_(post_ids)).order_by(Attachment.id))
        if post_ids
        else []
    ):
        found.setdefault(file.post_id, []).append(file)
    return found


def find_attachment(db: Db, attachment_id: int) -> Attachment:
    if file := db.get(Attachment, attachment_id):
        return file
    raise AttachmentNotFound


def clean_name(name: str) -> str:
    """What comes from others as a file name: its last part, one line, not hidden, not empty."""
    return one_line(name.replace("\\", "/").rpartition("/")[2], 120).lstrip(".") or "file"


def clean_type(media_type: str, name: str) -> str:
    """A media type that can stand in a header; the name decides when the sender did not say."""
    given = media_type.split(";", maxsplit=1)[0].strip().lower()
    if (
        given in ("", "application/octet-stream")
        or not all(c.isascii() and (c.isalnum() or c in "/.+-_") for c in given)
        or given.count("/") != 1
    ):
        return mimetypes.guess_type(name)[0] or "application/octet-stream"
    return given


def clean_content_id(content_id: str | None) -> str | None:
    """One that can stand in a header between angle brackets, as it stood in the mail it came with; else none."""
    return content_id if content_id and _CONTENT_ID.fullmatch(content_id) else None


def as_dict(file: Attachment, base_url: str) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "type": file.media_type,
        "size": file.size,
        "url": f"{base_url}/a/{file.id}",
    }
