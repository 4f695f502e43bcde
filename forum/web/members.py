"""My own page: language, time zone, how the mail comes, where I am signed in."""

from zoneinfo import available_timezones

from starlette.responses import Response

from forum import i18n, members, memberships
from forum.tables import Organisation
from forum.web import absence, page
from forum.web.bounces import paused_address
from forum.web.visit import Visit

NEAR = ("Europe/Helsinki", "Europe/Mariehamn", "Europe/Stockholm", "Europe/Oslo", "Europe/Tallinn", "UTC")


def show_me(visit: Visit) -> Response:
    member = visit.signed_in
    organisation = visit.db.get(Organisation, member.organisation_id) if member.organisation_id else None
    return page.render(
        visit,
        "members/me.html",
        organisation=organisation and organisation.name,
        addresses=members.addresses_of(visit.db, member.id),
        networks=i18n.by_name(memberships.of_member(visit.db, member.id)),
        modes=memberships.MODES,
        absence=absence.said(visit),
        paused_address=paused_address(visit),
        near=NEAR,
        far=sorted(
            zone for zone in available_timezones() if "/" in zone and zone not in NEAR and not zone.startswith("Etc/")
        ),
    )


def change(visit: Visit) -> Response:
    member = visit.signed_in
    members.set_language(visit.db, member, visit.form["language"])
    members.set_time_zone(visit.db, member, visit.form["time_zone"])
    return page.redirect("/me")


def choose_receipts(visit: Visit) -> Response:
    visit.signed_in.receipts = bool(visit.form["receipts"])
    return page.redirect("/me#receipts")


def choose_language(visit: Visit) -> Response:
    """For visitors; a member's language stands on their own page."""
    language = members.check_language(visit.form["language"])
    response = page.onward(visit.form["next"], "/")
    page.set_cookie(response, visit.world.settings, "parvi-language", language, seconds=365 * 86_400)
    return response
