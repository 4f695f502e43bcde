"""`parvi check` against real servers on loopback: a name server, a relay, pages behind TLS; and a mail that goes round."""

import asyncio
import base64
import http.server
import json
import os
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import dkim as library
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from forum import VERSION
from forum.commands import check
from forum.commands.check import look_at_all
from forum.doctor import Finding
from forum.settings import Settings, read_settings
from forum.world import World, open_world
from mailbridge import examine, resolver
from mailbridge.addresses import Addresses
from mailbridge.dkim import load_keys
from mailbridge.doctor import on_loop
from mailbridge.incoming import Arrival, Bridge
from mailbridge.loop import go_round
from tests.conftest import rows
from tests.mailbridge.mails import bring, fate_of, mail, put_in
from tests.mailbridge.name_server import NameServer, name_server
from tests.mailbridge.relay import Cut, Relay, Said, Script, certificate
from tests.ports import free_port
from tests.test_commands import Parvi, parvi

__all__ = ["parvi"]


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as server:
        server.set("forum.example.org", "A", "192.0.2.1")
        server.set("lists.example.org", "MX", "10 mx.example.org.", "20 mx2.example.org.")
        server.set("mx.example.org", "A", "192.0.2.2")
        server.set("mx2.example.org", "AAAA", "2001:db8::2")
        server.text("lists.example.org", "v=spf1 ip4:8.8.4.0/24 -all")
        server.text("_dmarc.example.org", "v=DMARC1; p=reject; sp=quarantine")
        yield server


@pytest.fixture
def place(tmp_path: Path, names: NameServer) -> Settings:
    return Settings(
        data=tmp_path / "data",
        base_url="https://forum.example.org",
        mail_domain="lists.example.org",
        dns=names.address,
        relay="smtp://8.8.4.4",
        secret="not so secret",
    )


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.state, finding.found) for finding in findings]


def test_dns(place: Settings, names: NameServer) -> None:
    assert told(list(examine.dns(place))) == [
        ("ok", "forum.example.org is 192.0.2.1."),
        ("ok", "Mail to lists.example.org goes to mx.example.org, mx2.example.org."),
    ]
    names.set("lists.example.org", "MX", "0 .")
    names.records.pop(("forum.example.org", "A"))
    assert [state for state, _ in told(list(examine.dns(place)))] == ["wrong", "wrong"]
    by_number = replace(place, base_url="https://192.0.2.1")
    assert len(list(examine.dns(by_number))) == 1


def test_spf(place: Settings) -> None:
    assert told(list(examine.spf(place))) == [("ok", "“v=spf1 ip4:8.8.4.0/24 -all” names the relay.")]
    [elsewhere] = examine.spf(replace(place, relay="smtps://8.8.8.8"))
    assert (elsewhere.state, "8.8.8.8: fail" in elsewhere.found) == ("warning", True)
    for near in ("smtp://127.0.0.1", "smtp://localhost:2525", ""):
        [finding] = examine.spf(replace(place, relay=near))
        assert "cannot be seen from here" in finding.found


def test_dkim(place: Settings, names: NameServer, tmp_path: Path) -> None:
    signed = with_keys(place, tmp_path)
    assert [state for state, _ in told(list(examine.dkim(signed)))] == ["wrong", "wrong"]
    for key, kind in zip(load_keys(signed.dkim_key, signed.dkim_selector), ("rsa", "ed25519"), strict=True):
        record = f"v=DKIM1; k={kind}; p={base64.b64encode(key.published).decode()}"
        names.text(f"{key.selector}._domainkey.lists.example.org", record)
    assert [state for state, _ in told(list(examine.dkim(signed)))] == ["ok", "ok"]
    assert [state for state, _ in told(list(examine.dkim(place)))] == ["warning"]


def with_keys(settings: Settings, folder: Path) -> Settings:
    """RSA and Ed25519."""
    for name, key in (
        ("rsa", rsa.generate_private_key(65537, 2048)),
        ("ed", ed25519.Ed25519PrivateKey.generate()),
    ):
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / name).write_bytes(pem)
        (folder / name).chmod(0o600)
    return replace(settings, dkim_key=f"{folder / 'rsa'}, {folder / 'ed'}", dkim_selector="one,two")


