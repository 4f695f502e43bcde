"""The journal: what has been sent is known after a crash, also where the disk has filled up meanwhile."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailbridge.journal import ROOM, Journal, left_behind


def dies(journal: Journal) -> None:
    """As the system does for a process that is killed."""
    os.close(journal._file)


def found(folder: Path) -> dict[str, list[int]]:
    with left_behind(folder) as died:
        return died


def test_what_was_noted_is_found(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "a")
    for row in (1, 22, 333):
        journal.note(row)
    assert found(tmp_path) == {}, "who lives holds the lock"
    dies(journal)
    assert found(tmp_path) == {"a": [1, 22, 333]}
    assert found(tmp_path) == {}


def test_what_was_recorded_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "a")
    for row in range(100, 200):
        journal.note(row)
    journal.forget()
    journal.note(7)
    dies(journal)
    assert found(tmp_path) == {"a": [7]}


def test_more_than_there_is_room_for_is_noted_all_the_same(tmp_path: Path) -> None:
    journal, rows = Journal(tmp_path, "a"), range(10**8, 10**8 + ROOM // 9)
    for row in rows:
        journal.note(row)
    dies(journal)
    assert found(tmp_path) == {"a": list(rows)}
    journal = Journal(tmp_path, "b")
    for row in rows:
        journal.note(row)
    journal.forget()
    dies(journal)
    assert found(tmp_path) == {"b": []}


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """As on a full disk: no file of this process may grow beyond so many octets."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def to(octets: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))

    yield to
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_on_a_full_disk_it_notes_as_before(tmp_path: Path, limit: Callable[[int], None]) -> None:
    journal = Journal(tmp_path, "a")
    limit(ROOM)
    for row in range(1000, 1400):
        journal.note(row)
    limit(resource.RLIM_INFINITY)
    dies(journal)
    assert found(tmp_path) == {"a": list(range(1000, 1400))}


def test_what_cannot_be_noted_stops_nobody(tmp_path: Path, limit: Callable[[int], None]) -> None:
    """Whoever tells of a copy that was sent must not be made to believe that it was not."""
    journal = Journal(tmp_path, "a")
    limit(ROOM)
    for row in range(10**8, 10**8 + ROOM // 9):
        journal.note(row)
    limit(resource.RLIM_INFINITY)
    dies(journal)
    [rows] = found(tmp_path).values()
    assert len(rows) == ROOM // 10


def test_without_room_for_a_journal_nothing_is_begun(tmp_path: Path, limit: Callable[[int], None]) -> None:
    limit(ROOM - 1)
    with pytest.raises(OSError, match="File too large"):
        Journal(tmp_path, "a")
    assert list(tmp_path.iterdir()) == []
