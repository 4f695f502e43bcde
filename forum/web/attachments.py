"""Files of messages, for whoever may read the message."""

from pathlib import Path

from starlette.responses import FileResponse, Response

from forum import attachments, networks, posts
from forum.attachments import SHOWN_INLINE
from forum.errors import AttachmentNotFound, NotFound
from forum.tables import Network
from forum.web.visit import Visit

# Nothing in a stranger's file may act in our name. Chromium shows no PDF in a sandbox; there its reader guards us.
ALONE = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
SANDBOXED = f"{ALONE}; sandbox"


def show_file(visit: Visit) -> Response:
    file = attachments.find_attachment(visit.db, visit.number("attachment"))
    network = visit.db.get_one(Network, posts.find_post(visit.db, file.post_id).network_id)
    try:
        networks.check_readable(visit.db, network, visit.member, visit.mail_address(network.slug, "owner"))
    except NotFound:
        raise AttachmentNotFound from None
    path = visit.world.files.path(file.digest)
    if not path.is_file():
        raise AttachmentNotFound
    return FileResponse(
        path,
        media_type=_declared(file.media_type, path),
        filename=file.name,
        content_disposition_type="inline" if file.media_type in SHOWN_INLINE else "attachment",
        headers={
            "Content-Security-Policy": ALONE if file.media_type == "application/pdf" else SANDBOXED,
            "Cache-Control": "private, max-age=3600",
            "X-Robots-Tag": "noindex",
        },
    )


def _declared(media_type: str, path: Path) -> str:
    """Text says in which letters it is written; what is not UTF-8 is nearly always Windows' own."""
    if media_type != "text/plain":
        return media_type
    try:
        path.read_bytes().decode()
    except UnicodeDecodeError:
        return "text/plain; charset=windows-1252"
    return "text/plain; charset=utf-8"
