"""Who got a message: what everybody, a member, and a contact person see of it, on the page and by the API."""

from typing import Any

import pytest
from sqlalchemy import update

from forum import ledger, memberships, subscriptions, threads
from forum.ledger import STATE_OF
from forum.tables import Address, Member, Network, Outbox, Post
from forum.web import words
from forum.world import World
from tests import make
from tests.conftest import Clock
from tests.web.conftest import Browser


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world, visibility="public")


@pytest.fixture
def ville(world: World, network: Network) -> Member:
    return make.member(world, "ville@example.org", "Ville Viina", network=network, language="en")


@pytest.fixture
def kaisa(world: World, network: Network) -> Member:
    return make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact", language="en")


@pytest.fixture
def post(world: World, network: Network, anna: Member, ville: Member, kaisa: Member) -> Post:
    return make.post(world, network, anna)


def becomes(world: World, post: Post, member: Member, **how: Any) -> None:
    """What becomes of the copy that they were owed."""
    with world.database.transaction() as db:
        db.execute(update(Outbox).where(Outbox.post_id == post.id, Outbox.member_id == member.id).values(**how))


def page_of(browser: Browser, post: Post, query: str = "") -> str:
    answer = browser.look(f"/p/{post.id}/deliveries{query}")
    assert answer.status_code == 200
    return answer.text


def test_a_member_sees_when_where_and_what_their_server_said(
    world: World, browser: Browser, clock: Clock, post: Post, ville: Member
) -> None:
    mine = browser.as_member(ville)
    assert "It is on its way to ville@example.org." in page_of(mine, post)
    becomes(world, post, ville, done_at=clock(), outcome="sent", answer="250 2.0.0 taken as 4711", tries=1)
    text = page_of(mine, post)
    assert "It was sent to ville@example.org, and your mail server took it." in text
    assert "250 2.0.0 taken as 4711" in text
    assert "Mon 23 Nov 2026 at 08:09" in text


def test_a_member_sees_when_it_is_tried_again_and_how_often_it_was(
    world: World, browser: Browser, clock: Clock, post: Post, ville: Member
) -> None:
    clock.move(hours=2)
    becomes(world, post, ville, due_at=clock(), answer="450 <ville> greylisted", tries=3)
    text = page_of(browser.as_member(ville), post)
    assert "We try again." in text
    assert 'next try <time datetime="2026-11-23T08:09:00+00:00">Mon 23 Nov 2026 at 10:09</time>' in text
    assert "3 tries" in text
    assert "450 &lt;ville&gt; greylisted" in text


@pytest.mark.parametrize("answered", ["refused", "bounced"])
def test_a_member_sees_that_it_did_not_arrive(
    world: World, browser: Browser, clock: Clock, post: Post, ville: Member, answered: str
) -> None:
    becomes(world, post, ville, done_at=clock(), outcome=answered, answer="550 5.1.1 nobody here", tries=1)
    text = page_of(browser.as_member(ville), post)
    assert words.WHY_MINE[answered] % {"address": "ville@example.org"} in text
    assert "550 5.1.1 nobody here" in text
    assert "By mail: could not be delivered" in text


def test_a_member_sees_why_none_was_sent(
    world: World, browser: Browser, clock: Clock, network: Network, anna: Member, ville: Member, kaisa: Member
) -> None:
    first = make.post(world, network, anna)
    with world.database.transaction() as db:
        subscriptions.mute(db, threads.find_thread(db, first.thread_id), ville, clock())
        db.execute(update(Address).where(Address.member_id == kaisa.id).values(paused_at=clock()))
    new = make.member(world, "new@example.org", "New", network=network, language="en")
    post = make.post(world, network, anna, thread_id=first.thread_id)
    assert "You had muted the discussion" in page_of(browser.as_member(ville), post)
    assert "Mail to kaisa@example.org had come back before" in page_of(browser.as_member(kaisa), post)
    assert "You were not a member of this network when it came" in page_of(browser.as_member(new), first)


def test_who_only_reads_sees_sums_and_nobody_s_name(browser: Browser, post: Post, ville: Member) -> None:
    for reader in (browser, browser.as_member(ville)):
        text = page_of(reader, post, "?state=waiting")
        assert '<th scope="row">By mail: on its way</th><td class="number">2</td>' in text
        assert "Kaisa" not in text
        assert 'href="?state' not in text
    assert "Ville" not in page_of(browser, post)


