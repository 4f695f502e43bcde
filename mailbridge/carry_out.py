"""What an action does, in the transaction it is given; and what a refusal says to whom it concerns."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from forum import i18n, language, limits, members, memberships, networks, posts, subscriptions, threads
from forum.attachments import Upload
from forum.db import Db
from forum.errors import AddressNotFound, BadAddress, Refusal
from forum.limits import DAY
from forum.members import Recipient
from forum.notices import owe_answer, owe_notice, owed_lately, untagged
from forum.tables import Inbox, Member, Network, Outbox
from forum.text import excerpt, one_line
from forum.world import World
from mailbridge.addresses import Addresses, Target
from mailbridge.decide import (
    Accept,
    Action,
    AskWhere,
    AskWhose,
    Command,
    Confirm,
    Facts,
    Hold,
    Ignore,
    Known,
    NoteBounce,
    PassOn,
    Refuse,
)
from mailbridge.held import confirm
from mailbridge.letter import Letter
from mailbridge.quotes import folded_text, own_text
from mailbridge.thread_index import conversation

OLD = timedelta(days=7)  # a mail may be on its way for five; a Date before that is a wrong clock's
QUESTIONS_A_DAY = 10
PASSED_ON_A_DAY = 20  # to all who read them together, of one sender
TOO_OFTEN = " (They have been asked too often today.)"


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
    unanswerable: str = ""  # why its sender gets no answer

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
            case Confirm(inbox_id, chosen):
                confirm(db, inbox_id, self._world.clock(), chosen)
                return case.ends("command", f"confirmed mail {inbox_id}")
            case PassOn(to):
                return case.ends("command", self._pass_on(db, case, to))
            case Hold(because):
                assert case.author is not None
                asked = self._ask(db, case, case.author.id, "was_this_you")
                return case.ends("held", because + ("" if asked else TOO_OFTEN))
            case AskWhere(candidates):
                asked = self._ask_where(db, case, candidates)
                return case.ends("held", "two discussions have its subject" + ("" if asked else TOO_OFTEN))
            case AskWhose(member_id, because):
                db.get_one(Inbox, case.inbox_id).asked_address = case.letter.author.address
                asked = self._ask(db, case, member_id, "is_this_yours")
                return replace(case.ends("held", because + ("" if asked else TOO_OFTEN)), member_id=member_id)
            case Command():
                self._obey(db, case, action)
                return case.ends("command", action.name)
            case Accept():
                return self._accept(db, case, action, uploads)

    def tell_refusal(self, db: Db, case: Case, refusal: Refusal) -> Fate:
        """One mail to the sender, unless a machine wrote or they were told today.

        What a stranger wants told to a third party does not travel on by us: without a proof nothing of theirs is quoted.
        """
        to, letter, is_proven = case.sender, case.letter, case.facts.proof != "none"
        if not is_address(to.address) or letter.auto or case.unanswerable:
            return case.ends("refused", str(refusal) + (case.unanswerable and f" (No answer: {case.unanswerable}.)"))
        said, facts = i18n.translations(to.language).gettext, _as_known(case, refusal)
        told = owe_answer(
            db,
            to,
            "refused",
            self._world.clock(),
            slug=case.slug,
            about=letter.subject if is_proven else "",
            sent_to=plain_address(case.recipient),
            sentence=said(refusal.sentence) % facts,
            instead=said(refusal.instead) % facts,
            quoted=own_text(letter.parts)[:2000].strip() if is_proven else "",
            answers=sane_id(letter.message_id),
        )
        return case.ends(
            "refused", str(refusal) + ("" if told else " (The sender was told earlier today, or too many others were.)")
        )

    def _accept(self, db: Db, case: Case, action: Accept, uploads: Sequence[Upload]) -> Fate:
        if case.network is None or case.author is None:
            raise AddressNotFound(address=case.recipient)
        letter, text = case.letter, own_text(case.letter.parts)
        guid = conversation(letter.thread_index)
        draft = posts.Draft(
            network_id=case.network.id,
            author_id=case.author.id,
            text=text,
            folded=folded_text(letter.parts),
            came_by="mail",
            message_id=identity(letter, case.digest, self._addresses.domain),
            sent_at=_sent_at(letter, case.received_at),
            owner=case.facts.owner,
            language=language.detect(text, _said_language(letter) or case.author.language),
            thread_id=action.thread_id,
            parent_id=action.parent_id,
            landed_by=action.landed_by,
            landed_because=action.because,
            conversation=guid.hex() if guid else None,
            awaits=case.facts.clues.missing if action.landed_by != "token" else None,
            whole_text="".join(part.text for part in letter.parts),
            uploads=uploads,
            mail_id=case.mail_id,
            subject=one_line(letter.topic) or excerpt(text, 60) or (letter.files[0].name if letter.files else ""),
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
        letter, author, now = case.letter, case.letter.author, self._world.clock()
        readers = self._readers(db, case, to)
        most = (f"passed on from {untagged(members.fold(author.address))}", PASSED_ON_A_DAY, DAY)
        told = [reader for reader in readers if limits.within(db, [most], now)]
        for reader in told:
            owe_notice(
                db,
                reader,
                "forwarded",
                now,
                what=to,
                slug=case.slug,
                network=case.network.name if case.network else "",
                name=author.name or author.address,
                address=author.address,
                command=_command(author.address, case.slug) if to == "join" else "",
                about=letter.subject,
                quoted=own_text(letter.parts)[:20_000],
                reply_to=author.address
                if is_address(author.address) and not self._addresses.ours(author.address)
                else "",
            )
        if len(told) < len(readers):
            return f"passed on to {len(told)} of {len(readers)}: too many from this sender today; it is kept"
        return f"passed on to {len(told)}" if told else "nobody is there to pass it on to; it is kept"

    def _readers(self, db: Db, case: Case, to: str) -> list[Recipient]:
        """The contact persons; the operator where there is none, and for the operator's own addresses."""
        operator = self._world.settings.operator
        if to != "operator" and case.network is not None:
            rows = networks.contacts_of(db, case.network.id)
            if found := [Recipient(row.address, row.name, row.language, row.id) for row in rows if row.address]:
                return found
        return [Recipient(operator, "", "en")] if operator else []

    def _ask_where(self, db: Db, case: Case, candidates: Sequence[Known]) -> bool:
        """Numbered as `candidates` stand; the row remembers which they are."""
        assert case.author is not None
        found = [posts.whole(db, known.id) for known in candidates]
        db.get_one(Inbox, case.inbox_id).candidates = [row.id for row in found]
        choices = [{"subject": row.subject, "author": row.author, "excerpt": excerpt(row.text, 120)} for row in found]
        return self._ask(db, case, case.author.id, "which_one", choices=choices)

    def _ask(self, db: Db, case: Case, member_id: int, question: str, **more: Any) -> bool:
        """Whether they were asked: anybody can send such mails, so there is an end to the questions."""
        to, now = members.recipient(db, member_id), self._world.clock()
        if not to or owed_lately(db, to.address, question, now) >= QUESTIONS_A_DAY:
            return False
        slug = case.slug or "postmaster"
        link = f"{self._world.settings.base_url}/held/{self._world.tokens.make('held', case.inbox_id)}"
        owe_notice(
            db,
            to,
            question,
            now,
            slug=slug,
            address=case.letter.author.address,
            about=case.letter.subject,
            sent_to=plain_address(case.recipient),
            url=link,
            quoted=excerpt(own_text(case.letter.parts), 300),
            reply_to=self._addresses.answer(slug, case.inbox_id),
            answers=sane_id(case.letter.message_id),
            **more,
        )
        return True

    def _obey(self, db: Db, case: Case, command: Command) -> None:
        assert case.network is not None
        now, to = self._world.clock(), case.sender
        said = {"slug": case.slug, "network": case.facts.network, "answers": sane_id(case.letter.message_id)}
        if command.name == "help":
            if is_address(to.address) and not case.unanswerable:
                owe_answer(db, to, "help", now, **said)
            return
        assert case.author is not None
        if command.thread_id is None or command.post_id is None:
            memberships.leave(db, case.network, case.author)
            owe_notice(db, to, "done", now, what=command.name, about="", **said)
            return
        thread = threads.find_thread(db, command.thread_id)
        (subscriptions.mute if command.name == "mute" else subscriptions.follow)(db, thread, case.author, now)
        back = self._addresses.reply(case.slug, case.author.id, command.post_id)  # for one word that undoes it
        owe_notice(db, to, "done", now, what=command.name, about=thread.subject, reply_to=back, **said)


