"""What an action does: commands, mails passed on, bounces noted, and what is said about it."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import delete, update

from forum import absence, subscriptions
from forum.members import Recipient
from forum.tables import Member, Membership, Network, Outbox, Thread
from forum.tokens import Tokens
from forum.world import World
from mailbridge.addresses import Addresses
from mailbridge.case import is_address, plain_address, sane_id
from mailbridge.incoming import Bridge
from mailbridge.outgoing import Outgoing
from mailbridge.read import read
from mailbridge.voice import ANSWERS_A_DAY
from mailbridge.worker import make_postman, make_writer
from mailbridge.write import Writer
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import ADDRESS, Fate, bring, mail, owed_notices

JOIN, LEAVE, HELP, OWNER = (f"viestijat+{word}@lists.example.org" for word in ("join", "leave", "help", "owner"))


WRITER = Writer(Addresses("lists.example.org", Tokens(["secret"])), "http://forum.example.org", None)
KAISA = Recipient("kaisa@example.org", "Kaisa", "en")


@pytest.fixture
def bridge(world: World) -> Bridge:
    """Anna, member 2, has begun a thread; Kaisa, member 3, is the contact person."""
    network = make.network(world, members=1)
    anna = make.member(world, network=network)
    make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact", language="sv")
    make.post(world, network, anna, message_id="<first@example.org>")
    operated = replace(world.settings, operator="op@example.net")
    return Bridge(replace(world, settings=operated))


def answer(bridge: Bridge, text: str, number: int = 2) -> Fate:
    """Anna answers her own post, by her personal address."""
    to = bridge.addresses.reply("viestijat", 2, 1)
    [fate] = bring(bridge, mail(text=text, subject="Re: x", message_id=f"<{number}@example.org>"), to)
    return fate


def state(bridge: Bridge) -> str:
    with bridge.world.database.reading() as db:
        return subscriptions.state(db, 1, 2)


def days_away(bridge: Bridge) -> tuple[date, date] | None:
    with bridge.world.database.reading() as db:
        anna = db.get_one(Member, 2)
        return None if absence.has_ended(anna, bridge.world.clock()) else absence.of(anna)


@pytest.mark.parametrize("word", ["MUTE", "vaimenna", "Tysta.", "mute\n\n> Answer with one word: MUTE.\n"])
def test_one_word_mutes_and_another_undoes_it(bridge: Bridge, word: str) -> None:
    assert (answer(bridge, word)[:2], state(bridge)) == (("command", "mute"), "mute")
    [done] = owed_notices(bridge.world, "done")
    assert (done.facts["what"], done.facts["about"]) == ("mute", "Hiljainen tieto")
    back = str(done.facts["reply_to"])
    [fate] = bring(bridge, mail(text="SEURAA", message_id="<3@example.org>", proven=False), back)
    assert (fate[:2], state(bridge)) == (("command", "follow"), "follow")
    assert rows(bridge.world, "SELECT count(*) FROM posts") == [(1,)]


def test_one_word_to_the_network_can_be_undone_as_well(bridge: Bridge) -> None:
    """Without the personal address in Reply-To, FOLLOW would become a new discussion of that name."""
    [fate] = bring(bridge, mail(text="mute", message_id="<2@example.org>", in_reply_to="<first@example.org>"), ADDRESS)
    assert (fate[:2], state(bridge)) == (("command", "mute"), "mute")
    back = str(owed_notices(bridge.world, "done")[0].facts["reply_to"])
    bring(bridge, mail(text="follow", message_id="<3@example.org>", in_reply_to="<notice-1@lists.example.org>"), back)
    assert state(bridge) == "follow"


@pytest.mark.parametrize("how", ["word", "address"])
def test_leaving(bridge: Bridge, how: str) -> None:
    if how == "word":
        fate = answer(bridge, "poistu")
    else:
        [fate] = bring(bridge, mail(message_id="<2@example.org>", text=""), LEAVE)
    assert fate[:2] == ("command", "leave")
    assert rows(bridge.world, "SELECT count(*) FROM memberships WHERE member_id = 2") == [(0,)]
    [done] = owed_notices(bridge.world, "done")
    assert (done.facts["what"], done.facts.get("reply_to")) == ("leave", None)
    [again] = bring(bridge, mail(message_id="<3@example.org>"), ADDRESS)
    assert again.fate == "refused"


def test_nobody_is_made_to_leave_by_others(bridge: Bridge) -> None:
    [fate] = bring(bridge, mail(message_id="<2@example.org>", proven=False), LEAVE)
    assert fate.fate == "held"
    assert rows(bridge.world, "SELECT count(*) FROM memberships") == [(3,)]


def test_away_and_back_again_by_mail(bridge: Bridge) -> None:
    """Nothing is owed meanwhile; what is said is said in her language."""
    [fate] = bring(bridge, mail(text="Poissa 1.12.-10.12.\n\nTerveisin\nAnna", message_id="<2@example.org>"), ADDRESS)
    assert fate[:2] == ("command", "away")
    [done] = owed_notices(bridge.world, "done")
    assert (done.facts["what"], done.facts["days"]) == ("away", "1.\u201310.12.2026")
    assert days_away(bridge) == (date(2026, 12, 1), date(2026, 12, 10))
    [fate] = bring(bridge, mail(text="takaisin", message_id="<3@example.org>"), ADDRESS)
    assert fate[:2] == ("command", "back")
    assert days_away(bridge) is None
    [again] = bring(bridge, mail(text="Takaisin", message_id="<4@example.org>"), ADDRESS)
    assert again.fate == "posted", "who is not away has something to say"


@pytest.mark.parametrize("text", ["poissa heinäkuussa", "away 31.2.-1.3."])
def test_dates_that_cannot_be_read_are_asked_for(bridge: Bridge, text: str) -> None:
    [fate] = bring(bridge, mail(text=text, message_id="<2@example.org>"), ADDRESS)
    assert fate.fate == "refused"
    [notice] = owed_notices(bridge.world, "refused")
    assert "poissa 1.7.–31.7." in str(notice.facts["instead"])


def test_who_is_no_member_learns_nothing_by_following(bridge: Bridge) -> None:
    """Who has left may still have a mail to answer."""
    hidden = make.network(bridge.world, "salaiset", name="Nimetön ry", visibility="private")
    kaisa = make.member(bridge.world, "k@example.org", "K", network=hidden)
    post = make.post(bridge.world, hidden, kaisa, subject="Irtisanomiset")
    for number, to in enumerate(("salaiset@lists.example.org", bridge.addresses.reply("salaiset", 2, post.id))):
        for word in ("mute", "follow"):
            raw = mail(text=word, message_id=f"<{number}{word}@example.org>", in_reply_to=post.message_id)
            assert bring(bridge, raw, to)[0].fate == "refused"
    said = str([notice.facts for notice in owed_notices(bridge.world)])
    assert "Irtisanomiset" not in said
    assert "Nimetön" not in said
    assert rows(bridge.world, "SELECT count(*) FROM subscriptions") == [(0,)]


def test_who_has_left_still_shows_their_own_text_and_learns_no_more(bridge: Bridge) -> None:
    text = "Minä tuon kahvit.\n\n-- \nAnna Virtanen\nviestintäpäällikkö\n"
    [fate] = bring(bridge, mail(text=text, message_id="<2@example.org>"), ADDRESS)
    back = bridge.addresses.reply("viestijat", 2, fate.post_id or 0)
    with bridge.world.database.transaction() as db:
        db.execute(delete(Membership).where(Membership.member_id == 2))
        db.execute(update(Network).values(visibility="private"))
        db.execute(update(Thread).values(subject="Irtisanomiset"))
    [fate] = bring(bridge, mail(text="KOKO", subject="Re: Julkaistu", message_id="<3@example.org>"), back)
    assert fate[:2] == ("command", "whole")
    [done] = owed_notices(bridge.world, "done")
    assert done.facts["about"] == "Julkaistu"


def test_who_surely_wrote_is_told_each_time(bridge: Bridge) -> None:
    """Else the second mail of a day that is refused would be gone without a word."""
    for number in range(25):
        for text in ("poissa heinäkuussa", "ohje"):
            bring(bridge, mail(text=text, message_id=f"<{number}{text[:4]}@example.org>"), ADDRESS)
    assert len(owed_notices(bridge.world, "refused")) == len(owed_notices(bridge.world, "help")) == ANSWERS_A_DAY
    assert rows(bridge.world, "SELECT count(*) FROM posts") == [(1,)]


def test_in_a_borrowed_name_one_is_told_once_a_day(bridge: Bridge) -> None:
    for number in range(3):
        bring(bridge, mail(text="ohje", message_id=f"<{number}@example.org>", proven=False), ADDRESS)
    assert len(owed_notices(bridge.world, "help")) == 1


def test_a_denial_is_thanked_for(bridge: Bridge) -> None:
    bring(bridge, mail(message_id="<2@example.org>", proven=False), ADDRESS)
    to = str(owed_notices(bridge.world, "was_this_you")[0].facts["reply_to"])
    [fate] = bring(bridge, mail(text="En lähettänyt.", message_id="<3@example.org>", proven=False), to)
    assert fate[:2] == ("command", "not theirs: mail 1 stays held")
    assert [notice.facts["what"] for notice in owed_notices(bridge.world, "done")] == ["disowned"]
    assert rows(bridge.world, "SELECT count(*) FROM posts") == [(1,)]


def test_an_unclear_answer_is_asked_for_again_at_the_same_address(bridge: Bridge) -> None:
    to = bridge.addresses.reply("viestijat", 2, 1)
    [held] = bring(bridge, mail("Anna <a@home.example.net>", message_id="<2@example.org>", proven=False), to)
    assert held.fate == "held"
    question = str(owed_notices(bridge.world, "is_this_yours")[0].facts["reply_to"])
    [fate] = bring(bridge, mail(text="Mikä tämä on?", message_id="<3@example.org>"), question)
    assert fate.fate == "refused"
    [notice] = owed_notices(bridge.world, "refused")
    assert notice.facts["reply_to"] == question


@pytest.mark.parametrize("what", ["mute", "follow", "leave", "away", "back", "whole", "was whole", "disowned"])
@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_what_is_done_is_said_in_every_language(what: str, language: str) -> None:
    facts = {
        "what": what,
        "about": "Kahvit",
        "slug": "viestijat",
        "network": "Viestijät",
        "days": "1.\u20133.7.",
        "url": "http://x/p/1",
    }
    to = Recipient("kaisa@example.org", "Kaisa", language)
    rendered = WRITER.notice("done", facts, to, "<n@x>", datetime(2026, 11, 23, tzinfo=UTC))
    letter = read(b"".join(rendered.headers) + b"\r\n" + rendered.body)
    said = "".join(part.text for part in letter.parts)
    named = {"leave": "Viestijät", "away": "1.\u20133.7.", "back": "", "disowned": ""}.get(what, "Kahvit")
    assert named in letter.subject
    assert len(said.splitlines()) > 2
    assert ("http://x/p/1" in said) == ("whole" in what)
    unpublished = {"fi": "Muut eivät saaneet", "sv": "De andra fick inte", "en": "The others did not get"}[language]
    assert (unpublished in said) == (what in ("away", "back")), "it may have been an answer to somebody's question"


def test_help_goes_to_whoever_asks_once_a_day(bridge: Bridge) -> None:
    for number in range(2):
        raw = mail(
            "Eve <eve@example.com>", text="Miten tämä toimii?", message_id=f"<{number}@example.com>", proven=False
        )
        assert bring(bridge, raw, HELP)[0][:2] == ("command", "help")
    [notice] = owed_notices(bridge.world)
    assert (notice.kind, notice.address, notice.language) == ("help", "eve@example.com", "fi")


@pytest.mark.parametrize(("address", "what"), [(JOIN, "join"), (OWNER, "owner")])
def test_contact_persons_get_it_in_their_language_and_answer_the_writer(
    bridge: Bridge, address: str, what: str
) -> None:
    raw = mail("Eero <eero@example.com>", text="Saanko liittyä?", proven=False)
    [fate] = bring(bridge, raw, address)
    assert fate[:2] == ("command", "passed on to 1")
    [notice] = owed_notices(bridge.world)
    assert (notice.kind, notice.address, notice.language) == ("forwarded", "kaisa@example.org", "sv")
    assert (notice.facts["what"], notice.facts["reply_to"]) == (what, "eero@example.com")
    assert notice.facts["quoted"] == "Saanko liittyä?"


@pytest.mark.parametrize("author", ["a@b,victim@example.org", '"x" <a b c@d>', "nobody", ""])
def test_what_is_passed_on_is_answered_to_real_addresses_only(bridge: Bridge, author: str) -> None:
    bring(bridge, mail(f"<{author}>", proven=False), OWNER)
    assert owed_notices(bridge.world)[0].facts["reply_to"] in ("", "abc@d.example")


def test_the_operator_gets_what_nobody_else_does(bridge: Bridge) -> None:
    bring(bridge, mail("mx@example.com", Auto_Submitted="auto-generated"), "postmaster@lists.example.org")
    make.network(bridge.world, "talous", name="Talous")
    bring(bridge, mail("eero@example.com", message_id="<2@x>"), "talous+join@lists.example.org")
    assert [notice.address for notice in owed_notices(bridge.world)] == ["op@example.net"] * 2


@pytest.mark.parametrize(
    ("author", "command"),
    [
        ("eero+x@example.com", "parvi member add eero+x@example.com --network viestijat"),
        ("$(reboot)@example.com", ""),
        ("a;reboot@example.com", ""),
        ("--trusted@example.com", ""),
        ('"a b"@example.com', ""),
    ],
)
def test_a_command_to_be_copied_holds_nothing_but_an_ordinary_address(
    bridge: Bridge, author: str, command: str
) -> None:
    bring(bridge, mail(author, proven=False), JOIN)
    [notice] = owed_notices(bridge.world)
    assert notice.facts["command"] == command
    text = WRITER.notice("forwarded", notice.facts, KAISA, "<x@lists.example.org>", bridge.world.clock()).body.decode()
    assert ("parvi member add" in text) is bool(command)


def test_nobody_s_answer_comes_back_to_us(bridge: Bridge) -> None:
    bring(bridge, mail("talous@LISTS.example.org", proven=False), OWNER)
    assert owed_notices(bridge.world)[0].facts["reply_to"] == ""


def test_one_sender_reaches_the_contact_persons_twenty_times_a_day(bridge: Bridge, clock: Clock) -> None:
    fates = [
        bring(bridge, mail(f"eero+{number}@example.com", message_id=f"<{number}@x>", proven=False), OWNER)[0]
        for number in range(21)
    ]
    assert len(owed_notices(bridge.world, "forwarded")) == 20
    assert fates[-1][:2] == ("command", "passed on to 0 of 1: too many from this sender today; it is kept")
    clock.move(days=1, seconds=1)
    assert (
        bring(bridge, mail("eero@example.com", message_id="<z@x>", proven=False), OWNER)[0].reason == "passed on to 1"
    )


def test_without_an_operator_it_is_kept(bridge: Bridge) -> None:
    alone = Bridge(replace(bridge.world, settings=replace(bridge.world.settings, operator="")))
    [fate] = bring(alone, mail(), "abuse@lists.example.org")
    assert fate[:2] == ("command", "nobody is there to pass it on to; it is kept")


DSN = """\
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Message-ID: <dsn@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: text/plain