def test_dmarc(place: Settings, names: NameServer) -> None:
    assert told(list(examine.dmarc(place))) == [("ok", "The policy of lists.example.org is quarantine.")]
    names.text("_dmarc.lists.example.org", "v=DMARC1; p=none")
    assert told(list(examine.dmarc(place))) == [("ok", "The policy of lists.example.org is none.")]


class Health(http.server.BaseHTTPRequestHandler):
    status, told = 503, json.dumps({"ok": False, "version": VERSION})

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.told.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def pages(told: str, context: ssl.SSLContext | None = None) -> Iterator[str]:
    kind = type("Told", (Health,), {"told": told})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"{'https' if context else 'http'}://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def looked_at_pages(settings: Settings, url: str) -> list[tuple[str, str]]:
    return told(list(examine.pages(replace(settings, base_url=url))))


def test_pages_that_answer(place: Settings) -> None:
    with pages(Health.told) as url:
        assert looked_at_pages(place, url) == [("ok", f"{url} answers.")]
    for other in ("<h1>It works!</h1>", "{}", "[]", "", "\0"):
        with pages(other) as url:
            assert looked_at_pages(place, url) == [("wrong", f"{url} answers, but it is not Parvi that does.")]
    [(state, found)] = looked_at_pages(place, f"http://127.0.0.1:{free_port()}")
    assert (state, "Connection refused" in found) == ("wrong", True)


