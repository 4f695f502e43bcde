"""A batch that is told to stop: what is being sent is sent, the rest is due again at once and goes once."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from forum.world import World
from mailbridge.outgoing import Outgoing
from mailbridge.postman import CONNECTIONS, SmtpPostman
from mailbridge.worker import make_writer
from tests import make
from tests.conftest import rows
from tests.mailbridge.relay import Relay, Said

MEMBERS = 120


@pytest.fixture
def owed(world: World) -> World:
    network = make.network(world)
    author = make.member(world, network=network)
    for number in range(MEMBERS):
        make.member(world, f"m{number}@d{number % 7}.example.net", "M", network=network)
    make.post(world, network, author)
    return world


async def send(world: World, relay: Relay, *, stop_at: int = 0) -> int:
    """With a worker of its own; answers for how many copies it had a claim."""
    settings = replace(world.settings, caught_mail="", relay=f"smtp://127.0.0.1:{relay.port}")
    here = replace(world, settings=settings)
    postman = SmtpPostman(settings.relay, "lists.example.org")
    outgoing = Outgoing(here, make_writer(here), postman)

    def script(verb: str, argument: str, time: int) -> Said:
        if verb == "END" and time == stop_at:
            outgoing.stop()
        return None

    relay.script = script
    count = await outgoing.send_some()
    outgoing.close()
    await postman.close()
    return count


def test_what_is_not_sent_is_due_again_at_once_and_each_goes_once(owed: World) -> None:
    async def go() -> Relay:
        async with Relay().serving() as relay:
            assert await send(owed, relay, stop_at=30) == MEMBERS
            sent = len(relay.accepted)
            assert 30 <= sent <= 30 + 2 * CONNECTIONS
            left = rows(owed, "SELECT count(*), count(claim), count(answer) FROM outbox WHERE done_at IS NULL")
            assert left == [(MEMBERS - sent, 0, 0)]
            assert await send(owed, relay) == MEMBERS - sent
            return relay

    relay = asyncio.run(go())
    assert Counter(relay.recipients).most_common(1)[0][1] == 1
    assert len(relay.recipients) == MEMBERS
    assert rows(owed, "SELECT outcome, count(*) FROM outbox GROUP BY outcome") == [("sent", MEMBERS)]


def test_what_begins_after_the_word_sends_nothing(owed: World) -> None:
    async def go() -> Relay:
        async with Relay().serving() as relay:
            postman = SmtpPostman(f"smtp://127.0.0.1:{relay.port}", "lists.example.org")
            outgoing = Outgoing(owed, make_writer(owed), postman)
            outgoing.stop()
            assert await outgoing.send_some() == MEMBERS
            outgoing.close()
            return relay

    assert asyncio.run(go()).accepted == []
    assert rows(owed, "SELECT count(*) FROM outbox WHERE done_at IS NULL AND claim IS NULL AND answer IS NULL") == [
        (MEMBERS,)
    ]
