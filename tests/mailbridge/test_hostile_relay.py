"""A relay at its worst: cut at every byte, slow, endless, lying. Each copy has one right answer, and the next round goes on."""

import asyncio
import contextlib
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from mailbridge.envelope import Answer, Envelope
from mailbridge.postman import SmtpPostman
from tests.mailbridge.relay import EXTENSIONS, Relay, Said, Stall
from tests.mailbridge.test_postman import at, deliver, envelopes, outcomes

GREETING = b"220 hello\r\n250-hello\r\n250 PIPELINING\r\n"
ONE = b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go on\r\n"
TAKEN = b"250 2.0.0 queued\r\n"


@dataclass
class Parrot:
    """Says what it has learnt whatever it hears, in `pieces`, and then ends or is silent."""

    says: bytes
    piece: int = 1_000_000
    pause_s: float = 0.0
    hangs_up: bool = True
    connections: int = 0
    heard: list[bytes] = field(default_factory=list)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            for begin in range(0, len(self.says), self.piece):
                writer.write(self.says[begin : begin + self.piece])
                await writer.drain()
                await asyncio.sleep(self.pause_s)
            if self.hangs_up:
                writer.write_eof()
            while data := await reader.read(100_000):
                self.heard.append(data)
        writer.close()

    def told(self, letters: Sequence[Envelope], patience_s: float = 2.0, connections: int = 1) -> dict[int, Answer]:
        return asyncio.run(self._told(letters, patience_s, connections))

    async def _told(self, letters: Sequence[Envelope], patience_s: float, connections: int) -> dict[int, Answer]:
        noted: list[tuple[int, Answer]] = []
        server = await asyncio.start_server(self.meet, "127.0.0.1", 0)
        postman = SmtpPostman(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", "here", connections, patience_s)
        await postman.deliver(letters, lambda envelope, answer: noted.append((envelope.key, answer)))
        await postman.close()
        server.close()
        assert sorted(key for key, _ in noted) == sorted(letter.key for letter in letters), "one answer for each"
        return dict(noted)


DIALOGUE = GREETING + ONE + TAKEN + ONE + TAKEN


FIRST_TAKEN, SECOND_UNDER_WAY = len(GREETING + ONE + TAKEN), len(GREETING + ONE + TAKEN + ONE)


def test_what_is_said_before_the_encryption_is_not_taken_for_what_is_said_in_it() -> None:
    parrot = Parrot(b"220 hello\r\n250-hello\r\n250 STARTTLS\r\n220 go on\r\n" + GREETING[11:] + ONE + TAKEN)
    [answer] = parrot.told(envelopes(1)).values()
    assert (answer.outcome, "something was said before the encryption" in answer.said) == ("deferred", True)


@pytest.mark.parametrize("upto", range(len(DIALOGUE) + 1))
def test_cut_at_every_byte(upto: int) -> None:
    """A copy is sent when all of its 250 was heard, line end and all; what was not yet given away goes over the next
    connection, on which the same is said."""
    parrot = Parrot(DIALOGUE[:upto])
    outcome = outcomes(parrot.told(envelopes(2)))
    if upto < FIRST_TAKEN:
        assert (outcome, parrot.connections) == ("deferred deferred", 1)
    elif upto < SECOND_UNDER_WAY:
        assert (outcome, parrot.connections) == ("sent sent", 2)
    else:
        assert outcome == ("sent sent" if upto == len(DIALOGUE) else "sent deferred")


def test_an_answer_of_ten_thousand_lines_is_an_answer() -> None:
    many = b"250-2.0.0 so\r\n" * 10_000 + TAKEN
    tracemalloc.start()
    answers = Parrot(GREETING + (ONE + many) * 3).told(envelopes(3))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcomes(answers) == "sent sent sent"
    assert all(len(answer.said) <= 500 for answer in answers.values())
    assert peak < 2_000_000


def test_an_answer_without_an_end_ends() -> None:
    answers = Parrot(GREETING + ONE + b"250-and\r\n" * 100_001, hangs_up=False).told(envelopes(2), patience_s=5)
    assert outcomes(answers) == "deferred deferred"
    assert answers[1].said == "an answer without an end"


def test_a_line_without_an_end_ends() -> None:
    assert outcomes(Parrot(GREETING + ONE + b"250 " + b"x" * 1_000_000).told(envelopes(1))) == "deferred"


def test_answers_that_come_byte_by_byte_are_answers() -> None:
    parrot = Parrot(DIALOGUE, piece=1, pause_s=0.0005)
    assert outcomes(parrot.told(envelopes(2))) == "sent sent"


def test_an_answer_takes_no_longer_however_steadily_it_comes() -> None:
    parrot = Parrot(GREETING + ONE + b"250-and\r\n" * 1000, piece=5, pause_s=0.01)
    answers = parrot.told(envelopes(2), patience_s=0.2)
    assert outcomes(answers) == "deferred deferred"
    assert "no answer in time" in answers[1].said


@pytest.mark.parametrize("said", ["250-2.0.0 yes\r\n550 no", "550-no\r\n250 yes"])
def test_who_says_yes_and_no_is_asked_again(said: str) -> None:
    answers = Parrot(GREETING + ONE + said.encode() + b"\r\n").told(envelopes(1))
    assert "contradict" in answers[1].said
    assert answers[1].outcome == "deferred"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("250 2.0.0 vastaanotettu, kiitos älä".encode(), "250 2.0.0 vastaanotettu, kiitos älä"),
        (b"250 2.0.0 \xe4\xff ok", "250 2.0.0 \ufffd\ufffd ok"),
        (b"250 ok\0\x07\x1b[31m", "250 ok [31m"),
        ("250 \u202eko".encode(), "250 ko"),
        (b"250 " + b"y" * 9000, "250 " + "y" * 496),
    ],
)
def test_what_is_kept_of_an_answer_can_be_kept_and_shown(said: bytes, kept: str) -> None:
    """PostgreSQL takes no NUL: the copy would be sent, not recorded, and sent again without end."""
    assert Parrot(GREETING + ONE + said + b"\r\n").told(envelopes(1))[1] == Answer("sent", kept)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("time", [1, 2, 3])
