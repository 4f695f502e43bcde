"""Mails from the inbox to exactly one fate each."""

import logging
import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

from forum import memberships, networks, posts, threads
from forum.alarms import tell_operator
from forum.db import AnyRow
from forum.errors import AddressNotFound
from forum.settings import Settings
from forum.tables import Address, Inbox, Member, Network, Thread
from forum.world import World
from mailbridge import incoming
from mailbridge.incoming import Arrival, Bridge
from mailbridge.letter import Letter
from mailbridge.read import read
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import ADDRESS, bring, fate_of, mail, owed_notices, put_in

TALOUS = "talous@lists.example.org"


@pytest.fixture
def bridge(world: World) -> Bridge:
    """A network with Anna, Ville and one more in it."""
    network = make.network(world, members=1)
    make.member(world, network=network)
    make.member(world, "ville@example.org", "Ville", network=network)
    return Bridge(world)


@pytest.fixture
def operated(bridge: Bridge) -> Bridge:
    settings = replace(bridge.world.settings, operator="op@example.net")
    return Bridge(replace(bridge.world, settings=settings))


def member_id(world: World, address: str = "anna@example.org") -> int:
    return int(str(rows(world, f"SELECT member_id FROM addresses WHERE folded = '{address}'")[0][0]))


def reply_address(bridge: Bridge, post_id: int, address: str = "anna@example.org") -> str:
    return bridge.addresses.reply("viestijat", member_id(bridge.world, address), post_id)


def post_of(world: World, post_id: int | None) -> AnyRow:
    with world.database.reading() as db:
        return posts.whole(db, post_id or 0)


def first_post(bridge: Bridge) -> int:
    [fate] = bring(bridge, mail(message_id="<first@example.org>"))
    assert fate.post_id
    return fate.post_id


# A post


def test_a_mail_begins_a_thread(bridge: Bridge) -> None:
    [fate] = bring(bridge, mail())
    assert (fate.fate, fate.reason) == ("posted", "it answers nothing that is here")
    post = post_of(bridge.world, fate.post_id)
    assert (post.subject, post.text, post.author, post.came_by) == (
        "Hiljainen tieto",
        "Miten te sen teette?\n",
        "Anna Virtanen",
        "mail",
    )
    assert post.message_id == "<mail-1@example.org>"
    assert post.sent_at.isoformat() == "2026-11-23T06:00:00+00:00"
    assert rows(bridge.world, "SELECT count(*) FROM outbox WHERE post_id IS NOT NULL") == [(2,)]


def test_an_answer_lands_by_its_references(bridge: Bridge) -> None:
    first = first_post(bridge)
    [fate] = bring(bridge, mail("ville@example.org", subject="VS: muu", in_reply_to="<first@example.org>"))
    post = post_of(bridge.world, fate.post_id)
    assert (post.subject, post.parent_id, post.number) == ("Hiljainen tieto", first, 2)


def test_an_answer_to_the_personal_address_needs_no_other_proof(bridge: Bridge) -> None:
    first = first_post(bridge)
    raw = mail("ville@example.org", subject="", message_id="<v@example.org>", proven=False)
    [fate] = bring(bridge, raw, reply_address(bridge, first, "ville@example.org"))
    assert (fate.fate, fate.reason) == ("posted", "it came to a personal reply address")
    assert post_of(bridge.world, fate.post_id).parent_id == first


def test_a_personal_address_in_other_hands_proves_nothing(bridge: Bridge) -> None:
    first = first_post(bridge)
    raw = mail("ville@example.org", message_id="<v@example.org>", proven=False)
    [fate] = bring(bridge, raw, reply_address(bridge, first, "anna@example.org"))
    assert fate.fate == "held"


def test_a_reply_address_is_believed_more_than_the_networks_name_in_it(bridge: Bridge) -> None:
    make.network(bridge.world, "talous", name="Talous")
    first = first_post(bridge)
    address = reply_address(bridge, first).replace("viestijat+", "talous+")
    [fate] = bring(bridge, mail(message_id="<2@example.org>"), address)
    assert post_of(bridge.world, fate.post_id).slug == "viestijat"


def test_the_same_mail_twice_is_one_post(bridge: Bridge) -> None:
    [once] = bring(bridge, mail())
    [again] = bring(bridge, mail())
    assert (again.fate, again.reason, again.post_id) == (
        "ignored",
        f"the same mail is message {once.post_id} already",
        once.post_id,
    )
    assert rows(bridge.world, "SELECT count(*) FROM posts") == [(1,)]


