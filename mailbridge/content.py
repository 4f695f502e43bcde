"""The content of a mail as it comes over the wire, gathered in one piece: the library keeps an object for each line, which
is three times a large mail."""

from asyncio import CancelledError, LimitOverrunError
from dataclasses import dataclass
from io import BytesIO

from aiosmtpd.smtp import SMTP

TOO_LARGE = "552 5.3.4 The mail is too large; send a link to the file instead"
TOO_MANY = "452 4.3.1 Too many large mails at once; please try again later"
LINE_TOO_LONG = "500 5.6.0 A line of the mail is too long"
SMALL, AT_ONCE = 100_000, 50_000_000  # octets of one mail, and of all others that are under way in this process


@dataclass
class UnderWay:
    octets: int = 0


under_way = UnderWay()


class GathersContent(SMTP):  # type: ignore[misc]
    _held = 0

    async def smtp_DATA(self, arg: str) -> None:
        """RFC 5321 4.1.1.4; what the library does, in its order."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        if not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
        elif arg:
            await self.push("501 Syntax: DATA")
        else:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            try:
                await self._answer_for(*await self._gathered())
            finally:
                self._hold(0)

    async def _answer_for(self, content: bytes, trouble: str) -> None:
        self.envelope.content = self.envelope.original_content = content
        status = trouble or await self._call_handler_hook("DATA")
        self._set_post_data_state()
        await self.push(status)

    async def _gathered(self) -> tuple[bytes, str]:
        """The content, and what is wrong with it. All of it is taken before the answer (RFC 5321 4.2.5); only CRLF ends a
        line, and only a dot between two of them the content."""
        content, size, trouble, is_new = BytesIO(), 0, "", True
        while (line := await self._next_line()) != b".\r\n" or not is_new:
            size += len(line)
            is_whole = line.endswith(b"\r\n")
            if self.data_size_limit and size > self.data_size_limit:
                trouble = trouble or TOO_LARGE
            elif not is_whole:
                trouble = trouble or LINE_TOO_LONG
            elif size > SMALL and under_way.octets - self._held > AT_ONCE:
                trouble = trouble or TOO_MANY
            if trouble:
                content = BytesIO()
            else:
                content.write(line.removeprefix(b"."))
            self._hold(0 if trouble else size)
            is_new = is_whole
        return content.getvalue(), trouble

    def _hold(self, octets: int) -> None:
        under_way.octets += octets - self._held
        self._held = octets

    async def _next_line(self) -> bytes:
        """With its end; or a part without one, of a line beyond all measure."""
        try:
            return bytes(await self._reader.readuntil(b"\r\n"))
        except CancelledError:
            self._writer.close()  # they hung up
            raise
        except LimitOverrunError as overrun:
            return bytes(await self._reader.read(overrun.consumed))