I could not deliver it.

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; m1@example.net
Action: {action}
Status: {status}

--x--
"""


def bounce(bridge: Bridge, action: str, status: str) -> Fate:
    """As Postfix writes it, to the envelope sender of the first copy that went out."""
    to = bridge.addresses.bounce(1)
    [fate] = bring(bridge, DSN.format(to=to, action=action, status=status).encode(), to)
    return fate


def test_a_bounce_is_noted_at_the_mail_that_it_is_about(bridge: Bridge) -> None:
    assert bounce(bridge, "failed", "5.1.1")[:2] == ("bounce", "bounced: m1@example.net")
    assert rows(bridge.world, "SELECT id, outcome FROM outbox ORDER BY id") == [(1, "bounced"), (2, None)]
    assert owed_notices(bridge.world) == []


def test_a_delay_is_no_bounce(bridge: Bridge) -> None:
    assert bounce(bridge, "delayed", "4.4.1")[:2] == ("bounce", "delayed: m1@example.net")
    assert rows(bridge.world, "SELECT DISTINCT outcome FROM outbox") == [(None,)]


@pytest.mark.parametrize(
    "more", [{"subject": "Out of office"}, {"Auto_Submitted": "auto-replied"}, {"subject": "Kiitos"}]
)
def test_whatever_else_comes_to_the_address_for_bounces_is_none(bridge: Bridge, more: dict[str, str]) -> None:
    [fate] = bring(bridge, mail("m1@example.net", **more), bridge.addresses.bounce(1))  # type: ignore[arg-type]
    assert fate.fate == "ignored"
    assert rows(bridge.world, "SELECT DISTINCT outcome FROM outbox") == [(None,)]


def test_a_forged_bounce_to_the_network_harms_nobody(bridge: Bridge) -> None:
    [fate] = bring(bridge, DSN.format(to=ADDRESS, action="failed", status="5.1.1").encode(), ADDRESS)
    assert fate.fate == "bounce"
    assert rows(bridge.world, "SELECT DISTINCT outcome FROM outbox") == [(None,)]


def test_a_bounce_of_a_mail_that_is_gone_is_noted_all_the_same(bridge: Bridge) -> None:
    with bridge.world.database.transaction() as db:
        db.delete(db.get_one(Outbox, 1))
    assert bounce(bridge, "failed", "5.1.1").fate == "bounce"


def test_our_own_notices_do_not_come_back_to_life(bridge: Bridge) -> None:
    """Whatever we send to one of our own addresses ends there: no loop, whoever is written as its sender."""
    bring(bridge, mail("<viestijat+help@lists.example.org>", proven=False), HELP, OWNER, ADDRESS)
    outgoing = Outgoing(bridge.world, make_writer(bridge.world), make_postman(bridge.world))
    asyncio.run(outgoing.send_some())
    outgoing.close()
    sent = [path.read_bytes() for path in bridge.world.settings.data.parent.glob("caught/viestijat+*/*.eml")]
    assert sent
    for raw in sent:
        assert "lists.example.org" in read(raw).loop_ids
        assert {fate.fate for fate in bring(bridge, raw, HELP, OWNER, ADDRESS)} == {"ignored"}


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("anna@example.org", True),
        ("väinö@example.org", True),
        ("", False),
        ("anna", False),
        ("a@b,c@d.org", False),
        ("a@b.org\r\nx", False),
        ("\ufffd@b.org", False),
    ],
)
def test_what_can_be_answered(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<a@b>", "<a@b>"),
        ("<a.b+c=d/e@[127.0.0.1]>", "<a.b+c=d/e@[127.0.0.1]>"),
        (None, None),
        ("", None),
        ("a@b", None),
        ("<ab>", None),
        ("<a b@c>", None),
        ("<a@b>\r\nBcc: x", None),
        ("<ä@b>", None),
        ("<a@b\n>", None),
        ("<" + "x" * 201 + "@b>", None),
    ],
)
def test_which_message_ids_stand_in_our_headers_again(given: str | None, kept: str | None) -> None:
    assert sane_id(given) == kept


def test_a_personal_address_is_shown_to_nobody() -> None:
    assert plain_address("viestijat+r.abc@lists.example.org") == ADDRESS
    assert plain_address(HELP) == HELP
