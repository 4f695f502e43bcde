"""Rows of the outbox: claimed by one worker, settled or put off by what the peer said, given back when a worker dies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, update

from forum import bounces, pace, tallies
from forum.db import AnyRow, Db
from forum.errors import FilesAway
from forum.members import Recipient
from forum.queues import UNWRITTEN
from forum.tables import Address, Member, Notice, Outbox
from forum.world import World
from mailbridge.addresses import on_the_wire
from mailbridge.envelope import Answer
from mailbridge.watch import Watch

BATCH = 400
LEASE = timedelta(seconds=30)  # renewed while a batch is under way; after a crash it runs out
GIVE_UP = timedelta(days=5)
OUR_FAULT = (UNWRITTEN, FilesAway.sentence)  # these answers are ours, and no mail is given up for them
SUSPECT, POISON = 3, 6  # tries of which nobody lived to tell: then a mail goes alone, and then it is set aside


@dataclass(frozen=True)
class Owed:
    """One claimed row: either `post_id` or `notice_id` is set."""

    id: int
    post_id: int | None
    notice_id: int | None
    tries: int
    to: Recipient | None
    answer: str | None = None  # to the try before

    @property
    def is_poison(self) -> bool:
        """It could not be written, or its worker died each time. It is kept until the program is mended."""
        return self.answer in (None, UNWRITTEN) and self.tries > POISON


def claim(world: World, claim: str, watch: Watch, limit: int = BATCH) -> list[Owed]:
    """Rows that are due and nobody's: ours until we die. Nobody else can have them (SKIP LOCKED; on SQLite there is one writer)."""
    now = world.clock()
    with world.database.reading() as db:  # looking costs no write lock
        watch.look(db, now)
        is_nobodys = Outbox.claim.is_(None) | Outbox.claim.in_(watch.dead)
        is_due = Outbox.done_at.is_(None) & (Outbox.due_at <= now) & is_nobodys
        if db.scalar(select(Outbox.id).where(is_due).limit(1)) is None:
            return []
    with world.database.transaction() as db:
        ids = _some(db, is_due, limit, world)
        if not ids:
            return []
        db.execute(
            update(Outbox)
            .where(Outbox.id.in_(ids))
            .values(due_at=now + LEASE, claim=claim, tries=Outbox.tries + 1)
            .execution_options(synchronize_session=False)
        )
        return [
            _owed(row)
            for row in db.execute(_recipients().where(Outbox.id.in_(ids)).order_by(_NOTICES_FIRST, Outbox.id))
        ]


def _some(db: Db, is_due: ColumnElement[bool], limit: int, world: World) -> list[int]:
    """Notices first, codes to sign in among them: who waits for one need not wait until ten thousand copies have gone."""
    notices = _first(db, is_due & Outbox.notice_id.is_not(None), limit)
    room, now = limit - len(notices), world.clock()
    if rate := world.settings.rate:
        room = min(room, pace.room(db, *rate, now) - len(notices))
    # For rows without a notice SQLite would go through the unique index of notices, which has all copies ever sent.
    posts = _first(db, is_due & Outbox.post_id.is_not(None), room) if room > 0 else []
    ids = _together([*notices, *posts])
    if rate:
        pace.use(db, len(ids))
    return ids


def _first(db: Db, which: ColumnElement[bool], limit: int) -> Sequence[AnyRow]:
    query = select(Outbox.id, Outbox.tries, Outbox.answer).where(which).order_by(Outbox.due_at, Outbox.id)
    return db.execute(query.limit(limit).with_for_update(skip_locked=True)).all()


def _together(rows: Sequence[AnyRow]) -> list[int]:
    """What may have brought its worker down goes alone, and takes no other along."""
    if rows and _is_suspect(rows[0]):
        return [rows[0].id]
    return [row.id for row in rows if not _is_suspect(row)]


def _is_suspect(row: AnyRow) -> bool:
    return row.tries >= SUSPECT and row.answer in (None, UNWRITTEN)


def record(
    world: World,
    claim: str,
    done: Sequence[tuple[Owed, Answer]],
    still: Sequence[int],
    refused: Sequence[tuple[int, str]] = (),
    of: int = 0,
) -> None:
    """What the peer said; the lease of what is still under way is renewed. Rows that are ours no more are left. `refused`,
    of so many, are counted against their addresses."""
    now = world.clock()
    with world.database.transaction() as db:
        settled = [
            {"row": row.id, "at": now, "how": "sent" if answer.outcome == "sent" else "refused", "said": answer.said}
            for row, answer in done
            if settles(row, answer)
        ]
        later = [
            {"row": row.id, "at": now + _back_off(row.tries, world.random), "said": answer.said}
            for row, answer in done
            if not settles(row, answer)
        ]
        _write_down(db, claim, settled, later)
        if still:
            ours = update(Outbox).where(Outbox.id.in_(still), Outbox.claim == claim)
            db.connection().execute(ours.values(due_at=now + LEASE))
        bounces.note_refusals(db, refused, of, now, world.tokens)
        _forget_codes(db, [row.notice_id for row, answer in done if row.notice_id and settles(row, answer)])
        sent = sum(each["how"] == "sent" for each in settled)
        tallies.count(db, {tallies.SENT: sent, tallies.REFUSED: len(settled) - sent, tallies.DEFERRED: len(later)}, now)


