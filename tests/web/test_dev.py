"""The demo's mailboxes and one-click sign-in; and that they are nowhere else."""

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from socket import socket

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from forum.web.app import create_app
from forum.world import World
from tests import make
from tests.web.conftest import Browser

MAIL = b"""From: "Anna Virtanen" <viestijat@lists.example.org>\r
To: ville@example.org\r
Reply-To: viestijat+r.abc@lists.example.org\r
Subject: [viestijat] Hiljainen tieto\r
Message-ID: <1@lists.example.org>\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary=b\r
\r
--b\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
Miten te sen teette, \xc3\xa4iti?\r
--b\r
Content-Type: text/html; charset=utf-8\r
\r
<script>alert(1)</script><p>Miten</p>\r
--b--\r
"""


class Post:
    """Takes what comes by SMTP and keeps it."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        return "250 OK"


@pytest.fixture
def office() -> Iterator[tuple[Post, str]]:
    post = Post()
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    yield post, f"127.0.0.1:{port}"
    controller.stop()


@pytest.fixture
def demo(world: World, office: tuple[Post, str]) -> Browser:
    shown = replace(world, settings=replace(world.settings, demo=True, smtp=office[1]))
    return Browser(shown, create_app(shown), {"parvi-language": "en"})


@pytest.fixture
def mailbox(world: World) -> Path:
    box = Path(world.settings.caught_mail) / "ville@example.org"
    box.mkdir(parents=True)
    (box / "1-1.eml").write_bytes(MAIL)
    return box


def test_it_is_only_in_the_demo(world: World, browser: Browser, mailbox: Path) -> None:
    anna = make.member(world)
    for path in (
        "/dev/mail",
        "/dev/mail/ville@example.org",
        "/dev/mail/ville@example.org/1-1.eml",
        f"/dev/sign-in/{anna.id}",
    ):
        assert browser.look(path).status_code == 404
        assert browser.send(path).status_code == 404


def test_one_click_signs_in_but_looking_does_not(world: World, demo: Browser) -> None:
    anna = make.member(world)
    page = demo.look(f"/dev/sign-in/{anna.id}")
    assert "Sign in as Anna Virtanen" in page.text
    assert "parvi" not in demo.cookies
    assert demo.send(f"/dev/sign-in/{anna.id}").headers["location"] == "/"
    assert demo.look("/me").status_code == 200
    assert demo.look("/dev/sign-in/99").status_code == 404


def test_mailboxes_are_found(demo: Browser, mailbox: Path) -> None:
    assert "ville@example.org" in demo.look("/dev/mail").text
    assert "ville@example.org" in demo.look("/dev/mail?q=VILLE").text
    assert "No mail has been caught" in demo.look("/dev/mail?q=anna").text
    assert "Hiljainen tieto" in demo.look("/dev/mail/ville@example.org").text


def test_a_mail_is_shown_three_ways(demo: Browser, mailbox: Path) -> None:
    path = "/dev/mail/ville@example.org/1-1.eml"
    assert "Miten te sen teette, äiti?" in demo.look(path).text
    assert "Reply-To: viestijat+r.abc@lists.example.org" in demo.look(f"{path}?show=headers").text
    assert f'src="{path}/html"' in demo.look(f"{path}?show=html").text
    html = demo.look(f"{path}/html")
    assert "<p>Miten</p>" in html.text
    assert "sandbox" in html.headers["content-security-policy"]
    assert "script-src" not in html.headers["content-security-policy"]
    assert "default-src 'none'" in html.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["..", "..%2F..", ".ville", "ville@example.org/..%2F..%2Fsecret", "ville@example.org/2.eml"]
)
def test_nothing_else_is_read(demo: Browser, mailbox: Path, path: str) -> None:
    assert demo.look(f"/dev/mail/{path}").status_code == 404


def test_an_answer_is_a_real_reply(demo: Browser, mailbox: Path, office: tuple[Post, str]) -> None:
    answer = demo.send("/dev/mail/ville@example.org/1-1.eml", {"text": "Näin me teemme.\n"})
    assert answer.headers["location"] == "/dev/mail/ville@example.org/1-1.eml?sent=1"
    envelope = office[0].taken[0]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("ville@example.org", ["viestijat+r.abc@lists.example.org"])
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert mail["From"] == "ville@example.org"
    assert mail["Subject"] == "Re: [viestijat] Hiljainen tieto"
    assert (mail["In-Reply-To"], mail["References"]) == ("<1@lists.example.org>", "<1@lists.example.org>")
    assert mail["Authentication-Results"] == "mx.example.org; dmarc=pass header.from=example.org"
    text = mail.get_content().replace("\r\n", "\n")
    assert text.startswith("Näin me teemme.\n\nOn Mon, 23 Nov 2026 at ")
    assert "wrote:\n\n> Miten te sen teette, äiti?" in text


def test_a_new_mail(world: World, demo: Browser, mailbox: Path, office: tuple[Post, str]) -> None:
    form = {"to": "viestijat@lists.example.org", "subject": "Uusi\r\nBcc: x@example.org", "text": "Hei"}
    assert demo.send("/dev/mail/ville@example.org", form).headers["location"].endswith("?sent=1")
    envelope = office[0].taken[0]
    assert envelope.rcpt_tos == ["viestijat@lists.example.org"]
    assert isinstance(envelope.content, bytes)
    assert b"\nBcc" not in envelope.content
    assert demo.send("/dev/mail/ville@example.org", form | {"text": ""}).status_code == 422
    refused = demo.send("/dev/mail/ville@example.org", form | {"to": "nowhere"})
    assert "is not an e-mail address" in refused.text
    assert "Hei</textarea>" in refused.text


def test_a_door_that_is_closed(world: World, mailbox: Path) -> None:
    shut = replace(world, settings=replace(world.settings, demo=True, smtp="127.0.0.1:1"))
    demo = Browser(shut, create_app(shut), {"parvi-language": "en"})
    answer = demo.send("/dev/mail/ville@example.org/1-1.eml", {"text": "Hei"})
    assert answer.status_code == 422
    assert "The mail was not taken" in answer.text  # MailNotTaken
    assert "Hei</textarea>" in answer.text
