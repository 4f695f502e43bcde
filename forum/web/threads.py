"""Pages of discussions: reading one, starting one, answering, following."""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from starlette.responses import Response

from forum import language, moving, networks, outbox, posts, subscriptions, threads
from forum.db import AnyRow
from forum.errors import BadChoice, NotFound, ThreadNotFound
from forum.subscriptions import Standing
from forum.tables import Network, Post, Thread
from forum.text import excerpt
from forum.threads import PAGE
from forum.web import page
from forum.web.absence import away_until
from forum.web.paths import page_of, post_path, thread_path
from forum.web.posts import shown
from forum.web.visit import Visit


def show_thread(visit: Visit) -> Response:
    thread, network = readable_thread(visit)
    path = thread_path(network.slug, thread.id, thread.subject)
    if visit.request.url.path != path and visit.request.method == "GET":
        return page.redirect(path + (f"?{visit.request.url.query}" if visit.request.url.query else ""), 301)
    mine = _mine(visit, thread)
    if visit.refusal and not _may_reply(thread, network, mine):
        raise visit.refusal  # there is no form here to show again: the refusal's own page keeps what was typed
    tag = page.tag(*_version(visit, thread), *astuple(mine))
    if visit.refusal is None and tag in visit.request.headers.get("if-none-match", ""):
        return page.unchanged(tag)
    if "posts" in visit.request.query_params:
        return page.fragment(_new_posts(visit, thread, network, mine), tag)
    return page.tagged(_whole_page(visit, thread, network, mine), tag)


def show_news(visit: Visit) -> Response:
    """A stream that says when there is something new, as long as the page is open."""
    thread, _ = readable_thread(visit)
    member_id = visit.member.id if visit.member else None
    return visit.site.live.stream(thread.id, threads.version(thread), member_id, visit.peer)


def show_new(visit: Visit) -> Response:
    """The empty form; or the one that was refused, as it was typed."""
    network = networks.find_readable(
        visit.db, visit.word("slug"), visit.signed_in, visit.mail_address(visit.word("slug"), "owner")
    )
    posts.check_may_post(visit.db, network, visit.signed_in.id, visit.mail_address(network.slug, "owner"))
    mine = subscriptions.standing(visit.db, network.id, None, visit.signed_in.id)
    return page.render(
        visit,
        "threads/new.html",
        network=network,
        will_reach=_will_reach(visit, network.id, None, mine),
        form_key=_form_key(visit),
    )


def start(visit: Visit) -> Response:
    network = networks.find_readable(visit.db, visit.word("slug"), visit.signed_in)
    return _accepted(visit, network, subject=visit.form["subject"])


def write_reply(visit: Visit) -> Response:
    thread, network = readable_thread(visit)
    parent = _answered(visit, thread)
    return _accepted(visit, network, thread_id=thread.id, parent_id=parent and parent.id)


def set_subscription(visit: Visit) -> Response:
    """follow, mute, or usual: as the network's mode says."""
    member = visit.signed_in
    thread, network = readable_thread(visit)
    wanted = visit.form["wanted"]
    if wanted == "follow":
        subscriptions.follow(visit.db, thread, member, visit.now)
    elif wanted == "mute":
        subscriptions.mute(visit.db, thread, member, visit.now)
    elif wanted == "usual":
        subscriptions.clear(visit.db, thread, member)
    else:
        raise BadChoice(given=wanted, choices="follow, mute, usual")
    return page.redirect(thread_path(network.slug, thread.id, thread.subject) + "#follow")


def listed(visit: Visit, rows: Sequence[AnyRow]) -> list[dict[str, Any]]:
    """Threads for a list: whether something is new, and the HTML, which many readers share."""
    since = visit.unread_since
    return [_listed(visit, row, since is not None and row.last_post_at > since) for row in rows]


def readable_thread(visit: Visit) -> tuple[Thread, Network]:
    thread = moving.now_at(visit.db, threads.find_thread(visit.db, visit.number("thread")))
    network = visit.db.get_one(Network, thread.network_id)
    try:
        networks.check_readable(visit.db, network, visit.member, visit.mail_address(network.slug, "owner"))
    except NotFound:
        raise ThreadNotFound from None
    return thread, network


def _listed(visit: Visit, row: AnyRow, is_unread: bool) -> dict[str, Any]:
    when = visit.short_moment(row.last_post_at)
    key = ("listed", tuple(row), is_unread, when, visit.language, visit.time_zone)
    return {
        "is_unread": is_unread,
        "html": visit.site.fragments.made(key, lambda: _list_item(visit, row, is_unread, when)),
    }


