"""posts.accept: what comes in, what is refused, and who is owed a mail."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from forum import ledger, posts, subscriptions, threads
from forum.errors import (
    EmptyPost,
    NetworkArchived,
    NotAContact,
    NotAMember,
    Refusal,
    SubjectMissing,
    TextTooLong,
    ThreadLocked,
)
from forum.tables import Network, Thread
from forum.world import World
from tests import make
from tests.conftest import rows


def draft(world: World, network: Network, author_id: int, **more: object) -> posts.Draft:
    base = posts.Draft(
        network_id=network.id,
        author_id=author_id,
        text="Hei",
        message_id=world.new_message_id(),
        came_by="web",
        sent_at=world.clock(),
        language="fi",
        subject="Aihe",
    )
    return replace(base, **more)  # type: ignore[arg-type]


def owed(world: World) -> list[object]:
    return [row[0] for row in rows(world, "SELECT member_id FROM outbox ORDER BY member_id")]


def test_everyone_but_the_author_is_owed_a_mail(world: World) -> None:
    network = make.network(world, members=3)
    anna = make.member(world, network=network)
    make.member(world, "web@example.org", "Only Web", network=network, mode="none")
    post = make.post(world, network, anna)
    assert (post.number, owed(world)) == (1, [1, 2, 3])


def test_muting_and_following_win_over_the_mode(world: World) -> None:
    network = make.network(world, members=2)
    anna = make.member(world, network=network)
    ville = make.member(world, "ville@example.org", "Ville", network=network, mode="none")
    first = make.post(world, network, anna)
    with world.database.transaction() as db:
        thread = threads.find_thread(db, first.thread_id)
        subscriptions.follow(db, thread, ville, world.clock())
    second = make.post(world, network, anna, thread_id=first.thread_id)
    assert rows(world, f"SELECT member_id FROM outbox WHERE post_id = {second.id} ORDER BY 1") == [
        (1,),
        (2,),
        (ville.id,),
    ]
    with world.database.transaction() as db:
        subscriptions.mute(db, threads.find_thread(db, first.thread_id), ville, world.clock())
    third = make.post(world, network, anna, thread_id=first.thread_id)
    assert rows(world, f"SELECT member_id FROM outbox WHERE post_id = {third.id} ORDER BY 1") == [(1,), (2,)]


def test_the_same_message_twice_is_one_post(world: World) -> None:
    network = make.network(world, members=2)
    anna = make.member(world, network=network)
    once = draft(world, network, anna.id)
    with world.database.transaction() as db:
        first = posts.accept(db, once, world.clock())
    with world.database.transaction() as db:
        again = posts.accept(db, once, world.clock())
    assert (first.is_new, again.is_new, first.post.id) == (True, False, again.post.id)
    assert len(owed(world)) == 2


def test_a_double_click_is_one_post(world: World) -> None:
    network = make.network(world)
    anna = make.member(world, network=network)
    for _ in range(2):
        with world.database.transaction() as db:
            posts.accept(db, draft(world, network, anna.id, form_key="click"), world.clock())
    assert rows(world, "SELECT count(*) FROM posts") == [(1,)]


def test_the_same_mail_to_two_networks_is_a_post_in_each(world: World) -> None:
    one, two = make.network(world), make.network(world, "talous", name="Talous")
    anna = make.member(world, network=one)
    make.member(world, network=two)
    for network in (one, two):
        make.post(world, network, anna, message_id="<same@example.org>")
    assert rows(world, "SELECT count(*) FROM posts") == [(2,)]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"text": " \n"}, EmptyPost),
        ({"subject": " "}, SubjectMissing),
        ({"text": "x" * 60_001}, TextTooLong),
    ],
)
def test_what_is_refused(world: World, change: dict[str, object], refusal: type[Refusal]) -> None:
    network = make.network(world)
    anna = make.member(world, network=network)
    with pytest.raises(refusal), world.database.transaction() as db:
        posts.accept(db, draft(world, network, anna.id, **change), world.clock())
    assert rows(world, "SELECT count(*) FROM threads") == [(0,)]


def test_only_members_write(world: World) -> None:
    with pytest.raises(NotAMember):
        make.post(world, make.network(world), make.member(world))


def test_an_archived_network_takes_nothing(world: World) -> None:
    network = make.network(world)
    anna = make.member(world, network=network)
    with world.database.transaction() as db:
        db.execute(update(Network).values(state="archived"))
    with pytest.raises(NetworkArchived):
        make.post(world, network, anna)


def test_a_locked_thread_takes_nothing(world: World) -> None:
    network = make.network(world)
    anna = make.member(world, network=network)
    post = make.post(world, network, anna)
    with world.database.transaction() as db:
        db.execute(update(Thread).values(locked_at=world.clock()))
    with pytest.raises(ThreadLocked):
        make.post(world, network, anna, thread_id=post.thread_id)


def test_only_contact_persons_write_where_so_set(world: World) -> None:
    network = make.network(world, posting="contacts")
    with pytest.raises(NotAContact):
        make.post(world, network, make.member(world, network=network))
    make.post(world, network, make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact"))


def test_every_member_is_in_exactly_one_state(world: World) -> None:
    network = make.network(world, members=3)
    anna = make.member(world, network=network)
    make.member(world, "web@example.org", "Only Web", network=network, mode="none")
    make.member(world, "daily@example.org", "Daily", network=network, mode="daily")
    post = make.post(world, network, anna)
    with world.database.reading() as db:
        found = ledger.deliveries(db, post)
    assert (found.of, found.author, found.each, found.waiting, found.web, found.digest) == (6, 1, 3, 3, 1, 1)
