"""Mails from numbers: a grammar over what real and hostile mails are made of, the same mail from the same number."""

import binascii
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from tests.bench.phrases import (
    ATTRIBUTIONS,
    BLOCKS,
    CALENDAR,
    CHARSETS,
    FOOTERS,
    GREETINGS,
    HOSTILE,
    MARKUP,
    PLAIN_SENTENCES,
    RARE,
    SAID_BY_SERVERS,
    SENTENCES,
    SIGNATURES,
    STATUS,
    TNEF,
    USUAL,
)

LARGEST = 300_000
_DEEPEST = 6

T = TypeVar("T")


def mail(number: int) -> bytes:
    """One of them; about half are then damaged."""
    chance = Random(number)
    raw = _whole(chance)
    while chance.random() < 0.45:
        raw = _damage(chance)(chance, raw)
    return raw[:LARGEST]


def ordinary(number: int) -> bytes:
    """An answer of 5 kB as a program sends it, undamaged: the text, the same as HTML, the mail it answers."""
    chance = Random(number)
    own = "\n\n".join(_paragraph(chance, PLAIN_SENTENCES) for _ in range(3))
    below = "\n\n".join(_paragraph(chance, PLAIN_SENTENCES) for _ in range(5))
    said, signed = ATTRIBUTIONS[0], SIGNATURES[0]
    plain = f"{own}\n\n{signed}\n\n{said}\n{_quoted(below, 1)}\n"
    before, after = MARKUP[0]
    rich = f"<html><body><div dir=ltr>{_as_html(own)}{_as_html(signed)}</div>{before}{_as_html(below)}{after}</body></html>"
    head = b"".join(name + b": " + values[0] + b"\r\n" for name, values in USUAL.items())
    parts = (_part(text, kind) for text, kind in ((plain, b"plain"), (rich, b"html")))
    body = b"".join(b"--limit\r\n" + part + b"\r\n" for part in parts) + b"--limit--\r\n"
    return (
        b"\r\n".join(RARE[n] for n in (0, 0, 1, 2, 3, 4)) + b"\r\n" + head
        + b"Content-Type: multipart/alternative; boundary=limit\r\n\r\n" + body
    )  # fmt: skip


def _part(text: str, kind: bytes) -> bytes:
    data = binascii.b2a_qp(text.replace("\n", "\r\n").encode(), istext=True)
    return (
        b"Content-Type: text/" + kind + b"; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + data
    )


def _pick(chance: Random, among: Sequence[T]) -> T:
    return among[int(chance.random() * len(among))]


def _likely(chance: Random, among: Sequence[T]) -> T:
    """The first ones more often."""
    return among[int(chance.random() ** 3 * len(among))]


def _whole(chance: Random) -> bytes:
    return _head(chance) + _entity(chance, 0)


def _head(chance: Random) -> bytes:
    lines = [
        name + b": " + _likely(chance, values)
        for name, values in USUAL.items()
        for _ in range(_copies(chance.random()))
    ]
    for _ in range(int(chance.random() ** 2 * 8)):
        lines.insert(int(chance.random() * len(lines)), _pick(chance, RARE))
    if chance.random() < 0.002:
        lines *= 1 + int(chance.random() * 300)
    return b"\r\n".join(lines) + b"\r\n"


def _copies(drawn: float) -> int:
    return 1 if drawn < 0.95 else 0 if drawn < 0.98 else 2


# Parts


def _entity(chance: Random, depth: int) -> bytes:
    """The fields about the content, an empty line, the content."""
    drawn = chance.random()
    if depth < _DEEPEST and drawn < 0.35 / (1 + depth / 4):
        return _multipart(chance, depth)
    if drawn < 0.65:
        return _text(chance, _plain(chance), b"plain")
    if drawn < 0.87:
        return _text(chance, _html(chance), b"html")
    if drawn < 0.92 and depth < _DEEPEST:
        return b"Content-Type: message/rfc822\r\n\r\n" + _head(chance) + _entity(chance, depth + 1)
    return _pick(chance, (_status, _calendar, _tnef, _file, _bare))(chance)


