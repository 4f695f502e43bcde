"""What the door checks before any view: origin, size, form; and the headers of every answer."""

from dataclasses import replace

import pytest

from forum.settings import Settings
from forum.tables import Organisation
from forum.web import networks, unsubscribe
from forum.web.app import create_app
from forum.web.visit import Visit
from forum.world import World
from tests import make
from tests.conftest import rows
from tests.web.conftest import Browser


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://forum.example.org"}, 303),
        ({"Origin": "http://inside:8000", "Host": "inside:8000"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 303),
    ],
)
def test_forms_of_other_sites_do_nothing(world: World, browser: Browser, headers: dict[str, str], status: int) -> None:
    at_home = browser.as_member(make.member(world, network=make.network(world)))
    answer = at_home.ask("POST", "/n/viestijat/mode", data={"mode": "none"}, headers=headers)
    assert answer.status_code == status  # WrongOrigin
    assert rows(world, "SELECT mode FROM memberships") == [("none" if status == 303 else "each",)]


def test_every_answer_carries_what_keeps_it_safe(world: World, browser: Browser) -> None:
    make.network(world)
    for path in ("/", "/n/viestijat", "/nowhere", "/health", "/static/parvi.css", "/api/v1/networks"):
        headers = browser.look(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert browser.look("/n/viestijat").headers["x-robots-tag"] == "noindex"
    assert "x-robots-tag" not in browser.look("/").headers


def test_no_page_needs_an_inline_script_or_style(world: World, browser: Browser) -> None:
    make.network(world)
    for path in ("/", "/n/viestijat", "/sign-in", "/nowhere"):
        text = browser.look(path).text
        assert " style=" not in text
        assert "<style" not in text
        assert " onclick" not in text
        assert text.count("<script") == text.count('<script type="module" src="/static/')


def test_https_makes_cookies_secure(world: World) -> None:
    secure = replace(world, settings=replace(world.settings, base_url="https://forum.example.org", demo=True))
    anna = make.member(secure)
    answer = Browser(secure, create_app(secure)).send(f"/dev/sign-in/{anna.id}")
    assert any(
        h.startswith("__Host-parvi=") and "Secure" in h and "Path=/" in h for h in answer.headers.get_list("set-cookie")
    )


def test_a_broken_form(world: World, browser: Browser) -> None:
    at_home = browser.as_member(make.member(world, network=make.network(world), language="en"))
    for body, kind in (
        (b"--x\r\nnothing", "multipart/form-data"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", "multipart/form-data; boundary=x"),
    ):
        answer = at_home.ask(
            "POST", "/n/viestijat/new", content=body, headers={"Content-Type": kind, "Sec-Fetch-Site": "none"}
        )
        assert answer.status_code == 422
        assert "The form could not be read." in answer.text  # FormIncomplete


def test_too_much_at_once(settings: Settings, world: World) -> None:
    small = replace(world, settings=replace(settings, max_mail_mb=1))
    at_home = Browser(small, create_app(small)).as_member(
        make.member(small, network=make.network(small), language="en")
    )
    answer = at_home.send(
        "/n/viestijat/new", {"subject": "Aihe", "text": "Hei"}, files={"files": ("a", b"x" * 1_000_001)}
    )
    assert answer.status_code == 413
    assert "larger than 1 megabytes together" in answer.text  # UploadTooLarge


@pytest.mark.parametrize("more", [{}, {"files": {"files": ("a.txt", b"x" * 2_000_000)}}])
def test_a_field_is_a_megabyte_at_most_a_file_is_not(
    world: World, browser: Browser, more: dict[str, dict[str, tuple[str, bytes]]]
) -> None:
    at_home = browser.as_member(make.member(world, network=make.network(world), language="en"))
    answer = at_home.send("/n/viestijat/new", {"subject": "Aihe", "text": "x" * 1_000_001}, **more)
    assert answer.status_code == 422
    assert "The form could not be read." in answer.text  # FormIncomplete
    assert at_home.send("/n/viestijat/new", {"subject": "Aihe", "text": "Hei"}, **more).status_code == 303


def test_nul_and_lone_surrogates_reach_no_database(world: World, browser: Browser) -> None:
    anna = make.member(world, network=make.network(world))
    at_home = browser.as_member(anna)
    assert at_home.look("/n/a%00b").status_code == 404
    assert at_home.look("/u/%00").status_code == 404
    assert at_home.send("/n/viestijat/new", {"subject": "A\0ihe", "text": "He\0i"}).status_code == 303
    assert rows(world, "SELECT text FROM posts") == [("Hei",)]
    program = browser.with_token(anna)
    body = rb'{"subject": "\ud800", "text": "A\u0000\ud800"}'
    assert program.send_raw("/networks/viestijat/threads", body).status_code == 201
    assert program.send_raw("/networks/viestijat/threads", b"{" * 100_000).json()["error"] == "FormIncomplete"


def test_our_own_trouble_is_calm(world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(visit: Visit, *more: object) -> object:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(networks, "_fits", breaks)
    make.network(world)
    answer = browser.look("/networks", Accept_Language="sv")
    assert answer.status_code == 500
    assert "Något gick fel" in answer.text
    assert "secret" not in answer.text


def test_no_log_has_a_token_in_it(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(visit: Visit) -> object:
        with world.database.transaction() as db:
            db.add(Organisation(id=1, name=visit.word("token")))
        raise AssertionError

    monkeypatch.setattr(unsubscribe, "_meant", breaks)
    with world.database.transaction() as db:
        db.add(Organisation(id=1, name="first"))
    assert browser.look("/u/secret-token").status_code == 500
    assert "GET /u/{token} failed" in caplog.text
    assert "IntegrityError" in caplog.text
    assert "secret-token" not in caplog.text


def test_a_method_that_is_not_there(browser: Browser) -> None:
    assert browser.send("/networks").status_code == 404
    assert browser.look("/n/viestijat/mode").status_code == 404
    assert browser.ask("HEAD", "/").status_code == 200


def test_static_files_are_kept_for_long_only_under_their_hash(browser: Browser) -> None:
    page = browser.look("/").text
    path = page.split('<link rel="stylesheet" href="')[1].split('"')[0]
    assert "immutable" in browser.look(path).headers["cache-control"]
    assert browser.look("/static/parvi.css?v=other").headers["cache-control"] == "no-cache"
    assert browser.look("/static/nothing.css").status_code == 404


def test_the_first_page_is_small(world: World, browser: Browser) -> None:
    for number in range(60):
        make.network(world, f"verkosto-{number}", name=f"Verkosto {number}", purpose="Vertaisverkosto. " * 8)
    files = [browser.look(f"/static/{name}").content for name in ("parvi.css", "parvi.js", "parvi.svg")]
    assert len(browser.look("/").content) + sum(map(len, files)) < 60_000
