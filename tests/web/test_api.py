"""The JSON API: what it answers, whom it refuses, and that it describes itself honestly."""

import re

import pytest

from forum import memberships
from forum.tables import Member, Network
from forum.web import forms
from forum.world import World
from tests import make
from tests.conftest import rows
from tests.web.conftest import Browser, Program


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world, members=2)


@pytest.fixture
def anna(world: World, network: Network) -> Member:
    return make.member(world, network=network, language="en")


@pytest.fixture
def program(browser: Browser, anna: Member) -> Program:
    return browser.with_token(anna)


def test_networks(program: Program) -> None:
    told = program.look("/networks").json()
    assert told["next"] is None
    assert told["items"][0]["slug"] == "viestijat"
    assert told["items"][0]["members"] == 3
    assert program.look("/networks/viestijat").json() == told["items"][0]


def test_a_discussion_is_started_and_answered(world: World, program: Program) -> None:
    answer = program.send("/networks/viestijat/threads", {"subject": "Aihe", "text": "Kysymys, **tärkeä**"})
    assert answer.status_code == 201
    post = answer.json()
    assert answer.headers["location"] == f"http://forum.example.org/api/v1/posts/{post['id']}"
    assert set(post) >= {
        "id", "thread", "parent", "author", "sent_at", "language", "text", "html", "folded", "attachments",
        "came_by", "message_id", "url",
    }  # fmt: skip
    assert (post["came_by"], post["parent"], post["author"]["name"]) == ("api", None, "Anna Virtanen")
    reply = program.send(f"/threads/{post['thread']}/posts", {"text": "Vastaus", "parent": post["id"]}).json()
    assert reply["parent"] == post["id"]
    assert [item["id"] for item in program.look(f"/threads/{post['thread']}").json()["items"]] == [
        post["id"],
        reply["id"],
    ]
    assert program.look(f"/posts/{post['id']}").json() == post
    assert program.look("/networks/viestijat/threads").json()["items"][0]["posts"] == 2


def test_deliveries(world: World, program: Program, network: Network, anna: Member) -> None:
    post = make.post(world, network, anna)
    assert program.look(f"/posts/{post.id}/deliveries").json() == {
        "each": 2, "digest": 0, "muted": 0, "web": 0, "author": 1, "left": 0,
        "sent": 0, "waiting": 2, "deferred": 0, "bounced": 0, "of": 3,
    }  # fmt: skip


def test_long_lists_go_on(world: World, program: Program, network: Network, anna: Member) -> None:
    first = make.post(world, network, anna)
    for _ in range(50):
        make.post(world, network, anna, thread_id=first.thread_id)
    page = program.look(f"/threads/{first.thread_id}").json()
    assert (len(page["items"]), page["next"]) == (50, "50")
    rest = program.look(f"/threads/{first.thread_id}?after=50").json()
    assert (len(rest["items"]), rest["next"]) == (1, None)


def test_the_same_key_is_the_same_post(world: World, program: Program) -> None:
    told = {"subject": "Aihe", "text": "Kysymys"}
    ids = {program.send("/networks/viestijat/threads", told, **{"Idempotency-Key": "k"}).json()["id"] for _ in range(2)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/networks/nowhere", 404, "NetworkNotFound"),
        ("/threads/99", 404, "ThreadNotFound"),
        ("/posts/99", 404, "PostNotFound"),
        ("/posts/x", 404, "PageNotFound"),
        ("/posts/99/deliveries", 404, "PostNotFound"),
    ],
)
def test_what_is_not_there(program: Program, path: str, status: int, error: str) -> None:
    answer = program.look(path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["message"].endswith(".")


def test_what_is_refused(world: World, program: Program, network: Network, anna: Member) -> None:
    post, other = make.post(world, network, anna), make.post(world, network, anna, subject="Muu")
    make.network(world, "muu", name="Muu", visibility="public")
    for path, told, error in (
        ("/networks/viestijat/threads", {"text": "Hei"}, "SubjectMissing"),
        ("/networks/viestijat/threads", {"subject": "A", "text": ""}, "EmptyPost"),
        ("/networks/viestijat/threads", {"subject": "A", "text": 7}, "FormIncomplete"),
        ("/networks/viestijat/threads", ["A"], "FormIncomplete"),
        ("/networks/muu/threads", {"subject": "A", "text": "B"}, "NotAMember"),
        (f"/threads/{post.thread_id}/posts", {"text": "A", "parent": other.id}, "PostNotFound"),
        (f"/threads/{post.thread_id}/posts", {"text": "A", "parent": "x"}, "FormIncomplete"),
        (f"/threads/{post.thread_id}/posts", {"text": "A", "parent": 10**30}, "FormIncomplete"),
    ):
        assert program.send(path, told).json()["error"] == error
    assert rows(world, "SELECT count(*) FROM posts") == [(2,)]


def test_who_has_no_token(world: World, browser: Browser, program: Program, network: Network, anna: Member) -> None:
    post = make.post(world, network, anna)
    assert browser.look("/api/v1/networks").status_code == 200
    assert browser.look(f"/api/v1/posts/{post.id}").json()["error"] == "MembersOnly"
    written = browser.ask("POST", "/api/v1/networks/viestijat/threads", json={"subject": "A", "text": "B"})
    assert (written.status_code, written.json()["error"]) == (401, "BadToken")
    assert Program(browser, "wrong").look("/networks").status_code == 401
    signed_in = browser.as_member(anna)
    assert signed_in.look(f"/api/v1/posts/{post.id}").status_code == 403, "a cookie counts for nothing here"


def test_without_a_token_no_body_is_read(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "read", None)
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = browser.ask("POST", "/api/v1/networks/viestijat/threads", content=b"{" * 9, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "BadToken")


def test_a_body_is_a_megabyte_at_most(program: Program) -> None:
    answer = program.send("/networks/viestijat/threads", {"subject": "A", "text": "x" * 1_000_000})
    assert (answer.status_code, answer.json()["error"]) == (413, "UploadTooLarge")


def test_it_describes_itself(world: World, program: Program, network: Network, anna: Member) -> None:
    post = make.post(world, network, anna)
    with world.database.transaction() as db:
        memberships.join(db, network, anna, world.clock(), role="contact")
    told = program.look("/openapi.json").json()
    for path, methods in told["paths"].items():
        for method in methods:
            real = re.sub(r"\{slug\}", "viestijat", path)
            real = real.replace("{thread}", str(post.thread_id)).replace("{post}", str(post.id))
            answer = program.look(real) if method == "get" else program.send(real, {"subject": "A", "text": "B"})
            assert str(answer.status_code) in methods[method]["responses"]
            assert {p["name"] for p in methods[method]["parameters"] if p["in"] == "path"} == set(
                re.findall(r"\{(\w+)\}", path)
            )
