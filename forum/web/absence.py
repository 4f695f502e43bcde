"""When I am away: the days as my own page asks for them, and what other pages say of it."""

from datetime import date
from typing import Any

from starlette.responses import Response

from forum import absence, i18n
from forum.errors import AbsenceUnclear
from forum.i18n import zone
from forum.web import page
from forum.web.visit import Visit


def change(visit: Visit) -> Response:
    """The first day may be left out: it is today then."""
    member = visit.signed_in
    if visit.form["back"]:
        absence.come_back(visit.db, member, visit.now)
    else:
        first = _day(visit.form["first"]) if visit.form["first"] else _today(visit)
        absence.go_away(visit.db, member, first, _day(visit.form["last"]), visit.now)
    return page.redirect("/me#absence")


def said(visit: Visit) -> dict[str, Any]:
    """For the form on one's own page: what was typed where that was refused, else the absence that is or comes."""
    member = visit.signed_in
    days = None if absence.has_ended(member, visit.now) else absence.of(member)
    first, last = (day.isoformat() for day in days) if days else (_today(visit).isoformat(), "")
    if isinstance(visit.refusal, AbsenceUnclear):
        first, last = visit.form["first"], visit.form["last"]
    return {
        "days": days and i18n.days(*days, visit.language),
        "has_begun": absence.is_away(member, visit.now),
        "first": first,
        "last": last,
        "today": _today(visit).isoformat(),
    }


def away_until(visit: Visit) -> str:
    """The last day of an absence that has begun; "" for all others."""
    member = visit.member
    days = absence.of(member) if member and absence.is_away(member, visit.now) else None
    return i18n.day(days[1], visit.language) if days else ""


def _today(visit: Visit) -> date:
    return visit.now.astimezone(zone(visit.time_zone)).date()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise AbsenceUnclear from None
