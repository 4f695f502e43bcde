"""What came in: kept before it is answered for, then worked through to exactly one fate."""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from forum import attachments, i18n, language, members, memberships, networks, posts, subscriptions, threads
from forum.attachments import Upload
from forum.db import Db
from forum.errors import AddressNotFound, Refusal
from forum.members import Recipient
from forum.notices import owe_notice, owe_once_a_day
from forum.tables import Inbox, Mail, Member, Network, Outbox
from forum.text import excerpt, one_line
from forum.world import World
from mailbridge.addresses import Addresses, Target
from mailbridge.decide import (
    Accept,
    Action,
    Command,
    Confirm,
    Facts,
    Hold,
    Ignore,
    Known,
    NoteBounce,
    PassOn,
    Refuse,
    decide,
)
from mailbridge.letter import File, Letter
from mailbridge.proof import proven
from mailbridge.quotes import folded_text, own_text
from mailbridge.read import read

log = logging.getLogger("parvi.incoming")

BATCH = 10
LEASE = timedelta(seconds=30)
MAX_TRIES = 5


@dataclass(frozen=True)
class Fate:
    """What became of a mail: one of posted, held, command, bounce, ignored, refused, failed; and why, in English for the log."""

    fate: str
    reason: str
    network_id: int | None = None
    member_id: int | None = None
    post_id: int | None = None


@dataclass(frozen=True)
class Case:
    """A letter at one of our addresses, with all that is known about it."""

    letter: Letter
    target: Target
    facts: Facts
    network: Network | None
    author: Member | None
    inbox_id: int
    mail_id: int | None
    recipient: str
    received_at: datetime
    raw_digest: str


