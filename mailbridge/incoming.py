"""What came in: kept before it is answered for, then worked through to exactly one fate."""

import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, func, select, update

from forum import attachments, mails, networks, posts, tallies
from forum.attachments import Upload
from forum.db import AnyRow, Db, is_away
from forum.errors import AddressNotFound, FilesAway, Refusal
from forum.tables import Inbox, Mail, Outbox
from forum.text import one_line
from forum.world import World
from mailbridge.addresses import Addresses
from mailbridge.arrival import Arrival
from mailbridge.carry_out import Hands
from mailbridge.case import Case, Fate
from mailbridge.decide import Action, decide
from mailbridge.facts import FactFinder
from mailbridge.held import confirm
from mailbridge.letter import File, Letter
from mailbridge.quotes import folded_text, own_text
from mailbridge.read import read
from mailbridge.senders import Senders
from mailbridge.verify import Finding
from mailbridge.voice import Voice

__all__ = ["Arrival", "Bridge", "Forecast"]

log = logging.getLogger("parvi.incoming")

BATCH, BATCH_BYTES = 10, 1_000_000  # of mails that are worked through together
HOLD_S = 0.003  # how long one transaction takes on more of them: on SQLite all others wait meanwhile
MET_S, MOST_MET = 10.0, 1000
LEASE = timedelta(seconds=30)
MAX_TRIES = 5
# How long a mail waits for a name server that does not answer, by how often it was tried: a quarter of an hour in all.
# Whoever is asked "was this you?" for our own trouble's sake has to do what we should have done.
PATIENCE = {1: timedelta(seconds=30), 2: timedelta(minutes=3), 3: timedelta(minutes=10)}
FILES_AWAY = timedelta(minutes=1)


@dataclass(frozen=True)
class _Ready:
    """A mail that has been read, for the transaction in which it comes to its fate."""

    inbox_id: int
    slug: str
    letter: Letter
    mail: Mail
    arrival: Arrival
    finding: Finding
    uploads: Sequence[Upload]


@dataclass(frozen=True)
class Forecast:
    """What would happen to a mail at one recipient."""

    case: Case
    action: Action
    fate: Fate
    mails: int
    shown: str
    folded: str
    refusal: Refusal | None = None


