"""What came in: kept before it is answered for, then worked through to exactly one fate."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from forum import attachments, members, networks, posts
from forum.attachments import Upload
from forum.db import Db
from forum.errors import AddressNotFound, Refusal
from forum.members import Recipient
from forum.notices import owe_once_a_day
from forum.tables import Inbox, Mail, Member, Network, Outbox
from forum.text import one_line
from forum.world import World
from mailbridge.addresses import Addresses, Target
from mailbridge.carry_out import Case, Fate, Hands, identity, plain_address, release, sane_id
from mailbridge.decide import Action, Facts, Known, decide
from mailbridge.letter import File, Letter
from mailbridge.proof import proven
from mailbridge.read import read

log = logging.getLogger("parvi.incoming")

BATCH = 10
LEASE = timedelta(seconds=30)
MAX_TRIES = 5


@dataclass(frozen=True)
class Arrival:
    """A mail as a door took it."""

    sender: str  # of the envelope; "" for a bounce
    recipients: Sequence[str]
    raw: bytes
    peer: str
    vouched: bool = False  # whether who hands it in answers for its From


@dataclass(frozen=True)
class Forecast:
    """What would happen to a mail at one recipient."""

    case: Case
    action: Action
    fate: Fate
    mails: int


class Bridge:
    """The way in. One for each process; what it needs is handed in."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.addresses = Addresses(world.settings.mail_domain, world.tokens)
        self._hands = Hands(world, self.addresses)

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
        for inbox_id in ids:
            self.process(inbox_id)
        return len(ids)

    def process(self, inbox_id: int) -> None:
        """One mail to its fate. What nobody foresaw keeps the mail, and alarms."""
        try:
            self._process(inbox_id)
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
            release(db, inbox_id, self.world.clock())

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
        ordered = sorted(dict.fromkeys(arrival.recipients), key=lambda address: "+r." not in address)
        rows = [Inbox(mail_id=mail.id, recipient=recipient, due_at=now) for recipient in ordered]
        db.add_all(rows)
        db.flush()
        return rows

    def _claim(self) -> list[int]:
        now = self.world.clock()
        waiting = select(Inbox.id).where(Inbox.fate.is_(None), Inbox.due_at <= now).order_by(Inbox.due_at, Inbox.id)
        with self.world.database.reading() as db:  # looking costs no write lock
            if db.scalar(waiting.limit(1)) is None:
                return []
        with self.world.database.transaction() as db:
            ids = list(db.scalars(waiting.limit(BATCH).with_for_update(skip_locked=True)))
            claimed = update(Inbox).where(Inbox.id.in_(ids)).values(due_at=now + LEASE, tries=Inbox.tries + 1)
            db.execute(claimed.execution_options(synchronize_session=False))
            return ids

    def _process(self, inbox_id: int) -> None:
        """A refusal undoes what was begun; a second transaction notes it and tells the sender."""
        with self.world.database.reading() as db:
            mail = db.scalar(select(Mail).join(Inbox, Inbox.mail_id == Mail.id).where(Inbox.id == inbox_id))
        assert mail is not None
        letter = read(mail.raw)
        uploads = self._kept_files(letter)
        case = None
        try:
            with self.world.database.transaction() as db:
                row = db.get_one(Inbox, inbox_id, with_for_update=True)
                if row.fate is not None:
                    return
                if row.tries > MAX_TRIES:
                    raise RuntimeError("given up after several tries that ended without a fate")
                case = self._case(db, letter, row, mail, mail.raw)
                action = decide(letter, case.target, case.facts)
                self._settle(row, self._hands.carry_out(db, case, action, uploads))
        except Refusal as refusal:
            assert case is not None
            with self.world.database.transaction() as db:
                row = db.get_one(Inbox, inbox_id, with_for_update=True)
                self._settle(row, self._hands.tell_refusal(db, case, refusal))

    def _forecast(self, letter: Letter, arrival: Arrival, recipient: str) -> Forecast:
        with self.world.database.rehearsal() as db:
            [row] = self._keep(db, Arrival(arrival.sender, [recipient], b"", arrival.peer, arrival.vouched))
            before = _owed(db)
            case = self._case(db, letter, row, db.get_one(Mail, row.mail_id), arrival.raw)
            action = decide(letter, case.target, case.facts)
            try:
                fate = self._hands.carry_out(db, case, action, [_measured(file) for file in letter.files])
            except Refusal as refusal:
                fate = self._hands.tell_refusal(db, case, refusal)
            return Forecast(case, action, fate, _owed(db) - before)

    def _case(self, db: Db, letter: Letter, row: Inbox, mail: Mail, raw: bytes) -> Case:
        target = self.addresses.read(row.recipient) or Target("network", row.recipient.partition("@")[0])
        author = members.by_address(db, letter.author.address) if letter.author.address else None
        answered = posts.by_id(db, target.numbers[1]) if target.kind == "reply" else None
        network = db.get(Network, answered.network_id) if answered else networks.by_slug(db, target.slug)
        digest = hashlib.sha256(raw).hexdigest()
        itself = [identity(letter, digest, self.addresses.domain)]
        facts = Facts(
            network=network.name if network else None,
            owner=self.addresses.word(network.slug, "owner") if network else "",
            member_id=author.id if author else None,
            own_domain=self.addresses.domain,
            proof=self._proof(letter, target, author, mail),
            token_post=Known(answered.id, answered.thread_id, answered.message_id) if answered else None,
            referenced=_referenced(db, network, letter),
            is_holder=_is_holder(db, target, author),
            is_known=network is not None and posts.by_message_id(db, network.id, itself) is not None,
        )
        return Case(letter, target, facts, network, author, row.id, mail.id, row.recipient, mail.received_at, digest)

    def _proof(self, letter: Letter, target: Target, author: Member | None, mail: Mail) -> str:
        if author and target.kind == "reply" and target.numbers[0] == author.id:
            return "token"
        if mail.vouched:
            return "dmarc"
        return proven(letter.author.address, letter.authentication, self.world.settings.trusted_mta)

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


def _referenced(db: Db, network: Network | None, letter: Letter) -> Known | None:
    if network is None:
        return None
    named = [each for each in (*letter.references, *letter.in_reply_to) if sane_id(each)]
    post = posts.by_message_id(db, network.id, named)
    return Known(post.id, post.thread_id, post.message_id) if post else None


def _is_holder(db: Db, target: Target, author: Member | None) -> bool:
    row = db.get(Inbox, target.numbers[0]) if target.kind == "answer" else None
    return row is not None and author is not None and row.member_id == author.id


def _measured(file: File) -> Upload:
    """As if it had been kept."""
    name = attachments.clean_name(file.name)
    return Upload(name, attachments.clean_type(file.media_type, name), len(file.data), "-", file.content_id)


def _owed(db: Db) -> int:
    return db.scalar(select(func.count()).select_from(Outbox)) or 0