class Bridge:
    """The way in. One for each process; what it needs is handed in."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.addresses = Addresses(world.settings.mail_domain, world.tokens)

    def check_recipient(self, address: str) -> Target:
        """For RCPT: what the address stands for. Raises AddressNotFound."""
        target = self.addresses.read(address)
        if target is not None and target.slug and target.kind != "reply":
            with self.world.database.reading() as db:
                target = target if networks.by_slug(db, target.slug) else None
        if target is None:
            raise AddressNotFound(address=one_line(address, 100))
        return target

    def store(
        self, sender: str, recipients: Sequence[str], raw: bytes, peer: str, *, vouched: bool = False
    ) -> list[int]:
        """Durable when this returns; answers the rows of the inbox, one for each recipient."""
        with self.world.database.transaction() as db:
            return self._keep(db, sender, recipients, raw, peer, vouched)

    def store_all(self, mails: Sequence[tuple[str, Sequence[str], bytes, str]]) -> None:
        """Several at once, in one commit."""
        with self.world.database.transaction() as db:
            for sender, recipients, raw, peer in mails:
                self._keep(db, sender, recipients, raw, peer, vouched=False)

    def _keep(self, db: Db, sender: str, recipients: Sequence[str], raw: bytes, peer: str, vouched: bool) -> list[int]:
        """Personal reply addresses first: when a mail came to one and to the network as well, the one proves more."""
        now = self.world.clock()
        mail = Mail(received_at=now, envelope_from=one_line(sender, 320), peer=peer, vouched=vouched, raw=raw)
        db.add(mail)
        db.flush()
        ordered = sorted(dict.fromkeys(recipients), key=lambda address: "+r." not in address)
        rows = [Inbox(mail_id=mail.id, recipient=recipient, due_at=now) for recipient in ordered]
        db.add_all(rows)
        db.flush()
        return [row.id for row in rows]

    def work_through(self) -> int:
        """A batch of what is waiting; answers how many there were."""
        ids = self._claim()
        for inbox_id in ids:
            self.process(inbox_id)
        return len(ids)

    def process(self, inbox_id: int) -> None:
        """One mail to its fate. A refusal undoes what was begun and is told to the sender; anything unforeseen keeps the mail and alarms."""
        try:
            self._process(inbox_id)
        except OperationalError:
            raise  # the database's trouble, not the mail's: its claim runs out and it is tried again
        except Exception as error:
            log.exception("mail %s failed", inbox_id)
            self._fail(inbox_id, f"{type(error).__name__}: {one_line(str(error), 200)}")

    def explain(
        self, raw: bytes, recipients: Sequence[str], *, vouched: bool = False
    ) -> tuple[Letter, list[tuple[Case, Fate, int]]]:
        """What would happen: the letter, and for each recipient the case, its fate and how many mails would go out. Everything is undone."""
        letter = read(raw)
        found = []
        for recipient in recipients:
            with self.world.database.rehearsal() as db:
                mail = Mail(received_at=self.world.clock(), envelope_from="", peer="explain", vouched=vouched, raw=b"")
                db.add(mail)
                db.flush()
                row = Inbox(mail_id=mail.id, recipient=recipient, due_at=self.world.clock())
                db.add(row)
                db.flush()
                before = _owed(db)
                case = self._case(db, letter, row, mail, raw)
                try:
                    fate = self._carry_out(db, case, decide(letter, case.target, case.facts), _measured(letter.files))
                except Refusal as refusal:
                    fate = Fate(
                        "refused", str(refusal), case.network and case.network.id, case.author and case.author.id
                    )
                found.append((case, fate, _owed(db) - before))
        return letter, found

    def release(self, db: Db, inbox_id: int) -> None:
        """Its sender says that a held mail is theirs: it is worked through again, and now there is proof."""
        row = db.get(Inbox, inbox_id)
        if row is not None and row.fate == "held":
            row.fate, row.due_at, row.tries = None, self.world.clock(), 0
            db.execute(update(Mail).where(Mail.id == row.mail_id).values(vouched=True))

    def confirm_held(self, inbox_id: int) -> None:
        with self.world.database.transaction() as db:
            self.release(db, inbox_id)

    def retry_failed(self) -> int:
        """Everything that failed is waiting again; after the fault has been mended."""
        with self.world.database.transaction() as db:
            done = db.execute(
                update(Inbox)
                .where(Inbox.fate == "failed")
                .values(fate=None, tries=0, due_at=self.world.clock())
                .returning(Inbox.id)
            )
            return len(done.all())

    def _claim(self) -> list[int]:
        now = self.world.clock()
        waiting = (
            select(Inbox.id)
            .where(Inbox.fate.is_(None), Inbox.due_at <= now)
            .order_by(Inbox.due_at, Inbox.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        with self.world.database.reading() as db:
            if db.scalar(select(Inbox.id).where(Inbox.fate.is_(None), Inbox.due_at <= now).limit(1)) is None:
                return []
        with self.world.database.transaction() as db:
            ids = list(db.scalars(waiting))
            db.execute(
                update(Inbox)
                .where(Inbox.id.in_(ids))
                .values(due_at=now + LEASE, tries=Inbox.tries + 1)
                .execution_options(synchronize_session=False)
            )
            return ids

    def _process(self, inbox_id: int) -> None:
        with self.world.database.reading() as db:
            mail = db.scalar(select(Mail).join(Inbox, Inbox.mail_id == Mail.id).where(Inbox.id == inbox_id))
        assert mail is not None
        letter = read(mail.raw)
        uploads = [
            attachments.keep(self.world.files, file.name, file.media_type, file.data, file.content_id)
            for file in ([] if letter.auto or letter.is_bounce else letter.files)
        ]
        case: Case | None = None
        try:
            with self.world.database.transaction() as db:
                row = db.get_one(Inbox, inbox_id, with_for_update=True)
                if row.fate is not None:
                    return
                if row.tries > MAX_TRIES:
                    raise RuntimeError("given up after several tries that ended without a fate")
                case = self._case(db, letter, row, mail, mail.raw)
                self._settle(row, self._carry_out(db, case, decide(letter, case.target, case.facts), uploads))
        except Refusal as refusal:
            assert case is not None
            self._refuse(case, refusal)

    def _case(self, db: Db, letter: Letter, row: Inbox, mail: Mail, raw: bytes) -> Case:
        target = self.addresses.read(row.recipient) or Target("network", row.recipient.partition("@")[0])
        author = members.by_address(db, letter.author.address) if letter.author.address else None
        token_post = posts.by_id(db, target.numbers[1]) if target.kind == "reply" and len(target.numbers) == 2 else None
        network = db.get(Network, token_post.network_id) if token_post else networks.by_slug(db, target.slug)
        facts = Facts(
            network=network.name if network else None,
            owner=self.addresses.word(network.slug, "owner") if network else "",
            member_id=author.id if author else None,
            own_domain=self.world.settings.mail_domain,
            proof=self._proof(letter, target, author, mail),
            token_post=Known(token_post.id, token_post.thread_id, token_post.message_id) if token_post else None,
            referenced=_referenced(db, network, letter),
            is_holder=self._is_holder(db, target, author),
        )
        return Case(
            letter,
            target,
            facts,
            network,
            author,
            row.id,
            mail.id,
            row.recipient,
            mail.received_at,
            hashlib.sha256(raw).hexdigest(),
        )

    def _proof(self, letter: Letter, target: Target, author: Member | None, mail: Mail) -> str:
        if author and target.kind == "reply" and target.numbers[0] == author.id:
            return "token"
        if mail.vouched:
            return "dmarc"
        return proven(letter.author.address, letter.authentication, self.world.settings.trusted_mta)

    def _is_holder(self, db: Db, target: Target, author: Member | None) -> bool:
        row = db.get(Inbox, target.numbers[0]) if target.kind == "answer" else None
        return row is not None and author is not None and row.member_id == author.id

    def _carry_out(self, db: Db, case: Case, action: Action, uploads: Sequence[Upload]) -> Fate:
        """Does it, in the transaction given. A Refusal may come out of it."""
        ids = (case.network and case.network.id, case.author and case.author.id)
        match action:
            case Refuse(refusal):
                raise refusal
            case Ignore(because):
                return Fate("ignored", because, *ids)
            case NoteBounce(outbox_id):
                return Fate("bounce", self._note_bounce(db, case.letter, outbox_id), *ids)
            case Confirm(inbox_id):
                self.release(db, inbox_id)
                return Fate("command", f"confirmed mail {inbox_id}", *ids)
            case PassOn(to):
                return Fate("command", self._pass_on(db, case, to), *ids)
            case Hold(because):
                self._ask_was_this_you(db, case)
                return Fate("held", because, *ids)
            case Command(name, thread_id):
                self._obey(db, case, name, thread_id)
                return Fate("command", name, *ids)
            case Accept():
                return self._accept(db, case, action, uploads)

    def _accept(self, db: Db, case: Case, action: Accept, uploads: Sequence[Upload]) -> Fate:
        if case.network is None or case.author is None:
            raise AddressNotFound(address=case.recipient)
        letter, text = case.letter, own_text(case.letter.parts)
        draft = posts.Draft(
            network_id=case.network.id,
            author_id=case.author.id,
            text=text,
            folded=folded_text(letter.parts),
            came_by="mail",
            message_id=_sane_id(letter.message_id) or f"<{case.raw_digest[:32]}@{self.addresses.domain}>",
            sent_at=min(letter.sent_at or case.received_at, case.received_at),
            owner=case.facts.owner,
            language=language.detect(text, letter.language or case.author.language),
            thread_id=action.thread_id,
            parent_id=action.parent_id,
            landed_by=action.landed_by,
            uploads=uploads,
            mail_id=case.mail_id,
            subject=letter.topic or excerpt(text, 60) or (letter.files[0].name if letter.files else ""),
        )
        accepted = posts.accept(db, draft, self.world.clock())
        if not accepted.is_new:
            return Fate(
                "ignored",
                f"the same mail is message {accepted.post.id} already",
                case.network.id,
                case.author.id,
                accepted.post.id,
            )
        return Fate("posted", action.because, case.network.id, case.author.id, accepted.post.id)

    def _note_bounce(self, db: Db, letter: Letter, outbox_id: int | None) -> str:
        """VERP tells which mail; what the bounce says tells how badly. A delay is no bounce."""
        permanent = any(bounced.permanent for bounced in letter.bounced) or not letter.bounced
        row = db.get(Outbox, outbox_id) if outbox_id else None
        if row is not None and permanent and not letter.auto:
            row.outcome, row.answer = "bounced", one_line(letter.subject, 200)
        whom = ", ".join(bounced.address for bounced in letter.bounced) or "unknown address"
        return f"{'bounced' if permanent else 'delayed'}: {whom}"

    def _pass_on(self, db: Db, case: Case, to: str) -> str:
        """Every contact person gets it in their own language; answers go straight to who wrote it."""
        letter = case.letter
        readers = self._readers(db, case, to)
        for reader in readers:
            owe_notice(
                db,
                reader,
                "forwarded",
                self.world.clock(),
                kind=to,
                slug=case.network.slug if case.network else "",
                network=case.network.name if case.network else "",
                name=letter.author.name or letter.author.address,
                address=letter.author.address,
                about=letter.subject,
                quoted=own_text(letter.parts)[:20_000],
                reply_to=letter.author.address,
            )
        return f"passed on to {len(readers)}" if readers else "nobody is there to pass it on to; it is kept"

    def _readers(self, db: Db, case: Case, to: str) -> list[Recipient]:
        """The contact persons; the operator where there is none, and for the operator's own addresses."""
        operator = self.world.settings.operator
        if to != "operator" and case.network is not None:
            rows = networks.contacts_of(db, case.network.id)
            if found := [Recipient(row.address, row.name, row.language, row.id) for row in rows if row.address]:
                return found
        return [Recipient(operator, "", "en")] if operator else []

    def _ask_was_this_you(self, db: Db, case: Case) -> None:
        assert case.author is not None
        if not (to := members.recipient(db, case.author.id)):
            return
        slug = case.network.slug if case.network else "postmaster"
        link = f"{self.world.settings.base_url}/held/{self.world.tokens.make('held', case.inbox_id)}"
        owe_notice(
            db,
            to,
            "was_this_you",
            self.world.clock(),
            slug=slug,
            about=case.letter.subject,
            sent_to=_plain(case.recipient),
            url=link,
            quoted=excerpt(own_text(case.letter.parts), 300),
            reply_to=self.addresses.answer(slug, case.inbox_id),
            answers=_sane_id(case.letter.message_id),
        )

    def _obey(self, db: Db, case: Case, name: str, thread_id: int | None) -> None:
        now, slug = self.world.clock(), case.network.slug if case.network else ""
        to = self._sender(case)
        if name == "help" and case.network:
            owe_once_a_day(
                db, to, "help", now, slug=slug, network=case.network.name, answers=_sane_id(case.letter.message_id)
            )
            return
        assert case.author is not None
        assert case.network is not None
        about = ""
        if name == "leave":
            memberships.leave(db, case.network, case.author)
        else:
            thread = threads.find_thread(db, thread_id or 0)
            (subscriptions.mute if name == "mute" else subscriptions.follow)(db, thread, case.author, now)
            about = thread.subject
        owe_notice(
            db,
            to,
            "done",
            now,
            what=name,
            slug=slug,
            network=case.network.name,
            about=about,
            answers=_sane_id(case.letter.message_id),
            reply_to=case.recipient,
        )

    def _refuse(self, case: Case, refusal: Refusal) -> None:
        """A second transaction: the first one was undone."""
        to, letter = self._sender(case), case.letter
        with self.world.database.transaction() as db:
            row = db.get_one(Inbox, case.inbox_id, with_for_update=True)
            reason = str(refusal)
            if to.address and not letter.auto:
                said = replace_sentence(refusal, to.language)
                told = owe_once_a_day(
                    db,
                    to,
                    "refused",
                    self.world.clock(),
                    slug=case.network.slug if case.network else "",
                    about=letter.subject,
                    sent_to=_plain(case.recipient),
                    sentence=said[0],
                    instead=said[1],
                    quoted=own_text(letter.parts)[:2000].strip(),
                    answers=_sane_id(letter.message_id),
                )
                reason += "" if told else " (the sender was told earlier today)"
            self._settle(row, Fate("refused", reason, case.network and case.network.id, case.author and case.author.id))

    def _sender(self, case: Case) -> Recipient:
        """Who wrote, and in which language they want to be answered."""
        if case.author:
            return Recipient(case.letter.author.address, case.author.name, case.author.language, case.author.id)
        default = case.network.language if case.network else "en"
        return Recipient(
            case.letter.author.address, case.letter.author.name, language.detect(own_text(case.letter.parts), default)
        )

    def _fail(self, inbox_id: int, reason: str) -> None:
        with self.world.database.transaction() as db:
            row = db.get_one(Inbox, inbox_id, with_for_update=True)
            self._settle(row, Fate("failed", reason))
            if operator := self.world.settings.operator:
                owe_once_a_day(
                    db,
                    Recipient(operator, "", "en"),
                    "alarm",
                    self.world.clock(),
                    about=f"mail {inbox_id} failed",
                    sentence=f"A mail to {_plain(row.recipient)} could not be worked through: {reason}.",
                )

    def _settle(self, row: Inbox, fate: Fate) -> None:
        row.fate, row.reason, row.worked_at = fate.fate, fate.reason, self.world.clock()
        row.network_id, row.member_id, row.post_id = fate.network_id, fate.member_id, fate.post_id


