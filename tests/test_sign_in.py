"""Signing in by a mailed code, which is single-use, short-lived and cannot be guessed."""

import time

import pytest
from sqlalchemy import select, update

from forum import sign_in
from forum.errors import BadAddress, CodeWrong, TooManyCodes, TooManyTries
from forum.tables import Member, Notice, SignInCode
from forum.world import World
from tests import make
from tests.conftest import Clock, rows

ANNA = "anna@example.org"
PEER = "192.0.2.1"


@pytest.fixture
def anna(world: World) -> Member:
    return make.member(world)


def ask(world: World, address: str = ANNA, peer: str = PEER) -> str:
    """The code as it was mailed, "" when none was."""
    with world.database.transaction() as db:
        sign_in.send_code(db, address, peer, world.clock(), world.random)
    with world.database.reading() as db:
        newest = db.scalar(select(Notice).order_by(Notice.id.desc()).limit(1))
        return str(newest.facts["code"]) if newest else ""


def enter(world: World, code: str, address: str = ANNA) -> Member | None:
    """Who is signed in then."""
    with world.database.transaction() as db:
        token = sign_in.enter(db, address, code, world.clock(), world.random)
    with world.database.reading() as db:
        return sign_in.by_session(db, token, world.clock())


def try_wrong(world: World, times: int, address: str = ANNA, peer: str = PEER) -> None:
    for _ in range(times):
        with world.database.transaction() as db:
            sign_in.note_wrong_try(db, address, peer, world.clock())


def test_a_code_signs_in(world: World, anna: Member) -> None:
    code = ask(world)
    assert len(code) == 6
    assert code.isdigit()
    entered = enter(world, f" {code[:3]} {code[3:]} ", "Anna@Example.ORG")
    assert entered
    assert entered.id == anna.id


def test_a_code_works_once(world: World, anna: Member) -> None:
    code = ask(world)
    enter(world, code)
    with pytest.raises(CodeWrong):
        enter(world, code)


def test_a_code_lives_for_a_quarter_of_an_hour(world: World, anna: Member, clock: Clock) -> None:
    code = ask(world)
    clock.move(minutes=15)
    with pytest.raises(CodeWrong):
        enter(world, code)
    code = ask(world)
    clock.move(minutes=14, seconds=59)
    assert enter(world, code)


def test_only_the_newest_code_works(world: World, anna: Member) -> None:
    first, second = ask(world), ask(world)
    assert first != second
    with pytest.raises(CodeWrong):
        enter(world, first)
    assert enter(world, second)


def test_after_five_wrong_tries_a_code_is_dead(world: World, anna: Member) -> None:
    code = ask(world)
    try_wrong(world, 4)
    with world.database.rehearsal() as db:
        assert sign_in.enter(db, ANNA, code, world.clock(), world.random)
    try_wrong(world, 1)
    with pytest.raises(CodeWrong):
        enter(world, code)


@pytest.mark.parametrize("code", ["", "000000", "abcdef", "١٢٣٤٥٦", "1" * 1000])
def test_other_codes_do_not(world: World, anna: Member, code: str) -> None:
    ask(world)
    with pytest.raises(CodeWrong):
        enter(world, code)


def test_a_code_is_its_members_only(world: World, anna: Member) -> None:
    make.member(world, "ville@example.org", "Ville")
    code = ask(world)
    ask(world, "ville@example.org")
    with pytest.raises(CodeWrong):
        enter(world, code, "ville@example.org")


def test_nobody_learns_who_is_a_member(world: World, anna: Member) -> None:
    assert ask(world, "eve@example.com") == ""
    with pytest.raises(CodeWrong):
        enter(world, "000000", "eve@example.com")
    for _ in range(4):
        ask(world, "eve@example.com")
    with pytest.raises(TooManyCodes):
        ask(world, "eve@example.com")


def test_an_address_that_only_folds_alike_is_another(world: World) -> None:
    """strasse.example and straße.example have two owners: the code of one may not go to the other."""
    make.member(world, "kaisa@strasse.example", "Kaisa")
    assert ask(world, "kaisa@straße.example") == ""


def test_what_is_no_address_is_told(world: World) -> None:
    with pytest.raises(BadAddress):
        ask(world, "anna")


@pytest.mark.parametrize("piece", ["a", "a.", "ä", "@", '"', "(", " "])
def test_a_megabyte_is_no_address_and_takes_no_time(world: World, piece: str) -> None:
    begun = time.process_time()
    with pytest.raises(BadAddress):
        ask(world, piece * 500_000 + "anna@example.org")
    assert time.process_time() - begun < 0.1


