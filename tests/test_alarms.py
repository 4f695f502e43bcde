"""What the operator is told: once a day of each kind, and once when it is over; in their own language."""

import logging
from dataclasses import replace

import pytest
from sqlalchemy import update

from forum import alarms, health, i18n, tallies
from forum.alarms import ABOUT, tell_operator
from forum.health import Disk
from forum.tables import Inbox, Outbox
from forum.world import World
from mailbridge import incoming
from mailbridge.due import LONG_DUE
from mailbridge.incoming import Bridge
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import bring, mail, owed_notices, put_in


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the disk of whoever runs the tests."""
    monkeypatch.setattr(health, "room_in", lambda folder: Disk(100 * 10**9, 50 * 10**9))


@pytest.fixture
def operated(world: World) -> World:
    return replace(world, settings=replace(world.settings, operator="op@example.net"))


def minutes_pass(world: World, clock: Clock, minutes: int) -> None:
    """What goes out goes out meanwhile."""
    for _ in range(minutes):
        clock.move(minutes=1)
        with world.database.transaction() as db:
            db.execute(update(Outbox).values(done_at=clock(), outcome="sent"))
            tallies.count(db, {tallies.SENT: 1}, clock())
        tell_operator(world)


def told(world: World) -> list[tuple[str, str]]:
    return [(notice.kind, notice.facts["what"]) for notice in owed_notices(world)]


def settle(world: World, fate: str | None) -> None:
    with world.database.transaction() as db:
        db.execute(update(Inbox).values(fate=fate))


def test_while_all_is_well_nothing_is_written(operated: World, clock: Clock) -> None:
    minutes_pass(operated, clock, 3)
    assert told(operated) == []
    assert rows(operated, "SELECT * FROM alarms") == []


def test_mail_that_waits_is_told_once_a_day_and_once_when_it_moves(operated: World, clock: Clock) -> None:
    put_in(Bridge(operated), mail())
    minutes_pass(operated, clock, 10)
    assert told(operated) == []
    minutes_pass(operated, clock, 15)
    assert told(operated) == [("alarm", "inbox")]
    clock.move(hours=24)
    minutes_pass(operated, clock, 2)
    assert told(operated) == [("alarm", "inbox")] * 2
    settle(operated, "posted")
    minutes_pass(operated, clock, 9)
    assert len(told(operated)) == 2, "it may come back"
    minutes_pass(operated, clock, 5)
    assert told(operated)[2:] == [("well_again", "inbox")]


def test_what_comes_and_goes_is_told_once(operated: World, clock: Clock) -> None:
    put_in(Bridge(operated), mail())
    clock.move(minutes=11)
    for fate in ("failed", "posted") * 20:
        settle(operated, fate)
        minutes_pass(operated, clock, 4)
    assert told(operated) == [("alarm", "failed")]
    minutes_pass(operated, clock, 10)
    settle(operated, "failed")
    minutes_pass(operated, clock, 30)
    assert told(operated) == [("alarm", "failed"), ("well_again", "failed")], "a second one a day would be too many"
    clock.move(hours=24)
    minutes_pass(operated, clock, 1)
    assert told(operated)[2:] == [("alarm", "failed")]


def test_kinds_do_not_keep_each_other_silent(
    operated: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make.member(operated, network=make.network(operated))
    monkeypatch.setattr(health, "room_in", lambda folder: Disk(100 * 10**9, 10**9))
    minutes_pass(operated, clock, 1)
    monkeypatch.setattr(incoming, "decide", None)
    with caplog.at_level(logging.CRITICAL):
        bring(Bridge(operated), mail())
    minutes_pass(operated, clock, 1)
    assert told(operated) == [("alarm", "disk"), ("alarm", "failed")]


def test_the_operator_is_told_in_their_own_language(operated: World, clock: Clock) -> None:
    make.member(operated, "op@example.net", "Olga", language="sv")
    put_in(Bridge(operated), mail())
    clock.move(minutes=12)
    tell_operator(operated)
    [notice] = owed_notices(operated)
    assert (notice.address, notice.language) == ("op@example.net", "sv")
    assert notice.facts["sentence"] == "Inkommande post har väntat i 12 minuter."
    assert notice.facts["about"] == "inkommande post väntar"


def test_without_an_operator_nobody_is_told(world: World, clock: Clock) -> None:
    put_in(Bridge(world), mail())
    minutes_pass(world, clock, 12)
    assert told(world) == []


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_every_kind_has_its_words(language: str) -> None:
    said = i18n.translations(language).gettext
    assert [words for words in ABOUT.values() if said(words) == words] == []


def test_the_worker_looks_every_minute() -> None:
    assert (alarms.EVERY, tell_operator) in LONG_DUE
