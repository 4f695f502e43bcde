"""Moving posts: order, counts, permission, and links that lead on."""

from datetime import timedelta
from typing import Any

import pytest

from forum import moving, subscriptions, threads
from forum.errors import MayNotMove, SubjectMissing, ThreadNotFound
from forum.tables import Member, Network, Post
from forum.world import World
from tests import make
from tests.conftest import Clock, rows


def talk(world: World, clock: Clock, count: int = 4) -> tuple[Network, Member, list[Post]]:
    """A thread in which each post answers the one before."""
    network = make.network(world)
    anna = make.member(world, network=network)
    said: list[Post] = []
    for number in range(count):
        clock.move(minutes=10)
        more: dict[str, Any] = {"thread_id": said[-1].thread_id, "parent_id": said[-1].id} if said else {}
        said.append(make.post(world, network, anna, text=f"Viesti {number + 1}", **more))
    return network, anna, said


def numbers(world: World, thread_id: int) -> list[tuple[object, ...]]:
    return rows(world, f"SELECT number, text FROM posts WHERE thread_id = {thread_id} ORDER BY number")


def test_a_post_moves_out_with_what_answers_it(world: World, clock: Clock) -> None:
    _, anna, said = talk(world, clock)
    with world.database.transaction() as db:
        made = moving.move_out(db, db.get_one(Post, said[2].id), "Toinen asia", anna)
    assert numbers(world, made.id) == [(1, "Viesti 3"), (2, "Viesti 4")]
    assert numbers(world, said[0].thread_id) == [(1, "Viesti 1"), (2, "Viesti 2")]
    assert rows(world, "SELECT posts FROM threads ORDER BY id") == [(2,), (2,)]


def test_a_post_finds_its_place_in_time(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 3)
    early = make.post(
        world, network, anna, subject="Harhautunut", text="Väliin", sent_at=said[0].sent_at + timedelta(minutes=1)
    )
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, early.id), said[0].thread_id, anna)
    assert numbers(world, said[0].thread_id) == [(1, "Viesti 1"), (2, "Väliin"), (3, "Viesti 2"), (4, "Viesti 3")]
    with world.database.reading() as db:
        left = threads.find_thread(db, early.thread_id)
        assert (left.posts, moving.now_at(db, left).id) == (0, said[0].thread_id)


def test_an_empty_thread_leads_on_however_often_it_moves(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 1)
    second, third = (make.post(world, network, anna, subject=subject) for subject in ("Toka", "Kolmas"))
    for post_id, to in ((said[0].id, second.thread_id), (second.id, third.thread_id)):
        with world.database.transaction() as db:
            moving.move_to(db, db.get_one(Post, post_id), to, anna)
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, said[0].id), third.thread_id, anna)
    with world.database.reading() as db:
        assert moving.now_at(db, threads.find_thread(db, said[0].thread_id)).id == third.thread_id


def test_followers_come_along(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 1)
    other = make.post(world, network, anna, subject="Toka")
    with world.database.transaction() as db:
        subscriptions.mute(db, threads.find_thread(db, said[0].thread_id), anna, world.clock())
        moving.move_to(db, db.get_one(Post, said[0].id), other.thread_id, anna)
    with world.database.reading() as db:
        assert subscriptions.state(db, other.thread_id, anna.id) == "mute"


def test_a_parent_that_comes_later_gathers_its_answers(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 2)
    with world.database.transaction() as db:
        db.get_one(Post, said[0].id).awaits = "<late@example.org>"
    late = make.post(
        world,
        network,
        anna,
        subject="Alku",
        message_id="<late@example.org>",
        sent_at=said[0].sent_at - timedelta(hours=1),
    )
    with world.database.transaction() as db:
        moving.adopt(db, db.get_one(Post, late.id))
    assert [text for _, text in numbers(world, late.thread_id)] == [late.text, "Viesti 1", "Viesti 2"]
    assert rows(world, f"SELECT parent_id, awaits FROM posts WHERE id = {said[0].id}") == [(late.id, None)]


def test_who_may_move(world: World, clock: Clock) -> None:
    network, _, said = talk(world, clock, 2)
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    kaisa = make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact")
    stranger = make.member(world, "stranger@example.org", "Stranger")
    for who in (ville, stranger):
        with pytest.raises(MayNotMove), world.database.transaction() as db:
            moving.move_out(db, db.get_one(Post, said[1].id), "Muu", who)
    with world.database.transaction() as db:
        moving.move_out(db, db.get_one(Post, said[1].id), "Muu", kaisa)


def test_it_moves_within_its_network_and_under_a_subject(world: World, clock: Clock) -> None:
    _, anna, said = talk(world, clock, 2)
    talous = make.network(world, "talous", name="Talous")
    elsewhere = make.post(world, talous, make.member(world, "eeva@example.org", "Eeva", network=talous))
    for target in (said[0].thread_id, elsewhere.thread_id, 999):
        with pytest.raises(ThreadNotFound), world.database.transaction() as db:
            moving.move_to(db, db.get_one(Post, said[1].id), target, anna)
    with pytest.raises(SubjectMissing), world.database.transaction() as db:
        moving.move_out(db, db.get_one(Post, said[1].id), " ", anna)


def test_who_still_has_the_old_place_before_them_writes_to_the_new_one(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 1)
    other = make.post(world, network, anna, subject="Toka")
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, said[0].id), other.thread_id, anna)
    late = make.post(world, network, anna, text="Myöhässä", thread_id=said[0].thread_id)
    assert late.thread_id == other.thread_id
    with world.database.transaction() as db:
        apart = moving.move_out(db, db.get_one(Post, late.id), "Kolmas", anna).id
        moving.move_to(db, db.get_one(Post, late.id), said[0].thread_id, anna)
    assert rows(world, f"SELECT thread_id FROM posts WHERE id = {late.id}") == [(other.thread_id,)]
    assert apart != other.thread_id
