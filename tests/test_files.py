"""Files: kept under their digest, in a folder and in a bucket alike; our own trouble is told as such, and passes."""

import hashlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forum.errors import FilesAway
from forum.files import Bucket, Files, Folder, open_files
from tests import s3 as services
from tests.ports import free_port

LONG = os.urandom(6_000_000)  # beyond what clients of S3 like to cut in parts
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BROKEN = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
ELSEWHERE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\nHello"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: x\r\nConnection: close\r\n\r\nHello"


@pytest.fixture
def files(place: str, tmp_path: Path) -> Files:
    return open_files(place, tmp_path)


@pytest.mark.parametrize("data", [b"data", b"", b"\0\r\n\xff", LONG], ids=["some", "none", "any", "long"])
def test_what_is_kept_is_found(files: Files, data: bytes) -> None:
    digest = files.keep(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert files.keep(data) == digest
    assert files.read(digest) == data


@pytest.mark.parametrize(
    ("start", "end", "part"),
    [(0, 4, b"0123"), (2, 4, b"23"), (9, 10, b"9"), (8, 100, b"89"), (4, None, b"456789"), (0, None, b"0123456789")],
)
def test_a_part_of_it(files: Files, start: int, end: int | None, part: bytes) -> None:
    assert files.read(files.keep(b"0123456789"), start, end) == part


@pytest.mark.parametrize("end", [None, 10])
def test_what_was_never_kept(files: Files, end: int | None) -> None:
    with pytest.raises(FileNotFoundError):
        files.read("0" * 64, 0, end)
    assert files.read(files.keep(b"after that")) == b"after that"


def test_a_folder_copied_into_a_bucket_is_found_there(place: str, tmp_path: Path) -> None:
    """So that any tool for copying moves them, either way."""
    folder = Folder(tmp_path / "files")
    digest = folder.keep(b"data")
    [path] = (file for file in (tmp_path / "files").rglob("*") if file.is_file())
    assert str(path.relative_to(tmp_path / "files")) == f"{digest[:2]}/{digest}"
    if place:
        bucket = Bucket(place)
        bucket.keep(b"data")
        assert [each["path"] for each in bucket._store.list().collect()] == [f"{digest[:2]}/{digest}"]


@pytest.mark.parametrize("said", [REFUSED, BROKEN, ELSEWHERE, CUT, None], ids=["403", "503", "404", "cut", "silence"])
def test_a_service_in_trouble(said: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    with services.answering(said) as endpoint:
        for name, value in services.environment(endpoint).items():
            monkeypatch.setenv(name, value)
        bucket = Bucket("s3://bucket", patience_s=0.3, pause_s=0)
        for end in (None, 10):
            with pytest.raises(FilesAway):
                bucket.read("0" * 64, 0, end)
        if said != CUT:  # all that matters of the answer to that is its status
            with pytest.raises(FilesAway):
                bucket.keep(b"data")


def test_a_bucket_that_does_not_exist_is_our_trouble(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in services.environment(s3).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FilesAway):
        Bucket("s3://no-such-bucket").keep(b"data")
    with pytest.raises(FilesAway):
        Bucket("s3://no-such-bucket").read("0" * 64)


def test_after_trouble_nobody_waits_for_the_service_for_a_while(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    for name, value in services.environment(f"http://127.0.0.1:{port}").items():
        monkeypatch.setenv(name, value)
    bucket = Bucket(services.new_bucket(s3), patience_s=1, pause_s=0.2)
    with pytest.raises(FilesAway):
        bucket.keep(b"data")
    told_at = time.monotonic()
    with pytest.raises(FilesAway):
        bucket.keep(b"data")
    assert time.monotonic() - told_at < 0.05  # a try takes twice that, since there is a second one
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    del bucket._store  # the service is there again; only its address is another one
    time.sleep(0.2)
    assert bucket.read(bucket.keep(b"data")) == b"data"


def test_a_folder_in_trouble(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("not a folder")
    with pytest.raises(FilesAway):
        Folder(tmp_path / "files").keep(b"data")
    with pytest.raises(FilesAway):
        Folder(tmp_path / "files").read("0" * 64)


def test_a_full_disk_is_left_as_it_was(tmp_path: Path) -> None:
    """A limit on the size of files acts like a disk on which so much is left."""
    folder = Folder(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(FilesAway):
            folder.keep(b"x" * 2_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]
    assert folder.read(folder.keep(b"x" * 2_000)) == b"x" * 2_000


def test_who_has_a_folder_does_not_load_what_a_bucket_needs(tmp_path: Path) -> None:
    program = "import sys, forum.commands.serve; assert not {'obstore', 'boto3', 'moto'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
