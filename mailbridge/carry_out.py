"""What an action does, in the transaction it is given; and what a refusal says to whom it concerns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from forum import i18n, language, members, memberships, networks, posts, subscriptions, threads
from forum.attachments import Upload
from forum.db import Db
from forum.errors import AddressNotFound, Refusal
from forum.members import Recipient
from forum.notices import owe_notice, owe_once_a_day
from forum.tables import Inbox, Mail, Member, Network, Outbox
from forum.text import excerpt, one_line
from forum.world import World
from mailbridge.addresses import Addresses, Target
from mailbridge.decide import Accept, Action, Command, Confirm, Facts, Hold, Ignore, NoteBounce, PassOn, Refuse
from mailbridge.letter import Letter
from mailbridge.quotes import folded_text, own_text


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
    mail_id: int
    recipient: str
    received_at: datetime
    digest: str  # of the raw mail

    def ends(self, fate: str, reason: str, post_id: int | None = None) -> Fate:
        return Fate(
            fate, reason, self.network.id if self.network else None, self.author.id if self.author else None, post_id
        )

    @property
    def slug(self) -> str:
        return self.network.slug if self.network else ""

    @property
    def sender(self) -> Recipient:
        """Who wrote, and in which language they want to be answered."""
        author = self.letter.author
        if self.author:
            return Recipient(author.address, self.author.name, self.author.language, self.author.id)
        default = self.network.language if self.network else "en"
        return Recipient(author.address, author.name, language.detect(own_text(self.letter.parts), default))


class Hands:
    """Carries out actions. Knows the world for its settings, tokens and clock; the transaction is handed in."""

    def __init__(self, world: World, addresses: Addresses) -> None:
        self._world, self._addresses = world, addresses

    def carry_out(self, db: Db, case: Case, action: Action, uploads: Sequence[Upload]) -> Fate:
        """A Refusal may come out of it."""
        match action:
            case Refuse(refusal):
                raise refusal
            case Ignore(because):
                return case.ends("ignored", because)
            case NoteBounce(outbox_id):
                return case.ends("bounce", _note_bounce(db, case.letter, outbox_id))
            case Confirm(inbox_id):
                release(db, inbox_id, self._world.clock())
                return case.ends("command", f"confirmed mail {inbox_id}")
            case PassOn(to):
                return case.ends("command", self._pass_on(db, case, to))
            case Hold(because):
                self._ask_was_this_you(db, case)
                return case.ends("held", because)
            case Command(name, thread_id):
                self._obey(db, case, name, thread_id)
                return case.ends("command", name)
            case Accept():
                return self._accept(db, case, action, uploads)

    def tell_refusal(self, db: Db, case: Case, refusal: Refusal) -> Fate:
        """One mail to the sender, unless a machine wrote or they were told today."""
        to, letter = case.sender, case.letter
        if not to.address or letter.auto:
            return case.ends("refused", str(refusal))
        said = i18n.translations(to.language).gettext
        told = owe_once_a_day(
            db,
            to,
            "refused",
            self._world.clock(),
            slug=case.slug,
            about=letter.subject,
            sent_to=plain_address(case.recipient),
            sentence=said(refusal.sentence) % refusal.facts,
            instead=said(refusal.instead) % refusal.facts,
            quoted=own_text(letter.parts)[:2000].strip(),
            answers=sane_id(letter.message_id),
        )
        return case.ends("refused", str(refusal) + ("" if told else " (The sender was told earlier today.)"))

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
            message_id=sane_id(letter.message_id) or f"<{case.digest[:32]}@{self._addresses.domain}>",
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
        accepted = posts.accept(db, draft, self._world.clock())
        if not accepted.is_new:
            return Fate(
                "ignored",
                f"the same mail is message {accepted.post.id} already",
                case.network.id,
                case.author.id,
                accepted.post.id,
            )
        return Fate("posted", action.because, case.network.id, case.author.id, accepted.post.id)

    def _pass_on(self, db: Db, case: Case, to: str) -> str:
        """Every contact person gets it in their own language; answers go straight to who wrote it."""
        letter = case.letter
        readers = self._readers(db, case, to)
        for reader in readers:
            owe_notice(
                db,
                reader,
                "forwarded",
                self._world.clock(),
                what=to,
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
        operator = self._world.settings.operator
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
        link = f"{self._world.settings.base_url}/held/{self._world.tokens.make('held', case.inbox_id)}"
        owe_notice(
            db,
            to,
            "was_this_you",
            self._world.clock(),
            slug=slug,
            about=case.letter.subject,
            sent_to=plain_address(case.recipient),
            url=link,
            quoted=excerpt(own_text(case.letter.parts), 300),
            reply_to=self._addresses.answer(slug, case.inbox_id),
            answers=sane_id(case.letter.message_id),
        )

    def _obey(self, db: Db, case: Case, name: str, thread_id: int | None) -> None:
        now, slug = self._world.clock(), case.network.slug if case.network else ""
        to = case.sender
        if name == "help" and case.network:
            owe_once_a_day(
                db, to, "help", now, slug=slug, network=case.network.name, answers=sane_id(case.letter.message_id)
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
            answers=sane_id(case.letter.message_id),
            reply_to=case.recipient,
        )


def release(db: Db, inbox_id: int, now: datetime) -> None:
    """Its sender says that a held mail is theirs: it is worked through again, and now there is proof."""
    row = db.get(Inbox, inbox_id)
    if row is not None and row.fate == "held":
        row.fate, row.due_at, row.tries = None, now, 0
        db.execute(update(Mail).where(Mail.id == row.mail_id).values(vouched=True))


def _note_bounce(db: Db, letter: Letter, outbox_id: int | None) -> str:
    """VERP tells which mail; what the bounce says tells how badly. A delay is no bounce."""
    permanent = any(bounced.permanent for bounced in letter.bounced) or not letter.bounced
    row = db.get(Outbox, outbox_id) if outbox_id else None
    if row is not None and permanent and not letter.auto:
        row.outcome, row.answer = "bounced", one_line(letter.subject, 200)
    whom = ", ".join(bounced.address for bounced in letter.bounced) or "unknown address"
    return f"{'bounced' if permanent else 'delayed'}: {whom}"


def sane_id(message_id: str | None) -> str | None:
    """Only what can stand in our own headers again; others get an identifier from their content."""
    return message_id if message_id and re.fullmatch(r"<[!-;=?-~]{1,200}@[!-;=?-~]{1,200}>", message_id) else None


def plain_address(recipient: str) -> str:
    """A personal address is nobody's business in a text: "viestijat@lists.example.org"."""
    local, _, domain = recipient.partition("@")
    return f"{local.partition('+')[0] if '.' in local.partition('+')[2] else local}@{domain}"
