"""Signing in by a mailed code, and out again; my own page."""

import re

import pytest
from sqlalchemy import select

from forum.sign_in import CODES_AN_HOUR, TRIES_PER_ADDRESS_BLOCK, TRIES_PER_CODE
from forum.tables import Notice
from forum.web.sign_in import _block
from forum.world import World
from tests import make
from tests.conftest import Clock, rows
from tests.web.conftest import Browser

ANNA = "anna@example.org"


def mailed_code(world: World) -> str:
    with world.database.reading() as db:
        notice = db.scalars(select(Notice).order_by(Notice.id.desc())).first()
    assert notice
    return str(notice.facts["code"])


def test_a_code_signs_in(world: World, browser: Browser) -> None:
    make.member(world, ANNA, language="en")
    answer = browser.send("/sign-in", {"address": " Anna@Example.org ", "next": "/me"})
    assert answer.headers["location"] == "/sign-in/code?address=Anna%40example.org&next=%2Fme"
    assert "Anna@example.org" in browser.look(answer.headers["location"]).text
    answer = browser.send("/sign-in/code", {"address": ANNA, "code": f" {mailed_code(world)} ", "next": "/me"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    cookie = next(h for h in answer.headers.get_list("set-cookie") if h.startswith("parvi="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Anna Virtanen" in browser.look("/me").text


def test_a_stranger_gets_the_same_answer(world: World, browser: Browser) -> None:
    make.member(world, ANNA)
    known = browser.send("/sign-in", {"address": ANNA})
    unknown = browser.send("/sign-in", {"address": "who@example.org"})
    assert (known.status_code, unknown.status_code) == (303, 303)
    assert known.headers["location"].replace("anna", "who") == unknown.headers["location"]
    assert rows(world, "SELECT count(*) FROM notices") == [(1,)]


def test_a_link_with_a_code_only_fills_it_in(world: World, browser: Browser) -> None:
    make.member(world, ANNA)
    browser.send("/sign-in", {"address": ANNA})
    page = browser.look(f"/sign-in/code?address={ANNA}&code={mailed_code(world)}")
    assert f'value="{mailed_code(world)}"' in page.text
    assert "parvi" not in page.cookies
    assert rows(world, "SELECT count(*) FROM sessions") == [(0,)]


def test_where_one_goes_on_to_is_here(world: World, browser: Browser) -> None:
    make.member(world, ANNA)
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"):
        browser.send("/sign-in", {"address": ANNA})
        answer = browser.send("/sign-in/code", {"address": ANNA, "code": mailed_code(world), "next": elsewhere})
        assert answer.headers["location"] == "/"


def test_not_an_address(browser: Browser) -> None:
    answer = browser.send("/sign-in", {"address": "anna at example"})
    assert answer.status_code == 422
    assert "is not an e-mail address" in answer.text  # BadAddress
    assert 'value="anna at example"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_wrong_codes_are_counted_though_the_request_is_rolled_back(world: World, browser: Browser) -> None:
    make.member(world, ANNA)
    browser.send("/sign-in", {"address": ANNA})
    for _ in range(TRIES_PER_CODE):
        answer = browser.send("/sign-in/code", {"address": ANNA, "code": "x"})
        assert answer.status_code == 422
        assert "The code is wrong or too old." in answer.text  # CodeWrong
    assert rows(world, "SELECT tries FROM sign_in_codes") == [(TRIES_PER_CODE,)]
    right = browser.send("/sign-in/code", {"address": ANNA, "code": mailed_code(world)})
    assert right.status_code == 422, "after five a code is dead"


def test_too_many_tries_from_one_place_stop_even_the_right_code(world: World, browser: Browser, clock: Clock) -> None:
    make.member(world, ANNA)
    for number in range(TRIES_PER_ADDRESS_BLOCK):
        browser.send("/sign-in/code", {"address": f"who{number}@example.org", "code": "1"})
    browser.send("/sign-in", {"address": ANNA})
    form = {"address": ANNA, "code": mailed_code(world)}
    answer = browser.send("/sign-in/code", form)
    assert answer.status_code == 429
    assert "There have been too many tries." in answer.text  # TooManyTries
    clock.move(hours=1, minutes=1)
    browser.send("/sign-in", {"address": ANNA})
    assert browser.send("/sign-in/code", form | {"code": mailed_code(world)}).status_code == 303


@pytest.mark.parametrize(
    ("peer", "block"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_what_is_one_place(peer: str, block: str) -> None:
    assert _block(peer) == block


def test_too_many_codes(world: World, browser: Browser) -> None:
    make.member(world, ANNA)
    for _ in range(CODES_AN_HOUR):
        assert browser.send("/sign-in", {"address": ANNA}).status_code == 303
    answer = browser.send("/sign-in", {"address": ANNA})
    assert answer.status_code == 429
    assert "Too many codes have been asked for." in answer.text  # TooManyCodes


def test_signing_out_here_and_everywhere(world: World, browser: Browser) -> None:
    anna = make.member(world, ANNA)
    here, there, third = (browser.as_member(anna) for _ in range(3))
    before = dict(here.cookies)
    assert here.send("/sign-out").headers["location"] == "/"
    assert "parvi" not in here.cookies
    here.cookies = before
    assert here.look("/me").status_code == 401, "the session itself is gone, not only its cookie"
    assert there.look("/me").status_code == 200
    assert there.send("/sign-out/everywhere").status_code == 303
    assert third.look("/me").status_code == 401


def test_my_page(world: World, browser: Browser) -> None:
    anna = make.member(world, ANNA, network=make.network(world), language="en", organisation="Kynnys auki ry")
    at_home = browser.as_member(anna)
    text = at_home.look("/me").text
    for shown in ("Kynnys auki ry", ANNA, "Järjestöviestijät", "You get every message by mail."):
        assert shown in text
    assert at_home.send("/me", {"language": "sv", "time_zone": "Europe/Stockholm"}).status_code == 303
    assert rows(world, "SELECT language, time_zone FROM members") == [("sv", "Europe/Stockholm")]
    assert '<html lang="sv">' in at_home.look("/me").text
    for form in ({"language": "xx", "time_zone": "UTC"}, {"language": "fi", "time_zone": "Mars/Olympus"}):
        assert at_home.send("/me", form).status_code == 422  # BadChoice


def test_receipts_are_chosen_and_given_up(world: World, browser: Browser) -> None:
    at_home = browser.as_member(make.member(world, ANNA, language="en"))
    assert "You get a receipt only when needed." in at_home.look("/me").text
    for form, wanted in (({"receipts": "1"}, True), ({}, False)):
        assert at_home.send("/me/receipts", form).headers["location"] == "/me#receipts"
        assert rows(world, "SELECT receipts FROM members") == [(wanted,)]
    assert browser.send("/me/receipts", {"receipts": "1"}).status_code == 401


def test_a_visitor_chooses_a_language(browser: Browser) -> None:
    browser.cookies.clear()
    assert '<html lang="sv">' in browser.look("/", Accept_Language="sv-FI,fi;q=0.5").text
    answer = browser.send("/language", {"language": "fi", "next": "/networks?q=a"})
    assert answer.headers["location"] == "/networks?q=a"
    assert '<html lang="fi">' in browser.look("/", Accept_Language="sv").text
    assert browser.send("/language", {"language": "de"}).status_code == 422


def test_the_address_stays_in_the_forms_of_the_code_page(world: World, browser: Browser) -> None:
    answer = browser.send("/sign-in/code", {"address": "<b>@example.org", "code": "1"})
    assert re.search(r'name="address" value="&lt;b&gt;@example.org"', answer.text)
