"""Files: sent with a post, read by whoever may read it, harmless whatever they hold."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from forum.files import Bucket
from forum.settings import Settings
from forum.tables import Attachment, Member
from forum.web import kept_file
from forum.world import World
from tests.conftest import rows
from tests.ports import free_port
from tests.s3 import environment
from tests.web.conftest import Browser


@pytest.fixture
def settings(settings: Settings, place: str) -> Settings:
    return replace(settings, files=place)


def write(at_home: Browser, name: str, kind: str, data: bytes = b"data") -> None:
    answer = at_home.send("/n/viestijat/new", {"subject": "Aihe", "text": "Liite"}, files={"files": (name, data, kind)})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("kuva.png", "image/png", "inline"),
        ("ohje.pdf", "application/pdf", "inline"),
        ("evil.html", "text/html", "attachment"),
        ("evil.svg", "image/svg+xml", "attachment"),
    ],
)
def test_a_file_goes_in_and_comes_out(browser: Browser, anna: Member, name: str, kind: str, shown: str) -> None:
    at_home = browser.as_member(anna)
    write(at_home, name, kind)
    assert name in at_home.look(at_home.look("/p/1").headers["location"].partition("#")[0]).text
    answer = at_home.look("/a/1")
    assert answer.content == b"data"
    assert answer.headers["content-disposition"] == f'{shown}; filename="{name}"'
    assert answer.headers["content-type"] == kind + ("; charset=utf-8" if kind.startswith("text/") else "")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("sandbox" in answer.headers["content-security-policy"]) is (kind != "application/pdf")
    assert "script" not in answer.headers["content-security-policy"]


def test_text_says_in_which_letters_it_is(browser: Browser, anna: Member) -> None:
    at_home = browser.as_member(anna)
    write(at_home, "a.txt", "text/plain", "ä".encode())
    write(at_home, "b.txt", "text/plain", "ä".encode("latin-1"))
    assert at_home.look("/a/1").headers["content-type"] == "text/plain; charset=utf-8"
    assert at_home.look("/a/2").headers["content-type"] == "text/plain; charset=windows-1252"


def test_a_name_from_elsewhere_is_tamed(browser: Browser, anna: Member) -> None:
    at_home = browser.as_member(anna)
    write(at_home, "..\\..\\ääkköset; x.png", "image/png")
    disposition = at_home.look("/a/1").headers["content-disposition"]
    assert disposition == "inline; filename*=utf-8''%C3%A4%C3%A4kk%C3%B6set%3B%20x.png"


def test_only_who_may_read_the_message_reads_its_files(browser: Browser, anna: Member) -> None:
    write(browser.as_member(anna), "kuva.png", "image/png")
    assert browser.look("/a/1").status_code == 403
    assert browser.look("/a/2").status_code == 404  # AttachmentNotFound


def test_a_file_whose_bytes_are_gone(world: World, browser: Browser, anna: Member) -> None:
    at_home = browser.as_member(anna)
    write(at_home, "kuva.png", "image/png")
    digest = rows(world, "SELECT digest FROM attachments")[0][0]
    assert isinstance(digest, str)
    with world.database.transaction() as db:
        db.execute(update(Attachment).values(digest=digest[::-1]))
    assert at_home.look("/a/1").status_code == 404
    assert "There is no such file." in at_home.look("/a/1").text


def test_a_stranger_cannot_fill_the_disk(world: World, browser: Browser, anna: Member) -> None:
    answer = browser.send(
        "/n/viestijat/new", {"subject": "A", "text": "B"}, files={"files": ("a.png", b"x", "image/png")}
    )
    assert answer.status_code == 401
    assert not (world.settings.data / "files").exists()


def test_a_file_alone_is_a_message_too(browser: Browser, anna: Member) -> None:
    at_home = browser.as_member(anna)
    answer = at_home.send(
        "/n/viestijat/new", {"subject": "A", "text": ""}, files={"files": ("a.png", b"x", "image/png")}
    )
    assert answer.status_code == 303


WHOLE = b"0123456789" * 3


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, (0, 10)),
        ("bytes=25-", 206, (25, 30)),
        ("bytes=-3", 206, (27, 30)),
        ("bytes=-300", 206, (0, 30)),
        ("bytes=29-1000000", 206, (29, 30)),
        ("bytes=30-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=9-0", 200, (0, 30)),
        ("bytes=0-1,5-6", 200, (0, 30)),
        ("bytes=-", 200, (0, 30)),
        ("lines=1-2", 200, (0, 30)),
        ("bytes=" + "9" * 5000 + "-", 200, (0, 30)),
    ],
)
def test_a_part_of_a_file(
    browser: Browser,
    anna: Member,
    asked: str,
    status: int,
    part: tuple[int, int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_file, "PIECE", 7)
    at_home = browser.as_member(anna)
    write(at_home, "ääni.mp3", "audio/mpeg", WHOLE)
    answer = at_home.look("/a/1", range=asked)
    assert answer.status_code == status
    assert answer.content == (WHOLE[slice(*part)] if part else b"")
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    told = {206: f"bytes {part[0]}-{part[1] - 1}/30" if part else "", 416: "bytes */30", 200: None}[status]
    assert answer.headers.get("content-range") == told


def test_a_part_of_what_is_another_file_by_now(browser: Browser, anna: Member) -> None:
    at_home = browser.as_member(anna)
    write(at_home, "a.mp3", "audio/mpeg", WHOLE)
    tag = at_home.look("/a/1").headers["etag"]
    assert at_home.look("/a/1", range="bytes=0-1", if_range=tag).status_code == 206
    assert at_home.look("/a/1", range="bytes=0-1", if_range='"other"').content == WHOLE


def test_what_the_reader_has_is_not_sent_again(browser: Browser, anna: Member) -> None:
    at_home = browser.as_member(anna)
    write(at_home, "a.mp3", "audio/mpeg", WHOLE)
    answer = at_home.look("/a/1", if_none_match=at_home.look("/a/1").headers["etag"])
    assert (answer.status_code, answer.content) == (304, b"")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_an_empty_file_and_only_the_head_of_one(browser: Browser, anna: Member) -> None:
    at_home = browser.as_member(anna)
    write(at_home, "a.txt", "text/plain", b"")
    write(at_home, "b.mp3", "audio/mpeg", WHOLE)
    assert (at_home.look("/a/1").status_code, at_home.look("/a/1").content) == (200, b"")
    head = at_home.ask("HEAD", "/a/2")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "30")


def test_letters_are_told_by_the_whole_text(browser: Browser, anna: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter may lie across two pieces, and the only one that is not ASCII in the last."""
    monkeypatch.setattr(kept_file, "PIECE", 4)
    at_home = browser.as_member(anna)
    write(at_home, "a.txt", "text/plain", "abcäöå".encode())
    write(at_home, "b.csv", "text/csv", "abcdefghijä".encode("latin-1"))
    write(at_home, "c.txt", "text/plain", "abcdefgä".encode()[:-1])
    kinds = [at_home.look(f"/a/{number}").headers["content-type"] for number in (1, 2, 3)]
    assert kinds == [
        "text/plain; charset=utf-8",
        "text/csv; charset=windows-1252",
        "text/plain; charset=windows-1252",
    ]