def test_421_in_the_midst_ends_the_connection_and_no_copy_is_doubled(verb: str, time: int) -> None:
    relay = Relay(at(verb, "421 4.3.2 closing", time=time))
    answers = deliver(relay, envelopes(3))
    tried = "deferred" if time == 1 or verb == "END" else "sent"
    assert outcomes(answers).split()[time - 1] == tried
    assert len(set(relay.recipients)) == len(relay.recipients)


def test_a_relay_that_says_421_to_every_mail_is_not_fed_the_whole_batch() -> None:
    relay = Relay(at("END", "421 4.3.2 too busy"))
    assert set(outcomes(deliver(relay, envelopes(100), connections=4)).split()) == {"deferred"}
    assert relay.times["END"] <= 4


def test_a_relay_that_refuses_all_of_them_one_by_one() -> None:
    relay = Relay(at("RCPT", "550 5.7.1 no"))
    assert set(outcomes(deliver(relay, envelopes(100), connections=4)).split()) == {"refused"}
    assert relay.connections == 4


def test_a_relay_that_is_full_is_not_pressed() -> None:
    relay = Relay(at("MAIL", "452 4.3.1 no room"))
    answers = deliver(relay, envelopes(200), connections=4)
    assert {answer.said for answer in answers.values()} == {"452 4.3.1 no room"}
    assert relay.times["MAIL"] < 20


def test_a_domain_that_greylists_holds_up_no_other() -> None:
    def script(verb: str, argument: str, time: int) -> Said:
        return "450 4.2.0 greylisted" if verb == "RCPT" and argument.endswith("grey.example") else None

    names = ["grey.example", "good.example"]
    letters = [Envelope(key, "b@x", f"m{key}@{names[key % 2]}", b"\r\n", b"") for key in range(100)]
    relay = Relay(script)
    answers = deliver(relay, letters, connections=4)
    assert {answers[key].outcome for key in range(1, 100, 2)} == {"sent"}
    assert {answers[key].said for key in range(0, 100, 2)} == {"450 4.2.0 greylisted"}
    assert sum("grey.example" in line for line in relay.asked) < 16


def test_a_relay_that_takes_one_mail_a_connection_and_then_stalls_does_not_keep_the_worker() -> None:
    """Two time-outs and no more, for however many mails."""

    def script(verb: str, argument: str, time: int) -> Said:
        return Stall() if verb == "END" and time % 2 == 0 else None

    relay = Relay(script)
    answers = deliver(relay, envelopes(40), patience_s=0.1)
    assert outcomes(answers).count("sent") == 2
    assert relay.connections == 2


class Deaf(asyncio.Protocol):
    """Speaks, and from DATA on reads nothing any more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._heard = transport, b""
        transport.write(b"220 hello\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self._heard.startswith(b"EHLO") and b"DATA" not in self._heard and b"MAIL" not in self._heard:
            self._transport.write(b"250-hello\r\n250 PIPELINING\r\n")
        if b"DATA\r\n" in self._heard:
            self._transport.write(ONE)
            self._transport.pause_reading()


def test_a_peer_that_takes_no_more_is_not_written_to_for_ever() -> None:
    async def go() -> list[Answer]:
        noted: list[Answer] = []
        server = await asyncio.get_running_loop().create_server(Deaf, "127.0.0.1", 0)
        postman = SmtpPostman(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", "here", 1, 0.2)
        letter = Envelope(1, "b@x", "m@example.net", b"Subject: x\r\n\r\n", b"x" * 75 * 400_000)
        async with asyncio.timeout(5):
            await postman.deliver([letter], lambda _, answer: noted.append(answer))
        server.close()
        return noted

    assert asyncio.run(go()) == [Answer("deferred", "no answer in time")]


SAYS: list[Callable[[int], Said]] = [lambda _: "450 4.2.2 full", lambda time: None if time % 2 else "550 5.1.1 nobody"]


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("extensions", [EXTENSIONS, ()])
def test_refused_one_by_one_over_one_connection(says: Callable[[int], Said], extensions: Sequence[str]) -> None:
    relay = Relay(lambda verb, _, time: says(time) if verb == "RCPT" else None, extensions)
    answers = deliver(relay, envelopes(30))
    expected = [says(time) for time in range(1, 31)]
    assert [answers[key].outcome == "sent" for key in range(1, 31)] == [said is None for said in expected]
    assert (relay.connections, relay.times["NESTED"]) == (1, 0)
