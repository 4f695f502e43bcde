"""The front page, the directory, one network, and who may see what."""

from datetime import timedelta

from sqlalchemy import update

from forum.tables import Member, Network
from forum.world import World
from tests import make
from tests.conftest import Clock, rows
from tests.web.conftest import Browser


def test_a_visitor_finds_the_networks(world: World, browser: Browser) -> None:
    make.network(world, members=2, purpose="Jaetaan pohjia.", kind="profession")
    make.network(world, "lappi", name="Lapin verkosto", kind="region", region="Lappi", language="sv")
    make.network(world, "salainen", name="Salainen", visibility="private")
    page = browser.look("/")
    assert page.status_code == 200
    assert "Järjestöviestijät" in page.text
    assert "Jaetaan pohjia." in page.text
    assert "2 members" in page.text
    assert "Salainen" not in page.text


def test_the_directory_is_searched_and_filtered(world: World, browser: Browser) -> None:
    make.network(world, purpose="Jaetaan pohjia.", kind="profession")
    make.network(world, "lappi", name="Lapin verkosto", kind="region", region="Lappi", language="sv")
    for query, found in (
        ("q=POHJIA", "Järjestöviestijät"),
        ("kind=region", "Lapin verkosto"),
        ("region=Lappi", "Lapin verkosto"),
        ("language=sv", "Lapin verkosto"),
    ):
        text = browser.look(f"/networks?{query}").text
        assert found in text
        assert "1 network found." in text
    assert "No network fits." in browser.look("/networks?q=%00nothing").text


def test_an_empty_forum_says_what_to_do(browser: Browser) -> None:
    assert "parvi network add" in browser.look("/").text


def test_a_members_network_shows_visitors_how_to_join_but_not_its_discussions(world: World, browser: Browser) -> None:
    network = make.network(world)
    make.post(world, network, make.member(world, network=network, role="contact"), subject="Vain omille")
    text = browser.look("/n/viestijat").text
    assert "mailto:viestijat%2Bjoin%40lists.example.org" in text
    assert "mailto:viestijat%2Bowner%40lists.example.org" in text
    assert "Anna Virtanen" in text
    assert "Vain omille" not in text
    assert "/sign-in?next=/n/viestijat" in text


def test_a_member_sees_discussions_and_how_they_come(world: World, browser: Browser) -> None:
    network = make.network(world)
    anna = make.member(world, network=network, mode="weekly", language="en")
    make.post(world, network, anna, subject="Hiljainen tieto")
    text = browser.as_member(anna).look("/n/viestijat").text
    assert "Hiljainen tieto" in text
    assert "You get a digest by mail once a week." in text
    assert "/n/viestijat/new" in text


def test_a_private_network_does_not_exist_for_others(world: World, browser: Browser) -> None:
    network = make.network(world, visibility="private")
    anna = make.member(world, network=network)
    post = make.post(world, network, anna)
    other = browser.as_member(make.member(world, "ville@example.org", "Ville", language="en"))
    for path in (
        "/n/viestijat",
        f"/n/viestijat/{post.thread_id}-hiljainen-tieto",
        f"/p/{post.id}",
        f"/p/{post.id}/deliveries",
    ):
        answer = other.look(path)
        assert answer.status_code == 404
        assert "Hiljainen tieto" not in answer.text
    assert "There is no network" in other.look("/n/viestijat").text
    assert browser.as_member(anna).look("/n/viestijat").status_code == 200


def test_nothing_tells_a_private_network_from_one_that_is_missing(world: World, browser: Browser) -> None:
    make.network(world, "salaiset", name="Nimetön ry", visibility="private")
    other = browser.as_member(make.member(world, "ville@example.org", "Ville", language="en"))

    def said(slug: str) -> list[tuple[int, str]]:
        paths = [f"/n/{slug}/mode", f"/n/{slug}/leave"]
        answers = [other.look(f"/n/{slug}"), *(other.send(path, {"mode": "daily"}) for path in paths)]
        assert all(f"There is no network “{slug.lower()}”." in answer.text for answer in answers)
        return [(answer.status_code, slug_out(answer.text, slug)) for answer in answers]

    for spell in (str.lower, str.upper, str.title):
        assert said(spell("salaiset")) == said(spell("puuttuva"))
    assert {status for status, _ in said("salaiset")} == {404}