class Bridge:
    """The way in. One for each process; what it needs is handed in."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.addresses = Addresses(world.settings.mail_domain, world.tokens)
        self._facts = FactFinder(world, self.addresses)
        self._voice = Voice(world, self.addresses)
        self._hands = Hands(world, self.addresses, self._voice)
        self._senders = Senders(world)
        self._met = dict[str, float]()  # addresses at RCPT, and when
        self._interrupted: list[int] = []  # by the database's trouble, which is none of a mail's tries

    def check_recipient(self, address: str) -> None:
        """For RCPT. Raises AddressNotFound for what we never made, and for networks that do not exist."""
        target = self.addresses.read(address)
        if target is not None and target.slug and target.kind != "reply":
            with self.world.database.reading() as db:
                target = target if networks.by_slug(db, target.slug) else None
        if target is None:
            raise AddressNotFound(address=one_line(address, 100))
        if len(self._met) >= MOST_MET:
            self._met.clear()
        self._met[address] = time.monotonic()

    def has_just_met(self, address: str) -> bool:
        """Whether `check_recipient` has passed it a moment ago; what is wrong by now, `process` finds out."""
        return time.monotonic() - self._met.get(address, -MET_S) < MET_S

    def store(self, *arrivals: Arrival) -> list[int]:
        """All in one commit, durable when this returns; answers the rows of the inbox, one for each recipient."""
        with self.world.database.transaction() as db:
            return [row.id for arrival in arrivals for row in self._keep(db, arrival)]

    def work_through(self) -> int:
        """A batch of what is waiting; answers how many there were."""
        self._put_back()
        ids = self._claim()
        if ids and not self._process_together(ids):
            self._process_one_by_one(ids)
        return len(ids)

    def process(self, inbox_id: int) -> None:
        """One mail to its fate. What nobody foresaw keeps the mail; the operator hears of it within a minute: alarms.py."""
        try:
            self._process([inbox_id])
        except Exception as error:
            if is_away(error):
                raise  # the database's trouble, not the mail's
            log.exception("mail %s failed", inbox_id)
            self._fail(inbox_id, f"{type(error).__name__}: {one_line(str(error), 200)}")

    def explain(self, arrival: Arrival) -> tuple[Letter, list[Forecast]]:
        """What would happen, for each recipient: done as always, and undone."""
        letter = read(arrival.raw)
        return letter, [self._forecast(letter, arrival, recipient) for recipient in arrival.recipients]

    def confirm_held(self, inbox_id: int) -> None:
        with self.world.database.transaction() as db:
            confirm(db, inbox_id, self.world.clock())

    def retry_failed(self) -> int:
        """Everything that failed is waiting again: for after the fault has been mended."""
        again = update(Inbox).where(Inbox.fate == "failed").values(fate=None, tries=0, due_at=self.world.clock())
        with self.world.database.transaction() as db:
            return len(db.execute(again.returning(Inbox.id)).all())

    def _keep(self, db: Db, arrival: Arrival) -> list[Inbox]:
        """Personal reply addresses first: when a mail came to one and to the network as well, the one proves more."""
        now = self.world.clock()
        mail = Mail(
            received_at=now,
            envelope_from=one_line(arrival.sender, 320),
            peer=arrival.peer,
            vouched=arrival.vouched,
            raw=arrival.raw,
        )
        db.add(mail)
        db.flush()
        if len(arrival.raw) > mails.PIECE:
            db.connection().detach()  # it goes when this is done: it would keep as much memory for good
        recipients = self.addresses.different(arrival.recipients)
        recipients.sort(key=lambda address: self._facts.target(address).kind != "reply")
        rows = [Inbox(mail_id=mail.id, recipient=recipient, due_at=now) for recipient in recipients]
        db.add_all(rows)
        db.flush()
        return rows

    def _claim(self) -> list[int]:
        now = self.world.clock()
        is_due = Inbox.fate.is_(None) & (Inbox.due_at <= now)
        with self.world.database.reading() as db:  # looking costs no write lock
            if db.scalar(select(Inbox.id).where(is_due).limit(1)) is None:
                return []
        size = func.length(Mail.raw).label("size")
        waiting = select(Inbox.id, Inbox.tries, size).join(Mail, Mail.id == Inbox.mail_id).where(is_due)
        batch = waiting.order_by(Inbox.due_at, Inbox.id).limit(BATCH).with_for_update(of=Inbox, skip_locked=True)
        with self.world.database.transaction() as db:
            ids = _handful(db.execute(batch).all())
            claimed = update(Inbox).where(Inbox.id.in_(ids)).values(due_at=now + LEASE, tries=Inbox.tries + 1)
            db.execute(claimed.execution_options(synchronize_session=False))
            return ids

    def _process_together(self, ids: Sequence[int]) -> bool:
        """In one transaction, since each waits for the disk. Where one fails, none is done: it must take no other along."""
        try:
            self._process(ids)
        except Exception as error:  # noqa: BLE001  whoever it was meets it again alone
            log.info("%s mails one by one, after %s", len(ids), type(error).__name__)
            return False
        return True

    def _process_one_by_one(self, ids: Sequence[int]) -> None:
        for done, inbox_id in enumerate(ids):
            try:
                self.process(inbox_id)
            except Exception:  # the database's trouble: a mail's own is its fate
                self._interrupted = list(ids[done:])
                raise

    def _put_back(self) -> None:
        """However often the database goes away, no mail is given up for it, and none waits for a lease to run out."""
        if self._interrupted:
            waiting = update(Inbox).where(Inbox.id.in_(self._interrupted), Inbox.fate.is_(None), Inbox.tries > 0)
            again = waiting.values(tries=Inbox.tries - 1, due_at=self.world.clock())
            with self.world.database.transaction() as db:
                db.execute(again.execution_options(synchronize_session=False))
            self._interrupted = []

    def _process(self, ids: Sequence[int]) -> None:
        with self.world.database.reading() as db:
            kept = [(row, mails.here(db, row.Mail.id, row.begin)) for row in db.execute(_KEPT, {"ids": ids})]
        ready = [each for row, here in kept if (each := self._prepared(row, here))]
        waiting = deque(sorted(ready, key=lambda each: each.slug))  # two workers lock networks in the same order
        while waiting:
            with self.world.database.transaction() as db:
                self._tally(db, self._bring_some_to_their_fates(db, waiting))

    def _bring_some_to_their_fates(self, db: Db, waiting: "deque[_Ready]") -> list[Fate]:
        """At least one. Whoever else wants to write, as the door does for each mail, is not kept waiting long."""
        ours = db.scalars(_OURS, {"ids": [each.inbox_id for each in waiting]})
        rows = {row.id: row for row in ours}
        fates, began = list[Fate](), time.monotonic()
        while waiting and (not fates or time.monotonic() - began < HOLD_S):
            ready = waiting.popleft()
            if rows[ready.inbox_id].fate is None:
                fates.append(self._bring_to_its_fate(db, rows[ready.inbox_id], ready))
        return fates

    def _prepared(self, kept: AnyRow, here: bytes) -> "_Ready | None":
        """All that needs no transaction: reading, asking name servers, files; None for what has to wait for them."""
        try:
            return self._looked_at(kept.id, kept.recipient, kept.Mail, here)
        except FilesAway:
            self._wait_for_files(kept.id)
            return None

    def _looked_at(self, inbox_id: int, recipient: str, mail: Mail, here: bytes) -> "_Ready | None":
        raw = mails.whole(mail, here, self.world.files)
        letter = read(raw)
        arrival = Arrival(mail.envelope_from, [recipient], raw, mail.peer, mail.vouched)
        target = self._facts.target(recipient)
        finding = self._senders.look_at(letter, arrival, target)
        if finding.try_later and self._put_off(inbox_id):
            return None
        return _Ready(inbox_id, target.slug, letter, mail, arrival, finding, self._kept_files(letter))

    def _bring_to_its_fate(self, db: Db, row: Inbox, ready: "_Ready") -> Fate:
        """A refusal undoes what was begun; it is noted, and the sender is told."""
        if row.tries > MAX_TRIES:
            raise RuntimeError("given up after several tries that ended without a fate")
        case = self._facts.case(db, ready.letter, row, ready.mail, ready.arrival, ready.finding)
        action = decide(ready.letter, case.target, case.facts)
        try:
            with db.begin_nested():
                fate = self._hands.carry_out(db, case, action, ready.uploads)
        except Refusal as refusal:
            fate = self._voice.refuse(db, case, refusal)
        self._settle(row, fate)
        return fate

    def _put_off(self, inbox_id: int) -> bool:
        """Whether there is patience left."""
        with self.world.database.transaction() as db:
            row = db.get_one(Inbox, inbox_id, with_for_update=True)
            if row.fate is None and row.tries in PATIENCE:
                row.due_at = self.world.clock() + PATIENCE[row.tries]
                return True
        return False

    def _wait_for_files(self, inbox_id: int) -> None:
        """However long it takes: the fault is ours, and is none of the mail's tries."""
        with self.world.database.transaction() as db:
            row = db.get_one(Inbox, inbox_id, with_for_update=True)
            if row.fate is None:
                row.due_at, row.tries = self.world.clock() + FILES_AWAY, max(0, row.tries - 1)

    def _forecast(self, letter: Letter, arrival: Arrival, recipient: str) -> Forecast:
        finding = self._senders.look_at(letter, arrival, self._facts.target(recipient))
        with self.world.database.rehearsal() as db:
            [row] = self._keep(db, Arrival(arrival.sender, [recipient], b"", arrival.peer, arrival.vouched))
            newest = db.scalar(select(func.max(Outbox.id))) or 0
            case = self._facts.case(db, letter, row, db.get_one(Mail, row.mail_id), arrival, finding)
            action, refused = decide(letter, case.target, case.facts), None
            try:
                fate = self._hands.carry_out(db, case, action, [_measured(file) for file in letter.files])
            except Refusal as refusal:
                fate, refused = self._voice.refuse(db, case, refusal), refusal
            return Forecast(case, action, fate, _owed_since(db, newest), *_told_apart(db, letter, fate), refused)

    def _kept_files(self, letter: Letter) -> list[Upload]:
        """Before the transaction, since a disk is slow; what a machine sent becomes no post and needs no files."""
        files = () if letter.auto or letter.is_bounce else letter.files
        return [
            attachments.keep(self.world.files, file.name, file.media_type, file.data, file.content_id) for file in files
        ]

    def _fail(self, inbox_id: int, reason: str) -> None:
        with self.world.database.transaction() as db:
            row = db.get_one(Inbox, inbox_id, with_for_update=True)
            self._settle(row, failed := Fate("failed", reason))
            self._tally(db, [failed])

    def _settle(self, row: Inbox, fate: Fate) -> None:
        row.fate, row.reason, row.worked_at = fate.fate, fate.reason, self.world.clock()
        row.network_id, row.member_id, row.post_id = fate.network_id, fate.member_id, fate.post_id

    def _tally(self, db: Db, fates: Sequence[Fate]) -> None:
        tallies.count(db, Counter(tallies.FATE + fate.fate for fate in fates), self.world.clock())


