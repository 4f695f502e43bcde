"""Old mails move from the database to the files, and nothing of them is lost, whenever it stops."""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import event

from forum import mails
from forum.commands import export
from forum.errors import FilesAway
from forum.files import Bucket, Files, Folder
from forum.settings import Settings
from forum.tables import Mail
from forum.world import World, open_world
from mailbridge.incoming import Bridge
from mailbridge.put_away import put_some_away
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import bring, fate_of, mail, owed_notices, put_in
from tests.ports import free_port
from tests.s3 import environment


@pytest.fixture
def settings(settings: Settings, place: str) -> Settings:
    return replace(settings, files=place, raw_days=7)


@pytest.fixture
def bridge(world: World) -> Bridge:
    make.member(world, network=make.network(world))
    return Bridge(world)


def posted(bridge: Bridge, count: int) -> list[bytes]:
    raws = [mail(message_id=f"<{number}@x>", text=f"Kirje {number}\n") for number in range(count)]
    for raw in raws:
        bring(bridge, raw)
    return raws


def whole(world: World) -> list[bytes]:
    with world.database.reading() as db:
        return [mails.raw(db, db.get_one(Mail, mail_id), world.files) for mail_id in here_and_there(world)]


def here_and_there(world: World) -> dict[int, bool]:
    """Every mail, the oldest first; whether its bytes are in the database."""
    found = rows(world, "SELECT id, digest, length(raw) FROM mails ORDER BY id")
    assert all(bool(size) is (digest is None) for _, digest, size in found)
    return {int(str(mail_id)): digest is None for mail_id, digest, _ in found}


def test_mails_move_a_week_after_their_end_and_stay_whole(bridge: Bridge, clock: Clock) -> None:
    world = bridge.world
    raws = posted(bridge, 3)
    clock.move(days=6)
    raws += [mail(message_id="<late@x>")]
    bring(bridge, raws[-1])
    clock.move(days=1, seconds=1)
    assert put_some_away(world) == 3
    assert list(here_and_there(world).values()) == [False, False, False, True]
    assert whole(world) == raws
    assert put_some_away(world) == 0
    clock.move(days=7)
    assert put_some_away(world) == 1
    assert whole(world) == raws


