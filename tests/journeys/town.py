"""A whole Parvi that runs: `parvi serve` as anyone starts it, with a relay that keeps what it is given."""

import email
import os
import re
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, TypeVar

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import Envelope, Session

from tests.ports import free_port

T = TypeVar("T")
PATIENCE_S = 20
ORIGIN = {"Sec-Fetch-Site": "same-origin"}
MEMBERS = """\
address,name,language,network
anna@example.org,Anna Virtanen,fi,viestijat
bjorn@example.org,Björn Åberg,sv,viestijat
grace@example.org,Grace Brown,en,viestijat
"""


class Mailboxes:
    """Where the relay delivers: what each address got, in order."""

    def __init__(self) -> None:
        self.got: dict[str, list[EmailMessage]] = {}
        self.envelopes: list[tuple[str, str]] = []

    def clear(self) -> None:
        self.got.clear()
        self.envelopes.clear()

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        for recipient in envelope.rcpt_tos:
            message = email.message_from_bytes(envelope.content, policy=SMTP)
            self.got.setdefault(recipient, []).append(message)
            self.envelopes.append((envelope.mail_from or "", recipient))
        return "250 2.0.0 Ok"

    def newest(self, address: str, count: int = 1) -> EmailMessage:
        """The last mail of this address, once it has so many."""
        return until(lambda: self.got[address][-1] if len(self.got.get(address, [])) >= count else None)


class Town:
    """How a person meets Parvi: by commands, pages and mails."""

    def __init__(self, settings: dict[str, str], mailboxes: Mailboxes) -> None:
        self.settings, self.mailboxes = settings, mailboxes
        self.url, self.smtp_port = settings["PARVI_BASE_URL"], int(settings["PARVI_SMTP"].rpartition(":")[2])

    def parvi(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "forum", *words], env=self.settings, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def imported(self, table: str) -> None:
        """Members from a table, in one command."""
        file = Path(self.settings["PARVI_DATA"]) / "members.csv"
        file.write_text(table, encoding="utf-8")
        self.parvi("member", "import", str(file))

    def settle(self) -> None:
        """A network, and a member of it for each language."""
        self.parvi("network", "add", "viestijat", "--name", "Järjestöviestijät", "--language", "fi")
        self.imported(MEMBERS)

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=ORIGIN, follow_redirects=True, timeout=PATIENCE_S)

    def signed_in(self, address: str) -> httpx.Client:
        """As everyone signs in: the code comes by mail."""
        browser, before = self.browser(), len(self.mailboxes.got.get(address, []))
        assert browser.post("/sign-in", data={"address": address}).status_code == 200
        subject = str(self.mailboxes.newest(address, before + 1)["Subject"])
        code = found(r"\b(\d{6})\b", subject)
        answer = browser.post("/sign-in/code", data={"address": address, "code": code})
        assert answer.status_code == 200
        return browser

    def send(self, sender: str, to: str, text: str, *, subject: str = "", proven: bool = True, **headers: str) -> None:
        """A mail by SMTP, as the front mail server hands it on: with what it found out about the sender."""
        message = EmailMessage(policy=SMTP)
        if proven:
            message["Authentication-Results"] = f"mx.example.org; dmarc=pass header.from={sender.rpartition('@')[2]}"
        message["From"], message["To"], message["Subject"] = sender, to, subject
        message["Message-ID"] = f"<{time.monotonic_ns()}@example.org>"
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=PATIENCE_S) as server:
            server.send_message(message, sender, [to])

    def answer(self, sender: str, mail: EmailMessage, text: str) -> None:
        """Like a mail program: to Reply-To, with References, the original quoted below. Nothing proves the sender but the address."""
        original = text_of(mail)
        quoted = "\n".join(f"> {line}" for line in original.splitlines())
        self.send(
            sender, str(mail["Reply-To"]).strip("<>"), f"{text}\n\nOn Mon, 23 Nov 2026 at 8:09, {mail['From']} wrote:\n\n{quoted}\n",
            subject=f"Re: {mail['Subject']}", proven=False, In_Reply_To=str(mail["Message-ID"]),
            References=f"{mail.get('References', '')} {mail['Message-ID']}".strip(),
        )  # fmt: skip


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text[:2000]
    return match[1]


def until(look: Callable[[], T | None]) -> T:
    """What `look` finds, as soon as it finds something."""
    patience = time.monotonic() + PATIENCE_S
    while time.monotonic() < patience:
        if (seen := look()) is not None:
            return seen
        time.sleep(0.05)
    raise AssertionError("it did not happen")


@contextmanager
def running(folder: Path, database_url: str, **more: str) -> Iterator[Town]:
    mailboxes = Mailboxes()
    relay: Any = Controller(mailboxes, hostname="127.0.0.1", port=free_port())
    relay.start()
    http, smtp = free_port(), free_port()
    settings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PARVI_")},
        "PARVI_DATA": str(folder / "data"), "PARVI_DATABASE_URL": database_url, "PARVI_HTTP": f"127.0.0.1:{http}",
        "PARVI_SMTP": f"127.0.0.1:{smtp}", "PARVI_BASE_URL": f"http://127.0.0.1:{http}", "PARVI_MAIL_DOMAIN": "lists.example.org",
        "PARVI_RELAY": f"smtp://127.0.0.1:{relay.port}", "PARVI_TRUSTED_MTA": "mx.example.org", **more,
    }  # fmt: skip
    town = Town(settings, mailboxes)
    town.parvi("migrate")
    log = folder / "log"
    with open(log, "wb") as out:
        server = subprocess.Popen([sys.executable, "-m", "forum", "serve"], env=settings, stderr=out)
    try:
        until(lambda: _answers(town.url))
        yield town
    finally:
        server.terminate()
        ended = server.wait(15)
        relay.stop()
    assert ended == 0
    assert "Traceback" not in log.read_text()


def _answers(url: str) -> bool | None:
    try:
        return httpx.get(f"{url}/health").status_code == 200 or None
    except httpx.TransportError:
        return None
