"""Reading a discussion, starting one, answering, following; and what is refused."""

import re

import pytest
from sqlalchemy import update

from forum import moving
from forum.errors import EmptyPost, NetworkArchived, NotAContact, NotAMember, Refusal, SubjectMissing, TextTooLong
from forum.posts import MAX_TEXT
from forum.tables import Member, Network, Post, Thread
from forum.world import World
from tests import make
from tests.conftest import Clock, rows
from tests.web.conftest import Browser


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world, members=3)


@pytest.fixture
def anna(world: World, network: Network) -> Member:
    return make.member(world, network=network, language="en")


@pytest.fixture
def at_home(browser: Browser, anna: Member) -> Browser:
    return browser.as_member(anna)


def test_wrong_words_lead_to_the_right_ones(world: World, network: Network, anna: Member, at_home: Browser) -> None:
    post = make.post(world, network, anna, subject="Hiljainen tieto!")
    right = f"/n/viestijat/{post.thread_id}-hiljainen-tieto"
    for wrong in (
        f"/n/viestijat/{post.thread_id}",
        f"/n/other/{post.thread_id}-x",
        f"/n/viestijat/{post.thread_id}-hil",
    ):
        answer = at_home.look(f"{wrong}?after=0")
        assert (answer.status_code, answer.headers["location"]) == (301, f"{right}?after=0")
    assert at_home.look(right).status_code == 200


def test_a_subject_without_letters_has_an_address_too(
    world: World, network: Network, anna: Member, at_home: Browser
) -> None:
    post = make.post(world, network, anna, subject="???")
    assert at_home.look(f"/n/viestijat/{post.thread_id}").status_code == 200


def test_what_has_moved_is_found_by_its_old_address(
    world: World, network: Network, anna: Member, at_home: Browser
) -> None:
    post, other = make.post(world, network, anna, text="Siirretty."), make.post(world, network, anna, subject="Muu")
    old, new = f"/n/viestijat/{post.thread_id}-hiljainen-tieto", f"/n/viestijat/{other.thread_id}-muu"
    for path in (old, new):
        at_home.look(path)
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, post.id), other.thread_id, anna)
    answer = at_home.look(old)
    assert (answer.status_code, answer.headers["location"]) == (301, new)
    assert "Siirretty." in at_home.look(new).text
    assert 'id="post-2"' in at_home.look(new).text
    assert at_home.send(old, {"text": "Vastaus vanhaan osoitteeseen"}).headers["location"] == f"{new}#post-3"


def test_a_page_of_a_discussion(world: World, network: Network, anna: Member, at_home: Browser) -> None:
    first = make.post(world, network, anna, text="# Otsikko\n\nMiten **te** sen teette?")
    make.post(
        world, network, anna, thread_id=first.thread_id, parent_id=first.id, came_by="mail",
        text="<script>alert(1)</script> Näin.", folded="> Miten te?\n", language="sv",
    )  # fmt: skip
    text = at_home.look(f"/n/viestijat/{first.thread_id}-hiljainen-tieto").text
    assert "<strong>te</strong>" in text
    assert "<h3>Otsikko</h3>" in text
    assert "<script>alert" not in text
    assert "sent to 3 by mail" in text
    assert "by mail</span>" in text
    assert 'href="#post-1"' in text
    assert '<details class="folded">' in text
    assert '<div class="text" lang="sv">' in text
    assert f'href="?reply={first.id}#reply"' in text
    assert "It goes to 3 members by mail" in text
    assert 'datetime="2026-11-23T06:09:00+00:00" title="Mon 23 Nov 2026 at 08:09"' in text


def test_long_discussions_are_paged_by_number(world: World, network: Network, anna: Member, at_home: Browser) -> None:
    first = make.post(world, network, anna, text="viesti 1.")
    for number in range(2, 53):
        last = make.post(world, network, anna, thread_id=first.thread_id, text=f"viesti {number}.", parent_id=first.id)
    path = f"/n/viestijat/{first.thread_id}-hiljainen-tieto"
    assert "viesti 51." not in at_home.look(path).text
    second = at_home.look(f"{path}?after=50").text
    assert "viesti 51." in second
    assert 'href="?after=0#post-1"' in second
    assert at_home.look(f"/p/{last.id}").headers["location"] == f"{path}?after=50#post-52"


def test_nothing_has_changed(world: World, network: Network, anna: Member, at_home: Browser, clock: Clock) -> None:
    post = make.post(world, network, anna)
    path = f"/n/viestijat/{post.thread_id}-hiljainen-tieto"
    at_home.look(path)
    tag = at_home.look(path).headers["etag"]
    again = at_home.look(path, If_None_Match=tag)
    assert (again.status_code, again.content) == (304, b"")
    at_home.send(f"/n/viestijat/{post.thread_id}/subscription", {"wanted": "mute"})
    assert at_home.look(path, If_None_Match=tag).status_code == 200
    clock.move(minutes=1)
    make.post(world, network, anna, thread_id=post.thread_id)
    assert at_home.look(path, If_None_Match=tag).status_code == 200


