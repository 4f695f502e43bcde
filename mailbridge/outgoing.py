"""What is owed by mail: claim -> write -> send -> record."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import OperationalError

from forum import bounces
from forum.db import AnyRow, Db
from forum.members import Recipient
from forum.tables import Address, Member, Notice, Outbox
from forum.world import World
from mailbridge.addresses import on_the_wire
from mailbridge.journal import Journal, left_behind
from mailbridge.postman import Postman
from mailbridge.smtp import Answer, Envelope
from mailbridge.variants import Variants
from mailbridge.write import Rendered, Writer

log = logging.getLogger("parvi.outgoing")

BATCH = 400
LEASE = timedelta(seconds=30)  # renewed while a batch is under way; after a crash it runs out
FLUSH_S = 1.0
GIVE_UP = timedelta(days=5)


@dataclass(frozen=True)
class Owed:
    """One claimed row: either `post_id` or `notice_id` is set."""

    id: int
    post_id: int | None
    notice_id: int | None
    tries: int
    to: Recipient | None


class Outgoing:
    """One worker's way out. `send_some` is called again and again; several workers share the work by claims."""

    def __init__(self, world: World, writer: Writer, postman: Postman) -> None:
        self._world, self._writer, self._postman = world, writer, postman
        self._claim = world.random(8).hex()
        folder = world.settings.data / "sent"
        with left_behind(folder) as died:
            recover(world, died)
        self._journal = Journal(folder, self._claim)

    async def send_some(self) -> int:
        """Claims a batch, sends it, records how it went; answers how many there were."""
        owed = await asyncio.to_thread(claim, self._world, self._claim)
        if not owed:
            return 0
        results: dict[int, Answer] = {}
        envelopes = await asyncio.to_thread(self._envelopes, owed, results)
        rows, refused = {row.id: row for row in owed}, dict[int, str]()

        def note(envelope: Envelope, answer: Answer) -> None:
            if answer.outcome == "sent":
                self._journal.note(envelope.key)
            elif _settles(rows[envelope.key], answer):
                refused[envelope.key] = answer.said
            results[envelope.key] = answer

        sending = asyncio.create_task(self._postman.deliver(envelopes, note))
        await self._record_all(owed, results, sending)
        self._journal.forget()
        if refused:
            await asyncio.to_thread(self._note_refusals, refused, len(envelopes))
        return len(owed)

    def close(self) -> None:
        self._journal.close()

    async def _record_all(self, owed: Sequence[Owed], results: dict[int, Answer], sending: asyncio.Task[None]) -> None:
        """Every second what has been settled, until everything has; meanwhile the rest stays ours."""
        rows = {row.id: row for row in owed}
        while rows:
            await asyncio.wait([sending], timeout=FLUSH_S)
            if sending.done():
                if error := sending.exception():  # a bug: what went out before it may not go out again
                    log.error("sending broke down", exc_info=error)
                results |= {key: Answer("deferred", "not sent") for key in rows if key not in results}
            settled = {key: results[key] for key in list(results)}
            try:
                still = [key for key in rows if key not in settled]
                await asyncio.to_thread(
                    record, self._world, self._claim, [(rows[k], settled[k]) for k in settled], still
                )
            except OperationalError:
                log.exception("the database is away; what was sent is kept in mind")
                await asyncio.sleep(FLUSH_S)
                continue
            for key in settled:
                del rows[key], results[key]

    def _note_refusals(self, refused: Mapping[int, str], of: int) -> None:
        with self._world.database.transaction() as db:
            bounces.note_refusals(db, list(refused.items()), of, self._world.clock(), self._world.tokens)

    def _envelopes(self, owed: Sequence[Owed], results: dict[int, Answer]) -> list[Envelope]:
        with self._world.database.reading() as db:
            variants = Variants(self._world, self._writer, db)
            envelopes = []
            for row in owed:
                if row.to is None:
                    results[row.id] = Answer("refused", "no address of this member gets mail")
                elif (envelope := self._envelope(variants, row, row.to, results)) is not None:
                    envelopes.append(envelope)
        return envelopes

    def _envelope(self, variants: Variants, row: Owed, to: Recipient, results: dict[int, Answer]) -> Envelope | None:
        """A mail that cannot be written is put off and logged; it must not keep the others waiting."""
        try:
            variant, personal = self._variant(variants, row, to)
        except Exception:
            log.exception("mail %s cannot be written", row.id)
            results[row.id] = Answer("deferred", "the mail could not be written")
            return None
        return Envelope(
            row.id,
            self._writer.bounce_address(row.id),
            to.address,
            self._writer.address(variant, personal),
            variant.body,
        )

    def _variant(self, variants: Variants, row: Owed, to: Recipient) -> tuple[Rendered, list[bytes]]:
        if row.post_id is not None:
            return variants.of_post(row.post_id, to)
        assert row.notice_id is not None
        return variants.of_notice(row.notice_id, to)


