"""Several machines: two of each part, started apart, against one PostgreSQL."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import Envelope, Session

from forum.key import CLOCK
from mailbridge.postman import CONNECTIONS
from tests.journeys.town import Mailboxes, Town, until
from tests.ports import free_port

MEMBERS = 60
HERE = "SELECT oid FROM pg_database WHERE datname = current_database()"
KEY = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {CLOCK} AND database = ({HERE})"


class SlowMailboxes(Mailboxes):
    """A relay that takes its time."""

    pause_s = 0.0

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(self.pause_s)
        return await super().handle_DATA(server, session, envelope)


class Machines:
    """Two towns over the same database, with the processes of each by name; `town` is the first."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url, self.mailboxes, self._logs = url, SlowMailboxes(), folder
        self.relay: Any = Controller(self.mailboxes, hostname="127.0.0.1", port=free_port())
        self.relay.start()
        self.towns = [self._town(folder), self._town(folder)]
        self.town, self.other = self.towns
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, part: str, town: Town) -> subprocess.Popen[bytes]:
        with open(self._logs / f"{name}.log", "wb") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "forum", part], env=town.settings, stderr=log, start_new_session=True
            )
        return self.running[name]

    def kill(self, name: str) -> None:
        """As a machine that loses its power: nobody starts anything again."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def worker_of(self, claim: str) -> str:
        """The one that keeps the journal of this claim open."""
        for name in ("work 1", "work 2"):
            pid = self.running[name].pid
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                if any(os.readlink(file).endswith(f"{claim}.sent") for file in Path(f"/proc/{child}/fd").iterdir()):
                    return name
        raise AssertionError(f"nobody has claimed as {claim}")

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        ended = {name: process.wait(10) for name, process in self.running.items()}
        self.relay.stop()
        assert set(ended.values()) == {0}
        for name in ended:
            assert "Traceback" not in (self._logs / f"{name}.log").read_text()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as server:
            return server.execute(query.encode()).fetchall()

    def _town(self, folder: Path) -> Town:
        http, smtp = free_port(), free_port()
        given = {name: value for name, value in os.environ.items() if not name.startswith("PARVI_")}
        given |= {
            "PARVI_DATA": str(folder / "data"), "PARVI_DATABASE_URL": self.url, "PARVI_HTTP": f"127.0.0.1:{http}",
            "PARVI_SMTP": f"127.0.0.1:{smtp}", "PARVI_BASE_URL": f"http://127.0.0.1:{http}", "PARVI_MAIL_DOMAIN": "lists.example.org",
            "PARVI_RELAY": f"smtp://127.0.0.1:{self.relay.port}", "PARVI_TRUSTED_MTA": "mx.example.org",
        }  # fmt: skip
        return Town(given, self.mailboxes)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Machines]:
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    folder = tmp_path_factory.mktemp("machines")
    made = Machines(folder, postgres_url)
    with ExitStack() as ends:
        ends.callback(made.stop)
        made.town.parvi("migrate")
        made.start("work 1", "work", made.town)
        for number, town in enumerate(made.towns, 1):
            made.start(f"web {number}", "web", town)
            made.start(f"bridge {number}", "bridge", town)
        made.town.parvi("network", "add", "viestijat", "--name", "Järjestöviestijät", "--language", "fi")
        others = "".join(f"m{number}@example.net,Member {number},fi,viestijat\n" for number in range(1, MEMBERS))
        made.town.imported(f"address,name,language,network\nanna@example.org,Anna Virtanen,fi,viestijat\n{others}")
        until(lambda: made.ask(KEY) or None)
        made.start("work 2", "work", made.other)  # the key is the first one's
        for town in made.towns:
            until(lambda town=town: _answers(town.url))  # type: ignore[misc]
        yield made


def _answers(url: str) -> bool | None:
    try:
        return httpx.get(f"{url}/health").status_code == 200 or None
    except httpx.TransportError:
        return None


def got(machines: Machines, subject: str) -> Counter[str]:
    """How many copies each mailbox has."""
    boxes = dict(machines.mailboxes.got).items()
    counted = {address: sum(subject in str(mail["Subject"]) for mail in list(mails)) for address, mails in boxes}
    return Counter({address: count for address, count in counted.items() if count})


def posted(browser: httpx.Client, subject: str) -> str:
    form = {"subject": subject, "text": "Miten te sen teette?", "form_key": subject}
    return browser.post("/n/viestijat/new", data=form).url.path


def test_a_post_at_one_wakes_a_worker_at_another(machines: Machines) -> None:
    anna = machines.town.signed_in("anna@example.org")
    took = []
    for subject in ("Eka", "Toka", "Kolmas"):
        posted(anna, subject)
        began = time.monotonic()
        asked = "SELECT count(*) FROM outbox WHERE tries = 0 AND done_at IS NULL"
        with psycopg.connect(machines.url, autocommit=True) as server:
            while server.execute(asked).fetchone() != (0,):
                time.sleep(0.002)
        took.append(time.monotonic() - began)
        until(lambda subject=subject: len(got(machines, subject)) == MEMBERS - 1 or None)  # type: ignore[misc]
    assert min(took) < 0.1, took
    assert all(set(got(machines, subject).values()) == {1} for subject in ("Eka", "Toka", "Kolmas"))


def test_a_page_at_one_hears_of_a_mail_that_came_by_the_other(machines: Machines) -> None:
    """And a part that is told to stop does not wait for those who read."""
    anna = machines.other.signed_in("anna@example.org")
    path = posted(anna, "Luettavana")
    thread = path.rpartition("/")[2].partition("-")[0]
    with anna.stream("GET", f"/n/viestijat/{thread}/news", timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines).startswith("retry:")
        until(lambda: got(machines, "Luettavana")["m1@example.net"] or None)
        mail = machines.mailboxes.newest("m1@example.net", got(machines, "")["m1@example.net"])
        machines.town.answer("m1@example.net", mail, "Näin.")
        assert next(line for line in lines if line.startswith("data:")) == f"data: {thread}"
        began = time.monotonic()
        machines.running["web 2"].terminate()
        assert machines.running.pop("web 2").wait(10) == 0
        assert time.monotonic() - began < 3
    assert "Näin." in machines.town.signed_in("anna@example.org").get(path).text


def test_a_worker_that_is_killed_is_missed_by_nobody(machines: Machines) -> None:
    """Its copies go out once, by the other, long before its lease would have run out."""
    anna = machines.town.signed_in("anna@example.org")
    assert len(machines.ask(KEY)) == 1
    machines.mailboxes.pause_s = 0.03
    posted(anna, "Katkos")
    until(lambda: len(got(machines, "Katkos")) > 5 or None)
    [[claim]] = machines.ask("SELECT DISTINCT claim FROM outbox WHERE done_at IS NULL AND claim IS NOT NULL")
    machines.kill(machines.worker_of(claim))
    began = time.monotonic()
    machines.mailboxes.pause_s = 0
    until(lambda: machines.ask("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE done_at IS NULL)") or None)
    assert time.monotonic() - began < 10
    copies = got(machines, "Katkos")
    assert len(copies) == MEMBERS - 1
    assert copies.total() <= MEMBERS - 1 + CONNECTIONS, "twice only what was under way just then"
    assert len(until(lambda: machines.ask(KEY) or None)) == 1, "and somebody sees to what is due"
