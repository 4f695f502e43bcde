"""A file as an answer: in pieces, whole or the part that was asked for (RFC 9110 14), from wherever its bytes are kept."""

import re
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from forum.errors import AttachmentNotFound, FilesAway, Refusal
from forum.files import Files
from forum.tables import Attachment

PIECE = 1_000_000  # a slow reader holds this much memory, and no connection to where the bytes are
_READING = CapacityLimiter(4)  # threads of their own: a service that answers slowly keeps no page waiting
_letters = dict[str, str]()  # by digest: looked for once, or each small part of a large text would cost all of it
MOST_LETTERS = 1000
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class KeptFile(Response):
    """Sent once the database has been let go. `refused` makes the page for bytes that are away or gone."""

    def __init__(self, file: Attachment, files: Files, inline: bool, refused: Callable[[Refusal], Response]) -> None:
        super().__init__()
        self._media_type, self._digest, self._size = file.media_type, file.digest, file.size
        self._files, self._refused = files, refused
        self.headers["Content-Disposition"] = _disposition("inline" if inline else "attachment", file.name)
        self.headers["ETag"] = f'"{file.digest}"'
        self.headers["Accept-Ranges"] = "bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(Headers(scope=scope), scope["method"] == "HEAD")
        except FilesAway as refusal:
            answer = self._refused(refusal)
        except FileNotFoundError:
            answer = self._refused(AttachmentNotFound())
        await answer(scope, receive, send)

    async def _answer(self, asked: Headers, head_only: bool) -> Response:
        headers = {name: value for name, value in self.headers.items() if name != "content-length"}
        if asked.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        is_current = asked.get("if-range", headers["etag"]) == headers["etag"]
        part = _part(asked.get("range", ""), self._size) if is_current else None
        start, end = part or (0, self._size)
        if part and start >= end:
            return Response(status_code=416, headers=headers | {"content-range": f"bytes */{self._size}"})
        if part:
            headers["content-range"] = f"bytes {start}-{end - 1}/{self._size}"
        headers |= {"content-type": await self._declared(), "content-length": str(end - start)}
        first = await self._piece(start, end)
        body = _nothing() if head_only else self._pieces(first, start, end)
        return StreamingResponse(body, 206 if part else 200, headers)

    async def _pieces(self, first: bytes, start: int, end: int) -> AsyncIterator[bytes]:
        yield first
        for at in range(start + PIECE, end, PIECE):
            yield await self._piece(at, end)

    async def _piece(self, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        return await to_thread.run_sync(
            self._files.read, self._digest, start, min(start + PIECE, end), limiter=_READING
        )

    async def _declared(self) -> str:
        """Text says in which letters it is written; what is not UTF-8 is nearly always Windows' own."""
        if not self._media_type.startswith("text/"):
            return self._media_type
        if self._digest not in _letters:
            if len(_letters) >= MOST_LETTERS:
                _letters.clear()
            _letters[self._digest] = await self._found_letters()
        return f"{self._media_type}; charset={_letters[self._digest]}"

    async def _found_letters(self) -> str:
        decoder = getincrementaldecoder("utf-8")()
        try:
            for at in range(0, self._size, PIECE):
                decoder.decode(await self._piece(at, self._size), final=at + PIECE >= self._size)
        except UnicodeDecodeError:
            return "windows-1252"
        return "utf-8"


def _part(asked: str, size: int) -> tuple[int, int] | None:
    """From where to before where; empty when there is no such part. None for all of it: also for several parts at once,
    which nobody asks for but to make trouble, and for what cannot be read (RFC 9110 14.2)."""
    found = _RANGE.fullmatch(asked.strip())
    if not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    end = min(int(last) + 1, size) if last else size
    return (int(first), end) if not last or int(last) >= int(first) else None


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


def _disposition(kind: str, name: str) -> str:
    """RFC 6266."""
    quoted = quote(name)
    return f'{kind}; filename="{name}"' if quoted == name else f"{kind}; filename*=utf-8''{quoted}"
