"""Headers and bodies put together: read again by the library, they are what was put in."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbridge.assemble import bodies, file_part, header
from mailbridge.flowed import flow


def parsed(text: str, html: str = "<p>x</p>", *files: bytes) -> EmailMessage:
    about, body = bodies(text, html, files)
    message = message_from_bytes(b"".join(about) + b"\r\n" + body, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def plain(message: EmailMessage) -> str:
    found = message.get_body(("plain",))
    assert found
    return str(found.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize(
    "text",
    ["Hei\n", "Ä, ö ja 🎉\n", "From here\n", ".\n", "=20\n", "a" * 500 + "\n", "--=_\n", "\tsarkain\n", "loppu \nalku\n", "\n\nx\n"],
)  # fmt: skip
def test_a_text_comes_back(text: str) -> None:
    assert plain(parsed(text)) == flow(text).replace("\r\n", "\n")


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300))
def test_any_text_comes_back(text: str) -> None:
    _, body = bodies(f"{text}\n", "<p>x</p>")
    assert all(len(line) <= 78 for line in body.split(b"\r\n"))
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert "".join(plain(parsed(f"{text}\n")).split()) == "".join(text.split())


def test_no_line_ends_by_half() -> None:
    """Some servers would take a dot between two of them for the end of the mail."""
    _, body = bodies("Hei\r.\rMAIL FROM:<x>", "<p>Hei\r.\r\nMAIL FROM:<x></p>")
    assert not {b"\r", b"\n"} & {bytes([octet]) for octet in body.replace(b"\r\n", b"")}


def test_the_same_mail_is_written_the_same_again() -> None:
    assert bodies("Hei\n", "<p>Hei</p>") == bodies("Hei\n", "<p>Hei</p>")
    assert bodies("Hei\n", "<p>Hei</p>") != bodies("Moi\n", "<p>Moi</p>")


def test_files_stand_beside_the_text() -> None:
    pdf = file_part(b"%PDF", "application/pdf", "Öinen kokous.pdf", None)
    logo = file_part(b"png", "image/png", "logo.png", "logo@x")
    mail = file_part(b"From: x", "message/rfc822", "vanha.eml", None)
    message = parsed("Hei\n", "<p>Hei</p>", pdf, logo, mail)
    files = list(message.iter_attachments())
    assert [(file.get_filename(), file.get_content_type()) for file in files] == [
        ("Öinen kokous.pdf", "application/pdf"),
        ("logo.png", "image/png"),
        ("vanha.eml", "application/octet-stream"),
    ]
    assert [file["Content-ID"] for file in files] == [None, "<logo@x>", None]
    assert plain(message) == "Hei\n"


@pytest.mark.parametrize(
    "value",
    ["lyhyt", "Kevään kokous ja hiljainen tieto", "sana " * 60, "ä" * 300, "=?utf-8?q?x?=", "https://example.org/" + "x" * 200, ""],
)  # fmt: skip
def test_a_header_comes_back_in_lines_that_servers_take(value: str) -> None:
    line = header("Subject", value)
    assert line.endswith(b"\r\n")
    assert all(len(each) <= 998 for each in line.split(b"\r\n"))
    assert line.isascii()
    assert message_from_bytes(line + b"\r\n", policy=policy.default)["Subject"].strip() == value.strip()


@pytest.mark.parametrize(
    "evil", ["x\r\nBcc: v@example.com", "x\nBcc: v", "x\rBcc: v", "x\r\n\r\nbody", "x\0y", "x\u2028Bcc: v"]
)
def test_a_header_is_one(evil: str) -> None:
    message = message_from_bytes(header("Subject", evil) + b"\r\n", policy=policy.default)
    assert message.keys() == ["Subject"]
    assert message.get_payload() == ""
