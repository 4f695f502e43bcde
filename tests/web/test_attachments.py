"""Files: sent with a post, read by whoever may read it, harmless whatever they hold."""

import pytest

from forum.tables import Member
from forum.world import World
from tests.conftest import rows
from tests.web.conftest import Browser


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
    world.files.path(str(digest)).unlink()
    assert at_home.look("/a/1").status_code == 404


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
