"""Loops: machines that answer each other come to an end; people are hardly ever taken for them."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from forum.errors import Refusal, SaidAgain, ToAndFro
from forum.loops import ALIKE, QUICK
from forum.tables import Member, Network, Post
from forum.world import World
from mailbridge.incoming import Bridge
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import bring, mail, owed_notices


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world)


@pytest.fixture
def writers(world: World, network: Network) -> list[Member]:
    people = ("anna", "Anna"), ("ville", "Ville"), ("kaisa", "Kaisa"), ("olli", "Olli")
    return [make.member(world, f"{who}@example.org", name, network=network) for who, name in people]


@pytest.fixture
def first(world: World, network: Network, writers: Sequence[Member]) -> Post:
    return make.post(world, network, writers[0])


def answer(world: World, first: Post, author: Member, text: str, came_by: str = "mail") -> Post:
    found = Network(id=first.network_id)
    return make.post(world, found, author, thread_id=first.thread_id, text=text, came_by=came_by)


def refused(world: World, first: Post, author: Member, text: str, came_by: str = "mail") -> type[Refusal] | None:
    try:
        answer(world, first, author, text, came_by)
    except Refusal as refusal:
        return type(refusal)
    return None


def test_the_same_text_again_and_again_is_refused(
    world: World, clock: Clock, first: Post, writers: Sequence[Member]
) -> None:
    anna, ville = writers[:2]
    for number in range(ALIKE):
        answer(world, first, ville, "Olen lomalla.")
        answer(world, first, anna, f"Kiitos {number}.")
        clock.move(minutes=30)
    assert refused(world, first, ville, "Olen lomalla.") == SaidAgain
    assert refused(world, first, ville, "Olen taas täällä.") is None
    assert refused(world, first, anna, "Olen lomalla.") is None, "it is her first"
    assert refused(world, first, ville, "Olen lomalla.", "web") is None, "somebody pressed a button"
    clock.move(days=1)
    assert refused(world, first, ville, "Olen lomalla.") is None


def ping_pong(world: World, clock: Clock, first: Post, writers: Sequence[Member], seconds: float, times: int) -> int:
    """How many of so many mails were taken, one writer after the other, each with another text."""
    for number in range(times):
        clock.move(seconds=seconds)
        if refused(world, first, writers[number % len(writers)], f"Tiketti {number} on vastaanotettu."):
            return number
    return times


@pytest.mark.parametrize("machines", [2, 3])
def test_two_or_three_machines_that_answer_each_other_come_to_an_end(
    world: World, clock: Clock, first: Post, writers: Sequence[Member], machines: int
) -> None:
    assert ping_pong(world, clock, first, writers[:machines], 2, 20) == QUICK
    clock.move(minutes=10)
    assert refused(world, first, writers[0], "Tämä kirjoitettiin rauhassa.") is None


@pytest.mark.parametrize(("people", "seconds"), [(2, 60), (3, 30), (4, 2), (1, 0)])
def test_people_who_write_at_their_own_pace_are_no_machines_nor_is_one_who_writes_a_great_deal(
    world: World, clock: Clock, first: Post, writers: Sequence[Member], people: int, seconds: float
) -> None:
    assert ping_pong(world, clock, first, writers[:people], seconds, 20) == 20


def test_nobody_is_kept_out_by_who_writes_a_great_deal(
    world: World, clock: Clock, first: Post, writers: Sequence[Member]
) -> None:
    anna, ville = writers[:2]
    assert ping_pong(world, clock, first, [anna], 2, QUICK) == QUICK
    assert refused(world, first, ville, "Mitä täällä tapahtuu?") is None
    clock.move(seconds=2)
    assert ping_pong(world, clock, first, [anna], 2, QUICK - 1) == QUICK - 1
    assert refused(world, first, ville, "Voisitko lopettaa?") is None


def test_what_a_server_held_back_comes_all_at_once(
    world: World, clock: Clock, network: Network, first: Post, writers: Sequence[Member]
) -> None:
    for number in range(20):
        make.post(
            world,
            network,
            writers[number % 2],
            thread_id=first.thread_id,
            text=f"Vastaus {number}.",
            came_by="mail",
            sent_at=clock() - timedelta(hours=20 - number),
        )
    assert rows(world, "SELECT count(*) FROM posts") == [(21,)]


def test_its_member_is_told_once_and_nothing_is_lost(
    world: World, network: Network, first: Post, writers: Sequence[Member]
) -> None:
    bridge, anna = Bridge(world), writers[0]
    to = bridge.addresses.reply("viestijat", anna.id, first.id)
    fates = [
        fate.fate
        for number in range(ALIKE + 2)
        for fate in bring(bridge, mail(text="Olen lomalla.", subject="Re: x", message_id=f"<{number}@x.example>"), to)
    ]
    assert fates == ["posted"] * ALIKE + ["refused"] * 2
    [notice] = owed_notices(world, "refused")
    assert (
        notice.facts["sentence"]
        == "Olet tänään kirjoittanut keskusteluun ”Hiljainen tieto” saman viestin monta kertaa."
    )
    assert rows(world, "SELECT count(*) FROM mails") == [(ALIKE + 2,)]


def test_who_writes_too_fast_is_told_each_time(
    world: World, clock: Clock, first: Post, writers: Sequence[Member]
) -> None:
    """They may be people after all, and then what they wrote must not be gone without a word."""
    ville = writers[1]
    assert ping_pong(world, clock, first, [ville, writers[0]], 2, 20) == QUICK
    bridge = Bridge(world)
    to = bridge.addresses.reply("viestijat", ville.id, first.id)
    for number in range(2):
        raw = mail(
            "Ville <ville@example.org>", text=f"No {number}.", subject="Re: x", message_id=f"<{number}@x.example>"
        )
        [fate] = bring(bridge, raw, to)
        assert (fate.fate, fate.reason) == ("refused", str(ToAndFro(subject="Hiljainen tieto")))
    assert len(owed_notices(world, "refused")) == 2