def slug_out(text: str, slug: str) -> str:
    """The page without the name, as it stands in its sentence and in its links."""
    return text.replace(slug.lower(), "-").replace(slug, "-")


def test_a_network_that_is_not_there(browser: Browser) -> None:
    answer = browser.look("/n/nowhere")
    assert answer.status_code == 404
    assert "There is no network “nowhere”." in answer.text  # NetworkNotFound


def test_threads_are_paged(world: World, browser: Browser, clock: Clock) -> None:
    network = make.network(world, visibility="public")
    anna = make.member(world, network=network)
    for number in range(52):
        clock.move(minutes=1)
        make.post(world, network, anna, subject=f"Aihe {number:02}")
    first = browser.look("/n/viestijat").text
    assert "Aihe 51" in first
    assert "Aihe 01" not in first
    older = first.split("?after=")[1].split('"')[0]
    second = browser.look(f"/n/viestijat?after={older}").text
    assert "Aihe 01" in second
    assert "Aihe 02" not in second
    for after in ("rubbish", "1.0-99999999999999999999", "1.0-999999999999999999", "1.0--1", "1.0-", "nan-1", "-1e9-1"):
        assert browser.look(f"/n/viestijat?after={after}").status_code == 200


def test_the_mode_is_changed(world: World, browser: Browser) -> None:
    anna = make.member(world, network=make.network(world))
    at_home = browser.as_member(anna)
    answer = at_home.send("/n/viestijat/mode", {"mode": "daily", "next": "/me#n-viestijat"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/me#n-viestijat")
    assert rows(world, "SELECT mode FROM memberships") == [("daily",)]
    assert (
        at_home.send("/n/viestijat/mode", {"mode": "daily", "next": "//evil.example"}).headers["location"]
        == "/me#networks"
    )
    assert at_home.send("/n/viestijat/mode", {"mode": "hourly"}).status_code == 422  # BadChoice


def test_who_is_no_member_cannot_change_the_mode(world: World, browser: Browser) -> None:
    make.network(world)
    answer = browser.as_member(make.member(world, language="en")).send("/n/viestijat/mode", {"mode": "daily"})
    assert answer.status_code == 403
    assert "You are not a member of Järjestöviestijät." in answer.text
    assert "viestijat+owner@lists.example.org" in answer.text


def test_leaving(world: World, browser: Browser) -> None:
    anna = make.member(world, network=make.network(world))
    assert browser.as_member(anna).send("/n/viestijat/leave").status_code == 303
    assert rows(world, "SELECT count(*) FROM memberships") == [(0,)]


def test_today_marks_what_is_new_since_the_last_visit(world: World, browser: Browser, clock: Clock) -> None:
    network = make.network(world)
    anna = make.member(world, network=network, language="en")
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    make.post(world, network, ville, subject="Vanha")
    with world.database.transaction() as db:
        db.execute(update(Member).where(Member.id == anna.id).values(seen_at=clock.now))
    clock.move(days=1)
    make.post(world, network, ville, subject="Uusi")
    at_home = browser.as_member(anna)
    for _ in range(2):  # it stays marked while the visit lasts
        text = at_home.look("/").text
        assert (
            text.index("New since your last visit")
            < text.index("Uusi")
            < text.index("Latest discussions")
            < text.index("Vanha")
        )
        clock.move(minutes=11)
    assert at_home.cookies["parvi-since"]
    with world.database.reading() as db:
        assert db.get_one(Member, anna.id).seen_at == clock.now - timedelta(minutes=11)
    another_day = browser.as_member(anna)
    assert "Nothing new since" in another_day.look("/").text


def test_a_member_without_networks_is_shown_the_way(world: World, browser: Browser) -> None:
    text = browser.as_member(make.member(world, language="en")).look("/").text
    assert "You are not in any network yet." in text


def test_an_archived_network_says_so(world: World, browser: Browser) -> None:
    network = make.network(world)
    anna = make.member(world, network=network, language="en")
    with world.database.transaction() as db:
        db.execute(update(Network).values(state="archived"))
    text = browser.as_member(anna).look("/n/viestijat").text
    assert "has been archived" in text
    assert "/n/viestijat/new" not in text
