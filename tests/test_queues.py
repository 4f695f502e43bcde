"""How long mail has really waited, whatever claims and deferrals do to when it is due; and what of it is trouble."""

import re
import shutil
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from forum import health, queues, tallies
from forum.health import Disk, Health
from forum.members import Recipient
from forum.notices import owe_notice
from forum.tables import Inbox, Outbox
from forum.world import World
from mailbridge.incoming import Bridge
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import mail, put_in

MINUTE = timedelta(minutes=1)


def look(world: World) -> Health:
    with world.database.reading() as db:
        return health.look(db, world.clock(), world.settings.data)


def kinds(world: World) -> list[str]:
    return [trouble.kind for trouble in look(world).troubles if trouble.kind != "disk"]


def change(world: World, **values: object) -> None:
    """All that waits to go out."""
    with world.database.transaction() as db:
        db.execute(update(Outbox).where(Outbox.done_at.is_(None)).values(**values))


def note_sent(world: World) -> None:
    with world.database.transaction() as db:
        tallies.count(db, {tallies.SENT: 1}, world.clock())


@pytest.fixture
def owed(world: World) -> World:
    network = make.network(world, members=2)
    make.post(world, network, make.member(world, network=network))
    return world


def test_a_claim_and_a_deferral_make_nothing_younger(owed: World, clock: Clock) -> None:
    clock.move(minutes=7)
    change(owed, due_at=clock() + MINUTE / 2, tries=1, claim="a worker")
    clock.move(minutes=4)
    assert look(owed).outbox.oldest_s == 11 * 60
    change(owed, due_at=clock() + 60 * MINUTE, claim=None, answer="451 4.3.0 later")
    clock.move(minutes=5)
    assert (look(owed).outbox.oldest_s, look(owed).outbox.troubled) == (16 * 60, 2)
    change(owed, done_at=clock(), outcome="sent")
    assert look(owed).outbox == health.Waiting(0, 0, 0)


def test_a_notice_for_tomorrow_has_not_waited(world: World, clock: Clock) -> None:
    with world.database.transaction() as db:
        owe_notice(db, Recipient("anna@example.org", "", "fi"), "code", clock(), code="1")
    change(world, due_at=clock() + 600 * MINUTE)
    clock.move(minutes=599)
    assert (look(world).outbox.oldest_s, look(world).outbox.waiting) == (0, 1)
    clock.move(minutes=3)
    assert look(world).outbox.oldest_s == 2 * 60


def test_what_one_server_puts_off_is_no_trouble_while_the_rest_goes(owed: World, clock: Clock) -> None:
    change(owed, due_at=clock() + 60 * MINUTE, tries=1, answer="451 4.7.1 greylisted")
    clock.move(minutes=30)
    assert kinds(owed) == ["outbox"], "nothing goes out at all"
    note_sent(owed)
    assert kinds(owed) == []
    clock.move(minutes=9)
    assert kinds(owed) == []
    clock.move(minutes=2)
    assert kinds(owed) == ["outbox"]


def test_what_was_never_tried_is_trouble_though_the_rest_goes(owed: World, clock: Clock) -> None:
    clock.move(minutes=11)
    note_sent(owed)
    assert kinds(owed) == ["outbox"]


def test_what_cannot_be_written_is_seen_at_once(owed: World, clock: Clock) -> None:
    note_sent(owed)
    change(owed, due_at=clock() + MINUTE, tries=1, answer=queues.UNWRITTEN)
    assert [str(trouble) for trouble in look(owed).troubles][:1] == ["Outgoing mails that could not be written: 2."]


def test_what_is_worked_through_again_waits_since_then(world: World, clock: Clock) -> None:
    bridge = Bridge(world)
    make.member(world, network=make.network(world))
    [held] = put_in(bridge, mail(proven=False))
    bridge.work_through()
    assert rows(world, "SELECT fate FROM inbox") == [("held",)]
    clock.move(days=2)
    bridge.confirm_held(held)
    clock.move(minutes=3)
    assert look(world).inbox == health.Waiting(1, 180, 0)
    bridge.work_through()
    assert look(world).inbox == health.Waiting(0, 0, 0)


def test_what_failed_and_what_waits(world: World, clock: Clock) -> None:
    put_in(Bridge(world), mail())
    with world.database.transaction() as db:
        db.execute(update(Inbox).values(fate="failed"))
    put_in(Bridge(world), mail())
    clock.move(minutes=11)
    assert kinds(world) == ["failed", "inbox"]


def test_queues_are_counted_only_so_far(owed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "MOST", 1)
    assert look(owed).outbox.waiting == 1


@pytest.mark.parametrize(
    ("disk", "is_low"),
    [
        (Disk(10**12, 10**11), False),
        (Disk(10**12, 10**11 - 10**10), True),
        (Disk(5 * 10**9, 10**9), False),
        (Disk(5 * 10**9, 10**9 - 1), True),
        (Disk(0, 0), True),
    ],
)
def test_a_disk_is_low_below_a_tenth_or_a_gigabyte(disk: Disk, is_low: bool) -> None:
    assert disk.is_low is is_low


@pytest.mark.parametrize(("megabytes", "is_wrong"), [(100, True), (199, True), (200, False), (9_000, False)])
def test_a_low_disk_is_told_and_a_full_one_is_wrong(
    world: World, monkeypatch: pytest.MonkeyPatch, megabytes: int, is_wrong: bool
) -> None:
    """Whoever balances load by /health should not take a machine away that works."""
    monkeypatch.setattr(health, "room_in", lambda folder: Disk(10**12, megabytes * 10**6))
    found = look(world)
    sentence = f"The disk is nearly full: {megabytes} MB are free, 0 percent."
    assert [str(trouble) for trouble in found.troubles] == [sentence]
    assert found.wrong == [sentence] * is_wrong


def test_the_disk_is_the_one_of_the_data_folder(world: World) -> None:
    free = shutil.disk_usage(world.settings.data).free
    disk = look(world).disk
    assert disk is not None
    assert abs(disk.free - free) < 10**9


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_waiting_is_read_off_an_index(world: World) -> None:
    """However much has been settled. Which way PostgreSQL takes depends on how much there is."""
    asked: list[str] = []
    event.listen(world.database.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    look(world)
    selects = [statement for statement in asked if statement.startswith("SELECT")]
    with world.database.engine.connect() as connection:
        plans = [
            str(step.detail)
            for statement in selects
            for step in connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", tuple(range(statement.count("?")))
            )
        ]
    tables = {plan for plan in plans if re.fullmatch(r"SCAN (inbox|outbox|mails|posts|notices|addresses)", plan)}
    assert tables == {"SCAN mails"}, "from the newest, and only that"
    assert any("ix_outbox_deferred" in plan for plan in plans)
