"""Digests: who gets the new messages of their networks in one mail a day, a week or an absence, when, and which messages."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, update

from forum import daily_cap, history
from forum.db import AnyRow, AnySelect, Db
from forum.i18n import zone
from forum.members import Recipient
from forum.notices import owe_notices
from forum.tables import Address, Member, Membership, Outbox, Post, Subscription

MODES = ("daily", "weekly")
HOUR = time(7)  # on the member's own clock
MONDAY = 0
BATCH = 200  # members in one transaction: on SQLite all others wait meanwhile
RANGES = 200  # of new posts in one query: SQLite takes no more than a thousand
MOST = 300  # messages in one mail; the newest, and the mail says that there are more


def owe_digests(db: Db, now: datetime, limit: int = BATCH) -> int:
    """One mail to each member whose hour has come, if there is anything new for them. 0: nobody is due any more.

    Answers how many members were looked at, whether they are owed a mail or not. Their next hour is written down with
    it, and they are locked until then: nobody else owes them the same.
    """
    _come_forward(db, now)
    due = _due(db, now, limit)
    if due:
        modes = _modes(db, [row.id for row in due])
        reached = [row for row in due if row.address and not is_away(row, now)]
        over = {row.id for row in reached if has_ended(row, now)}
        back = {row.id for row in reached if _is_back(row, now)}
        fresh, beyond_cap = _fresh(db, reached, now), daily_cap.waiting(db, [row.id for row in reached])
        wanted, flooded = _wanted(fresh, beyond_cap), {row.member_id for row in beyond_cap if row.is_wanted}
        owe_notices(
            db,
            "digest",
            now,
            [
                (_recipient(row), _facts(row, wanted[row.id], is_back=row.id in back, is_over_cap=row.id in flooded))
                for row in due
                if row.id in wanted
            ],
        )
        _cover(db, fresh)
        daily_cap.settle(db, beyond_cap, now)
        _end_absences(db, over, now)
        for member_id in daily_cap.who_waits(db, [row.id for row in due]):
            modes[member_id].add("daily")
        _set_hours(db, {row.id: _hour(row, now, modes[row.id]) for row in due})
    return len(due)


def is_away(who: Member | AnyRow, now: datetime) -> bool:
    """Whether no mail of their networks goes to them now."""
    begins, ends = who.away_from, who.away_until
    return begins is not None and ends is not None and bool(begins <= now < ends)


def has_ended(who: Member | AnyRow, now: datetime) -> bool:
    """Until the digest of what they missed has been owed, what was said is kept."""
    return who.away_until is not None and bool(who.away_until <= now)


def follow_mode(db: Db, membership: Membership, before: str, now: datetime) -> None:
    """Who begins to get digests gets what is new from now on, and keeps what waits when only the rhythm changes. The member
    is locked already."""
    member = db.get_one(Member, membership.member_id)
    digested = MODES if member.away_until is None else (*MODES, "each")
    if membership.mode in digested and before not in digested:
        membership.digested_id = history.newest_post(db, membership.network_id)
    hour = around_absence(next_hour(now, member.time_zone, {membership.mode}), member)
    if hour and (member.digest_due_at is None or hour < member.digest_due_at):
        member.digest_due_at = hour


def begin_keeping(db: Db, member_id: int) -> None:
    """From now on also networks without digests know what their member has been told: posts that come until they leave
    have their row in the outbox, and those that come while they are away have none."""
    newest = select(func.coalesce(func.max(Post.id), 0)).where(Post.network_id == Membership.network_id)
    db.execute(
        update(Membership)
        .where(Membership.member_id == member_id, Membership.mode.not_in(MODES))
        .values(digested_id=newest.scalar_subquery())
    )


def lock(db: Db, member: Member) -> None:
    """Their hour and absence as they are, and nobody else changes them. Before their memberships are changed, as in
    `owe_digests`: else each could wait for the other."""
    db.refresh(member, ["digest_due_at", "away_from", "away_until"], with_for_update={"key_share": True})


def next_hour(now: datetime, time_zone: str, modes: set[str]) -> datetime | None:
    """When the next digest of someone with these modes is due: the next 7:00 there, on a Monday if all are weekly."""
    if not modes.intersection(MODES):
        return None
    hour = _last_hour(now, time_zone) + timedelta(days=1)
    if "daily" not in modes:
        hour += timedelta(days=(MONDAY - hour.weekday()) % 7)
    return hour.astimezone(UTC)


def around_absence(hour: datetime | None, who: Member | AnyRow) -> datetime | None:
    """Where an hour would come after they have left, the first one after they are back: whatever their modes, there is one."""
    begins, ends = who.away_from, who.away_until
    if begins is None or ends is None or (hour and hour < begins):
        return hour
    return next_hour(ends, who.time_zone, {"daily"})


def _come_forward(db: Db, now: datetime) -> None:
    """Whoever has reached the daily cap gets a digest at the next 7:00, also who gets none else, or only on Mondays."""
    hours = {}
    for row in daily_cap.without_hour(db, now):
        hour = around_absence(next_hour(now if row.digest_due_at else row.since, row.time_zone, {"daily"}), row)
        if hour and (row.digest_due_at is None or hour < row.digest_due_at):
            hours[row.id] = hour
    if hours:
        _set_hours(db, hours)


def _hour(row: AnyRow, now: datetime, modes: set[str]) -> datetime | None:
    """Who is back but has no address is looked at daily: what they missed waits until they have one."""
    if has_ended(row, now):
        return next_hour(now, row.time_zone, modes if row.address else {"daily"})
    return around_absence(next_hour(now, row.time_zone, modes), row)


def _is_back(row: AnyRow, now: datetime) -> bool:
    """An absence that was taken back before it began is over, and they were never away."""
    return has_ended(row, now) and bool(row.away_from < row.away_until)


def _last_hour(now: datetime, time_zone: str) -> datetime:
    """The last 7:00 on the clock there. Adding days to it keeps the hour, also when summer time begins or ends."""
    here = now.astimezone(zone(time_zone))
    hour = datetime.combine(here.date(), HOUR, here.tzinfo)
    return hour if hour <= here else hour - timedelta(days=1)


def _due(db: Db, now: datetime, limit: int) -> Sequence[AnyRow]:
    """Locked, so that another worker takes the next ones; a post may be owed to them meanwhile (hence `key_share`).

    Who has no address now, or one from which mail comes back, keeps what is new until they have one.
    """
    return db.execute(
        select(
            Member.id,
            Member.name,
            Member.language,
            Member.time_zone,
            Member.digest_due_at,
            Member.away_from,
            Member.away_until,
            Address.address,
        )
        .outerjoin(Address, and_(Address.member_id == Member.id, Address.gets_mail, Address.paused_at.is_(None)))
        .where(Member.digest_due_at <= now)
        .order_by(Member.digest_due_at, Member.id)
        .limit(limit)
        .with_for_update(of=Member, skip_locked=True, key_share=True)
    ).all()


def _modes(db: Db, member_ids: Sequence[int]) -> Mapping[int, set[str]]:
    modes = defaultdict[int, set[str]](set)
    query = select(Membership.member_id, Membership.mode).where(Membership.member_id.in_(member_ids)).distinct()
    for member_id, mode in db.execute(query):
        modes[member_id].add(mode)
    return modes


def _has_weekly(row: AnyRow, now: datetime) -> bool:
    """Whether a Monday's hour has come since they were due: a Monday on which nothing ran is made up for on Tuesday. Who
    is back waits for no Monday."""
    if _is_back(row, now):
        return True
    last = _last_hour(now, row.time_zone)
    monday = last - timedelta(days=(last.weekday() - MONDAY) % 7)
    return bool(monday.astimezone(UTC) >= row.digest_due_at)


def _fresh(db: Db, due: Sequence[AnyRow], now: datetime) -> Sequence[AnyRow]:
    """Every post that these digests cover: member, network, post, and whether the member is to be told of it. By post."""
    weekly_ids = [row.id for row in due if _has_weekly(row, now)]
    absent_ids = [row.id for row in due if row.away_until is not None]
    digesting = and_(
        Membership.member_id.in_([row.id for row in due]),
        or_(
            Membership.mode == "daily",
            and_(Membership.mode == "weekly", Membership.member_id.in_(weekly_ids)),
            and_(Membership.mode.not_in(MODES), Membership.member_id.in_(absent_ids)),
        ),
    )
    beyond = [and_(Post.network_id == network_id, Post.id > low) for network_id, low in _with_news(db, digesting)]
    rows = [
        row
        for at in range(0, len(beyond), RANGES)
        for row in db.execute(_told().where(digesting, or_(*beyond[at : at + RANGES])))
    ]
    return sorted(rows, key=lambda row: int(row.id))


def _with_news(db: Db, digesting: ColumnElement[bool]) -> list[tuple[int, int]]:
    """Networks with posts that someone's digests have not covered, and up to which all of theirs have.

    Numbers and not a join: else PostgreSQL, which cannot know how few are new, reads all posts there are.
    """
    low = func.min(Membership.digested_id).label("low")
    theirs = select(Membership.network_id, low).where(digesting).group_by(Membership.network_id).subquery()
    newest = select(func.max(Post.id)).where(Post.network_id == theirs.c.network_id).scalar_subquery()
    rows = db.execute(select(theirs.c.network_id, theirs.c.low).where(newest > theirs.c.low))
    return [(row.network_id, row.low) for row in rows]


def _told() -> AnySelect:
    """Not of their own posts, nor of muted discussions, nor of what has come to them as a mail; of a network that they read
    on the web only, what they follow."""
    here = and_(Subscription.thread_id == Post.thread_id, Subscription.member_id == Membership.member_id)
    mailed = and_(Outbox.post_id == Post.id, Outbox.member_id == Membership.member_id)
    wanted = and_(
        Post.mails,
        Post.author_id != Membership.member_id,
        or_(Subscription.muted.is_(False), and_(Membership.mode != "none", Subscription.muted.is_(None))),
        Outbox.id.is_(None),
    )
    return (
        select(Membership.member_id, Membership.network_id, Post.id, wanted.label("is_wanted"))
        .join(Post, and_(Post.network_id == Membership.network_id, Post.id > Membership.digested_id))
        .outerjoin(Subscription, here)
        .outerjoin(Outbox, mailed)
    )


def _wanted(*rows: Sequence[AnyRow]) -> Mapping[int, list[int]]:
    """What each member is told of, by post; nobody without anything is in it."""
    wanted: dict[int, list[int]] = {}
    for row in sorted(chain(*rows), key=lambda row: int(row.id)):
        if row.is_wanted:
            wanted.setdefault(row.member_id, []).append(row.id)
    return wanted


def _recipient(row: AnyRow) -> Recipient:
    return Recipient(row.address, row.name, row.language, row.id)


def _facts(row: AnyRow, post_ids: Sequence[int], *, is_back: bool, is_over_cap: bool) -> dict[str, Any]:
    """`more` is how many messages are new beside those in the mail; `is_back` says that it ends an absence, `is_over_cap`
    that some of them would have been mails of their own on another day."""
    return {
        "posts": post_ids[-MOST:],
        "more": len(post_ids[:-MOST]),
        "time_zone": row.time_zone,
        "is_back": is_back,
        "is_over_cap": is_over_cap,
    }


def _cover(db: Db, fresh: Sequence[AnyRow]) -> None:
    """What was left out, being their own or muted, is covered as well. `fresh` is by id: the last one of each stays."""
    covered = {(row.member_id, row.network_id): row.id for row in fresh}
    statement = update(Membership).where(
        Membership.member_id == bindparam("who"), Membership.network_id == bindparam("where")
    )
    if covered:
        db.connection().execute(
            statement.values(digested_id=bindparam("last")),
            [{"who": who, "where": where, "last": last} for (who, where), last in covered.items()],
        )


def _end_absences(db: Db, member_ids: Collection[int], now: datetime) -> None:
    history.end_absences(db, list(member_ids), now)
    ended = update(Member).where(Member.id.in_(member_ids)).values(away_from=None, away_until=None)
    db.connection().execute(ended)


def _set_hours(db: Db, hours: Mapping[int, datetime | None]) -> None:
    statement = update(Member).where(Member.id == bindparam("who")).values(digest_due_at=bindparam("hour"))
    db.connection().execute(statement, [{"who": who, "hour": hour} for who, hour in hours.items()])