def replace_sentence(refusal: Refusal, to_language: str) -> tuple[str, str]:
    """The refusal's sentence and what to do instead, translated apart."""
    said = i18n.translations(to_language).gettext
    return said(refusal.sentence) % refusal.facts, said(refusal.instead) % refusal.facts if refusal.instead else ""


def _referenced(db: Db, network: Network | None, letter: Letter) -> Known | None:
    if network is None:
        return None
    post = posts.by_message_id(db, network.id, [*letter.references, *letter.in_reply_to])
    return Known(post.id, post.thread_id, post.message_id) if post else None


def _sane_id(message_id: str | None) -> str | None:
    """Only what can stand in our own headers again; others get an identifier from their content."""
    return message_id if message_id and re.fullmatch(r"<[!-;=?-~]{1,200}@[!-;=?-~]{1,200}>", message_id) else None


def _plain(recipient: str) -> str:
    """A personal address is nobody's business in a text: "viestijat@lists.example.org"."""
    local, _, domain = recipient.partition("@")
    return f"{local.partition('+')[0] if '.' in local.partition('+')[2] else local}@{domain}"


def _measured(files: Sequence[File]) -> list[Upload]:
    """As if they had been kept."""
    return [
        Upload(
            attachments.clean_name(file.name),
            attachments.clean_type(file.media_type, file.name),
            len(file.data),
            "-",
            file.content_id,
        )
        for file in files
    ]


def _owed(db: Db) -> int:
    return db.query(Outbox).count()
