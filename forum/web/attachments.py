"""Files of messages, for whoever may read the message."""

from starlette.responses import Response

from forum import attachments, networks, posts
from forum.attachments import SHOWN_INLINE
from forum.errors import AttachmentNotFound, NotFound
from forum.tables import Network
from forum.web import page
from forum.web.kept_file import KeptFile
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
    answer = KeptFile(
        file,
        visit.world.files,
        inline=file.media_type in SHOWN_INLINE,
        refused=lambda refusal: page.sealed(page.refused(visit, refusal), visit.request),
    )
    answer.headers["Content-Security-Policy"] = ALONE if file.media_type == "application/pdf" else SANDBOXED
    answer.headers["Cache-Control"] = "private, max-age=3600"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
