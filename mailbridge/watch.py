"""Who lives: whose claims have only run out by the clock, and whose are nobody's any more."""

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select, update

from forum.db import Db
from forum.tables import Inbox, Outbox

LOOK_S, DEAD_S = 5.0, 30.0


class Watch:
    """Clocks jump, and on two machines they differ: by them a lease may have run out at once. Who is sending renews theirs
    every second, so that only who was seen not to for half a minute, as it passes here, has died."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._next = seconds, seconds()
        self._seen: dict[str, tuple[datetime, float]] = {}  # claim -> until when, and since when it has not changed
        self.dead: list[str] = []

    def look(self, db: Db, now: datetime) -> None:
        """Every few seconds; on an ordinary day there is nothing to be seen."""
        if (passed := self._seconds()) < self._next:
            return
        self._next = passed + LOOK_S
        run_out = select(Outbox.claim, func.max(Outbox.due_at)).where(
            Outbox.done_at.is_(None), Outbox.due_at <= now, Outbox.claim.is_not(None)
        )
        found = {claim: until for claim, until in db.execute(run_out.group_by(Outbox.claim)) if claim}
        self._seen = {claim: self._since(claim, until, passed) for claim, until in found.items()}
        self.dead = [claim for claim, (_, since) in self._seen.items() if passed - since >= DEAD_S]

    def _since(self, claim: str, until: datetime, passed: float) -> tuple[datetime, float]:
        before = self._seen.get(claim)
        return before if before and before[0] == until else (until, passed)

    def begin_anew(self) -> None:
        """The database was away: nobody could renew anything."""
        self._seen, self.dead = {}, []


def bring_forward(db: Db, now: datetime) -> None:
    """What was never tried is due: when it waits for an hour to come, the clock has been put back since."""
    posts = update(Outbox).where(Outbox.done_at.is_(None), Outbox.tries == 0, Outbox.post_id.is_not(None))
    mails = update(Inbox).where(Inbox.fate.is_(None), Inbox.tries == 0)
    for early, table in ((posts, Outbox), (mails, Inbox)):
        db.execute(early.where(table.due_at > now).values(due_at=now).execution_options(synchronize_session=False))