def test_contact_persons_and_coordinators_see_each_member(
    world: World, browser: Browser, clock: Clock, network: Network, post: Post, ville: Member, kaisa: Member
) -> None:
    becomes(world, post, ville, due_at=clock(), answer="451 4.7.1 later", tries=2)
    coordinator = make.member(world, "boss@example.org", "Boss", coordinates=True, language="en")
    for reader in (kaisa, coordinator):
        text = page_of(browser.as_member(reader), post)
        assert text.index("Anna Virtanen</th>") < text.index("Kaisa</th>") < text.index("Ville Viina</th>")
        assert "451 4.7.1 later" in text
    text = page_of(browser.as_member(kaisa), post, "?state=deferred")
    assert "Ville Viina</th>" in text
    assert "Kaisa</th>" not in text
    assert "Nobody." in page_of(browser.as_member(kaisa), post, "?state=left")
    assert "Kaisa</th>" in page_of(browser.as_member(kaisa), post, "?state=nonsense&after=x")


def test_long_lists_have_pages(world: World, browser: Browser, network: Network, anna: Member, kaisa: Member) -> None:
    for number in range(ledger.PAGE):
        make.member(world, f"m{number}@example.net", f"Member {number:03}", network=network)
    post = make.post(world, network, anna)
    mine = browser.as_member(kaisa)
    first = page_of(mine, post)
    assert "Member 098</th>" not in first
    assert "More names" in first
    [after] = [part.partition("#")[0] for part in first.split("after=")[1:]]
    rest = page_of(mine, post, f"?state=&after={after}")
    assert "Member 099</th>" in rest
    assert "More names" not in rest
    assert "From the beginning" in rest


def test_programs_see_the_same(
    world: World, browser: Browser, clock: Clock, post: Post, anna: Member, ville: Member, kaisa: Member
) -> None:
    becomes(world, post, ville, done_at=clock(), outcome="sent", answer="250 ok", tries=1)
    program = browser.with_token(kaisa)
    told = program.look(f"/posts/{post.id}/deliveries/members").json()
    assert told["next"] is None
    assert [item["state"] for item in told["items"]] == ["author", "waiting", "sent"]
    [sent] = program.look(f"/posts/{post.id}/deliveries/members?state=sent").json()["items"]
    assert sent == {
        "member": {"id": ville.id, "name": "Ville Viina"},
        "state": "sent",
        "why": "sent",
        "at": "2026-11-23T06:09:00+00:00",
        "answer": "250 ok",
        "tries": 1,
    }
    assert program.look(f"/posts/{post.id}/deliveries/members?after={anna.id}").json()["items"][0]["state"] == "waiting"
    refused = program.look(f"/posts/{post.id}/deliveries/members?state=nonsense")
    assert (refused.status_code, refused.json()["error"]) == (422, "BadChoice")


def test_programs_of_others_are_refused(world: World, browser: Browser, post: Post, ville: Member) -> None:
    path = f"/posts/{post.id}/deliveries/members"
    for answer in (browser.with_token(ville).look(path), browser.look(f"/api/v1{path}")):
        assert (answer.status_code, answer.json()["error"]) == (403, "ContactsOnly")


def test_who_has_left_a_private_network_sees_nothing_of_it(
    world: World, browser: Browser, clock: Clock, anna: Member
) -> None:
    private = make.network(world, "salaiset", name="Salaiset", visibility="private")
    kaisa = make.member(world, "kaisa@example.org", "Kaisa", network=private, role="contact")
    make.member(world, network=private)
    post = make.post(world, private, anna)
    with world.database.transaction() as db:
        memberships.leave(db, private, kaisa, clock())
    assert browser.as_member(kaisa).look(f"/p/{post.id}/deliveries").status_code == 404
    assert browser.with_token(kaisa).look(f"/posts/{post.id}/deliveries/members").status_code == 404


def test_every_reason_has_its_words() -> None:
    assert set(words.WHY) == set(STATE_OF) == set(words.WHY_MINE) - {""}
    assert set(words.STATES) == set(STATE_OF.values())
