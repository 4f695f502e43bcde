"""Signed mails: keys of RSA and Ed25519, DKIM and ARC by dkimpy, or by hand where the library would not sign such things."""

import base64
import hashlib
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

MAIL = (
    b"From: Anna Virtanen <anna@example.org>\r\nTo: viestijat@lists.example.net\r\nSubject: Hiljainen tieto\r\n"
    b"Date: Mon, 23 Nov 2026 08:00:00 +0200\r\nMessage-ID: <1@example.org>\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nMiten te sen teette?\r\n\r\nAnna  \r\n"
)
HEADERS = [b"from", b"to", b"subject", b"date", b"message-id"]


@cache
def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


@cache
def ed25519_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def record(key: RSAPrivateKey | None = None, more: str = "") -> str:
    """The DNS record of the public key."""
    public = (key or rsa_key()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; {more}p={base64.b64encode(public).decode()}"


def ed25519_record() -> str:
    public = ed25519_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"


def pem(key: RSAPrivateKey | None = None) -> bytes:
    return (key or rsa_key()).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def ed25519_pem() -> bytes:
    return ed25519_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signed(
    raw: bytes = MAIL, domain: str = "example.org", selector: str = "s1", *, simple: bool = False, length: bool = False,
    headers: list[bytes] | None = None, key: RSAPrivateKey | None = None,
) -> bytes:  # fmt: skip
    """With a DKIM signature by dkimpy on top."""
    how = (b"simple", b"simple") if simple else (b"relaxed", b"relaxed")
    named = [dkim.sign(
        raw, selector.encode(), domain.encode(), pem(key), canonicalize=how, include_headers=headers or HEADERS, length=length
    )]  # fmt: skip
    return bytes(named[0]) + raw


def signed_by_hand(
    raw: bytes = MAIL, *, algorithm: str = "rsa-sha256", headers: str = "from:to:subject", more: str = ""
) -> bytes:
    """What no library signs: SHA-1, without From, far in the past. RFC 6376 3.7, relaxed/relaxed."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = {line.partition(b":")[0].lower(): line.partition(b":")[2].strip() for line in head.split(b"\r\n")}
    digest = hashlib.sha1 if algorithm.endswith("sha1") else hashlib.sha256
    text = b"\r\n".join(b" ".join(line.replace(b"\t", b" ").split(b" ")).rstrip() for line in body.split(b"\r\n"))
    text = (b"\r\n".join(b" ".join(filter(None, line.split(b" "))) for line in text.split(b"\r\n"))).rstrip(
        b"\r\n"
    ) + b"\r\n"
    hashed = base64.b64encode(digest(text).digest()).decode()
    field = f"v=1; a={algorithm}; c=relaxed/relaxed; d=example.org; s=s1; {more}h={headers}; bh={hashed}; b="
    what = b"".join(n.encode() + b":" + lines[n.encode()] + b"\r\n" for n in headers.split(":"))
    what += b"dkim-signature:" + field.encode()
    if algorithm.startswith("ed25519"):
        signature = ed25519_key().sign(hashlib.sha256(what).digest())
    else:
        signature = rsa_key().sign(what, PKCS1v15(), SHA1() if algorithm.endswith("sha1") else SHA256())
    return f"DKIM-Signature: {field}{base64.b64encode(signature).decode()}\r\n".encode() + raw


def sealed(
    raw: bytes, domain: str = "list.example", selector: str = "arc", found: str = "dmarc=pass header.from=example.org",
    *, headers: list[bytes] | None = None,
) -> bytes:  # fmt: skip
    """With one more ARC set, by a sealer that found this out; dkimpy takes it from the sealer's own Authentication-Results."""
    before = b"arc=pass; " if b"ARC-Seal:" in raw else b""
    raw = b"Authentication-Results: " + domain.encode() + b"; " + before + found.encode() + b"\r\n" + raw
    added = dkim.arc_sign(
        raw, selector.encode(), domain.encode(), pem(), domain.encode(), include_headers=headers or HEADERS
    )
    assert len(added) == 3
    return b"".join(added) + raw
