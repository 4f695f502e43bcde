"""What is to be done with a letter: a table."""

from dataclasses import replace
from datetime import date

import pytest

from forum.errors import AbsenceUnclear, AnswerUnclear, InvitationAnswered, NotAMember, NothingAnswered, Refusal
from mailbridge.absence_words import Period
from mailbridge.addresses import Kind, Target
from mailbridge.decide import (
    Accept,
    Action,
    Clues,
    Command,
    Confirm,
    Disown,
    Facts,
    Hold,
    Ignore,
    Known,
    NoteBounce,
    PassOn,
    Refuse,
    decide,
)
from mailbridge.letter import Bounced, Letter, Part, Person

ANNA = Person("Anna", "anna@example.org")
LETTER = Letter(author=ANNA, parts=(Part("own", "Hei\n"),))
FIRST, SECOND, ELSEWHERE = Known(1, 10, "<1@x>"), Known(2, 10, "<2@x>"), Known(3, 30, "<3@x>")
MINE = Known(4, 10, "<4@x>", author_id=7)
TODAY = date(2026, 11, 23)
JULY = Period(date(2027, 7, 1), date(2027, 7, 31))
MEMBER = Facts(
    network="Viestijät", owner="o@x", member_id=7, proof="dmarc", own_domain="lists.example.org", today=TODAY
)
BY_TOKEN = replace(MEMBER, proof="token", token_post=FIRST)
OF_ONES_OWN = replace(BY_TOKEN, token_post=MINE)
UNPROVEN = replace(MEMBER, proof="none")
STRANGER = replace(UNPROVEN, member_id=None)
CLAIMED = replace(UNPROVEN, is_holder=True, is_claim=True)
NETWORK = Target("network", "viestijat")
REPLY = Target("reply", "viestijat", (7, 1))


def target(kind: Kind, *numbers: int) -> Target:
    return Target(kind, "viestijat", numbers)


def says(*words: str) -> Letter:
    return replace(LETTER, parts=(Part("own", "\n".join(words)), Part("quote", "> mute\n")))


NEW = Accept(None, None, "new", "it answers nothing that is here")
HELD = Hold("nothing proves that the sender is who the mail says")
NOT_THEIRS = Ignore("an answer to “was this you?” from someone else")
OURS = Ignore("our own mail came back")
ABSENT = replace(LETTER, auto="out of office")
IGNORED = Ignore("an automatic mail: out of office")
PASSED_ON = replace(LETTER, parts=(Part("own", "Ks."), Part("forward", "> x")))
FROM_ANOTHER_LIST = replace(LETTER, loop_ids=("<news.other-lists.example.org>", "<a.b.lists.example.org>"))
INVITED = Ignore("an answer to an invitation in a calendar; it is kept whole")
WORDLESS = replace(LETTER, calendar_method="REPLY", parts=(Part("own", " \n"), Part("quote", "> x\n")))
NO_BOUNCE = "no bounce, though it came to the address for them"


def landed(parent_id: int) -> Accept:
    return Accept(10, parent_id, "token", "it came to a personal reply address")


