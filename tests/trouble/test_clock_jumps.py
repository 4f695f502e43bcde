"""The clock jumps an hour forward and back: digests come once, codes and sessions work. Claims: tests/mailbridge/test_watch.py."""

import pytest

from forum import sign_in
from forum.errors import CodeWrong, TooManyCodes
from forum.world import World
from mailbridge.claims import claim
from mailbridge.watch import Watch
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.test_outgoing import LATER, SENT, Pigeon, send_all
from tests.test_digests import TUESDAY, at, owe, owed, two
from tests.test_sign_in import ANNA, ask, enter


def test_a_digest_comes_once_though_its_hour_comes_twice(world: World, clock: Clock) -> None:
    network, anna, ville = two(world)
    first = make.post(world, network, anna)
    at(clock, TUESDAY, 4, 30)
    clock.move(hours=1)
    owe(world)
    second = make.post(world, network, anna)
    clock.move(hours=-1)
    owe(world)
    clock.move(hours=1)
    owe(world)
    assert owed(world) == [(ville.id, [first.id])]
    clock.move(days=1)
    owe(world)
    assert owed(world) == [(ville.id, [first.id]), (ville.id, [second.id])]


def test_what_was_put_off_in_an_hour_that_was_taken_back_goes_out_once(world: World, clock: Clock) -> None:
    network = make.network(world, members=3)
    make.post(world, network, make.member(world, network=network))
    clock.move(hours=1)
    send_all(world, Pigeon(lambda _: LATER))
    clock.move(hours=-1)
    assert claim(world, "early", Watch()) == []
    clock.move(hours=1, minutes=2)
    assert send_all(world, pigeon := Pigeon()) == 3
    assert send_all(world, pigeon) == 0
    assert rows(world, "SELECT outcome, answer, tries FROM outbox") == [("sent", SENT.said, 2)] * 3


def test_the_newest_code_works_whatever_the_clock_said_when_it_was_asked_for(world: World, clock: Clock) -> None:
    make.member(world)
    early = ask(world)
    clock.move(hours=1)
    with pytest.raises(CodeWrong):
        enter(world, early)
    late = ask(world)
    clock.move(hours=-1)
    newest = ask(world)
    with pytest.raises(CodeWrong):
        enter(world, late)
    assert enter(world, newest)


def test_a_session_outlives_a_jump(world: World, clock: Clock) -> None:
    anna = make.member(world)
    with world.database.transaction() as db:
        token = sign_in.open_session(db, anna, clock(), world.random)
    for hours in (1, -2, 1):
        clock.move(hours=hours)
        with world.database.reading() as db:
            found = sign_in.by_session(db, token, clock())
        assert found
        assert found.id == anna.id


def test_a_limit_is_no_tighter_for_long(world: World, clock: Clock) -> None:
    """What was counted in an hour that was taken back counts until it is over: nobody is locked out for ever."""
    make.member(world)
    clock.move(hours=1)
    for _ in range(sign_in.CODES_AN_HOUR):
        ask(world)
    clock.move(hours=-1)
    with pytest.raises(TooManyCodes):
        ask(world)
    clock.move(hours=2, minutes=1)
    assert enter(world, ask(world), ANNA)
