"""The health page: 200 while mail moves, 503 and a sentence when it does not."""

import pytest

from forum import VERSION, health
from forum.health import Disk
from forum.tables import Inbox, Mail
from forum.world import World
from tests import make
from tests.conftest import Clock
from tests.web.conftest import Browser


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the disk of whoever runs the tests."""
    monkeypatch.setattr(health, "room_in", lambda folder: Disk(100 * 10**9, 50 * 10**9))


def receive(world: World, fate: str | None) -> None:
    with world.database.transaction() as db:
        mail = Mail(received_at=world.clock(), envelope_from="a@example.org", peer="", raw=b"")
        db.add(mail)
        db.flush()
        db.add(Inbox(mail_id=mail.id, recipient="viestijat@lists.example.org", due_at=world.clock(), fate=fate))


def test_all_is_well(browser: Browser) -> None:
    answer = browser.look("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "ok": True,
        "version": VERSION,
        "wrong": [],
        "inbox": {"waiting": 0, "oldest_s": 0, "failed": 0},
        "outbox": {"waiting": 0, "oldest_s": 0, "deferred": 0},
        "last_in": None,
        "last_out": None,
    }


def test_mail_that_waits_too_long(world: World, browser: Browser, clock: Clock) -> None:
    network = make.network(world, members=2)
    make.post(world, network, make.member(world, network=network))
    receive(world, None)
    clock.move(minutes=9)
    assert browser.look("/health").status_code == 200
    clock.move(minutes=2)
    answer = browser.look("/health")
    assert answer.status_code == 503
    told = answer.json()
    assert (told["inbox"]["waiting"], told["inbox"]["oldest_s"]) == (1, 660)
    assert (told["outbox"]["waiting"], told["outbox"]["oldest_s"]) == (2, 660)
    assert len(told["wrong"]) == 2


def test_mail_that_failed(world: World, browser: Browser) -> None:
    receive(world, "failed")
    answer = browser.look("/health")
    assert answer.status_code == 503
    assert answer.json()["inbox"]["failed"] == 1
    assert answer.json()["last_in"] == "2026-11-23T06:09:00+00:00"
