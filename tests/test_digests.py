"""Digests: when one is due, what is in it, and that nobody gets the same twice or too late."""

from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import delete, select

from forum import digests, ledger, members, memberships, subscriptions, threads
from forum.tables import Address, Member, Network, Notice
from forum.world import World
from tests import make
from tests.conftest import Clock, rows

MONDAY, TUESDAY, NEXT_MONDAY = (
    datetime(2026, 11, 23, tzinfo=UTC),
    datetime(2026, 11, 24, tzinfo=UTC),
    datetime(2026, 11, 30, tzinfo=UTC),
)


def owe(world: World) -> None:
    """As the worker does: until nobody is due."""
    looked_at = 1
    while looked_at:
        with world.database.transaction() as db:
            looked_at = digests.owe_digests(db, world.clock(), limit=2)


def owed(world: World) -> list[tuple[int | None, list[int]]]:
    """Who is owed which posts, in the order in which it was promised."""
    with world.database.reading() as db:
        notices = db.scalars(select(Notice).where(Notice.kind == "digest").order_by(Notice.id))
        return [(notice.member_id, notice.facts["posts"]) for notice in notices]


def at(clock: Clock, day: datetime, hour: int, minute: int = 0) -> None:
    clock.now = day.replace(hour=hour, minute=minute)


def choose(world: World, network: Network, member: Member, mode: str) -> None:
    with world.database.transaction() as db:
        memberships.set_mode(db, network, member, mode, world.clock())


def told(world: World, post_thread: int, member: Member, how: Any) -> None:
    with world.database.transaction() as db:
        how(db, threads.find_thread(db, post_thread), member, world.clock())


def two(world: World, mode: str = "daily") -> tuple[Network, Member, Member]:
    """A network, someone who writes in it, and someone who gets digests of it. It is Monday, 8:09 in Helsinki."""
    network = make.network(world)
    anna = make.member(world, network=network)
    return network, anna, make.member(world, "ville@example.org", "Ville", network=network, mode=mode)


def test_a_daily_digest_comes_at_seven_on_the_members_clock(world: World, clock: Clock) -> None:
    network, anna, ville = two(world)
    post = make.post(world, network, anna)
    at(clock, TUESDAY, 4, 59)
    owe(world)
    assert owed(world) == []
    at(clock, TUESDAY, 5)
    owe(world)
    assert owed(world) == [(ville.id, [post.id])]


def test_it_comes_once(world: World, clock: Clock) -> None:
    network, anna, _ = two(world)
    make.post(world, network, anna)
    at(clock, TUESDAY, 6)
    owe(world)
    later = make.post(world, network, anna)
    owe(world)
    assert len(owed(world)) == 1
    clock.move(days=1)
    owe(world)
    assert [ids for _, ids in owed(world)][1:] == [[later.id]]


def test_nothing_new_is_no_mail_and_what_comes_later_waits_for_the_next_morning(world: World, clock: Clock) -> None:
    network, anna, _ = two(world)
    at(clock, TUESDAY, 6)
    owe(world)
    make.post(world, network, anna)
    owe(world)
    assert owed(world) == []
    clock.move(days=1)
    owe(world)
    assert len(owed(world)) == 1


def test_a_weekly_digest_comes_on_mondays(world: World, clock: Clock) -> None:
    network, anna, ville = two(world, "weekly")
    post = make.post(world, network, anna)
    for _ in range(6):
        clock.move(days=1)
        owe(world)
    assert owed(world) == []
    at(clock, NEXT_MONDAY, 5)
    owe(world)
    assert owed(world) == [(ville.id, [post.id])]


def test_a_monday_on_which_nothing_ran_is_made_up_for(world: World, clock: Clock) -> None:
    network, anna, _ = two(world, "weekly")
    post = make.post(world, network, anna)
    at(clock, NEXT_MONDAY, 12)
    clock.move(days=1)
    owe(world)
    again = make.post(world, network, anna)
    for _ in range(6):
        clock.move(days=1)
        owe(world)
    assert [ids for _, ids in owed(world)] == [[post.id], [again.id]]


