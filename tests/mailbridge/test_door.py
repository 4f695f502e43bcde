"""The door, spoken to over real sockets: by smtplib as most do, and by hand as some do."""

import asyncio
import contextlib
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy.exc import OperationalError

from forum.world import World
from mailbridge import content
from mailbridge.door import LINE_LIMIT, MAX_RECIPIENTS, Door, lmtp_server, smtp_server
from mailbridge.incoming import Arrival, Bridge
from tests import make
from tests.conftest import rows
from tests.journeys.town import until
from tests.mailbridge.mails import ADDRESS, mail

LIMIT = 3_000_000
OWNER = "viestijat+owner@lists.example.org"
NOBODY = "nobody@lists.example.org"


@dataclass
class Doors:
    bridge: Bridge
    smtp: int
    lmtp: int

    @property
    def world(self) -> World:
        return self.bridge.world

    def stored(self) -> list[tuple[object, ...]]:
        return rows(self.world, "SELECT recipient, fate FROM inbox ORDER BY id")

    def raw(self) -> bytes:
        [(raw,)] = rows(self.world, "SELECT raw FROM mails")
        return bytes(raw)  # type: ignore[call-overload, no-any-return]


@contextlib.contextmanager
def opened(bridge: Bridge) -> Iterator[Doors]:
    """Both doors, in a loop of their own in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen() -> list[asyncio.Server]:
        door = Door(bridge)
        return [
            await loop.create_server(lambda kind=kind: kind(door, LIMIT, "lists.example.org"), "127.0.0.1", 0)  # type: ignore[misc]
            for kind in (smtp_server, lmtp_server)
        ]

    async def shut() -> None:
        for server in servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    servers = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    try:
        yield Doors(bridge, *(server.sockets[0].getsockname()[1] for server in servers))
    finally:
        asyncio.run_coroutine_threadsafe(shut(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def doors(world: World) -> Iterator[Doors]:
    make.member(world, network=make.network(world))
    with opened(Bridge(world)) as both:
        yield both


@pytest.fixture
def client(doors: Doors) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", doors.smtp, "client.example.org", timeout=10) as client:
        yield client


class Wire:
    """A connection by hand."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    def answer(self) -> str:
        """One answer, the last line of it."""
        while (line := self.file.readline().decode().rstrip()) and line[3:4] == "-":
            pass
        return line

    def say(self, text: str | bytes, answers: int = 1) -> list[str]:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)
        return [self.answer() for _ in range(answers)]

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def wire(doors: Doors) -> Iterator[Callable[[int], Wire]]:
    open_wires: list[Wire] = []

    def connect(port: int) -> Wire:
        open_wires.append(one := Wire(port))
        assert one.answer().startswith("220 lists.example.org")
        return one

    yield connect
    for one in open_wires:
        one.close()


def test_a_mail_is_kept_byte_for_byte(doors: Doors, client: smtplib.SMTP) -> None:
    raw = mail(text="Hei\n.\n..\n.piste\nÄä \x01\n")
    client.sendmail("anna@example.org", [ADDRESS], raw)
    assert doors.raw() == raw
    assert doors.stored() == [(ADDRESS, None)]
    assert rows(doors.world, "SELECT envelope_from, peer FROM mails") == [("anna@example.org", "127.0.0.1")]


def test_what_it_offers(client: smtplib.SMTP) -> None:
    client.ehlo()
    offered = {
        name: client.esmtp_features.get(name)
        for name in ("size", "pipelining", "8bitmime", "smtputf8", "enhancedstatuscodes")
    }
    assert offered == {"size": str(LIMIT), "pipelining": "", "8bitmime": "", "smtputf8": "", "enhancedstatuscodes": ""}


