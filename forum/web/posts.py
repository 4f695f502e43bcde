"""Messages on a page, their permanent addresses, and who got them."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from starlette.responses import Response

from forum import attachments, networks, outbox, posts, threads
from forum.attachments import Attachment
from forum.errors import NotFound, PostNotFound
from forum.tables import Network, Post, Thread
from forum.web import page
from forum.web.visit import Visit


def show_post(visit: Visit) -> Response:
    """A message's permanent address leads to where it stands now."""
    post = readable_post(visit)
    row = posts.whole(visit.db, post.id)
    return page.redirect(threads_path(row))
