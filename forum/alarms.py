"""Alarms: the operator gets a mail when something is wrong, at most one a day of each kind, and one when it is well again."""

from datetime import datetime, timedelta

from sqlalchemy import select

from forum import health, members
from forum.db import Db
from forum.health import PATIENCE, Trouble
from forum.i18n import translations
from forum.limits import DAY
from forum.members import Recipient
from forum.notices import owe_notice
from forum.tables import Alarm
from forum.world import World

EVERY = timedelta(minutes=1)


def _(sentence: str) -> str:
    """Marks words for translation."""
    return sentence


ABOUT = {
    "failed": _("incoming mail failed"),
    "unwritten": _("outgoing mail cannot be written"),
    "inbox": _("incoming mail waits"),
    "outbox": _("outgoing mail waits"),
    "flood": _("much mail comes back"),
    "disk": _("the disk is nearly full"),
}


def tell_operator(world: World) -> None:
    """Looks first: while all is well nothing is written."""
    now, operator = world.clock(), world.settings.operator
    with world.database.reading() as db:
        troubles = health.look(db, now, world.settings.data).troubles
        is_open = db.scalar(select(Alarm.kind).where(Alarm.well_at.is_(None)).limit(1)) is not None
    if operator and (troubles or is_open):
        with world.database.transaction() as db:
            _tell(db, world, troubles)


def _tell(db: Db, world: World, troubles: list[Trouble]) -> None:
    to, now = _operator(db, world.settings.operator), world.clock()
    known = {alarm.kind: alarm for alarm in db.scalars(select(Alarm).with_for_update())}
    for trouble in troubles:
        alarm = known.get(trouble.kind)
        if alarm is None or now - alarm.told_at >= DAY:
            _owe(db, to, "alarm", trouble.kind, now, sentence=_in_words(trouble, to.language))
            alarm = db.merge(Alarm(kind=trouble.kind, told_at=now, seen_at=now, well_at=None))
        alarm.seen_at = now
    gone = known.keys() - {trouble.kind for trouble in troubles}
    for alarm in (known[kind] for kind in sorted(gone)):
        if alarm.well_at is None and now - alarm.seen_at >= PATIENCE:  # what comes and goes is not well
            _owe(db, to, "well_again", alarm.kind, now)
            alarm.well_at = now


def _owe(db: Db, to: Recipient, notice: str, what: str, now: datetime, **facts: str) -> None:
    owe_notice(db, to, notice, now, what=what, about=translations(to.language).gettext(ABOUT[what]), **facts)


def _operator(db: Db, address: str) -> Recipient:
    """In their own language, if they are a member as well."""
    member = members.by_address(db, address)
    return Recipient(address, "", member.language if member else "en")


def _in_words(trouble: Trouble, language: str) -> str:
    return translations(language).gettext(trouble.sentence) % trouble.facts
