"""Stopping a network's mail by the link in each of them, without signing in (RFC 8058)."""

from starlette.responses import Response

from forum import memberships
from forum.errors import LinkNotValid
from forum.tables import Member, Membership, Network
from forum.web import page
from forum.web.visit import Visit


def show_unsubscribe(visit: Visit) -> Response:
    """Only asks: mail scanners follow every link."""
    network, member, membership = _meant(visit)
    return page.render(
        visit.in_language(member.language),
        "unsubscribe.html",
        network=network,
        is_stopped=membership is None or membership.mode == "none",
        address=visit.mail_address(network.slug, "leave"),
    )


def unsubscribe(visit: Visit) -> Response:
    """Pressed here, or by a mail program without asking. Twice is the same as once."""
    network, member, membership = _meant(visit)
    if membership:
        memberships.set_mode(visit.db, network, member, "none", visit.now)
    return page.render(
        visit.in_language(member.language),
        "unsubscribe.html",
        network=network,
        is_stopped=True,
        address=visit.mail_address(network.slug, "leave"),
    )


def _meant(visit: Visit) -> tuple[Network, Member, Membership | None]:
    numbers = visit.linked("unsubscribe", 2)
    network, member = visit.db.get(Network, numbers[0]), visit.db.get(Member, numbers[1])
    if network is None or member is None:
        raise LinkNotValid
    return network, member, visit.db.get(Membership, numbers)
