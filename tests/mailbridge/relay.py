"""A mail server on loopback that keeps strictly to the order of commands, and misbehaves where a script says so."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Cut:
    """Says this much, then hangs up."""

    after: str = ""


class Stall:
    """Says nothing more."""


Said = str | Cut | Stall | None
Script = Callable[[str, str, int], Said]  # what was asked, with which argument, and for which time
EXTENSIONS = ("PIPELINING", "8BITMIME", "SIZE 1000000")


def nothing_odd(verb: str, argument: str, time: int) -> Said:
    return None


@dataclass
class Relay:
    script: Script = nothing_odd
    extensions: Sequence[str] = EXTENSIONS
    lmtp: bool = False
    tls: ssl.SSLContext | None = None
    secure_extensions: Sequence[str] = ("PIPELINING",)
    port: int = 0
    accepted: list[tuple[str, bytes]] = field(default_factory=list)  # recipient and content of what 250 was said for
    asked: list[str] = field(default_factory=list)  # every command
    connections: int = 0
    rushed: int = 0  # commands that came before their turn, though PIPELINING was not offered
    times: Counter[str] = field(default_factory=Counter)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Relay"]:
        sessions: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            sessions.add(task)
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await _Session(self, reader, writer).run()
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=10_000_000)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in sessions:
                task.cancel()
            await asyncio.gather(*sessions, return_exceptions=True)

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _ in self.accepted]


class _Session:
    def __init__(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._relay, self._reader, self._writer = relay, reader, writer
        self._offered: Sequence[str] = relay.extensions
        self._mail, self._rcpt = False, ""

    async def run(self) -> None:
        self._relay.connections += 1
        if not await self._say("CONNECT", "", "220 relay.example.net ESMTP"):
            return
        while line := await self._reader.readline():
            command = line.decode().rstrip("\r\n")
            self._relay.asked.append(command)
            if "PIPELINING" not in self._offered and getattr(self._reader, "_buffer"):  # noqa: B009
                self._relay.rushed += 1
            verb, _, argument = command.partition(" ")
            if not await self._one(verb.upper(), argument):
                return

    async def _one(self, verb: str, argument: str) -> bool:
        match verb:
            case "EHLO" | "LHLO" if (verb == "LHLO") == self._relay.lmtp:
                return await self._say(verb, argument, "\r\n".join(self._greeting()))
            case "STARTTLS" if self._relay.tls:
                return await self._say(verb, "", "220 go ahead") and await self._encrypt()
            case "AUTH":
                return await self._say(verb, argument, "235 2.7.0 welcome")
            case "MAIL":
                return await self._mail_from(argument)
            case "RCPT":
                return await self._rcpt_to(argument)
            case "DATA":
                return await self._data()
            case "RSET":
                self._mail, self._rcpt = False, ""
                return await self._say(verb, "", "250 2.0.0 reset")
            case "QUIT":
                await self._say(verb, "", "221 2.0.0 bye")
                return False
        return await self._say(verb, argument, "502 5.5.2 what?")

    async def _mail_from(self, argument: str) -> bool:
        if self._mail:
            return await self._say("NESTED", argument, "503 5.5.1 nested MAIL command")
        said = self._relay.script("MAIL", argument, self._count("MAIL"))
        self._mail = said is None or str(said).startswith("2")
        return await self._speak("250 2.1.0 ok" if said is None else said)

    async def _rcpt_to(self, argument: str) -> bool:
        if not self._mail:
            return await self._speak("503 5.5.1 need MAIL first")
        recipient = argument.removeprefix("TO:<").partition(">")[0]
        said = self._relay.script("RCPT", recipient, self._count("RCPT"))
        self._rcpt = recipient if said is None else ""
        return await self._speak("250 2.1.5 ok" if said is None else said)

    async def _data(self) -> bool:
        said = self._relay.script("DATA", "", self._count("DATA"))
        if said is None:
            said = "354 go on" if self._rcpt else "503 5.5.1 no recipient"
        if not await self._speak(said) or not isinstance(said, str) or not said.startswith("354"):
            return not isinstance(said, Cut)
        content = await self._content()
        recipient, self._mail, self._rcpt = self._rcpt, False, ""
        if not recipient:
            return await self._speak("554 5.5.1 no valid recipients")
        said = self._relay.script("END", recipient, self._count("END"))
        if said is None:
            self._relay.accepted.append((recipient, content))
        return await self._speak("250 2.0.0 queued" if said is None else said)

    async def _content(self) -> bytes:
        lines = []
        while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def _greeting(self) -> list[str]:
        lines = ["relay.example.net", *self._offered]
        return [f"250{'-' if more else ' '}{line}" for line, more in zip(lines, [*lines[1:], ""], strict=True)]

    async def _encrypt(self) -> bool:
        assert self._relay.tls
        transport = self._writer.transport
        loop = asyncio.get_running_loop()
        protocol = transport.get_protocol()
        secured = await loop.start_tls(transport, protocol, self._relay.tls, server_side=True)
        assert secured
        self._reader._transport = secured  # type: ignore[attr-defined]
        self._writer = asyncio.StreamWriter(secured, protocol, self._reader, loop)
        self._offered = self._relay.secure_extensions
        self._relay.asked.append("(encrypted)")
        return True

    def _count(self, verb: str) -> int:
        self._relay.times[verb] += 1
        return self._relay.times[verb]

    async def _say(self, verb: str, argument: str, usual: str) -> bool:
        said = self._relay.script(verb, argument, self._count(verb))
        return await self._speak(usual if said is None else said)

    async def _speak(self, said: str | Cut | Stall) -> bool:
        """Whether the session goes on."""
        if isinstance(said, Stall):
            await asyncio.sleep(60)
        text = said.after if isinstance(said, Cut) else f"{said}\r\n"
        self._writer.write(text.encode())
        await self._writer.drain()
        return not isinstance(said, Cut)


def certificate(folder: Path, called: str = "relay.example.net") -> ssl.SSLContext:
    """For a server, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, called)])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(called)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