def test_daily_and_weekly_ones_are_one_mail_on_mondays(world: World, clock: Clock) -> None:
    daily, anna, ville = two(world)
    weekly = make.network(world, "talous", name="Talous")
    with world.database.transaction() as db:
        memberships.join(db, weekly, anna, clock())
        memberships.join(db, weekly, ville, clock(), mode="weekly")
    rare = make.post(world, weekly, anna)
    at(clock, datetime(2026, 11, 29, tzinfo=UTC), 6)
    owe(world)
    assert owed(world) == []
    often = make.post(world, daily, anna)
    at(clock, NEXT_MONDAY, 6)
    owe(world)
    assert owed(world) == [(ville.id, [rare.id, often.id])]


def test_own_posts_muted_threads_and_what_came_by_mail_already_are_left_out(world: World, clock: Clock) -> None:
    network, anna, ville = two(world)
    muted, followed = make.post(world, network, anna), make.post(world, network, anna)
    told(world, muted.thread_id, ville, subscriptions.mute)
    told(world, followed.thread_id, ville, subscriptions.follow)
    make.post(world, network, anna, thread_id=muted.thread_id)
    mailed = make.post(world, network, anna, thread_id=followed.thread_id)
    make.post(world, network, ville)
    at(clock, TUESDAY, 6)
    owe(world)
    assert owed(world) == [(ville.id, [followed.id])]
    assert rows(world, f"SELECT count(*) FROM outbox WHERE post_id = {mailed.id} AND member_id = {ville.id}") == [(1,)]


def test_what_was_left_out_once_is_covered(world: World, clock: Clock) -> None:
    network, anna, ville = two(world)
    muted = make.post(world, network, anna)
    told(world, muted.thread_id, ville, subscriptions.mute)
    at(clock, TUESDAY, 6)
    owe(world)
    told(world, muted.thread_id, ville, lambda db, thread, member, now: subscriptions.clear(db, thread, member))
    clock.move(days=1)
    owe(world)
    assert owed(world) == []
    assert rows(world, f"SELECT digested_id FROM memberships WHERE member_id = {ville.id}") == [(muted.id,)]


def test_who_joins_or_switches_gets_what_is_new_from_then_on(world: World, clock: Clock) -> None:
    network, anna, ville = two(world, "each")
    make.post(world, network, anna)
    choose(world, network, ville, "daily")
    late = make.member(world, "late@example.org", "Late", network=network, mode="daily")
    post = make.post(world, network, anna)
    at(clock, TUESDAY, 6)
    owe(world)
    assert owed(world) == [(ville.id, [post.id]), (late.id, [post.id])]


def test_a_change_of_rhythm_loses_nothing(world: World, clock: Clock) -> None:
    network, anna, ville = two(world)
    post = make.post(world, network, anna)
    choose(world, network, ville, "weekly")
    at(clock, TUESDAY, 6)
    owe(world)
    assert owed(world) == []
    clock.move(days=1)
    choose(world, network, ville, "daily")
    clock.move(days=1)
    owe(world)
    assert owed(world) == [(ville.id, [post.id])]


@pytest.mark.parametrize("mode", ["each", "none"])
def test_others_get_none_and_are_looked_at_no_more(world: World, clock: Clock, mode: str) -> None:
    network, anna, ville = two(world)
    make.post(world, network, anna)
    choose(world, network, ville, mode)
    at(clock, TUESDAY, 6)
    owe(world)
    assert owed(world) == []
    assert rows(world, "SELECT count(*) FROM members WHERE digest_due_at IS NOT NULL") == [(0,)]


def test_an_import_is_in_no_digest(world: World, clock: Clock) -> None:
    network, anna, _ = two(world)
    old = make.post(world, network, anna, came_by="import", mails=False)
    at(clock, TUESDAY, 6)
    owe(world)
    assert owed(world) == []
    with world.database.reading() as db:
        assert (ledger.deliveries(db, old).digest, ledger.deliveries(db, old).web) == (0, 1)