def test_an_etag_tells_strangers_nothing(
    world: World, network: Network, anna: Member, at_home: Browser, browser: Browser
) -> None:
    post = make.post(world, network, anna)
    path = f"/n/viestijat/{post.thread_id}-hiljainen-tieto"
    tag = at_home.look(path).headers["etag"]
    answer = browser.look(path, If_None_Match=tag)
    assert answer.status_code == 403  # MembersOnly
    assert "Only members can read Järjestöviestijät." in answer.text


def test_new_posts_come_as_a_piece(world: World, network: Network, anna: Member, at_home: Browser) -> None:
    first = make.post(world, network, anna, text="eka.")
    make.post(world, network, anna, thread_id=first.thread_id, text="toka.")
    answer = at_home.look(f"/n/viestijat/{first.thread_id}-hiljainen-tieto?posts=1")
    assert "toka." in answer.text
    assert "eka." not in answer.text
    assert answer.text.startswith("<article")
    assert "parvi-since" not in answer.headers.get("set-cookie", "")


def test_a_reply_goes_in_once_however_often_it_is_sent(
    world: World, network: Network, anna: Member, at_home: Browser
) -> None:
    post = make.post(world, network, anna)
    path = f"/n/viestijat/{post.thread_id}-hiljainen-tieto"
    page = at_home.look(f"{path}?reply={post.id}").text
    form = {
        "text": "Kiitos kysymästä,\r\nme teemme sen näin.",
        "form_key": re.findall(r'name="form_key" value="(\w+)"', page)[0],
    }
    for _ in range(2):
        answer = at_home.send(f"{path}?reply={post.id}", form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path}#post-2")
    at_home.send(path, form | {"text": "Ja toinen ajatus samalta sivulta."})
    assert rows(world, "SELECT number, parent_id, language, came_by FROM posts ORDER BY id") == [
        (1, None, "fi", "web"),
        (2, post.id, "fi", "web"),
        (3, None, "fi", "web"),
    ]
    assert rows(world, "SELECT text FROM posts WHERE number = 2") == [("Kiitos kysymästä,\nme teemme sen näin.",)]


def test_a_parent_from_elsewhere_is_no_parent(world: World, network: Network, anna: Member, at_home: Browser) -> None:
    post, other = make.post(world, network, anna), make.post(world, network, anna, subject="Muu")
    at_home.send(f"/n/viestijat/{post.thread_id}-hiljainen-tieto?reply={other.id}", {"text": "Hei"})
    assert rows(world, f"SELECT parent_id FROM posts WHERE thread_id = {post.thread_id}") == [(None,), (None,)]


def test_a_discussion_is_started(world: World, at_home: Browser) -> None:
    assert "It goes to 3 members by mail" in at_home.look("/n/viestijat/new").text
    answer = at_home.send("/n/viestijat/new", {"subject": "Kevään kokous", "text": "Missä tavataan?", "form_key": "k"})
    assert answer.headers["location"].endswith("-kevaan-kokous#post-1")
    assert rows(world, "SELECT count(*) FROM outbox") == [(3,)]


@pytest.mark.parametrize(
    ("form", "refusal", "field"),
    [
        ({"subject": "Aihe", "text": " "}, EmptyPost, "text"),
        ({"subject": " ", "text": "Teksti, jota ei saa kadottaa"}, SubjectMissing, "subject"),
        ({"subject": "Aihe", "text": "x" * (MAX_TEXT + 1)}, TextTooLong, "text"),
    ],
)
def test_what_is_refused_is_shown_again_with_the_sentence_at_the_field(
    at_home: Browser, form: dict[str, str], refusal: type[Refusal], field: str
) -> None:
    answer = at_home.send("/n/viestijat/new", form)
    assert answer.status_code == 422
    assert refusal.sentence.partition("%")[0] in answer.text
    assert f'role="alert" id="{field}-refused"' in answer.text
    assert f'aria-describedby="{field}-refused"' in answer.text
    for value in form.values():
        assert value.strip()[:100] in answer.text


def test_an_empty_reply_keeps_the_discussion_in_view(
    world: World, network: Network, anna: Member, at_home: Browser
) -> None:
    post = make.post(world, network, anna, text="Se alkuperäinen kysymys")
    answer = at_home.send(f"/n/viestijat/{post.thread_id}-hiljainen-tieto", {"text": ""})
    assert answer.status_code == 422
    assert "The message is empty." in answer.text
    assert "Se alkuperäinen kysymys" in answer.text


def test_who_may_not_write_keeps_what_was_typed(world: World, network: Network, anna: Member, browser: Browser) -> None:
    post = make.post(world, network, anna)
    other = browser.as_member(make.member(world, "ville@example.org", "Ville", language="en"))
    path = f"/n/viestijat/{post.thread_id}-hiljainen-tieto"
    assert "Only members of the network can answer here." in other.look(path).text
    assert other.send(path, {"text": "Pitkä viesti"}).status_code == NotAMember.status
    answer = other.send("/n/viestijat/new", {"subject": "Aihe", "text": "Pitkä viesti"})
    assert answer.status_code == 403
    assert "Pitkä viesti" in answer.text
    assert rows(world, "SELECT count(*) FROM posts") == [(1,)]


