"""Real processes to make trouble for: parvi, a mailbox that remembers, a PostgreSQL of one's own, a disk that fills up."""

import asyncio
import json
import os
import re
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.bench.__main__ import family, proportional
from tests.conftest import MUST_RUN
from tests.ports import free_port

PEOPLE = 6
SLEEP_S = 0.02


def until(is_so: Callable[[], object], seconds: float = 30.0) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "in vain"
        time.sleep(SLEEP_S)


def or_skip(is_there: bool, why_not: str) -> None:
    if not is_there:
        if MUST_RUN:
            pytest.fail(why_not)
        pytest.skip(why_not)


class Mailbox:
    """A relay that takes everything, a little slowly, and remembers what it said 250 to."""

    def __init__(self) -> None:
        self.port, self.got = free_port(), Counter[tuple[str, str]]()  # (recipient, Message-ID)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        serving = asyncio.start_server(self._meet, "127.0.0.1", self.port, limit=50_000_000)
        asyncio.run_coroutine_threadsafe(serving, self._loop).result(5)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mailbox\r\n")
        recipient = ""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                answer = b"250 ok\r\n"
                if line.startswith(b"EHLO"):
                    answer = b"250-mailbox\r\n250-8BITMIME\r\n250 PIPELINING\r\n"
                elif line.startswith(b"RCPT"):
                    recipient = line.decode().partition("<")[2].partition(">")[0]
                elif line.startswith(b"DATA"):
                    writer.write(b"354 go\r\n")
                    mail = await reader.readuntil(b"\r\n.\r\n")
                    await asyncio.sleep(0.002)
                    found = re.search(rb"(?im)^message-id:\s*(<[^>]+>)", mail)
                    assert found
                    self.got[recipient, found[1].decode()] += 1
                writer.write(answer)
        writer.close()


