"""Mails, each beside what is to be read from it; and that nothing makes the reader raise, stall or lose text."""

import json
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbridge.letter import Letter
from mailbridge.quotes import own_text
from mailbridge.read import read
from mailbridge.read.html import to_text

MAILS = sorted((Path(__file__).parent.parent / "mails").glob("*.eml"))

# What an expectation beside a mail is called, and where the Letter has it.
FOUND: dict[str, Callable[[Letter], Any]] = {
    "own": lambda letter: own_text(letter.parts).strip(),
    "kinds": lambda letter: [part.kind for part in letter.parts],
    "subject_is": lambda letter: letter.subject,
    "files": lambda letter: [file.name for file in letter.files],
    "bounced": lambda letter: [[each.address, each.permanent, each.status] for each in letter.bounced],
    "author": lambda letter: [letter.author.name, letter.author.address],
    "to": lambda letter: [[person.name, person.address] for person in letter.to],
    "forwarded_from": lambda letter: letter.forwarded_from.address if letter.forwarded_from else None,
    "in_reply_to": lambda letter: list(letter.in_reply_to),
    "markers": lambda letter: list(letter.markers),
    "loop_ids": lambda letter: list(letter.loop_ids),
}


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_mail_is_read_as_written_beside_it(path: Path) -> None:
    wanted = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    letter = read(path.read_bytes())
    found = {name: FOUND[name](letter) if name in FOUND else getattr(letter, name) for name in wanted}
    # null in place of the text: it is shown, but not worth writing twice.
    assert {n: v for n, v in found.items() if wanted[n] is not None} == {
        n: v for n, v in wanted.items() if v is not None
    }


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_mail_cut_anywhere_is_still_read(path: Path) -> None:
    raw = path.read_bytes()
    for end in range(0, len(raw), 37):
        read(raw[:end])


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=2_000))
def test_any_bytes_become_a_letter(raw: bytes) -> None:
    read(raw)


PIECES = [
    b"From: a@b.c",
    b"Subject: =?utf-8?q?=C3?=",
    b"Content-Type: multipart/mixed; boundary=x",
    b"--x",
    b"--x--",
    b"",
    b"Content-Type: text/html; charset=utf-7",
    b"Content-Transfer-Encoding: base64",
    b"=?x?b?",
    b"<blockquote><p>",
    b"\xff\xfe",
    b"Content-Type: message/delivery-status",
    b"Action: failed",
    b"Final-Recipient: rfc822;",
    b'To: "<(,;:',
    b"> ",
    b"On 1.1.2026 10:00 a <a@b.c> wrote:",
    b"Content-Type: application/ms-tnef; name=winmail.dat",
    b'x\x9f>"\x01\x00',
    b"Content-Disposition: attachment; filename*0*=utf-8''%",
]


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_pieces_of_mails_become_a_letter(pieces: list[bytes]) -> None:
    read(b"\r\n".join(pieces))


def test_standard_library_reads_the_same() -> None:
    message = EmailMessage()
    message["From"] = "Åsa Öberg <asa@example.org>"
    message["Subject"] = "Pöytäkirja kokouksesta"
    message.set_content("Hyvää päivää.\n" * 5)
    message.add_alternative("<p>Hyvää päivää.</p>", subtype="html")
    message.add_attachment(bytes(range(256)), maintype="application", subtype="x-test", filename="pöytä.bin")
    letter = read(message.as_bytes())
    assert (letter.author.name, letter.author.address) == ("Åsa Öberg", "asa@example.org")
    assert letter.subject == "Pöytäkirja kokouksesta"
    assert own_text(letter.parts) == "Hyvää päivää.\n" * 5
    assert [(file.name, file.data) for file in letter.files] == [("pöytä.bin", bytes(range(256)))]


def nested(depth: int) -> bytes:
    parts = b"".join(b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (n, n) for n in range(depth))
    return b"From: a@b.c\r\n" + parts + b"\r\n" + b"--hello\r\n" * 50_000


BOMBS = {
    "depth": nested(300),
    "parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 200_000,
    "dashes": b"Content-Type: multipart/mixed; boundary=-\r\n\r\n" + b"-" * 2_000_000,
    "headers": b"X: y\r\n" * 200_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\r\n\r\nx",
    "people": b"To: " + b"a@b.c, " * 100_000 + b"\r\n\r\nx",
    "brackets": b"To: " + b"<" * 200_000 + b"\r\n\r\nx",
    "comments": b"To: " + b"(" * 200_000 + b"\r\n\r\nx",
    "references": b"References: " + b"<a@b> " * 100_000 + b"\r\n\r\nx",
    "parameters": b"Content-Type: text/plain" + b'; a="b' * 50_000 + b"\r\n\r\nx",
    "prefixes": b"Subject: " + b"Re: " * 100_000 + b"\r\n\r\nx",
    "html depth": b"Content-Type: text/html\r\n\r\n" + b"<blockquote>" * 50_000 + b"x",
    "html tables": b"Content-Type: text/html\r\n\r\n" + b"<table><tr><td>" * 20_000,
    "html signatures": b"Content-Type: text/html\r\n\r\n" + b"<div class=gmail_signature>x</div>" * 100_000,
    "punycode": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-b" * 200_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_read_in_bounded_time(name: str) -> None:
    begun = time.process_time()
    letter = read(BOMBS[name])
    assert time.process_time() - begun < 2
    assert len(letter.references) <= 100
    assert len(letter.files) <= 500


def test_hidden_text_and_scripts_are_no_text() -> None:
    assert to_text("<p>a</p><p style='display: none'>b</p><script>c</script><!-- d --><p>e") == "a\n\ne"


def test_two_subjects_of_a_header_injection_stay_one_line() -> None:
    assert read(b"Subject: =?utf-8?q?a=0D=0AX-Evil:_1?=\r\n\r\nx").subject == "a X-Evil: 1"


def test_first_and_last_references_are_kept() -> None:
    many = " ".join(f"<{n}@x>" for n in range(500))
    letter = read(f"References: {many}\r\n\r\nx".encode())
    assert (letter.references[0], letter.references[-1], len(letter.references)) == ("<0@x>", "<499@x>", 100)
