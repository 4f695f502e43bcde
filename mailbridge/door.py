"""The door for mail, by SMTP and LMTP: RCPT is answered for at once, DATA is committed before it is answered with 250."""

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from forum.errors import Refusal
from mailbridge.content import TOO_LARGE, GathersContent
from mailbridge.incoming import Arrival, Bridge

log = logging.getLogger("parvi.door")

MAX_RECIPIENTS = 100
LINE_LIMIT = 1_000_000  # mail with longer lines than the standard's 1,000 octets exists, and is somebody's answer
PLAIN_PATH = re.compile(r"<([\w.+=-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,9})> ?([\w= -]*)", re.ASCII)
TRY_LATER = "451 4.3.0 Something is wrong here; please try again later"


class Door:
    """What aiosmtpd calls. Our own trouble is always 451: the mail stays with the sender's server, which tries again."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._writing = Committer(bridge)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients; send the others in another mail"
        try:
            if not self._bridge.has_just_met(address):
                await asyncio.to_thread(self._bridge.check_recipient, address)
        except Refusal as refusal:
            return f"550 5.1.1 {_ascii(str(refusal))}"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        peer = session.peer[0] if isinstance(session.peer, tuple) else "local"
        sender = (envelope.mail_from or "").removeprefix("<>")  # aiosmtpd's word for the sender of a bounce
        await self._writing.store(Arrival(sender, envelope.rcpt_tos, envelope.content, str(peer)))
        return "250 2.0.0 Kept"

    async def handle_exception(self, error: Exception) -> str:
        log.error("the mail door: %s", type(error).__name__, exc_info=error)
        return TRY_LATER


class Committer:
    """One commit for all mails that wait for one: a disk does a few hundred a second, however many come."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._waiting: list[tuple[Arrival, asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def store(self, arrival: Arrival) -> None:
        """Returns when the mail is committed; raises when it is not."""
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, kept))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._commit_all())
        await kept

    async def _commit_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:100], self._waiting[100:]
            error = await self._commit([arrival for arrival, _ in batch])
            for _, kept in batch:
                if not kept.done():  # a sender that hung up has cancelled its own
                    kept.set_exception(error) if error else kept.set_result(None)

    async def _commit(self, arrivals: Sequence[Arrival]) -> Exception | None:
        try:
            await asyncio.to_thread(self._bridge.store, *arrivals)
        except Exception as error:  # noqa: BLE001  told to each sender as 451, and logged there
            return error
        return None


class QuickPaths(GathersContent):
    """Nearly all addresses are plain; reading them with all that RFC 5322 allows is a third of a mail's cost at the door."""

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        plain = PLAIN_PATH.fullmatch(arg or "")
        return (plain[1], plain[2]) if plain else super()._getaddr(arg)


class SmtpServer(QuickPaths):
    line_length_limit = LINE_LIMIT

    async def push(self, status: str) -> None:
        await super().push(_with_advice(status))


class LmtpServer(QuickPaths, LMTP):  # type: ignore[misc]
    """Once the content is there, whoever answers, there is one answer for each recipient (RFC 2033 4.2)."""

    line_length_limit = LINE_LIMIT
    _answers = 1

    async def push(self, status: str) -> None:
        times, self._answers = self._answers, 1
        if status.startswith("354"):
            self._answers = len(self.envelope.rcpt_tos)
        await super().push("\r\n".join([_with_advice(status)] * times))


def smtp_server(door: Door, max_bytes: int, hostname: str) -> SMTP:
    return SmtpServer(door, **_options(max_bytes, hostname))


def lmtp_server(door: Door, max_bytes: int, hostname: str) -> LMTP:
    return LmtpServer(door, **_options(max_bytes, hostname))


def _options(max_bytes: int, hostname: str) -> dict[str, Any]:
    return {
        "data_size_limit": max_bytes,
        "enable_SMTPUTF8": True,
        "hostname": hostname,
        "ident": "Parvi",
        "timeout": 300,
        "auth_require_tls": True,
        "loop": asyncio.get_running_loop(),
    }


def _with_advice(status: str) -> str:
    """aiosmtpd's own refusal of a mail that says how large it is, with what to do instead."""
    return TOO_LARGE if status.startswith("552 Error") else status


def _ascii(sentence: str) -> str:
    """Answers of SMTP are ASCII (RFC 5321 4.2)."""
    return sentence.replace("“", '"').replace("”", '"').encode("ascii", "replace").decode()
