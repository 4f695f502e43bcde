"""PostgreSQL stops and starts under load: senders are told to try again, readers a sentence, and nothing is lost or doubled."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trouble.machine import Mailbox, Parvi, Postgres, Sender, check_that_all_is_well, postgres, until


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as started:
        yield started


def test_it_stops_and_starts_under_load(server: Postgres, tmp_path: Path) -> None:
    mailbox = Mailbox()
    parvi = Parvi(tmp_path / "data", mailbox.port, PARVI_DATABASE_URL=server.url)
    try:
        parvi.start()
        with Sender(parvi.smtp) as sender:
            sender.until_more(10)
            for how in ("fast", "immediate", "immediate"):
                server.stop(how)
                check_what_is_said_meanwhile(parvi, sender)
                server.start()
                sender.until_more()
        check_that_all_is_well(parvi, mailbox, sender.accepted)
        assert set(sender.said) == {"451"}
        assert parvi.memory_mib() < 215
        assert "Traceback" not in said_to_readers(parvi)
    finally:
        parvi.stop()
        mailbox.close()


def check_what_is_said_meanwhile(parvi: Parvi, sender: Sender) -> None:
    before = sender.said["451"]
    until(lambda: sender.said["451"] > before + 2)
    status, page = parvi.asked("/n/net")
    assert (status, "The database cannot be reached right now." in page) == (503, True)
    status, told = parvi.asked("/health")
    assert (status, "The database cannot be reached." in told) == (503, True)
    status, told = parvi.asked("/api/v1/networks")
    assert (status, "The database cannot be reached right now." in told) == (503, True)


def said_to_readers(parvi: Parvi) -> str:
    return "".join(parvi.asked(path)[1] for path in ("/", "/n/net", "/networks"))
