"""Links in mails: stopping a network's mail, “was this you?”."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from forum.tables import Inbox, Mail
from forum.web.app import create_app
from forum.world import World
from tests import make
from tests.conftest import rows
from tests.web.conftest import Browser


def test_stopping_the_mail_asks_first(world: World, browser: Browser) -> None:
    network = make.network(world)
    anna = make.member(world, network=network, language="sv")
    path = f"/u/{world.tokens.make('unsubscribe', network.id, anna.id)}"
    page = browser.look(path)
    assert "Ska e-posten stoppas?" in page.text, "in the member's language, not the browser's"
    assert rows(world, "SELECT mode FROM memberships") == [("each",)]
    for _ in range(2):
        assert "E-posten har stoppats" in browser.send(path).text
    assert rows(world, "SELECT mode FROM memberships") == [("none",)]


def test_a_mail_program_presses_the_button_from_anywhere(world: World, browser: Browser) -> None:
    network = make.network(world)
    anna = make.member(world, network=network)
    path = f"/u/{world.tokens.make('unsubscribe', network.id, anna.id)}"
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"}
    assert browser.send(path, {"List-Unsubscribe": "One-Click"}, headers=headers).status_code == 200
    assert rows(world, "SELECT mode FROM memberships") == [("none",)]


def test_who_has_left_already_is_told_so(world: World, browser: Browser) -> None:
    network, anna = make.network(world), make.member(world, language="en")
    path = f"/u/{world.tokens.make('unsubscribe', network.id, anna.id)}"
    assert "The mail has been stopped" in browser.look(path).text
    assert browser.send(path).status_code == 200


@pytest.mark.parametrize("purpose", ["unsubscribe", "held", "reply"])
def test_links_that_are_not_ours(world: World, browser: Browser, purpose: str) -> None:
    for path in ("/u/", "/held/"):
        for token in ("abc", world.tokens.make(purpose, 77, 88, 99)):
            for answer in (browser.look(path + token), browser.send(path + token)):
                assert answer.status_code == 404
                assert "This link is not valid." in answer.text  # LinkNotValid


def held(world: World, raw: bytes, member_id: int | None = None, asked_address: str | None = None) -> int:
    with world.database.transaction() as db:
        mail = Mail(received_at=world.clock(), envelope_from="anna@example.org", peer="1.2.3.4", raw=raw)
        db.add(mail)
        db.flush()
        row = Inbox(
            mail_id=mail.id,
            recipient="viestijat@lists.example.org",
            due_at=world.clock(),
            fate="held",
            member_id=member_id,
            asked_address=asked_address,
        )
        db.add(row)
        db.flush()
        return row.id


def test_was_this_you(world: World, browser: Browser) -> None:
    inbox_id = held(world, b"From: anna@example.org\r\nSubject: =?utf-8?q?Hiljainen_tiet=C3=B6?=\r\n\r\nHei")

    def confirm(confirmed: int) -> None:
        with world.database.transaction() as db:
            db.execute(update(Inbox).where(Inbox.id == confirmed).values(fate="posted"))

    asked = Browser(world, create_app(world, confirm), browser.cookies)
    path = f"/held/{world.tokens.make('held', inbox_id)}"
    page = asked.look(path)
    assert "Was this you?" in page.text
    assert "Hiljainen tietö" in page.text
    assert rows(world, "SELECT fate FROM inbox") == [("held",)]
    assert asked.send(path).headers["location"] == path
    assert rows(world, "SELECT fate FROM inbox") == [("posted",)]
    assert "no longer waits" in asked.look(path).text


@pytest.mark.parametrize(
    "subject", [b"", b"Subject: <b>x</b>\r\n", b"Subject: =?nope?q?=FF?=\r\n", b"Subject: \xff\r\n x\r\n"]
)
def test_whatever_the_subject_is(world: World, browser: Browser, subject: bytes) -> None:
    inbox_id = held(world, subject + b"\r\nHei")
    page = browser.look(f"/held/{world.tokens.make('held', inbox_id)}")
    assert page.status_code == 200
    assert "<b>x" not in page.text


def test_without_a_bridge_nothing_can_be_confirmed(world: World, browser: Browser) -> None:
    alone = replace(browser, app=create_app(world))
    assert alone.send(f"/held/{world.tokens.make('held', held(world, b''))}").status_code == 404


def test_whoever_is_asked_for_an_address_reads_what_a_yes_means(world: World, browser: Browser) -> None:
    anna = make.member(world)
    raw = b"From: a@x, shown@evil.example\r\nSubject: Kotoa\r\n\r\nHei\r\n"
    inbox_id = held(world, raw, anna.id, "anna@home.example")
    page = browser.look(f"/held/{world.tokens.make('held', inbox_id)}").text
    assert "Is this address yours?" in page
    assert "anna@home.example" in page
    assert "evil.example" not in page
    assert "still comes to anna@example.org" in page
