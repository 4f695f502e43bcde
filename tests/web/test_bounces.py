"""Mail comes back: the banner, the button, and the link for who is not signed in."""

import pytest

from forum import bounces
from forum.tables import Address, Member, Network
from forum.world import World
from tests import make
from tests.conftest import Clock, rows
from tests.web.conftest import Browser

SAID = "Mail to anna@example.org came back"


@pytest.fixture
def paused(world: World, anna: Member) -> Member:
    with world.database.transaction() as db:
        address = db.get_one(Address, 1)
        address.bounce_points, address.bounced_at, address.probed_at, address.paused_at = 6, *[world.clock()] * 3
    return anna


def link(world: World) -> str:
    return f"/r/{world.tokens.make('resume', 1)}"


def is_paused(world: World) -> bool:
    with world.database.reading() as db:
        return bounces.paused(db, 1) is not None


@pytest.mark.parametrize("path", ["/", "/me"])
def test_the_banner_stands_there_until_the_button_is_pressed(
    world: World, browser: Browser, paused: Member, path: str
) -> None:
    anna = browser.as_member(paused)
    page = anna.look(path).text
    assert SAID in page
    assert 'action="/me/resume"' in page
    assert anna.send("/me/resume").headers["location"] == "/me#addresses"
    assert not is_paused(world)
    assert SAID not in anna.look(path).text
    assert anna.send("/me/resume").status_code == 303, "twice is the same as once"


def test_others_see_no_banner(world: World, browser: Browser, network: Network, paused: Member) -> None:
    eero = browser.as_member(make.member(world, "eero@example.org", "Eero", network=network))
    assert "came back" not in eero.look("/").text + eero.look("/me").text
    eero.send("/me/resume")
    assert is_paused(world)


def test_a_visitor_resumes_nothing(world: World, browser: Browser, paused: Member) -> None:
    assert browser.send("/me/resume").status_code == 401
    assert is_paused(world)


def test_the_link_asks_and_the_button_acts(world: World, browser: Browser, paused: Member) -> None:
    page = browser.look(link(world))
    assert (page.status_code, SAID in page.text) == (200, True)
    assert is_paused(world), "scanners follow every link"
    page = browser.send(link(world))
    assert "Messages are sent to anna@example.org" in page.text
    assert not is_paused(world)
    state = "SELECT bounce_points, bounced_at, probed_at, paused_at FROM addresses"
    assert rows(world, state) == [(0, None, None, None)]
    assert "Messages are sent to anna@example.org" in browser.look(link(world)).text


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_the_page_speaks_the_member_s_language(world: World, browser: Browser, paused: Member, language: str) -> None:
    with world.database.transaction() as db:
        db.get_one(Member, 1).language = language
    assert {"fi": "Yritä uudelleen", "sv": "Försök igen"}[language] in browser.look(link(world)).text


@pytest.mark.parametrize("token", ["nonsense", "other", "gone"])
def test_a_link_that_is_not_ours_is_not_valid(world: World, browser: Browser, paused: Member, token: str) -> None:
    tokens = world.tokens
    given = {"other": tokens.make("unsubscribe", 1, 1), "gone": tokens.make("resume", 99)}.get(token, token)
    for answer in (browser.look(f"/r/{given}"), browser.send(f"/r/{given}")):
        assert answer.status_code == 404
        assert "This link is not valid." in answer.text
    assert is_paused(world)


def test_the_page_of_a_message_says_why_it_did_not_come(
    world: World, browser: Browser, network: Network, paused: Member, clock: Clock
) -> None:
    eero = make.member(world, "eero@example.org", "Eero", network=network)
    clock.move(hours=1)
    post = make.post(world, network, eero)
    assert SAID in browser.as_member(paused).look(f"/p/{post.id}/deliveries").text


def test_health_tells_when_everybody_s_mail_comes_back(world: World, browser: Browser) -> None:
    make.network(world, "talous", members=6)
    assert browser.look("/health").json()["ok"]
    with world.database.transaction() as db:
        for number in (1, 2, 3):
            db.get_one(Address, number).bounced_at = world.clock()
    [sentence] = browser.look("/health").json()["wrong"]
    assert "more than a third" in sentence
