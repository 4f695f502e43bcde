"""Our signatures, verified by another's program."""

import base64
from dataclasses import replace
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from forum.members import Recipient
from forum.settings import SettingsWrong
from mailbridge.dkim import SIGNED, Signer, body_hash, load_signer
from mailbridge.write import Enclosure, Writer
from tests.mailbridge.test_write import ADDRESSES, ANNA, MAIL, NOTICES, NOW, ODD_NAMES, copy

KEY = rsa.generate_private_key(65537, 2048)
SIGNER = Signer(KEY, "parvi", "lists.example.org")
WRITER = Writer(ADDRESSES, "http://forum.example.org", SIGNER)


def dns(name: bytes, timeout: int = 5) -> bytes:
    public = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert name == b"parvi._domainkey.lists.example.org."
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def verifies(raw: bytes) -> bool:
    return bool(dkim.verify(raw, dnsfunc=dns))


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


def test_what_matters_is_signed() -> None:
    """RFC 8058 4 asks for the two of List-Unsubscribe."""
    assert {b"from", b"to", b"subject", b"date", b"reply-to", b"list-unsubscribe", b"list-unsubscribe-post"} <= SIGNED
    signed = copy(writer=WRITER).partition(b"h=")[2].partition(b";")[0]
    names = b"".join(signed.split()).split(b":")
    assert len(names) == len(set(names))
    assert set(names) <= SIGNED
    assert b"list-unsubscribe-post" in names


@pytest.mark.parametrize(
    ("body", "same_as"),
    [(b"a \t b \r\n\r\n\r\n", b"a b\r\n"), (b"", b"\r\n\r\n"), (b"a", b"a\r\n")],
)
def test_white_space_that_a_relay_may_change_does_not_count(body: bytes, same_as: bytes) -> None:
    assert body_hash(body) == body_hash(same_as)


def test_the_hash_of_nothing_is_the_standards() -> None:
    assert body_hash(b"") == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # RFC 6376 3.4.4


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem(KEY))
    signer = load_signer(str(tmp_path / "key.pem"), "parvi", "lists.example.org")
    assert verifies(copy(writer=Writer(ADDRESSES, "http://forum.example.org", signer)))


def test_no_key_is_no_signature() -> None:
    assert load_signer("", "parvi", "lists.example.org") is None
    assert b"DKIM" not in copy()


@pytest.mark.parametrize("content", [b"", b"nonsense", pem(ec.generate_private_key(ec.SECP256R1()))])
def test_a_key_that_cannot_sign_is_a_wrong_setting(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(SettingsWrong, match=r"PARVI_DKIM_KEY: .*key\.pem"):
        load_signer(str(tmp_path / "key.pem"), "parvi", "x")


def test_a_key_that_is_not_there_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsWrong, match="cannot be read"):
        load_signer("/nowhere/key.pem", "parvi", "x")