def test_deliveries_say_who_reads_it_in_a_digest(world: World, clock: Clock) -> None:
    network, anna, ville = two(world)
    make.member(world, "weekly@example.org", "Weekly", network=network, mode="weekly")
    post = make.post(world, network, anna)
    told(world, post.thread_id, ville, subscriptions.follow)
    mailed = make.post(world, network, anna, thread_id=post.thread_id)
    at(clock, NEXT_MONDAY, 6)
    owe(world)
    with world.database.reading() as db:
        first, second = ledger.deliveries(db, post), ledger.deliveries(db, mailed)
    assert (first.of, first.author, first.digest, first.each) == (3, 1, 2, 0)
    assert (second.of, second.author, second.digest, second.each) == (3, 1, 1, 1)


def test_each_has_their_own_clock(world: World, clock: Clock) -> None:
    network, anna, ville = two(world)
    oulu = make.member(world, "far@example.org", "Far", network=network, mode="daily")
    with world.database.transaction() as db:
        members.set_time_zone(db, db.get_one(Member, oulu.id), "America/New_York")
    make.post(world, network, anna)
    at(clock, TUESDAY, 6)
    owe(world)
    assert [member for member, _ in owed(world)] == [ville.id]
    at(clock, TUESDAY, 12)
    owe(world)
    assert [member for member, _ in owed(world)] == [ville.id, oulu.id]


@pytest.mark.parametrize(
    ("now", "zone", "modes", "due"),
    [
        ("2026-11-23T04:59", "Europe/Helsinki", {"daily"}, "2026-11-23T05:00"),
        ("2026-11-23T05:00", "Europe/Helsinki", {"daily"}, "2026-11-24T05:00"),
        ("2026-11-23T05:00", "Europe/Helsinki", {"weekly"}, "2026-11-30T05:00"),
        ("2026-11-23T04:59", "Europe/Helsinki", {"weekly", "none"}, "2026-11-23T05:00"),
        ("2026-11-24T09:00", "Europe/Helsinki", {"weekly", "daily"}, "2026-11-25T05:00"),
        ("2026-10-24T05:00", "Europe/Helsinki", {"daily"}, "2026-10-25T05:00"),  # summer time ends in between
        ("2027-03-27T05:00", "Europe/Helsinki", {"daily"}, "2027-03-28T04:00"),  # and begins
        ("2026-11-22T20:00", "Asia/Tokyo", {"weekly"}, "2026-11-22T22:00"),  # Monday already
        ("2026-11-23T05:00", "Europe/Helsinki", {"each", "none"}, None),
    ],
)
def test_the_next_hour(now: str, zone: str, modes: set[str], due: str | None) -> None:
    found = digests.next_hour(datetime.fromisoformat(now).replace(tzinfo=UTC), zone, modes)
    assert found == (due and datetime.fromisoformat(due).replace(tzinfo=UTC))


def test_who_has_no_address_gets_it_once_there_is_one(world: World, clock: Clock) -> None:
    network, anna, ville = two(world)
    post = make.post(world, network, anna)
    with world.database.transaction() as db:
        db.execute(delete(Address).where(Address.member_id == ville.id))
    at(clock, TUESDAY, 6)
    owe(world)
    assert owed(world) == []
    with world.database.transaction() as db:
        db.add(
            Address(
                member_id=ville.id,
                address="v@example.net",
                folded="v@example.net",
                gets_mail=True,
                confirmed_at=clock(),
            )
        )
    clock.move(days=1)
    owe(world)
    assert owed(world) == [(ville.id, [post.id])]


def test_two_workers_at_once_owe_each_member_one(world: World, clock: Clock) -> None:
    network = make.network(world)
    anna = make.member(world, network=network)
    for number in range(12):
        make.member(world, f"d{number}@example.org", f"D {number}", network=network, mode="daily")
    post = make.post(world, network, anna)
    at(clock, TUESDAY, 6)
    workers = [Thread(target=owe, args=(world,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(owed(world)) == [(anna.id + number, [post.id]) for number in range(1, 13)]
    assert rows(world, "SELECT count(*) FROM outbox WHERE notice_id IS NOT NULL") == [(12,)]


def test_a_great_many_are_the_newest_and_how_many_more(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "MOST", 2)
    network, anna, _ = two(world)
    made = [make.post(world, network, anna).id for _ in range(5)]
    at(clock, TUESDAY, 6)
    owe(world)
    with world.database.reading() as db:
        facts = db.scalars(select(Notice.facts)).one()
    assert (facts["posts"], facts["more"]) == (made[-2:], 3)
