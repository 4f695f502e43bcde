"""The dry run of a mail: for coordinators only, told in words, and nothing stays of it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from forum import members, networks
from forum.errors import PageNotFound
from forum.tables import Member, Table
from forum.web.app import create_app
from forum.world import World
from mailbridge.explain import explained
from mailbridge.incoming import Bridge
from tests import make
from tests.conftest import rows
from tests.mailbridge.mails import mail
from tests.web.conftest import HOME, Browser

PAGE = "/desk/mail"
PUBLISHED = "It would be published as a new discussion in Järjestöviestijät."


@pytest.fixture
def bridge(world: World) -> Bridge:
    return Bridge(world)


@pytest.fixture
def desk(world: World, bridge: Bridge) -> Browser:
    """A coordinator at the desk, who reads English; Anna and Ville are members of a network."""
    network = make.network(world)
    make.member(world, network=network)
    make.member(world, "ville@example.org", "Ville", network=network)
    coordinator = make.member(world, "paula@example.org", "Paula", coordinates=True, language="en")
    app = create_app(world, explain=partial(explained, bridge))
    return Browser(world, app, {"parvi-language": "en"}).as_member(coordinator)


def paste(desk: Browser, raw: bytes, **more: str) -> str:
    answer = desk.send(PAGE, {"text": raw.decode("utf-8", "surrogateescape"), **more})
    assert answer.status_code == 200
    return answer.text


def upload(desk: Browser, raw: bytes, **more: str) -> str:
    answer = desk.send(PAGE, more, files={"files": ("mail.eml", raw, "message/rfc822")})
    assert answer.status_code == 200
    return answer.text


def count(world: World) -> tuple[list[object], list[Path]]:
    """Rows of every table, and files on the disk."""
    counted: list[object] = [rows(world, f'SELECT count(*) FROM "{name}"') for name in sorted(Table.metadata.tables)]
    kept = world.settings.data / "files"
    return counted, sorted(kept.rglob("*")) if kept.exists() else []


def by_address(world: World, address: str) -> Member:
    with world.database.reading() as db:
        return members.find_member(db, address)


def first_post(world: World) -> int:
    with world.database.reading() as db:
        network = networks.find_network(db, "viestijat")
    anna = by_address(world, "anna@example.org")
    return make.post(world, network, anna, message_id="<first@example.org>").id


def test_only_coordinators_see_it(world: World, desk: Browser) -> None:
    visitor = Browser(world, desk.app, {"parvi-language": "en"})
    assert visitor.look(PAGE).status_code == 401
    assert visitor.send(PAGE, {"text": "From: a@example.org"}).status_code == 401  # NotSignedIn
    member = visitor.as_member(make.member(world, "minna@example.org", "Minna", language="en"))
    for answer in (member.look(PAGE), member.send(PAGE, {"text": "From: a@example.org"})):
        assert answer.status_code == 403
        assert "Only coordinators can use this page." in answer.text  # CoordinatorsOnly
        assert 'name="trusted"' not in answer.text
    assert PAGE not in member.look("/me").text
    assert PAGE in desk.look("/me").text
    assert desk.look(PAGE).status_code == 200


def test_without_a_bridge_there_is_no_such_page(world: World, desk: Browser) -> None:
    alone = replace(desk, app=create_app(world))
    assert alone.look(PAGE).status_code == 404
    assert alone.send(PAGE, {"text": "From: a@example.org"}).status_code == 404
    assert PAGE not in alone.look("/me").text


@pytest.mark.parametrize("text", ["", "  \n\t\n"])
def test_nothing_to_look_at(desk: Browser, text: str) -> None:
    answer = desk.send(PAGE, {"text": text, "to": "viestijat@lists.example.org", "trusted": "yes"})
    assert answer.status_code == 422
    assert 'id="text-refused"><strong>There is no mail to look at.</strong>' in answer.text  # MailMissing
    assert 'value="viestijat@lists.example.org"' in answer.text
    assert "checked" in answer.text


def test_nothing_is_kept(world: World, desk: Browser) -> None:
    before = count(world)
    pdf = mail(text="%PDF", Content_Type="application/pdf; name=muistio.pdf")
    assert PUBLISHED in paste(desk, mail())
    page = upload(desk, pdf)
    assert "muistio.pdf" in page
    assert "1 file, 4 B." in page
    paste(desk, mail(proven=False))
    paste(desk, mail("who@example.com"))
    assert count(world) == before


def test_who_writes_does_not_wait_for_dry_runs(world: World, desk: Browser) -> None:
    """Two of them may take long; another form is answered meanwhile."""
    begun, ended = Semaphore(0), Event()

    def explain(raw: bytes, to: Sequence[str], trusted: bool) -> dict[str, Any]:
        begun.release()
        assert ended.wait(20)
        raise PageNotFound

    app = create_app(world, explain=explain)

    async def send(path: str, form: dict[str, str]) -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=HOME, cookies=desk.cookies) as client:
            return (await client.post(path, data=form)).status_code

    async def all_at_once() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(send, PAGE, {"text": "From: a@b"})
            for _ in range(2):
                await anyio.to_thread.run_sync(begun.acquire)
            with anyio.move_on_after(10):
                assert await send("/language", {"language": "sv"}) == 303
                ended.set()
            assert ended.is_set()

    try:
        anyio.run(all_at_once)
    finally:
        ended.set()


def test_what_is_too_large_is_not_taken(world: World, desk: Browser, bridge: Bridge) -> None:
    small = replace(world, settings=replace(world.settings, max_mail_mb=1))
    app = create_app(small, explain=partial(explained, bridge))
    answer = replace(desk, app=app).send(PAGE, files={"files": ("mail.eml", b"x" * 1_000_001)})
    assert answer.status_code == 413
    assert 'id="files-refused"' in answer.text  # UploadTooLarge


def test_an_answer_says_where_it_lands_and_by_which_sign(world: World, desk: Browser, bridge: Bridge) -> None:
    post = first_post(world)
    raw = mail("ville@example.org", message_id="<2@x>", proven=False)
    page = paste(desk, raw, to=bridge.addresses.reply("viestijat", by_address(world, "ville@example.org").id, post))
    assert "as an answer in “Hiljainen tieto”, in Järjestöviestijät." in page
    assert "Found, and it decides where the mail belongs." in page
    assert f'<a href="/p/{post}">Hiljainen tieto</a>' in page
    assert "1 mail would go out." in page


def test_a_pasted_mail_may_begin_with_blank_lines(desk: Browser) -> None:
    page = paste(desk, b" \n\n\n" + mail())
    assert PUBLISHED in page
    assert "anna@example.org&gt;, a member." in page
    assert "Miten te sen teette?" in page


def test_the_form_keeps_what_was_typed(desk: Browser) -> None:
    page = paste(desk, mail(proven=False, text="</textarea><b>x"), to="viestijat@lists.example.org", trusted="yes")
    assert "&lt;/textarea&gt;&lt;b&gt;x" in page
    assert 'value="viestijat@lists.example.org"' in page
    assert 'value="yes" checked' in page
    assert PUBLISHED in page
    assert "Taken as vouched for, as you have ticked." in page


def test_the_file_goes_before_what_is_pasted(desk: Browser) -> None:
    page = upload(desk, mail(subject="Tiedostosta"), text="Subject: Liitetty\n\nHei")
    assert "<h3>Tiedostosta</h3>" in page


@pytest.mark.parametrize(
    ("raw", "to", "said"),
    [
        (mail(proven=False), "", "It would be held: nothing proves who sent it."),
        (mail("who@example.com"), "", "Its sender would be told: “You are not a member of Järjestöviestijät."),
        (mail("paula@example.org"), "", "Its sender would be told: “You are not a member of Järjestöviestijät."),
        (mail(Auto_Submitted="auto-replied"), "", "No, it is an automatic mail."),
        (mail(X_Parvi_Loop="lists.example.org"), "", "one of our own mails that came back"),
        (mail(), "nobody@lists.example.org", "It would not be taken: nobody gets mail at nobody@lists.example.org."),
        (mail(), "viestijat+owner@lists.example.org", "passed on to the contact persons of Järjestöviestijät."),
        (mail(to="x@elsewhere.example"), "", "The mail names no address of ours"),
        (b"Hei", "", "The mail names no address of ours"),
        (b"Hei", "viestijat@lists.example.org", "The mail does not say."),
    ],
)
def test_what_would_become_of_it(desk: Browser, raw: bytes, to: str, said: str) -> None:
    assert said in paste(desk, raw, to=to)
    assert said in upload(desk, raw, to=to)


def test_a_bounce_is_only_noted(world: World, desk: Browser, bridge: Bridge) -> None:
    raw = (
        b"From: MAILER-DAEMON@mx.example.net\r\nSubject: Undelivered\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mx.example.net\r\n\r\nFinal-Recipient: rfc822; anna@example.org\r\n"
        b"Action: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
    page = upload(desk, raw, to=bridge.addresses.bounce(1))
    assert "It would be noted, and nothing would be published or answered." in page
    assert "could not be delivered (bounce)" in page
    assert '<span lang="en">bounce: bounced: anna@example.org</span>' in page


def test_two_addresses_have_two_outcomes(world: World, desk: Browser) -> None:
    make.network(world, "talous", name="Talous")
    page = paste(desk, mail(to="viestijat@lists.example.org, talous@lists.example.org"))
    assert PUBLISHED in page
    assert "Its sender would be told: “You are not a member of Talous." in page
    assert page.count('<h3 class="at">') == 2


def test_what_is_not_taken_mails_nobody(desk: Browser) -> None:
    page = paste(desk, mail(to="viestijat@lists.example.org, nobody@lists.example.org"))
    assert page.count("1 mail would go out.") == 2  # in all, and at the address that takes it
    assert "0 mails would go out." in paste(desk, mail(), to="nobody@lists.example.org")


def test_bytes_beyond_ascii_come_through(desk: Browser) -> None:
    latin = mail(text="Älä säikähdä", Content_Type="text/plain; charset=iso-8859-1", proven=True)
    assert "Älä säikähdä" in upload(desk, latin.decode().encode("latin-1"))
    assert "Älä säikähdä" in paste(desk, mail(text="Älä säikähdä"))


def test_a_hostile_mail_is_only_text(desk: Browser) -> None:
    evil = "<script>alert(1)</script>"
    raw = (
        f"From: {evil} <anna@example.org>\r\nTo: viestijat@lists.example.org\r\nSubject: {evil}\r\n"
        "Content-Language: <script>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/html\r\n\r\n<p onclick=x()>Hei{evil}<img src=x onerror=y()></p>\r\n"
        f'--b\r\nContent-Type: image/png; name="{evil}.png"\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n'
    ).encode()
    plain = mail(text=f"{evil}\n\n> {evil}\n", subject=evil, Auto_Submitted="auto-replied")
    for page in (upload(desk, raw), paste(desk, raw), upload(desk, plain, to=evil), paste(desk, plain)):
        assert "<script>" not in page
        assert "<p onclick" not in page
        assert "<img" not in page
        assert "Hei" in page or "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("language", "said"),
    [("fi", "Viesti julkaistaisiin uutena keskusteluna"), ("sv", "Meddelandet skulle publiceras som en ny diskussion")],
)
def test_in_the_readers_language(world: World, desk: Browser, language: str, said: str) -> None:
    at_desk = desk.as_member(make.member(world, "eva@example.org", "Eva", coordinates=True, language=language))
    page = paste(at_desk, mail())
    assert said in page
    assert '<span lang="en">posted: it answers nothing that is here</span>' in page


def test_of_what_one_may_not_read_only_the_address_is_told(
    world: World, desk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Coordinators read every network as things are; the page does not count on it."""
    post = first_post(world)
    monkeypatch.setattr("forum.networks.may_read", lambda *_: False)
    monkeypatch.setattr("forum.networks.may_know", lambda *_: False)
    page = paste(desk, mail("ville@example.org", subject="", message_id="<2@x>", in_reply_to="<first@example.org>"))
    assert "as an answer in a discussion of viestijat@lists.example.org" in page
    assert "Hiljainen tieto" not in page
    assert "Järjestöviestijät" not in page
    assert f"/p/{post}" not in page
    assert 'lang="en">posted' not in page
