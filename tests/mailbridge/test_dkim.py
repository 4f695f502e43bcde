"""Our signatures, verified by another's program."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from dns.resolver import Resolver

from forum.members import Recipient
from forum.settings import SettingsWrong
from mailbridge.dkim import SIGNED, Key, Signer, body_hash, load_signer
from mailbridge.write import Enclosure, Writer
from tests.mailbridge.name_server import name_server
from tests.mailbridge.signing import ed25519_key, ed25519_record, record, rsa_key
from tests.mailbridge.test_write import ADDRESSES, ANNA, MAIL, NOTICES, NOW, ODD_NAMES, copy

DOMAIN, URL = "lists.example.org", "http://forum.example.org"
RSA, ED25519 = Key(rsa_key(), "parvi"), Key(ed25519_key(), "parvi-ed")
RECORDS = {f"parvi._domainkey.{DOMAIN}": record(), f"parvi-ed._domainkey.{DOMAIN}": ed25519_record()}
WRITER = Writer(ADDRESSES, URL, Signer([RSA, ED25519], DOMAIN))


def verifies(raw: bytes) -> bool:
    """Whether both signatures do, each by itself."""

    def dns(name: bytes, timeout: int = 5) -> bytes:
        return RECORDS[name.decode().rstrip(".")].encode()

    assert raw.count(b"DKIM-Signature:") == 2
    first, second = (_holds(raw, number, dns) for number in (0, 1))
    assert first == second
    return first


def _holds(raw: bytes, number: int, dns: Callable[..., bytes]) -> bool:
    try:
        return bool(dkim.DKIM(raw).verify(idx=number, dnsfunc=dns))
    except dkim.ValidationError:
        return False


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_post_verifies(name: str) -> None:
    assert verifies(copy(replace(MAIL, author=name, subject=name), replace(ANNA, name=name), WRITER))


def test_folded_headers_and_files_verify() -> None:
    files = [Enclosure("ä.bin", "application/octet-stream", 4, "http://x", None, b"\x00\xff\r\n" * 99)]
    ids = [f"<{'x' * 100}{n}@example.org>" for n in range(10)]
    assert verifies(copy(replace(MAIL, enclosures=files, references=ids), writer=WRITER))


@pytest.mark.parametrize("text", ["", "\n\n\n", "a  b\t\tc   \n\n \n", "." * 5, "x" * 3000, "From here\n> on"])
def test_any_text_verifies(text: str) -> None:
    assert verifies(copy(replace(MAIL, text=text, html=f"<p>{text}</p>"), writer=WRITER))


def test_a_notice_verifies() -> None:
    to = Recipient("väinö@example.org", "Väinö", "fi", 7)
    rendered = WRITER.notice("refused", NOTICES["refused"], to, "<n@x>", NOW)
    assert verifies(WRITER.address(rendered, WRITER.to(to)) + rendered.body)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"anna@example.org", b"eve@example.org"),
        (b"Hiljainen", b"Hiljaisen"),
        (b"Miten te", b"Miten me"),
        (b"/u/token", b"/u/other"),
        (b"One-Click", b"One-Clack"),
        (b"two@example.org", b"six@example.org"),
    ],
)
def test_what_is_changed_on_the_way_does_not_verify(old: bytes, new: bytes) -> None:
    raw = copy(writer=WRITER)
    assert old in raw
    assert not verifies(raw.replace(old, new))


def fields(raw: bytes) -> list[dict[str, str]]:
    """The tags of each signature (RFC 6376 3.5)."""
    head = raw.partition(b"\r\n\r\n")[0].decode()
    lines = re.findall(r"(?m)^DKIM-Signature:((?:\r\n[ \t]|.)+)", head)
    return [dict(re.findall(r"(\w+)=([^;]*)", "".join(line.split()))) for line in lines]


def test_there_is_one_signature_for_each_key() -> None:
    found = [(tags["a"], tags["s"], tags["d"]) for tags in fields(copy(writer=WRITER))]
    assert found == [("rsa-sha256", "parvi", DOMAIN), ("ed25519-sha256", "parvi-ed", DOMAIN)]


@pytest.fixture(scope="module")
def resolver() -> Iterator[Resolver]:
    with name_server() as server:
        for name, text in RECORDS.items():
            server.text(name, text)
        resolver = Resolver(configure=False)
        host, _, port = server.address.rpartition(":")
        resolver.nameservers, resolver.port = [host], int(port)
        yield resolver


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("keys", [[RSA], [ED25519], [RSA, ED25519], [ED25519, RSA]])
def test_each_verifies_by_what_stands_in_dns(resolver: Resolver, keys: list[Key], number: int) -> None:
    def ask(name: bytes, timeout: int = 5) -> bytes:
        return b"".join(resolver.resolve(name.decode(), "TXT")[0].strings)

    raw = copy(writer=Writer(ADDRESSES, URL, Signer(keys, DOMAIN)))
    assert _holds(raw, number, ask) is (number < len(keys))


def test_copies_signed_side_by_side_are_each_their_own() -> None:
    rendered = WRITER.post(MAIL, "fi")
    readers = [replace(ANNA, address=f"m{number}@example.net", member_id=number) for number in range(1, 41)]
    personal = [WRITER.personal(reader, "viestijat", 42, "token") for reader in readers]
    with ThreadPoolExecutor(2) as threads:
        heads = list(threads.map(lambda own: WRITER.address(rendered, own), personal))
    assert all(reader.address.encode() in head for reader, head in zip(readers, heads, strict=True))
    assert all(verifies(head + rendered.body) for head in heads)


def test_what_matters_is_signed() -> None:
    """RFC 8058 4 asks for the two of List-Unsubscribe."""
    assert {b"from", b"to", b"subject", b"date", b"reply-to", b"list-unsubscribe", b"list-unsubscribe-post"} <= SIGNED
    for tags in fields(copy(writer=WRITER)):
        names = tags["h"].encode().split(b":")
        assert len(names) == len(set(names))
        assert set(names) <= SIGNED
        assert {b"from", b"to", b"list-unsubscribe-post"} <= set(names)


@pytest.mark.parametrize(
    ("body", "same_as"),
    [(b"a \t b \r\n\r\n\r\n", b"a b\r\n"), (b"", b"\r\n\r\n"), (b"a", b"a\r\n")],
)
def test_white_space_that_a_relay_may_change_does_not_count(body: bytes, same_as: bytes) -> None:
    assert body_hash(body) == body_hash(same_as)


def test_the_hash_of_nothing_is_the_standards() -> None:
    assert body_hash(b"") == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # RFC 6376 3.4.4


def pem(key: Key | None = None, password: KeySerializationEncryption | None = None) -> bytes:
    private = key.private if key else ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, password or NoEncryption())


@pytest.fixture
def files(tmp_path: Path) -> str:
    (tmp_path / "rsa.pem").write_bytes(pem(RSA))
    (tmp_path / "ed25519.pem").write_bytes(pem(ED25519))
    return f"{tmp_path / 'rsa.pem'}, {tmp_path / 'ed25519.pem'}"


def test_keys_are_read_from_their_files(files: str) -> None:
    assert verifies(copy(writer=Writer(ADDRESSES, URL, load_signer(files, "parvi, parvi-ed", DOMAIN))))


def test_one_key_is_one_signature(files: str) -> None:
    [tags] = fields(copy(writer=Writer(ADDRESSES, URL, load_signer(files.partition(",")[0], "parvi", DOMAIN))))
    assert tags["s"] == "parvi"


@pytest.mark.parametrize("selectors", ["parvi", "parvi,parvi", "parvi,parvi-ed,third", ""])
def test_each_key_needs_a_selector_of_its_own(files: str, selectors: str) -> None:
    with pytest.raises(SettingsWrong, match="PARVI_DKIM_SELECTOR should name another selector for each key"):
        load_signer(files, selectors, DOMAIN)


@pytest.mark.parametrize("none", ["", " , "])
def test_no_key_is_no_signature(none: str) -> None:
    assert load_signer(none, "parvi", DOMAIN) is None
    assert b"DKIM" not in copy()


@pytest.mark.parametrize("content", [b"", b"nonsense", pem(), pem(RSA, BestAvailableEncryption(b"secret"))])
def test_a_key_that_cannot_sign_is_a_wrong_setting(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(SettingsWrong, match=r"PARVI_DKIM_KEY: .*key\.pem"):
        load_signer(str(tmp_path / "key.pem"), "parvi", "x")


def test_a_key_that_is_not_there_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsWrong, match="cannot be read"):
        load_signer("/nowhere/key.pem", "parvi", "x")
