"""SIGTERM in the midst of everything: five seconds, nothing lost, nothing twice."""

import asyncio
import os
import signal
import smtplib
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.__main__ import family
from tests.trouble.machine import PEOPLE, Mailbox, Parvi, until

MORE = 200
MAIL = """\
Authentication-Results: mx.example.org; dmarc=pass header.from=d1.example.net\r
From: m1@d1.example.net\r
To: net@lists.example.org\r
Subject: {name}\r
Message-ID: <{name}@example.net>\r
\r
Hello.\r
"""


class SlowMailbox(Mailbox):
    """Takes its time for each copy, whatever the others do."""

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await super()._meet(_Slow(reader), writer)  # type: ignore[arg-type]


class _Slow:
    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader, self.readline = reader, reader.readline

    async def readuntil(self, end: bytes) -> bytes:
        found = await self._reader.readuntil(end)
        await asyncio.sleep(0.05)
        return found


@pytest.fixture
def mailbox() -> Iterator[SlowMailbox]:
    made = SlowMailbox()
    yield made
    made.close()


@pytest.fixture
def parvi(tmp_path: Path, mailbox: SlowMailbox) -> Iterator[Parvi]:
    made = Parvi(tmp_path / "data", mailbox.port)
    table = tmp_path / "more.csv"
    table.write_text("\n".join(["address,name,network", *(f"n{n}@d{n % 9}.example.net,N{n},net" for n in range(MORE))]))
    made("member", "import", str(table))
    made.start()
    yield made
    made.stop()


def half_a_mail(port: int, name: str) -> smtplib.SMTP:
    session = smtplib.SMTP("127.0.0.1", port, timeout=10)
    session.ehlo("mx.example.org")
    session.mail("m1@d1.example.net")
    session.rcpt("net@lists.example.org")
    session.putcmd("data")
    assert session.getreply()[0] == 354
    session.send(MAIL.format(name=name))
    return session


def half_a_form(port: int, body: bytes) -> socket.socket:
    asking = socket.create_connection(("127.0.0.1", port), timeout=10)
    head = f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n"
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    asking.sendall((head + form).encode() + body[:5])
    return asking


def a_live_page(port: int) -> socket.socket:
    reading = socket.create_connection(("127.0.0.1", port), timeout=10)
    reading.sendall(f"GET /n/net/1/news HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    assert b"text/event-stream" in reading.recv(4096)
    return reading


def rest_of(connection: socket.socket) -> bytes:
    """Until the other side closes it."""
    found = b""
    while piece := connection.recv(4096):
        found += piece
    return found


def test_all_that_is_under_way_is_finished_or_kept(parvi: Parvi, mailbox: SlowMailbox) -> None:
    with smtplib.SMTP("127.0.0.1", parvi.smtp, timeout=10) as session:
        session.sendmail("m1@d1.example.net", "net@lists.example.org", MAIL.format(name="first"))
    until(lambda: len(mailbox.got) > 20)
    body = b"address=m1@d1.example.net"
    idle = smtplib.SMTP("127.0.0.1", parvi.smtp, timeout=10)
    idle.ehlo("mx.example.org")
    mail, form, page = half_a_mail(parvi.smtp, "second"), half_a_form(parvi.http, body), a_live_page(parvi.http)
    processes = family(parvi.pid)
    assert len(processes) == 5  # the supervisor, web, bridge, incoming, outgoing
    os.kill(parvi.pid, signal.SIGTERM)
    began = time.monotonic()

    assert idle.getreply()[0] == 421
    rest_of(page)
    assert time.monotonic() - began < 2
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", parvi.smtp), timeout=10)
    mail.send(".\r\n")
    assert mail.getreply()[0] == 250
    form.sendall(body[5:])
    assert rest_of(form).startswith((b"HTTP/1.1 200", b"HTTP/1.1 303"))
    assert parvi.ended(10) == 0
    assert time.monotonic() - began < 6
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), 1)
    assert len(mailbox.got) < MORE, "there was more to be sent than could be"

    parvi.start()
    until(lambda: len(mailbox.got) == 2 * (PEOPLE + MORE - 1) + 1 and parvi.is_at_rest())  # and the code for signing in
    assert Counter(mailbox.got.values()).keys() == {1}
    assert "Traceback" not in parvi.log.read_text()