def test_where_only_contact_persons_write(world: World, browser: Browser) -> None:
    network = make.network(world, "tiedote", posting="contacts", visibility="public")
    kaisa = make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact")
    post = make.post(world, network, kaisa)
    other = browser.as_member(make.member(world, "ville@example.org", "Ville", network=network, language="en"))
    path = f"/n/tiedote/{post.thread_id}-hiljainen-tieto"
    assert "only the contact persons can write" in other.look(path).text
    assert other.send(path, {"text": "Hei"}).status_code == NotAContact.status
    assert browser.as_member(kaisa).send(path, {"text": "Hei"}).status_code == 303


def test_an_archived_network_takes_nothing(world: World, network: Network, anna: Member, at_home: Browser) -> None:
    with world.database.transaction() as db:
        db.execute(update(Network).values(state="archived"))
    answer = at_home.send("/n/viestijat/new", {"subject": "Aihe", "text": "Hei"})
    assert answer.status_code == NetworkArchived.status
    assert "has been archived" in answer.text


def test_a_closed_discussion_is_read_only(world: World, network: Network, anna: Member, at_home: Browser) -> None:
    post = make.post(world, network, anna)
    with world.database.transaction() as db:
        db.execute(update(Thread).values(locked_at=world.clock()))
    path = f"/n/viestijat/{post.thread_id}-hiljainen-tieto"
    assert "This discussion has been closed." in at_home.look(path).text
    answer = at_home.send(path, {"text": "Vielä yksi asia"})
    assert answer.status_code == 403  # ThreadLocked
    assert "Vielä yksi asia" in answer.text


def test_who_is_not_signed_in_does_not_write(world: World, network: Network, anna: Member, browser: Browser) -> None:
    with world.database.transaction() as db:
        db.execute(update(Network).values(visibility="public"))
    post = make.post(world, network, anna)
    path = f"/n/viestijat/{post.thread_id}-hiljainen-tieto"
    assert "Sign in to answer" in browser.look(path).text
    assert browser.send(path, {"text": "Hei"}).status_code == 401  # NotSignedIn
    answer = browser.look("/n/viestijat/new")
    assert answer.status_code == 401
    assert 'name="next" value="/n/viestijat/new"' in answer.text


def test_a_discussion_that_is_not_there(at_home: Browser) -> None:
    for path in ("/n/viestijat/9-x", "/n/viestijat/999999999999999999-x"):
        answer = at_home.look(path)
        assert answer.status_code == 404
        assert "There is no such discussion." in answer.text  # ThreadNotFound
    assert "There is no such message." in at_home.look("/p/9").text  # PostNotFound
    assert "There is no such page." in at_home.look("/p/9999999999999999999999").text  # PageNotFound


def test_following_muting_and_as_usual(world: World, network: Network, anna: Member, at_home: Browser) -> None:
    post = make.post(world, network, anna)
    path = f"/n/viestijat/{post.thread_id}-hiljainen-tieto"
    for wanted, sentence in (
        ("mute", "You have muted this discussion"),
        ("follow", "You follow this discussion"),
        ("usual", "You get every message by mail."),
    ):
        answer = at_home.send(f"/n/viestijat/{post.thread_id}/subscription", {"wanted": wanted})
        assert answer.headers["location"] == f"{path}#follow"
        assert sentence in at_home.look(path).text
    refused = at_home.send(f"/n/viestijat/{post.thread_id}/subscription", {"wanted": "shout"})
    assert refused.status_code == 422  # BadChoice


def test_an_unread_line_before_what_is_new(
    world: World, network: Network, anna: Member, browser: Browser, clock: Clock
) -> None:
    ville = make.member(world, "ville@example.org", "Ville", network=network)
    first = make.post(world, network, ville, text="vanha.")
    with world.database.transaction() as db:
        db.execute(update(Member).values(seen_at=clock.now))
    clock.move(hours=1)
    make.post(world, network, ville, thread_id=first.thread_id, text="uusi.")
    path = f"/n/viestijat/{first.thread_id}-hiljainen-tieto"
    text = browser.as_member(anna).look(path).text
    assert text.index("vanha.") < text.index('id="new"') < text.index("uusi.")
    assert 'id="new"' not in browser.as_member(ville).look(path).text


def test_who_got_a_message(world: World, network: Network, anna: Member, at_home: Browser) -> None:
    make.member(world, "kooste@example.org", "Kooste", network=network, mode="daily")
    post = make.post(world, network, anna)
    text = at_home.look(f"/p/{post.id}/deliveries").text
    assert "You wrote it yourself" in text
    assert re.search(r"By mail: on its way</th><td class=\"number\">3<", text)
    assert re.search(r"In a digest</th><td class=\"number\">1<", text)