@pytest.mark.parametrize("message_id", ["", "no brackets", "<no at sign>", "<" + "x" * 300 + "@example.org>"])
def test_a_mail_without_a_usable_message_id_is_known_by_its_content(bridge: Bridge, message_id: str) -> None:
    assert [bring(bridge, mail(message_id=message_id))[0].fate for _ in range(2)] == ["posted", "ignored"]
    assert [bring(bridge, mail(message_id=message_id, text="Muuta"))[0].fate] == ["posted"]


@pytest.mark.parametrize("proven", [True, False])
def test_to_the_network_and_to_a_reply_address_at_once_is_one_post(bridge: Bridge, proven: bool) -> None:
    first = first_post(bridge)
    raw = mail(message_id="<both@example.org>", proven=proven)
    fates = bring(bridge, raw, ADDRESS, reply_address(bridge, first))
    assert [fate.fate for fate in fates] == ["posted", "ignored"]
    assert post_of(bridge.world, fates[0].post_id).parent_id == first
    assert owed_notices(bridge.world) == []


def test_two_networks_at_once_get_a_post_each(bridge: Bridge) -> None:
    with bridge.world.database.transaction() as db:
        talous = networks.add_network(db, "talous", "Talous", bridge.world.clock())
    make.member(bridge.world, network=talous)
    fates = bring(bridge, mail(), ADDRESS, TALOUS)
    assert [fate.fate for fate in fates] == ["posted", "posted"]
    assert sorted(post_of(bridge.world, fate.post_id).slug for fate in fates) == ["talous", "viestijat"]


def test_the_same_recipient_twice_is_one(bridge: Bridge) -> None:
    assert len(put_in(bridge, mail(), ADDRESS, ADDRESS)) == 1


def test_a_mail_of_only_a_file_is_a_post(bridge: Bridge) -> None:
    raw = mail(subject="", text="", Content_Type="application/pdf; name=muistio.pdf")
    [fate] = bring(bridge, raw + b"%PDF")
    assert (fate.fate, post_of(bridge.world, fate.post_id).subject) == ("posted", "muistio.pdf")
    assert rows(bridge.world, "SELECT name, media_type, size FROM attachments") == [
        ("muistio.pdf", "application/pdf", 4)
    ]


@pytest.mark.parametrize(
    ("date", "kept"),
    [
        ("Thu, 1 Jan 1970 00:00:00 +0000", False),
        ("Mon, 23 Nov 2037 08:00:00 +0200", False),
        ("nonsense", False),
        ("Mon, 1 Jan 0100 00:00:00 +1400", False),
        ("Sat, 21 Nov 2026 08:00:00 +0200", True),
    ],
)
def test_a_clock_that_is_wrong_is_not_believed(bridge: Bridge, date: str, kept: bool) -> None:
    [fate] = bring(bridge, mail(Date=date))
    assert (post_of(bridge.world, fate.post_id).sent_at != bridge.world.clock()) is kept


@pytest.mark.parametrize(("said", "language"), [("sv-FI", "sv"), ("de", "fi"), ("<script>", "fi"), ("", "fi")])
def test_a_language_is_one_of_ours(bridge: Bridge, said: str, language: str) -> None:
    [fate] = bring(bridge, mail(text="Ok", subject="x", Content_Language=said))
    assert post_of(bridge.world, fate.post_id).language == language


def test_a_subject_of_nothing_visible_is_taken_from_the_text(bridge: Bridge) -> None:
    [fate] = bring(bridge, mail(subject="\u200b\u200e"))
    assert post_of(bridge.world, fate.post_id).subject == "Miten te sen teette?"


@pytest.mark.parametrize(
    "raw",
    [
        mail(subject="nul \0 in it", text="text \0 too"),
        mail("A\0nna <anna@example.org>"),
        mail(message_id="<nul\0@example.org>"),
        mail(in_reply_to="<nul\0@example.org> <\udcff@x>"),
        mail(subject="=?utf-8?b?AAAA?= =?utf-16?b?2AA=?="),
        mail(text="\udcff\udcfe lone bytes"),
        mail(Content_Language="\0\udcff"),
        mail(Content_Type='text/plain; charset="\0nonsense"'),
        mail(Content_Type='application/pdf; name="a\0b.pdf"', text="x"),
    ],
)
def test_odd_bytes_fail_nothing(bridge: Bridge, raw: bytes) -> None:
    [fate] = bring(bridge, raw)
    assert fate.fate == "posted"


