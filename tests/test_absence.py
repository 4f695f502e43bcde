"""Absence: no mail while someone is away, one digest when they are back, and nothing lost or told twice between the two."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select

from forum import absence, digests, i18n, ledger, members, memberships, outbox, subscriptions, threads
from forum.errors import AbsenceUnclear
from forum.tables import Address, Member, Network, Notice, Outbox, Post
from forum.world import World
from tests import make
from tests.conftest import Clock

JULY = date(2027, 7, 1), date(2027, 7, 31)
BEFORE = datetime(2027, 6, 28, 9, tzinfo=UTC)  # a Monday
DURING = datetime(2027, 7, 14, 9, tzinfo=UTC)
AFTER = datetime(2027, 8, 1, 4, 0, tzinfo=UTC)  # 7:00 in Helsinki, on a Sunday


def owe(world: World) -> None:
    """As the worker does: until nobody is due."""
    looked_at, rounds = 1, 0
    while looked_at:
        with world.database.transaction() as db:
            looked_at = digests.owe_digests(db, world.clock())
        rounds += 1
        assert rounds < 50, "somebody is always due"


def go(world: World, member: Member, first: date = JULY[0], last: date = JULY[1]) -> None:
    with world.database.transaction() as db:
        absence.go_away(db, db.get_one(Member, member.id), first, last, world.clock())


def come_back(world: World, member: Member) -> None:
    with world.database.transaction() as db:
        absence.come_back(db, db.get_one(Member, member.id), world.clock())


def told(world: World, member: Member) -> list[list[int]]:
    """The posts of each of their digests."""
    with world.database.reading() as db:
        kept = select(Notice).where(Notice.kind == "digest", Notice.member_id == member.id).order_by(Notice.id)
        return [notice.facts["posts"] for notice in db.scalars(kept)]


def fates(world: World, member: Member, *posts: Post) -> list[str | None]:
    """What became of the mails they were owed; None where none was."""
    with world.database.reading() as db:
        mailed = [select(Outbox).where(Outbox.post_id == post.id, Outbox.member_id == member.id) for post in posts]
        found = [db.scalar(query) for query in mailed]
    return [(row.outcome or "waiting") if row else None for row in found]


def now_of(world: World, member: Member) -> Member:
    with world.database.reading() as db:
        return db.get_one(Member, member.id)


def choose(world: World, network: Network, member: Member, mode: str) -> None:
    with world.database.transaction() as db:
        memberships.set_mode(db, network, member, mode, world.clock())


def set_for(world: World, post: Post, member: Member, how: Any) -> None:
    with world.database.transaction() as db:
        how(db, threads.find_thread(db, post.thread_id), member, world.clock())


def states(world: World, post: Post) -> dict[str, int]:
    """Without what is zero; each member stands in exactly one."""
    with world.database.reading() as db:
        found = ledger.deliveries(db, db.get_one(Post, post.id))
    assert found.of == found.author + found.each + found.digest + found.muted + found.web
    return {name: getattr(found, name) for name in ("each", "digest", "muted", "web") if getattr(found, name)}


@pytest.fixture
def town(world: World, clock: Clock) -> tuple[Network, Member]:
    """A network and someone who writes in it, on a Monday in June."""
    clock.now = BEFORE
    network = make.network(world)
    return network, make.member(world, network=network)


@pytest.mark.parametrize("mode", ["each", "daily", "weekly", "none"])
def test_whatever_the_mode_nothing_comes_meanwhile_and_all_of_it_afterwards_once(
    world: World, clock: Clock, town: tuple[Network, Member], mode: str
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network, mode=mode)
    go(world, ville)
    before = make.post(world, network, anna)
    clock.now = datetime(2027, 6, 30, 5, tzinfo=UTC)
    owe(world)
    told_before = [[before.id]] if mode == "daily" else []
    assert told(world, ville) == told_before

    missed = []
    for day in (1, 5, 6, 31):  # the 5th is a Monday
        clock.now = datetime(2027, 7, day, 5, tzinfo=UTC)
        missed.append(make.post(world, network, anna))
        owe(world)
        assert told(world, ville) == told_before
        assert now_of(world, ville).away_until
    assert fates(world, ville, *missed) == [None] * 4
    clock.now = AFTER.replace(hour=3, minute=59)
    owe(world)
    assert told(world, ville) == told_before
    clock.now = AFTER
    owe(world)
    expected = [post.id for post in missed]
    if mode == "weekly":
        expected = [before.id, *expected]  # its Monday came while they were away
    assert told(world, ville)[len(told_before) :] == ([expected] if mode != "none" else [])
    assert now_of(world, ville).away_until is None

    later = make.post(world, network, anna)
    for _ in range(8):
        clock.move(days=1)
        owe(world)
    assert fates(world, ville, later) == (["waiting"] if mode == "each" else [None])
    assert told(world, ville)[len(told_before) + (mode != "none") :] == (
        [[later.id]] if mode in ("daily", "weekly") else []
    )


def test_the_absence_begins_and_ends_at_midnight_on_the_members_clock(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    tokyo = make.member(world, "tokyo@example.org", "Tokyo", network=network)
    with world.database.transaction() as db:
        members.set_time_zone(db, db.get_one(Member, tokyo.id), "Asia/Tokyo")
    go(world, tokyo)
    posts: list[Post] = []
    for when in ("2027-06-30T14:59", "2027-06-30T15:00", "2027-07-31T14:59", "2027-07-31T15:00"):
        clock.now = datetime.fromisoformat(when).replace(tzinfo=UTC)
        assert absence.is_away(now_of(world, tokyo), clock()) == (len(posts) in (1, 2))
        posts.append(make.post(world, network, anna))
    assert fates(world, tokyo, *posts) == ["waiting", None, None, "waiting"]
    assert absence.of(now_of(world, tokyo)) == JULY


def test_a_first_day_that_is_past_or_today_means_from_now_on(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    clock.now = DURING
    before = make.post(world, network, anna)
    go(world, ville)
    after = make.post(world, network, anna)
    assert fates(world, ville, before, after) == ["waiting", None]
    assert absence.of(now_of(world, ville)) == (date(2027, 7, 14), JULY[1])
    clock.now = AFTER
    owe(world)
    assert told(world, ville) == [[after.id]]


def test_followed_threads_wait_too_and_muted_and_own_ones_are_not_told(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    web_only = make.member(world, "web@example.org", "Web", network=network, mode="none")
    followed, muted = make.post(world, network, anna), make.post(world, network, anna)
    set_for(world, muted, ville, subscriptions.mute)
    for member in (ville, web_only):
        set_for(world, followed, member, subscriptions.follow)
        go(world, member)
    clock.now = DURING
    missed = make.post(world, network, anna, thread_id=followed.thread_id)
    make.post(world, network, anna, thread_id=muted.thread_id)
    own = make.post(world, network, ville)
    imported = make.post(world, network, anna, came_by="import", mails=False)
    assert fates(world, ville, missed, own, imported) == [None] * 3
    assert fates(world, web_only, missed) == [None]
    clock.now = AFTER
    owe(world)
    assert told(world, ville) == [[missed.id]]
    assert told(world, web_only) == [[missed.id]]


def test_one_mail_covers_all_networks_and_those_that_came_by_mail_before_are_not_told_again(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    second = make.network(world, "talous", name="Talous")
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    with world.database.transaction() as db:
        memberships.join(db, second, anna, clock())
        memberships.join(db, second, ville, clock(), mode="weekly")
    make.post(world, network, anna)
    go(world, ville)
    make.post(world, network, anna)
    clock.now = DURING
    # A mail that was days under way says that it was sent before they left; they have not had it all the same.
    late = make.post(world, network, anna, sent_at=BEFORE, came_by="mail")
    other = make.post(world, second, anna)
    clock.now = AFTER
    owe(world)
    assert told(world, ville) == [[late.id, other.id]]


def test_who_comes_back_early_is_told_at_the_next_hour(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    go(world, ville)
    clock.now = DURING
    missed = make.post(world, network, anna)
    come_back(world, ville)
    assert not absence.is_away(now_of(world, ville), clock())
    assert fates(world, ville, make.post(world, network, anna)) == ["waiting"]
    owe(world)
    assert told(world, ville) == []
    clock.now = datetime(2027, 7, 15, 4, tzinfo=UTC)
    owe(world)
    assert told(world, ville) == [[missed.id]]
    come_back(world, ville)
    clock.move(days=2)
    owe(world)
    assert len(told(world, ville)) == 1
    assert now_of(world, ville).digest_due_at is None


@pytest.mark.parametrize("mode", ["each", "weekly"])
def test_who_does_not_leave_after_all_goes_on_as_before(
    world: World, clock: Clock, town: tuple[Network, Member], mode: str
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network, mode=mode)
    go(world, ville)
    come_back(world, ville)
    post = make.post(world, network, anna)
    for _ in range(6):
        clock.move(days=1)
        owe(world)
    assert told(world, ville) == []
    assert now_of(world, ville).away_until is None
    clock.now = datetime(2027, 7, 5, 4, tzinfo=UTC)
    owe(world)
    assert told(world, ville) == ([[post.id]] if mode == "weekly" else [])
    assert fates(world, ville, post) == (["waiting"] if mode == "each" else [None])


def test_staying_away_longer_loses_nothing(world: World, clock: Clock, town: tuple[Network, Member]) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    go(world, ville)
    clock.now = DURING
    first = make.post(world, network, anna)
    go(world, ville, JULY[0], date(2027, 8, 10))
    assert absence.of(now_of(world, ville)) == (JULY[0], date(2027, 8, 10))
    clock.now = AFTER
    second = make.post(world, network, anna)
    owe(world)
    assert told(world, ville) == []
    clock.now = datetime(2027, 8, 11, 4, tzinfo=UTC)
    owe(world)
    assert told(world, ville) == [[first.id, second.id]]


def test_another_absence_said_while_away_ends_this_one_and_its_digest_comes_first(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    go(world, ville)
    clock.now = DURING
    missed = make.post(world, network, anna)
    go(world, ville, date(2027, 8, 9), date(2027, 8, 13))
    assert fates(world, ville, make.post(world, network, anna)) == ["waiting"]
    clock.move(days=1)
    owe(world)
    assert told(world, ville) == [[missed.id]]
    clock.now = datetime(2027, 8, 10, 9, tzinfo=UTC)
    again = make.post(world, network, anna)
    clock.now = datetime(2027, 8, 14, 4, tzinfo=UTC)
    owe(world)
    assert told(world, ville) == [[missed.id], [again.id]]


@pytest.mark.parametrize(
    ("before", "after"),
    [("each", "daily"), ("daily", "each"), ("each", "weekly"), ("weekly", "daily"), ("daily", "weekly")],
)
def test_a_change_of_mode_while_away_loses_nothing(
    world: World, clock: Clock, town: tuple[Network, Member], before: str, after: str
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network, mode=before)
    go(world, ville)
    clock.now = DURING
    first = make.post(world, network, anna)
    choose(world, network, ville, after)
    second = make.post(world, network, anna)
    for day in range(15, 32):
        clock.now = datetime(2027, 7, day, 5, tzinfo=UTC)
        owe(world)
        assert told(world, ville) == []
    clock.now = AFTER
    owe(world)
    assert told(world, ville) == [[first.id, second.id]]


def test_who_begins_to_want_each_message_while_away_is_told_of_those_from_then_on(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network, mode="none")
    go(world, ville)
    clock.now = DURING
    make.post(world, network, anna)
    choose(world, network, ville, "each")
    wanted = make.post(world, network, anna)
    clock.now = AFTER
    owe(world)
    assert told(world, ville) == [[wanted.id]]


def test_who_has_no_address_when_they_are_back_is_told_once_there_is_one(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    go(world, ville)
    clock.now = DURING
    missed = make.post(world, network, anna)
    with world.database.transaction() as db:
        db.execute(delete(Address).where(Address.member_id == ville.id))
    clock.now = AFTER
    owe(world)
    assert told(world, ville) == []
    with world.database.transaction() as db:
        db.add(Address(member_id=ville.id, address="v@x.fi", folded="v@x.fi", gets_mail=True, confirmed_at=clock()))
    clock.move(days=1)
    owe(world)
    assert told(world, ville) == [[missed.id]]


def test_a_worker_that_stood_still_when_they_came_back_makes_up_for_it(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    go(world, ville)
    clock.now = DURING
    missed = make.post(world, network, anna)
    clock.now = datetime(2027, 8, 4, 20, tzinfo=UTC)
    owe(world)
    assert told(world, ville) == [[missed.id]]


def test_deliveries_count_the_away_as_in_a_digest_now_and_when_they_are_back(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    for mode in ("each", "daily", "none"):
        go(world, make.member(world, f"{mode}@example.org", mode, network=network, mode=mode))
    make.member(world, "here@example.org", "Here", network=network)
    muting = make.member(world, "muting@example.org", "Muting", network=network)
    go(world, muting)
    before = make.post(world, network, anna)
    set_for(world, before, muting, subscriptions.mute)
    clock.now = DURING
    missed = make.post(world, network, anna, thread_id=before.thread_id)
    imported = make.post(world, network, anna, came_by="import", mails=False)
    clock.move(minutes=1)
    make.member(world, "new@example.org", "New", network=network)
    now = {"each": 1, "digest": 2, "muted": 1, "web": 1}
    assert states(world, before) == {"each": 3, "digest": 1, "web": 1}
    assert states(world, missed) == now
    clock.now = AFTER
    owe(world)
    assert states(world, before) == {"each": 3, "digest": 1, "web": 1}
    assert states(world, missed) == now
    assert states(world, imported) == {"web": 5}
    assert states(world, make.post(world, network, anna)) == {"each": 4, "digest": 1, "web": 1}


def test_the_form_does_not_count_who_is_away(world: World, clock: Clock, town: tuple[Network, Member]) -> None:
    network, _ = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    clock.now = DURING
    with world.database.reading() as db:
        assert outbox.count_wanting(db, network.id, clock()) == 2
    go(world, ville)
    with world.database.reading() as db:
        assert outbox.count_wanting(db, network.id, clock()) == 1
        assert outbox.count_wanting(db, network.id, AFTER) == 2


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2027, 6, 1), date(2027, 6, 27)),
        (date(2027, 7, 31), date(2027, 7, 1)),
        (date(2027, 6, 28), date(2028, 6, 28)),
        (date(1, 1, 1), date(2027, 7, 31)),
        (date(9999, 12, 1), date(9999, 12, 31)),
    ],
)
def test_unclear_absences_are_refused_and_change_nothing(
    world: World, town: tuple[Network, Member], first: date, last: date
) -> None:
    _, anna = town
    with pytest.raises(AbsenceUnclear):
        go(world, anna, first, last)
    assert absence.of(now_of(world, anna)) is None


def test_a_whole_year_and_a_single_day_are_accepted(world: World, town: tuple[Network, Member]) -> None:
    _, anna = town
    for first, last in ((date(2027, 6, 28), date(2028, 6, 27)), (date(2027, 6, 28), date(2027, 6, 28))):
        go(world, anna, first, last)
        assert absence.of(now_of(world, anna)) == (first, last)


def test_who_moves_to_another_time_zone_is_away_on_the_same_days(
    world: World, clock: Clock, town: tuple[Network, Member]
) -> None:
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    go(world, ville)
    with world.database.transaction() as db:
        members.set_time_zone(db, db.get_one(Member, ville.id), "America/New_York")
    assert absence.of(now_of(world, ville)) == JULY
    clock.now = DURING
    missed = make.post(world, network, anna)
    clock.now = datetime(2027, 8, 1, 10, 59, tzinfo=UTC)
    owe(world)
    assert told(world, ville) == []
    clock.move(minutes=1)
    owe(world)
    assert told(world, ville) == [[missed.id]]


def test_who_is_back_stays_back_in_another_time_zone(world: World, clock: Clock, town: tuple[Network, Member]) -> None:
    """And who has just left stays away: only whole days move with the clock."""
    network, anna = town
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    kaisa = make.member(world, "kaisa@example.org", "Kaisa", network=network)
    clock.now = DURING
    for who in (ville, kaisa):
        go(world, who)
    come_back(world, ville)
    clock.move(minutes=10)
    with world.database.transaction() as db:
        for who in (ville, kaisa):
            members.set_time_zone(db, db.get_one(Member, who.id), "America/New_York")
    post = make.post(world, network, anna)
    assert fates(world, ville, post) == ["waiting"]
    assert fates(world, kaisa, post) == [None]


def test_the_days_as_each_language_has_them() -> None:
    assert [i18n.days(*JULY, language) for language in ("fi", "sv", "en")] == [
        "1.–31.7.2027", "1–31 juli 2027", "1–31 Jul 2027",
    ]  # fmt: skip
    assert [i18n.day(JULY[1], language) for language in ("fi", "sv", "en")] == [
        "31.7.2027", "31 juli 2027", "31 July 2027",
    ]  # fmt: skip
