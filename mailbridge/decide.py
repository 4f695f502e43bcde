"""What a letter is, and what is to be done with it: Letter and facts -> Action. Pure."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from forum.errors import (
    AbsenceUnclear,
    AnswerUnclear,
    ChoiceUnclear,
    InvitationAnswered,
    NotAMember,
    NothingAnswered,
    Refusal,
)
from mailbridge import absence_words, commands
from mailbridge.absence_words import Period
from mailbridge.addresses import Target
from mailbridge.commands import Said, own_words
from mailbridge.letter import Letter

LandedBy = Literal["token", "reference", "thread-index", "marker", "subject", "new"]

ANSWERS_TO_INVITATIONS = frozenset({"REPLY", "COUNTER", "DECLINECOUNTER", "REFRESH"})  # RFC 5546 1.4
YES = frozenset({"yes", "yep", "ok", "kyllä", "joo", "juu", "ja", "jo", "japp"})
NO = frozenset(
    "no nope not never don't didn't isn't wasn't ei en emme eivät älkää nej inte ej icke aldrig".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Known:
    """A post that exists, as far as landing needs it."""

    id: int
    thread_id: int
    message_id: str = ""
    author_id: int = 0


@dataclass(frozen=True)
class Clues:
    """Posts that something in a letter points at; `similar` are the newest of recent threads of its subject that its author knows."""

    referenced: Known | None = None
    indexed: Known | None = None
    marked: Known | None = None
    similar: tuple[Known, ...] = ()
    missing: str | None = None  # the Message-ID it answers, which is not here and may still come


@dataclass(frozen=True)
class Facts:
    """What the database knows about a letter, its sender and the address it came to."""

    network: str | None = None  # its name, or its address for who may not know of it; None when there is none
    owner: str = ""  # the address of its contact persons
    member_id: int | None = None  # whose From address it is
    proof: str = "none"  # token, dmarc, dkim, spf or none
    token_post: Known | None = None
    clues: Clues = Clues()
    own_domain: str = ""
    today: date = date.min  # where the sender lives
    is_expected_back: bool = False  # away, or about to be
    doubt: str = ""  # why there is no proof, when that was looked into
    claimant_id: int | None = None  # whose personal address it came to, when its From is nobody's and may become theirs
    is_holder: bool = False  # the sender of the held mail that this one confirms
    is_claim: bool = False  # that question was whether an address is theirs
    choices: tuple[int, ...] = ()  # the posts between which that question asked
    chosen: Known | None = None  # what this mail answers, as its author said when asked
    is_chosen_new: bool = False  # or that it answers nothing
    is_known: bool = False  # this very mail is a post already, having come to another address as well


@dataclass(frozen=True)
class Accept:
    """A post: an answer to `parent` in its thread, or a new thread."""

    thread_id: int | None
    parent_id: int | None
    landed_by: LandedBy
    because: str


@dataclass(frozen=True)
class Hold:
    because: str


@dataclass(frozen=True)
class AskWhere:
    """Held until its author says to which of these threads it belongs."""

    candidates: tuple[Known, ...]


@dataclass(frozen=True)
class AskWhose:
    """Held until this member says whether the From address is theirs."""

    member_id: int
    because: str


@dataclass(frozen=True)
class Ignore:
    because: str


@dataclass(frozen=True)
class Refuse:
    refusal: Refusal


@dataclass(frozen=True)
class Command:
    """What the mail asks for; `answered` for mute, follow and whole, `period` for away."""

    name: commands.Name
    answered: Known | None = None
    period: Period | None = None


@dataclass(frozen=True)
class PassOn:
    """To the contact persons (owner, join) or the operator."""

    to: Literal["owner", "join", "operator"]


@dataclass(frozen=True)
class NoteBounce:
    outbox_id: int | None


@dataclass(frozen=True)
class Confirm:
    """A held mail is its sender's; `chosen` is the post it answers (0 for none), where that was the question."""

    inbox_id: int
    chosen: int | None = None


@dataclass(frozen=True)
class Disown:
    """A held mail is not theirs, its member says, or the address is not."""

    inbox_id: int


Action = Accept | Hold | AskWhere | AskWhose | Ignore | Refuse | Command | PassOn | NoteBounce | Confirm | Disown


def decide(letter: Letter, target: Target, facts: Facts) -> Action:
    """Machines' mail first, since it may never be answered; then what the address asks for; then a post."""
    if letter.is_bounce or letter.complaint:
        return NoteBounce(target.numbers[0] if target.kind == "bounce" else None)
    if came_back(letter, facts.own_domain):
        return Ignore("our own mail came back")
    if target.kind == "bounce":
        return Ignore(f"no bounce, though it came to the address for them{letter.auto and ': '}{letter.auto}")
    if target.kind == "check":
        return Ignore("a mail of “parvi check” to ourselves")
    if target.kind == "operator":
        return PassOn("operator")
    if letter.auto:
        return Ignore(f"an automatic mail: {letter.auto}")
    if letter.calendar_method in ANSWERS_TO_INVITATIONS:
        # Calendars write a sentence of their own, but so do people: who may have written is told.
        said_nothing = Ignore("an answer to an invitation in a calendar; it is kept whole")
        return Refuse(InvitationAnswered()) if own_words(letter).strip() else said_nothing
    return _asked_for(letter, target, facts) or _post(letter, facts)


