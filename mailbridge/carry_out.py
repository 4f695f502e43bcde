"""What an action does, in the transaction it is given."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from forum import (
    absence,
    bounces,
    folding,
    i18n,
    language,
    members,
    memberships,
    networks,
    posts,
    subscriptions,
    threads,
)
from forum.attachments import Upload
from forum.db import Db
from forum.errors import AddressNotFound
from forum.tables import Inbox, Outbox
from forum.text import excerpt, one_line
from forum.world import World
from mailbridge import complaints
from mailbridge.addresses import Addresses
from mailbridge.case import Case, Fate, identity
from mailbridge.decide import (
    Accept,
    Action,
    AskWhere,
    AskWhose,
    Command,
    Confirm,
    Disown,
    Hold,
    Ignore,
    NoteBounce,
    PassOn,
    Refuse,
)
from mailbridge.held import confirm
from mailbridge.letter import Letter
from mailbridge.personal import without_personal
from mailbridge.quotes import folded_text, own_text
from mailbridge.quotes.typed_in import answers_in
from mailbridge.sent import sent_texts
from mailbridge.thread_index import conversation
from mailbridge.voice import Voice
from mailbridge.write import Writer

OLD = timedelta(days=7)  # a mail may be on its way for five; a Date before that is a wrong clock's
TOO_OFTEN = " (They have been asked too often today.)"


class Hands:
    """Carries out actions. Knows the world for its settings, tokens and clock; the transaction is handed in."""

    def __init__(self, world: World, addresses: Addresses, voice: Voice) -> None:
        self._world, self._addresses, self._voice = world, addresses, voice
        self._writer = Writer(addresses, world.settings.base_url, None)

    def carry_out(self, db: Db, case: Case, action: Action, uploads: Sequence[Upload]) -> Fate:
        """A Refusal may come out of it."""
        match action:
            case Refuse(refusal):
                raise refusal
            case Ignore(because):
                return case.ends("ignored", because)
            case NoteBounce(outbox_id):
                return case.ends("bounce", self._note_bounce(db, case.letter, outbox_id))
            case Confirm(inbox_id, chosen):
                confirm(db, inbox_id, self._world.clock(), chosen)
                return case.ends("command", f"confirmed mail {inbox_id}")
            case Disown(inbox_id):
                self._voice.done(db, case, "disowned")
                return case.ends("command", f"not theirs: mail {inbox_id} stays held")
            case PassOn(to):
                return case.ends("command", self._voice.pass_on(db, case, to))
            case Hold(because):
                assert case.author is not None
                asked = self._voice.ask(db, case, case.author.id, "was_this_you")
                return case.ends("held", because + ("" if asked else TOO_OFTEN))
            case AskWhere(candidates):
                asked = self._voice.ask_where(db, case, candidates)
                return case.ends("held", "two discussions have its subject" + ("" if asked else TOO_OFTEN))
            case AskWhose(member_id, because):
                db.get_one(Inbox, case.inbox_id).asked_address = case.letter.author.address
                asked = self._voice.ask(db, case, member_id, "is_this_yours")
                return replace(case.ends("held", because + ("" if asked else TOO_OFTEN)), member_id=member_id)
            case Command():
                self._obey(db, case, action)
                return case.ends("command", action.name)
            case Accept():
                return self._accept(db, case, action, uploads)

    def _accept(self, db: Db, case: Case, action: Accept, uploads: Sequence[Upload]) -> Fate:
        draft, cap = self._draft(db, case, action, uploads), self._world.settings.daily_cap
        accepted = posts.accept(db, draft, self._world.clock(), cap)
        if not accepted.is_new:
            because = f"the same mail is message {accepted.post.id} already"
            return case.ends("ignored", because, accepted.post.id)
        self._voice.receipt(db, case, accepted.post)
        return case.ends("posted", action.because, accepted.post.id)

    def _draft(self, db: Db, case: Case, action: Accept, uploads: Sequence[Upload]) -> posts.Draft:
        if case.network is None or case.author is None:
            raise AddressNotFound(address=case.recipient)
        letter = case.letter
        text, folded, whole = (
            without_personal(each, self._world.tokens)
            for each in (
                *self._told_apart(db, letter, action.parent_id, case.author.language),
                "".join(part.text for part in letter.parts),
            )
        )
        guid = conversation(letter.thread_index)
        return posts.Draft(
            network_id=case.network.id,
            author_id=case.author.id,
            text=text,
            folded=folded,
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
            whole_text=whole,
            uploads=uploads,
            mail_id=case.mail_id,
            subject=one_line(letter.topic) or excerpt(text, 60) or (letter.files[0].name if letter.files else ""),
        )

    def _told_apart(self, db: Db, letter: Letter, answered: int | None, language: str) -> tuple[str, str]:
        """What is shown and what is folded; what they typed into our own quoted mail is theirs."""
        if any(part.kind == "quote" for part in letter.parts):
            sent = sent_texts(db, self._writer, answered, language)
            if answers := answers_in(letter.parts, sent):
                return answers.shown(), folded_text(answers.parts())
        return own_text(letter.parts), folded_text(letter.parts)

    def _obey(self, db: Db, case: Case, command: Command) -> None:
        match command.name:
            case "help":
                self._voice.done(db, case, "help")
            case "mute" | "follow":
                self._subscribe(db, case, command)
            case "whole":
                self._unfold(db, case, command)
            case "away" | "back":
                self._be_away(db, case, command)
            case "leave":
                assert case.network is not None
                assert case.author is not None
                memberships.leave(db, case.network, case.author, self._world.clock())
                self._voice.done(db, case, "leave")

    def _subscribe(self, db: Db, case: Case, command: Command) -> None:
        assert case.author is not None
        assert command.answered is not None
        assert case.network is not None
        memberships.find_membership(db, case.network, case.author, case.facts.owner)
        thread = threads.find_thread(db, command.answered.thread_id)
        act = subscriptions.mute if command.name == "mute" else subscriptions.follow
        act(db, thread, case.author, self._world.clock())
        back = self._addresses.reply(case.slug, case.author.id, command.answered.id)  # for one word that undoes it
        self._voice.done(db, case, command.name, about=thread.subject, reply_to=back)

    def _unfold(self, db: Db, case: Case, command: Command) -> None:
        assert case.author is not None
        assert command.answered is not None
        post = posts.find_post(db, command.answered.id)
        was_folded = folding.unfold(db, post, case.author)
        url = f"{self._world.settings.base_url}/p/{post.id}"
        assert case.network is not None
        may_read = networks.may_read(db, case.network, case.author)  # who has left may not know where it stands now
        about = threads.find_thread(db, post.thread_id).subject if may_read else case.letter.topic
        self._voice.done(db, case, "whole" if was_folded else "was whole", about=about, url=url)

    def _be_away(self, db: Db, case: Case, command: Command) -> None:
        assert case.author is not None
        now = self._world.clock()
        if command.period is None:
            absence.come_back(db, case.author, now)
            self._voice.done(db, case, "back")
            return
        first, last = command.period.first, command.period.last
        absence.go_away(db, case.author, first, last, now)
        self._voice.done(db, case, "away", days=i18n.days(first, last, case.author.language))

    def _note_bounce(self, db: Db, letter: Letter, outbox_id: int | None) -> str:
        """VERP tells which mail; what the bounce says tells how badly. A delay is no bounce, and a complaint even less."""
        tokens, now = self._world.tokens, self._world.clock()
        if letter.complaint:
            return complaints.note(db, letter, outbox_id, self._addresses, tokens, now)
        whom = ", ".join(bounced.address for bounced in letter.bounced) or "unknown address"
        if letter.bounced and all(bounced.is_late for bounced in letter.bounced):
            return f"delayed: {whom}"
        row = db.get(Outbox, outbox_id) if outbox_id else None
        if row is not None and row.outcome not in ("bounced", "refused"):  # the same one may come twice
            row.outcome, row.answer = "bounced", _reason(letter)
            row.done_at = row.done_at or now  # it may come back before its sending is noted
            bounces.note(db, row.id, _status(letter), now, tokens)
        return f"bounced: {whom}"


def _reason(letter: Letter) -> str:
    """In the words of the server that did not take it, where they are told."""
    said = (bounced.said for bounced in letter.bounced if not bounced.is_late)
    return one_line(next(filter(None, said), letter.subject), 200)


def _status(letter: Letter) -> str:
    """A mail of ours has one recipient: the first one that it names for good."""
    final = [bounced for bounced in letter.bounced if not bounced.is_late]
    said = final[0].status if final else ""
    return said if said[:1] in ("4", "5") else "4.0.0" if final and not final[0].permanent else "5.0.0"


def _sent_at(letter: Letter, received_at: datetime) -> datetime:
    """As the mail says, if that can be: what lies in the future or long ago would be looked for in the wrong place."""
    said = letter.sent_at
    return said if said and received_at - OLD <= said <= received_at else received_at


def _said_language(letter: Letter) -> str:
    said = (letter.language or "")[:2].lower()
    return said if said in members.LANGUAGES else ""
