"""Absence: a member says when they are away; no mail comes meanwhile, and one digest afterwards tells what they missed."""

from datetime import UTC, date, datetime, time, timedelta

from forum import digests, history
from forum.db import Db
from forum.digests import has_ended, is_away
from forum.errors import AbsenceUnclear
from forum.i18n import zone
from forum.tables import Member

__all__ = ["come_back", "go_away", "has_ended", "is_away", "of"]

LONGEST = timedelta(days=366)
AHEAD = timedelta(days=731)


def go_away(db: Db, member: Member, first: date, last: date, now: datetime) -> None:
    """Both days whole, on their own clock; from now on where the first one has begun. Instead of what was said before.

    Raises AbsenceUnclear for what ends in the past or before it begins, is longer than 366 days or ends years ahead.
    """
    _check(first, last, now.astimezone(zone(member.time_zone)).date())
    digests.lock(db, member)
    was_away, is_owed = is_away(member, now), member.away_until is not None
    if not is_owed:
        digests.begin_keeping(db, member.id)
    begins = _begin(first, member.time_zone)
    if begins <= now and was_away and member.away_from:
        begins = member.away_from
    else:
        history.end_absences(db, [member.id], now)
        begins = max(begins, now)
    member.away_from, member.away_until = begins, _begin(last + timedelta(days=1), member.time_zone)
    hour = digests.next_hour(now, member.time_zone, {"daily"}) if is_owed else member.digest_due_at
    member.digest_due_at = digests.around_absence(hour, member)
    db.flush()


def come_back(db: Db, member: Member, now: datetime) -> None:
    """At once; the digest comes at the next hour for one. Who had not left yet does not leave."""
    digests.lock(db, member)
    if member.away_until is None or has_ended(member, now):
        return
    member.away_until = now
    member.digest_due_at = digests.next_hour(now, member.time_zone, {"daily"})
    db.flush()


def of(member: Member) -> tuple[date, date] | None:
    """First and last day as the member's own calendar has them."""
    if member.away_from is None or member.away_until is None:
        return None
    there = zone(member.time_zone)
    last = member.away_until - timedelta(microseconds=1)
    return member.away_from.astimezone(there).date(), last.astimezone(there).date()


def _check(first: date, last: date, today: date) -> None:
    if last < max(first, today) or last - first >= LONGEST or last - today > AHEAD:
        raise AbsenceUnclear


def _begin(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time(), zone(time_zone)).astimezone(UTC)
