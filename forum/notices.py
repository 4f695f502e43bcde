"""Notices: mails that are not posts. What is to be said is owed here; how it is worded is the bridge's."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from forum.db import Db
from forum.members import Recipient, fold
from forum.tables import Notice, Outbox

ONCE_A_DAY = timedelta(days=1)


def owe_notice(db: Db, to: Recipient, kind: str, now: datetime, **facts: Any) -> Notice:
    """Promises one mail of this kind. `facts` are plain JSON."""
    notice = Notice(
        kind=kind, address=to.address, member_id=to.member_id, language=to.language, owed_at=now, facts=facts
    )
    db.add(notice)
    db.flush()
    db.add(Outbox(notice_id=notice.id, due_at=now))
    return notice


def owe_once_a_day(db: Db, to: Recipient, kind: str, now: datetime, **facts: Any) -> bool:
    """For answers to strangers: never two of a kind to the same address within a day, so that nobody can be flooded through us."""
    key = fold(to.address)
    if db.scalar(
        select(Notice.id).where(Notice.address == key, Notice.kind == kind, Notice.owed_at > now - ONCE_A_DAY).limit(1)
    ):
        return False
    owe_notice(db, Recipient(key, to.name, to.language, to.member_id), kind, now, **facts)
    return True