def _list_item(visit: Visit, row: AnyRow, is_unread: bool, when: str) -> str:
    path = thread_path(row.slug if "slug" in row._fields else visit.word("slug").lower(), row.id, row.subject)
    last = page_of(row.posts)
    return page.piece(
        visit,
        "threads/listed.html",
        row=row,
        path=f"{path}{f'?after={last}' if last else ''}#new" if is_unread else path,
        is_unread=is_unread,
        when=when,
        moment=visit.moment(row.last_post_at),
    )


def _mine(visit: Visit, thread: Thread) -> Standing:
    if visit.member is None:
        return Standing()
    return subscriptions.standing(visit.db, thread.network_id, thread.id, visit.member.id)


def _version(visit: Visit, thread: Thread) -> tuple[object, ...]:
    """Everything the page depends on, apart from `_mine`."""
    return (
        thread.posts,
        thread.last_post_at,
        thread.locked_at,
        thread.changes,
        visit.member and (visit.member.id, visit.member.coordinates),
        visit.language,
        visit.time_zone,
        visit.unread_since,
        away_until(visit),
    )


def _whole_page(visit: Visit, thread: Thread, network: Network, mine: Standing) -> Response:
    after = visit.asked_number("after")
    found, more = shown(visit, thread, after, mine.role, may_reply=_may_reply(thread, network, mine))
    answered = _answered(visit, thread) if visit.asked("reply") else None
    return page.render(
        visit,
        "threads/thread.html",
        private=network.visibility != "public",
        thread=thread,
        network=network,
        path=thread_path(network.slug, thread.id, thread.subject),
        posts=found,
        pages=[(start, min(start + PAGE, thread.posts)) for start in range(0, thread.posts, PAGE)],
        after=after,
        is_last_page=not more,
        mine=mine,
        away_until=away_until(visit),
        may_reply=_may_reply(thread, network, mine),
        owner=visit.mail_address(network.slug, "owner"),
        will_reach=_will_reach(visit, network.id, thread.id, mine) if _may_reply(thread, network, mine) else 0,
        answered=answered and _excerpted(visit, answered),
        form_key=_form_key(visit),
        started=visit.moment(thread.started_at),
    )


def _new_posts(visit: Visit, thread: Thread, network: Network, mine: Standing) -> str:
    """Only the posts after a number: what the script asks for while someone reads."""
    after = visit.asked_number("posts")
    found, _ = shown(visit, thread, after, mine.role, may_reply=_may_reply(thread, network, mine))
    return "".join(post["html"] for post in found)


def _may_reply(thread: Thread, network: Network, mine: Standing) -> bool:
    open_to_me = mine.role == "contact" or (bool(mine.mode) and network.posting == "members")
    return open_to_me and network.state != "archived" and thread.locked_at is None


def _will_reach(visit: Visit, network_id: int, thread_id: int | None, mine: Standing) -> int:
    """To how many besides oneself. Counted once a minute: in a large network counting takes longer than all else."""
    key = ("reach", network_id, thread_id, int(visit.now.timestamp()) // 60)
    wanting = visit.site.fragments.made(
        key, lambda: str(outbox.count_wanting(visit.db, network_id, visit.now, thread_id))
    )
    return max(0, int(wanting) - (mine.wants_mail and not away_until(visit)))


def _answered(visit: Visit, thread: Thread) -> Post | None:
    """The post that is answered, if it is one of this thread."""
    post = posts.by_id(visit.db, visit.asked_number("reply"))
    return post if post and post.thread_id == thread.id else None


def _excerpted(visit: Visit, post: Post) -> dict[str, Any]:
    row = posts.whole(visit.db, post.id)
    return {
        "id": post.id,
        "number": post.number,
        "author": row.author,
        "language": post.language,
        "text": excerpt(post.text),
    }


def _accepted(visit: Visit, network: Network, **where: Any) -> Response:
    member = visit.signed_in
    text = visit.form["text"]
    draft = posts.Draft(
        network_id=network.id,
        author_id=member.id,
        text=text,
        message_id=visit.world.new_message_id(),
        came_by="web",
        sent_at=visit.now,
        language=language.detect(text, network.language),
        uploads=visit.form.uploads,
        form_key=_sent_key(visit, member.id),
        owner=visit.mail_address(network.slug, "owner"),
        **where,
    )
    post = posts.accept(visit.db, draft, visit.now, visit.world.settings.daily_cap).post
    thread = threads.find_thread(visit.db, post.thread_id)
    return page.redirect(post_path(network.slug, thread.id, thread.subject, post.number))


def _form_key(visit: Visit) -> str:
    return visit.form["form_key"] or visit.world.random(12).hex()


def _sent_key(visit: Visit, member_id: int) -> str | None:
    """The same for a double click; another for another text, so that a page out of the browser's history loses none."""
    if not visit.form["form_key"]:
        return None
    what = f"{member_id}\n{visit.form['form_key']}\n{visit.form['subject']}\n{visit.form['text']}"
    return hashlib.sha256(what.encode()).hexdigest()[:40]
