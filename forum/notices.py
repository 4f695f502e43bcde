"""Notices: mails that are not posts. What is to be said is owed here; how it is worded is the bridge's."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from forum.db import Db
from forum.members import Recipient, fold
from forum.tables import Notice, Outbox

ONCE_A_DAY = timedelta(days=1)


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
    lately = (Notice.address == address) & (Notice.kind == kind) & (Notice.owed_at > now - ONCE_A_DAY)
    return db.scalar(select(func.count()).select_from(Notice).where(lately)) or 0


def owe_once_a_day(db: Db, to: Recipient, kind: str, now: datetime, **facts: Any) -> bool:
    """For answers to strangers: never two of a kind to an address within a day, so that nobody is flooded through us."""
    key = fold(to.address)
    if owed_lately(db, key, kind, now):
        return False
    owe_notice(db, Recipient(key, to.name, to.language, to.member_id), kind, now, **facts)
    return True