def _multipart(chance: Random, depth: int) -> bytes:
    kind = _likely(
        chance,
        (b"alternative", b"mixed", b"related", b"signed", b"report; report-type=delivery-status", b"digest", b"x"),
    )
    boundary = b"b%d" % (chance.random() * 3) if chance.random() < 0.1 else b"=_%d" % (chance.random() * 1e9)
    is_wrong = chance.random() < 0.05
    said = _pick(chance, (b"", b'"', b'"other"', b"b" * 300, b"-", b"\xe4")) if is_wrong else b'"' + boundary + b'"'
    parts = [_entity(chance, depth + 1) for _ in range(1 + int(chance.random() * 3))]
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    end = b"--" + boundary + b"--\r\n" if chance.random() < 0.95 else b""
    return b"Content-Type: multipart/" + kind + b"; boundary=" + said + b"\r\n\r\n" + body + end


def _text(chance: Random, text: str, kind: bytes) -> bytes:
    charset = "utf-8" if chance.random() < 0.7 else _pick(chance, CHARSETS)
    flowed = b"; format=flowed; delsp=yes"[: _pick(chance, (0, 0, 0, 15, 26))]
    data = _encoded(chance, text.replace("\n", "\r\n"))
    encoding, coded = _transferred(chance, data)
    return (
        b"Content-Type: text/" + kind + b"; charset=" + charset.encode() + flowed
        + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + coded
    )  # fmt: skip


def _encoded(chance: Random, text: str) -> bytes:
    """Not always as it is declared."""
    drawn = chance.random()
    return text.encode("utf-8" if drawn < 0.85 else "latin-1" if drawn < 0.97 else "utf-16", "replace")


def _transferred(chance: Random, data: bytes) -> tuple[bytes, bytes]:
    drawn = chance.random()
    if drawn < 0.4:
        return b"8bit", data
    if drawn < 0.7:
        return b"quoted-printable", binascii.b2a_qp(data, istext=True)
    if drawn < 0.93:
        lines = (binascii.b2a_base64(data[at : at + 57], newline=False) for at in range(0, len(data), 57))
        return b"base64", b"\r\n".join(lines)
    return _pick(chance, (b"base64", b"quoted-printable", b"x-uuencode", b"bogus", b"", b"Base64 ")), data


def _status(chance: Random) -> bytes:
    kind = _pick(
        chance, (b"delivery-status", b"feedback-report", b"global-delivery-status", b"disposition-notification")
    )
    return b"Content-Type: message/" + kind + b"\r\n\r\n" + _pick(chance, STATUS)


def _calendar(chance: Random) -> bytes:
    return b"Content-Type: text/calendar; method=" + _pick(chance, (b"REPLY", b"REQUEST", b"")) + b"\r\n\r\n" + CALENDAR


def _tnef(chance: Random) -> bytes:
    data = TNEF if chance.random() < 0.5 else _flipped(chance, TNEF)
    return (
        b"Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + binascii.b2a_base64(data)
    )


def _file(chance: Random) -> bytes:
    name = _pick(
        chance,
        (
            b"filename=a.pdf",
            b'filename="../../e\\"tc"',
            b"filename*0*=utf-8''%C3%A4;\r\n filename*1=b.png",
            b"filename*=x'y",
            b"name",
        ),
    )
    head = (
        b"Content-Type: "
        + _pick(chance, (b"image/png", b"application/pdf", b"image/\xe4", b"x", b""))
        + b"\r\nContent-ID: <c%d@x>\r\n"
    )
    data = binascii.b2a_base64(chance.randbytes(int(chance.random() * 900)))
    return head + b"Content-Disposition: attachment; " + name + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + data


def _bare(chance: Random) -> bytes:
    return b"\r\n" + _plain(chance).encode()


# Texts


def _plain(chance: Random) -> str:
    if chance.random() < 0.03:
        return _pick(chance, SAID_BY_SERVERS)
    pieces = [_pick(chance, GREETINGS)]
    for _ in range(1 + int(chance.random() ** 2 * 7)):
        pieces.append(_PIECES[int(chance.random() * len(_PIECES))](chance))
    return _pick(chance, ("\n\n", "\n\n", "\n", "\n\n\n")).join(pieces) + "\n"


def _paragraph(chance: Random, among: Sequence[str] = SENTENCES) -> str:
    return _pick(chance, (" ", " ", "\n", " \n")).join(
        [_pick(chance, among) for _ in range(1 + int(chance.random() * 4))]
    )


