"""The figures for a Prometheus: what they say, and to whom."""

from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from forum import health, tallies
from forum.health import Disk
from forum.web.app import create_app
from forum.world import World
from mailbridge.incoming import Bridge
from mailbridge.outgoing import Outgoing
from mailbridge.worker import make_postman, make_writer
from tests import make
from tests.conftest import Clock
from tests.mailbridge.mails import mail, put_in


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the disk of whoever runs the tests."""
    monkeypatch.setattr(health, "room_in", lambda folder: Disk(100 * 10**9, 50 * 10**9))


def ask(world: World, *, peer: str = "127.0.0.1", host: str = "127.0.0.1:8000", **headers: str) -> httpx.Response:
    """As through uvicorn, which believes what proxies on this machine say of who asks."""

    async def go() -> httpx.Response:
        app = ProxyHeadersMiddleware(create_app(world), trusted_hosts="127.0.0.1")  # type: ignore[arg-type]
        transport = httpx.ASGITransport(app, client=(peer, 4711))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.get("/metrics", headers={k.replace("_", "-"): v for k, v in headers.items()})

    return anyio.run(go)


def figures(world: World) -> dict[str, float]:
    """As a Prometheus understands them."""
    found = {}
    for family in text_string_to_metric_families(ask(world).text):
        assert family.documentation.endswith(".")
        for sample in family.samples:
            labels = {value for name, value in sample.labels.items() if name not in ("pid", "version")}
            found[" ".join([sample.name.removeprefix("parvi_"), *labels])] = sample.value
    return found


def send_all(world: World) -> None:
    async def go() -> None:
        postman = make_postman(world)
        outgoing = Outgoing(world, make_writer(world), postman)
        while await outgoing.send_some():
            pass
        outgoing.close()

    anyio.run(go)


def test_what_is_told(world: World, clock: Clock) -> None:
    network = make.network(world, members=3)
    anna, bridge = make.member(world, network=network), Bridge(world)
    put_in(bridge, mail())
    put_in(bridge, mail(message_id="<two@example.org>", author="stranger@example.org"))
    bridge.work_through()
    send_all(world)
    make.post(world, network, anna)
    clock.move(seconds=90)
    put_in(bridge, mail(message_id="<three@example.org>"))
    clock.move(seconds=5)
    found = figures(world)
    told = {name: value for name, value in found.items() if not name.startswith(("process", "disk"))}
    assert {name: value for name, value in told.items() if value} == {
        "info": 1, "healthy": 1, "members": 4, "posts_total": 2, "mails_total posted": 1, "mails_total refused": 1,
        "copies_total sent": 4, "inbox_waiting": 1, "inbox_oldest_seconds": 5, "outbox_waiting": 3,
        "outbox_oldest_seconds": 95,
    }  # fmt: skip
    assert {"outbox_deferred", "inbox_failed", "streams_open", "copies_total deferred", "mails_total failed"} <= set(
        told
    )
    assert found["process_cpu_seconds_total"] > 0
    assert found["process_resident_bytes"] > 10_000_000
    assert found["disk_free_bytes"] == 50 * 10**9


def test_only_this_machine_itself_reads_them(world: World) -> None:
    answer = ask(world)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert ask(world, peer="::1", host="[::1]:8000").status_code == 200
    assert ask(world, host="localhost:8000").status_code == 200


@pytest.mark.parametrize(
    ("peer", "host", "headers"),
    [
        ("192.0.2.7", "127.0.0.1:8000", {}),
        ("127.0.0.1", "forum.example.org", {}),  # a proxy that only keeps the name; a page that resolves to here
        ("127.0.0.1", "127.0.0.1:8000", {"x_forwarded_for": "192.0.2.7"}),
        ("127.0.0.1", "127.0.0.1:8000", {"x_forwarded_for": "127.0.0.1"}),  # what a stranger wrote and a proxy left
        ("127.0.0.1", "127.0.0.1:8000", {"x_forwarded_for": "127.0.0.1, 192.0.2.7"}),
        ("127.0.0.1", "127.0.0.1:8000", {"x_forwarded_proto": "https"}),
        ("127.0.0.1", "127.0.0.1:8000", {"forwarded": "for=192.0.2.7"}),
        ("127.0.0.1", "127.0.0.1:8000", {"via": "1.1 proxy"}),
        ("192.0.2.7", "127.0.0.1:8000", {"x_forwarded_for": "127.0.0.1"}),
        ("127.0.0.1", "127.0.0.1:8000", {"x_real_ip": "192.0.2.7"}),
    ],
)
def test_for_all_others_there_is_no_such_page(world: World, peer: str, host: str, headers: dict[str, str]) -> None:
    answer = ask(world, peer=peer, host=host, accept_language="en", **headers)
    assert answer.status_code == 404
    assert "There is no such page." in answer.text
    assert "parvi_" not in answer.text


def test_a_token_opens_from_anywhere_and_nothing_else_does(world: World) -> None:
    settings = replace(world.settings, metrics_token="a long one")
    guarded = replace(world, settings=settings)
    assert ask(guarded, peer="192.0.2.7", authorization="Bearer a long one").status_code == 200
    assert ask(guarded, x_forwarded_for="192.0.2.7", authorization="bearer a long one").status_code == 200
    for headers in ({}, {"authorization": "Bearer another"}, {"authorization": "Basic a long one"}):
        answer = ask(guarded, accept_language="en", **headers)
        assert answer.status_code == 401, "also from this machine"
        assert "The token for the figures is missing or not right." in answer.text  # MetricsTokenWrong
        assert "parvi_" not in answer.text.replace("parvi_metrics", "")


def test_tallies_go_on_where_they_were(world: World, clock: Clock) -> None:
    for number in (2, 3):
        clock.move(minutes=1)
        with world.database.transaction() as db:
            tallies.count(db, {"a": number, "b": 0}, clock())
    with world.database.reading() as db:
        assert tallies.numbers(db) == {"a": 5}
        assert (tallies.last(db, "a"), tallies.last(db, "b")) == (clock(), None)


def test_no_disk_no_figure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    gone = replace(world, settings=replace(world.settings, data=Path("/nonexistent/data")))
    assert "disk_free_bytes" not in figures(gone)