@pytest.mark.parametrize(
    "author",
    [
        "",
        "nobody",
        "<>",
        "\udcff@example.org",
        '"x" <a@b,c@d>',
        "a@b\tc",
        "<" + "x" * 400 + "@y.org>",
    ],
)
def test_a_sender_who_cannot_be_answered_is_not(bridge: Bridge, author: str) -> None:
    fates = bring(
        bridge, mail(author), ADDRESS, "viestijat+help@lists.example.org", "viestijat+leave@lists.example.org"
    )
    assert sorted(str(fate.fate) for fate in fates) == ["command", "refused", "refused"]
    assert owed_notices(bridge.world) == []


# Refusals


def refused(bridge: Bridge, raw: bytes, *to: str) -> tuple[str, dict[str, object]]:
    [fate] = bring(bridge, raw, *to)
    assert fate.fate == "refused"
    [notice] = owed_notices(bridge.world, "refused")
    assert rows(bridge.world, "SELECT count(*) FROM posts") == [(0,)]
    return notice.language, notice.facts


def test_who_is_no_member_is_told_whom_to_ask(bridge: Bridge) -> None:
    language, facts = refused(bridge, mail("Eero <eero@example.com>", text="Hello, may I ask what you think of it?"))
    assert language == "en"
    assert facts["sentence"] == "You are not a member of Järjestöviestijät."
    assert "viestijat+owner@lists.example.org" in str(facts["instead"])
    assert facts["quoted"] == "Hello, may I ask what you think of it?"
    assert facts["answers"] == "<mail-1@example.org>"


def test_a_member_is_refused_in_their_own_language(bridge: Bridge) -> None:
    make.member(bridge.world, "asa@example.org", "Åsa", language="sv")
    language, facts = refused(bridge, mail("asa@example.org", text="Hei, miten te sen teette?"))
    assert language == "sv"
    assert facts["sentence"] != "You are not a member of Järjestöviestijät."


def test_an_archived_network_refuses(bridge: Bridge) -> None:
    with bridge.world.database.transaction() as db:
        db.execute(update(Network).values(state="archived"))
    assert "%(" not in str(refused(bridge, mail())[1])


def test_only_contact_persons_write_where_so_set(bridge: Bridge) -> None:
    with bridge.world.database.transaction() as db:
        db.execute(update(Network).values(posting="contacts"))
    assert "viestijat+owner@" in str(refused(bridge, mail())[1]["instead"])


@pytest.mark.parametrize("text", ["", " \n\n", "\u00a0\n"])
def test_an_empty_mail_is_refused(bridge: Bridge, text: str) -> None:
    refused(bridge, mail(text=text))


def test_a_text_beyond_all_measure_is_refused(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posts, "MAX_MAIL_TEXT", 100)
    facts = refused(bridge, mail(text="x" * 101))[1]
    assert "100" in str(facts["sentence"])


def test_a_locked_thread_refuses_and_keeps_its_posts(bridge: Bridge) -> None:
    first = first_post(bridge)
    with bridge.world.database.transaction() as db:
        db.execute(update(Thread).values(locked_at=bridge.world.clock()))
    [fate] = bring(bridge, mail(message_id="<2@example.org>"), reply_address(bridge, first))
    assert fate.fate == "refused"
    assert len(owed_notices(bridge.world, "refused")) == 1
    assert rows(bridge.world, "SELECT posts FROM threads") == [(1,)]


def test_one_refusal_a_day(bridge: Bridge, clock: Clock) -> None:
    for number in range(3):
        [fate] = bring(bridge, mail("Eero@Example.com", message_id=f"<{number}@example.com>"))
        assert fate.fate == "refused"
        assert ("told earlier today" in fate.reason) is bool(number)
    assert len(owed_notices(bridge.world)) == 1
    bring(bridge, mail("fanny@example.com"))
    assert len(owed_notices(bridge.world)) == 2
    clock.move(days=1, seconds=1)
    bring(bridge, mail("eero@example.com", message_id="<4@example.com>"))
    assert len(owed_notices(bridge.world)) == 3


FAILED = "mx.example.org; dmarc=fail header.from=example.com"


