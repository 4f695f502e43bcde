"""Messages on a page, and their permanent addresses."""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from forum import attachments, moving, networks, outbox, posts, threads
from forum.db import AnyRow
from forum.errors import NotFound, PostNotFound
from forum.tables import Attachment, Network, Thread
from forum.web import page
from forum.web.paths import page_of, post_path
from forum.web.visit import Visit

FRESH_S = 300  # a name that changes is seen everywhere after so long


def show_post(visit: Visit) -> Response:
    """A message's permanent address leads to where it stands now."""
    row = readable_post(visit)
    return page.redirect(post_path(row.slug, row.thread_id, row.subject, row.number))


def readable_post(visit: Visit) -> AnyRow:
    """The post in the path, if one may read it; one in a private network does not exist for others."""
    row = posts.whole(visit.db, visit.number("post"))
    network = visit.db.get_one(Network, row.network_id)
    try:
        networks.check_readable(visit.db, network, visit.member, visit.mail_address(row.slug, "owner"))
    except NotFound:
        raise PostNotFound from None
    return row


@dataclass(frozen=True)
class May:
    """What a reader may do with a post: it looks the same to all who may do the same."""

    reply: bool
    change: bool


def shown(visit: Visit, thread: Thread, after: int, role: str, *, may_reply: bool) -> tuple[list[dict[str, Any]], bool]:
    """A page of posts, each with its HTML, and whether more follow. The HTML is the same for many, so it is kept.
    `role` is the reader's in the network."""
    index = threads.numbers_in(visit.db, thread.id, after)
    may = {row.id: May(may_reply, moving.may_change_as(role, row.author_id, visit.member)) for row in index.rows}
    keys = {row.id: _key(visit, thread, row, may[row.id]) for row in index.rows}
    kept = {post_id: visit.site.fragments.find(key) for post_id, key in keys.items()}
    if missing := {post_id: keys[post_id] for post_id, html in kept.items() if html is None}:
        kept |= _made(visit, thread, after, missing, may)
    since, me = visit.unread_since, visit.member and visit.member.id
    first_new = next((row.id for row in index.rows if since and row.sent_at > since and row.author_id != me), None)
    found = [{"html": kept[row.id], "number": row.number, "is_first_new": row.id == first_new} for row in index.rows]
    return found, index.next is not None


def _made(
    visit: Visit, thread: Thread, after: int, missing: Mapping[int, Hashable], may: Mapping[int, May]
) -> dict[int, str | None]:
    """Only the ones that are not there: in a lively thread that is the newest."""
    rows = [row for row in threads.posts_in(visit.db, thread.id, after).rows if row.id in missing]
    ids = [row.id for row in rows]
    files, mailed = attachments.of_posts(visit.db, ids), outbox.mailed_to(visit.db, ids)
    return {
        row.id: visit.site.fragments.keep(
            missing[row.id], _html(visit, row, files.get(row.id, []), mailed.get(row.id, 0), may[row.id])
        )
        for row in rows
    }


def _key(visit: Visit, thread: Thread, row: AnyRow, may: May) -> tuple[object, ...]:
    """After a change in its thread a post may have another number, answer another one, or show what was folded."""
    where, when = (thread.id, thread.changes, row.number, row.id), int(visit.now.timestamp()) // FRESH_S
    return "post", *where, visit.language, visit.time_zone, may.reply, may.change, when


def _html(visit: Visit, row: AnyRow, files: Sequence[Attachment], mailed_to: int, may: May) -> str:
    return page.piece(
        visit,
        "threads/post.html",
        post=row,
        html=under_our_headings(row.html),
        folded=under_our_headings(row.folded_html),
        files=files,
        mailed_to=mailed_to,
        may=may,
        when=visit.moment(row.sent_at),
        parent_link=row.parent_number and _link(page_of(row.parent_number), page_of(row.number), row.parent_number),
        page_of=page_of(row.number),
        has_other_language=row.language != visit.language,
    )


def _link(there: int, here: int, number: int) -> str:
    return f"#post-{number}" if there == here else f"?after={there}#post-{number}"


def under_our_headings(html: str) -> str:
    """The page has h1, the messages h2; what members write as headings stands below them."""
    return re.sub(r"<(/?)h([1-6])\b", lambda tag: f"<{tag[1]}h{min(6, int(tag[2]) + 2)}", html)