def test_five_codes_an_hour(world: World, anna: Member, clock: Clock) -> None:
    for _ in range(5):
        ask(world)
    with pytest.raises(TooManyCodes):
        ask(world, peer="198.51.100.7")
    clock.move(hours=1)
    assert ask(world)


def test_one_place_cannot_ask_for_everybody(world: World, anna: Member) -> None:
    for number in range(60):
        ask(world, f"m{number}@example.net")
    with pytest.raises(TooManyCodes):
        ask(world)
    assert ask(world, peer="198.51.100.7")


def test_one_place_cannot_try_for_ever(world: World, anna: Member) -> None:
    for number in range(60):
        try_wrong(world, 1, f"m{number}@example.net")
    for check in (sign_in.check_tries, lambda db, peer, now: sign_in.note_wrong_try(db, ANNA, peer, now)):
        with pytest.raises(TooManyTries), world.database.transaction() as db:
            check(db, PEER, world.clock())
    with world.database.transaction() as db:
        sign_in.check_tries(db, "198.51.100.7", world.clock())


@pytest.mark.parametrize("address", [ANNA, "eve@example.com"])
def test_fifty_wrong_tries_a_day_at_one_member_from_many_places(
    world: World, anna: Member, clock: Clock, address: str
) -> None:
    """Whether the address is a member's or not: the limit tells nobody."""
    for number in range(10):
        try_wrong(world, 5, address, f"192.0.2.{number}")
        clock.move(hours=1)
    with world.database.transaction() as db:
        sign_in.sweep(db, clock.now)
    code = ask(world, address)
    with pytest.raises(TooManyTries):
        enter(world, code, address)
    with pytest.raises(TooManyTries):
        try_wrong(world, 1, address, "198.51.100.7")
    clock.move(days=1)
    code = ask(world, address)
    if address == ANNA:
        assert enter(world, code)
    else:
        with pytest.raises(CodeWrong):
            enter(world, code, address)


def test_neither_codes_nor_sessions_nor_places_can_be_read(world: World, anna: Member) -> None:
    code = ask(world)
    with world.database.transaction() as db:
        token = sign_in.open_session(db, anna, world.clock(), world.random)
    kept = str(rows(world, "SELECT code_hash FROM sign_in_codes") + rows(world, "SELECT token_hash FROM sessions"))
    assert code not in kept
    assert token not in kept
    assert PEER not in str(rows(world, "SELECT key FROM attempts"))


def test_a_session_ends(world: World, anna: Member, clock: Clock) -> None:
    with world.database.transaction() as db:
        tokens = [sign_in.open_session(db, anna, world.clock(), world.random) for _ in range(3)]
        sign_in.close_session(db, tokens[0])
    with world.database.reading() as db:
        assert [bool(sign_in.by_session(db, token, world.clock())) for token in [*tokens, "x"]] == [
            False,
            True,
            True,
            False,
        ]
    with world.database.transaction() as db:
        sign_in.sign_out_everywhere(db, anna, world.clock())
    with world.database.reading() as db:
        assert not sign_in.by_session(db, tokens[1], world.clock())


def test_a_session_runs_out(world: World, anna: Member, clock: Clock) -> None:
    with world.database.transaction() as db:
        token = sign_in.open_session(db, anna, world.clock(), world.random)
    clock.move(days=60)
    with world.database.reading() as db:
        assert sign_in.by_session(db, token, world.clock()) is None


def test_what_has_run_out_is_forgotten(world: World, anna: Member, clock: Clock) -> None:
    code = ask(world)
    with world.database.transaction() as db:
        sign_in.open_session(db, anna, world.clock(), world.random)
        sign_in.sweep(db, world.clock())
    assert enter(world, code)
    clock.move(days=61)
    with world.database.transaction() as db:
        sign_in.sweep(db, world.clock())
    assert [rows(world, f"SELECT count(*) FROM {table}") for table in ("sessions", "sign_in_codes", "attempts")] == [
        [(0,)]
    ] * 3


def test_an_address_that_was_not_confirmed_gets_no_code(world: World, anna: Member) -> None:
    from forum.tables import Address

    with world.database.transaction() as db:
        db.execute(update(Address).values(confirmed_at=None))
    assert ask(world) == ""
    assert rows(world, "SELECT count(*) FROM sign_in_codes") == [(0,)]
    assert SignInCode.__tablename__ == "sign_in_codes"
