"""My mail comes back: what pages say of it, and the button that lets it come again, with a link for who is not signed in."""

from datetime import datetime

from starlette.responses import Response

from forum import bounces
from forum.errors import LinkNotValid
from forum.tables import Address, Member
from forum.web import page
from forum.web.visit import Visit


def paused_address(visit: Visit, at: datetime | None = None) -> str:
    """Where the mail of who is signed in went until it came back, if none went there any more at that time; else ""."""
    address = bounces.paused(visit.db, visit.member.id) if visit.member else None
    is_so = address is not None and address.paused_at is not None and address.paused_at <= (at or visit.now)
    return address.address if address and is_so else ""


def resume(visit: Visit) -> Response:
    if address := bounces.paused(visit.db, visit.signed_in.id):
        bounces.resume(visit.db, address)
    return page.redirect("/me#addresses")


def show_resume(visit: Visit) -> Response:
    """Only asks: mail scanners follow every link."""
    address, member = _meant(visit)
    return _page(visit, address, member)


def resume_by_link(visit: Visit) -> Response:
    address, member = _meant(visit)
    bounces.resume(visit.db, address)
    return _page(visit, address, member)


def _page(visit: Visit, address: Address, member: Member) -> Response:
    return page.render(
        visit.in_language(member.language),
        "bounces/resume.html",
        address=address.address,
        is_paused=address.paused_at is not None,
    )


def _meant(visit: Visit) -> tuple[Address, Member]:
    [address_id] = visit.linked("resume", 1)
    address = visit.db.get(Address, address_id)
    if address is None:
        raise LinkNotValid
    return address, visit.db.get_one(Member, address.member_id)