@pytest.mark.parametrize(
    ("letter", "to", "facts", "action"),
    [
        # A post, and where it lands
        (LETTER, NETWORK, MEMBER, NEW),
        (LETTER, NETWORK, replace(MEMBER, clues=Clues(referenced=SECOND)), Accept(10, 2, "reference", "it answers <2@x>")),
        (LETTER, REPLY, BY_TOKEN, landed(1)),
        (LETTER, REPLY, replace(BY_TOKEN, clues=Clues(referenced=SECOND)), landed(2)),
        (LETTER, REPLY, replace(BY_TOKEN, clues=Clues(referenced=ELSEWHERE)), landed(1)),
        (
            PASSED_ON,
            NETWORK,
            replace(MEMBER, clues=Clues(referenced=SECOND)),
            replace(NEW, because="it passes on another mail, and answers none"),
        ),
        (replace(LETTER, subject="Re: x", is_reply=True), NETWORK, MEMBER, NEW),
        (LETTER, NETWORK, replace(UNPROVEN, is_known=True, clues=Clues(referenced=FIRST)), Accept(10, 1, "reference", "it answers <1@x>")),
        # Proof
        (LETTER, NETWORK, UNPROVEN, HELD),
        (LETTER, REPLY, replace(UNPROVEN, token_post=FIRST), HELD),
        (LETTER, target("answer", 5), replace(UNPROVEN, is_holder=True), Confirm(5)),
        (says("Ei ole."), target("answer", 5), CLAIMED, Disown(5)),
        (says("No, it wasn't me"), target("answer", 5), replace(UNPROVEN, is_holder=True), Disown(5)),
        (says("Kyllä."), target("answer", 5), CLAIMED, Confirm(5)),
        (LETTER, target("answer", 5), MEMBER, NOT_THEIRS),
        (LETTER, target("answer", 5), STRANGER, NOT_THEIRS),
        # Commands
        (LETTER, target("leave"), MEMBER, Command("leave")),
        (LETTER, target("leave"), UNPROVEN, Hold("nothing proves who wants to leave")),
        (LETTER, target("help"), STRANGER, Command("help")),
        (LETTER, target("owner"), STRANGER, PassOn("owner")),
        (LETTER, target("join"), STRANGER, PassOn("join")),
        (LETTER, target("join"), MEMBER, PassOn("join")),
        (LETTER, Target("operator"), STRANGER, PassOn("operator")),
        (says("mute"), REPLY, BY_TOKEN, Command("mute", FIRST)),
        (says("", "  Vaimenna.", ""), REPLY, BY_TOKEN, Command("mute", FIRST)),
        (says("TYSTA!"), REPLY, BY_TOKEN, Command("mute", FIRST)),
        (says("*Följ*"), REPLY, BY_TOKEN, Command("follow", FIRST)),
        (says("seuraa"), NETWORK, replace(MEMBER, clues=Clues(referenced=SECOND)), Command("follow", SECOND)),
        (says("poistu"), REPLY, BY_TOKEN, Command("leave")),
        (says("lämna"), REPLY, BY_TOKEN, Command("leave")),
        (says("Poistu", "", "Terveisin", "Anna Virtanen"), NETWORK, MEMBER, Command("leave")),
        (says("Ohje"), NETWORK, MEMBER, Command("help")),
        (says("ohje"), NETWORK, STRANGER, Command("help")),
        (says("Liity"), NETWORK, STRANGER, PassOn("join")),
        (says("gå med"), NETWORK, MEMBER, PassOn("join")),
        (says("poissa 1.7.-31.7."), NETWORK, MEMBER, Command("away", period=JULY)),
        (says("Borta 1.7–31.7"), REPLY, BY_TOKEN, Command("away", period=JULY)),
        (says("takaisin"), NETWORK, replace(MEMBER, is_expected_back=True), Command("back")),
        (says("KOKO"), REPLY, OF_ONES_OWN, Command("whole", MINE)),
        (says("allt", "", "/Anna"), NETWORK, replace(MEMBER, clues=Clues(referenced=MINE)), Command("whole", MINE)),
        # What only looks like one
        (says("mute that noise, please"), REPLY, BY_TOKEN, landed(1)),
        (says("Olen poissa 1.7.-31.7."), REPLY, BY_TOKEN, landed(1)),
        (says("poissa silloin"), REPLY, BY_TOKEN, landed(1)),
        (says("Kaikki"), REPLY, BY_TOKEN, landed(1)),
        (says("Kaikki"), NETWORK, MEMBER, NEW),
        (says("Jag är tillbaka."), REPLY, BY_TOKEN, landed(1)),
        (says("poissa 1.7.-31.7."), NETWORK, UNPROVEN, HELD),
        (says("mute"), REPLY, replace(UNPROVEN, token_post=FIRST), HELD),
        # Machines
        (ABSENT, NETWORK, MEMBER, IGNORED),
        (ABSENT, target("answer", 5), replace(UNPROVEN, is_holder=True), IGNORED),
        (ABSENT, target("help"), STRANGER, IGNORED),
        (ABSENT, target("leave"), MEMBER, IGNORED),
        (replace(LETTER, auto="report"), Target("operator"), STRANGER, PassOn("operator")),
        (replace(LETTER, is_bounce=True), Target("bounce", "", (99,)), STRANGER, NoteBounce(99)),
        (replace(LETTER, is_bounce=True, auto="auto-submitted"), Target("bounce", "", (99,)), STRANGER, NoteBounce(99)),
        (replace(LETTER, is_bounce=True, bounced=(Bounced("m@x", True),)), NETWORK, MEMBER, NoteBounce(None)),
        (replace(LETTER, complaint=True), Target("bounce", "", (99,)), STRANGER, NoteBounce(99)),
        (replace(LETTER, complaint=True), Target("operator"), STRANGER, NoteBounce(None)),
        (replace(LETTER, auto="vacation"), Target("bounce", "", (99,)), MEMBER, Ignore(f"{NO_BOUNCE}: vacation")),
        (LETTER, Target("bounce", "", (99,)), MEMBER, Ignore(NO_BOUNCE)),
        (WORDLESS, REPLY, BY_TOKEN, INVITED),
        (replace(WORDLESS, calendar_method="COUNTER"), NETWORK, MEMBER, INVITED),
        (replace(LETTER, calendar_method="REQUEST"), NETWORK, MEMBER, NEW),
        # Loops, and lists that are not ours
        (replace(LETTER, loop_ids=("lists.example.org",)), NETWORK, MEMBER, OURS),
        (replace(LETTER, loop_ids=("<viestijat.Lists.Example.org>",)), NETWORK, MEMBER, OURS),
        (replace(LETTER, loop_ids=("V <viestijat.lists.example.org>",)), Target("operator"), STRANGER, OURS),
        (FROM_ANOTHER_LIST, NETWORK, MEMBER, NEW),
    ],
)  # fmt: skip
def test_what_is_done(letter: Letter, to: Target, facts: Facts, action: Action) -> None:
    assert decide(letter, to, facts) == action