def test_each_recipient_is_answered_for_at_once(doors: Doors, client: smtplib.SMTP) -> None:
    refused = client.sendmail("anna@example.org", [ADDRESS, NOBODY, OWNER], mail())
    assert refused == {
        NOBODY: (
            550,
            b"5.1.1 Nobody gets mail at nobody@lists.example.org. Check the address; the page of each network shows its own.",
        )
    }
    assert doors.stored() == [(ADDRESS, None), (OWNER, None)]


@pytest.mark.parametrize(
    "address", ["postmaster", "Postmaster", "postmaster@lists.example.org", "abuse@LISTS.example.org"]
)
def test_the_operator_can_always_be_reached(wire: Callable[[int], Wire], doors: Doors, address: str) -> None:
    said = wire(doors.smtp).say(f"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{address}>\r\n", 3)
    assert said[2] == "250 2.1.5 Ok"


def test_a_bounce_has_no_sender(doors: Doors, client: smtplib.SMTP) -> None:
    client.sendmail("", [doors.bridge.addresses.bounce(7)], mail())
    assert rows(doors.world, "SELECT envelope_from FROM mails") == [("",)]


def test_answers_are_ascii(wire: Callable[[int], Wire], doors: Doors) -> None:
    said = wire(doors.smtp).say(
        "EHLO x\r\nMAIL FROM:<väinö@example.org> SMTPUTF8\r\nRCPT TO:<väinö@lists.example.org>\r\n", 3
    )
    assert said[1].startswith("250")
    assert said[2].startswith("550 5.1.1")
    assert said[2].isascii()


