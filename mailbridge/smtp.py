"""One connection to a mail server, by SMTP or LMTP, pipelined.

A copy's content and the next copy's MAIL, RCPT and DATA go out together, so that each copy costs one round trip
(RFC 2920 3.1).
"""

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import Sequence

from forum.text import one_line
from mailbridge.envelope import Answer, Envelope
from mailbridge.spread import Spread

NEAR = frozenset({"localhost", "127.0.0.1", "::1"})  # a password may go there unencrypted
PIECE = 256_000  # octets of a mail in one go: each must be taken in time, however large the mail is
PAUSE = 60_000  # octets not yet taken by the peer; below what makes a transport pause
MOST_LINES, LONGEST_ANSWER = 100, 100_000  # lines of an answer that are kept, and that are read
_ANSWER = re.compile(r"[2-5][0-9][0-9](?:[ -]|$)")


class Broken(Exception):
    """The connection, or what came over it, cannot be used any more."""


TROUBLE = (OSError, Broken, TimeoutError)  # an ssl.SSLError is an OSError


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience_s: float) -> None:
        self._reader, self._writer, self._patience_s = reader, writer, patience_s
        self._extensions: dict[str, str] = {}
        self.has_worked = False  # then a break is the connection's, not the mail's: the next one is tried at once

    async def greet(self, hello: str, *, lmtp: bool, host: str, secure: bool, user: str, password: str) -> None:
        await self._expect("2")
        await self._ehlo(hello, lmtp)
        if not secure and "STARTTLS" in self._extensions:
            await self._command("STARTTLS", "2")
            if await self._has_said_more():
                raise Broken("something was said before the encryption, as if in it")
            await self._writer.start_tls(
                _opportunistic() if not user else ssl.create_default_context(), server_hostname=host
            )
            await self._ehlo(hello, lmtp)
            secure = True
        if user:
            if not secure and host not in NEAR:
                raise Broken("the mail server offers no encryption, so it is not told the password")
            await self._log_in(user, password)

    async def send(self, waiting: Spread) -> None:
        """Copies until none is waiting. On any trouble the one under way is given back, and the connection given up."""
        current = self._next(waiting)
        if current:
            self._announce(current)
        while current:
            try:
                refused = await self._answers_to_envelope(current)
            except BaseException as trouble:
                self._give_back(current, waiting, trouble)
                raise
            current = await self._content(current, refused, waiting)

    def drop(self) -> None:
        """At once: a peer that takes nothing would have us keep what it has not taken."""
        self._writer.transport.abort()

    async def quit(self) -> None:
        """Polite, but nobody waits long for the answer."""
        with contextlib.suppress(*TROUBLE):
            async with asyncio.timeout(2):
                await self._command("QUIT", "2")
        self.drop()

    def _next(self, waiting: Spread) -> Envelope | None:
        """The next one that this peer can take."""
        while envelope := waiting.take():
            if not (why_not := self._why_not(envelope)):
                return envelope
            waiting.settle(envelope, Answer("refused", why_not))
        return None

    def _why_not(self, envelope: Envelope) -> str:
        if not envelope.recipient.isascii() and "SMTPUTF8" not in self._extensions:
            return "5.6.7 the mail server takes no addresses with other than ASCII letters (SMTPUTF8)"
        limit = self._extensions.get("SIZE", "")
        if limit.isdigit() and 0 < int(limit) < envelope.size:
            return f"5.3.4 the mail has {envelope.size} octets, the mail server takes {limit}"
        return ""

    def _give_back(self, envelope: Envelope, waiting: Spread, trouble: BaseException) -> None:
        """Its content has not been sent: another connection may carry it at once, unless it is what breaks them."""
        if self.has_worked:
            waiting.give_back(envelope)
        else:
            waiting.settle(envelope, Answer("deferred", why(trouble)))

    def _announce(self, envelope: Envelope) -> None:
        """MAIL, RCPT and DATA in one go, to a peer that says it can take them so; their answers come in order."""
        if "PIPELINING" in self._extensions:
            self._writer.write(b"".join(self._commands(envelope)))

    def _commands(self, envelope: Envelope) -> list[bytes]:
        size = f" SIZE={envelope.size}" if "SIZE" in self._extensions else ""
        body = " BODY=8BITMIME" if "8BITMIME" in self._extensions and not envelope.body.isascii() else ""
        utf8 = " SMTPUTF8" if not envelope.recipient.isascii() else ""
        mail = f"MAIL FROM:<{envelope.sender}>{size}{body}{utf8}\r\n"
        return [mail.encode(), f"RCPT TO:<{envelope.recipient}>\r\n".encode(), b"DATA\r\n"]

    async def _answers_to_envelope(self, envelope: Envelope) -> Answer | None:
        """None when the content may follow; else why not. Some say 354 though they refused the recipient (RFC 2920)."""
        if "PIPELINING" in self._extensions:
            await self._flush()
            said = [await self._answer() for _ in range(3)]
        else:
            said = await self._one_by_one(self._commands(envelope))
        if closing := next((answer for answer in said if answer.startswith("421")), ""):
            raise Broken(closing)
        wrong = next((answer for answer in said[:2] if not answer.startswith("2")), "")
        if said[-1].startswith("354"):
            if not wrong:
                return None
            await self._command(".")
            return _judged(wrong)
        await self._command("RSET")  # or the next MAIL would be a second one in the same transaction
        return _judged(wrong or said[-1], may_be_sent=False)

    async def _one_by_one(self, commands: Sequence[bytes]) -> list[str]:
        said: list[str] = []
        for command in commands:
            self._writer.write(command)
            await self._flush()
            said.append(await self._answer())
            if not said[-1].startswith(("2", "354")):
                break
        return said

    async def _content(self, current: Envelope, refused: Answer | None, waiting: Spread) -> Envelope | None:
        """Sends the content (unless refused) and announces the next copy behind it; answers which one that is."""
        following = self._next(waiting)
        if refused:
            waiting.settle(current, refused)
            if following:
                self._announce(following)
            return following
        try:
            await self._write(current)
            if following:
                self._announce(following)
            await self._flush()
            said = await self._answer()
        except BaseException as trouble:
            waiting.settle(current, Answer("deferred", why(trouble)))
            if following:
                waiting.give_back(following)
            raise
        waiting.settle(current, _judged(said))
        if said.startswith("421"):
            if following:
                waiting.give_back(following)
            raise Broken(said)
        self.has_worked = True
        return following

    async def _write(self, envelope: Envelope) -> None:
        self._writer.write(_stuffed(envelope.head))
        body = _stuffed(envelope.body)
        for at in range(0, len(body), PIECE):
            self._writer.write(body if len(body) <= PIECE else body[at : at + PIECE])
            await self._flush()
        self._writer.write(b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n")

    async def _flush(self) -> None:
        """Waits until the peer has taken most of it, which it has to do in time."""
        if self._writer.transport.get_write_buffer_size() > PAUSE:
            async with asyncio.timeout(self._patience_s):
                await self._writer.drain()

    async def _ehlo(self, hello: str, lmtp: bool) -> None:
        lines = (await self._command(f"{'LHLO' if lmtp else 'EHLO'} {hello}", "25")).splitlines()
        self._extensions = {word.upper(): rest for word, _, rest in (line[4:].partition(" ") for line in lines[1:])}

    async def _log_in(self, user: str, password: str) -> None:
        if "PLAIN" not in self._extensions.get("AUTH", "").upper():
            raise Broken("the mail server takes no user name and password (AUTH PLAIN)")
        await self._command("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode(), "2")

    async def _command(self, line: str, expected: str = "") -> str:
        self._writer.write(line.encode() + b"\r\n")
        await self._flush()
        return await self._expect(expected)

    async def _expect(self, expected: str) -> str:
        answer = await self._answer()
        if not answer.startswith(expected):
            raise Broken(answer)
        return answer

    async def _answer(self) -> str:
        """One answer, of one or many lines; Broken for anything that is none. All of it has to come in time."""
        kept: list[str] = []
        async with asyncio.timeout(self._patience_s):
            for _ in range(LONGEST_ANSWER):
                line = await self._line()
                if len(kept) < MOST_LINES:
                    kept.append(line[:500])
                if line[:3] != kept[0][:3]:
                    raise Broken(f"answers that contradict each other: {kept[0][:80]}; {line[:80]}")
                if line[3:4] != "-":
                    return "\n".join(kept)
        raise Broken("an answer without an end")

    async def _has_said_more(self) -> bool:
        """Whoever sits in between would have it taken for an answer of the encrypted connection (CVE-2011-0411, at our end)."""
        try:
            async with asyncio.timeout(0):
                return bool(await self._reader.read(1))
        except TimeoutError:
            return False

    async def _line(self) -> str:
        try:
            line = await self._reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise Broken("the connection was lost") from None
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not _ANSWER.match(text):
            raise Broken(f"not an answer: {text[:80]}")
        return text


def _judged(said: str, may_be_sent: bool = True) -> Answer:
    """2xx sent (if there was something to send); 5xx refused for good; everything else may work later."""
    flat = " ".join(said.split())[:500]
    flat = flat if flat.isprintable() else one_line(flat, 500)  # no database takes a NUL
    if said.startswith("2") and may_be_sent:
        return Answer("sent", flat)
    return Answer("refused" if said.startswith("5") else "deferred", flat)


def why(trouble: BaseException) -> str:
    if isinstance(trouble, TimeoutError):
        return "no answer in time"
    return one_line(str(trouble), 300) or "the connection was lost"


def _stuffed(data: bytes) -> bytes:
    """A line that begins with a dot gets another one (RFC 5321 4.5.2)."""
    return (b"." + data if data.startswith(b".") else data).replace(b"\r\n.", b"\r\n..")


def _opportunistic() -> ssl.SSLContext:
    """Without a password to protect, encryption to whoever answers is better than none (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
