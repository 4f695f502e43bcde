"""Moving a message by its page or by the link in its author's mail, and the old addresses that lead on."""

import re

import pytest
from sqlalchemy import event, update

from forum import memberships
from forum.errors import MayNotChange
from forum.tables import Member, Network, Post, Thread
from forum.web.words import LANDED
from forum.world import World
from tests import make
from tests.conftest import Clock, rows
from tests.web.conftest import Browser


@pytest.fixture
def post(world: World, network: Network, anna: Member) -> Post:
    return make.post(world, network, anna, text="Eksynyt.", came_by="mail", landed_by="new")


@pytest.fixture
def other(world: World, network: Network, anna: Member) -> Post:
    return make.post(world, network, anna, subject="Kevään kokous", text="Missä?")


@pytest.fixture
def at_home(browser: Browser, anna: Member) -> Browser:
    return browser.as_member(anna)


def path_of(thread_id: int, words: str = "hiljainen-tieto") -> str:
    return f"/n/viestijat/{thread_id}-{words}"


def link(world: World, post: Post, member: Member) -> str:
    return f"/c/{world.tokens.make('change', post.id, member.id)}"


def test_the_page_tells_why_and_where_to(
    world: World, network: Network, anna: Member, post: Post, other: Post, at_home: Browser
) -> None:
    make.post(world, network, anna, thread_id=post.thread_id, parent_id=post.id)
    page = at_home.look(f"/p/{post.id}/change").text
    assert "The message is in the discussion “Hiljainen tieto”." in page
    assert LANDED["new"] in page
    assert "1 answer comes along." in page
    assert re.search(rf'name="thread" value="{other.thread_id}">Move here<span class="unseen">: Kevään kokous', page)
    assert f'value="{post.thread_id}"' not in page
    assert "Kevään kokous" not in at_home.look(f"/p/{post.id}/change?q=syksyn").text
    assert "Kevään kokous" in at_home.look(f"/p/{post.id}/change?q=KEVÄÄN").text


@pytest.mark.parametrize("landed_by", [*LANDED, None])
def test_every_way_of_landing_has_its_sentence(
    world: World, post: Post, at_home: Browser, landed_by: str | None
) -> None:
    with world.database.transaction() as db:
        db.execute(update(Post).values(landed_by=landed_by))
    page = at_home.look(f"/p/{post.id}/change").text
    assert [sentence in page for sentence in LANDED.values()] == [how == landed_by for how in LANDED]


def test_to_another_discussion_and_every_old_address_leads_there(
    world: World, anna: Member, post: Post, other: Post, at_home: Browser
) -> None:
    new = path_of(other.thread_id, "kevaan-kokous")
    answer = at_home.send(f"/p/{post.id}/change", {"thread": str(other.thread_id)})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{new}#post-1")
    for old in (path_of(post.thread_id), f"/n/viestijat/{post.thread_id}"):
        assert at_home.look(old).headers["location"] == new
    assert at_home.look(f"/p/{post.id}").headers["location"] == f"{new}#post-1"
    assert "It was moved here by hand." in at_home.look(new).text
    program = at_home.with_token(anna)
    told = program.look(f"/threads/{post.thread_id}").json()["items"]
    assert [item["id"] for item in told] == [post.id, other.id]
    assert program.look(f"/posts/{post.id}").json()["thread"] == other.thread_id


def test_two_moves_in_a_row_and_back(
    world: World, network: Network, anna: Member, post: Post, other: Post, at_home: Browser
) -> None:
    third = make.post(world, network, anna, subject="Kolmas")
    program = at_home.with_token(anna)
    for moved, to in ((post, other.thread_id), (other, third.thread_id), (post, third.thread_id)):
        at_home.send(f"/p/{moved.id}/change", {"thread": str(to)})
    for old in (post.thread_id, other.thread_id):
        assert at_home.look(f"/n/viestijat/{old}").headers["location"] == path_of(third.thread_id, "kolmas")
        assert len(program.look(f"/threads/{old}").json()["items"]) == 3
    assert "Empty: its messages were moved" in at_home.look(f"/p/{post.id}/change").text
    back = at_home.send(f"/p/{post.id}/change", {"thread": str(post.thread_id)})
    assert back.headers["location"] == f"{path_of(post.thread_id)}#post-1"
    assert at_home.look(path_of(post.thread_id)).status_code == 200
    for moved in (other, third):
        at_home.send(f"/p/{moved.id}/change", {"thread": str(post.thread_id)})
    for old in (other.thread_id, third.thread_id):
        assert at_home.look(f"/n/viestijat/{old}").headers["location"] == path_of(post.thread_id)
    assert [item["id"] for item in program.look(f"/threads/{third.thread_id}").json()["items"]] == [
        post.id, other.id, third.id,
    ]  # fmt: skip