class Parvi:
    """`parvi serve` with six members in one network, in a folder and with a database that are given."""

    def __init__(self, data: Path, relay: int, **settings: str) -> None:
        self.http, self.smtp, self.log = free_port(), free_port(), data.with_name(f"{data.name}.log")
        self.url = f"http://127.0.0.1:{self.http}"
        self._data = data
        self._environment = {
            **os.environ,
            "PARVI_DATA": str(data),
            "PARVI_MAIL_DOMAIN": "lists.example.org",
            "PARVI_BASE_URL": self.url,
            "PARVI_HTTP": f"127.0.0.1:{self.http}",
            "PARVI_SMTP": f"127.0.0.1:{self.smtp}",
            "PARVI_RELAY": f"smtp://127.0.0.1:{relay}",
            "PARVI_TRUSTED_MTA": "mx.example.org",
            **settings,
        }
        self("migrate")
        self("network", "add", "net", "--name", "Net", "--visibility", "public")
        people = [f"m{n}@d{n}.example.net,Member {n},net" for n in range(PEOPLE)]
        table = data.with_name("people.csv")
        table.write_text("\n".join(["address,name,network", *people]))
        self("member", "import", str(table))

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "forum", *words], env=self._environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "forum", "serve"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(lambda: self.asked("/health")[0])  # 503 where the disk is small

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self, seconds: float) -> int:
        """With which status, within this time."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(15)

    def asked(self, path: str) -> tuple[int, str]:
        try:
            request = urllib.request.Request(f"{self.url}{path}", headers={"Accept-Language": "en"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def is_at_rest(self) -> bool:
        status, told = self.asked("/health")
        found: dict[str, Any] = json.loads(told) if status in (200, 503) else {}
        return all(found.get(queue, {}).get("waiting", 1) == 0 for queue in ("inbox", "outbox"))

    def memory_mib(self) -> float:
        total = 0.0
        for pid in family(self._process.pid):
            with suppress(OSError):
                total += proportional(pid)
        return total

    def stored(self) -> Counter[str]:
        """Message-ID -> posts."""
        out = self.log.with_name("out.jsonl")
        self("export", "--network", "net", "--to", str(out))
        return Counter(json.loads(line)["message_id"] for line in out.read_text().splitlines())


class Sender:
    """A mail server in front of ours: sends letter after letter, and each again until 250 is said to it."""

    def __init__(self, port: int, size: int = 500, attached: int = 0) -> None:
        self.accepted: list[str] = []
        self.said: Counter[str] = Counter()  # whatever was not 250
        self._port, self._size, self._attached, self._stop = port, size, attached, threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)

    def __enter__(self) -> "Sender":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def until_more(self, count: int = 3) -> None:
        before = len(self.accepted)
        until(lambda: len(self.accepted) >= before + count)

    def _go(self) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self._port, timeout=15) as server:
                    while not self._stop.is_set():
                        message_id = f"<{number}.{id(self)}@example.net>"
                        server.sendmail("m0@d0.example.net", ["net@lists.example.org"], self._letter(message_id))
                        self.accepted.append(message_id)
                        number += 1
                        time.sleep(0.01)
            except smtplib.SMTPResponseException as error:
                self.said[str(error.smtp_code)] += 1
                time.sleep(0.05)
            except smtplib.SMTPRecipientsRefused as error:
                self.said.update(str(code) for code, _ in error.recipients.values())
                time.sleep(0.05)
            except OSError as error:
                self.said[type(error).__name__] += 1
                time.sleep(0.05)

    def _letter(self, message_id: str) -> bytes:
        mail = EmailMessage()
        mail["Authentication-Results"] = "mx.example.org; dmarc=pass header.from=d0.example.net"
        mail["From"], mail["To"] = "Member <m0@d0.example.net>", "net@lists.example.org"
        mail["Subject"], mail["Message-ID"] = f"Viesti {message_id[1:8]}", message_id
        mail.set_content("Verkostoissa jaetaan kokemuksia.\n" * (self._size // 34))
        if self._attached:
            content = os.urandom(self._attached)
            mail.add_attachment(content, maintype="application", subtype="octet-stream", filename="x.bin")
        return mail.as_bytes(policy=SMTP)


def check_that_all_is_well(parvi: Parvi, mailbox: Mailbox, accepted: list[str]) -> None:
    """Every accepted mail is a post once, and of every post one copy went to everyone but its author."""
    until(parvi.is_at_rest, 60)
    stored = parvi.stored()
    assert set(accepted) <= set(stored), "lost"
    assert set(stored.values()) == {1}, "stored twice"
    expected = Counter({(f"m{n}@d{n}.example.net", post): 1 for post in stored for n in range(1, PEOPLE)})
    assert mailbox.got == expected, (mailbox.got - expected, expected - mailbox.got)


class Postgres:
    """A server of one's own, which may be stopped. It refuses to run as root, so it runs as somebody else."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder, self.port = programs, folder, free_port()
        self._user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        if self._user:
            shutil.chown(folder, "postgres", "postgres")
        self._run("initdb", "-D", f"{folder}/db", "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C.UTF-8")
        self.start()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-D", f"{self._folder}/db", "-w", "-l", f"{self._folder}/log", "-o", options, "start")

    def stop(self, how: str) -> None:
        self._run("pg_ctl", "-D", f"{self._folder}/db", "-w", "-m", how, "stop")

    def is_up(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._programs / program), *words]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._user)  # type: ignore[call-overload]


@contextmanager
def postgres() -> Iterator[Postgres]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    or_skip(bool(found), "no PostgreSQL of its own can be started: there is no initdb in /usr/lib/postgresql")
    folder = Path(tempfile.mkdtemp(prefix="parvi-postgres-"))
    server = Postgres(found[-1].parent, folder)
    try:
        yield server
    finally:
        if server.is_up():
            server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="parvi-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("a disk that fills up needs root, and a container that lets it mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
        folder.rmdir()
