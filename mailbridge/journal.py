"""What a worker has sent but not yet recorded, kept in a file: after a crash the copies in it are not sent again.

Recording each copy by itself would cost a commit each. A line in a file survives the death of the process at a thousandth
of that; only when the whole machine fails may what was not yet recorded go out twice.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Journal:
    """One worker's file, locked as long as it lives. `claim` is what its rows are claimed by."""

    def __init__(self, folder: Path, claim: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{claim}.sent"
        self._file = _opened_and_locked(self._path)

    def note(self, row: int) -> None:
        os.write(self._file, b"%d\n" % row)

    def forget(self) -> None:
        """All that was noted is recorded."""
        os.ftruncate(self._file, 0)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def _opened_and_locked(path: Path) -> int:
    """Between opening and locking, another worker that starts may take the file for one left behind and remove it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
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