def test_pages_behind_tls(place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pages(Health.told, certificate(tmp_path, "localhost")) as url:
        [(state, found)] = looked_at_pages(place, url)
        assert (state, "self-signed certificate" in found) == ("wrong", True)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert looked_at_pages(place, url) == [
            ("wrong", f"The certificate of {url} is valid for 0 more days."),
            ("ok", f"{url} answers."),
        ]


def look_at_relay(settings: Settings, relay: Relay, user: str = "", host: str = "127.0.0.1") -> tuple[str, str]:
    async def go() -> list[Finding]:
        async with relay.serving():
            there = replace(settings, relay=f"{'lmtp' if relay.lmtp else 'smtp'}://{user}{host}:{relay.port}")
            return await asyncio.to_thread(lambda: list(examine.relay(there)))

    [finding] = asyncio.run(go())
    return finding.state, finding.found


def no(verb: str) -> Script:
    def script(asked: str, argument: str, time: int) -> Said:
        return "535 5.7.8 no" if asked == verb else None

    return script


def test_relays(place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look_at_relay(place, Relay()) == ("ok", "127.0.0.1 answers.")
    assert look_at_relay(place, Relay(lmtp=True)) == ("ok", "127.0.0.1 answers.")
    with_login = ("PIPELINING", "AUTH PLAIN")
    assert look_at_relay(place, Relay(extensions=with_login), "u:p@")[0] == "ok"
    refusing = Relay(extensions=with_login, script=no("AUTH"))
    assert look_at_relay(place, refusing, "u:p@") == ("wrong", "127.0.0.1 does not take the password: 535 5.7.8 no.")
    hanging_up = Relay(script=lambda verb, argument, time: Cut())
    assert look_at_relay(place, hanging_up)[0] == "wrong"
    monkeypatch.setattr("mailbridge.doctor.NEAR", ())
    assert look_at_relay(place, Relay())[0] == "warning"
    tls = certificate(tmp_path)
    secure = Relay(extensions=("STARTTLS",), tls=tls)
    state, found = look_at_relay(place, secure)
    assert (state, "self-signed" in found) == ("warning", True)
    assert next(examine.relay(replace(place, relay=""))).state == "wrong"


# A mail to ourselves


class Round:
    """A relay that hands on to the bridge what it is given, as it may do in earnest; or not."""

    def __init__(self, world: World, *, hands_on: bool = True, works: bool = True, bounces: bool = False) -> None:
        self._bridge, self._hands_on, self._works, self._bounces = Bridge(world), hands_on, works, bounces
        self.relay = Relay()

    async def go(self, world: World, seconds: float = 3.0) -> Finding:
        async with self.relay.serving():
            there = replace(world, settings=replace(world.settings, relay=f"smtp://127.0.0.1:{self.relay.port}"))
            going = asyncio.create_task(asyncio.to_thread(go_round, there, seconds))
            while not self.relay.accepted and not going.done():
                await asyncio.sleep(0.01)
            await asyncio.to_thread(self._hand_on)
            return on_loop(await going)

    def _hand_on(self) -> None:
        for recipient, content in self.relay.accepted if self._hands_on else []:
            self._bridge.check_recipient(recipient.upper())
            raw = DSN.replace(b"WHO", recipient.encode()) if self._bounces else content
            self._bridge.store(Arrival(recipient, [recipient.upper()], raw, "192.0.2.1"))
        while self._works and self._bridge.work_through():
            pass


DSN = b"""\
From: MAILER-DAEMON@mx.example.org\r
To: WHO\r
Subject: Undelivered Mail Returned to Sender\r
Content-Type: multipart/report; report-type=delivery-status; boundary=x\r
\r
--x\r
Content-Type: text/plain\r
\r
No.\r
--x\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.org\r
\r
Final-Recipient: rfc822; WHO\r
Action: failed\r
Status: 5.7.1\r
--x--\r
"""


def test_a_mail_goes_round_and_becomes_no_post(world: World) -> None:
    finding = asyncio.run(Round(world).go(world))
    assert (finding.state, finding.cure) == ("ok", ""), finding
    assert "went out and came in" in finding.found
    assert rows(world, "SELECT fate, reason FROM inbox") == [("ignored", "a mail of “parvi check” to ourselves")]
    assert rows(world, "SELECT count(*) FROM outbox") == [(0,)]
    assert rows(world, "SELECT count(*) FROM posts") == [(0,)]


@pytest.mark.parametrize(
    ("way", "seconds", "words"),
    [
        ({"hands_on": False}, 0.3, "has not come in"),
        ({"works": False}, 0.3, "nobody works it through"),
        ({"bounces": True}, 3.0, "came back: bounced: b+c."),
    ],
)
def test_a_mail_that_does_not_go_round(world: World, way: dict[str, bool], seconds: float, words: str) -> None:
    finding = asyncio.run(Round(world, **way).go(world, seconds))
    assert (finding.state, words in finding.found) == ("wrong", True), finding
    assert finding.cure


def test_a_relay_that_takes_nothing(world: World) -> None:
    refused = Round(world)
    refused.relay.script = lambda verb, argument, time: "550 5.7.1 not you" if verb == "RCPT" else None
    finding = asyncio.run(refused.go(world))
    assert (finding.state, "550 5.7.1 not you" in finding.found) == ("wrong", True)
    away = replace(world, settings=replace(world.settings, relay=f"smtp://127.0.0.1:{free_port()}"))
    assert "could not be reached" in on_loop(go_round(away, 1)).found


def test_it_is_signed_as_all_our_mail(world: World, tmp_path: Path) -> None:
    signing = replace(world, settings=with_keys(world.settings, tmp_path))
    way = Round(signing)
    assert asyncio.run(way.go(signing)).state == "ok"
    [(_, raw)] = way.relay.accepted
    published = {
        f"{key.selector}._domainkey.lists.example.org.".encode(): b"v=DKIM1; k="
        + (b"rsa" if key.algorithm.startswith("rsa") else b"ed25519") + b"; p=" + base64.b64encode(key.published)
        for key in load_keys(signing.settings.dkim_key, signing.settings.dkim_selector)
    }  # fmt: skip
    assert len(message_from_bytes(raw).get_all("DKIM-Signature", [])) == 2
    signatures = library.DKIM(raw)
    assert [signatures.verify(n, dnsfunc=lambda name, timeout=5: published.get(name)) for n in range(2)] == [True, True]


def test_what_strangers_send_there_proves_nothing(world: World) -> None:
    """The address is signed, and whoever learns one can do nothing with it but be ignored."""
    addresses, bridge = Addresses("lists.example.org", world.tokens), Bridge(world)
    assert addresses.read(addresses.check(7).upper().replace("LISTS.EXAMPLE.ORG", "lists.example.org"))
    assert addresses.read("b+c.aaaaaaaaaaaaaaaaaaaaaaa@lists.example.org") is None
    assert addresses.read(addresses.bounce(7).replace("b+", "b+c.")) is None, "a token is for one purpose"
    [fate] = bring(bridge, mail(), addresses.check(7))
    assert fate.fate == "ignored"
    assert fate_of(world, put_in(bridge, mail(), addresses.check(7))[0]).fate is None


# All of it


def test_nothing_that_hangs_or_breaks_keeps_the_rest_from_being_told(
    place: Settings, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.is_down = True
    monkeypatch.setattr(resolver, "QUERY_S", 0.1)
    monkeypatch.setattr(check, "CHECK_S", 0.6)
    monkeypatch.setattr(examine, "relay", hang)
    place = replace(place, base_url=f"http://127.0.0.1:{free_port()}", database_url="postgresql://x@127.0.0.1:9/x")
    began = time.monotonic()
    findings = {finding.about: finding for finding in look_at_all(place, 0)}
    assert time.monotonic() - began < 3
    assert list(findings) == ["settings", "rights", "disk", "database", "dns", "spf", "dkim", "dmarc", "pages", "relay"]
    assert all(findings[about].state == "wrong" for about in ("database", "dns", "spf", "dmarc", "pages", "relay"))
    assert "no answer in time about" in findings["dns"].found
    assert findings["relay"].found == "There was no answer in time."
    assert "PARVI_DATABASE_URL" in findings["database"].cure


def hang(settings: Settings) -> Iterator[Finding]:
    time.sleep(5)
    yield from ()


def test_a_database_without_its_schema(place: Settings) -> None:
    findings = list(check._asked("database", lambda: check._database(place)))
    assert told(findings) == [("wrong", "The database is empty.")]


def test_as_a_command(parvi: Parvi, names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARVI_DNS", names.address)
    monkeypatch.setenv("PARVI_CAUGHT_MAIL", "caught")
    monkeypatch.setenv("PARVI_BASE_URL", f"http://127.0.0.1:{free_port()}")
    os.chmod(parvi.folder / "data", 0o700)
    said = parvi("check", "--json", status=1)
    found = [json.loads(line) for line in said.splitlines()]
    assert all(set(each) == {"check", "state", "found", "cure"} for each in found)
    states = {(each["check"], each["state"]) for each in found}
    assert {("database", "ok"), ("queues", "ok"), ("rights", "ok"), ("dns", "ok"), ("relay", "wrong")} <= states
    assert ("loop", "wrong") not in states, "where nothing is sent, nothing can come round"
    assert rows_of_attempts(parvi) == 1
    words = parvi("check", status=1)
    assert "WRONG   relay     PARVI_CAUGHT_MAIL is set" in words
    assert "\n                  Unset it." in words


def rows_of_attempts(parvi: Parvi) -> int:
    """What the check of writing left, until it is swept away."""
    world = open_world(read_settings())
    try:
        return len(rows(world, "SELECT id FROM attempts"))
    finally:
        world.database.close()


def test_all_well_is_status_0(parvi: Parvi, names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    well = Finding("dns", "ok", "Fine."), Finding("spf", "warning", "Hm.", "Mend it.")
    monkeypatch.setattr(check, "look_at_all", lambda settings, wait: well)
    assert parvi("check").splitlines() == ["ok      dns       Fine.", "WARNING spf       Hm.", " " * 18 + "Mend it."]


def test_a_secret_others_can_read(parvi: Parvi) -> None:
    (parvi.folder / "data" / "secret").chmod(0o644)
    assert stat.S_IMODE((parvi.folder / "data" / "secret").stat().st_mode) == 0o644
    said = parvi("check", "--json", "--wait", "0", status=1)
    secrets = [each for each in map(json.loads, said.splitlines()) if "The secret" in each["found"]]
    assert [each["state"] for each in secrets] == ["wrong"]