def came_back(letter: Letter, own_domain: str) -> bool:
    """X-Parvi-Loop holds our domain, List-Id a slug before it; other lists may well live beside us."""
    names = (loop.rpartition("<")[2].strip("<> ").casefold() for loop in letter.loop_ids)
    return bool(own_domain) and any(own_domain.casefold() in (name, name.partition(".")[2]) for name in names)


def _asked_for(letter: Letter, target: Target, facts: Facts) -> Action | None:
    if target.kind == "answer":
        return _answer(letter, target.numbers[0], facts)
    if target.kind == "help":
        return Command("help")
    if target.kind == "owner":
        return PassOn("owner")
    if target.kind == "join":
        return PassOn("join")
    if facts.claimant_id is not None:
        return AskWhose(facts.claimant_id, "it came to a personal reply address, from an address that nobody has")
    said = commands.said(letter)
    if said and said.name in ("help", "join"):
        return Command("help") if said.name == "help" else PassOn("join")
    if facts.member_id is None:
        return Refuse(NotAMember(network=facts.network or "", owner=facts.owner))
    if target.kind == "leave":
        return Command("leave") if facts.proof != "none" else Hold("nothing proves who wants to leave")
    return _command(said, facts) if said and facts.proof != "none" else None


def _command(said: Said, facts: Facts) -> Action | None:
    """Only where we know who it is. What may as well be somebody's answer to a question is a post: “All.”, “Away on 12.3.”"""
    answered = facts.token_post or facts.clues.referenced
    if said.name == "away":
        period = absence_words.period(said.line, facts.today)
        unclear = None if answered else Refuse(AbsenceUnclear())
        return Command("away", period=period) if period else unclear
    if said.name == "whole":
        return Command("whole", answered) if answered and answered.author_id == facts.member_id else None
    if said.name == "back":
        return Command("back") if facts.is_expected_back else None
    if said.name in ("mute", "follow"):
        return Command(said.name, answered) if answered else Refuse(NothingAnswered(word=said.line))
    return Command(said.name)


def _answer(letter: Letter, inbox_id: int, facts: Facts) -> Action:
    """To “was this you?” any answer is a yes but one that says no: at stake is one mail.

    “Is this address yours?” takes a clear yes, since who answers anything at all gives their name away to whoever wrote.
    """
    if not facts.is_holder:
        return Ignore("an answer to “was this you?” from someone else")
    if facts.choices:
        return _choice(letter, inbox_id, facts.choices)
    if _says_no(letter):
        return Disown(inbox_id)
    if facts.is_claim and not _says_yes(letter):
        return Refuse(AnswerUnclear())
    return Confirm(inbox_id)


def _choice(letter: Letter, inbox_id: int, choices: tuple[int, ...]) -> Action:
    """The number that the question gave to each discussion; one more for a new one."""
    said = re.match(r"\W*(\d{1,2})\b", own_words(letter)[:200])
    number = int(said[1]) if said else 0
    if not 1 <= number <= len(choices) + 1:
        return Refuse(ChoiceUnclear())
    return Confirm(inbox_id, [*choices, 0][number - 1])


def _says_no(letter: Letter) -> bool:
    """In the first sentence, unless that begins with a yes."""
    words = _first_sentence(letter)
    return bool(NO.intersection(words)) and words[0] not in YES


def _says_yes(letter: Letter) -> bool:
    """By the first word, unless the next takes it back: “Ok, not mine.”, “Joo ei.” are none, “Joo, en muistanut.” is one."""
    words = _first_sentence(letter)
    return bool(YES.intersection(words[:1])) and words[1:2] not in (["ei"], ["not"], ["no"], ["nej"], ["inte"])


def _first_sentence(letter: Letter) -> list[str]:
    own = own_words(letter)[:500].strip()
    return re.findall(r"[\w'’]+", re.split(r"[.!?\n]", own, maxsplit=1)[0].casefold().replace("’", "'"))


def _post(letter: Letter, facts: Facts) -> Action:
    if facts.proof == "none" and not facts.is_known:
        return Hold("nothing proves that the sender is who the mail says" + (facts.doubt and f" ({facts.doubt})"))
    if facts.chosen:
        return _answers(facts.chosen, "subject", "its author said so when asked")
    if facts.is_chosen_new:
        return Accept(None, None, "new", "its author said so when asked")
    if facts.token_post:
        return _landed(facts.clues, facts.token_post)
    if letter.is_forward:
        return Accept(None, None, "new", "it passes on another mail, and answers none")
    return _by_clues(facts.clues) or Accept(None, None, "new", "it answers nothing that is here")


def _by_clues(clues: Clues) -> Accept | AskWhere | None:
    """The strongest sign decides; two threads of equal weight are for the author to choose between."""
    if clues.referenced:
        return _answers(clues.referenced, "reference", f"it answers {clues.referenced.message_id}")
    if clues.indexed:
        return _answers(clues.indexed, "thread-index", "Outlook counts it to that conversation")
    if clues.marked:
        return _answers(clues.marked, "marker", "it quotes a mail of that discussion")
    if len(clues.similar) > 1:
        return AskWhere(clues.similar)
    if clues.similar:
        return _answers(clues.similar[0], "subject", "its author has lately had a discussion of that subject")
    return None


def _answers(post: Known, landed_by: LandedBy, because: str) -> Accept:
    return Accept(post.thread_id, post.id, landed_by, because)


def _landed(clues: Clues, token: Known) -> Accept:
    """The address tells the thread; what it answers in there is told better by In-Reply-To, when it is of the same thread."""
    named = clues.referenced
    parent = named if named and named.thread_id == token.thread_id else token
    return Accept(token.thread_id, parent.id, "token", "it came to a personal reply address")
