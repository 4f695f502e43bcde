"""The only way out for mail: to a relay over a few kept connections; or, for looking at, into a folder."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from forum.settings import SettingsWrong
from mailbridge.envelope import Answer, Envelope, Note
from mailbridge.smtp import TROUBLE, Connection, why
from mailbridge.spread import Spread

PATIENCE_S = 120  # for one answer; RFC 5321 4.5.3.2 asks for minutes
CONNECTIONS = 4
AT_ONE_DOMAIN = 2


class Postman(Protocol):
    async def deliver(self, envelopes: Sequence[Envelope], note: Note) -> None:
        """Tries each envelope once and notes one answer for each. Never raises for what a peer does."""

    def stop(self) -> None:
        """The copies that are being sent are the last ones: `deliver` ends with them, and says nothing of the others."""


class SmtpPostman:
    """To a relay, by SMTP or LMTP; `url` as PARVI_RELAY."""

    def __init__(
        self,
        url: str,
        hello: str,
        connections: int = CONNECTIONS,
        patience_s: float = PATIENCE_S,
        at_one_domain: int = AT_ONE_DOMAIN,
    ) -> None:
        parts = urlsplit(url)
        if not parts.hostname:
            raise SettingsWrong(f"PARVI_RELAY should be like smtp://mail.example.org:25, not “{url}”.")
        self._scheme, self._host = parts.scheme, parts.hostname
        self._port = parts.port or {"smtp": 25, "smtps": 465, "lmtp": 24}[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._hello, self._connections, self._patience_s = hello, connections, patience_s
        self._at_one_domain = at_one_domain
        self._kept: list[Connection] = []
        self._waiting: Spread | None = None
        self._is_stopping = False

    async def deliver(self, envelopes: Sequence[Envelope], note: Note) -> None:
        waiting = self._waiting = Spread(envelopes, note, self._at_one_domain)
        if self._is_stopping:
            waiting.stop()
        wanted = min(self._connections, -(-len(envelopes) // 10))
        troubles = await asyncio.gather(*(self._work_off(waiting) for _ in range(wanted)))
        why = next(filter(None, troubles), "no connection was to be had")
        waiting.put_off_all(Answer("deferred", f"the mail server could not be reached: {why}"))

    def stop(self) -> None:
        self._is_stopping = True
        if self._waiting is not None:
            self._waiting.stop()

    async def close(self) -> None:
        for connection in self._kept:
            await connection.quit()
        self._kept.clear()

    async def _work_off(self, waiting: Spread) -> str:
        """Until none is waiting, or no connection will carry them; then answers why."""
        stalls = 0
        while waiting:
            try:
                connection = self._kept.pop() if self._kept else await self._connect()
            except TROUBLE as trouble:
                return why(trouble)
            try:
                await connection.send(waiting)
                connection.has_worked = True
                self._kept.append(connection)
            except TROUBLE as trouble:
                connection.drop()
                stalls += isinstance(trouble, TimeoutError)
                if not connection.has_worked or stalls > 1:  # a kept one may have gone stale, a second one not
                    return why(trouble)
        return ""

    async def _connect(self) -> Connection:
        context = ssl.create_default_context() if self._scheme == "smtps" else None
        async with asyncio.timeout(min(30, self._patience_s)):
            reader, writer = await asyncio.open_connection(self._host, self._port, ssl=context)
            connection = Connection(reader, writer, self._patience_s)
            try:
                await connection.greet(
                    self._hello,
                    lmtp=self._scheme == "lmtp",
                    host=self._host,
                    secure=context is not None,
                    user=self._user,
                    password=self._password,
                )
            except BaseException:
                connection.drop()
                raise
        return connection


class CatchingPostman:
    """Into a folder for each address, for looking at."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._numbers = count(1)

    async def deliver(self, envelopes: Sequence[Envelope], note: Note) -> None:
        await asyncio.to_thread(self._catch, envelopes, note)

    def stop(self) -> None:
        """A batch takes a moment."""

    async def close(self) -> None:
        pass

    def _catch(self, envelopes: Sequence[Envelope], note: Note) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        for envelope in envelopes:
            try:
                self._write(envelope, f"{stamp}-{next(self._numbers)}.eml")
            except (OSError, ValueError) as trouble:  # a full disk, or an address that can be no folder's name
                note(envelope, Answer("deferred", why(trouble)))
            else:
                note(envelope, Answer("sent", "caught"))

    def _write(self, envelope: Envelope, name: str) -> None:
        folder = self._folder / envelope.recipient.lower().replace("/", "_")
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{envelope.key}"
        draft.write_bytes(f"Return-Path: <{envelope.sender}>\r\n".encode() + envelope.head + envelope.body)
        draft.rename(folder / name)  # whoever looks sees whole mails only
