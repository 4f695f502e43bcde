"""Mails, each beside what is to be read from it; and that nothing makes the reader raise, stall or lose text."""

import base64
import json
import struct
import time
import tracemalloc
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
from mailbridge.read.mime import Stretch, _from_base64, letters_decoded

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

# What test_mails.py reads of it.
DECIDED = {"given", "action", "landed_by", "command", "passed_to", "refusal"}


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_mail_is_read_as_written_beside_it(path: Path) -> None:
    beside = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    wanted = {name: value for name, value in beside.items() if name not in DECIDED}
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


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.sampled_from([b"A", b"Zz", b"09+/", b"=", b"\r\n", b" ", b"-", b"\xff"]), max_size=20), st.booleans()
)
def test_base64_is_read_where_it_is_as_it_is_by_its_letters(some: list[bytes], is_long: bool) -> None:
    body = b"QUJD\r\n" * (5 * is_long) + b"".join(some)
    assert _from_base64(Stretch(b"x=" + body + b"QQ==", 2, 2 + len(body))) == letters_decoded(body)


def test_a_large_file_is_in_memory_once() -> None:
    """What a mail of 25 MB takes beside itself is its file."""
    content = base64.encodebytes(bytes(6_000_000)).replace(b"\n", b"\r\n")
    head = b"Content-Type: application/octet-stream; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + head + content + b"--x--\r\n"
    tracemalloc.start()
    try:
        [file] = read(raw).files
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(file.data) == 6_000_000
    assert most < 6_500_000


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


ATTRIBUTES = b" ".join(b"a%d" % number for number in range(100_000))

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
    "html attributes": b"Content-Type: text/html\r\n\r\n<p " + ATTRIBUTES + b">x",
    "html attributes behind a quoted end": b"Content-Type: text/html\r\n\r\n<p a='>' b=\">\" " + ATTRIBUTES + b">x",
    "html attributes, all quoted": b"Content-Type: text/html\r\n\r\n<p " + ATTRIBUTES.replace(b" ", b"='>'") + b">x",
    "html opening brackets": b"Content-Type: text/html\r\n\r\n" + b"<" * 2_000_000,
    "html tags without an end": b"Content-Type: text/html\r\n\r\n" + b"<a =\"<b ='" * 200_000,
    "html comments without an end": b"Content-Type: text/html\r\n\r\n" + b"<!--" * 500_000,
    "html elements without an end": b"Content-Type: text/html\r\n\r\n" + b"<p><b><i><a href=http://x>" * 10_000,
    "html divisions": b"Content-Type: text/html\r\n\r\n" + b"<div>" * 10_000 + b"x",
    "references without brackets": b"References: " + b"?=" * 100_000 + b"\r\n\r\nx",
    "no headers among headers": b"X: y\r\n" + b"--b1--\r\n" * 25_000,
    "folds": b"X: y\r\n" + b" z\r\n" * 60_000 + b"\r\nx",
    "quotation marks": b"From: " + b'"\\' * 100_000 + b"\r\n\r\nx",
    "punycode": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-b" * 200_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_read_in_bounded_time(name: str) -> None:
    begun = time.process_time()
    letter = read(BOMBS[name])
    assert time.process_time() - begun < 2
    assert len(letter.references) <= 100
    assert len(letter.files) <= 500


def test_control_characters_by_number_are_no_text() -> None:
    assert to_text("<p>a&#2;b&#x1b;c</p>") == "abc"


def test_hidden_text_and_scripts_are_no_text() -> None:
    assert to_text("<p>a</p><p style='display: none'>b</p><script>c</script><!-- d --><p>e") == "a\n\ne"


def test_two_subjects_of_a_header_injection_stay_one_line() -> None:
    assert read(b"Subject: =?utf-8?q?a=0D=0AX-Evil:_1?=\r\n\r\nx").subject == "a X-Evil: 1"


def test_first_and_last_references_are_kept() -> None:
    many = " ".join(f"<{n}@x>" for n in range(500))
    letter = read(f"References: {many}\r\n\r\nx".encode())
    assert (letter.references[0], letter.references[-1], len(letter.references)) == ("<0@x>", "<499@x>", 100)


@pytest.mark.parametrize(
    "header",
    [
        b"Message-ID: <a\xff@x>",
        b"In-Reply-To: <a\xff@x>",
        b"References: a\xff@x",
        b"Thread-Index: \xff",
        b"Content-Type: image/\xff\r\nContent-ID: <\xff>",
        b"From: \xff <\xff@x>",
    ],
)
def test_bytes_that_nobody_can_decode_leave_no_lone_surrogate(header: bytes) -> None:
    """They raise wherever a Letter goes next: into a database, a mail, a page."""
    assert r"\udcff" not in repr(read(header + b"\r\n\r\nx"))


def test_files_in_a_winmail_dat_have_names_that_are_only_names() -> None:
    title = b"../../etc/pass\nwd\0"
    attributes = b"\2" + struct.pack("<II", 0x69002, 0) + b"\0\0"
    attributes += b"\2" + struct.pack("<II", 0x18010, len(title)) + title + b"\0\0"
    attributes += b"\2" + struct.pack("<II", 0x6800F, 3) + b"abc\0\0"
    head = b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n"
    letter = read(head + struct.pack("<IH", 0x223E9F78, 1) + attributes)
    assert [(file.name, file.data) for file in letter.files] == [("_.._etc_pass wd", b"abc")]


def test_a_tag_of_too_many_attributes_loses_them_and_nothing_else() -> None:
    many = " ".join(f"a{number}" for number in range(1_000))
    assert to_text(f"<p>one</p><p {many}>two</p><a href='http://x.example/' {many}>three</a>") == "one\n\ntwo\n\nthree"
    assert to_text("<!-- <b a=\" --><p class='a'>one</p><!-- \"> -->two") == "one\n\ntwo"


CALENDAR = "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n"


@pytest.mark.parametrize(
    ("head", "method"),
    [
        ("text/calendar", "REPLY"),
        ("text/calendar; method=REPLY", "REPLY"),
        ("text/calendar; name=a.ics\r\nContent-Disposition: attachment; filename=a.ics", ""),
    ],
)
def test_somebody_elses_answer_attached_as_a_file_is_none_of_the_writers(head: str, method: str) -> None:
    parts = f"--x\r\n\r\nMikä tämä on?\r\n--x\r\nContent-Type: {head}\r\n\r\n{CALENDAR}--x--\r\n"
    letter = read(f"Content-Type: multipart/mixed; boundary=x\r\n\r\n{parts}".encode())
    assert letter.calendar_method == method