@pytest.mark.parametrize("to", [ADDRESS, "viestijat+help@lists.example.org"])
def test_nobody_is_answered_who_may_not_have_written(bridge: Bridge, to: str) -> None:
    work(bridge, Arrival("", [to], mail("eero@example.com"), "192.0.2.1"))
    work(
        bridge, Arrival("eero@example.com", [to], mail("eero@example.com", Authentication_Results=FAILED), "192.0.2.1")
    )
    assert owed_notices(bridge.world) == []
    work(bridge, Arrival("", [to], mail("eero@example.com"), "inject"))
    assert len(owed_notices(bridge.world)) == 1


def work(bridge: Bridge, arrival: Arrival) -> None:
    for inbox_id in bridge.store(arrival):
        bridge.process(inbox_id)


def test_what_nobody_answers_for_is_not_sent_on_in_an_answer(bridge: Bridge) -> None:
    facts = refused(bridge, mail("eero@example.com", subject="Buy now", text="Buy now!", proven=False))[1]
    assert "Buy" not in str(facts)


def test_a_stranger_gets_one_answer_a_day_whatever_they_ask(bridge: Bridge) -> None:
    for number, tag in enumerate(("", "+1", "+2")):
        for to in ("viestijat+help@lists.example.org", ADDRESS):
            bring(bridge, mail(f"eero{tag}@example.com", message_id=f"<{number}@x>"), to)
    assert [notice.kind for notice in owed_notices(bridge.world)] == ["help"]


def test_a_private_network_is_named_by_its_address_to_others(bridge: Bridge) -> None:
    make.network(bridge.world, "salaiset", name="Nimetön ry", visibility="private")
    for number, author in enumerate(("eero@example.com", "anna@example.org")):
        for word in ("", "+help", "+leave"):
            to = f"salaiset{word}@lists.example.org"
            bring(bridge, mail(author, text="Hei\n", message_id=f"<{number}{word}@x>"), to)
    notices = owed_notices(bridge.world)
    assert {notice.kind for notice in notices} == {"refused", "help", "done"}
    assert not [notice.facts for notice in notices if "Nimetön" in str(notice.facts)]
    assert "salaiset@lists.example.org" in str(notices[0].facts)


def test_an_address_in_other_letters_is_the_same_recipient(bridge: Bridge) -> None:
    first = reply_address(bridge, first_post(bridge))
    fates = bring(bridge, mail(message_id="<2@x>"), ADDRESS, first, ADDRESS.upper(), first.upper(), ADDRESS.title())
    assert [fate.fate for fate in fates] == ["posted", "ignored"]


def test_rcpt_knows_what_is_ours(bridge: Bridge) -> None:
    first = first_post(bridge)
    for address in (
        ADDRESS,
        reply_address(bridge, first),
        "viestijat+join@lists.example.org",
        "postmaster@lists.example.org",
    ):
        bridge.check_recipient(address)
    bridge.check_recipient(bridge.addresses.bounce(1))
    for address in ("nobody@lists.example.org", "nobody+join@lists.example.org", ADDRESS + ".evil", "x\r\n@y", ""):
        with pytest.raises(AddressNotFound):
            bridge.check_recipient(address)


# Held


def held(bridge: Bridge) -> int:
    [inbox_id] = put_in(bridge, mail(proven=False))
    bridge.work_through()
    assert fate_of(bridge.world, inbox_id).fate == "held"
    return inbox_id


def test_an_unproven_mail_waits_and_its_sender_is_asked(bridge: Bridge) -> None:
    inbox_id = held(bridge)
    [notice] = owed_notices(bridge.world, "was_this_you")
    assert notice.address == "anna@example.org"
    assert notice.facts["reply_to"] == bridge.addresses.answer("viestijat", inbox_id)
    assert str(notice.facts["url"]).startswith("http://forum.example.org/held/")
    assert rows(bridge.world, "SELECT count(*) FROM posts") == [(0,)]


def test_it_is_posted_once_when_confirmed_by_answer_and_by_link(bridge: Bridge) -> None:
    inbox_id = held(bridge)
    answer = mail(message_id="<yes@example.org>", text="", proven=False)
    [fate] = bring(bridge, answer, bridge.addresses.answer("viestijat", inbox_id))
    assert (fate.fate, fate.reason) == ("command", f"confirmed mail {inbox_id}")
    assert fate_of(bridge.world, inbox_id).fate == "posted"
    bridge.confirm_held(inbox_id)
    assert bridge.work_through() == 0
    assert rows(bridge.world, "SELECT count(*) FROM posts") == [(1,)]


