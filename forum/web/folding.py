"""The page of a message with everything in its place, also what is folded in its discussion."""

from starlette.responses import Response

from forum import folding, moving, posts
from forum.web import page
from forum.web.paths import post_path
from forum.web.posts import readable_post, under_our_headings
from forum.web.visit import Visit


def show_whole(visit: Visit) -> Response:
    row = readable_post(visit)
    post = posts.find_post(visit.db, row.id)
    return page.render(
        visit,
        "folding/whole.html",
        post=row,
        path=post_path(row.slug, row.thread_id, row.subject, row.number),
        when=visit.moment(row.sent_at),
        html=under_our_headings(folding.whole_html(post)),
        may_unfold=bool(post.folded) and moving.may_change(visit.db, post, visit.member),
    )