def test_a_part_of_a_text_costs_no_more_than_that_part(
    world: World, browser: Browser, anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_home = browser.as_member(anna)
    write(at_home, "a.txt", "text/plain", b"a part of a text" * 100)
    at_home.look("/a/1")
    read, asked = world.files.read, list[tuple[int, int | None]]()

    def reading(digest: str, start: int = 0, end: int | None = None) -> bytes:
        asked.append((start, end))
        return read(digest, start, end)

    monkeypatch.setattr(world.files, "read", reading)
    answer = at_home.look("/a/1", range="bytes=2-5")
    assert (answer.content, answer.headers["content-type"]) == (b"part", "text/plain; charset=utf-8")
    assert asked == [(2, 6)]


def test_while_files_are_away(world: World, browser: Browser, anna: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence and what was typed, and nothing half done; pages without files go on."""
    at_home = browser.as_member(anna)
    write(at_home, "a.mp3", "audio/mpeg", WHOLE)
    for name, value in environment(f"http://127.0.0.1:{free_port()}").items():
        monkeypatch.setenv(name, value)
    object.__setattr__(world, "files", Bucket("s3://bucket", patience_s=0.5))
    answer = at_home.look("/a/1")
    assert answer.status_code == 503
    assert "Files cannot be kept or read right now." in answer.text
    assert "sandbox" not in answer.headers["content-security-policy"]
    form = {"subject": "Aihe", "text": "Pitkään kirjoitettu"}
    answer = at_home.send("/n/viestijat/new", form, files={"files": ("a.png", b"x", "image/png")})
    assert answer.status_code == 503
    assert "Files cannot be kept or read right now." in answer.text
    assert "Pitkään kirjoitettu" in answer.text
    assert at_home.send("/n/viestijat/new", form).status_code == 303
    assert rows(world, "SELECT count(*) FROM posts") == [(2,)]
