"""Reading what a request carries: fields, files, JSON; how much is taken; from where it may come."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from forum import attachments
from forum.attachments import Upload
from forum.errors import FormIncomplete, UploadTooLarge, WrongOrigin
from forum.files import Files
from forum.web.visit import storable

MAX_FILES, MAX_FIELDS = 20, 50
MAX_TEXT_BYTES = 1_000_000  # of one text field, or of JSON: held in memory, while files go to the disk


@dataclass(frozen=True)
class Sent:
    """What came, the files not yet kept: that waits until it is known whether a member sent them."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[UploadFile, ...] = ()
    json: Mapping[str, Any] = field(default_factory=dict)

    def keep_files(self, files: Files) -> list[Upload]:
        """Before the transaction: bytes first, then the rows that speak of them."""
        return [
            attachments.keep(files, storable(one.filename or ""), one.content_type or "", one.file.read())
            for one in self.files
        ]

    def read_files(self) -> list[bytes]:
        """What they hold, kept nowhere."""
        return [one.file.read() for one in self.files]


async def read(request: Request, limit: int, *, as_json: bool = False) -> Sent:
    """Raises UploadTooLarge beyond `limit` bytes, FormIncomplete when it cannot be read."""
    counted = _Counted(request, min(limit, MAX_TEXT_BYTES) if as_json else limit)
    try:
        return await (_read_json if as_json else _read_form)(Request(request.scope, counted.receive))
    except (MultiPartException, HTTPException, ClientDisconnect, ValueError, RecursionError):
        raise FormIncomplete from None
    except UploadTooLarge:
        await counted.drain()
        raise


def check_origin(request: Request, base_url: str) -> None:
    """A form of another site may not act for whoever is signed in here. Every browser of today says where a form came
    from; who says nothing is no browser, and has no cookie to misuse."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or urlsplit(origin).netloc in (urlsplit(base_url).netloc, request.headers.get("host"))
    if not allowed:
        raise WrongOrigin


async def _read_form(request: Request) -> Sent:
    """A part is what is no file, to starlette; files are held to the limit of the whole."""
    form = await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_TEXT_BYTES)
    fields = {name: _typed(value) for name, value in form.multi_items() if isinstance(value, str)}
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile) and value.filename]
    return Sent(fields, tuple(files))


async def _read_json(request: Request) -> Sent:
    found = json.loads(await request.body() or b"{}")
    if not isinstance(found, dict):
        raise FormIncomplete
    return Sent(json={name: _typed(value) if isinstance(value, str) else value for name, value in found.items()})


def _typed(text: str) -> str:
    """Browsers send line ends as CRLF (HTML 4.10.21.4)."""
    return storable(text.replace("\r\n", "\n"))


class _Counted:
    """Hands on what comes in until it is too much."""

    def __init__(self, request: Request, limit: int) -> None:
        self._receive, self._limit, self._taken, self._more = request.receive, limit, 0, True

    async def receive(self) -> Message:
        message = await self._next()
        if self._taken > self._limit:
            raise UploadTooLarge(megabytes=self._limit // 1_000_000)
        return message

    async def drain(self) -> None:
        """A browser that is still sending reads no answer; so the rest is taken, within reason, and forgotten."""
        while self._more and self._taken < 8 * self._limit:
            await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        self._more = bool(message.get("more_body")) and message["type"] == "http.request"
        return message
