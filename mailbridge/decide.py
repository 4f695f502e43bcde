"""What a letter is, and what is to be done with it: Letter and facts -> Action. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

from forum.errors import NotAMember, Refusal
from mailbridge.addresses import Target
from mailbridge.letter import Letter

LandedBy = Literal["token", "reference", "new"]

MUTE = frozenset({"mute", "vaimenna", "tysta"})
FOLLOW = frozenset({"follow", "seuraa", "följ"})
LEAVE = frozenset({"leave", "poistu", "lämna"})
COMMANDS = {**dict.fromkeys(MUTE, "mute"), **dict.fromkeys(FOLLOW, "follow"), **dict.fromkeys(LEAVE, "leave")}


@dataclass(frozen=True)
class Known:
    """A post that exists, as far as landing needs it."""

    id: int
    thread_id: int
    message_id: str = ""


@dataclass(frozen=True)
class Facts:
    """What the database knows about a letter, its sender and the address it came to."""

    network: str | None = None  # its name; None when there is none at this address
    owner: str = ""  # the address of its contact persons
    member_id: int | None = None  # whose From address it is
    proof: str = "none"  # token, dmarc, dkim, spf or none
    token_post: Known | None = None
    referenced: Known | None = None
    own_domain: str = ""
    is_holder: bool = False  # the sender of the held mail that this one confirms
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
    inbox_id: int


Action = Accept | Hold | Ignore | Refuse | Command | PassOn | NoteBounce | Confirm


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
        return (
            Confirm(target.numbers[0]) if facts.is_holder else Ignore("an answer to “was this you?” from someone else")
        )
    if target.kind == "help":
        return Command("help")
    if target.kind == "owner":
        return PassOn("owner")
    if target.kind == "join":
        return PassOn("join")
    if facts.member_id is None:
        return Refuse(NotAMember(network=facts.network or "", owner=facts.owner))
    if target.kind == "leave":
        return Command("leave") if facts.proof != "none" else Hold("nothing proves who wants to leave")
    return _word(letter, facts)


def _word(letter: Letter, facts: Facts) -> Action | None:
    """An answer of one word, whatever is quoted below it. Only where we know who it is and what it answers."""
    name = COMMANDS.get(_own_words(letter))
    answered = facts.token_post or facts.referenced
    if name is None or answered is None or facts.proof == "none":
        return None
    return Command(name) if name == "leave" else Command(name, answered.thread_id, answered.id)


def _own_words(letter: Letter) -> str:
    own = "".join(part.text for part in letter.parts if part.kind == "own")[:200]
    return re.sub(r"[\s.!*_]+", " ", own).strip().casefold()


def _post(letter: Letter, facts: Facts) -> Action:
    if facts.proof == "none" and not facts.is_known:
        return Hold("nothing proves that the sender is who the mail says")
    if facts.token_post:
        return _landed(letter, facts, facts.token_post)
    if facts.referenced and not letter.is_forward:
        return Accept(facts.referenced.thread_id, facts.referenced.id, "reference",
                      f"it answers {facts.referenced.message_id}")  # fmt: skip
    return Accept(None, None, "new", "it answers nothing that is here")


def _landed(letter: Letter, facts: Facts, token: Known) -> Accept:
    """The address tells the thread; what it answers in there is told better by In-Reply-To, when it is of the same thread."""
    parent = facts.referenced if facts.referenced and facts.referenced.thread_id == token.thread_id else token
    return Accept(token.thread_id, parent.id, "token", "it came to a personal reply address")
