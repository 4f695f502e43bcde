"""Signing in with a mailed code, and out again."""

from ipaddress import ip_address, ip_network
from urllib.parse import urlencode

from starlette.responses import Response

from forum import members, sign_in
from forum.errors import CodeWrong, Refusal
from forum.sign_in import SESSION_LIVES
from forum.web import page
from forum.web.paths import is_local
from forum.web.visit import Visit


def show_address(visit: Visit) -> Response:
    return page.render(visit, "sign_in/address.html", next=_next(visit))


def send_code(visit: Visit) -> Response:
    """The answer is the same whether the address is a member's or not."""
    address = visit.form["address"]
    sign_in.send_code(visit.db, address, _block(visit.peer), visit.now, visit.world.random)
    return page.redirect(
        "/sign-in/code?" + urlencode({"address": members.check_address(address), "next": _next(visit)})
    )


def show_code(visit: Visit) -> Response:
    """A link in a mail may carry the code; still only the button signs in: scanners follow links, and press none."""
    return page.render(
        visit,
        "sign_in/code.html",
        address=visit.form["address"] or visit.asked("address"),
        code="" if visit.refusal else visit.asked("code"),
        next=_next(visit),
    )


def enter(visit: Visit) -> Response:
    sign_in.check_tries(visit.db, _block(visit.peer), visit.now)
    token = sign_in.enter(visit.db, visit.form["address"], visit.form["code"], visit.now, visit.world.random)
    return signed_in(visit, token, _next(visit))


def note_wrong_try(visit: Visit, refusal: Refusal) -> None:
    if isinstance(refusal, CodeWrong):
        sign_in.note_wrong_try(visit.db, visit.form["address"], _block(visit.peer), visit.now)


def leave(visit: Visit) -> Response:
    settings = visit.world.settings
    sign_in.close_session(visit.db, visit.request.cookies.get(page.session_cookie(settings), ""))
    return _signed_out(visit)


def leave_everywhere(visit: Visit) -> Response:
    sign_in.sign_out_everywhere(visit.db, visit.signed_in, visit.now)
    return _signed_out(visit)


def signed_in(visit: Visit, token: str, onward: str) -> Response:
    response = page.onward(onward, "/")
    settings = visit.world.settings
    page.set_cookie(response, settings, page.session_cookie(settings), token, int(SESSION_LIVES.total_seconds()))
    page.drop_cookie(response, settings, "parvi-since")
    return response


def _signed_out(visit: Visit) -> Response:
    response = page.redirect("/")
    for name in (page.session_cookie(visit.world.settings), "parvi-since"):
        page.drop_cookie(response, visit.world.settings, name)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _next(visit: Visit) -> str:
    wanted = visit.form["next"] or visit.asked("next")
    return wanted if is_local(wanted) else "/"


def _block(peer: str) -> str:
    """One IPv4 address, or the /64 that an IPv6 customer has for their own. A socket for both writes IPv4 as ::ffff:192.0.2.1:
    those are no neighbours, though they all stand in one /64."""
    try:
        address = ip_address(peer)
        if mapped := getattr(address, "ipv4_mapped", None):
            return str(mapped)
        return str(ip_network((address, 64), strict=False)) if address.version == 6 else peer
    except ValueError:
        return peer