def test_a_page_that_lost_one_and_got_one_is_another_page(
    world: World, network: Network, anna: Member, post: Post, other: Post, at_home: Browser
) -> None:
    """As many messages as before, and the last one as old as before."""
    moved = make.post(world, network, anna, thread_id=post.thread_id, text="Lähtee.")
    came = make.post(world, network, anna, thread_id=other.thread_id, text="Tulee.")
    at_home.look(path_of(post.thread_id))  # from here on the cookie says since when things are new
    before = at_home.look(path_of(post.thread_id))
    assert "Lähtee." in before.text
    at_home.send(f"/p/{moved.id}/change", {"thread": str(other.thread_id)})
    at_home.send(f"/p/{came.id}/change", {"thread": str(post.thread_id)})
    after = at_home.look(path_of(post.thread_id), If_None_Match=before.headers["etag"])
    assert after.status_code == 200
    assert "Lähtee." not in after.text
    assert "Tulee." in after.text


def test_to_a_discussion_of_its_own(post: Post, other: Post, at_home: Browser) -> None:
    answer = at_home.send(f"/p/{other.id}/change", {"subject": "Aivan muuta"})
    assert answer.headers["location"].endswith("-aivan-muuta#post-1")


def test_what_is_refused_stays_as_it_was_typed(post: Post, other: Post, at_home: Browser) -> None:
    page = f"/p/{post.id}/change?q=kokous"
    without = at_home.send(page, {"subject": "  "})
    assert without.status_code == 422
    assert 'id="subject-refused"' in without.text
    assert "The discussion needs a subject." in without.text  # SubjectMissing
    assert 'value="kokous"' in without.text
    for wrong in ("999", "x", "9" * 40, str(post.thread_id)):
        nowhere = at_home.send(page, {"thread": wrong, "subject": "Kirjoitettu"})
        assert nowhere.status_code == 404
        assert "There is no such discussion." in nowhere.text
        assert 'value="Kirjoitettu"' in nowhere.text


def test_who_may_not(world: World, network: Network, post: Post, other: Post, browser: Browser) -> None:
    ville = browser.as_member(make.member(world, "ville@example.org", "Ville", network=network, language="en"))
    page = f"/p/{post.id}/change"
    assert ville.look(page).status_code == MayNotChange.status
    assert ville.send(page, {"thread": str(other.thread_id)}).status_code == MayNotChange.status
    assert f'value="{page}"' in browser.look(page).text, "signing in leads back here"
    assert browser.look(page).status_code == 401
    with world.database.transaction() as db:
        db.execute(update(Network).values(visibility="private"))
    stranger = browser.as_member(make.member(world, "stranger@example.org", "Stranger"))
    for answer in (stranger.look(page), stranger.look("/p/999/change")):
        assert answer.status_code == 404
        assert "Järjestöviestijät" not in answer.text
    assert rows(world, "SELECT count(*) FROM threads WHERE moved_to_id IS NOT NULL") == [(0,)]


