"""The head of a mail as a proof needs it: every field in order, byte for byte, and whether all read it alike. Pure."""

import re
from dataclasses import dataclass
from functools import cached_property

HEAD_BYTES = 100_000
FIELDS = 300
VALUE = 4_000  # no mail server and no person writes a longer From or a longer result

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_NAME = re.compile(rb"([!-9;-~]+)([ \t]*):")
_BARE = re.compile(rb"\r(?!\n)")
_PIECE = re.compile(r'\\.?|["()]|[^\\"()]+', re.DOTALL)
# A string that stays open takes the rest: else each quotation mark after it begins the search anew.
_QUOTED = re.compile(r'(\\.)|"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BETWEEN = re.compile(r"[\s<>,;:()\[\]]+")
# Whoever adds one of these to a signed mail changes what is read or where it lands, and the signature still holds:
# it covers the lowest of a name, a reader takes the topmost.
_ONCE = (
    "from", "subject", "date", "message-id", "to", "cc", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """`name` in small letters; `raw` is the name as it stood and the value with its folding and its end, in CRLF."""

    name: str
    raw: tuple[bytes, bytes]

    @property
    def size(self) -> int:
        return len(self.raw[1])

    @property
    def value(self) -> str:
        return self.raw[1].replace(b"\r\n", b"").decode("utf-8", "replace").strip()


@dataclass(frozen=True)
class Head:
    """`trouble` says why two programs might read this head differently; only where it is "" can anything be proved."""

    fields: tuple[Field, ...]
    whole: bytes
    begin: int  # of the body
    trouble: str = ""

    @property
    def body(self) -> bytes:
        """Copied for who wants it: that is few, and a mail may be large."""
        return self.whole[self.begin :]

    def named(self, *names: str) -> list[Field]:
        return [field for field in self.fields if field.name in names]

    def all(self, name: str) -> list[str]:
        return [field.value for field in self.named(name)]

    def is_by(self, author: str) -> bool:
        """Whether this is the only address in the only From (RFC 5322 3.6.2)."""
        values = self.all("from")
        if len(values) != 1 or len(values[0]) > VALUE:
            return False
        return bool(author) and _addresses(values[0]) == {author.casefold()}

    @cached_property
    def doubled(self) -> str:
        """The first field that may stand once and stands twice (RFC 5322 3.6), "" when there is none."""
        names = [field.name for field in self.fields]
        return next((name for name in _ONCE if names.count(name) > 1), "")


def split(raw: bytes) -> Head:
    """Bytes of a whole mail -> its head, in linear time and within bounds. Never raises."""
    raw = raw.lstrip(b"\r\n")
    if raw.startswith(b"From "):  # the first line of an mbox
        raw = raw.partition(b"\n")[2]
    blank = _BLANK_LINE.search(raw, 0, HEAD_BYTES)
    head, begin = (raw[: blank.start()], blank.end()) if blank else (raw[:HEAD_BYTES], HEAD_BYTES)
    fields, trouble = _fields(head.removesuffix(b"\n").removesuffix(b"\r"))
    if len(fields) > FIELDS or (len(raw) > HEAD_BYTES and not blank):
        trouble = "its head is too large"
    return Head(tuple(fields[:FIELDS]), raw, begin, trouble)


def _fields(head: bytes) -> tuple[list[Field], str]:
    """A program that reads the odd lines otherwise would see another mail: they are told, not interpreted."""
    found: list[tuple[bytes, list[bytes]]] = []
    trouble = "a bare carriage return in its head" if _BARE.search(head) else ""
    for line in re.split(rb"\r?\n", head):
        name = _NAME.match(line)
        if line[:1] in (b" ", b"\t"):
            trouble = trouble or ("" if line.strip() and found else "a blank line within its head")
            if found:
                found[-1][1].append(line)
        elif name:
            trouble = trouble or ("a space before a colon in its head" if name[2] else "")
            found.append((name[1], [line[name.end() :]]))
        else:
            trouble = trouble or "a line in its head that is no field"
    return [_field(name, lines) for name, lines in found], trouble


def _field(name: bytes, lines: list[bytes]) -> Field:
    return Field(name.decode().lower(), (name, b"\r\n".join(lines) + b"\r\n"))


def without_comments(value: str) -> str | None:
    """RFC 5322 3.2.2: comments nest, a backslash quotes, a parenthesis in a quoted string is none. None when one stays open."""
    kept: list[str] = []
    depth, quoted = 0, False
    for piece in _PIECE.findall(value):
        if piece == '"' and not depth:
            quoted = not quoted
        elif piece == "(" and not quoted:
            depth += 1
        elif piece == ")" and not quoted:
            depth -= 1
            if depth < 0:
                return None
            kept.append(" ")
            continue
        if not depth:
            kept.append(piece)
    return None if depth or quoted else "".join(kept)


def _addresses(value: str) -> set[str]:
    """Whatever looks like an address outside comments and quotation marks, folded."""
    bare = _QUOTED.sub(lambda found: found[1] or " ", without_comments(value) or value)
    return {word.strip("'").casefold() for word in _BETWEEN.split(bare) if "@" in word and word != "@"}
