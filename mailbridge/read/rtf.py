"""The text inside Outlook's compressed RTF (MS-OXRTFCP), which often is HTML in RTF's clothes (MS-OXRTFEX)."""

import codecs
import re
import struct
from dataclasses import dataclass, replace
from typing import Any

from mailbridge.read.encoding import decoded

RTF = 2_000_000

_COMPRESSED, _AS_IT_IS = b"LZFu", b"MELA"
_DEPTH = 1_000
_HEADER = 16
_WINDOW = 4096
_KNOWN = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_TOKEN = re.compile(
    rb"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,9})? ?|\\'(?P<code>[0-9a-fA-F]{2})|\\(?P<symbol>[^a-zA-Z])"
    rb"|(?P<brace>[{}])|(?P<plain>[^\\{}\r\n]{1,4096})|[\r\n]+|\\",
    re.S,
)
_UNSHOWN = {
    b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"footer", b"headerl", b"headerr",
    b"headerf", b"footerl", b"footerr", b"footerf", b"listtext", b"pntext", b"template", b"filetbl",
    b"mhtmltag",
}  # fmt: skip
_SIGNS = {
    b"par": "\n", b"line": "\n", b"row": "\n", b"sect": "\n", b"page": "\n", b"tab": "\t", b"cell": "\t",
    b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•", b"endash": "–",
    b"emdash": "—", b"enspace": " ", b"emspace": " ",
}  # fmt: skip
_SYMBOLS = {b"~": "\xa0", b"_": "\u2011", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n", b"\t": "\t"}
_LINK = re.compile(r'HYPERLINK\s+"?((?:https?|mailto):[^\s"]{1,1000})')
_CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "cp936", 136: "cp950", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip


def decompressed(data: bytes) -> bytes:
    """PidTagRtfCompressed -> RTF, at most RTF bytes; what was cut off or broken is missing, and its checksum not asked for."""
    if len(data) < _HEADER or data[8:12] not in (_COMPRESSED, _AS_IT_IS):
        return b""
    size, raw_size = struct.unpack_from("<II", data)
    packed = data[_HEADER : 4 + size]
    size = min(raw_size, RTF)
    return packed[:size] if data[8:12] == _AS_IT_IS else _unpacked(packed, size)


def _unpacked(packed: bytes, size: int) -> bytes:
    """The window of 4096 bytes, with the known ones in it, is the end of what has been written."""
    out, at, end = bytearray(_KNOWN), 0, size + len(_KNOWN)
    while at < len(packed) and len(out) < end:
        flags, at = packed[at], at + 1
        for bit in range(8):
            if not flags >> bit & 1:
                out += packed[at : at + 1]
                at += 1
            else:
                word = int.from_bytes(packed[at : at + 2])
                distance = (len(out) - (word >> 4)) % _WINDOW
                at += 2
                if not distance or at > len(packed):
                    return bytes(out[len(_KNOWN) : end])
                out += _repeated(out, distance, (word & 15) + 2)
    return bytes(out[len(_KNOWN) : end])


def _repeated(out: bytearray, distance: int, length: int) -> bytes:
    """What stands so far back; nothing where nobody has written."""
    start = max(0, len(out) - distance)
    found = bytes(out[start : start + length])
    return (found * length)[:length] if found else b""


def text_of(rtf: bytes) -> tuple[str, bool]:
    """The text, and whether it is HTML. Never raises."""
    if not rtf.startswith(b"{\\rtf"):
        return "", False
    walk = _Walk(is_html=b"\\fromhtml" in rtf[:2_000])
    at = 0
    while (token := _TOKEN.match(rtf, at)) is not None:
        at = token.end() + walk.take(token)
    return walk.text(), walk.is_html


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds within braces. `is_rtf_only`: written beside the HTML, for those who cannot read it."""

    charset: str
    is_unshown: bool = False
    is_rtf_only: bool = False
    is_fonts: bool = False
    is_target: bool = False  # the address of a link
    is_linked: bool = False  # the words that lead there
    replacements: int = 1  # how many letters stand after each \u for those who do not know it


class _Walk:
    """The text so far, and the groups that are open."""

    def __init__(self, *, is_html: bool) -> None:
        self.is_html = is_html
        self._out: list[str] = []
        self._bytes, self._bytes_charset = bytearray(), ""
        self._group, self._above = _Group("cp1252"), list[_Group]()
        self._default = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = self._skipped = self._too_deep = 0
        self._is_star = False
        self._target = ""

    def take(self, token: re.Match[bytes]) -> int:
        """How many bytes after it are none of the text's."""
        word, plain = token["word"], token["plain"]
        if token["brace"]:
            self._brace(token["brace"])
        elif self._skipped and word not in (b"u", b"bin"):
            self._skip(token)
        elif word:
            return self._word(word.lower(), int(token["number"] or -1), has_number=bool(token["number"]))
        elif token["code"]:
            self._letters(bytes.fromhex(token["code"].decode()))
        elif token["symbol"] == b"*":
            self._is_star = True
        elif token["symbol"]:
            self._say(_SYMBOLS.get(token["symbol"], ""))
        elif plain:
            self._letters(plain)
        return 0

    def text(self) -> str:
        self._flush()
        text = "".join(self._out).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return decoded(text.encode(), "utf-8")

    def _brace(self, brace: bytes) -> None:
        self._skipped, self._is_star = 0, False
        if brace == b"{" and len(self._above) >= _DEPTH:
            self._too_deep += 1
        elif brace == b"{":
            self._above.append(self._group)
        elif self._too_deep:
            self._too_deep -= 1
        elif self._above:
            closed, self._group = self._group, self._above.pop()
            if closed.is_linked and not self._group.is_linked:
                self._show_link()

    def _skip(self, token: re.Match[bytes]) -> None:
        """The replacement of a letter beyond the charset, for old readers; a line break within RTF is nothing."""
        plain = token["plain"]
        if plain and len(plain) > self._skipped:
            rest, self._skipped = plain[self._skipped :], 0
            self._letters(rest)
        elif token.lastgroup:
            self._skipped -= len(plain) if plain else 1

    def _word(self, word: bytes, number: int, *, has_number: bool) -> int:
        is_destination, self._is_star = self._is_star, False
        if word == b"htmltag":
            self._change(is_rtf_only=False)
        elif word == b"fldinst":
            self._target = ""
            self._change(is_target=True)
        elif word == b"fldrslt":
            self._change(is_linked=True)
        elif is_destination or word in _UNSHOWN:
            self._change(is_unshown=True, is_fonts=word == b"fonttbl")
        elif word == b"htmlrtf":
            self._change(is_rtf_only=number != 0)
        elif word == b"bin":
            return min(max(number, 0), RTF)
        elif word == b"u" and has_number:
            self._say(chr(number & 0xFFFF))
            self._skipped = self._group.replacements
        elif word == b"uc":
            self._change(replacements=min(max(number, 0), 10))
        elif word in _SIGNS:
            self._say(_SIGNS[word])
        else:
            self._charset(word, number)
        return 0

    def _show_link(self) -> None:
        found = _LINK.search(self._target)
        self._flush()
        if found and found[1] not in "".join(said[-2_000:] for said in self._out[-3:]):
            self._say(f" ({found[1]})")
        self._target = ""

    def _charset(self, word: bytes, number: int) -> None:
        """Letters are of the charset of their font, else of \\ansicpg."""
        is_font = self._group.is_fonts
        if word == b"ansicpg":
            self._default = _known(number) or self._default
            self._change(charset=self._default)
        elif word == b"f" and is_font:
            self._font = number
        elif word == b"fcharset" and is_font:
            self._fonts[self._font] = _CHARSETS.get(number, "")
        elif word in (b"f", b"plain"):
            found = self._fonts.get(number) if word == b"f" else ""
            self._change(charset=found or self._default)

    def _change(self, **what: Any) -> None:
        if any(getattr(self._group, name) != value for name, value in what.items()):
            self._group = replace(self._group, **what)

    def _letters(self, letters: bytes) -> None:
        group = self._group
        if group.is_target:
            self._target += letters[:2_000].decode("latin-1") if len(self._target) < 2_000 else ""
        if self._is_silent():
            return
        if self._bytes_charset != group.charset:
            self._flush()
            self._bytes_charset = group.charset
        self._bytes += letters

    def _say(self, text: str) -> None:
        if text and not self._is_silent():
            self._flush()
            self._out.append(text)

    def _is_silent(self) -> bool:
        group = self._group
        return group.is_unshown or group.is_target or (self.is_html and group.is_rtf_only)

    def _flush(self) -> None:
        if self._bytes:
            self._out.append(self._bytes.decode(self._bytes_charset, "replace"))
            self._bytes.clear()


def _known(code_page: int) -> str:
    try:
        return codecs.lookup("utf-8" if code_page == 65001 else f"cp{code_page}").name
    except LookupError:
        return ""
