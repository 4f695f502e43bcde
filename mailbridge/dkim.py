"""DKIM signatures (RFC 6376, relaxed/relaxed; RFC 8463): what copies share is made ready once, each is signed. Pure.

Our own, because the library loads the key and canonicalises the body anew for every copy: 11 ms against 0.25.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from forum.settings import SettingsWrong

SIGNED = frozenset(
    b"from to reply-to subject date message-id in-reply-to references mime-version content-type list-id list-unsubscribe "
    b"list-unsubscribe-post auto-submitted".split()
)


@dataclass(frozen=True)
class Key:
    """One private key, and the selector under which its public half stands in DNS."""

    private: RSAPrivateKey | Ed25519PrivateKey
    selector: str

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    @property
    def published(self) -> bytes:
        """What `p=` in DNS holds, in base64 there (RFC 6376 3.6.1, RFC 8463 4.1)."""
        public = self.private.public_key()
        if isinstance(public, RSAPublicKey):
            return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, what: bytes) -> bytes:
        """Frees the interpreter meanwhile. Ed25519 signs the hash (RFC 8463 3)."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(what, PKCS1v15(), SHA256())
        return self.private.sign(hashlib.sha256(what).digest())


@dataclass(frozen=True)
class Shared:
    """What all copies of a mail have in common, as it is signed: header names joined by colons, relaxed lines, hash of the body."""

    names: bytes
    relaxed: bytes
    body_hash: bytes


class Signer:
    def __init__(self, keys: Sequence[Key], domain: str) -> None:
        self._keys, self._domain = keys, domain

    def sign(self, personal: Sequence[bytes], shared: Shared) -> bytes:
        """A DKIM-Signature for each key. `personal` are one copy's own header lines; each ends with CRLF, may be folded."""
        own_names, own = _signed(personal)
        names, what = shared.names + b":" + own_names, shared.relaxed + own
        return b"".join(self._line(key, names, what, shared.body_hash) for key in self._keys)

    def _line(self, key: Key, names: bytes, what: bytes, body_hash: bytes) -> bytes:
        unsigned, relaxed = _unsigned(key.algorithm, self._domain, key.selector, names, body_hash)
        signature = base64.b64encode(key.sign(what + relaxed))
        return unsigned + b"\r\n\t ".join(signature[at : at + 72] for at in range(0, len(signature), 72)) + b"\r\n"


def shared(headers: Sequence[bytes], body: bytes) -> Shared:
    return Shared(*_signed(headers), body_hash(body))


def load_signer(key_files: str, selectors: str, domain: str) -> Signer | None:
    keys = load_keys(key_files, selectors)
    return Signer(keys, domain) if keys else None


def load_keys(key_files: str, selectors: str) -> list[Key]:
    """As PARVI_DKIM_KEY and PARVI_DKIM_SELECTOR have them: several separated by commas, in the same order."""
    files, names = _several(key_files), _several(selectors)
    if files and (len(names) != len(files) or len(set(names)) < len(names)):
        wrong = f"not “{selectors}” for {len(files)} of them"
        raise SettingsWrong(
            f"PARVI_DKIM_SELECTOR should name another selector for each key of PARVI_DKIM_KEY, {wrong}."
        )
    return [Key(_private(file), name) for file, name in zip(files, names, strict=False)]


def body_hash(body: bytes) -> bytes:
    """3.4.4: trailing white space of lines and empty lines at the end do not count."""
    lines = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return base64.b64encode(hashlib.sha256(lines + b"\r\n" if lines else b"").digest())


def _several(given: str) -> list[str]:
    return [part.strip() for part in given.split(",") if part.strip()]


def _private(key_file: str) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        key = load_pem_private_key(Path(key_file).read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: there is a password on it
        raise SettingsWrong(f"PARVI_DKIM_KEY: {key_file} cannot be read as a private key in PEM: {error}.") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise SettingsWrong(f"PARVI_DKIM_KEY: {key_file} is neither an RSA nor an Ed25519 key.")
    return key


def _signed(headers: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Those that are signed: their names, and their lines in relaxed form."""
    found = [(name, line) for name, line in map(_relaxed, headers) if name in SIGNED]
    return b":".join(name for name, _ in found), b"".join(line for _, line in found)


def _relaxed(line: bytes) -> tuple[bytes, bytes]:
    """3.4.2: lower-case name, one line, single spaces."""
    name, _, value = line.partition(b":")
    name = name.strip().lower()
    return name, name + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip() + b"\r\n"


@lru_cache(maxsize=128)
def _unsigned(algorithm: str, domain: str, selector: str, names: bytes, body_hash: bytes) -> tuple[bytes, bytes]:
    """The header without its signature, as it is written and as it is signed: the same for all copies."""
    folded = b"\r\n\t ".join(re.findall(rb".{1,70}(?::|$)", names))
    begin = f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; d={domain}; s={selector};".encode()
    line = begin + b"\r\n\th=" + folded + b";\r\n\tbh=" + body_hash + b";\r\n\tb="
    return line, _relaxed(line)[1].removesuffix(b"\r\n")
