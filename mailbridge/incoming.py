"""What came in: kept before it is answered for, then worked through to exactly one fate."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from forum import attachments, networks, posts
from forum.attachments import Upload
from forum.db import AnyRow, Db
from forum.errors import AddressNotFound, Refusal
from forum.members import Recipient
from forum.notices import owe_once_a_day
from forum.tables import Inbox, Mail, Outbox
from forum.text import one_line
from forum.world import World
from mailbridge.addresses import Addresses
from mailbridge.arrival import Arrival
from mailbridge.carry_out import Hands
from mailbridge.case import Case, Fate, plain_address
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

BATCH, BATCH_BYTES = 10, 1_000_000  # of mails in one transaction: on SQLite all others wait meanwhile
LEASE = timedelta(seconds=30)
MAX_TRIES = 5
# How long a mail waits for a name server that does not answer, by how often it was tried: a quarter of an hour in all.
# Whoever is asked "was this you?" for our own trouble's sake has to do what we should have done.
PATIENCE = {1: timedelta(seconds=30), 2: timedelta(minutes=3), 3: timedelta(minutes=10)}


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

    def check_recipient(self, address: str) -> None:
        """For RCPT. Raises AddressNotFound for what we never made, and for networks that do not exist."""
        target = self.addresses.read(address)
        if target is not None and target.slug and target.kind != "reply":
            with self.world.database.reading() as db:
                target = target if networks.by_slug(db, target.slug) else None
        if target is None:
            raise AddressNotFound(address=one_line(address, 100))

    def store(self, *arrivals: Arrival) -> list[int]:
        """All in one commit, durable when this returns; answers the rows of the inbox, one for each recipient."""
        with self.world.database.transaction() as db:
            return [row.id for arrival in arrivals for row in self._keep(db, arrival)]

    def work_through(self) -> int:
        """A batch of what is waiting; answers how many there were."""
        ids = self._claim()
        if ids and not self._process_together(ids):
            for inbox_id in ids:
                self.process(inbox_id)
        return len(ids)

    def process(self, inbox_id: int) -> None:
        """One mail to its fate. What nobody foresaw keeps the mail, and alarms."""
        try:
            self._process([inbox_id])
        except OperationalError:
            raise  # the database's trouble, not the mail's: its claim runs out and it is tried again
        except Exception as error:
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

    def _process(self, ids: Sequence[int]) -> None:
        ready = [each for inbox_id in ids if (each := self._prepared(inbox_id))]
        with self.world.database.transaction() as db:
            for each in sorted(ready, key=lambda each: each.slug):  # two workers lock networks in the same order
                self._bring_to_its_fate(db, each)

    def _prepared(self, inbox_id: int) -> "_Ready | None":
        """All that needs no transaction: reading, asking name servers, files; None for what has to wait for them."""
        with self.world.database.reading() as db:
            row = db.get_one(Inbox, inbox_id)
            mail = db.get_one(Mail, row.mail_id)
        letter = read(mail.raw)
        arrival = Arrival(mail.envelope_from, [row.recipient], mail.raw, mail.peer, mail.vouched)
        target = self._facts.target(row.recipient)
        finding = self._senders.look_at(letter, arrival, target)
        if finding.try_later and self._put_off(inbox_id):
            return None
        return _Ready(inbox_id, target.slug, letter, mail, arrival, finding, self._kept_files(letter))

    def _bring_to_its_fate(self, db: Db, ready: "_Ready") -> None:
        """A refusal undoes what was begun; it is noted, and the sender is told."""
        row = db.get_one(Inbox, ready.inbox_id, with_for_update=True)
        if row.fate is not None:
            return
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

    def _put_off(self, inbox_id: int) -> bool:
        """Whether there is patience left."""
        with self.world.database.transaction() as db:
            row = db.get_one(Inbox, inbox_id, with_for_update=True)
            if row.fate is None and row.tries in PATIENCE:
                row.due_at = self.world.clock() + PATIENCE[row.tries]
                return True
        return False

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
            self._settle(row, Fate("failed", reason))
            if operator := self.world.settings.operator:
                said = f"A mail to {plain_address(row.recipient)} could not be worked through: {reason}."
                about = f"mail {inbox_id} failed"
                to = Recipient(operator, "", "en")
                owe_once_a_day(db, to, "alarm", self.world.clock(), about=about, sentence=said)

    def _settle(self, row: Inbox, fate: Fate) -> None:
        row.fate, row.reason, row.worked_at = fate.fate, fate.reason, self.world.clock()
        row.network_id, row.member_id, row.post_id = fate.network_id, fate.member_id, fate.post_id


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
