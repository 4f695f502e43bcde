"""Claims when clocks jump: nothing is sent twice because a lease seems to have run out, nothing waits for an hour that was."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from forum.tables import Inbox, Member, Network, Outbox, Post
from forum.world import World
from mailbridge import outgoing
from mailbridge.claims import claim, record
from mailbridge.envelope import Answer, Envelope, Note
from mailbridge.incoming import Bridge
from mailbridge.outgoing import Outgoing
from mailbridge.watch import DEAD_S, LOOK_S, Watch, bring_forward
from mailbridge.worker import make_writer
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import mail, put_in

SENT = Answer("sent", "250 2.0.0 Ok")


class Passing:
    """Seconds as they pass, whatever the clock on the wall is put to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world, members=3)


@pytest.fixture
def anna(world: World, network: Network) -> Member:
    return make.member(world, network=network)


@pytest.fixture
def post(world: World, network: Network, anna: Member) -> Post:
    return make.post(world, network, anna)


def test_who_renews_is_alive_however_late_the_clock_says_it_is(world: World, clock: Clock, post: Post) -> None:
    passing, owed = Passing(), claim(world, "slow", Watch())
    other = Watch(passing)
    for _ in range(20):
        clock.move(hours=1)
        assert claim(world, "other", other) == []
        passing.now += LOOK_S
        record(world, "slow", [], [row.id for row in owed])
    assert other.dead == []


def test_who_does_not_renew_for_long_has_died(world: World, clock: Clock, post: Post) -> None:
    passing = Passing()
    claim(world, "dies", Watch())
    other = Watch(passing)
    clock.move(seconds=31)
    for _ in range(int(DEAD_S / LOOK_S)):
        assert claim(world, "other", other) == []
        passing.now += LOOK_S
    assert [row.tries for row in claim(world, "other", other)] == [2, 2, 2]


def test_a_lease_that_has_not_run_out_is_not_looked_at(world: World, post: Post) -> None:
    passing = Passing()
    claim(world, "ahead", Watch())
    other = Watch(passing)
    for _ in range(20):
        assert claim(world, "other", other) == []
        passing.now += LOOK_S


def test_while_the_database_was_away_nobody_could_renew(world: World, clock: Clock, post: Post) -> None:
    passing = Passing()
    claim(world, "sends", Watch())
    other = Watch(passing)
    clock.move(hours=1)
    assert claim(world, "other", other) == []
    passing.now += DEAD_S + LOOK_S
    other.begin_anew()
    assert claim(world, "other", other) == []
    passing.now += DEAD_S
    assert len(claim(world, "other", other)) == 3


class Slow:
    """Carries one at a time, when it is let."""

    def __init__(self) -> None:
        self.carried: list[int] = []
        self.turn = asyncio.Semaphore(0)

    async def deliver(self, envelopes: Sequence[Envelope], note: Note) -> None:
        for envelope in envelopes:
            await self.turn.acquire()
            self.carried.append(envelope.key)
            note(envelope, SENT)

    def stop(self) -> None:
        pass

    async def close(self) -> None:
        pass


def test_a_jump_in_the_midst_of_a_batch_sends_nothing_twice(
    world: World, clock: Clock, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "FLUSH_S", 0.02)
    writer = make_writer(world)

    async def go() -> list[int]:
        first, second = Slow(), Slow()
        for _ in range(50):
            second.turn.release()
        slow, quick = Outgoing(world, writer, first), Outgoing(world, writer, second)
        sending = asyncio.create_task(slow.send_some())
        for jump in (timedelta(hours=1), timedelta(hours=-1), timedelta(hours=2), timedelta()):
            while not rows(world, "SELECT 1 FROM outbox WHERE claim IS NOT NULL"):
                await asyncio.sleep(0.005)
            clock.now += jump
            assert await quick.send_some() == 0
            first.turn.release()
        await sending
        assert await quick.send_some() == 0
        slow.close()
        quick.close()
        return sorted(first.carried + second.carried)

    assert asyncio.run(go()) == [1, 2, 3]
    assert rows(world, "SELECT outcome, tries FROM outbox") == [("sent", 1)] * 3


def test_what_was_never_tried_waits_for_no_hour_that_was_taken_back(
    world: World, clock: Clock, network: Network, anna: Member
) -> None:
    clock.move(hours=1)
    make.post(world, network, anna)
    put_in(Bridge(world), mail())
    clock.move(hours=-1)
    assert claim(world, "worker", Watch()) == []
    with world.database.transaction() as db:
        bring_forward(db, clock())
    assert len(claim(world, "worker", Watch())) == 3
    with world.database.reading() as db:
        assert list(db.scalars(select(Inbox.due_at))) == [clock()]


def test_what_was_put_off_stays_so(world: World, clock: Clock, post: Post) -> None:
    [row, *_] = claim(world, "worker", Watch())
    record(world, "worker", [(row, Answer("deferred", "451 later"))], [])
    with world.database.transaction() as db:
        bring_forward(db, clock())
        assert db.get_one(Outbox, row.id).due_at > clock()
