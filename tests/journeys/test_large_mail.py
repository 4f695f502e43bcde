"""The largest mail that is taken, to many: it fills nobody's mailbox, and not our memory."""

import base64
import os
import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.bench.__main__ import proportional
from tests.journeys.town import Town, found, text_of, until

MEMBERS = 450  # more than go out at once
FILE = os.urandom(18_200_000)  # in a mail 25 MB, the most that is taken
HEAD = b"""\
Authentication-Results: mx.example.org; dmarc=pass header.from=example.org
From: anna@example.org
To: suuret@lists.example.org
Subject: Suuri liite
Message-ID: <large@example.org>
Content-Type: multipart/mixed; boundary=part

--part

Kaikki tulee nyt liitteen mukana.
--part
Content-Type: application/octet-stream; name=kaikki.bin
Content-Transfer-Encoding: base64

"""


def test_the_largest_mail_to_all(town: Town) -> None:
    """While it comes in it lies in memory once at the door, beside what the database takes, and in the worker beside its
    file: when all is over it lies there no more."""
    town.parvi("network", "add", "suuret", "--name", "Suuret", "--visibility", "private")
    others = "".join(f"m{number}@example.net,Member {number},suuret\n" for number in range(1, MEMBERS))
    town.imported(f"address,name,network\nanna@example.org,Anna Virtanen,suuret\n{others}")
    before = weight()
    with weighing() as weights:
        with smtplib.SMTP("127.0.0.1", town.smtp_port, timeout=60) as server:
            server.sendmail("anna@example.org", ["suuret@lists.example.org"], large_mail())
        until(lambda: town.mailboxes.got or None)
        came_in = len(weights)
        until(lambda: len(town.mailboxes.got) == MEMBERS - 1 or None)
    assert max(weights) - before < 5 * 25
    assert max(weights[came_in:]) - before < 2 * 25, "while it is sent"
    sent = town.mailboxes.got["m7@example.net"][0]
    assert len(sent.as_bytes()) < 20_000
    link = found(r"(http://\S+/a/\d+)", text_of(sent))
    assert town.browser().get(link).status_code == 404
    assert town.signed_in("m7@example.net").get(link).content == FILE


def large_mail() -> bytes:
    content = base64.encodebytes(FILE)
    return (HEAD + content + b"--part--\n").replace(b"\n", b"\r\n")


@contextmanager
def weighing() -> Iterator[list[float]]:
    weights, over = [weight()], threading.Event()

    def weigh() -> None:
        while not over.wait(0.02):
            weights.append(weight())

    thread = threading.Thread(target=weigh)
    thread.start()
    try:
        yield weights
    finally:
        over.set()
        thread.join()


def weight() -> float:
    """Of all processes of the town, in MiB."""
    servers = [pid for pid in children_of(os.getpid()) if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    total = 0.0
    for pid in [each for server in servers for each in (server, *children_of(server))]:
        with suppress(OSError, StopIteration):  # it has just ended
            total += proportional(pid)
    return total


def children_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found
