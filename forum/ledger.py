"""The ledger: what became of a post for each who was a member when it came. Every one of them is in exactly one state.

    why           state      the first of these that is true
    author        author     they wrote it
    sent          sent       their server took the copy they were owed
    left          left       they left before their copy, or the digest it would have been in, was sent
    flood         digest     too many mails in a day: it is in a digest instead
    refused       bounced    their server did not take the copy
    bounced       bounced    their server took it, and then it came back
    deferred      deferred   their server asked us to wait
    waiting       waiting    the copy is on its way
    muted         muted      they had muted the discussion, or did before the digest in which a flood had put it
    imported      web        brought in from elsewhere: nobody was owed a mail
    away          digest     they wanted it as a mail, and were away
    digest        digest     they had chosen digests, or follow the discussion and are told of it in theirs
    unreachable   bounced    they wanted it as a mail, and mail to them had come back, so that none was owed
    web           web        they had chosen to read it here, or did before that digest

Who was owed a copy has a row in the outbox; for all others it follows from what held at that time (see history.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, tuple_

from forum import history
from forum.db import AnyRow, AnySelect, Db
from forum.digests import MODES as DIGESTS
from forum.errors import ContactsOnly
from forum.tables import Member, Membership, Network, Outbox, PastSubscription, Post, Subscription

STATE_OF = {
    "author": "author",
    "sent": "sent",
    "left": "left",
    "flood": "digest",
    "refused": "bounced",
    "bounced": "bounced",
    "deferred": "deferred",
    "waiting": "waiting",
    "muted": "muted",
    "imported": "web",
    "away": "digest",
    "digest": "digest",
    "unreachable": "bounced",
    "web": "web",
}
FLOOD = ("digest", "digested")  # outcomes
PAGE = 100


@dataclass(frozen=True)
class Deliveries:
    """How many are in which state; `of` is their sum. `each` is how many were owed a mail of their own and did not leave:
    the sum of `sent`, `waiting`, `deferred` and `bounced`."""

    of: int
    each: int
    sent: int
    waiting: int
    deferred: int
    bounced: int
    digest: int
    muted: int
    web: int
    author: int
    left: int


@dataclass(frozen=True)
class Line:
    """One member's state and why. `at`: when it was settled; of what is deferred, when it is tried again. `answer`: what the
    peer said last."""

    member_id: int
    name: str
    why: str
    at: datetime | None
    answer: str | None
    tries: int

    @property
    def state(self) -> str:
        return STATE_OF[self.why]


def deliveries(db: Db, post: Post) -> Deliveries:
    """How many members got this post in which way; one query whatever their number."""
    lines = _lines(post).subquery()
    counted = Counter[str]()
    for why, count in db.execute(select(lines.c.why, func.count()).group_by(lines.c.why)):
        counted[STATE_OF[why]] += count
    states = {state: counted[state] for state in dict.fromkeys(STATE_OF.values())}
    each = sum(counted[state] for state in ("sent", "waiting", "deferred", "bounced"))
    return Deliveries(of=counted.total(), each=each, **states)


def members_of(db: Db, post: Post, state: str = "", after: int = 0) -> tuple[Sequence[Line], int | None]:
    """A page of members by name, all or those in this state, and after whose id the next one begins."""
    lines = _lines(post).subquery()
    query = _named(lines)
    if state:
        query = query.where(lines.c.why.in_([why for why, is_so in STATE_OF.items() if is_so == state]))
    if last := db.get(Member, after) if after else None:
        query = query.where(tuple_(Member.name, Member.id) > tuple_(literal(last.name), literal(last.id)))
    rows = db.execute(query.order_by(Member.name, Member.id).limit(PAGE + 1)).all()
    return [_line(row) for row in rows[:PAGE]], rows[PAGE - 1].member_id if len(rows) > PAGE else None


def line_of(db: Db, post: Post, member_id: int) -> Line | None:
    """None for who was no member when it came."""
    row = db.execute(_named(_lines(post, member_id).subquery())).first()
    return _line(row) if row else None


def may_see_members(db: Db, network_id: int, member: Member | None) -> bool:
    """The network's contact persons and coordinators; what became of others' mail is nobody else's business."""
    membership = db.get(Membership, (network_id, member.id)) if member else None
    return member is not None and (member.coordinates or (membership is not None and membership.role == "contact"))


def check_may_see_members(db: Db, network_id: int, member: Member | None) -> None:
    if not may_see_members(db, network_id, member):
        raise ContactsOnly(network=db.get_one(Network, network_id).name)


def _lines(post: Post, member_id: int | None = None) -> AnySelect:
    """Each member when the post came, or only this one, with why they are in which state."""
    mine = history.memberships_at(post, member_id).subquery("mine")
    chosen, chosen_once = history.chosen_at(post, mine.c.member_id)
    return (
        select(
            mine.c.member_id,
            _why(post, mine.c).label("why"),
            func.coalesce(Outbox.done_at, mine.c.left_at).label("ended_at"),
            Outbox.due_at,
            Outbox.answer,
            func.coalesce(Outbox.tries, 0).label("tries"),
        )
        .select_from(mine)
        .outerjoin(Outbox, and_(Outbox.post_id == post.id, Outbox.member_id == mine.c.member_id))
        .outerjoin(Subscription, chosen)
        .outerjoin(PastSubscription, chosen_once)
    )


def _why(post: Post, mine: Any) -> ColumnElement[str]:
    """The table above. Who wanted a mail and has no row was away or could not be reached: all others were owed one."""
    muted = func.coalesce(Subscription.muted, PastSubscription.muted)
    wanted, digests = or_(muted.is_(False), mine.mode == "each"), mine.mode.in_(DIGESTS)
    is_left = mine.digested_id < post.id
    return case(
        (mine.member_id == post.author_id, "author"),
        (Outbox.outcome.in_(("sent", "left", "bounced", "muted", "web")), Outbox.outcome),
        (Outbox.outcome.in_(FLOOD), "flood"),
        (Outbox.outcome.is_not(None), "refused"),
        (Outbox.answer.is_not(None), "deferred"),
        (Outbox.id.is_not(None), "waiting"),
        (muted.is_(True), "muted"),
        (literal(not post.mails), "imported"),
        (and_(wanted, history.was_away(post, mine.member_id)), case((is_left, "left"), else_="away")),
        (digests, case((is_left, "left"), else_="digest")),
        (wanted, "unreachable"),
        else_="web",
    )


def _named(lines: Any) -> AnySelect:
    return select(lines, Member.name).join(Member, Member.id == lines.c.member_id)


def _line(row: AnyRow) -> Line:
    has_ended = STATE_OF[row.why] in ("sent", "bounced", "left") or row.why == "flood"
    at = row.due_at if row.why == "deferred" else row.ended_at if has_ended else None
    return Line(row.member_id, row.name, row.why, at, row.answer, row.tries)
