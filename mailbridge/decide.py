"""What a letter is, and what is to be done with it: Letter and facts -> Action. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

from forum.errors import ChoiceUnclear, NotAMember, Refusal
from mailbridge.addresses import Target
from mailbridge.letter import Letter

LandedBy = Literal["token", "reference", "thread-index", "marker", "subject", "new"]

MUTE = frozenset({"mute", "vaimenna", "tysta"})
FOLLOW = frozenset({"follow", "seuraa", "följ"})
LEAVE = frozenset({"leave", "poistu", "lämna"})
YES = frozenset({"yes", "yep", "ok", "kyllä", "joo", "juu", "ja", "jo", "japp"})
NO = frozenset(
    "no nope not never don't didn't isn't wasn't ei en emme eivät älkää nej inte ej icke aldrig".split()  # noqa: SIM905
)
COMMANDS = {**dict.fromkeys(MUTE, "mute"), **dict.fromkeys(FOLLOW, "follow"), **dict.fromkeys(LEAVE, "leave")}


@dataclass(frozen=True)
class Known:
    """A post that exists, as far as landing needs it."""

    id: int
    thread_id: int
    message_id: str = ""


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
    """mute, follow, leave, help; `thread_id` for the first two."""

    name: str
    thread_id: int | None = None
    post_id: int | None = None  # the one that was answered


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


Action = Accept | Hold | AskWhere | AskWhose | Ignore | Refuse | Command | PassOn | NoteBounce | Confirm


def decide(letter: Letter, target: Target, facts: Facts) -> Action:
    """Machines' mail first, since it may never be answered; then what the address asks for; then a post."""
    if letter.is_bounce or letter.complaint:
        return NoteBounce(target.numbers[0] if target.kind == "bounce" else None)
    if any(_is_ours(loop, facts.own_domain) for loop in letter.loop_ids):
        return Ignore("our own mail came back")
    if target.kind == "bounce":
        return Ignore(f"no bounce, though it came to the address for them{letter.auto and ': '}{letter.auto}")
    if target.kind == "operator":
        return PassOn("operator")
    if letter.auto:
        return Ignore(f"an automatic mail: {letter.auto}")
    return _asked_for(letter, target, facts) or _post(letter, facts)


def _is_ours(loop: str, domain: str) -> bool:
    """X-Parvi-Loop holds our domain, List-Id a slug before it; other lists may well live beside us."""
    name = loop.rpartition("<")[2].strip("<> ").casefold()
    return bool(domain) and domain.casefold() in (name, name.partition(".")[2])


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
    if facts.member_id is None:
        return Refuse(NotAMember(network=facts.network or "", owner=facts.owner))
    if target.kind == "leave":
        return Command("leave") if facts.proof != "none" else Hold("nothing proves who wants to leave")
    return _word(letter, facts)


def _answer(letter: Letter, inbox_id: int, facts: Facts) -> Action:
    """To “was this you?” any answer is a yes but one that says no: at stake is one mail.

    “Is this address yours?” takes a clear yes, since who answers anything at all gives their name away to whoever wrote.
    """
    if not facts.is_holder:
        return Ignore("an answer to “was this you?” from someone else")
    if facts.choices:
        return _choice(letter, inbox_id, facts.choices)
    if facts.is_claim:
        return Confirm(inbox_id) if _says_yes(letter) else Ignore("the answer was no clear yes: it stays held")
    return Ignore("the answer was no: it stays held") if _says_no(letter) else Confirm(inbox_id)


def _choice(letter: Letter, inbox_id: int, choices: tuple[int, ...]) -> Action:
    """The number that the question gave to each discussion; one more for a new one."""
    said = re.match(r"\W*(\d{1,2})\b", _own_words(letter))
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
    own = "".join(part.text for part in letter.parts if part.kind == "own")[:500].strip()
    return re.findall(r"[\w'’]+", re.split(r"[.!?\n]", own, maxsplit=1)[0].casefold().replace("’", "'"))


def _word(letter: Letter, facts: Facts) -> Action | None:
    """An answer of one word, whatever is quoted below it. Only where we know who it is and what it answers."""
    name = COMMANDS.get(_own_words(letter))
    answered = facts.token_post or facts.clues.referenced
    if name is None or answered is None or facts.proof == "none":
        return None
    return Command(name) if name == "leave" else Command(name, answered.thread_id, answered.id)


def _own_words(letter: Letter) -> str:
    own = "".join(part.text for part in letter.parts if part.kind == "own")[:200]
    return re.sub(r"[\s.!*_]+", " ", own).strip().casefold()


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
