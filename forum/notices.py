"""Notices: mails that are not posts. What is to be said is owed here; how it is worded is the bridge's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from forum import limits
from forum.db import Db
from forum.limits import DAY, HOUR
from forum.members import Recipient, fold
from forum.tables import Notice, Outbox

STRANGERS_OF_A_DOMAIN_AN_HOUR, STRANGERS_AN_HOUR = 20, 200


def owe_notice(db: Db, to: Recipient, kind: str, now: datetime, **facts: Any) -> Notice:
    """Promises one mail of this kind. `facts` are plain JSON."""
    return owe_notices(db, kind, now, [(to, facts)])[0]


def owe_notices(db: Db, kind: str, now: datetime, owed: Sequence[tuple[Recipient, dict[str, Any]]]) -> list[Notice]:
    """Promises a mail of this kind to each, in two statements whatever their number."""
    notices = [
        Notice(kind=kind, address=to.address, member_id=to.member_id, language=to.language, owed_at=now, facts=facts)
        for to, facts in owed
    ]
    db.add_all(notices)
    db.flush()
    db.add_all(Outbox(notice_id=notice.id, due_at=now) for notice in notices)
    return notices


def owed_lately(db: Db, address: str, kind: str, now: datetime) -> int:
    """How many notices of this kind were owed to this address within a day."""
    lately = (Notice.address == address) & (Notice.kind == kind) & (Notice.owed_at > now - DAY)
    return db.scalar(select(func.count()).select_from(Notice).where(lately)) or 0


def owe_once_a_day(db: Db, to: Recipient, kind: str, now: datetime, **facts: Any) -> bool:
    """Never two of a kind to an address within a day, so that nobody is flooded through us."""
    key = fold(to.address)
    if owed_lately(db, key, kind, now):
        return False
    owe_notice(db, Recipient(key, to.name, to.language, to.member_id), kind, now, **facts)
    return True


def owe_answer(db: Db, to: Recipient, kind: str, now: datetime, **facts: Any) -> bool:
    """To who wrote to us. Anybody can write in a stranger's name: those get one answer a day, and all of them only so many."""
    if to.member_id is not None:
        return owe_once_a_day(db, to, kind, now, **facts)
    address = fold(to.address)
    who, domain = untagged(address), address.rpartition("@")[2]
    most = [
        (f"answer to {who}", 1, DAY),
        (f"answer at {domain}", STRANGERS_OF_A_DOMAIN_AN_HOUR, HOUR),
        ("answer to a stranger", STRANGERS_AN_HOUR, HOUR),
    ]
    if not limits.within(db, most, now):
        return False
    owe_notice(db, Recipient(address, to.name, to.language), kind, now, **facts)
    return True


def untagged(address: str) -> str:
    """eve+1@ and eve+2@ are one mailbox."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
