"""Bytes of attachments and of old mails, named by their SHA-256: the same is kept once, and written before it is spoken of.

In a folder or in a bucket of an S3 service, laid out alike: `ab/abcdef...`.
"""

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from forum.errors import FilesAway

log = logging.getLogger("parvi.files")

PATIENCE_S = 10.0  # for one answer of the service; with the second try it is far below the lease of a mail
PAUSE_S = 20.0  # after trouble everybody is told at once, or each in turn would wait for the service in vain


class Files(Protocol):
    """Where bytes are kept. Both raise FilesAway for our own trouble: a full disk, a service that does not answer."""

    def keep(self, data: bytes) -> str:
        """Durable when this returns; answers the digest by which it is found again."""

    def read(self, digest: str, start: int = 0, end: int | None = None) -> bytes:
        """From `start` to before `end`, which is beyond `start`. Raises FileNotFoundError for what is not there."""


def open_files(place: str, data: Path) -> Files:
    """`place` as PARVI_FILES. No connection is opened before it is needed, so that whoever asks may fork."""
    return Bucket(place) if place else Folder(data / "files")


class Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = self._folder / _place(digest)
        with _trouble_is_ours():
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_durably(path, data)
        return digest

    def read(self, digest: str, start: int = 0, end: int | None = None) -> bytes:
        with _trouble_is_ours(), open(self._folder / _place(digest), "rb") as file:
            file.seek(start)
            return file.read(-1 if end is None else end - start)


class Bucket:
    """`s3://bucket/prefix`; where the service is and its keys stand in the usual AWS_* of the environment."""

    def __init__(self, place: str, patience_s: float = PATIENCE_S, pause_s: float = PAUSE_S) -> None:
        self._bucket, _, self._prefix = place.removeprefix("s3://").partition("/")
        self._patience, self._pause_s = timedelta(seconds=patience_s), pause_s
        self._away_until = 0.0

    def keep(self, data: bytes) -> str:
        """Whole or not at all, also where it is there already: asking first would cost as much for what is small."""
        digest = hashlib.sha256(data).hexdigest()
        with self._answering():
            self._store.put(_place(digest), data, use_multipart=False)
        return digest

    def read(self, digest: str, start: int = 0, end: int | None = None) -> bytes:
        with self._answering():
            if end is not None:
                return bytes(self._store.get_range(_place(digest), start=start, end=end))
            options = {"range": {"offset": start}} if start else None
            return bytes(self._store.get(_place(digest), options=options).bytes())

    @contextmanager
    def _answering(self) -> Iterator[None]:
        if time.monotonic() < self._away_until:
            raise FilesAway
        try:
            yield
        except (self._obstore.exceptions.BaseError, FileNotFoundError, ValueError) as trouble:
            if isinstance(trouble, FileNotFoundError) and "NoSuchKey" in str(trouble):
                raise  # any other 404 is a bucket that is not there, or something in between
            log.error("files in %s: %s", self._bucket, str(trouble).partition("\n")[0])
            self._away_until = time.monotonic() + self._pause_s
            raise FilesAway from None

    @cached_property
    def _store(self) -> Any:
        return self._obstore.store.S3Store(
            self._bucket,
            prefix=self._prefix or None,
            client_options={
                "allow_http": True,  # where AWS_ENDPOINT_URL says http:// someone meant it: a service on this machine
                "connect_timeout": min(self._patience, timedelta(seconds=3)),
                "timeout": self._patience,
            },
            retry_config={"max_retries": 1, "retry_timeout": self._patience},
        )

    @cached_property
    def _obstore(self) -> Any:
        """Loaded where it is wanted only: ten megabytes of memory for a process."""
        import_module("obstore.store")
        return import_module("obstore")


def _place(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


@contextmanager
def _trouble_is_ours() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as trouble:
        log.error("files: %s", trouble)
        raise FilesAway from None


def _write_durably(path: Path, data: bytes) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        draft.rename(path)
    except OSError:
        draft.unlink(missing_ok=True)  # a full disk is not filled with halves
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
