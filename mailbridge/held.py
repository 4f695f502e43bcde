"""Held mail: one in a member's name that nothing proves, or one to a member's personal address from an address nobody has.

Of the first its member is asked “was this you?”, of the second “is this address yours?”: then the row remembers the
address that was named, and no other is claimed. Whose it is by the time of the answer counts as well: so what has
changed since the question cannot be confirmed by mistake.
"""

from datetime import datetime

from sqlalchemy import select, update

from forum import mails, members
from forum.db import Db
from forum.members import fold
from forum.tables import Inbox, Mail, Member
from mailbridge.read import read

TOGETHER = 50  # how many other mails from the same address are let go with the one that was asked about


def confirm(db: Db, inbox_id: int, now: datetime, chosen: int | None = None) -> None:
    """Its member says it is theirs, or what it answers: it is worked through again, and now there is proof."""
    row = db.get(Inbox, inbox_id, with_for_update=True)
    if row is None or row.fate != "held":
        return
    row.chosen = chosen
    mail, member_id = db.get_one(Mail, row.mail_id), row.member_id
    address = row.asked_address or read(mails.here(db, mail.id)).author.address  # where a held mail's bytes are
    owner = members.by_address(db, address)
    if owner is None and row.asked_address and member_id and members.claim(db, member_id, address, now):
        for other in _others_from(db, member_id, address):
            _let_go(other, now)
    if owner is not None and owner.id == member_id:
        db.execute(update(Mail).where(Mail.id == mail.id).values(vouched=True))
    _let_go(row, now)


def is_answered_by(db: Db, inbox_id: int, author: Member | None, address: str) -> bool:
    """By the member who was asked; or from the address in question, since the question's own address went to that member only."""
    row = db.get(Inbox, inbox_id)
    if row is None:
        return False
    if author is not None or row.fate != "held":
        return author is not None and row.member_id == author.id
    return _asks_about(row, address) and members.is_free(db, address)


def _others_from(db: Db, member_id: int, address: str) -> list[Inbox]:
    waiting = select(Inbox).where(Inbox.fate == "held", Inbox.member_id == member_id).order_by(Inbox.id.desc())
    rows = db.scalars(waiting.limit(TOGETHER)).all()
    return [row for row in reversed(rows) if _asks_about(row, address)]


def _asks_about(row: Inbox, address: str) -> bool:
    return row.asked_address is not None and fold(row.asked_address) == fold(address)


def _let_go(row: Inbox, now: datetime) -> None:
    row.fate, row.due_at, row.tries, row.asked_address = None, now, 0, None