def claim(world: World, claim: str, limit: int = BATCH) -> list[Owed]:
    """Rows that are due, ours until their lease runs out. Nobody else can have them (SKIP LOCKED; on SQLite there is one writer)."""
    now = world.clock()
    is_due = Outbox.done_at.is_(None) & (Outbox.due_at <= now)
    with world.database.reading() as db:  # looking costs no write lock
        if db.scalar(select(Outbox.id).where(is_due).limit(1)) is None:
            return []
    with world.database.transaction() as db:
        due = (
            select(Outbox.id)
            .where(is_due)
            .order_by(Outbox.due_at, Outbox.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = list(db.scalars(due))
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
            for row in db.execute(_recipients().where(Outbox.id.in_(ids)).order_by(Outbox.post_id, Outbox.id))
        ]


def record(world: World, claim: str, done: Sequence[tuple[Owed, Answer]], still: Sequence[int]) -> None:
    """What the peer said; the lease of what is still under way is renewed. Rows that are ours no more are left."""
    now = world.clock()
    mine = update(Outbox).where(Outbox.id == bindparam("row"), Outbox.claim == claim, Outbox.done_at.is_(None))
    with world.database.transaction() as db:
        settled = [
            {"row": row.id, "at": now, "how": "sent" if answer.outcome == "sent" else "refused", "said": answer.said}
            for row, answer in done
            if _settles(row, answer)
        ]
        later = [
            {"row": row.id, "at": now + _back_off(row.tries, world.random), "said": answer.said}
            for row, answer in done
            if not _settles(row, answer)
        ]
        connection = db.connection()
        if settled:
            connection.execute(
                mine.values(done_at=bindparam("at"), outcome=bindparam("how"), answer=bindparam("said")), settled
            )
        if later:
            connection.execute(mine.values(due_at=bindparam("at"), answer=bindparam("said"), claim=None), later)
        if still:
            connection.execute(
                update(Outbox).where(Outbox.id.in_(still), Outbox.claim == claim).values(due_at=now + LEASE)
            )
        _forget_codes(db, [row.notice_id for row, answer in done if row.notice_id and _settles(row, answer)])


def recover(world: World, died: Mapping[str, Sequence[int]]) -> None:
    """What workers that died had sent is recorded; what they had only claimed is due again at once."""
    now = world.clock()
    for claim, sent in died.items():
        with world.database.transaction() as db:
            mine = update(Outbox).where(Outbox.claim == claim, Outbox.done_at.is_(None))
            mine = mine.execution_options(synchronize_session=False)
            for some in batched(sent, 500):
                known = mine.where(Outbox.id.in_(some))
                db.execute(known.values(done_at=now, outcome="sent", answer="sent before a crash"))
            db.execute(mine.values(due_at=now, claim=None))


def batched(items: Sequence[int], size: int) -> list[Sequence[int]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _settles(row: Owed, answer: Answer) -> bool:
    """A deferral does as well after five days: it is given up, as refused with the last answer."""
    return answer.outcome != "deferred" or _waited(row.tries) > GIVE_UP


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


def _owed(row: AnyRow) -> Owed:
    if row.notice_id is not None:
        to: Recipient | None = Recipient(on_the_wire(row.notice_address), "", row.notice_language, row.notice_member)
    else:
        to = Recipient(on_the_wire(row.address), row.name, row.language, row.member_id) if row.address else None
    return Owed(row.id, row.post_id, row.notice_id, row.tries, to)


def _forget_codes(db: Db, notice_ids: Sequence[int]) -> None:
    """A code that has gone out is nobody's business any more."""
    if notice_ids:
        db.execute(
            update(Notice)
            .where(Notice.id.in_(notice_ids), Notice.kind == "code")
            .values(facts={})
            .execution_options(synchronize_session=False)
        )
