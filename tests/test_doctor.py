"""What the doctor makes of what was found: a table for each rule."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from forum import doctor
from forum.doctor import Finding
from forum.health import Disk, Health, Waiting
from forum.settings import Settings
from mailbridge import doctor as mail_doctor
from mailbridge.dkim import Key
from mailbridge.doctor import Loop, Pages, RelayFound

GB = 10**9
GOOD = Settings(
    base_url="https://forum.example.org", mail_domain="lists.example.org", operator="op@example.net",
    trusted_mta="mx.example.org",
)  # fmt: skip


def check(finding: Finding, state: str, *words: str) -> None:
    """What is not well has a cure, and what is well needs none."""
    assert finding.state == state, finding
    assert bool(finding.cure) == (state != "ok"), finding
    for word in words:
        assert word in finding.found + " " + finding.cure, finding


@pytest.mark.parametrize(
    ("trouble", "state", "words"),
    [
        ("", "ok", ["version 0003"]),
        ("The database is empty. Run “parvi migrate” to set it up.", "wrong", ["is empty.", "Run “parvi migrate”"]),
    ],
)
def test_version(trouble: str, state: str, words: list[str]) -> None:
    check(doctor.on_version("0003", trouble), state, *words)


def test_writing() -> None:
    check(doctor.on_writing(""), "ok")
    check(doctor.on_writing("database or disk is full"), "wrong", "disk is full")
    assert doctor.on_owner(1, 1) is None
    stranger = doctor.on_owner(0, 1000)
    assert stranger
    check(stranger, "warning", "user 1000")


def healthy(**changes: object) -> Health:
    facts: dict[str, object] = {
        "inbox": Waiting(3, 5, 0), "outbox": Waiting(7, 30, 2), "last_in": None, "last_out": None, "is_stuck": False,
        "unwritten": 0, "is_flooded": False, "disk": Disk(100 * GB, 50 * GB),
    }  # fmt: skip
    return Health(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inbox": Waiting(3, 5, 2)}, ["could not be worked through: 2", "parvi mail retry"]),
        ({"inbox": Waiting(3, 660, 0)}, ["Incoming mail has waited for 11 minutes", "parvi work"]),
        ({"outbox": Waiting(3, 660, 0), "is_stuck": True}, ["Outgoing mail has waited for 11 minutes", "relay"]),
        ({"unwritten": 1}, ["could not be written: 1", "log"]),
        ({"is_flooded": True}, ["a third", "block list"]),
    ],
)
def test_queues_in_trouble(changes: dict[str, object], words: list[str]) -> None:
    [finding] = doctor.on_queues(healthy(**changes))
    check(finding, "wrong", *words)


def test_queues_that_move() -> None:
    [finding] = doctor.on_queues(healthy(outbox=Waiting(7, 660, 2)))
    check(finding, "ok", "3 mails wait", "7 copies", "2 of them put off")
    [finding] = doctor.on_queues(healthy(disk=Disk(100 * GB, GB)))
    check(finding, "ok")


@pytest.mark.parametrize(
    ("disk", "state"),
    [
        (Disk(100 * GB, 50 * GB), "ok"), (Disk(100 * GB, 9 * GB), "warning"), (Disk(5 * GB, GB // 2), "warning"),
        (None, "wrong"),
    ],
)  # fmt: skip
def test_disk(disk: Disk | None, state: str) -> None:
    check(doctor.on_disk(disk, Path("/data")), state)


def test_settings_that_are_good() -> None:
    findings = doctor.on_settings(GOOD)
    assert {finding.state for finding in findings} == {"ok"}
    assert all(finding.found and not finding.cure for finding in findings)


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"base_url": "http://forum.example.org"}, "wrong", ["TLS"]),
        ({"base_url": "https://localhost:8000"}, "wrong", ["nowhere"]),
        ({"base_url": "http://[::1]:8000"}, "wrong", ["nowhere"]),
        ({"mail_domain": "localhost"}, "wrong", ["MX"]),
        ({"demo": True}, "wrong", ["anybody can sign in"]),
        ({"operator": ""}, "warning", ["PARVI_OPERATOR"]),
        ({"operator": "op@Lists.example.org"}, "wrong", ["come back"]),
        ({"trusted_mta": "", "check_senders": False}, "wrong", ["held"]),
    ],
)
def test_settings_that_are_not(changes: dict[str, object], state: str, words: list[str]) -> None:
    settings = Settings(**{**vars(GOOD), **changes})
    [finding] = [each for each in doctor.on_settings(settings) if each.state != "ok"]
    check(finding, state, *words)


def test_senders_checked_here_are_checked() -> None:
    assert "here" in doctor.on_settings(Settings(**{**vars(GOOD), "trusted_mta": ""}))[-1].found


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        (0o600, "ok"),
        (0o640, "ok"),
        (0o400, "ok"),
        (0o644, "wrong"),
        (0o660, "wrong"),
        (0o604, "wrong"),
        (None, "wrong"),
    ],
)
def test_rights(mode: int | None, state: str) -> None:
    check(doctor.on_rights(Path("/x/secret"), mode and 0o100000 | mode, "The secret"), state, "/x/secret")


@pytest.mark.parametrize(("mode", "state"), [(0o700, "ok"), (0o750, "ok"), (0o755, "warning"), (None, "wrong")])
def test_folder(mode: int | None, state: str) -> None:
    check(doctor.on_folder(Path("/x"), mode and 0o040000 | mode), state, "/x")


def test_site() -> None:
    check(mail_doctor.on_site("forum.example.org", ["192.0.2.1", "2001:db8::1"]), "ok", "192.0.2.1, 2001:db8::1")
    check(mail_doctor.on_site("forum.example.org", []), "wrong", "A or AAAA")


@pytest.mark.parametrize(
    ("exchanges", "addresses", "state", "words"),
    [
        ({"mx.example.org": ["192.0.2.1"]}, [], "ok", ["goes to mx.example.org"]),
        ({"": []}, [], "wrong", ["takes no mail"]),  # RFC 7505
        ({}, [], "wrong", ["no mail can come in"]),
        ({}, ["192.0.2.1"], "warning", ["servers try 192.0.2.1"]),
        ({"a.example.org": ["192.0.2.1"], "b.example.org": []}, [], "warning", ["b.example.org has no address"]),
        ({"b.example.org": []}, [], "wrong", ["b.example.org has no address"]),
    ],
)
def test_exchanges(exchanges: dict[str, list[str]], addresses: list[str], state: str, words: list[str]) -> None:
    check(mail_doctor.on_exchanges("lists.example.org", exchanges, addresses), state, *words)


@pytest.mark.parametrize(
    ("texts", "results", "state", "words"),
    [
        ([b"v=spf1 mx -all", b"else"], {"198.51.100.1": "pass"}, "ok", ["names the relay"]),
        ([b"v=spf1 mx -all"], {}, "ok", ["v=spf1 mx -all", "see that it is named"]),
        ([b"v=spf1 mx -all"], {"198.51.100.1": "fail"}, "warning", ["198.51.100.1: fail"]),
        (
            [b"v=spf1 mx ~all"],
            {"198.51.100.1": "pass", "198.51.100.2": "softfail"},
            "warning",
            ["198.51.100.2: softfail"],
        ),
        ([], {}, "warning", ["no SPF record"]),
        ([b"v=spf10 all"], {}, "warning", ["no SPF record"]),
        ([b"v=spf1 -all", b"V=SPF1 mx"], {}, "wrong", ["2 SPF records"]),
        ([b"v=spf1 include:x.example"], {"198.51.100.1": "permerror"}, "wrong", ["cannot be used"]),
        ([b"v=spf1 mx +all"], {"198.51.100.1": "pass"}, "wrong", ["everybody"]),
        ([b"v=spf1 ALL"], {}, "wrong", ["everybody"]),
    ],
)
def test_spf(texts: list[bytes], results: dict[str, str], state: str, words: list[str]) -> None:
    check(mail_doctor.on_spf("lists.example.org", texts, results), state, *words)


RSA = Key(rsa.generate_private_key(65537, 2048), "parvi")
ED25519 = Key(ed25519.Ed25519PrivateKey.generate(), "parvi-ed")


def published(key: Key) -> bytes:
    return base64.b64encode(key.published)


@pytest.mark.parametrize(
    ("key", "texts", "state", "words"),
    [
        (RSA, [b"v=DKIM1; k=rsa; p=" + published(RSA)], "ok", []),
        (RSA, [b"v=DKIM1;p=" + published(RSA)[:99] + b" " + published(RSA)[99:]], "ok", []),
        (ED25519, [b"v=DKIM1; k=ed25519; p=" + published(ED25519)], "ok", []),
        (ED25519, [b"v=DKIM1; p=" + published(ED25519)], "wrong", ["another one"]),
        (RSA, [], "wrong", ["no key", "v=DKIM1; k=rsa; p=" + published(RSA).decode()]),
        (ED25519, [], "wrong", ["v=DKIM1; k=ed25519; p=" + published(ED25519).decode()]),
        (RSA, [b"v=DKIM1; p="], "wrong", ["revoked"]),
        (RSA, [b"v=DKIM1; p=" + published(ED25519)], "wrong", ["another one"]),
        (RSA, [b"v=DKIM1; p=%%%"], "wrong", ["another one"]),
        (RSA, [b"hello"], "wrong", ["another one"]),
        (RSA, [b"v=DKIM1; t=y:s; p=" + published(RSA)], "warning", ["test"]),
        (RSA, [b"v=DKIM1; t=s; p=" + published(RSA)], "ok", []),
        (RSA, [b"v=DKIM1; p=" + published(RSA)] * 2, "wrong", ["2 records"]),
    ],
)
def test_dkim(key: Key, texts: list[bytes], state: str, words: list[str]) -> None:
    check(mail_doctor.on_dkim("parvi._domainkey.lists.example.org", texts, key), state, *words)


def test_no_key() -> None:
    check(mail_doctor.on_no_key(), "warning", "PARVI_DKIM_KEY")


@pytest.mark.parametrize(
    ("own", "above", "state", "words"),
    [
        ([b"v=DMARC1; p=reject"], [], "ok", ["is reject"]),
        ([], [b"v=DMARC1; p=reject; sp=none"], "ok", ["is none"]),
        ([], [b"v=DMARC1;p=quarantine"], "ok", ["is quarantine"]),
        ([b"v=DMARC1; p=none; sp=reject"], [b"v=DMARC1; p=reject"], "ok", ["is none"]),
        ([], [], "warning", ["no DMARC record"]),
        ([b"something else"], [], "warning", ["no DMARC record"]),
        ([b"v=DMARC1; p=none"] * 2, [], "wrong", ["2 DMARC records"]),
        ([b"v=DMARC1"], [], "wrong", ["no policy"]),
    ],
)
def test_dmarc(own: list[bytes], above: list[bytes], state: str, words: list[str]) -> None:
    check(mail_doctor.on_dmarc("lists.example.org", own, above), state, *words)


@pytest.mark.parametrize(
    ("found", "states", "words"),
    [
        (Pages(days_left=60, version="1"), ["ok", "ok"], ["60 more days"]),
        (Pages(days_left=20, version="1"), ["warning", "ok"], ["20 more days"]),
        (Pages(days_left=6, version="1"), ["wrong", "ok"], ["6 more days"]),
        (Pages(version="1"), ["ok"], ["answers"]),
        (Pages(version="0"), ["warning"], ["version 0"]),
        (Pages(days_left=60), ["ok", "wrong"], ["not Parvi"]),
        (Pages(trouble="certificate has expired"), ["wrong"], ["has expired"]),
    ],
)
def test_pages(found: Pages, states: list[str], words: list[str]) -> None:
    findings = mail_doctor.on_pages("https://forum.example.org", found, "1")
    assert [finding.state for finding in findings] == states
    for finding in findings:
        check(finding, finding.state)
    assert all(any(word in finding.found for finding in findings) for word in words)


@pytest.mark.parametrize(
    ("host", "has_password", "found", "state", "words"),
    [
        ("relay.example.net", True, RelayFound(is_secure=True), "ok", ["encrypted"]),
        ("127.0.0.1", True, RelayFound(), "ok", []),
        ("relay.example.net", False, RelayFound(), "warning", ["can be read"]),
        ("relay.example.net", True, RelayFound(), "wrong", ["not told the password"]),
        ("relay.example.net", False, RelayFound(is_secure=True, doubt="self-signed"), "warning", ["self-signed"]),
        ("relay.example.net", True, RelayFound(is_secure=True, doubt="self-signed"), "wrong", ["takes no mail"]),
        ("relay.example.net", True, RelayFound(is_secure=True, refused_login="535 no"), "wrong", ["535 no"]),
        ("127.0.0.1", False, RelayFound(trouble="Connection refused"), "wrong", ["Connection refused"]),
    ],
)
def test_relay(host: str, has_password: bool, found: RelayFound, state: str, words: list[str]) -> None:
    check(mail_doctor.on_relay(host, has_password, found), state, *words)


def test_no_relay() -> None:
    check(mail_doctor.on_no_relay("/caught"), "wrong", "/caught")
    check(mail_doctor.on_no_relay(""), "wrong", "PARVI_RELAY")


@pytest.mark.parametrize(
    ("loop", "state", "words"),
    [
        (Loop("sent", "250 ok", 0.8, True, "ignored", "a mail of “parvi check” to ourselves"), "ok", ["0.8 seconds"]),
        (Loop("refused", "550 no"), "wrong", ["550 no"]),
        (Loop("deferred", "no answer in time"), "wrong", ["no answer in time"]),
        (Loop("sent", "250 queued as 1", 30), "wrong", ["250 queued as 1", "30 seconds", "MX"]),
        (Loop("sent", "250 ok", 30, True), "wrong", ["parvi work"]),
        (Loop("sent", "250 ok", 3, True, "bounce", "bounced: b+c.x@lists.example.org"), "wrong", ["bounced"]),
    ],
)
def test_loop(loop: Loop, state: str, words: list[str]) -> None:
    check(mail_doctor.on_loop(loop), state, *words)


def test_only_what_is_seen_from_outside_counts_for_spf() -> None:
    addresses = ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "8.8.8.8", "2a00:1450::1"]
    assert mail_doctor.seen_from_outside(addresses) == ["8.8.8.8", "2a00:1450::1"]