def _as_known(case: Case, refusal: Refusal) -> dict[str, object]:
    """A private network is named by its address to who may not know of it."""
    return {**refusal.facts, "network": case.facts.network} if "network" in refusal.facts else refusal.facts


def _command(address: str, slug: str) -> str:
    """To be copied into a shell, so never with more in it than an ordinary address has, nor one that reads as an option."""
    if not slug or not re.fullmatch(r"[\w.+][\w.+-]*@[\w.-]+", address, re.ASCII):
        return ""
    return f"parvi member add {shlex.quote(address)} --network {shlex.quote(slug)}"


def _note_bounce(db: Db, letter: Letter, outbox_id: int | None) -> str:
    """VERP tells which mail; what the bounce says tells how badly. A delay is no bounce, and a complaint even less."""
    if letter.complaint:
        return "a complaint"
    permanent = any(bounced.permanent for bounced in letter.bounced) or not letter.bounced
    row = db.get(Outbox, outbox_id) if outbox_id else None
    if row is not None and permanent:
        row.outcome, row.answer = "bounced", one_line(letter.subject, 200)
    whom = ", ".join(bounced.address for bounced in letter.bounced) or "unknown address"
    return f"{'bounced' if permanent else 'delayed'}: {whom}"


def identity(letter: Letter, digest: str, domain: str) -> str:
    """The Message-ID its post gets: its own, or one that the same mail would get again."""
    return sane_id(letter.message_id) or f"<{digest[:32]}@{domain}>"


def sane_id(message_id: str | None) -> str | None:
    """Only what can stand in our own headers again; others get an identifier from their content."""
    return message_id if message_id and re.fullmatch(r"<[!-;=?-~]{1,200}@[!-;=?-~]{1,200}>", message_id) else None


def is_address(text: str) -> bool:
    """One that can be answered: a From may hold anything, also what could not be decoded."""
    try:
        return bool(members.check_address(text)) and "\ufffd" not in text
    except BadAddress:
        return False


def _sent_at(letter: Letter, received_at: datetime) -> datetime:
    """As the mail says, if that can be: what lies in the future or long ago would be looked for in the wrong place."""
    said = letter.sent_at
    return said if said and received_at - OLD <= said <= received_at else received_at


def _said_language(letter: Letter) -> str:
    said = (letter.language or "")[:2].lower()
    return said if said in members.LANGUAGES else ""


def plain_address(recipient: str) -> str:
    """A personal address is nobody's business in a text: "viestijat@lists.example.org"."""
    local, _, domain = recipient.partition("@")
    return f"{local.partition('+')[0] if '.' in local.partition('+')[2] else local}@{domain}"