def _write_down(db: Db, claim: str, settled: list[dict[str, Any]], later: list[dict[str, Any]]) -> None:
    mine = update(Outbox).where(Outbox.id == bindparam("row"), Outbox.claim == claim)
    over: dict[str, Any] = {"done_at": bindparam("at"), "outcome": bindparam("how"), "answer": bindparam("said")}
    again: dict[str, Any] = {"due_at": bindparam("at"), "answer": bindparam("said"), "claim": None}
    if settled:
        db.connection().execute(mine.where(_is_open).values(over), settled)
    if later:
        db.connection().execute(mine.where(Outbox.done_at.is_(None)).values(again), later)


_is_open = Outbox.done_at.is_(None) | (Outbox.outcome == "left")  # who left in that second was sent it all the same


def recover(world: World, died: Mapping[str, Sequence[int]]) -> None:
    """What workers that died had sent is recorded; what they had only claimed is due again at once."""
    now = world.clock()
    for claim, sent in died.items():
        with world.database.transaction() as db:
            mine = update(Outbox).where(Outbox.claim == claim).execution_options(synchronize_session=False)
            for some in batched(sent, 500):
                known = mine.where(Outbox.id.in_(some), _is_open)
                db.execute(known.values(done_at=now, outcome="sent", answer="sent before a crash"))
            db.execute(mine.where(Outbox.done_at.is_(None)).values(due_at=now, claim=None))


def give_back(world: World, claim: str, only: Sequence[int] | None = None) -> None:
    """What was claimed and not even tried, for no fault of its own: all of it, or these rows."""
    ours = update(Outbox).where(Outbox.claim == claim, Outbox.done_at.is_(None), Outbox.tries > 0)
    if only is not None:
        ours = ours.where(Outbox.id.in_(only))
    ours = ours.values(due_at=world.clock(), claim=None, tries=Outbox.tries - 1).returning(Outbox.id)
    with world.database.transaction() as db:
        given = db.execute(ours.execution_options(synchronize_session=False)).all()
        if world.settings.rate:
            pace.use(db, -len(given))


def retry(world: World) -> int:
    """What could not be written is due again; answers how many. For after the fault has been mended."""
    waits = Outbox.done_at.is_(None) & Outbox.claim.is_(None)  # what a worker has in hand it may be sending now
    again = update(Outbox).where(waits, Outbox.answer == UNWRITTEN)
    again = again.values(tries=0, answer=None, due_at=world.clock())
    with world.database.transaction() as db:
        return len(db.execute(again.returning(Outbox.id)).all())


def batched(items: Sequence[int], size: int) -> list[Sequence[int]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def settles(row: Owed, answer: Answer) -> bool:
    """A deferral does as well after five days: it is given up, as refused with the last answer. Not where the fault is ours."""
    return answer.outcome != "deferred" or (answer.said not in OUR_FAULT and _waited(row.tries) > GIVE_UP)


def _waited(tries: int) -> timedelta:
    """How long a row with so many tries has been tried, by the steps of `_back_off`."""
    return sum((_step(number) for number in range(tries)), timedelta())


def _back_off(tries: int, random: Callable[[int], bytes]) -> timedelta:
    """1, 2, 4 ... minutes up to four hours, spread by a quarter so that a crowd does not come back at once."""
    return _step(tries - 1) * (0.75 + int.from_bytes(random(2)) / 0x1FFFE)


def _step(number: int) -> timedelta:
    return min(timedelta(minutes=2 ** min(number, 10)), timedelta(hours=4))


def _recipients() -> Any:
    """Where each row goes: a post to the member's address of today, a notice to the one it was promised to."""
    return (
        select(
            Outbox.id,
            Outbox.post_id,
            Outbox.notice_id,
            Outbox.tries,
            Outbox.answer,
            Outbox.member_id,
            Address.address,
            Member.name,
            Member.language,
            Notice.address.label("notice_address"),
            Notice.language.label("notice_language"),
            Notice.member_id.label("notice_member"),
        )
        .outerjoin(Member, Member.id == Outbox.member_id)
        .outerjoin(Address, (Address.member_id == Outbox.member_id) & Address.gets_mail)
        .outerjoin(Notice, Notice.id == Outbox.notice_id)
    )


_NOTICES_FIRST = Outbox.post_id.nulls_first()


def _owed(row: AnyRow) -> Owed:
    if row.notice_id is not None:
        to: Recipient | None = Recipient(on_the_wire(row.notice_address), "", row.notice_language, row.notice_member)
    else:
        to = Recipient(on_the_wire(row.address), row.name, row.language, row.member_id) if row.address else None
    return Owed(row.id, row.post_id, row.notice_id, row.tries, to, row.answer)


def _forget_codes(db: Db, notice_ids: Sequence[int]) -> None:
    """A code that has gone out is nobody's business any more."""
    if notice_ids:
        db.execute(
            update(Notice)
            .where(Notice.id.in_(notice_ids), Notice.kind == "code")
            .values(facts={})
            .execution_options(synchronize_session=False)
        )