def test_by_the_link_looking_changes_nothing_and_pressing_does(
    world: World, network: Network, browser: Browser
) -> None:
    anna = make.member(world, "sv@example.org", "Anna S", network=network, language="sv")
    post = make.post(world, network, anna, text="Svar.", folded="> Fråga?", came_by="mail", landed_by="subject")
    page = link(world, post, anna)
    for _ in range(2):
        seen = browser.look(page)
        assert "Flytta eller visa allt" in seen.text, "in the member's language, not the browser's"
        assert "Fråga?" in seen.text
    assert rows(world, "SELECT folded, landed_by FROM posts") == [("> Fråga?", "subject")]
    assert seen.headers["referrer-policy"] == "same-origin"
    assert browser.send(page, {"do": "unfold"}).headers["location"] == f"{page}?done=1"
    assert rows(world, "SELECT folded FROM posts") == [("",)]
    assert "Klart." in browser.look(f"{page}?done=1").text
    other = make.post(world, network, anna, subject="Annat")
    browser.send(page, {"thread": str(other.thread_id)})
    assert rows(world, f"SELECT thread_id FROM posts WHERE id = {post.id}") == [(other.thread_id,)]
    refused = browser.send(f"{page}?done=1", {"subject": ""})
    assert refused.status_code == 422
    assert "Klart." not in refused.text


def test_the_link_works_while_its_member_may(
    world: World, network: Network, anna: Member, post: Post, other: Post, browser: Browser
) -> None:
    kaisa = make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact")
    by_author, by_contact = link(world, post, anna), link(world, post, kaisa)
    assert browser.look(by_contact).status_code == 200
    with world.database.transaction() as db:
        memberships.leave(db, network, anna, world.clock())
        memberships.leave(db, network, kaisa, world.clock())
    assert browser.look(by_contact).status_code == MayNotChange.status
    assert browser.send(by_contact, {"do": "unfold"}).status_code == MayNotChange.status
    page = browser.look(by_author)
    assert "Eksynyt." in page.text, "it is still their text"
    assert "Kevään kokous" not in page.text, "but no longer their network"
    assert browser.send(by_author, {"thread": str(other.thread_id)}).status_code == MayNotChange.status
    assert rows(world, "SELECT count(*) FROM threads WHERE moved_to_id IS NOT NULL") == [(0,)]


def test_who_has_left_a_private_network_sees_only_their_text(
    world: World, network: Network, anna: Member, browser: Browser
) -> None:
    post = make.post(world, network, anna, text="Eksynyt.", folded="> Miten?", came_by="mail")
    with world.database.transaction() as db:
        memberships.leave(db, network, anna, world.clock())
        db.execute(update(Network).values(visibility="private"))
        db.execute(update(Thread).values(subject="Irtisanomiset"))
    at_home = browser.as_member(anna)
    for visitor, page in ((browser, link(world, post, anna)), (at_home, f"/p/{post.id}/change")):
        seen = visitor.look(page).text
        assert "Eksynyt." in seen
        assert "Irtisanomiset" not in seen
        assert visitor.send(page, {"do": "unfold"}).headers["location"] == f"{page}?done=1"


def test_links_that_are_not_ours(world: World, anna: Member, post: Post, browser: Browser) -> None:
    for token in (
        "abc", world.tokens.make("unsubscribe", post.id, anna.id), world.tokens.make("change", post.id),
        world.tokens.make("change", 999, anna.id), world.tokens.make("change", post.id, 999),
    ):  # fmt: skip
        for answer in (browser.look(f"/c/{token}"), browser.send(f"/c/{token}", {"do": "unfold"})):
            assert answer.status_code == 404
            assert "This link is not valid." in answer.text  # LinkNotValid


def test_another_site_presses_no_button(world: World, anna: Member, post: Post, browser: Browser) -> None:
    answer = browser.send(link(world, post, anna), {"subject": "Muu"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_as_many_questions_to_the_database_however_many_places(
    world: World, network: Network, anna: Member, post: Post, at_home: Browser, clock: Clock
) -> None:
    asked: list[str] = []
    event.listen(world.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    def cost() -> int:
        at_home.look(f"/p/{post.id}/change")
        asked.clear()
        assert at_home.look(f"/p/{post.id}/change").status_code == 200
        return len(asked)

    few = cost()
    for number in range(9):
        made = make.post(world, network, anna, subject=f"Aihe {number}")
        make.post(world, network, anna, thread_id=post.thread_id, parent_id=post.id)
        make.post(world, network, anna, thread_id=made.thread_id)
    assert cost() == few
