"""An SMTP server that takes everything and counts: `python -m tests.bench.sink PORT`; `STAT` answers with the count."""

import asyncio
import sys


class Sink(asyncio.Protocol):
    """As little work as can be, so that what is measured is the sender."""

    mails = 0

    def __init__(self) -> None:
        self._rest, self._in_data = b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._out = transport
        self._out.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        answers = []
        while self._rest:
            end = b"\r\n.\r\n" if self._in_data else b"\r\n"
            piece, found, rest = self._rest.partition(end)
            if not found:
                break
            self._rest = rest
            answers.append(self._answer(piece[:4].upper()))
        self._out.write(b"".join(answers))

    def _answer(self, word: bytes) -> bytes:
        if self._in_data:
            self._in_data = False
            Sink.mails += 1
            return b"250 2.0.0 Ok\r\n"
        if word == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
        if word == b"DATA":
            self._in_data = True
            return b"354 go\r\n"
        return b"250 %d\r\n" % Sink.mails if word == b"STAT" else b"250 Ok\r\n"


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
