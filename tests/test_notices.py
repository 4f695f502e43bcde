"""Notices: promised in the same transaction, and to strangers once a day."""

from sqlalchemy import select

from forum.members import Recipient
from forum.notices import owe_answer, owe_notice, owe_once_a_day, owed_lately
from forum.tables import Notice
from forum.world import World
from tests import make
from tests.conftest import Clock, rows

EVE = Recipient("Eve@Example.com", "Eve", "sv")


def once(world: World, to: Recipient = EVE, kind: str = "refused", **facts: str) -> bool:
    with world.database.transaction() as db:
        return owe_once_a_day(db, to, kind, world.clock(), **facts)


def test_a_notice_is_owed_at_once(world: World) -> None:
    with world.database.transaction() as db:
        owe_notice(db, Recipient("anna@example.org", "Anna", "fi"), "help", world.clock(), slug="ä", list=[1, None])
    with world.database.reading() as db:
        [notice] = db.scalars(select(Notice))
    assert (notice.address, notice.language, notice.facts) == (
        "anna@example.org",
        "fi",
        {"slug": "ä", "list": [1, None]},
    )
    assert rows(world, "SELECT notice_id, post_id, member_id, done_at FROM outbox") == [(1, None, None, None)]


def test_a_stranger_is_told_once_a_day(world: World, clock: Clock) -> None:
    assert [once(world), once(world), once(world, Recipient("EVE@example.COM", "", "en"))] == [True, False, False]
    clock.move(hours=23, minutes=59)
    assert not once(world)
    clock.move(minutes=2)
    assert once(world)
    assert rows(world, "SELECT count(*) FROM outbox") == [(2,)]


def test_another_kind_and_another_stranger_are_told_as_well(world: World) -> None:
    assert once(world)
    assert once(world, kind="help")
    assert once(world, Recipient("fanny@example.com", "", "en"))


def answered(world: World, address: str, kind: str = "refused", member_id: int | None = None) -> bool:
    with world.database.transaction() as db:
        return owe_answer(db, Recipient(address, "", "en", member_id), kind, world.clock())


def test_a_stranger_gets_one_answer_whatever_the_kind_or_tag(world: World, clock: Clock) -> None:
    assert answered(world, "Eve+1@example.com")
    assert not any(answered(world, f"{name}@EXAMPLE.com", "help") for name in ("eve", "EVE+2", "eve+1+x"))
    assert rows(world, "SELECT address FROM notices") == [("eve+1@example.com",)]
    clock.move(days=1, seconds=1)
    assert answered(world, "eve@example.com", "help")


def test_strangers_of_one_domain_and_all_together_are_answered_only_so_often(world: World, clock: Clock) -> None:
    assert [answered(world, f"e{n}@example.com") for n in range(21)] == [True] * 20 + [False]
    assert sum(answered(world, f"e@{n}.example.net") for n in range(190)) == 180
    anna = make.member(world)
    assert answered(world, "anna@example.org", "refused", anna.id)
    clock.move(hours=1, seconds=1)
    assert answered(world, "e21@example.com")


def test_how_many_there_were_lately(world: World, clock: Clock) -> None:
    once(world)
    clock.move(hours=12)
    once(world, kind="help")
    with world.database.reading() as db:
        found = [owed_lately(db, "eve@example.com", kind, world.clock()) for kind in ("refused", "help", "code")]
    assert found == [1, 1, 0]
