"""Which text of a mail is its text, and what is attached."""

import re
from dataclasses import dataclass, field, replace

from mailbridge.letter import File
from mailbridge.read import html, tnef
from mailbridge.read.encoding import decodable, decoded, words
from mailbridge.read.mime import Entity

_STUB = re.compile(r"\b(html|view|display|read|client|näytä|visa)\b", re.I)
_WORD = re.compile(r"\w+")
_ALIKE = 60
_UNSAFE_IN_NAME = re.compile(r"[\x00-\x1f\x7f/\\]+")
_EXTENSION = {"text/calendar": ".ics", "message/rfc822": ".eml", "application/pgp-signature": ".asc",
              "application/pkcs7-signature": ".p7s", "application/x-pkcs7-signature": ".p7s", "image/jpeg": ".jpg",
              "image/png": ".png", "image/gif": ".gif", "text/plain": ".txt", "text/html": ".html",
              "application/pdf": ".pdf", "application/pkcs7-mime": ".p7m"}  # fmt: skip


@dataclass(slots=True)
class Body:
    """Stretches of text in order, each plain or still HTML, and the files between and beside them."""

    texts: list[tuple[str, bool]] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    wrapped: list[tuple[str, bool]] = field(default_factory=list)  # what a winmail.dat says

    def text(self) -> str:
        said = _rendered(self.texts)
        return "\n".join(said + [text for text in _rendered(self.wrapped) if not _is_said(text, said)])

    def says_something(self) -> bool:
        text = "".join(text for text, is_html in self.texts if not is_html).strip()
        return len(text) > 300 or (bool(text) and not ("html" in text.lower() and len(_STUB.findall(text)) > 1))

    def has_html(self) -> bool:
        return any(is_html and text.strip() for text, is_html in self.texts)


def _rendered(texts: list[tuple[str, bool]]) -> list[str]:
    rendered = [html.to_text(text) if is_html else text for text, is_html in texts]
    return [text for text in rendered if text.strip()]


def _is_said(text: str, said: list[str]) -> bool:
    """Exchange often writes a text twice, beside its winmail.dat and in it; a list's footer beside it is another."""
    begin = _letters(text)[:_ALIKE]
    return any(_letters(other)[:_ALIKE] == begin for other in said)


def _letters(text: str) -> str:
    return "".join(_WORD.findall(text[: 40 * _ALIKE]))


class _Left:
    """How many winmail.dat are still opened: one unpacks to eight times its size. Programs make one."""

    def __init__(self) -> None:
        self.winmails = 3

    def takes(self, file: File) -> bool:
        self.winmails -= tnef.is_tnef(file)
        return tnef.is_tnef(file) and self.winmails >= 0


def gather(entity: Entity, left: _Left | None = None) -> Body:
    """The body of a mail or part. Recursion is bounded by mime.DEPTH."""
    kind, left = entity.media_type, left or _Left()
    if entity.parts:
        bodies = [gather(part, left) for part in entity.parts]
        return _alternative(bodies) if kind == "multipart/alternative" else _mixed(bodies)
    if kind.startswith("text/") and kind != "text/calendar" and not _is_attached(entity):
        return Body(texts=[_text(entity)])
    if kind.startswith("multipart/") and entity.body.strip():
        return Body(texts=[(decoded(entity.body, ""), False)])
    if kind in {"message/delivery-status", "text/rfc822-headers", "message/disposition-notification"}:
        return Body(files=[_file(entity)])
    file = _file(entity)
    if left.takes(file):
        text, is_html, found = tnef.opened(file.data)
        files = [replace(each, name=safe_name(each.name) or "file") for each in found]
        return Body(wrapped=[(text, is_html)] if text else [], files=files or ([] if text else [file]))
    return Body(files=[file] if file.data or file.name else [])


def _alternative(bodies: list[Body]) -> Body:
    """Plain text if it says something, else HTML; whatever is attached to any of them."""
    files = [file for body in bodies for file in body.files]
    with_text = [body for body in bodies if body.texts]
    plain = next((body for body in with_text if not body.has_html() and body.says_something()), None)
    rich = next((body for body in reversed(with_text) if body.has_html()), None)
    chosen = plain or rich or (with_text[0] if with_text else Body())
    return replace(chosen, files=files, wrapped=[text for body in bodies for text in body.wrapped])


def _mixed(bodies: list[Body]) -> Body:
    texts = [text for body in bodies for text in body.texts]
    wrapped = [text for body in bodies for text in body.wrapped]
    return Body(texts, [file for body in bodies for file in body.files], wrapped)


def _is_attached(entity: Entity) -> bool:
    disposition, parameters = entity.disposition()
    return disposition == "attachment" or bool(parameters.get("filename") or entity.parameters.get("name"))


def _text(entity: Entity) -> tuple[str, bool]:
    text = decoded(entity.data(), entity.parameters.get("charset", ""))
    if entity.media_type in {"text/html", "application/xhtml+xml"}:
        return text, True
    if entity.parameters.get("format", "").lower() == "flowed":
        text = unflowed(text, delete_space=entity.parameters.get("delsp", "").lower() == "yes")
    return text, False


def unflowed(text: str, delete_space: bool = False) -> str:
    """RFC 3676: soft line breaks joined within one depth of quoting, stuffed spaces removed."""
    out: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        rest = line.lstrip(">")
        depth = len(line) - len(rest)
        rest = rest.removeprefix(" ")
        is_soft = rest.endswith(" ") and rest != "-- "
        piece = rest[:-1] if is_soft and delete_space else rest
        if depth == open_depth and rest != "-- ":
            out.append(piece)
        else:
            out.append(("\n" if out else "") + (">" * depth + " " if depth else "") + piece)
        open_depth = depth if is_soft else -1
        if not is_soft:
            open_depth = -1
    return "".join(out)


def _file(entity: Entity) -> File:
    _, parameters = entity.disposition()
    data = entity.body if entity.media_type == "message/rfc822" else entity.data()
    name = parameters.get("filename") or entity.parameters.get("name") or _name_for(entity)
    content_id = decodable(entity.headers.first("content-id")).strip().strip("<>").strip() or None
    return File(safe_name(name), entity.media_type, data, content_id)


def _name_for(entity: Entity) -> str:
    extension = _EXTENSION.get(entity.media_type, "")
    if entity.media_type == "message/rfc822":
        found = re.search(rb"^subject:[ \t]*([^\r\n]{1,200})", entity.body[:20_000], re.I | re.M)
        return (words(decoded(found[1], "")) if found else "") + extension or "message" + extension
    if entity.media_type.startswith(("message/", "text/rfc822")):
        return entity.media_type.partition("/")[2] + ".txt"
    return (entity.media_type.partition("/")[0] or "file") + extension


def safe_name(name: str) -> str:
    """A name that is only a name: no folder, no control character, not hidden, at most 150 letters."""
    name = _UNSAFE_IN_NAME.sub("_", words(name)).strip(" .")
    stem, dot, extension = name.rpartition(".")
    return f"{stem[:140]}{dot}{extension[:10]}" if dot and len(name) > 150 else name[:150]
