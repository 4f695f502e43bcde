"""Being away, on the web: my own page, and what other pages say of it."""

from datetime import UTC, datetime

import pytest

from forum import subscriptions, threads
from forum.tables import Member
from forum.world import World
from tests import make
from tests.conftest import Clock, rows
from tests.web.conftest import Browser

JULY = {"first": "2027-07-01", "last": "2027-07-31"}
AWAY = "SELECT count(*) FROM members WHERE away_until IS NOT NULL"


def anna(world: World, browser: Browser, language: str = "en") -> tuple[Browser, Member]:
    member = make.member(world, network=make.network(world, members=2), language=language)
    return browser.as_member(member), member


def test_i_say_when_i_am_away_and_that_i_do_not_go(world: World, browser: Browser) -> None:
    mine, _ = anna(world, browser)
    assert "You are away" not in mine.look("/me").text
    answer = mine.send("/me/absence", JULY)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me#absence")
    page = mine.look("/me").text
    assert "You are away 1–31 Jul 2027: no mail comes" in page
    assert 'value="2027-07-01"' in page
    assert "I am not going away" in page
    mine.send("/me/absence", {"back": "1"})
    assert "You are away" not in mine.look("/me").text


def test_without_a_first_day_it_begins_now_and_ends_when_i_am_back(
    world: World, browser: Browser, clock: Clock
) -> None:
    mine, _ = anna(world, browser)
    mine.send("/me/absence", {"first": "", "last": "2026-11-30"})
    page = mine.look("/me").text
    assert "You are away 23–30 Nov 2026" in page
    assert "I am back" in page
    mine.send("/me/absence", {"back": "1"})
    assert "You are away" not in mine.look("/me").text


@pytest.mark.parametrize(
    ("language", "said"), [("fi", "Olet poissa 1.–31.7.2027"), ("sv", "Du är borta 1–31 juli 2027")]
)
def test_in_ones_own_language(world: World, browser: Browser, language: str, said: str) -> None:
    mine, _ = anna(world, browser, language)
    mine.send("/me/absence", JULY)
    assert said in mine.look("/me").text


@pytest.mark.parametrize(
    "days",
    [
        {"first": "2027-07-31", "last": "2027-07-01"},
        {"first": "", "last": "2026-11-22"},
        {"first": "", "last": ""},
        {"first": "soon", "last": "2027-07-01"},
        {"first": "2027-07-01", "last": "9999-12-31"},
    ],
)
def test_what_is_not_clear_is_said_at_the_field_and_stays_typed(
    world: World, browser: Browser, days: dict[str, str]
) -> None:
    mine, _ = anna(world, browser)
    answer = mine.send("/me/absence", days)
    assert answer.status_code == 422
    assert 'id="last-refused"' in answer.text
    assert "We could not tell from when to when you are away." in answer.text
    assert f'name="last" value="{days["last"]}"' in answer.text
    assert rows(world, AWAY) == [(0,)]


def test_a_visitor_is_asked_to_sign_in(world: World, browser: Browser) -> None:
    assert browser.send("/me/absence", JULY).status_code == 401
    assert browser.look("/me/absence").status_code == 401


def test_the_language_form_of_the_refused_page_goes_where_it_belongs(world: World, browser: Browser) -> None:
    mine, _ = anna(world, browser)
    assert '<form method="post" action="/me" class="write">' in mine.send("/me/absence", {"last": "never"}).text


def test_what_is_wrong_elsewhere_on_the_page_leaves_the_days_in_the_form(world: World, browser: Browser) -> None:
    mine, _ = anna(world, browser)
    mine.send("/me/absence", JULY)
    refused = mine.send("/me", {"language": "en", "time_zone": "Nowhere"})
    assert refused.status_code == 422
    assert 'name="last" value="2027-07-31"' in refused.text


def test_pages_say_it_while_it_lasts(world: World, browser: Browser, clock: Clock) -> None:
    network = make.network(world, members=2)
    member = make.member(world, network=network, language="en")
    post = make.post(world, network, member)
    mine, thread = browser.as_member(member), f"/n/viestijat/{post.thread_id}-hiljainen-tieto"
    before = mine.look(thread)
    assert "You get every message by mail." in before.text
    assert "It goes to 2 members by mail" in before.text
    mine.send("/me/absence", {"first": "", "last": "2026-11-30"})
    clock.move(minutes=2)
    during = mine.look(thread, If_None_Match=before.headers["etag"])
    assert during.status_code == 200
    for text in (during.text, mine.look("/n/viestijat").text):
        assert "You are away until 30 November 2026" in text
        assert "You get every message by mail." not in text
    assert "It goes to 2 members by mail" in during.text
    with world.database.transaction() as db:
        subscriptions.mute(db, threads.find_thread(db, post.thread_id), member, clock())
    assert "You have muted this discussion" in mine.look(thread).text
    mine.send("/n/viestijat/mode", {"mode": "none"})
    assert "You get no mail from this network" in mine.look("/n/viestijat").text
    clock.now = datetime(2026, 12, 1, 5, tzinfo=UTC)
    assert "You are away until" not in mine.look("/n/viestijat").text
    assert "You are away" not in mine.look("/me").text