def test_there_is_an_end_to_what_is_done_at_once(bridge: Bridge, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailbridge.put_away.TOGETHER", 2)
    posted(bridge, 3)
    clock.move(days=8)
    assert [put_some_away(bridge.world) for _ in range(3)] == [2, 1, 0]


def test_none_moves_where_that_is_not_wanted(bridge: Bridge, clock: Clock) -> None:
    posted(bridge, 1)
    clock.move(days=800)
    world = replace(bridge.world, settings=replace(bridge.world.settings, raw_days=0))
    assert put_some_away(world) == 0


def test_what_may_go_on_stays(bridge: Bridge, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held, failed, waiting; and one that came to its end at one address, and at the other only yesterday."""
    world = bridge.world
    [held] = bring(bridge, mail(message_id="<1@x>", proven=False))
    with monkeypatch.context() as patch:
        patch.setattr("mailbridge.incoming.read", lambda _: 1 / 0)
        [failed] = bring(bridge, mail(message_id="<2@x>"))
    put_in(bridge, mail(message_id="<3@x>"))
    first, second = put_in(
        bridge, mail(message_id="<4@x>"), "viestijat@lists.example.org", "viestijat+help@lists.example.org"
    )
    bridge.process(first)
    clock.move(days=7, hours=1)
    bridge.process(second)
    assert (held.fate, failed.fate) == ("held", "failed")
    assert put_some_away(world) == 0
    bridge.confirm_held(1)
    assert bridge.retry_failed() == 1
    while bridge.work_through():
        pass
    clock.move(days=8)
    assert put_some_away(world) == 4
    assert [fate_of(world, number).fate for number in (1, 2, 3, 4)] == ["posted"] * 4


def test_a_mail_that_moved_can_be_worked_through_again(bridge: Bridge, clock: Clock) -> None:
    """Nothing does so today; whoever sets its fate back by hand should find it whole."""
    world = bridge.world
    posted(bridge, 1)
    clock.move(days=8)
    put_some_away(world)
    with world.database.transaction() as db:
        db.connection().exec_driver_sql("UPDATE inbox SET fate = NULL")
    assert bridge.work_through() == 1
    assert fate_of(world, 1).reason == "the same mail is message 1 already"


def test_an_export_is_the_same_before_and_after(
    bridge: Bridge, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted(bridge, 3)
    before = exported(bridge.world, tmp_path / "a.mbox")
    clock.move(days=8)
    assert put_some_away(bridge.world) == 3
    assert exported(bridge.world, tmp_path / "b.mbox") == before


def exported(world: World, file: Path) -> bytes:
    with world.database.reading() as db:
        [(network, path)] = export._files(db, file, "viestijat", everything=False)
        export._write_mbox(world, db, network, path)
    lines = file.read_bytes().splitlines()
    return b"\n".join(line for line in lines if not line.startswith(b"From MAILER-DAEMON"))  # the hour of the export


# Whoever moves them may be killed at any point.


@dataclass
class DyingFiles:
    """Kills its process once it has kept so many."""

    files: Files
    left: int

    def keep(self, data: bytes) -> str:
        digest = self.files.keep(data)
        self.left -= 1
        if not self.left:
            os._exit(9)
        return digest

    def read(self, digest: str, start: int = 0, end: int | None = None) -> bytes:
        return self.files.read(digest, start, end)


def dies_between(world: World) -> None:
    put_some_away(replace(world, files=DyingFiles(world.files, 2)))


def dies_before_the_commit(world: World) -> None:
    event.listen(world.database.engine, "commit", lambda _: os._exit(9))
    put_some_away(world)


def dies_after_the_commit(world: World) -> None:
    put_some_away(world)
    os._exit(9)


def act(settings: Settings, now: datetime, death: Callable[[World], None]) -> None:
    death(replace(open_world(settings), clock=lambda: now))


@pytest.mark.parametrize("place", [""])  # it is all the same to them where the files are
@pytest.mark.parametrize(
    ("death", "still_here"), [(dies_between, 3), (dies_before_the_commit, 3), (dies_after_the_commit, 0)]
)
def test_a_death_loses_nothing(bridge: Bridge, clock: Clock, death: Callable[[World], None], still_here: int) -> None:
    world = bridge.world
    raws = posted(bridge, 3)
    clock.move(days=8)
    moving = (world.settings, clock(), death)
    dying = multiprocessing.get_context("spawn").Process(target=act, args=moving, daemon=True)
    dying.start()
    dying.join(20)
    assert dying.exitcode == 9
    assert sum(here_and_there(world).values()) == still_here
    assert whole(world) == raws
    assert put_some_away(world) == still_here
    assert whole(world) == raws


# While the files are away.


@pytest.fixture
def away(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Files:
    """What cannot keep anything: nobody listens, or there is no folder to be made."""
    if world.settings.files:
        with monkeypatch.context() as patch:
            for name, value in environment(f"http://127.0.0.1:{free_port()}").items():
                patch.setenv(name, value)
            away = Bucket("s3://bucket", patience_s=0.5)
            assert away._store  # opened while its address stands in the environment
            return away
    (tmp_path / "taken").write_text("")
    return Folder(tmp_path / "taken")


def with_file(number: int) -> bytes:
    body = f"--x\n\nKirje {number}\n--x\nContent-Type: text/csv; name=a.csv\n\na;b\n--x--\n"
    return mail(message_id=f"<{number}@x>", text=body, Content_Type="multipart/mixed; boundary=x")


def test_mails_with_files_wait_however_long_and_others_do_not(bridge: Bridge, away: Files, clock: Clock) -> None:
    troubled = Bridge(replace(bridge.world, files=away))
    ids = [
        *put_in(troubled, with_file(1)),
        *put_in(troubled, mail(message_id="<2@x>")),
        *put_in(troubled, with_file(3)),
    ]
    for _ in range(8):
        while troubled.work_through():
            pass
        clock.move(minutes=1)
    assert [fate_of(bridge.world, number).fate for number in ids] == [None, "posted", None]
    while bridge.work_through():
        pass
    assert [fate_of(bridge.world, number).fate for number in ids] == ["posted"] * 3
    assert rows(bridge.world, "SELECT post_id, name FROM attachments ORDER BY id") == [(2, "a.csv"), (3, "a.csv")]
    assert owed_notices(bridge.world, "alarm") == []


def test_old_mails_stay_where_they_are_while_files_are_away(bridge: Bridge, away: Files, clock: Clock) -> None:
    raws = posted(bridge, 1)
    clock.move(days=8)
    with pytest.raises(FilesAway):
        put_some_away(replace(bridge.world, files=away))
    assert list(here_and_there(bridge.world).values()) == [True]
    assert whole(bridge.world) == raws
