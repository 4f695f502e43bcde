"""Signed tokens for addresses and links: what they stand for, and proof that we made them. Pure.

A token is lower-case base32, because mail programs change the case of addresses: a payload of numbers, then 80 bits of
HMAC-SHA256 over purpose and payload. The first secret signs; all are accepted, so that old mails keep working.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

MAC_BYTES = 10


class Tokens:
    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [hashlib.sha256(secret.encode()).digest() for secret in secrets]

    def make(self, purpose: str, *numbers: int) -> str:
        payload = b"".join(map(_varint, numbers))
        return base64.b32encode(payload + _mac(self._keys[0], purpose, payload)).decode().rstrip("=").lower()

    def read(self, purpose: str, token: str) -> tuple[int, ...] | None:
        """The numbers, or None when we did not make this token for this purpose."""
        try:
            whole = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        except (binascii.Error, ValueError):
            return None
        payload, mac = whole[:-MAC_BYTES], whole[-MAC_BYTES:]
        if not self._made_by_us(purpose, payload, mac):
            return None
        return _numbers(payload)

    def seal(self, purpose: str, number: int) -> bytes:
        """Sixteen bytes for where there is room for no more: the number, and the same proof that we made it."""
        payload = number.to_bytes(16 - MAC_BYTES, "big")
        return payload + _mac(self._keys[0], purpose, payload)

    def unseal(self, purpose: str, sealed: bytes) -> int | None:
        payload, mac = sealed[:-MAC_BYTES], sealed[-MAC_BYTES:]
        return int.from_bytes(payload, "big") if self._made_by_us(purpose, payload, mac) else None

    def _made_by_us(self, purpose: str, payload: bytes, mac: bytes) -> bool:
        """Every key is tried, whether or not one fits: how long it takes tells nothing."""
        fits = [hmac.compare_digest(mac, _mac(key, purpose, payload)) for key in self._keys]
        return len(mac) == MAC_BYTES and any(fits)


def hashed(secret: str) -> str:
    """How a secret that is random already (a session, a token) is kept: nobody who reads the database can use it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _mac(key: bytes, purpose: str, payload: bytes) -> bytes:
    return hmac.digest(key, purpose.encode() + b"\0" + payload, "sha256")[:MAC_BYTES]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _numbers(payload: bytes) -> tuple[int, ...]:
    numbers, number, shift = [], 0, 0
    for byte in payload:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(number)
            number = shift = 0
    return tuple(numbers)
