"""Who got a message, and why oneself did or did not: the page and the API."""

from dataclasses import asdict
from typing import Any

from starlette.responses import JSONResponse, Response

from forum import ledger, members, posts
from forum.errors import BadChoice
from forum.ledger import STATE_OF, Line
from forum.tables import Post
from forum.web import page, words
from forum.web.bounces import paused_address
from forum.web.paths import post_path
from forum.web.posts import readable_post
from forum.web.visit import Visit


def show_deliveries(visit: Visit) -> Response:
    """The sums for everybody, their own line for each member, and all lines for who looks after the network."""
    row = readable_post(visit)
    post = posts.find_post(visit.db, row.id)
    sums, said = ledger.deliveries(visit.db, post), visit.translations.gettext
    state = visit.asked("state") if visit.asked("state") in words.STATES else ""
    mine = ledger.line_of(visit.db, post, visit.member.id) if visit.member else None
    names = ledger.may_see_members(visit.db, post.network_id, visit.member)
    lines, following = ledger.members_of(visit.db, post, state, visit.asked_number("after")) if names else ([], None)
    return page.render(
        visit,
        "ledger/deliveries.html",
        post=row,
        path=post_path(row.slug, row.thread_id, row.subject, row.number),
        when=visit.moment(row.sent_at),
        of=sums.of,
        sums=[(name, said(words.STATES[name]), getattr(sums, name)) for name in words.STATES if getattr(sums, name)],
        mine=mine and _told(visit, mine),
        why=_why_mine(visit, mine),
        paused_address=paused_address(visit) if mine and mine.why == "unreachable" else "",
        names=names,
        state=state,
        lines=[_told(visit, line) for line in lines],
        next=following,
        is_later_page=bool(visit.asked("after")),
    )


def show_sums(visit: Visit) -> Response:
    return JSONResponse(asdict(ledger.deliveries(visit.db, _post(visit))))


def show_members(visit: Visit) -> Response:
    post, state = _post(visit), visit.asked("state")
    ledger.check_may_see_members(visit.db, post.network_id, visit.member)
    if state and state not in STATE_OF.values():
        raise BadChoice(given=state, choices=", ".join(dict.fromkeys(STATE_OF.values())))
    lines, following = ledger.members_of(visit.db, post, state, visit.asked_number("after"))
    return JSONResponse({"items": [_as_dict(line) for line in lines], "next": following and str(following)})


def _post(visit: Visit) -> Post:
    return posts.find_post(visit.db, readable_post(visit).id)


def _told(visit: Visit, line: Line) -> dict[str, Any]:
    return {
        "line": line,
        "why": visit.translations.gettext(words.WHY[line.why]),
        "when": line.at and visit.moment(line.at),
    }


def _why_mine(visit: Visit, line: Line | None) -> str:
    """A sentence; "" for who is not signed in."""
    if visit.member is None:
        return ""
    to, why = members.recipient(visit.db, visit.member.id), line.why if line else ""
    return visit.translations.gettext(words.WHY_MINE[why]) % {"address": to.address if to else ""}


def _as_dict(line: Line) -> dict[str, Any]:
    return {
        "member": {"id": line.member_id, "name": line.name},
        "state": line.state,
        "why": line.why,
        "at": line.at and line.at.isoformat(),
        "answer": line.answer,
        "tries": line.tries,
    }
