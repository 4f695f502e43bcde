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
            Bounced("a@example.org", False, "4.4.1"),
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
            Bounced("a@example.org", False),
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
