"""Live pages: a stream says when there is something in a discussion, to who may read it, and never keeps anybody waiting."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette

from forum import memberships, sign_in, threads
from forum.tables import Member, Network, Post
from forum.web import live
from forum.world import World
from tests import make
from tests.web.conftest import Browser


class Stream:
    """One open page, speaking to the application as a server does."""

    def __init__(self, app: Starlette, path: str, cookie: str = "", peer: str = "192.0.2.1") -> None:
        self.status, self.headers, self.body = 0, dict[str, str](), b""
        self._changed, self._gone = asyncio.Event(), asyncio.Event()
        headers = [(b"host", b"forum.example.org"), (b"cookie", cookie.encode())]
        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
            "client": (peer, 1), "server": ("forum.example.org", 80), "scheme": "http", "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        self.body += message.get("body", b"")
        self._changed.set()

    async def has(self, said: bytes, times: int = 1, within: float = 2) -> None:
        async with asyncio.timeout(within):
            while self.body.count(said) < times:
                self._changed.clear()
                await self._changed.wait()

    async def opened(self) -> "Stream":
        await self.has(b"retry:")
        return self

    async def hangs_up(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self.task, 2)


@pytest.fixture
def post(world: World, network: Network, anna: Member) -> Post:
    return make.post(world, network, anna)


def path_of(post: Post) -> str:
    return f"/n/viestijat/{post.thread_id}/news"


def cookie_of(world: World, member: Member) -> str:
    with world.database.transaction() as db:
        return f"parvi={sign_in.open_session(db, member, world.clock(), world.random)}"


def streaming(browser: Browser, body: Callable[[], Awaitable[None]]) -> None:
    async def go() -> None:
        try:
            await body()
        finally:
            browser.app.state.site.live.close()
            await asyncio.sleep(0)

    asyncio.run(go())


def test_a_new_message_is_told_to_who_reads_and_to_nobody_else(
    browser: Browser, world: World, network: Network, anna: Member, post: Post
) -> None:
    other, cookie = make.post(world, network, anna, subject="Muu"), cookie_of(world, anna)

    async def body() -> None:
        reader, elsewhere = [await Stream(browser.app, path_of(each), cookie).opened() for each in (post, other)]
        for number in (1, 2):
            await asyncio.to_thread(make.post, world, network, anna, thread_id=post.thread_id)
            await reader.has(b"data: %d\n\n" % post.thread_id, times=number)
        assert b"data" not in elsewhere.body
        assert b"Hiljainen" not in reader.body, "what it says, the page fetches itself"
        for stream in (reader, elsewhere):
            await stream.hangs_up()

    streaming(browser, body)


def test_a_change_is_told_too(browser: Browser, world: World, anna: Member, post: Post) -> None:
    cookie = cookie_of(world, anna)

    def lock() -> None:
        with world.database.transaction() as db:
            threads.find_thread(db, post.thread_id).locked_at = world.clock()

    async def body() -> None:
        reader = await Stream(browser.app, path_of(post), cookie).opened()
        await asyncio.to_thread(lock)
        await reader.has(b"data: ")

    streaming(browser, body)


def test_what_came_while_the_stream_was_opened_is_told(
    browser: Browser, world: World, network: Network, anna: Member, post: Post
) -> None:
    """The page asks once more when its stream is open; from then on the stream knows better than the page."""
    cookie = cookie_of(world, anna)

    async def body() -> None:
        first = await Stream(browser.app, path_of(post), cookie).opened()
        await asyncio.to_thread(make.post, world, network, anna, thread_id=post.thread_id)
        second = await Stream(browser.app, path_of(post), cookie).opened()
        await first.has(b"data: ")
        await asyncio.to_thread(make.post, world, network, anna, thread_id=post.thread_id)
        await second.has(b"data: ")

    streaming(browser, body)


def test_how_it_is_sent(browser: Browser, world: World, anna: Member, post: Post) -> None:
    cookie = cookie_of(world, anna)

    async def body() -> None:
        reader = await Stream(browser.app, path_of(post), cookie).opened()
        assert reader.status == 200
        assert reader.headers["content-type"].startswith("text/event-stream")
        assert (reader.headers["cache-control"], reader.headers["x-accel-buffering"]) == ("no-store", "no")
        assert "connect-src 'self'" in reader.headers["content-security-policy"]
        assert "content-length" not in reader.headers
        await reader.hangs_up()

    assert browser.as_member(anna).ask("HEAD", path_of(post)).status_code == 200, "and is over at once"
    streaming(browser, body)


def test_who_may_not_read_hears_nothing(browser: Browser, world: World, post: Post) -> None:
    assert browser.look(path_of(post)).status_code == 403
    assert (
        browser.as_member(make.member(world, "eve@example.org", "Eve")).look("/n/viestijat/99/news").status_code == 404
    )


def test_a_stream_ends_and_whoever_was_thrown_out_gets_no_other(
    browser: Browser, world: World, anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LIFE_S", -254.9)  # chance adds up to 255
    closed = make.network(world, "suljettu", visibility="private")
    make.member(world, "ville@example.org", "Ville", network=closed)
    with world.database.transaction() as db:
        memberships.join(db, closed, anna, world.clock())
    post, cookie = make.post(world, closed, anna), cookie_of(world, anna)
    path = path_of(post).replace("viestijat", "suljettu")

    async def body() -> None:
        reader = await Stream(browser.app, path, cookie).opened()
        await asyncio.wait_for(reader.task, 2)
        await asyncio.to_thread(_leave, world, closed, anna)
        again = Stream(browser.app, path, cookie)
        await asyncio.wait_for(again.task, 2)
        assert again.status == 404

    streaming(browser, body)


def _leave(world: World, network: Network, member: Member) -> None:
    with world.database.transaction() as db:
        memberships.leave(db, network, member, world.clock())


@pytest.mark.parametrize(
    ("limited", "who"), [("OF_A_MEMBER", "a member"), ("OF_AN_ADDRESS", "a stranger"), ("AT_ONCE", "a member")]
)
def test_one_too_many_is_told_to_ask_by_itself(
    browser: Browser, world: World, anna: Member, monkeypatch: pytest.MonkeyPatch, limited: str, who: str
) -> None:
    monkeypatch.setattr(live, limited, 2)
    network = make.network(world, "julkinen", visibility="public")
    public = make.post(world, network, make.member(world, "ville@example.org", "Ville", network=network))
    cookie = cookie_of(world, anna) if who == "a member" else ""

    async def body() -> None:
        first, second = [await Stream(browser.app, path_of(public), cookie).opened() for _ in range(2)]
        third = Stream(browser.app, path_of(public), cookie)
        await asyncio.wait_for(third.task, 2)
        assert third.status == 204
        await first.hangs_up()
        await Stream(browser.app, path_of(public), cookie).opened()
        await second.hangs_up()

    streaming(browser, body)


def test_who_is_silent_for_long_gets_a_sign_of_life(
    browser: Browser, world: World, anna: Member, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.02)
    cookie = cookie_of(world, anna)

    async def body() -> None:
        reader = await Stream(browser.app, path_of(post), cookie).opened()
        await reader.has(b":\n\n", times=3)

    streaming(browser, body)


def test_all_end_at_once_when_the_server_stops(browser: Browser, world: World, anna: Member, post: Post) -> None:
    cookie = cookie_of(world, anna)

    async def body() -> None:
        readers = [await Stream(browser.app, path_of(post), cookie).opened() for _ in range(3)]
        began = time.monotonic()
        browser.app.state.site.live.close()
        await asyncio.wait_for(asyncio.gather(*(reader.task for reader in readers)), 1)
        assert time.monotonic() - began < 0.1
        late = Stream(browser.app, path_of(post), cookie)
        await asyncio.wait_for(late.task, 2)
        assert late.status == 204

    streaming(browser, body)


def test_trouble_with_the_database_passes(
    browser: Browser, world: World, network: Network, anna: Member, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = cookie_of(world, anna)
    look, troubles = threads.versions, [True]

    def versions(*given: Any) -> Any:
        if troubles:
            troubles.clear()
            raise OSError("the database is away")
        return look(*given)

    monkeypatch.setattr(live, "AGAIN_S", 0.01)
    monkeypatch.setattr(live, "versions", versions)

    async def body() -> None:
        reader = await Stream(browser.app, path_of(post), cookie).opened()
        await asyncio.to_thread(make.post, world, network, anna, thread_id=post.thread_id)
        await reader.has(b"data: ")

    streaming(browser, body)
