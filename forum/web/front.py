"""The front page: for a member what is new, for a visitor the networks."""

from starlette.responses import Response

from forum import i18n, memberships, threads
from forum.web import page
from forum.web.bounces import paused_address
from forum.web.networks import show_networks
from forum.web.threads import listed
from forum.web.visit import Visit


def show_front(visit: Visit) -> Response:
    return _show_today(visit, visit.member.id) if visit.member else show_networks(visit)


def _show_today(visit: Visit, member_id: int) -> Response:
    lately = listed(visit, threads.lately(visit.db, visit.signed_in))
    return page.render(
        visit,
        "today.html",
        paused_address=paused_address(visit),
        unread=[thread for thread in lately if thread["is_unread"]],
        read=[thread for thread in lately if not thread["is_unread"]],
        networks=i18n.by_name(memberships.of_member(visit.db, member_id)),
        since=visit.unread_since and visit.moment(visit.unread_since),
    )
