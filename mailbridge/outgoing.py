"""What is owed by mail: claim -> write -> send -> record."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from sqlalchemy.exc import SQLAlchemyError

from forum.db import is_away
from forum.errors import FilesAway
from forum.members import Recipient
from forum.queues import UNWRITTEN
from forum.world import World
from mailbridge.claims import Owed, claim, give_back, record, recover, settles
from mailbridge.envelope import Answer, Envelope
from mailbridge.journal import Journal, left_behind
from mailbridge.postman import Postman
from mailbridge.variants import Variants
from mailbridge.watch import Watch
from mailbridge.write import Rendered, Writer

log = logging.getLogger("parvi.outgoing")

FLUSH_S = 1.0


class Outgoing:
    """One worker's way out. `send_some` is called again and again; several workers share the work by claims."""

    def __init__(self, world: World, writer: Writer, postman: Postman) -> None:
        self._world, self._writer, self._postman = world, writer, postman
        self._claim = world.random(8).hex()
        folder = world.settings.data / "sent"
        with left_behind(folder) as died:
            recover(world, died)
        self._journal = Journal(folder, self._claim)
        self._watch = Watch()
        self._has_left_over = False  # claimed rows of which nothing was sent
        self._is_stopping = False

    async def send_some(self) -> int:
        """Claims a batch, sends it, records how it went; answers how many there were."""
        results: dict[int, Answer] = {}
        owed, envelopes = await asyncio.to_thread(self._claim_and_write, results)
        if not owed:
            return 0
        rows, refused = {row.id: row for row in owed}, dict[int, str]()

        def note(envelope: Envelope, answer: Answer) -> None:
            if answer.outcome == "sent":
                self._journal.note(envelope.key)
            elif settles(rows[envelope.key], answer):
                refused[envelope.key] = answer.said
            results[envelope.key] = answer

        sending = asyncio.create_task(self._postman.deliver(envelopes, note))
        await self._record_all(owed, results, sending, refused, len(envelopes))
        self._journal.forget()
        if self._is_stopping:
            await asyncio.to_thread(give_back, self._world, self._claim)
        return len(owed)

    def stop(self) -> None:
        """The batch under way ends with the copies that are being sent; the others are due again at once."""
        self._is_stopping = True
        self._postman.stop()

    def close(self) -> None:
        self._journal.close()

    def _claim_and_write(self, results: dict[int, Answer]) -> tuple[list[Owed], list[Envelope]]:
        """When the database goes away in the midst, what may have been claimed is due again as soon as it is back."""
        if self._has_left_over:
            give_back(self._world, self._claim)
        self._has_left_over = True
        try:
            claimed = claim(self._world, self._claim, self._watch)
            owed, envelopes = self._envelopes(claimed, results) if claimed else ([], [])
            if beyond := {row.id for row in claimed}.difference(row.id for row in owed):
                give_back(self._world, self._claim, list(beyond))
        except SQLAlchemyError:
            self._watch.begin_anew()
            raise
        self._has_left_over = False
        return owed, envelopes

    async def _record_all(
        self,
        owed: Sequence[Owed],
        results: dict[int, Answer],
        sending: asyncio.Task[None],
        refused: Mapping[int, str],
        of: int,
    ) -> None:
        """Every second what has been settled, until everything has; meanwhile the rest stays ours. With the last of it what
        was refused is counted: only all together it tells whether it is about the addresses or about us."""
        rows = {row.id: row for row in owed}
        while rows:
            await asyncio.wait([sending], timeout=FLUSH_S)
            if sending.done():
                if error := sending.exception():  # a bug: what went out before it may not go out again
                    log.error("sending broke down", exc_info=error)
                unsent = [key for key in rows if key not in results]
                if self._is_stopping:
                    rows = {key: row for key, row in rows.items() if key in results}
                else:
                    results |= {key: Answer("deferred", "not sent") for key in unsent}
            settled = {key: results[key] for key in list(results)}
            done = [(rows[key], settled[key]) for key in settled]
            still = [key for key in rows if key not in settled]
            counted = [] if still else sorted(refused.items())  # in one order, whoever else counts meanwhile
            try:
                await asyncio.to_thread(record, self._world, self._claim, done, still, counted, of)
            except SQLAlchemyError:
                log.exception("the database is away; what was sent is kept in mind")
                self._watch.begin_anew()
                await asyncio.sleep(FLUSH_S)
                continue
            for key in settled:
                del rows[key], results[key]

    def _envelopes(self, claimed: Sequence[Owed], results: dict[int, Answer]) -> tuple[list[Owed], list[Envelope]]:
        """What fits into memory together, at least one; and the rows that are done with it."""
        owed, envelopes = list[Owed](), list[Envelope]()
        with self._world.database.reading() as db:
            variants = Variants(self._world, self._writer, db)
            for row in claimed:
                if row.to and not variants.have_room(row.post_id, row.to.language):
                    continue
                owed.append(row)
                if row.to is None:
                    results[row.id] = Answer("refused", "no address of this member gets mail")
                elif row.is_poison:
                    results[row.id] = Answer("deferred", UNWRITTEN)
                elif (envelope := self._envelope(variants, row, row.to, results)) is not None:
                    envelopes.append(envelope)
        return owed, envelopes

    def _envelope(self, variants: Variants, row: Owed, to: Recipient, results: dict[int, Answer]) -> Envelope | None:
        """A mail that cannot be written is put off and logged; it must not keep the others waiting."""
        try:
            variant, personal = self._variant(variants, row, to)
        except FilesAway as refusal:
            results[row.id] = Answer("deferred", refusal.sentence)
            return None
        except Exception as error:
            if is_away(error):
                raise
            log.exception("mail %s cannot be written", row.id)
            results[row.id] = Answer("deferred", UNWRITTEN)
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
