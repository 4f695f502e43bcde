"""Live pages: a page that is being read hears that something has come in its discussion, and fetches it as ever.

Each page has one stream of server-sent events (HTML Standard 9.2). It names the discussion and says nothing else: whether
its reader may see what is new is looked at when they fetch it, and anew whenever a stream has come to its end.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from forum.bell import listening
from forum.db import Database
from forum.threads import Version, versions

log = logging.getLogger("parvi.live")

LIFE_S = 240  # then the browser opens another, and whether they may still read is looked at
HEARTBEAT_S = 30  # some proxies hang up on who is silent for a minute
AGAIN_MS = 2000  # until the browser opens another
AGAIN_S = 1.0  # until the database is asked again
TOGETHER_S = 0.05  # what comes within is looked at together
AT_ONCE, OF_A_MEMBER, OF_AN_ADDRESS = 2000, 10, 50


@dataclass(eq=False, slots=True)
class Follower:
    """One open page."""

    who: str
    thread_id: int
    seen: Version
    has_news: bool = False
    rings: asyncio.Future[None] | None = None

    def ring(self) -> None:
        if self.rings and not self.rings.done():
            self.rings.set_result(None)


class Live:
    """All open pages of this process. One task listens for all of them, from the first one on."""

    def __init__(self, database: Database, random: Callable[[int], bytes]) -> None:
        self._database, self._random = database, random
        self._following: dict[int, set[Follower]] = {}
        self._open: Counter[str] = Counter()
        self._listening: asyncio.Task[None] | None = None
        self.is_over = False

    def stream(self, thread_id: int, seen: Version, member_id: int | None, peer: str) -> Response:
        """The answer to a page that wants to hear; to one too many 204, which tells it to go on asking by itself."""
        who, limit = (f"member {member_id}", OF_A_MEMBER) if member_id else (peer, OF_AN_ADDRESS)
        if self.is_over or self._open[who] >= limit or self._open.total() >= AT_ONCE:
            return Response(status_code=204)
        return Stream(self, Follower(who, thread_id, seen), LIFE_S + self._random(1)[0])

    @property
    def count(self) -> int:
        return self._open.total()

    def close(self) -> None:
        """All streams end."""
        self.is_over = True
        for follower in self._followers():
            follower.ring()
        if self._listening:
            self._listening.cancel()

    @contextmanager
    def following(self, follower: Follower) -> Iterator[None]:
        if self._listening is None and not self.is_over:
            self._listening = asyncio.create_task(self._listen())
        self._open[follower.who] += 1
        self._following.setdefault(follower.thread_id, set()).add(follower)
        try:
            yield
        finally:
            self._open -= Counter([follower.who])  # drops who has none left
            self._following[follower.thread_id].discard(follower)
            if not self._following[follower.thread_id]:
                del self._following[follower.thread_id]

    async def _listen(self) -> None:
        rung = asyncio.Event()
        async with listening(self._database, ["threads"], lambda _: rung.set()):
            while True:
                await rung.wait()
                rung.clear()
                if self._following:
                    await self._look(rung)
                    await asyncio.sleep(TOGETHER_S)

    async def _look(self, rung: asyncio.Event) -> None:
        try:
            found = await asyncio.to_thread(self._versions, list(self._following))
        except Exception as error:  # noqa: BLE001  the database is away: its time will come
            log.warning("looking for news: %s", type(error).__name__)
            await asyncio.sleep(AGAIN_S)
            rung.set()
            return
        for follower in self._followers():
            version = found.get(follower.thread_id, follower.seen)
            if version != follower.seen:
                follower.seen, follower.has_news = version, True
                follower.ring()

    def _versions(self, thread_ids: Sequence[int]) -> dict[int, Version]:
        with self._database.reading() as db:
            return versions(db, thread_ids)

    def _followers(self) -> list[Follower]:
        return [each for followers in self._following.values() for each in followers]


class Stream(Response):
    """An answer that lasts. It holds no thread and no transaction, and looks at nothing by itself."""

    media_type = "text/event-stream"

    def __init__(self, live: Live, follower: Follower, life_s: float) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._live, self._follower, self._life_s = live, follower, life_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        with self._live.following(self._follower):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _say(send, f"retry: {AGAIN_MS}\n\n")
            gone = asyncio.create_task(_until_gone(receive))
            await self._tell(send, gone)
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _tell(self, send: Send, gone: asyncio.Task[None]) -> None:
        loop, follower = asyncio.get_running_loop(), self._follower
        ends = loop.time() + self._life_s
        while not self._live.is_over and (left := ends - loop.time()) > 0:
            follower.rings = loop.create_future()
            if not follower.has_news:
                await asyncio.wait(
                    (follower.rings, gone), timeout=min(HEARTBEAT_S, left), return_when="FIRST_COMPLETED"
                )
            if gone.done():
                return
            said, follower.has_news = (f"data: {follower.thread_id}\n\n" if follower.has_news else ":\n\n"), False
            await _say(send, said)


async def _say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