def test_a_sender_beyond_ascii_is_kept(doors: Doors, client: smtplib.SMTP) -> None:
    client.ehlo()
    client.sendmail("väinö@example.org", [ADDRESS], mail(), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    assert rows(doors.world, "SELECT envelope_from FROM mails") == [("väinö@example.org",)]


def test_250_is_said_after_the_commit_only(doors: Doors, client: smtplib.SMTP, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the commit failing there is 451, and nothing is kept."""

    def fail(_: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    with monkeypatch.context() as patch:
        patch.setattr(doors.world.database.engine.dialect, "do_commit", fail)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("anna@example.org", [ADDRESS], mail())
    assert refused.value.smtp_code == 451
    assert b"disk full" not in refused.value.smtp_error
    assert doors.stored() == []
    client.sendmail("anna@example.org", [ADDRESS], mail())
    assert doors.stored() == [(ADDRESS, None)]


def test_trouble_at_rcpt_is_ours_not_theirs(
    doors: Doors, client: smtplib.SMTP, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(doors.bridge, "check_recipient", away)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail("anna@example.org", [ADDRESS], mail())
    assert refused.value.recipients[ADDRESS][0] == 451


def test_a_mail_that_says_it_is_too_large_is_refused_before_it_is_sent(
    wire: Callable[[int], Wire], doors: Doors
) -> None:
    said = wire(doors.smtp).say(f"EHLO x\r\nMAIL FROM:<a@b.org> SIZE={LIMIT + 1}\r\n", 2)
    assert said[1].startswith("552 5.3.4 The mail is too large")


def test_a_mail_that_is_too_large_is_refused(doors: Doors, client: smtplib.SMTP) -> None:
    client.helo()  # so that the size is not declared
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        client.sendmail("a@b.org", [ADDRESS], b"x: y\r\n\r\n" + b"0123456789abcde\r\n" * (LIMIT // 15))
    assert refused.value.smtp_code == 552
    assert doors.stored() == []


def test_large_mails_wait_for_each_other_and_small_ones_go_on(
    wire: Callable[[int], Wire], doors: Doors, client: smtplib.SMTP, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is one for all: whoever opens many connections would else take all of it."""
    monkeypatch.setattr(content, "AT_ONCE", 1_000_000)
    slow, large = wire(doors.smtp), mail(text=("x" * 900 + "\n") * 1200)
    slow.say(f"EHLO x\r\nMAIL FROM:<a@b.org>\r\nRCPT TO:<{ADDRESS}>\r\nDATA\r\n", 4)
    slow.socket.sendall(large)
    until(lambda: content.under_way.octets > 1_000_000 or None)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("anna@example.org", [ADDRESS], large)
    assert refused.value.smtp_code == 452
    client.sendmail("anna@example.org", [ADDRESS], mail())
    assert slow.say(b"\r\n.\r\n") == ["250 2.0.0 Kept"]
    client.sendmail("anna@example.org", [ADDRESS], large)
    assert len(doors.stored()) == 3
    until(lambda: content.under_way.octets == 0 or None)


def test_a_long_line_is_somebodys_answer(doors: Doors, client: smtplib.SMTP) -> None:
    raw = mail(text="x" * 200_000 + "\n")
    client.sendmail("a@b.org", [ADDRESS], raw)
    assert doors.raw() == raw


def test_a_line_beyond_all_measure_is_refused(doors: Doors, client: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("a@b.org", [ADDRESS], mail(text="x" * (LINE_LIMIT + 1000) + "\n"))
    assert refused.value.smtp_code == 500
    assert doors.stored() == []
    client.sendmail("a@b.org", [ADDRESS], mail())
    assert doors.stored() == [(ADDRESS, None)]


def test_everything_at_once_is_answered_in_order(wire: Callable[[int], Wire], doors: Doors) -> None:
    one = f"MAIL FROM:<a@b.org>\r\nRCPT TO:<{ADDRESS}>\r\nRCPT TO:<{NOBODY}>\r\nDATA\r\nSubject: x\r\n\r\nhei\r\n.\r\n"
    said = wire(doors.smtp).say("EHLO x\r\n" + one * 3 + "QUIT\r\n", 1 + 15 + 1)
    assert [answer[:3] for answer in said] == ["250", *(["250", "250", "550", "354", "250"] * 3), "221"]
    assert len(doors.stored()) == 3


@pytest.mark.parametrize("ending", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r"])
def test_nothing_but_a_real_end_ends_a_mail(wire: Callable[[int], Wire], doors: Doors, ending: bytes) -> None:
    """Or another mail could be smuggled in behind it (CVE-2024-27305)."""
    smuggled = (
        b"Subject: x\r\n\r\nhei" + ending + b"MAIL FROM:<eve@b.org>\r\nRCPT TO:<" + OWNER.encode() + b">\r\nDATA\r\n"
    )
    line = wire(doors.smtp)
    line.say(f"EHLO x\r\nMAIL FROM:<a@b.org>\r\nRCPT TO:<{ADDRESS}>\r\nDATA\r\n", 4)
    assert line.say(smuggled + b"\r\n.\r\n") == ["250 2.0.0 Kept"]
    assert doors.stored() == [(ADDRESS, None)]
    assert b"eve@b.org" in doors.raw()


@pytest.mark.parametrize(
    "garbage",
    [b"BDAT 5 LAST\r\n", b"\x00\xff\xfe\r\n", b"GET / HTTP/1.1\r\n", b"\r\n", b"MAIL\r\n", b"RCPT TO:<x>\r\n",
     b"DATA\r\n", b"x" * 5000 + b"\r\n", b"MAIL FROM:<@@@>\r\n", b"MAIL FROM:<a@b.org> NONSENSE=1\r\n",
     b"AUTH PLAIN AAAA\r\n", b"STARTTLS\r\n"],
)  # fmt: skip
def test_garbage_is_answered_and_the_door_stays_open(wire: Callable[[int], Wire], doors: Doors, garbage: bytes) -> None:
    line = wire(doors.smtp)
    line.say("EHLO x\r\n")
    [said] = line.say(garbage)
    assert said[:1] in "45"
    assert line.say("NOOP\r\n") == ["250 OK"]


@pytest.mark.parametrize(
    "upto", [b"DATA\r\n", b"DATA\r\nSubject: x\r\n\r\nhalf a", b"DATA\r\nSubject: x\r\n\r\nhalf\r\n.", b""]
)
def test_who_hangs_up_leaves_nothing_behind(wire: Callable[[int], Wire], doors: Doors, upto: bytes) -> None:
    line = wire(doors.smtp)
    line.say(f"EHLO x\r\nMAIL FROM:<a@b.org>\r\nRCPT TO:<{ADDRESS}>\r\n", 3)
    line.socket.sendall(upto)
    line.close()
    with smtplib.SMTP("127.0.0.1", doors.smtp, timeout=10) as other:
        other.sendmail("anna@example.org", [ADDRESS], mail())
    assert doors.raw() == mail()


def test_more_recipients_than_one_mail_may_have_come_in_another(wire: Callable[[int], Wire], doors: Doors) -> None:
    many = "".join(f"RCPT TO:<{doors.bridge.addresses.bounce(n)}>\r\n" for n in range(MAX_RECIPIENTS + 1))
    said = wire(doors.smtp).say("EHLO x\r\nMAIL FROM:<a@b.org>\r\n" + many, MAX_RECIPIENTS + 3)
    assert {answer[:3] for answer in said[:-1]} == {"250"}
    assert said[-1].startswith("452 4.5.3")


def test_many_senders_share_commits(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    real = doors.bridge.store

    def store(*arrivals: Arrival) -> list[int]:
        commits.append(len(arrivals))
        return real(*arrivals)

    monkeypatch.setattr(doors.bridge, "store", store)

    def send(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", doors.smtp, timeout=10) as one:
            for part in range(5):
                one.sendmail("a@b.org", [ADDRESS], mail(message_id=f"<{number}.{part}@x>"))

    senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sum(commits) == len(doors.stored()) == 40
    assert max(commits) > 1


# LMTP


LMTP_MAIL = (
    f"LHLO x\r\nMAIL FROM:<a@b.org>\r\nRCPT TO:<{ADDRESS}>\r\nRCPT TO:<{NOBODY}>\r\nRCPT TO:<{OWNER}>\r\nDATA\r\n"
)


def test_lmtp_answers_for_each_recipient(wire: Callable[[int], Wire], doors: Doors) -> None:
    line = wire(doors.lmtp)
    assert [answer[:3] for answer in line.say(LMTP_MAIL, 6)] == ["250", "250", "250", "550", "250", "354"]
    assert line.say(mail() + b"\r\n.\r\n", 2) == ["250 2.0.0 Kept"] * 2
    assert line.say("NOOP\r\n") == ["250 OK"]
    assert doors.stored() == [(ADDRESS, None), (OWNER, None)]


def test_lmtp_answers_for_each_recipient_also_when_nothing_is_kept(
    wire: Callable[[int], Wire], doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Arrival) -> list[int]:
        raise OperationalError("INSERT", {}, Exception("away"))

    monkeypatch.setattr(doors.bridge, "store", away)
    line = wire(doors.lmtp)
    line.say(LMTP_MAIL, 6)
    assert [answer[:3] for answer in line.say(mail() + b"\r\n.\r\n", 2)] == ["451", "451"]
    assert line.say("NOOP\r\n") == ["250 OK"]


def test_lmtp_answers_for_each_recipient_of_a_mail_too_large(wire: Callable[[int], Wire], doors: Doors) -> None:
    line = wire(doors.lmtp)
    line.say(LMTP_MAIL, 6)
    assert [answer[:9] for answer in line.say(b"0123456789abcde\r\n" * (LIMIT // 15) + b".\r\n", 2)] == [
        "552 5.3.4"
    ] * 2
    assert line.say("NOOP\r\n") == ["250 OK"]


def test_lmtp_does_not_listen_to_smtp(wire: Callable[[int], Wire], doors: Doors) -> None:
    assert wire(doors.lmtp).say("EHLO x\r\n")[0].startswith("500")
