"""Moving posts: order, counts, permission, and links that lead on."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from forum import memberships, moving, posts, subscriptions, threads
from forum.errors import MayNotChange, NetworkArchived, SubjectMissing, ThreadLocked, ThreadNotFound
from forum.posts import Draft
from forum.tables import Member, Membership, Network, Post
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


@pytest.mark.parametrize("act", [subscriptions.follow, subscriptions.mute])
@pytest.mark.parametrize("role", ["member", "contact"])
def test_followers_come_along_and_an_author_silences_nobody(
    world: World, clock: Clock, act: Callable[..., None], role: str
) -> None:
    """Else they could move a discussion that many have muted into another's."""
    network, anna, said = talk(world, clock, 1)
    ville = make.member(world, "listens@example.org", "Ville", network=network)
    other = make.post(world, network, anna, subject="Toka")
    with world.database.transaction() as db:
        db.get_one(Membership, (network.id, anna.id)).role = role
        act(db, threads.find_thread(db, said[0].thread_id), ville, world.clock())
        moving.move_to(db, db.get_one(Post, said[0].id), other.thread_id, anna)
    with world.database.reading() as db:
        state = subscriptions.state(db, other.thread_id, ville.id)
    assert state == ("follow" if act is subscriptions.follow else "mute" if role == "contact" else "")


def test_a_discussion_under_a_new_name_stays_muted(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 1)
    ville = make.member(world, "listens@example.org", "Ville", network=network)
    with world.database.transaction() as db:
        subscriptions.mute(db, threads.find_thread(db, said[0].thread_id), ville, world.clock())
        renamed = moving.move_out(db, db.get_one(Post, said[0].id), "Uusi nimi", anna)
        assert subscriptions.state(db, renamed.id, ville.id) == "mute"


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
        with pytest.raises(MayNotChange), world.database.transaction() as db:
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


def test_what_was_moved_by_hand_says_so(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 3)
    other = make.post(world, network, anna, subject="Toka", landed_by="new")
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, said[1].id), other.thread_id, anna)
    assert rows(world, "SELECT landed_by, landed_because FROM posts ORDER BY id") == [
        (None, ""), ("moved", "moved by hand"), (None, ""), ("new", ""),
    ]  # fmt: skip
    assert rows(world, "SELECT changes FROM threads ORDER BY id") == [(1,), (1,)]


def test_an_orphan_tells_what_found_its_place(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 2)
    with world.database.transaction() as db:
        db.get_one(Post, said[1].id).awaits = "<late@example.org>"
    make.post(world, network, anna, thread_id=said[0].thread_id, message_id="<late@example.org>")
    assert rows(world, f"SELECT landed_by, landed_because FROM posts WHERE id = {said[1].id}") == [
        ("reference", "what it answers came later")
    ]
    assert rows(world, "SELECT changes FROM threads") == [(1,)]


def test_an_author_who_has_left_moves_nobody_else(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 2)
    with world.database.transaction() as db:
        memberships.leave(db, network, anna, world.clock())
    with world.database.reading() as db:
        post = db.get_one(Post, said[0].id)
        assert (moving.may_change(db, post, anna), moving.may_move(db, post, anna)) == (True, False)
    with pytest.raises(MayNotChange), world.database.transaction() as db:
        moving.move_out(db, db.get_one(Post, said[0].id), "Muu", anna)


def test_a_move_is_taken_back_and_leads_nobody_in_circles(world: World, clock: Clock) -> None:
    """There, back, and the other way round: no thread may lead on to one that leads to it."""
    network, anna, said = talk(world, clock, 1)
    first, second = said[0], make.post(world, network, anna, subject="Toka")
    here, there = first.thread_id, second.thread_id
    with world.database.transaction() as db:
        subscriptions.mute(db, threads.find_thread(db, here), anna, world.clock())

    def move(post: Post, to: int) -> None:
        with world.database.transaction() as db:
            moving.move_to(db, db.get_one(Post, post.id), to, anna)

    def standing() -> list[tuple[object, ...]]:
        return rows(world, "SELECT posts, moved_to_id FROM threads ORDER BY id")

    move(first, there)
    assert standing() == [(0, there), (2, None)]
    move(first, here)
    assert standing() == [(1, None), (1, None)]
    with world.database.reading() as db:
        assert subscriptions.state(db, here, anna.id) == "mute"
    move(second, here)
    assert standing() == [(2, None), (0, here)]
    move(second, there)
    move(first, there)
    assert standing() == [(0, there), (2, None)]


