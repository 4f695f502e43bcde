"""What a worker has sent but not yet recorded, kept in a file: after a crash the copies in it are not sent again.

Recording each copy by itself would cost a commit each. A line in a file survives the death of the process at a thousandth
of that; only when the whole machine fails may what was not yet recorded go out twice.
"""

import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("parvi.outgoing")

ROOM = 64_000  # octets: a batch, several times


class Journal:
    """One worker's file, locked as long as it lives. `claim` is what its rows are claimed by.

    Its room is taken at the start: on a disk that fills up later what is sent can still be noted.
    """

    def __init__(self, folder: Path, claim: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{claim}.sent"
        self._file = _opened_and_locked(self._path)
        self._end = 0
        try:
            os.posix_fallocate(self._file, 0, ROOM)
        except OSError:
            self.close()
            raise

    def note(self, row: int) -> None:
        """Never raises: the copy has been sent, and whoever tells of it must not have it sent again."""
        line = b"%d\n" % row
        try:
            os.pwrite(self._file, line, self._end)
        except OSError as error:
            log.error("the journal takes no more: %s", error)
        else:
            self._end += len(line)

    def forget(self) -> None:
        """All that was noted is recorded."""
        os.pwrite(self._file, bytes(min(self._end, ROOM)), 0)
        os.ftruncate(self._file, ROOM)
        self._end = 0

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def _opened_and_locked(path: Path) -> int:
    """Between opening and locking, another worker that starts may take the file for one left behind and remove it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_still_there(path, file):
            return file
        os.close(file)


def _is_still_there(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def left_behind(folder: Path) -> Iterator[dict[str, list[int]]]:
    """Claim -> rows sent, of workers that died; their files go when this ends well. Who lives holds the lock of theirs."""
    held: list[tuple[Path, int]] = []
    found = {}
    try:
        for path in folder.glob("*.sent"):
            file = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                continue
            held.append((path, file))
            found[path.stem] = [
                int(line) for line in re.findall(rb"(\d+)\n", path.read_bytes())
            ]  # a torn last line is none
        yield found
        for path, _ in held:
            path.unlink(missing_ok=True)
    finally:
        for _, file in held:
            os.close(file)
