"""The daily cap: how many copies a member is owed within 24 hours, and that the rest comes in one digest."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from forum import absence, digests, ledger, members, memberships, outbox, subscriptions, threads
from forum.tables import Address, Member, Network, Notice, Outbox, Post
from forum.world import World
from tests import make
from tests.conftest import Clock, rows

CAP = 3
TUESDAY = datetime(2026, 11, 24, 5, tzinfo=UTC)  # 7:00 in Helsinki


@pytest.fixture
def world(world: World) -> World:
    return replace(world, settings=replace(world.settings, daily_cap=CAP))


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world)


@pytest.fixture
def anna(world: World, network: Network) -> Member:
    return make.member(world, network=network)


@pytest.fixture
def ville(world: World, network: Network, anna: Member) -> Member:
    return make.member(world, "ville@example.org", "Ville", network=network)


def write(world: World, network: Network, author: Member, times: int) -> list[int]:
    return [make.post(world, network, author).id for _ in range(times)]


def mailed(world: World, member: Member) -> list[object]:
    """Of which posts they are owed a mail of their own."""
    waits = "SELECT post_id FROM outbox WHERE outcome IS NULL AND notice_id IS NULL"
    return [row[0] for row in rows(world, f"{waits} AND member_id = {member.id} ORDER BY post_id")]


def outcomes(world: World, member: Member) -> list[object]:
    return [row[0] for row in rows(world, f"SELECT outcome FROM outbox WHERE member_id = {member.id} ORDER BY post_id")]


def digests_of(world: World) -> list[Notice]:
    """What is owed once everybody whose hour has come has been looked at."""
    looked_at = 1
    while looked_at:
        with world.database.transaction() as db:
            looked_at = digests.owe_digests(db, world.clock(), limit=2)
    with world.database.reading() as db:
        return list(db.scalars(select(Notice).where(Notice.kind == "digest").order_by(Notice.id)))


def told(world: World) -> list[tuple[int | None, list[int]]]:
    return [(notice.member_id, notice.facts["posts"]) for notice in digests_of(world)]


def test_what_comes_beyond_it_comes_in_the_next_mornings_digest_and_only_once(
    world: World, clock: Clock, network: Network, anna: Member, ville: Member
) -> None:
    posts = write(world, network, anna, 5)
    assert mailed(world, ville) == posts[:CAP]
    assert digests_of(world) == []
    clock.now = TUESDAY
    [notice] = digests_of(world)
    assert (notice.member_id, notice.facts["posts"], notice.facts["is_over_cap"]) == (ville.id, posts[CAP:], True)
    clock.move(days=1)
    assert len(digests_of(world)) == 1
    assert rows(world, "SELECT count(*) FROM members WHERE digest_due_at IS NOT NULL") == [(0,)]


def test_the_ledger_and_the_queue_know_it(
    world: World, clock: Clock, network: Network, anna: Member, ville: Member
) -> None:
    last = write(world, network, anna, 4)[-1]
    with world.database.reading() as db:
        assert outbox.mailed_to(db, [last, last - 1]) == {last - 1: 1}
    for day in (clock.now, TUESDAY):  # before the digest and after it
        clock.now = day
        digests_of(world)
        with world.database.reading() as db:
            found = ledger.deliveries(db, db.get_one(Post, last))
            assert (found.of, found.digest, found.each, found.author) == (2, 1, 0, 1)


def test_the_day_is_the_last_24_hours(
    world: World, clock: Clock, network: Network, anna: Member, ville: Member
) -> None:
    first = write(world, network, anna, 1)
    clock.move(hours=20)
    second = write(world, network, anna, 3)
    assert mailed(world, ville) == first + second[:2]
    clock.move(hours=4)
    third = write(world, network, anna, 2)
    assert mailed(world, ville) == first + second[:2] + third[:1]


def test_all_networks_count_together(world: World, clock: Clock, network: Network, anna: Member, ville: Member) -> None:
    other = make.network(world, "talous", name="Talous")
    with world.database.transaction() as db:
        for member in (anna, ville):
            memberships.join(db, other, member, clock())
    posts = write(world, network, anna, 2) + write(world, other, anna, 2)
    assert mailed(world, ville) == posts[:CAP]


def test_only_who_has_reached_it_is_spared(
    world: World, network: Network, anna: Member, ville: Member, clock: Clock
) -> None:
    posts = write(world, network, anna, 2) + write(world, network, ville, 2)
    late = make.member(world, "late@example.org", "Late", network=network)
    posts += write(world, network, anna, 2)
    assert mailed(world, ville) == posts[:2] + posts[4:5]
    assert mailed(world, late) == posts[4:]


def test_without_a_cap_everything_is_a_mail(world: World, network: Network, anna: Member, ville: Member) -> None:
    none = replace(world, settings=replace(world.settings, daily_cap=0))
    posts = write(none, network, anna, 5)
    assert mailed(world, ville) == posts
    write(world, network, anna, 1)
    posts += write(none, network, anna, 1)  # and where one is lifted, those it had caught are free
    assert mailed(world, ville) == posts


def test_another_cap_holds_at_once(world: World, clock: Clock, network: Network, anna: Member, ville: Member) -> None:
    lower = replace(world, settings=replace(world.settings, daily_cap=1))
    posts = write(world, network, anna, 2) + write(lower, network, anna, 1)
    assert mailed(world, ville) == posts[:2]
    clock.move(days=1)
    more = write(world, network, anna, 4)
    assert mailed(world, ville) == posts[:2] + more[:CAP]


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_a_naive_count_says(world: World, clock: Clock, seed: int) -> None:
    """Random posts in three networks that share members."""
    chance, mails = random.Random(seed), defaultdict[int, list[datetime]](list)
    networks = [make.network(world, f"n{number}", name=f"N{number}") for number in range(3)]
    people = [make.member(world, f"p{number}@example.org", f"P {number}") for number in range(5)]
    homes = {here.id: [who for who in people if chance.random() < 0.6] or people for here in networks}
    with world.database.transaction() as db:
        for here in networks:
            for who in homes[here.id]:
                memberships.join(db, here, who, clock(), mode=chance.choice(["each", "each", "each", "none"]))
    wanting = {tuple(row) for row in rows(world, "SELECT network_id, member_id FROM memberships WHERE mode = 'each'")}
    for _ in range(60):
        clock.move(minutes=chance.choice([0, 1, 30, 300, 1440]))
        here = chance.choice(networks)
        author = chance.choice(homes[here.id])
        post = make.post(world, here, author)
        owed, expected = rows(world, f"SELECT member_id, outcome FROM outbox WHERE post_id = {post.id}"), []
        for who in homes[here.id]:
            if who.id != author.id and (here.id, who.id) in wanting:
                lately = [at for at in mails[who.id] if at > clock() - timedelta(days=1)]
                expected.append((who.id, None if len(lately) < CAP else "digest"))
                if len(lately) < CAP:
                    mails[who.id].append(clock())
        assert sorted(owed, key=str) == sorted(expected, key=str)


def test_nobody_is_counted_before_they_can_have_reached_it(
    world: World, clock: Clock, network: Network, anna: Member, ville: Member
) -> None:
    """What the network has noted: the post since which there have been as many as anybody was owed; until when one is full."""
    ten = replace(world, settings=replace(world.settings, daily_cap=10))
    noted = "SELECT copies_since_id, full_until IS NOT NULL FROM networks"
    write(ten, network, anna, 5)
    write(ten, network, ville, 4)
    assert rows(world, noted) == [(0, False)]
    write(ten, network, ville, 1)  # the tenth: Ville had been owed five copies, Anna four
    assert rows(world, noted) == [(5, False)]
    write(ten, network, ville, 4)
    assert rows(world, noted) == [(5, False)]
    write(ten, network, ville, 1)  # the fifteenth: Anna had been owed nine, Ville still five
    assert rows(world, noted) == [(6, False)]
    write(ten, network, ville, 1)  # now Anna is full, and only Ville counts
    assert rows(world, noted) == [(10, True)]


def test_a_weekly_reader_does_not_wait_for_monday(
    world: World, clock: Clock, network: Network, anna: Member, ville: Member
) -> None:
    other = make.network(world, "talous", name="Talous")
    with world.database.transaction() as db:
        memberships.join(db, other, anna, clock())
        memberships.join(db, other, ville, clock(), mode="weekly")
    weekly = write(world, other, anna, 1)
    posts = write(world, network, anna, 4)
    assert told(world) == []
    clock.now = TUESDAY
    assert told(world) == [(ville.id, posts[CAP:])]
    clock.now = datetime(2026, 11, 30, 5, tzinfo=UTC)
    assert told(world)[1:] == [(ville.id, weekly)]


def test_it_comes_with_the_digest_they_get_anyway_by_post(
    world: World, clock: Clock, network: Network, anna: Member, ville: Member
) -> None:
    other = make.network(world, "talous", name="Talous")
    with world.database.transaction() as db:
        memberships.join(db, other, anna, clock())
        memberships.join(db, other, ville, clock(), mode="daily")
    posts = write(world, network, anna, 4) + write(world, other, anna, 1) + write(world, network, anna, 1)
    clock.now = TUESDAY
    assert told(world) == [(ville.id, posts[3:])]


def test_each_on_their_own_clock(world: World, clock: Clock, network: Network, anna: Member, ville: Member) -> None:
    with world.database.transaction() as db:
        members.set_time_zone(db, db.get_one(Member, ville.id), "America/New_York")
    posts = write(world, network, anna, 4)
    clock.now = TUESDAY  # the worker had stood still; in New York it is midnight, and Monday's 7:00 was yesterday
    assert told(world) == [(ville.id, posts[3:])]


@pytest.mark.parametrize(
    ("change", "becomes"), [("leave", "left"), ("mute", "muted"), ("none", "web"), ("follow", "digested")]
)
def test_who_wants_no_more_of_it_by_then_is_not_told(
    world: World, clock: Clock, network: Network, anna: Member, ville: Member, change: str, becomes: str
) -> None:
    write(world, network, anna, 3)
    last = make.post(world, network, anna)
    with world.database.transaction() as db:
        thread = threads.find_thread(db, last.thread_id)
        if change == "leave":
            memberships.leave(db, network, ville, clock())
        elif change == "mute":
            subscriptions.mute(db, thread, ville, clock())
        else:
            memberships.set_mode(db, network, ville, "none", clock())
        if change == "follow":
            subscriptions.follow(db, thread, ville, clock())
    clock.now = TUESDAY
    assert len(digests_of(world)) == (becomes == "digested")
    assert outcomes(world, ville)[-1] == becomes
    with world.database.reading() as db:
        line = ledger.line_of(db, db.get_one(Post, last.id), ville.id)
    assert line is not None
    assert line.why == {"digested": "flood"}.get(becomes, becomes)


def test_who_is_away_gets_it_when_they_are_back(
    world: World, clock: Clock, network: Network, anna: Member, ville: Member
) -> None:
    posts = write(world, network, anna, 4)
    with world.database.transaction() as db:
        gone = clock.now.date()
        absence.go_away(db, db.get_one(Member, ville.id), gone, gone + timedelta(days=1), clock())
    posts += write(world, network, anna, 1)
    clock.now = TUESDAY
    assert told(world) == []
    clock.move(days=1)
    assert told(world) == [(ville.id, posts[CAP:])]


def test_who_cannot_be_reached_gets_it_once_they_can(
    world: World, clock: Clock, network: Network, anna: Member, ville: Member
) -> None:
    posts = write(world, network, anna, 4)
    paused = update(Address).where(Address.member_id == ville.id)
    with world.database.transaction() as db:
        db.execute(paused.values(paused_at=clock()))
    clock.now = TUESDAY
    assert told(world) == []
    with world.database.transaction() as db:
        db.execute(paused.values(paused_at=None))
    clock.move(days=1)
    assert told(world) == [(ville.id, posts[CAP:])]


def test_what_is_put_off_is_settled_and_never_claimed(
    world: World, network: Network, anna: Member, ville: Member
) -> None:
    write(world, network, anna, 4)
    with world.database.reading() as db:
        put_off = db.scalars(select(Outbox).where(Outbox.outcome == "digest")).one()
        assert (put_off.done_at, put_off.tries) == (world.clock(), 0)
        assert len(db.scalars(select(Outbox.id).where(Outbox.done_at.is_(None))).all()) == CAP
