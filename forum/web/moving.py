"""Changing a message that stands: moving it, and showing all of it; signed in, or by the link in its author's mail."""

from starlette.responses import Response

from forum import folding, moving, networks, posts
from forum.errors import LinkNotValid, MayNotChange, ThreadNotFound
from forum.tables import Member, Network, Post
from forum.web import page
from forum.web.paths import post_path
from forum.web.posts import readable_post, under_our_headings
from forum.web.visit import Visit


def show_change(visit: Visit) -> Response:
    return _show(visit, _changeable(visit), visit.signed_in)


def change(visit: Visit) -> Response:
    """On to where it stands then, for who may look there."""
    post = _changeable(visit)
    _change(visit, post, visit.signed_in)
    if not _may_read(visit, post, visit.signed_in):
        return page.redirect(f"{visit.request.url.path}?done=1")
    row = posts.whole(visit.db, post.id)
    return page.redirect(post_path(row.slug, row.thread_id, row.subject, row.number))


def show_change_by_link(visit: Visit) -> Response:
    """Only shows: mail scanners follow every link."""
    post, member = _meant(visit)
    return _show(visit.in_language(member.language), post, member)


def change_by_link(visit: Visit) -> Response:
    """Back to the same page: the discussion may be for those only who are signed in."""
    post, member = _meant(visit)
    _change(visit, post, member)
    return page.redirect(f"{visit.request.url.path}?done=1")


def _changeable(visit: Visit) -> Post:
    """The post in the path, if one may change it; what one may neither change nor read does not exist."""
    member = visit.signed_in
    post = posts.find_post(visit.db, visit.number("post"))
    if not moving.may_change(visit.db, post, member):
        raise MayNotChange(network=readable_post(visit).network)
    return post


def _meant(visit: Visit) -> tuple[Post, Member]:
    numbers = visit.linked("change", 2)
    post, member = visit.db.get(Post, numbers[0]), visit.db.get(Member, numbers[1])
    if post is None or member is None:
        raise LinkNotValid
    moving.check_may_change(visit.db, post, member)
    return post, member


def _change(visit: Visit, post: Post, who: Member) -> None:
    """What the button that was pressed says."""
    if visit.form["do"] == "unfold":
        folding.unfold(visit.db, post, who)
    elif thread := visit.form["thread"]:
        moving.move_to(visit.db, post, _number(thread), who)
    else:
        moving.move_out(visit.db, post, visit.form["subject"], who)


def _may_read(visit: Visit, post: Post, who: Member) -> bool:
    """Who has left a private network keeps their text, and learns no more of where it stands."""
    return networks.may_read(visit.db, visit.db.get_one(Network, post.network_id), who)


def _show(visit: Visit, post: Post, who: Member) -> Response:
    row = posts.whole(visit.db, post.id)
    may_read = _may_read(visit, post, who)
    may_move = moving.may_move(visit.db, post, who)
    words = visit.asked("q").strip()
    return page.render(
        visit,
        "moving/change.html",
        post=row,
        subject=row.subject if may_read else "",
        path=post_path(row.slug, row.thread_id, row.subject, row.number) if may_read else "",
        when=visit.moment(row.sent_at),
        landed_by=post.landed_by,
        html=under_our_headings(folding.whole_html(post)),
        is_folded=bool(post.folded),
        may_move=may_move,
        answers=len(moving.with_answers(visit.db, post)) - 1,
        places=[(place, visit.short_moment(place.last_post_at)) for place in moving.places(visit.db, post, words)]
        if may_move
        else [],
        q=words,
        is_done=bool(visit.asked("done")) and visit.refusal is None,
    )


def _number(given: str) -> int:
    if given.isascii() and given.isdigit() and len(given) <= 18:
        return int(given)
    raise ThreadNotFound
