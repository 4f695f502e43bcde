"""What is going on across a member's networks."""

import pytest

from forum import memberships, moving, posts, threads
from forum.tables import Member, Network
from forum.world import World
from tests import make
from tests.conftest import Clock


@pytest.fixture
def talk(world: World, clock: Clock) -> Member:
    """Anna's two networks, a lively and a quiet one, and one that is not hers; a discussion a minute, "a0" the oldest."""
    lively, quiet, other = (make.network(world, slug) for slug in ("lively", "quiet", "other"))
    anna, ville = make.member(world, network=lively), make.member(world, "ville@example.org", "Ville", network=other)
    with world.database.transaction() as db:
        memberships.join(db, quiet, anna, clock())
    turns: list[tuple[Network, Member, str]] = [(lively, anna, f"a{n}") for n in range(6)]
    turns[1:1] = [(quiet, anna, "q")]
    for network, author, subject in [*turns, (other, ville, "not hers")]:
        clock.move(minutes=1)
        make.post(world, network, author, subject=subject)
    return anna


def subjects(world: World, member: Member, limit: int) -> list[str]:
    with world.database.reading() as db:
        return [row.subject for row in threads.lately(db, member, limit)]


@pytest.mark.parametrize("limit", [1, 3, 6, 7, 30])
def test_the_latest_of_all_her_networks_however_many_each_has(world: World, talk: Member, limit: int) -> None:
    assert subjects(world, talk, limit) == ["a5", "a4", "a3", "a2", "a1", "q", "a0"][:limit]


def test_a_discussion_that_has_moved_takes_no_place(world: World, talk: Member) -> None:
    with world.database.transaction() as db:
        [moved, there] = threads.lately(db, talk, 2)
        first = posts.whole_thread(db, moved.id)[0]
        coordinator = db.get_one(Member, talk.id)
        coordinator.coordinates = True
        moving.move_to(db, posts.find_post(db, first.id), there.id, coordinator)
    assert subjects(world, talk, 3) == ["a4", "a3", "a2"]


def test_an_answer_brings_a_quiet_networks_discussion_up(world: World, clock: Clock, talk: Member) -> None:
    with world.database.reading() as db:
        quiet = next(row for row in threads.lately(db, talk) if row.subject == "q")
        network = db.get_one(Network, threads.find_thread(db, quiet.id).network_id)
    make.post(world, network, talk, thread_id=quiet.id)
    assert subjects(world, talk, 2) == ["q", "a5"]
