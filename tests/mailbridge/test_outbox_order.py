"""What goes first, what goes alone, what waits: codes before copies, what kills its worker by itself, the relay's pace."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from forum.members import Recipient
from forum.notices import owe_notice
from forum.queues import UNWRITTEN
from forum.tables import Network, Outbox, Post
from forum.world import World
from mailbridge import claims
from mailbridge.claims import claim, give_back, recover
from mailbridge.variants import Variants
from mailbridge.watch import Watch
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.test_outgoing import Pigeon, send_all

ANNA = Recipient("anna@example.org", "Anna", "fi")


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world, members=5)


@pytest.fixture
def post(world: World, network: Network) -> Post:
    return make.post(world, network, make.member(world, network=network))


def owe_code(world: World) -> None:
    with world.database.transaction() as db:
        owe_notice(db, ANNA, "code", world.clock(), code="123456", minutes=10)


def limited(world: World, rate: str) -> World:
    return replace(world, settings=replace(world.settings, relay_rate=rate))


def test_who_waits_for_a_code_waits_for_no_fan_out(world: World, clock: Clock, post: Post) -> None:
    clock.move(seconds=1)
    owe_code(world)
    first = claim(world, "us", Watch(), limit=2)
    assert [row.notice_id is not None for row in first] == [True, False]
    assert len(claim(world, "us", Watch())) == 4


def test_what_was_under_way_three_times_when_a_worker_died_goes_alone(world: World, post: Post) -> None:
    for _ in range(claims.SUSPECT):
        assert len(claim(world, "dies", Watch())) == 5
        recover(world, {"dies": []})
    assert [len(claim(world, f"lives {number}", Watch())) for number in range(6)] == [1, 1, 1, 1, 1, 0]


def test_what_kills_its_worker_takes_no_other_along_and_is_set_aside(world: World, clock: Clock, post: Post) -> None:
    with world.database.transaction() as db:
        db.execute(update(Outbox).where(Outbox.id == 2).values(tries=claims.POISON))
    pigeon = Pigeon()
    while send_all(world, pigeon):
        pass
    assert sorted(envelope.key for envelope in pigeon.carried) == [1, 3, 4, 5]
    clock.move(days=30)  # no fault of the mail's: it is kept until the program is mended
    send_all(world, pigeon)
    assert rows(world, "SELECT id, outcome, answer FROM outbox WHERE done_at IS NULL") == [(2, None, UNWRITTEN)]
    assert claims.retry(world) == 1
    send_all(world, pigeon)
    assert [envelope.key for envelope in pigeon.carried][-1] == 2


def test_what_cannot_be_written_keeps_nobody_waiting(
    world: World, clock: Clock, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    pigeon, real = Pigeon(), Variants.of_post

    def broken(self: Variants, post_id: int, to: Recipient) -> object:
        if to.address.startswith("m3@"):
            raise RuntimeError("a fault of ours")
        return real(self, post_id, to)

    monkeypatch.setattr(Variants, "of_post", broken)
    for _ in range(40):
        send_all(world, pigeon)
        clock.move(hours=5)
    assert len(pigeon.carried) == 4
    assert rows(world, "SELECT outcome, answer FROM outbox WHERE done_at IS NULL") == [(None, UNWRITTEN)]


def test_the_relays_pace_is_kept_by_all_workers_together(world: World, clock: Clock, post: Post) -> None:
    slow = limited(world, "3/1h")
    assert len(claim(slow, "one", Watch(), limit=2)) == 2
    assert len(claim(slow, "two", Watch())) == 1
    assert claim(slow, "one", Watch()) == []
    clock.move(minutes=61)
    assert len(claim(slow, "two", Watch())) == 2


def test_what_was_not_sent_after_all_uses_up_no_pace(world: World, clock: Clock, post: Post) -> None:
    world = limited(world, "3/1h")
    owed = claim(world, "us", Watch())
    give_back(world, "us", [owed[0].id])
    assert len(claim(world, "other", Watch())) == 1
    clock.move(hours=1)
    assert len(claim(world, "next", Watch())) == 2
    give_back(world, "us")
    give_back(world, "other")
    assert rows(world, "SELECT used FROM pace") == [(0,)], "what a window before had used is nothing in this one"


def test_a_code_waits_for_no_pace_but_counts(world: World, clock: Clock, post: Post) -> None:
    slow = limited(world, "2/1h")
    assert len(claim(slow, "us", Watch())) == 2
    owe_code(world)
    assert [row.notice_id is not None for row in claim(slow, "us", Watch())] == [True]
    clock.move(minutes=61)
    assert len(claim(slow, "us", Watch())) == 2


def test_a_clock_that_is_put_back_holds_up_nothing(world: World, clock: Clock, post: Post) -> None:
    slow = limited(world, "2/1m")
    assert len(claim(slow, "us", Watch())) == 2
    clock.now -= timedelta(hours=1)
    with world.database.transaction() as db:
        db.execute(update(Outbox).values(due_at=clock.now))
    assert len(claim(slow, "us", Watch())) == 2