def test_it_is_posted_when_confirmed_by_link(bridge: Bridge) -> None:
    inbox_id = held(bridge)
    for _ in range(2):
        bridge.confirm_held(inbox_id)
        bridge.work_through()
    assert fate_of(bridge.world, inbox_id).fate == "posted"
    assert rows(bridge.world, "SELECT count(*) FROM posts") == [(1,)]


@pytest.mark.parametrize(
    ("author", "automatic"),
    [("ville@example.org", ""), ("eve@example.com", ""), ("anna@example.org", "auto-replied")],
)
def test_nobody_else_and_no_machine_confirms_it(bridge: Bridge, author: str, automatic: str) -> None:
    inbox_id = held(bridge)
    answer = mail(author, message_id="<yes@example.org>", subject="Re: Was this you?", Auto_Submitted=automatic)
    [fate] = bring(bridge, answer, bridge.addresses.answer("viestijat", inbox_id))
    assert (fate.fate, fate_of(bridge.world, inbox_id).fate) == ("ignored", "held")


def test_confirming_what_was_never_held_does_nothing(bridge: Bridge) -> None:
    first_post(bridge)
    bridge.confirm_held(1)
    bridge.confirm_held(12345)
    assert bridge.work_through() == 0


def test_nobody_is_flooded_with_questions(bridge: Bridge) -> None:
    fates = [bring(bridge, mail(message_id=f"<{n}@example.org>", proven=False))[0] for n in range(12)]
    assert {fate.fate for fate in fates} == {"held"}
    assert len(owed_notices(bridge.world, "was_this_you")) == 10
    assert "asked too often" in fates[-1].reason


def test_a_member_whose_addresses_get_no_mail_is_not_asked(bridge: Bridge) -> None:
    with bridge.world.database.transaction() as db:
        db.execute(update(Address).values(gets_mail=False))
    held(bridge)
    assert owed_notices(bridge.world) == []


# Machines


@pytest.mark.parametrize(
    "more",
    [
        {"Auto_Submitted": "auto-replied"},
        {"subject": "Automaattinen vastaus: Hiljainen tieto"},
        {"X_Parvi_Loop": "lists.example.org"},
        {"List_Id": "Viestijät <viestijat.lists.example.org>"},
    ],
)
@pytest.mark.parametrize("author", ["anna@example.org", "eve@example.com"])
def test_machines_are_ignored_without_an_answer(bridge: Bridge, author: str, more: dict[str, str]) -> None:
    fates = bring(bridge, mail(author, **more), ADDRESS, "viestijat+help@lists.example.org")  # type: ignore[arg-type]
    assert [fate.fate for fate in fates] == ["ignored", "ignored"]
    assert owed_notices(bridge.world) == []


@pytest.mark.parametrize("name", ["Authentication-Results: mx.example.org; x=", "Authentication-Results: ", "From: "])
@pytest.mark.parametrize("opened", ["", '"'])
def test_a_hundred_thousand_escaped_quotation_marks_hold_nobody_up(bridge: Bridge, name: str, opened: str) -> None:
    """96 kB of them took two minutes, and a mail needs no proof to be read."""
    line = f"{name}{opened}" + r"\"" * 48_000 + "\r\n"
    [inbox_id] = put_in(bridge, line.encode() + mail())
    begun = time.process_time()
    bridge.process(inbox_id)
    assert time.process_time() - begun < 0.2
    assert fate_of(bridge.world, inbox_id).fate


# What nobody foresaw


def broken(*_: object) -> None:
    raise RuntimeError("a bug")