def test_a_whole_thread_goes_back_into_the_one_that_led_to_it(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 1)
    third = make.post(world, network, anna, subject="Kolmas")
    with world.database.transaction() as db:
        second = moving.move_out(db, db.get_one(Post, said[0].id), "Toka", anna).id
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, said[0].id), said[0].thread_id, anna)
    assert rows(world, "SELECT id, moved_to_id FROM threads ORDER BY id") == [
        (said[0].thread_id, None), (third.thread_id, None), (second, said[0].thread_id),
    ]  # fmt: skip


def test_places_to_move_to(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 1)
    old = make.post(world, network, anna, subject="hiljainen TIETO", sent_at=said[0].sent_at - timedelta(days=9))
    new, gone = (make.post(world, network, anna, subject=subject) for subject in ("Äänestys", "Pois"))
    talous = make.network(world, "talous", name="Talous")
    make.post(world, talous, make.member(world, "eeva@example.org", "Eeva", network=talous))
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, gone.id), new.thread_id, anna)
    with world.database.reading() as db:
        of_first = moving.places(db, db.get_one(Post, said[0].id))
        assert [row.id for row in of_first] == [old.thread_id, new.thread_id], "the same subject, then the latest"
        of_gone = moving.places(db, db.get_one(Post, gone.id))
        assert of_gone[0].id == gone.thread_id, "where it came from"
        assert [row.id for row in moving.places(db, db.get_one(Post, said[0].id), "ÄÄNES")] == [new.thread_id]
        assert not moving.places(db, db.get_one(Post, said[0].id), "ään pois")


def test_what_answers_from_another_discussion_shows_no_number_of_it(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 2)
    other = make.post(world, network, anna, subject="Toka")
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, said[1].id), other.thread_id, anna)
    with world.database.reading() as db:
        assert [row.parent_number for row in threads.posts_in(db, other.thread_id).rows] == [None, None]


def test_an_answer_that_is_being_written_is_not_left_behind(world: World, clock: Clock) -> None:
    """The mover waits for it, and so does not take the thread for empty."""
    network, anna, said = talk(world, clock, 1)
    other = make.post(world, network, anna, subject="Toka")

    def move() -> None:
        with world.database.transaction() as db:
            moving.move_to(db, db.get_one(Post, said[0].id), other.thread_id, anna)

    mover = threading.Thread(target=move)
    with world.database.transaction() as db:
        db.get_one(Network, network.id, with_for_update=True)
        mover.start()
        time.sleep(0.3)
        answer = Draft(
            network_id=network.id, author_id=anna.id, text="Ehdin vielä", message_id="<late@example.org>",
            came_by="web", sent_at=clock.now, language="fi", thread_id=said[0].thread_id,
        )  # fmt: skip
        posts.accept(db, answer, clock.now)
    mover.join()
    assert numbers(world, said[0].thread_id) == [(1, "Ehdin vielä")]
    assert rows(world, f"SELECT posts, moved_to_id FROM threads WHERE id = {said[0].thread_id}") == [(1, None)]


def test_nobody_takes_part_in_a_closed_discussion_by_moving(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 2)
    kaisa = make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact")
    closed = make.post(world, network, anna, subject="Suljettu")
    with world.database.transaction() as db:
        threads.find_thread(db, closed.thread_id).locked_at = clock()
    with pytest.raises(ThreadLocked), world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, said[1].id), closed.thread_id, anna)
    with pytest.raises(ThreadLocked), world.database.transaction() as db:
        moving.move_out(db, db.get_one(Post, closed.id), "Muu", anna)
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, said[1].id), closed.thread_id, kaisa)


def test_nobody_moves_where_they_may_not_write(world: World, clock: Clock) -> None:
    network, anna, said = talk(world, clock, 2)
    kaisa = make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact")
    maija = make.member(world, "maija@example.org", "Maija", coordinates=True)

    def move(who: Member) -> None:
        with world.database.transaction() as db:
            moving.move_out(db, db.get_one(Post, said[1].id), "Muu", who)

    with world.database.transaction() as db:
        db.get_one(Network, network.id).posting = "contacts"
    with pytest.raises(MayNotChange):
        move(anna)
    move(kaisa)
    with world.database.transaction() as db:
        db.get_one(Network, network.id).state = "archived"
    for who in (anna, kaisa):
        with pytest.raises(NetworkArchived):
            move(who)
    move(maija)