_IS_NAMED = Inbox.id.in_(bindparam("ids", expanding=True))
_KEPT = select(Inbox.id, Inbox.recipient, Mail, mails.BEGIN).join(Mail, Mail.id == Inbox.mail_id).where(_IS_NAMED)
_OURS = select(Inbox).where(_IS_NAMED).order_by(Inbox.id).with_for_update()


def _handful(waiting: Sequence[AnyRow]) -> list[int]:
    """As many as go together; what was tried before goes alone, since it may be what brought its worker down."""
    ids, room = list[int](), BATCH_BYTES
    for row in waiting:
        room -= row.size
        if ids and (row.tries or room < 0):
            break
        ids.append(row.id)
        if row.tries:
            break
    return ids


def _measured(file: File) -> Upload:
    """As if it had been kept."""
    name, content_id = attachments.clean_name(file.name), attachments.clean_content_id(file.content_id)
    return Upload(name, attachments.clean_type(file.media_type, name), len(file.data), "-", content_id)


def _told_apart(db: Db, letter: Letter, fate: Fate) -> tuple[str, str]:
    """What is shown and what is folded: of a post, also what was typed into a mail of ours."""
    post = posts.by_id(db, fate.post_id) if fate.post_id and fate.fate == "posted" else None
    return (post.text, post.folded) if post else (own_text(letter.parts), folded_text(letter.parts))


def _owed_since(db: Db, newest: int) -> int:
    return db.scalar(select(func.count()).where(Outbox.id > newest)) or 0
