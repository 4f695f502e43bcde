"""Bytes -> text as mail programs meant it: charsets, encoded words (RFC 2047), parameters (RFC 2231)."""

import binascii
import codecs
import re
from urllib.parse import unquote_to_bytes

# What programs declare, and what they write (WHATWG's encoding standard does the same).
_MEANT = {
    "us-ascii": "utf-8", "ascii": "utf-8", "iso-8859-1": "windows-1252", "latin1": "windows-1252",
    "iso8859-1": "windows-1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "shift-jis": "cp932",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "iso-8859-9": "cp1254", "iso-8859-8-i": "iso-8859-8",
    "iso-8859-11": "cp874", "tis-620": "cp874", "utf8mb4": "utf-8", "unicode-1-1-utf-7": "utf-7", "cp-850": "cp850",
    "unknown-8bit": "utf-8", "x-unknown": "utf-8", "default": "utf-8", "8bit": "utf-8", "binary": "utf-8",
}  # fmt: skip
# No charsets of mail: quadratic, or escapes that make other text of it.
_REFUSED = {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_EXTENDED = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?$")


def decoded(data: bytes, charset: str) -> str:
    """As declared, else UTF-8, else windows-1252. No NUL, no CR, no lone surrogate is left."""
    text = _by_charset(data, charset)
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    return CONTROL.sub("", text.encode("utf-8", "replace").decode())


def _by_charset(data: bytes, charset: str) -> str:
    declared = _known(charset)
    for name in (declared, "utf-8"):
        try:
            return data.decode(name)
        except (UnicodeError, ValueError):
            continue
    # One broken byte does not make Korean of UTF-8 text windows-1252, nor the other way round.
    name = "windows-1252" if declared == "utf-8" and not _mostly_utf_8(data) else declared
    return data.decode(name, "replace")


def _mostly_utf_8(data: bytes) -> bool:
    broken = data[:100_000].decode("utf-8", "replace")
    high = sum(1 for letter in broken if letter > "\x7f")
    return broken.count("\ufffd") * 4 <= high


def _known(charset: str) -> str:
    name = charset.strip().strip("\"'").lower()
    name = _MEANT.get(name, name)
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return "utf-8"
    is_text = getattr(found, "_is_text_encoding", True) and found.name not in _REFUSED
    return found.name if is_text else "utf-8"


def words(value: str) -> str:
    """A header's text with its encoded words decoded; one line without control characters."""
    if "=?" in value:
        value = "".join(_runs(value))
    if not value.isascii():
        # Bytes nobody declared: see mime._head_text.
        value = decoded(value.encode("utf-8", "surrogateescape"), "")
    return " ".join(CONTROL.sub("", value).split())


def decodable(value: str) -> str:
    """A header as it stands, for what is no text (identifiers, types): bytes nobody can decode are replaced."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _runs(value: str) -> list[str]:
    """Adjacent encoded words of one charset are joined before decoding: many programs cut through a letter."""
    out: list[str] = []
    data, charset, at = b"", "", 0
    for found in _ENCODED_WORD.finditer(value):
        between = value[at : found.start()]
        word_charset = found[1].split("*")[0].lower()
        if data and (between.strip() or word_charset != charset):
            out.append(decoded(data, charset))
            data = b""
        if between.strip() or at == 0:
            out.append(between)
        data, charset, at = data + _word(found[2], found[3]), word_charset, found.end()
    if data:
        out.append(decoded(data, charset))
    out.append(value[at:])
    return out


def _word(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    letters = letters[:-1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def unquoted_parameters(value: str) -> tuple[str, dict[str, str]]:
    """`text/plain; charset="utf-8"` -> ("text/plain", {"charset": "utf-8"}), continued parameters joined."""
    pieces = _split_at_semicolons(value[:20_000])
    head = pieces[0].strip().lower() if pieces else ""
    found: dict[str, list[tuple[int, bool, str]]] = {}
    for piece in pieces[1:]:
        name, _, text = piece.partition("=")
        extended = _EXTENDED.match(name.strip().lower())
        if extended and text:
            part = (int(extended[2] or 0), bool(extended[3]), _unquoted(text))
            found.setdefault(extended[1], []).append(part)
    return decodable(head.split()[0]) if head else "", {name: _parameter(parts) for name, parts in found.items()}


def _split_at_semicolons(value: str) -> list[str]:
    if '"' not in value:
        return value.split(";")
    pieces = [""]
    for each in re.findall(r'"(?:[^"\\]|\\.)*"?|;|[^";]+', value):
        if each == ";":
            pieces.append("")
        else:
            pieces[-1] += each
    return pieces


def _unquoted(text: str) -> str:
    text = text.strip()
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text.strip('"'))
    return text


def _parameter(parts: list[tuple[int, bool, str]]) -> str:
    parts = sorted(parts, key=lambda part: part[0])
    if not any(is_encoded for _, is_encoded, _ in parts):
        return words("".join(text for _, _, text in parts))
    charset, _, rest = parts[0][2].partition("'")
    first = rest.partition("'")[2] if rest else parts[0][2]
    pieces = [(0, parts[0][1], first), *parts[1:]]
    data = b"".join(
        unquote_to_bytes(raw) if is_encoded else raw
        for raw, is_encoded in [(text.encode("utf-8", "surrogateescape"), is_encoded) for _, is_encoded, text in pieces]
    )
    return decoded(data, charset)
