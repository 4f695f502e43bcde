"""The tree of a mail: headers and parts, split in linear time and within bounds.

The standard library's parser tries every open boundary on every line: a mail of 2.6 MB with 300 nested parts takes it
six seconds, a million empty parts nine. This one looks at each level once, at most DEPTH of them.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailbridge.read.encoding import unquoted_parameters

SIZE = 25_000_000
DEPTH = 20
PARTS = 500
HEADERS = 1_000
HEADER_BYTES = 256_000

_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n|\r\r")
_NEXT_LINE = re.compile(r"\r\n|\n|\r")
_NAME = re.compile(r"([!-9;-~]+)[ \t]*:")
_GUESSED_BOUNDARY = re.compile(rb"(?:^|\n)--([^\s-][^\r\n]{0,200})")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


class Headers:
    """Header fields by lower-case name, unfolded but not decoded; the first of a name is the topmost."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._by_name: dict[str, list[str]] = {}
        for name, value in fields:
            self._by_name.setdefault(name.lower(), []).append(value)

    def first(self, name: str) -> str:
        return self._by_name.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        return self._by_name.get(name, [])

    def __contains__(self, name: str) -> bool:
        return name in self._by_name


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `begin` to before `end` of some bytes. A large mail is not copied for each level of its parts."""

    of: bytes
    begin: int
    end: int

    def copy(self, most: int | None = None) -> bytes:
        return self.of[self.begin : self.end if most is None else min(self.end, self.begin + most)]

    def part(self, begin: int, end: int | None = None) -> "Stretch":
        """By places in the whole."""
        return Stretch(self.of, begin, self.end if end is None else end)


@dataclass(slots=True)
class Entity:
    """A mail, or a part of one: `body` is undecoded, `parts` are those of a multipart."""

    headers: Headers
    inside: Stretch
    whole: Stretch
    media_type: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    parts: list["Entity"] = field(default_factory=list)

    def walk(self) -> Iterator["Entity"]:
        waiting = [self]
        while waiting:
            entity = waiting.pop()
            yield entity
            waiting.extend(reversed(entity.parts))

    @property
    def raw(self) -> bytes:
        return self.whole.copy()

    @property
    def body(self) -> bytes:
        return self.inside.copy()

    def data(self) -> bytes:
        """The body without its transfer encoding."""
        encoding = self.headers.first("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return _from_base64(self.inside)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.body)
        if encoding in {"x-uuencode", "uuencode", "x-uue"}:
            return _from_uuencode(self.body)
        return self.body

    def disposition(self) -> tuple[str, dict[str, str]]:
        return unquoted_parameters(self.headers.first("content-disposition"))


def split(raw: bytes) -> Entity:
    """Bytes of a whole mail -> its tree. Never raises."""
    raw = raw[:SIZE].lstrip(b"\r\n")
    return _entity(Stretch(raw, 0, len(raw)), _Left(PARTS), depth=0, default="text/plain")


class _Left:
    def __init__(self, parts: int) -> None:
        self.parts = parts


def _entity(whole: Stretch, left: _Left, depth: int, default: str) -> Entity:
    fields, inside = _headers_and_body(whole)
    headers = Headers(fields)
    media_type, parameters = unquoted_parameters(headers.first("content-type"))
    entity = Entity(headers, inside, whole, media_type if "/" in media_type else default, parameters)
    if entity.media_type.startswith("multipart/") and depth < DEPTH:
        child_default = "message/rfc822" if entity.media_type == "multipart/digest" else "text/plain"
        for piece in _pieces(inside, parameters.get("boundary", ""), left):
            entity.parts.append(_entity(piece, left, depth + 1, child_default))
    return entity


def _headers_and_body(whole: Stretch) -> tuple[list[tuple[str, str]], Stretch]:
    first = whole.copy(2)
    if first[:1] in {b"\r", b"\n", b""}:
        rest = first.removeprefix(b"\r").removeprefix(b"\n")
        return [], whole.part(whole.begin + len(first) - len(rest))
    far = min(whole.begin + HEADER_BYTES, whole.end)
    blank = _BLANK_LINE.search(whole.of, whole.begin, far)
    head, body = (whole.part(whole.begin, blank.start()), blank.end()) if blank else (whole.part(whole.begin, far), far)
    fields, stray = _fields(_head_text(head.copy()))
    if not fields:
        return [], whole
    if not stray:
        return fields, whole.part(body)
    text = stray.encode("utf-8", "surrogateescape") + b"\n\n" + whole.part(body).copy()
    return fields, Stretch(text, 0, len(text))


def _head_text(head: bytes) -> str:
    """Undecodable bytes stay as surrogates, so that an encoded word with raw letters in it can still be decoded."""
    return head.decode("utf-8", "surrogateescape").replace("\0", "")


def fields_of(head: str) -> list[tuple[str, str]]:
    """The fields of a block of headers inside a part."""
    return _fields(head)[0]


def _fields(head: str) -> tuple[list[tuple[str, str]], str]:
    """Header fields, and what is left when a line that can be no header shows that the body began."""
    lines = _NEXT_LINE.split(head)
    fields: list[tuple[str, list[str]]] = []
    for number, line in enumerate(lines):
        if line[:1] in {" ", "\t"} and fields:
            fields[-1][1].append(line)
        elif name := _NAME.match(line):
            fields.append((name[1], [line[name.end() :]]))
        elif (
            line
            and not line.startswith(("From ", ">From "))
            and not _NAME.match("".join(lines[number + 1 : number + 2]))
        ):
            # A broken line among headers is passed over, two in a row are text.
            return _joined(fields), "\n".join(lines[number:])
    return _joined(fields), ""


def _joined(fields: list[tuple[str, list[str]]]) -> list[tuple[str, str]]:
    return [(name, "".join(lines).strip()) for name, lines in fields[:HEADERS]]


def _pieces(body: Stretch, boundary: str, left: _Left) -> Iterator[Stretch]:
    """What stands between the boundary lines; a last part without an end counts."""
    mark = b"--" + boundary.encode("utf-8", "replace") if boundary else _guessed(body)
    begin, at = None, _next_mark(body, mark, body.begin)
    while at is not None and left.parts > 0:
        start, end, last = at
        if begin is not None:
            left.parts -= 1
            yield body.part(begin, max(begin, start))
        begin = None if last else end
        at = None if last else _next_mark(body, mark, end)
    if begin is not None and left.parts > 0:
        left.parts -= 1
        yield body.part(begin)


def _guessed(body: Stretch) -> bytes:
    found = _GUESSED_BOUNDARY.search(body.copy(10_000))
    return b"--" + found[1].rstrip() if found else b""


def _next_mark(body: Stretch, mark: bytes, start: int) -> tuple[int, int, bool] | None:
    """Where the next boundary line begins (with the break before it) and ends; whether it is the closing one."""
    while mark and (at := _line_with(body, mark, start)) >= 0:
        line_end = body.of.find(b"\n", at, body.end)
        line_end = body.end if line_end < 0 else line_end + 1
        rest = body.of[at + len(mark) : min(line_end, at + len(mark) + 100)].strip()
        if rest in {b"", b"--"}:
            return _before(body, at), line_end, rest == b"--"
        start = line_end
    return None


def _line_with(body: Stretch, mark: bytes, start: int) -> int:
    """The next line from `start`, where a line begins, that begins with the mark."""
    if body.of.startswith(mark, start, body.end):
        return start
    found = body.of.find(b"\n" + mark, start, body.end)
    return found + 1 if found >= 0 else -1


def _before(body: Stretch, at: int) -> int:
    if body.of[max(at - 2, body.begin) : at] == b"\r\n":
        return at - 2
    return max(at - 1, body.begin)


def _from_base64(body: Stretch) -> bytes:
    """Where it ends as it should, it is decoded where it is; of anything else the letters count."""
    filled_up = body.of.find(b"=", body.begin, body.end)
    if filled_up < 0 or not body.of[filled_up : body.end].strip(b"=\r\n\t "):
        try:
            return binascii.a2b_base64(memoryview(body.of)[body.begin : body.end])
        except binascii.Error:
            pass
    return letters_decoded(body.copy())


def letters_decoded(body: bytes) -> bytes:
    letters = body.translate(None, _NOT_BASE64)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _from_uuencode(body: bytes) -> bytes:
    lines = body.splitlines()
    begin = next((n for n, line in enumerate(lines) if line.startswith(b"begin ")), -1)
    return b"".join(_uu_line(line) for line in lines[begin + 1 :] if line not in {b"end", b"`", b""})


def _uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return b""