@pytest.mark.parametrize("to", [NETWORK, REPLY, target("leave")])
def test_a_stranger_is_told_whom_to_ask(to: Target) -> None:
    action = decide(LETTER, to, STRANGER)
    assert isinstance(action, Refuse)
    assert isinstance(action.refusal, NotAMember)
    assert action.refusal.facts == {"network": "Viestijät", "owner": "o@x"}


@pytest.mark.parametrize(
    ("letter", "to", "facts", "refusal"),
    [
        (says("mute"), NETWORK, MEMBER, NothingAnswered),
        (says("SEURAA"), NETWORK, MEMBER, NothingAnswered),
        (says("poissa heinäkuussa"), NETWORK, MEMBER, AbsenceUnclear),
        (LETTER, target("answer", 5), CLAIMED, AnswerUnclear),
        (says("Ok, not mine."), target("answer", 5), CLAIMED, AnswerUnclear),
    ],
)
def test_what_cannot_be_told_is_asked_for_again(
    letter: Letter, to: Target, facts: Facts, refusal: type[Refusal]
) -> None:
    action = decide(letter, to, facts)
    assert isinstance(action, Refuse)
    assert isinstance(action.refusal, refusal)


@pytest.mark.parametrize("method", ["REPLY", "COUNTER", "REFRESH"])
def test_words_beside_an_answer_to_an_invitation_do_not_vanish(method: str) -> None:
    """“Tulen, mutta myöhästyn.”"""
    action = decide(replace(LETTER, calendar_method=method), NETWORK, MEMBER)
    assert isinstance(action, Refuse)
    assert isinstance(action.refusal, InvitationAnswered)
