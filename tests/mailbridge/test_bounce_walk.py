"""From a bounce that arrives to an address that is left in peace, and back; and complaints."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from forum import bounces, digests, memberships, subscriptions
from forum.members import Recipient
from forum.tables import Address, Member, Membership, Network, Outbox, Thread
from forum.tokens import Tokens
from forum.world import World
from mailbridge.addresses import Addresses
from mailbridge.envelope import Answer, Envelope
from mailbridge.incoming import Bridge
from mailbridge.read import read
from mailbridge.write import Writer
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import ADDRESS, Fate, bring, owed_notices
from tests.mailbridge.test_outgoing import LATER, SENT, Pigeon, send_all

TOKENS = Tokens(["secret"])
WRITER = Writer(Addresses("lists.example.org", TOKENS), "http://forum.example.org", None)
LINK = "http://forum.example.org/u/"


@pytest.fixture
def bridge(world: World) -> Bridge:
    """Members 1 to 9 get every message; member 10, Anna, writes."""
    network = make.network(world, members=9)
    make.member(world, network=network)
    return Bridge(world)


def write(bridge: Bridge) -> None:
    with bridge.world.database.reading() as db:
        network = db.get_one(Network, 1)
        anna = db.get_one(Member, 10)
    make.post(bridge.world, network, anna)


def dsn(to: str, status: str, action: str = "failed") -> bytes:
    return (
        f"From: MAILER-DAEMON@mx.example.net\r\nTo: {to}\r\nSubject: Returned mail\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
        "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; m1@example.net\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} it did; not arrive\r\n\r\n--x--\r\n"
    ).encode()


def send(bridge: Bridge, answer: Callable[[Envelope], Answer | None] = lambda _: SENT) -> str:
    """All that is owed; answers the envelope sender of what went to m1 last."""
    pigeon = Pigeon(answer)
    send_all(bridge.world, pigeon)
    return [envelope.sender for envelope in pigeon.carried if envelope.recipient == "m1@example.net"][-1]


def come_back(bridge: Bridge, sender: str, status: str = "5.1.1", action: str = "failed") -> Fate:
    [fate] = bring(bridge, dsn(sender, status, action), sender)
    return fate


def m1(bridge: Bridge) -> Address:
    with bridge.world.database.reading() as db:
        return db.scalars(select(Address).where(Address.address == "m1@example.net")).one()


def reached(bridge: Bridge) -> int:
    """How often a post was owed to m1."""
    [(count,)] = rows(bridge.world, "SELECT count(*) FROM outbox WHERE member_id = 1")
    assert isinstance(count, int)
    return count


def test_three_days_a_probe_a_pause_and_back_again(bridge: Bridge, clock: Clock) -> None:
    for day in range(3):
        write(bridge)
        sender = send(bridge)
        assert come_back(bridge, sender)[:2] == ("bounce", "bounced: m1@example.net")
        assert come_back(bridge, sender).fate == "bounce", "the same one twice"
        assert m1(bridge).bounce_points == 2 * (day + 1)
        clock.move(days=1)
    [probe] = owed_notices(bridge.world, "probe")
    sender = send(bridge)
    assert come_back(bridge, sender).fate == "bounce"
    assert m1(bridge).paused_at is not None
    write(bridge)
    assert reached(bridge) == 3
    with bridge.world.database.transaction() as db:
        bounces.resume(db, db.get_one(Address, m1(bridge).id))
    write(bridge)
    assert reached(bridge) == 4
    assert probe.address == "m1@example.net"


def test_a_delay_counts_nothing_and_giving_up_half(bridge: Bridge) -> None:
    write(bridge)
    sender = send(bridge)
    assert come_back(bridge, sender, "4.4.1", "delayed").reason == "delayed: m1@example.net"
    assert (m1(bridge).bounce_points, m1(bridge).bounced_at) == (0, None)
    assert come_back(bridge, sender, "4.4.7").reason == "bounced: m1@example.net"
    assert m1(bridge).bounce_points == 1
    assert rows(bridge.world, "SELECT outcome FROM outbox WHERE member_id = 1") == [("bounced",)]


def test_a_bounce_that_overtakes_the_note_of_its_sending_stays_one(bridge: Bridge) -> None:
    """A relay that passes it on at once has the answer back before the batch is done."""

    def overtake(envelope: Envelope) -> Answer:
        if envelope.recipient == "m1@example.net":
            come_back(bridge, envelope.sender)
        return SENT

    write(bridge)
    send(bridge, overtake)
    said = rows(bridge.world, "SELECT outcome, answer FROM outbox WHERE member_id = 1")
    assert said == [("bounced", "550 5.1.1 it did; not arrive")]
    assert m1(bridge).bounce_points == 2
    send_all(bridge.world, again := Pigeon())
    assert not again.carried


def test_policy_is_kept_in_the_ledger_and_counts_nothing(bridge: Bridge) -> None:
    write(bridge)
    assert come_back(bridge, send(bridge), "5.7.1").fate == "bounce"
    assert m1(bridge).bounced_at is None
    assert rows(bridge.world, "SELECT outcome FROM outbox WHERE member_id = 1") == [("bounced",)]


def test_what_is_refused_at_once_counts_the_same(bridge: Bridge, clock: Clock) -> None:
    def refuse(envelope: Envelope) -> Answer:
        return Answer("refused", "550 5.1.1 no such user") if envelope.recipient == "m1@example.net" else SENT

    for _ in range(3):
        write(bridge)
        send(bridge, refuse)
        clock.move(days=1)
    assert m1(bridge).paused_at is not None, "the probe was refused as well, on the third day"
    assert reached(bridge) == 3


def test_a_server_that_is_away_counts_when_we_give_up(bridge: Bridge, clock: Clock) -> None:
    write(bridge)
    send(bridge, lambda envelope: LATER if envelope.recipient == "m1@example.net" else SENT)
    assert m1(bridge).bounced_at is None
    with bridge.world.database.transaction() as db:
        db.execute(update(Outbox).where(Outbox.member_id == 1).values(tries=200))
    clock.move(days=5)
    send(bridge, lambda envelope: Answer("deferred", "450 4.2.1 later"))
    assert m1(bridge).bounce_points == 1


@pytest.mark.parametrize("said", ["550 5.7.1 relay access denied", "550 5.1.1 no such user", "554 5.5.1 no"])
def test_a_relay_that_refuses_everything_pauses_nobody(bridge: Bridge, clock: Clock, said: str) -> None:
    for _ in range(6):
        write(bridge)
        send(bridge, lambda _: Answer("refused", said))
        clock.move(days=1)
    assert rows(bridge.world, "SELECT count(*) FROM addresses WHERE bounce_points > 0") == [(0,)]
    assert owed_notices(bridge.world) == []


def arf(inner: str, fields: str = "", kind: str = "message/rfc822") -> bytes:
    return (
        "From: fbl@mail.example\r\nSubject: Complaint\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n"
        "--x\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n"
        f"--x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n{fields}\r\n"
        f"--x\r\nContent-Type: {kind}\r\n\r\n{inner}\r\n\r\nThe mail.\r\n--x--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (arf("Return-Path: <b+abc@lists.example.org>\r\nTo: x"), ("b+abc@lists.example.org",)),
        (arf("To: x", "Original-Mail-From: <b+abc@lists.example.org>\r\n"), ("b+abc@lists.example.org",)),
        (
            arf(f"List-Unsubscribe: <{LINK}abc>,\r\n <mailto:v+leave@x.example>", kind="text/rfc822-headers"),
            (f"{LINK}abc", "mailto:v+leave@x.example"),
        ),
        (arf("Subject: nothing"), ()),
        (arf("\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), ()),
        (b"Subject: Hei\r\nReturn-Path: <b+abc@lists.example.org>\r\n\r\nHei", ()),
    ],
)
def test_which_mail_a_complaint_names(raw: bytes, found: tuple[str, ...]) -> None:
    assert read(raw).complained_of == found


def sender_of(bridge: Bridge) -> str:
    write(bridge)
    return send(bridge)


def mode(bridge: Bridge, member_id: int = 1) -> str:
    with bridge.world.database.reading() as db:
        return db.get_one(Membership, (1, member_id)).mode


@pytest.mark.parametrize("how", ["to it", "return-path", "original-mail-from", "link"])
def test_a_complaint_stops_the_mail_at_once_and_is_answered_once(bridge: Bridge, how: str) -> None:
    sender = sender_of(bridge)
    stop = bridge.world.tokens.make("unsubscribe", 1, 1)
    raw, to = {
        "to it": (arf("Subject: x"), sender),
        "return-path": (arf(f"Return-Path: <{sender}>"), "abuse@lists.example.org"),
        "original-mail-from": (arf("To: x", f"Original-Mail-From: <{sender}>\r\n"), ADDRESS),
        "link": (arf(f"List-Unsubscribe: <{LINK}{stop}>"), "postmaster@lists.example.org"),
    }[how]
    for _ in range(2):
        [fate] = bring(bridge, raw, to)
    assert fate.fate == "bounce"
    assert mode(bridge) == "none"
    [notice] = owed_notices(bridge.world)
    assert (notice.kind, notice.address) == ("complaint", "m1@example.net")
    assert [mode(bridge, other) for other in range(2, 11)] == ["each"] * 9
    write(bridge)
    assert reached(bridge) == 1


def test_what_they_follow_stops_as_well(bridge: Bridge) -> None:
    sender = sender_of(bridge)
    with bridge.world.database.transaction() as db:
        member = db.get_one(Member, 1)
        subscriptions.follow(db, db.get_one(Thread, 1), member, bridge.world.clock())
        memberships.set_mode(db, db.get_one(Network, 1), member, "none", bridge.world.clock())
    [fate] = bring(bridge, arf(f"Return-Path: <{sender}>"), "abuse@lists.example.org")
    assert fate.reason == "a complaint: member 1 gets no more mail of Järjestöviestijät"
    assert rows(bridge.world, "SELECT count(*) FROM subscriptions") == [(0,)]


def test_a_complaint_about_a_digest_is_about_its_networks(bridge: Bridge, clock: Clock) -> None:
    other = make.network(bridge.world, "talous", name="Talous")
    m1 = make.member(bridge.world, "m1@example.net", network=other, mode="each")
    with bridge.world.database.transaction() as db:
        memberships.set_mode(db, db.get_one(Network, 1), m1, "daily", clock())
    write(bridge)
    clock.move(days=1)
    with bridge.world.database.transaction() as db:
        digests.owe_digests(db, clock())
    bring(bridge, arf(f"Return-Path: <{send(bridge)}>"), "abuse@lists.example.org")
    assert mode(bridge) == "none"
    with bridge.world.database.reading() as db:
        assert db.get_one(Membership, (other.id, 1)).mode == "each"


@pytest.mark.parametrize(
    "said", ["viestijat+r.{reply}@lists.example.org", "b+forged@lists.example.org", "{link}nothing"]
)
def test_a_complaint_that_names_nothing_we_signed_for_this_stops_nothing(bridge: Bridge, said: str) -> None:
    """A personal reply address stands in mails that are passed on."""
    sender_of(bridge)
    said = said.format(reply=bridge.world.tokens.make("reply", 1, 1), link=LINK)
    raw = arf(f"Return-Path: <{said}>\r\nList-Unsubscribe: <{said}>\r\nReply-To: <{said}>")
    [fate] = bring(bridge, raw, "abuse@lists.example.org")
    assert fate[:2] == ("bounce", "a complaint")
    assert mode(bridge) == "each"


FACTS: dict[str, dict[str, Any]] = {
    "probe": {},
    "paused": {"address": "anna@example.org", "why": "full", "token": "abc"},
    "unreachable": {
        "people": [
            {"name": "Anna", "address": "anna@example.org", "networks": ["Viestijät", "Talous"]},
            {"name": "Eero", "address": "eero@example.org", "networks": ["Viestijät"]},
        ]
    },
    "complaint": {"networks": [{"slug": "viestijat", "name": "Viestijät"}], "slug": "viestijat"},
}
SAID: dict[str, list[str]] = {
    "probe": [],
    "paused": ["anna@example.org", "http://forum.example.org/r/abc"],
    "unreachable": ["Anna, anna@example.org (Viestijät, Talous)\n", "Eero, eero@example.org (Viestijät)"],
    "complaint": ["Viestijät", "http://forum.example.org/me#n-viestijat", "viestijat+leave@lists.example.org"],
}


@pytest.mark.parametrize("kind", FACTS)
def test_what_is_said_is_said_in_every_language(kind: str) -> None:
    texts = []
    for language in ("fi", "sv", "en"):
        to = Recipient("kaisa@example.org", "Kaisa", language)
        rendered = WRITER.notice(kind, FACTS[kind], to, "<n@x>", datetime(2026, 11, 23, tzinfo=UTC))
        letter = read(b"".join(rendered.headers) + b"\r\n" + rendered.body)
        text = letter.subject + "\n" + "".join(part.text for part in letter.parts)
        for said in SAID[kind]:
            assert said in text
        texts.append({line for line in text.splitlines() if len(line) > 30 and "@" not in line and "/" not in line})
    shared = [texts[0] & texts[1], texts[0] & texts[2], texts[1] & texts[2]]
    assert not any(shared), "a sentence is not translated"
    assert all(texts)


def test_why_it_comes_back_is_told_where_it_is_known() -> None:
    to = Recipient("a@home.example.net", "Anna", "en")
    for why, said in (("unknown", b"no such address"), ("full", b"mailbox is full")):
        facts = {**FACTS["paused"], "why": why}
        assert said in WRITER.notice("paused", facts, to, "<n@x>", datetime(2026, 11, 23, tzinfo=UTC)).body


def test_a_machine_wrote_the_probe() -> None:
    """So that no absence notice answers it, and it is small enough for a mailbox that is nearly full."""
    to = Recipient("m1@example.net", "", "fi")
    rendered = WRITER.notice("probe", {}, to, "<n@x>", datetime(2026, 11, 23, tzinfo=UTC))
    assert b"Auto-Submitted: auto-generated\r\n" in rendered.headers
    assert len(rendered.body) < 5000
