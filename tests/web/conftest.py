"""A browser for the tests: it keeps cookies, follows nothing by itself, and asks the application directly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from forum import members, sign_in
from forum.tables import Member, Network
from forum.web.app import create_app
from forum.world import World
from tests import make

HOME = "http://forum.example.org"


@dataclass
class Browser:
    world: World
    app: Starlette
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer: httpx.Response = anyio.run(self._ask, method, path, more)
        for name, value in answer.cookies.items():
            self.cookies[name] = value
        for dropped in [h for h in answer.headers.get_list("set-cookie") if "Max-Age=0" in h]:
            self.cookies.pop(dropped.partition("=")[0], None)
        return answer

    def look(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def send(self, path: str, form: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        headers = {"Sec-Fetch-Site": "same-origin"} | more.pop("headers", {})
        return self.ask("POST", path, data=dict(form or {}), headers=headers, **more)

    def as_member(self, member: Member) -> "Browser":
        """Another browser, in which this member is signed in."""
        with self.world.database.transaction() as db:
            token = sign_in.open_session(db, member, self.world.clock(), self.world.random)
        return Browser(self.world, self.app, {"parvi": token})

    def with_token(self, member: Member) -> "Program":
        with self.world.database.transaction() as db:
            found = members.find_member(db, members.addresses_of(db, member.id)[0].address)
            members.set_api_token(db, found, f"token-{member.id}")
        return Program(self, f"token-{member.id}")

    async def _ask(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url=HOME, cookies=self.cookies) as client:
            return await client.request(method, path, **more)


@dataclass
class Program:
    """What speaks JSON with a token."""

    browser: Browser
    token: str

    def look(self, path: str) -> httpx.Response:
        return self.browser.ask("GET", f"/api/v1{path}", headers=self._headers)

    def send(self, path: str, told: object, **headers: str) -> httpx.Response:
        return self.browser.ask("POST", f"/api/v1{path}", json=told, headers=self._headers | headers)

    def send_raw(self, path: str, body: bytes) -> httpx.Response:
        return self.browser.ask("POST", f"/api/v1{path}", content=body, headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture
def browser(world: World) -> Browser:
    """A visitor who reads English."""
    return Browser(world, create_app(world), {"parvi-language": "en"})


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world)


@pytest.fixture
def anna(world: World, network: Network) -> Member:
    return make.member(world, network=network, language="en")