def _answered(chance: Random) -> str:
    """An attribution or a header block, and what stands below it, marked or not."""
    said = _block(chance) if chance.random() < 0.4 else _pick(chance, ATTRIBUTIONS)
    below = "\n\n".join(_PIECES[int(chance.random() * 6)](chance) for _ in range(1 + int(chance.random() * 2)))
    return said + "\n" + (_quoted(below, 1 + int(chance.random() * 3)) if chance.random() < 0.7 else "\n" + below)


def _block(chance: Random) -> str:
    sender, sent, to, subject, above = _pick(chance, BLOCKS)
    return f"{above}\n{sender}: Matti Laine <matti.laine@example.org>\n{sent}: ma 23.11.2026 10.15\n{to}: Anna\n{subject}: Re: x\n"


def _quoted(text: str, depth: int) -> str:
    marks = "> " * depth
    return marks + text.replace("\n", "\n" + marks)


def _signature(chance: Random) -> str:
    return _pick(chance, SIGNATURES)


def _footer(chance: Random) -> str:
    return _pick(chance, FOOTERS)


_PIECES: tuple[Callable[[Random], str], ...] = (
    _paragraph, _paragraph, _paragraph, _paragraph, _signature, _footer, _answered, _answered, _answered,
)  # fmt: skip


def _html(chance: Random) -> str:
    pieces = [_html_piece(chance, 0) for _ in range(1 + int(chance.random() ** 2 * 7))]
    return "<html><head><title>x</title></head><body>" + "\n".join(pieces) + "</body></html>"


def _html_piece(chance: Random, depth: int) -> str:
    drawn = chance.random()
    if drawn < 0.5 or depth > 3:
        return _as_html(_PIECES[int(drawn * 2 % 1 * 6)](chance))
    before, after = _pick(chance, MARKUP)
    return before + _html_piece(chance, depth + 1) + (after if drawn < 0.95 else "")


def _as_html(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("\n\n", "</p><p>").replace("\n", "<br>\n")
    return f"<p>{escaped}</p>"


# Damage


def _damage(chance: Random) -> Callable[[Random, bytes], bytes]:
    return _pick(chance, _DAMAGES)


def _at(chance: Random, raw: bytes) -> int:
    return int(chance.random() * (len(raw) + 1))


def _stretch(chance: Random, raw: bytes, longest: int = 400) -> tuple[int, int]:
    start = _at(chance, raw)
    return start, min(len(raw), start + 1 + int(chance.random() ** 2 * longest))


def _flipped(chance: Random, raw: bytes) -> bytes:
    out = bytearray(raw or b"x")
    for _ in range(1 + int(chance.random() ** 2 * 12)):
        out[int(chance.random() * len(out))] = int(chance.random() * 256)
    return bytes(out)


def _cut(chance: Random, raw: bytes) -> bytes:
    return raw[: _at(chance, raw)]


def _left_out(chance: Random, raw: bytes) -> bytes:
    start, end = _stretch(chance, raw)
    return raw[:start] + raw[end:]


def _repeated(chance: Random, raw: bytes) -> bytes:
    """Seldom very often."""
    start, end = _stretch(chance, raw)
    times = int(2 + chance.random() * 6) if chance.random() < 0.99 else int(chance.random() * 3_000)
    return raw[:start] + (raw[start:end] * times)[:LARGEST] + raw[end:]


def _moved(chance: Random, raw: bytes) -> bytes:
    start, end = _stretch(chance, raw)
    at = _at(chance, raw)
    return raw[:at] + raw[start:end] + raw[at:]


def _spliced(chance: Random, raw: bytes) -> bytes:
    other = _whole(chance)
    return raw[: _at(chance, raw)] + other[_at(chance, other) :]


def _poisoned(chance: Random, raw: bytes) -> bytes:
    at, times = _at(chance, raw), 1 if chance.random() < 0.95 else int(10 ** (chance.random() * 4))
    return raw[:at] + _pick(chance, HOSTILE) * times + raw[at:]


def _with_other_line_ends(chance: Random, raw: bytes) -> bytes:
    return raw.replace(b"\r\n", _pick(chance, (b"\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n")))


_DAMAGES = (_flipped, _cut, _left_out, _repeated, _moved, _spliced, _poisoned, _poisoned, _with_other_line_ends)
