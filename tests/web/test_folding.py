"""A message with everything in its place: who sees it, who makes it so for everyone, and what pages show afterwards."""

import re

import pytest
from sqlalchemy import update

from forum.tables import Member, Network, Post
from forum.world import World
from tests import make
from tests.conftest import rows
from tests.web.conftest import Browser


@pytest.fixture
def ville(world: World, network: Network) -> Member:
    return make.member(world, "ville@example.org", "Ville", network=network, language="en")


@pytest.fixture
def post(world: World, network: Network, anna: Member) -> Post:
    return make.post(
        world, network, anna, text="Alku.\nLoppu.", folded="> Keskellä?", whole_text="Alku.\n> Keskellä?\nLoppu.",
        came_by="mail", landed_by="marker",
    )  # fmt: skip


def path_of(post: Post) -> str:
    return f"/n/viestijat/{post.thread_id}-hiljainen-tieto"


def main_of(page: str) -> str:
    return re.sub(r"<[^>]+>", " ", page[page.index("<main") : page.index("</main>")])


def test_the_discussion_leads_to_the_whole(post: Post, ville: Member, browser: Browser) -> None:
    reader = browser.as_member(ville)
    assert f'<a href="/p/{post.id}/whole">Show the whole message in order' in reader.look(path_of(post)).text
    whole = reader.look(f"/p/{post.id}/whole")
    assert re.search(r"Alku\..*Keskellä\?.*Loppu\.", main_of(whole.text), re.DOTALL)
    assert "for good" not in whole.text
    assert whole.headers["x-robots-tag"] == "noindex"


def test_nobody_else_reads_it(world: World, post: Post, browser: Browser) -> None:
    assert browser.look(f"/p/{post.id}/whole").status_code == 403
    with world.database.transaction() as db:
        db.execute(update(Network).values(visibility="private"))
    stranger = browser.as_member(make.member(world, "stranger@example.org", "Stranger"))
    assert stranger.look(f"/p/{post.id}/whole").status_code == 404
    assert stranger.look("/p/999/whole").status_code == 404


def test_its_author_shows_it_to_everyone(post: Post, anna: Member, ville: Member, browser: Browser) -> None:
    author, reader = browser.as_member(anna), browser.as_member(ville)
    assert "for good" in author.look(f"/p/{post.id}/whole").text
    reader.look(path_of(post))  # from here on the reader's cookie says since when things are new
    before = reader.look(path_of(post))
    assert "<details" in before.text
    answer = author.send(f"/p/{post.id}/change", {"do": "unfold"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path_of(post)}#post-1")
    after = reader.look(path_of(post), If_None_Match=before.headers["etag"])
    assert after.status_code == 200
    assert "<details" not in after.text
    assert re.search(r"Alku\..*Keskellä\?.*Loppu\.", main_of(after.text), re.DOTALL)
    again = author.send(f"/p/{post.id}/change", {"do": "unfold"})
    assert again.status_code == 303, "twice is the same as once"
    assert reader.look(path_of(post), If_None_Match=after.headers["etag"]).status_code == 304
    assert "for good" not in author.look(f"/p/{post.id}/whole").text


def test_others_do_not(world: World, post: Post, ville: Member, browser: Browser) -> None:
    reader = browser.as_member(ville)
    answer = reader.send(f"/p/{post.id}/change", {"do": "unfold"})
    assert answer.status_code == 403
    assert "Only its author and the contact persons of Järjestöviestijät can change this message." in answer.text
    assert browser.send(f"/p/{post.id}/change", {"do": "unfold"}).status_code == 401
    assert rows(world, "SELECT folded FROM posts") == [("> Keskellä?",)]


def test_a_page_looks_right_to_each_who_shares_it(
    world: World, network: Network, post: Post, anna: Member, ville: Member, browser: Browser
) -> None:
    """Kept pieces are shared by those who may do the same, and by no others."""
    make.post(world, network, ville, thread_id=post.thread_id, text="Villen oma.")
    kaisa = make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact", language="en")
    reason = "What it quotes is from a message in this discussion."
    for who, links in ((ville, 1), (anna, 1), (kaisa, 2), (ville, 1)):
        page = browser.as_member(who).look(path_of(post)).text
        assert page.count('/change">') == links
        assert (reason in page) == (who is not ville)
    whole_label = f'<a href="/p/{post.id}/change">Move or show all<span class="unseen"> (Anna Virtanen, 1)</span></a>'
    assert whole_label in browser.as_member(anna).look(path_of(post)).text