def test_a_failure_keeps_the_mail_and_alarms_once(
    operated: Bridge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(incoming, "decide", broken)
        with caplog.at_level(logging.CRITICAL):
            fates = [bring(operated, mail(message_id=f"<{n}@example.org>"))[0] for n in range(2)]
    assert [(fate.fate, fate.reason) for fate in fates] == [("failed", "RuntimeError: a bug")] * 2
    for _ in range(2):
        tell_operator(operated.world)
    [alarm] = [notice for notice in owed_notices(operated.world, "alarm") if notice.facts["what"] == "failed"]
    assert alarm.address == "op@example.net"
    assert operated.retry_failed() == 2
    while operated.work_through():
        pass
    assert rows(operated.world, "SELECT fate FROM inbox") == [("posted",), ("posted",)]


def test_a_failure_of_one_does_not_stop_the_others(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_unless_poison(raw: bytes) -> Letter:
        if b"poison" in raw:
            raise RuntimeError("a bug")
        return read(raw)

    monkeypatch.setattr(incoming, "read", read_unless_poison)
    put_in(bridge, mail(message_id="<poison@example.org>"))
    put_in(bridge, mail())
    bridge.work_through()
    assert sorted(rows(bridge.world, "SELECT fate FROM inbox")) == [("failed",), ("posted",)]


def test_a_batch_is_one_transaction_in_which_a_refusal_undoes_only_itself(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer finds what came in the same batch; who is refused is told; the others are there."""
    monkeypatch.setattr(incoming, "HOLD_S", 60)
    put_in(bridge, mail(message_id="<a@example.org>"))
    put_in(bridge, mail("eve@example.com", message_id="<b@example.com>"), sender="eve@example.com")
    put_in(bridge, mail(message_id="<c@example.org>", in_reply_to="<a@example.org>"))
    put_in(bridge, mail(text="", message_id="<d@example.org>"))
    begun: list[object] = []
    event.listen(bridge.world.database.engine, "begin", begun.append)
    assert bridge.work_through() == 4
    assert len(begun) <= 2 + 4 + 1, "two to claim them, one look at each, one for all of them"
    fates = [fate_of(bridge.world, number).fate for number in range(1, 5)]
    assert fates == ["posted", "refused", "posted", "refused"]
    assert rows(bridge.world, "SELECT number FROM posts ORDER BY id") == [(1,), (2,)]
    assert len(owed_notices(bridge.world, "refused")) == 2


def test_a_batch_gives_way_to_who_else_wants_to_write(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "HOLD_S", 0)
    for number in range(3):
        put_in(bridge, mail(message_id=f"<{number}@example.org>"))
    committed: list[object] = []
    event.listen(bridge.world.database.engine, "commit", committed.append)
    assert bridge.work_through() == 3
    assert len(committed) == 1 + 3, "one to claim them, one for each"
    assert [fate_of(bridge.world, number).fate for number in range(1, 4)] == ["posted"] * 3


def test_large_mails_and_those_tried_before_go_alone(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "BATCH_BYTES", 3_000)
    for number in range(4):
        put_in(bridge, mail(text="Sana. " * 200, message_id=f"<{number}@example.org>"))
    assert [bridge.work_through() for _ in range(3)] == [2, 2, 0]
    monkeypatch.setattr(incoming, "BATCH_BYTES", 1_000_000)
    for number in range(4, 7):
        put_in(bridge, mail(message_id=f"<{number}@example.org>"))
    with bridge.world.database.transaction() as db:
        db.execute(update(Inbox).where(Inbox.id == 6).values(tries=1))
    assert [bridge.work_through() for _ in range(4)] == [1, 1, 1, 0]


def test_trouble_with_the_database_leaves_the_mail_waiting(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))

    [inbox_id] = put_in(bridge, mail())
    with monkeypatch.context() as patch:
        patch.setattr(incoming, "decide", away)
        with pytest.raises(OperationalError):
            bridge.work_through()
    assert fate_of(bridge.world, inbox_id).fate is None
    assert bridge.work_through() == 1, "it waits for no lease to run out"
    assert rows(bridge.world, "SELECT fate, tries FROM inbox") == [("posted", 1)]


def test_however_often_the_database_goes_away_no_mail_is_given_up(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("the database or disk is full"))

    ids = [inbox_id for number in range(3) for inbox_id in put_in(bridge, mail(message_id=f"<{number}@x>"))]
    with monkeypatch.context() as patch:
        patch.setattr(incoming, "decide", away)
        for _ in range(2 * incoming.MAX_TRIES):
            with pytest.raises(OperationalError):
                bridge.work_through()
    while bridge.work_through():
        pass
    assert {fate_of(bridge.world, inbox_id).fate for inbox_id in ids} == {"posted"}


def test_what_the_database_says_of_a_mail_is_the_mails_fate(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class TooLong(Exception):
        sqlstate = "54000"

    def too_long(*_: object) -> None:
        raise OperationalError("INSERT", {}, TooLong("index row size exceeds maximum"))

    [inbox_id] = put_in(bridge, mail())
    monkeypatch.setattr(incoming, "decide", too_long)
    with caplog.at_level(logging.CRITICAL):
        bridge.work_through()
    assert fate_of(bridge.world, inbox_id).fate == "failed"


def test_a_mail_that_kills_its_worker_again_and_again_is_given_up(bridge: Bridge, clock: Clock) -> None:
    [inbox_id] = put_in(bridge, mail())
    with bridge.world.database.transaction() as db:
        db.get_one(Inbox, inbox_id).tries = incoming.MAX_TRIES
    bridge.work_through()
    assert fate_of(bridge.world, inbox_id).fate == "failed"
    assert bridge.retry_failed() == 1
    bridge.work_through()
    assert fate_of(bridge.world, inbox_id).fate == "posted"


def test_two_workers_never_take_the_same_mail(bridge: Bridge) -> None:
    for number in range(12):
        put_in(bridge, mail(message_id=f"<{number}@example.org>"))
    workers = [threading.Thread(target=lambda: [None for _ in iter(bridge.work_through, 0)]) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert rows(bridge.world, "SELECT fate, tries, count(*) FROM inbox GROUP BY fate, tries") == [("posted", 1, 12)]
    assert sorted(rows(bridge.world, "SELECT id FROM posts")) == [(n,) for n in range(1, 13)]


def test_a_mail_at_its_fate_is_not_worked_through_again(bridge: Bridge) -> None:
    [inbox_id] = put_in(bridge, mail())
    bridge.process(inbox_id)
    bridge.process(inbox_id)
    assert rows(bridge.world, "SELECT count(*) FROM posts") == [(1,)]


def test_the_raw_mail_is_kept_whatever_becomes_of_it(bridge: Bridge) -> None:
    raw = mail("eve@example.com") + b"\xff\x00\n.\n"
    bring(bridge, raw)
    [(kept,)] = rows(bridge.world, "SELECT raw FROM mails")
    assert bytes(kept) == raw  # type: ignore[call-overload]


# Foretelling


def test_explaining_changes_nothing(bridge: Bridge) -> None:
    first = first_post(bridge)
    before = [
        rows(bridge.world, f"SELECT count(*) FROM {table}")
        for table in ("mails", "inbox", "posts", "outbox", "notices")
    ]
    raw = mail("ville@example.org", message_id="<2@example.org>", in_reply_to="<first@example.org>")
    _, [told] = bridge.explain(Arrival("", [ADDRESS], raw, "test"))
    assert (told.fate.fate, told.mails) == ("posted", 2)
    assert post_of(bridge.world, first).number == 1
    _, [told] = bridge.explain(Arrival("", [ADDRESS], mail("eve@example.com"), "explain"))
    assert (told.fate.fate, told.mails) == ("refused", 1)
    assert before == [
        rows(bridge.world, f"SELECT count(*) FROM {table}")
        for table in ("mails", "inbox", "posts", "outbox", "notices")
    ]


def test_a_vouched_mail_is_proven(bridge: Bridge) -> None:
    bridge.store(Arrival("", [ADDRESS], mail(proven=False), "inject", vouched=True))
    bridge.work_through()
    assert rows(bridge.world, "SELECT fate FROM inbox") == [("posted",)]


def test_an_envelope_cannot_break_the_store(bridge: Bridge) -> None:
    bridge.store(Arrival("x\0\r\n" + "y" * 999, [ADDRESS], mail(), "test"))
    [(sender,)] = rows(bridge.world, "SELECT envelope_from FROM mails")
    assert len(str(sender)) <= 320
    assert "\n" not in str(sender)


def test_a_member_who_left_is_a_stranger(bridge: Bridge) -> None:
    first = first_post(bridge)
    with bridge.world.database.transaction() as db:
        network = networks.find_network(db, "viestijat")
        memberships.leave(db, network, db.get_one(Member, member_id(bridge.world)), bridge.world.clock())
        assert threads.find_thread(db, 1)
    [fate] = bring(bridge, mail(message_id="<2@example.org>"), reply_address(bridge, first))
    assert fate.fate == "refused"


def test_settings_without_a_trusted_server_believe_nobody(bridge: Bridge) -> None:
    settings: Settings = replace(bridge.world.settings, trusted_mta="", check_senders=False)
    [fate] = bring(Bridge(replace(bridge.world, settings=settings)), mail())
    assert fate.fate == "held"
