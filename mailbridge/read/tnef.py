"""winmail.dat opened: Outlook's own wrapping of attachments (MS-OXTNEF). The libraries for it are no longer kept."""

import struct
from collections.abc import Iterator

from mailbridge.letter import File
from mailbridge.read import rtf
from mailbridge.read.encoding import decoded

_SIGNATURE = 0x223E9F78
_BODY, _FILE_BEGINS, _FILE_TITLE, _FILE_DATA, _FILE_PROPERTIES = 0x2800C, 0x69002, 0x18010, 0x6800F, 0x69005
_MESSAGE_PROPERTIES, _CODE_PAGE = 0x69003, 0x69007
_LONG_NAME, _MIME_TYPE, _CONTENT_ID, _DATA = 0x3707, 0x370E, 0x3712, 0x3701
_PLAIN_BODY, _RTF_BODY, _HTML_BODY = 0x1000, 0x1009, 0x1013
_FIXED_SIZES = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 10: 4, 11: 4, 20: 8, 64: 8, 72: 16}
_BINARY, _OBJECT, _STRING, _UNICODE = 0x102, 0x0D, 0x1E, 0x1F
_MANY = 0x1000


def is_tnef(file: File) -> bool:
    is_named = (
        file.media_type in {"application/ms-tnef", "application/vnd.ms-tnef"} or file.name.lower() == "winmail.dat"
    )
    return is_named and file.data[:4] == struct.pack("<I", _SIGNATURE)


def opened(data: bytes) -> tuple[str, bool, list[File]]:
    """The text, if there is one, whether it is HTML, and the files inside; whatever of it can be read."""
    text, is_html, charset, is_looked_into = "", False, "windows-1252", False
    files: list[dict[str, bytes | str]] = []
    for attribute, value in _attributes(data):
        if attribute == _CODE_PAGE and len(value) >= 4:
            charset = f"cp{struct.unpack_from('<I', value)[0]}"
        elif attribute == _BODY:
            text = decoded(value.rstrip(b"\0"), charset)
        elif attribute == _MESSAGE_PROPERTIES and not text and not is_looked_into:
            is_looked_into = True
            text, is_html = _body(dict(_properties(value, charset)), charset)
        elif attribute == _FILE_BEGINS:
            files.append({})
        elif files:
            _note(files[-1], attribute, value, charset)
    return text, is_html, [_file(found) for found in files if found.get("data")]


def _body(found: dict[int, bytes | str], charset: str) -> tuple[str, bool]:
    """Exchange keeps a body in one of three forms and makes the others of it; the plain one loses least."""
    if plain := str(found.get(_PLAIN_BODY, "")).strip():
        return plain, False
    if source := found.get(_HTML_BODY):
        return (source if isinstance(source, str) else decoded(source, charset)), True
    packed = found.get(_RTF_BODY)
    return rtf.text_of(rtf.decompressed(packed)) if isinstance(packed, bytes) else ("", False)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 6
    while at + 9 <= len(data):
        _, attribute, length = struct.unpack_from("<BII", data, at)
        yield attribute, data[at + 9 : at + 9 + length]
        at += 9 + length + 2


def _note(file: dict[str, bytes | str], attribute: int, value: bytes, charset: str) -> None:
    if attribute == _FILE_TITLE:
        file.setdefault("name", decoded(value.rstrip(b"\0"), charset))
    elif attribute == _FILE_DATA:
        file["data"] = value
    elif attribute == _FILE_PROPERTIES:
        found = dict(_properties(value, charset))
        names = {"name": _LONG_NAME, "type": _MIME_TYPE, "cid": _CONTENT_ID}
        file.update({key: found[tag] for key, tag in names.items() if found.get(tag)})
        if found.get(_DATA):
            file.setdefault("data", found[_DATA])


def _properties(data: bytes, charset: str) -> Iterator[tuple[int, bytes | str]]:
    """MAPI properties: tag and value; stops at the first it cannot step over."""
    try:
        (count,) = struct.unpack_from("<I", data)
        at = 4
        for _ in range(min(count, 2_000)):
            kind, tag = struct.unpack_from("<HH", data, at)
            at = _after_name(data, at + 4) if tag >= 0x8000 else at + 4
            values, at = _values(data, at, kind)
            if values and kind & ~_MANY in {_STRING, _UNICODE, _BINARY, _OBJECT}:
                yield tag, _meant(values[0], kind, charset)
    except struct.error:
        return


def _after_name(data: bytes, at: int) -> int:
    (kind,) = struct.unpack_from("<I", data, at + 16)
    if kind == 0:
        return at + 24
    (length,) = struct.unpack_from("<I", data, at + 20)
    return int(at + 24 + length + -length % 4)


def _values(data: bytes, at: int, kind: int) -> tuple[list[bytes], int]:
    plain = kind & ~_MANY
    if not kind & _MANY and plain in _FIXED_SIZES:
        return [], at + _FIXED_SIZES[plain]
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    if plain in _FIXED_SIZES:
        return [], at + count * _FIXED_SIZES[plain]
    values = []
    for _ in range(min(count, 1_000)):
        (length,) = struct.unpack_from("<I", data, at)
        values.append(data[at + 4 : at + 4 + length])
        at += 4 + length + -length % 4
    return values, at


def _meant(value: bytes, kind: int, charset: str) -> bytes | str:
    plain = kind & ~_MANY
    if plain == _UNICODE:
        return decoded(value, "utf-16-le").rstrip("\0")
    if plain == _STRING:
        return decoded(value.rstrip(b"\0"), charset)
    # An object begins with the identifier of its interface.
    return value[16:] if plain == _OBJECT else value


def _file(found: dict[str, bytes | str]) -> File:
    data = found["data"]
    content_id = "".join(str(found.get("cid", "")).split()).strip("<>") or None
    media_type = "".join(str(found.get("type", "")).split()) or "application/octet-stream"
    return File(str(found.get("name", "")) or "file", media_type, data if isinstance(data, bytes) else b"", content_id)
