"""Which mails say that a mail did not arrive; the mails themselves are in tests/mails."""

import pytest

from mailbridge.letter import Bounced
from mailbridge.read import read
from tests.timing import cpu_s


def report(*blocks: str, subject: str = "Undeliverable: x") -> bytes:
    head = (
        f"From: postmaster@mx.example\nSubject: {subject}\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
    )
    status = "\n\n".join(["Reporting-MTA: dns; mx", *blocks])
    return f"{head}--b\nContent-Type: message/delivery-status\n\n{status}\n--b--\n".encode()


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (
            "Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.1.1",
            Bounced("a@example.org", True, "5.1.1"),
        ),
        ("Final-Recipient: RFC822;<a@example.org>\nAction: Failed", Bounced("a@example.org", True)),
        (
            "Final-Recipient: a@example.org\nAction: failed (mailbox)\nStatus: 5.2.2 (full)",
            Bounced("a@example.org", True, "5.2.2"),
        ),
        (
            "Final-Recipient: rfc822; a@example.org\nAction: delayed\nStatus: 4.4.1",
            Bounced("a@example.org", False, "4.4.1", is_late=True),
        ),
        (
            "Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 4.4.7",
            Bounced("a@example.org", False, "4.4.7"),
        ),
        (
            "Original-Recipient: rfc822; a@example.org\nFinal-Recipient: rfc822; b@inner\n"
            "Action: failed\nStatus: 5.1.10",
            Bounced("a@example.org", True, "5.1.10"),
        ),
    ],
)
def test_recipient_of_a_status_report(fields: str, wanted: Bounced) -> None:
    letter = read(report(fields))
    assert letter.is_bounce
    assert letter.bounced == (wanted,)


def test_every_recipient_of_a_status_report_is_named_once() -> None:
    blocks = [f"Final-Recipient: rfc822; {name}@example.org\nAction: failed\nStatus: 5.1.1" for name in "abcab"]
    assert [bounced.address for bounced in read(report(*blocks)).bounced] == [
        "a@example.org",
        "b@example.org",
        "c@example.org",
    ]


def test_delivered_is_no_bounce() -> None:
    letter = read(
        report("Final-Recipient: rfc822; a@example.org\nAction: delivered\nStatus: 2.0.0", subject="Delivered: x")
    )
    assert letter.bounced == ()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<a@example.org>: host mx said: 550 5.1.1 unknown", Bounced("a@example.org", True, "5.1.1")),
        ("<a@example.org>: host mx said: 452 4.2.2 full", Bounced("a@example.org", False, "4.2.2")),
        ("<a@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)", Bounced("a@example.org", True, "5.1.1")),
        (
            "Warning message only, will be retried\n\n<a@example.org>: connection timed out",
            Bounced("a@example.org", False, is_late=True),
        ),
    ],
)
def test_recipient_of_a_report_in_words(text: str, wanted: Bounced) -> None:
    letter = read(
        b"From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\nHi.\n\n"
        + text.encode()
        + b"\n\n--- Below is a copy\n<b@example.org>: x\n"
    )
    assert letter.bounced == (wanted,)


@pytest.mark.parametrize(
    "junk", [b"\xff" * 50, b"\n\n:;@<>", b"Final-Recipient: rfc822; @\nAction: failed", b"Action: failed\n" * 100]
)
def test_broken_report_is_a_bounce_of_nobody(junk: bytes) -> None:
    letter = read(report("").replace(b"Reporting-MTA: dns; mx", junk))
    assert letter.is_bounce
    assert letter.bounced == ()


def test_member_who_quotes_a_bounce_is_no_bounce() -> None:
    head = b"From: Anna <anna@example.org>\nSubject: Re: Undeliverable: x\nReferences: <a@b>\n\n"
    assert not read(head + b"> <a@example.org>: 550 5.1.1 unknown\n\nMita nyt?\n").is_bounce


@pytest.mark.parametrize("text", [b"\n" * 100_000, b"\t\n" * 50_000, b"-" * 100_000, b"--\n" * 33_000])
def test_a_long_report_of_nothing_is_read_quickly(text: bytes) -> None:
    raw = b"From: mailer-daemon@mx.example\nSubject: Undeliverable\n\n" + text
    assert cpu_s(lambda: read(raw)) < 0.3


EXCHANGE = "Microsoft Outlook <postmaster@mx.example>"
DAEMON = "Mail Delivery Subsystem <mailer-daemon@mx.example>"


@pytest.mark.parametrize(
    ("author", "subject", "text", "wanted"),
    [
        (
            EXCHANGE,
            "Ei voi toimittaa: x",
            "a@example.org<mailto:a@example.org>\n'550 5.1.10 x'",
            (True, "5.1.10", False),
        ),
        (EXCHANGE, "Kan inte levereras: x", "a@example.org (a@example.org)\n#550 5.1.1 x", (True, "5.1.1", False)),
        (
            EXCHANGE,
            "Unzustellbar: x",
            "a@example.org (a@example.org)\nDas Postfach ist voll.\n5.2.2",
            (True, "5.2.2", False),
        ),
        (EXCHANGE, "Non remis : x", "a@example.org\n550 5.1.1", (True, "5.1.1", False)),
        (EXCHANGE, "Toimitus viivästyi: x", "a@example.org\n\nToimitusta yritetään edelleen.", (False, "", True)),
        (DAEMON, "Failure", "Your message to a@example.org has been blocked.\n\n550 5.7.1 no", (True, "5.7.1", False)),
        (
            "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@mx.example>",
            "Undeliverable: x",
            "Your message to a@example.org couldn't be delivered.",
            (True, "", False),
        ),
    ],
)
def test_recipient_that_a_server_names_in_its_own_way(
    author: str, subject: str, text: str, wanted: tuple[bool, str, bool]
) -> None:
    head = f"From: {author}\nTo: b@lists.example\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n"
    letter = read(f"{head}{text}\n\nb@lists.example\n".encode())
    assert letter.bounced == (Bounced("a@example.org", *wanted),)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("550 5.1.1 no such user", Bounced("a@example.org", True, "5.1.1")),
        ("452 4.2.2 full", Bounced("a@example.org", False, "4.2.2")),
        ("Gmail will retry for 46 more hours.", Bounced("a@example.org", False, is_late=True)),
    ],
)
def test_failed_recipient_of_a_header_with_the_reason_of_the_text(text: str, wanted: Bounced) -> None:
    head = f"From: {DAEMON}\nSubject: x\nX-Failed-Recipients: a@example.org\n\n"
    assert read(f"{head}To a@example.org:\n{text}\n".encode()).bounced == (wanted,)


def test_what_was_said_is_more_than_an_undefined_status() -> None:
    fields = (
        "Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550-5.1.1 no"
    )
    assert read(report(fields)).bounced == (Bounced("a@example.org", True, "5.1.1"),)


def test_who_passes_a_bounce_on_is_a_person() -> None:
    head = "From: Anna <anna@example.org>\nSubject: VL: Undelivered Mail Returned to Sender\n\n"
    assert not read(f"{head}Mitä tämä on?\n\n<a@example.org>: 550 5.1.1 unknown\n".encode()).is_bounce
