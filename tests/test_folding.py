"""Unfolding: what was folded stands in its place for everyone, on the pages and in mails that have not gone out yet."""

import pytest

from forum import folding, memberships, posts, threads
from forum.errors import MayNotChange
from forum.tables import Member, Network, Post
from forum.world import World
from mailbridge.claims import claim
from mailbridge.read import read
from mailbridge.variants import Variants
from mailbridge.watch import Watch
from mailbridge.worker import make_writer
from tests import make

WHOLE = "Näin:\n> Miten te sen teette?\nKolmen päivän välein.\n-- \nAnna\n"


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world, members=1)


@pytest.fixture
def anna(world: World, network: Network) -> Member:
    return make.member(world, network=network)


@pytest.fixture
def post(world: World, network: Network, anna: Member) -> Post:
    return make.post(
        world, network, anna, text="Näin:\nKolmen päivän välein.", folded="> Miten te sen teette?\n-- \nAnna",
        whole_text=WHOLE, came_by="mail",
    )  # fmt: skip


def unfold(world: World, post: Post, who: Member) -> bool:
    with world.database.transaction() as db:
        return folding.unfold(db, posts.find_post(db, post.id), who)


def test_everything_stands_in_its_place_once_and_for_all(world: World, post: Post, anna: Member) -> None:
    assert unfold(world, post, anna)
    assert not unfold(world, post, anna)
    with world.database.reading() as db:
        now = posts.find_post(db, post.id)
        assert (now.text, now.folded, now.folded_html, now.whole_text) == (WHOLE, "", "", "")
        assert now.html.index("Näin") < now.html.index("<blockquote>") < now.html.index("Kolmen")
        assert folding.whole(now) == WHOLE
        assert threads.find_thread(db, post.thread_id).changes == 1


def test_what_a_member_wrote_on_the_web_stays_as_it_is(world: World, network: Network, anna: Member) -> None:
    post = make.post(world, network, anna, text="**Tärkeää**")
    assert not unfold(world, post, anna)
    with world.database.reading() as db:
        assert "<strong>" in folding.whole_html(posts.find_post(db, post.id))


def test_what_is_folded_stands_last_where_the_order_is_not_known(world: World, network: Network, anna: Member) -> None:
    post = make.post(world, network, anna, text="Vastaus.", folded="> Kysymys?", came_by="import")
    unfold(world, post, anna)
    with world.database.reading() as db:
        assert posts.find_post(db, post.id).text == "Vastaus.\n\n> Kysymys?"


def test_who_may_unfold(world: World, network: Network, post: Post, anna: Member) -> None:
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    stranger = make.member(world, "stranger@example.org", "Stranger")
    for who in (ville, stranger):
        with pytest.raises(MayNotChange):
            unfold(world, post, who)
    with world.database.transaction() as db:
        memberships.leave(db, network, anna, world.clock())
    assert unfold(world, post, anna), "it is still their text"


def test_who_keeps_order_may(world: World, network: Network, post: Post) -> None:
    assert unfold(world, post, make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact"))


def test_coordinators_may(world: World, post: Post) -> None:
    assert unfold(world, post, make.member(world, "pirjo@example.org", "Pirjo", coordinates=True))


def test_a_mail_that_waits_goes_out_with_all_of_it(world: World, post: Post, anna: Member) -> None:
    unfold(world, post, anna)
    [row] = claim(world, "me", Watch())
    assert row.post_id
    assert row.to
    writer = make_writer(world)
    with world.database.reading() as db:
        rendered, personal = Variants(world, writer, db).of_post(row.post_id, row.to)
    letter = read(writer.address(rendered, personal) + rendered.body)
    text = "".join(part.text for part in letter.parts)
    assert "Kolmen päivän välein." in text
    assert "Miten te sen teette?" in text
