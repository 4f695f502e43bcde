"""The SMTP client against a real server that misbehaves: nothing lost, nothing twice unless 250 was never heard."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.settings import SettingsWrong
from mailbridge.envelope import Answer, Envelope
from mailbridge.postman import CatchingPostman, SmtpPostman
from tests.mailbridge.relay import EXTENSIONS, Cut, Relay, Said, Script, Stall, certificate

SLOW = ("8BITMIME", "SIZE 1000000")  # a server without PIPELINING


def envelopes(count: int = 3, body: bytes = b"Hei\r\n") -> list[Envelope]:
    return [
        Envelope(key, f"b+{key}@lists.example.org", f"m{key}@example.net", b"Subject: hei\r\n\r\n", body)
        for key in range(1, count + 1)
    ]


def deliver(
    relay: Relay, letters: Sequence[Envelope], *, connections: int = 1, url: str = "", patience_s: float = 5.0
) -> dict[int, Answer]:
    """One round; one answer for each envelope, no more and no less."""
    notes: list[tuple[int, Answer]] = []

    async def go() -> None:
        async with relay.serving():
            where = (url or f"{'lmtp' if relay.lmtp else 'smtp'}://127.0.0.1:%d") % relay.port
            postman = SmtpPostman(where, "lists.example.org", connections, patience_s)
            await postman.deliver(letters, lambda envelope, answer: notes.append((envelope.key, answer)))
            await postman.close()

    asyncio.run(go())
    assert sorted(key for key, _ in notes) == sorted(letter.key for letter in letters)
    answers = dict(notes)
    sent = sorted(letter.recipient for letter in letters if answers[letter.key].outcome == "sent")
    assert sorted(relay.recipients) == sent, "what 250 was said for is what is noted as sent"
    return answers


def outcomes(answers: dict[int, Answer]) -> str:
    return " ".join(answers[key].outcome for key in sorted(answers))


def at(verb: str, said: Said, *, argument: str = "", time: int = 0) -> Script:
    """A script with one oddity."""

    def script(asked: str, given_argument: str, given_time: int) -> Said:
        fits = asked == verb and (not argument or argument in given_argument) and time in (0, given_time)
        return said if fits else None

    return script


@pytest.mark.parametrize("extensions", [EXTENSIONS, SLOW, ()])
def test_everything_arrives_over_one_connection(extensions: Sequence[str]) -> None:
    relay = Relay(extensions=extensions)
    answers = deliver(relay, envelopes(30))
    assert {answer.said for answer in answers.values()} == {"250 2.0.0 queued"}
    assert (relay.connections, len(relay.accepted), relay.rushed) == (1, 30, 0)
    assert relay.accepted[0] == ("m1@example.net", b"Subject: hei\r\n\r\nHei\r\n")


def test_several_connections_share_the_work() -> None:
    relay = Relay()
    deliver(relay, envelopes(60), connections=4)
    assert relay.connections == 4


def test_the_envelope_is_personal() -> None:
    relay = Relay()
    deliver(relay, envelopes(2))
    assert "MAIL FROM:<b+2@lists.example.org> SIZE=21" in relay.asked


@pytest.mark.parametrize("extensions", [EXTENSIONS, SLOW])
@pytest.mark.parametrize("data", [None, "354 go on anyway", "554 5.5.1 no valid recipients"])
def test_one_refused_recipient_harms_no_other(extensions: Sequence[str], data: str | None) -> None:
    def script(verb: str, argument: str, time: int) -> Said:
        if verb == "RCPT" and argument == "m2@example.net":
            return "550 5.1.1 no such user"
        return data if verb == "DATA" and time == 2 and extensions == EXTENSIONS else None

    relay = Relay(script, extensions)
    answers = deliver(relay, envelopes(4))
    assert outcomes(answers) == "sent refused sent sent"
    assert answers[2].said == "550 5.1.1 no such user"
    assert relay.times["NESTED"] == 0


@pytest.mark.parametrize(
    ("verb", "said", "outcome"),
    [
        ("RCPT", "450 4.2.1 come back later", "deferred"),
        ("MAIL", "550 5.7.1 not from you", "refused"),
        ("MAIL", "451 4.3.0 trouble", "deferred"),
        ("DATA", "451 4.3.0 trouble", "deferred"),
        ("END", "452 4.3.1 disk full", "deferred"),
        ("END", "554 5.6.0 do not like it", "refused"),
        ("END", "550-5.7.1 we think\r\n550-5.7.1 this is\r\n550 5.7.1 spam", "refused"),
    ],
)
@pytest.mark.parametrize("extensions", [EXTENSIONS, SLOW])
def test_answers_are_judged_by_their_first_digit(verb: str, said: str, outcome: str, extensions: Sequence[str]) -> None:
    relay = Relay(at(verb, said, time=2), extensions)
    answers = deliver(relay, envelopes(3))
    assert outcomes(answers) == f"sent {outcome} sent"
    assert answers[2].said == " ".join(said.split())
    assert relay.connections == 1


def test_an_answer_of_many_lines_is_one_answer() -> None:
    relay = Relay(at("END", "250-2.0.0 thank\r\n250-2.0.0 you\r\n250 2.0.0 queued"))
    relay.script = at("MAIL", "250-one\r\n250 two")
    assert outcomes(deliver(relay, envelopes(3))) == "sent sent sent"


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("after", ["", "25", "250-half an answ", "250-half\r\n"])
@pytest.mark.parametrize("extensions", [EXTENSIONS, SLOW])
def test_a_connection_lost_at_any_point_loses_nothing(verb: str, after: str, extensions: Sequence[str]) -> None:
    """The first time only: a second round gets everything out, each once."""
    relay = Relay(at(verb, Cut(after), time=1), extensions)
    first = deliver(relay, envelopes(3), connections=2)
    left = [letter for letter in envelopes(3) if first[letter.key].outcome != "sent"]
    assert all(first[letter.key].outcome == "deferred" for letter in left)
    assert left
    again = Relay(extensions=extensions)
    deliver(again, left)
    assert sorted(relay.recipients + again.recipients) == ["m1@example.net", "m2@example.net", "m3@example.net"]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_what_was_announced_when_a_used_connection_broke_goes_over_the_next(verb: str) -> None:
    """A peer that takes so many mails a connection costs nobody a back-off."""
    relay = Relay(at(verb, Cut(), time=3))
    assert outcomes(deliver(relay, envelopes(6))) == "sent sent sent sent sent sent"
    assert relay.connections == 2


def test_a_peer_that_closes_politely_after_some_mails_gets_the_rest_anew() -> None:
    def script(verb: str, argument: str, time: int) -> Said:
        return "421 4.7.0 enough for one connection" if verb == "MAIL" and time % 3 == 0 else None

    assert outcomes(deliver(Relay(script), envelopes(5))) == "sent sent sent sent sent"


def test_the_mail_whose_250_was_lost_is_deferred_and_the_others_go_on() -> None:
    relay = Relay(at("END", Cut(), time=2))
    answers = deliver(relay, envelopes(4))
    assert outcomes(answers) == "sent deferred sent sent"
    assert answers[2].said == "the connection was lost"


def test_a_peer_that_is_closing_defers() -> None:
    relay = Relay(at("MAIL", "421 4.3.2 shutting down"))
    answers = deliver(relay, envelopes(3))
    assert outcomes(answers) == "deferred deferred deferred"
    assert "421 4.3.2 shutting down" in answers[3].said


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("garbage", ["", "hello there", "99 bottles", "600 what", "\x00\xff", "2500 nearly"])
def test_garbage_is_no_answer(verb: str, garbage: str) -> None:
    answers = deliver(Relay(at(verb, garbage)), envelopes(2))
    assert outcomes(answers) == "deferred deferred"


def test_250_to_data_sends_nothing() -> None:
    """Nothing of the content has gone out, so it may not count as sent."""
    assert outcomes(deliver(Relay(at("DATA", "250 sure")), envelopes(1))) == "deferred"


def test_endless_answers_end() -> None:
    relay = Relay(at("EHLO", "\r\n".join(["250-more"] * 200)))
    assert outcomes(deliver(relay, envelopes(1), patience_s=0.2)) == "deferred"


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "END"])
def test_a_peer_that_stalls_is_not_waited_for(verb: str) -> None:
    answers = deliver(Relay(at(verb, Stall())), envelopes(2), patience_s=0.1)
    assert outcomes(answers) == "deferred deferred"
    assert "no answer in time" in answers[1].said


def test_nobody_there_defers_and_says_why() -> None:
    relay = Relay()
    answers = deliver(relay, envelopes(2), url="smtp://127.0.0.1:1/%d")
    assert outcomes(answers) == "deferred deferred"
    assert "127.0.0.1" in answers[1].said


def test_a_kept_connection_that_went_stale_costs_no_back_off() -> None:
    async def go() -> list[str]:
        said: list[str] = []
        relay = Relay(at("MAIL", Cut(), time=2))
        async with relay.serving():
            postman = SmtpPostman(f"smtp://127.0.0.1:{relay.port}", "here", 1)
            for letter in envelopes(2):
                await postman.deliver([letter], lambda _, answer: said.append(answer.outcome))
            await postman.close()
        return said

    assert asyncio.run(go()) == ["sent", "sent"]


def test_connections_are_kept_between_batches() -> None:
    relay = Relay()

    async def go() -> None:
        async with relay.serving():
            postman = SmtpPostman(f"smtp://127.0.0.1:{relay.port}", "here", 4)
            for letter in envelopes(5):
                await postman.deliver([letter], lambda *_: None)
            await postman.close()

    asyncio.run(go())
    assert (relay.connections, len(relay.accepted), relay.asked[-1]) == (1, 5, "QUIT")


@pytest.mark.parametrize("body", [b".\r\n", b"..\r\n", b"a\r\n.\r\nb\r\n", b".a\r\n.b\r\n", b"no line end", b"\r\n"])
def test_dots_arrive_as_they_were(body: bytes) -> None:
    relay = Relay()
    deliver(relay, envelopes(2, body))
    expected = b"Subject: hei\r\n\r\n" + body + (b"" if body.endswith(b"\r\n") else b"\r\n")
    assert [content for _, content in relay.accepted] == [expected] * 2


def test_any_lines_arrive_as_they_were() -> None:
    """Many bodies over one server: a server for each would take the time for itself."""
    bodies: list[bytes] = []

    @given(st.lists(st.text("ab. \t", max_size=5).map(str.encode), max_size=6))
    def collect(lines: list[bytes]) -> None:
        bodies.append(b"".join(line + b"\r\n" for line in lines))

    collect()
    relay = Relay()
    letters = [Envelope(key, "b@x", f"m{key}@example.net", b"", body) for key, body in enumerate(bodies)]
    deliver(relay, letters)
    assert [content for _, content in relay.accepted] == [body or b"\r\n" for body in bodies]


def test_eight_bits_are_declared_where_they_are() -> None:
    relay = Relay()
    deliver(relay, [*envelopes(1), *envelopes(2, "Åäö\r\n".encode())[1:]])
    assert [" BODY=8BITMIME" in line for line in relay.asked if line.startswith("MAIL")] == [False, True]


def test_a_mail_larger_than_the_server_takes_is_refused_unsent() -> None:
    relay = Relay(extensions=("PIPELINING", "SIZE 50"))
    small, large, last = envelopes(3)
    large = Envelope(large.key, large.sender, large.recipient, large.head, b"x" * 60)
    answers = deliver(relay, [small, large, last])
    assert outcomes(answers) == "sent refused sent"
    assert answers[2].said == "5.3.4 the mail has 76 octets, the mail server takes 50"


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE lots"])
def test_a_server_that_names_no_limit_has_none(size: str) -> None:
    assert outcomes(deliver(Relay(extensions=("PIPELINING", size)), envelopes(2))) == "sent sent"


def test_letters_beyond_ascii_need_smtputf8() -> None:
    letter = Envelope(1, "b@lists.example.org", "väinö@example.net", b"Subject: hei\r\n\r\n", b"Hei\r\n")
    answers = deliver(Relay(), [letter, *envelopes(3)[1:]])
    assert outcomes(answers) == "refused sent sent"
    assert "SMTPUTF8" in answers[1].said
    able = Relay(extensions=("PIPELINING", "SMTPUTF8"))
    assert outcomes(deliver(able, [letter])) == "sent"
    assert "MAIL FROM:<b@lists.example.org> SMTPUTF8" in able.asked


def test_lmtp() -> None:
    relay = Relay(at("END", "550 5.2.2 mailbox full", argument="m2@"), lmtp=True)
    assert outcomes(deliver(relay, envelopes(3))) == "sent refused sent"
    assert relay.asked[0] == "LHLO lists.example.org"


def test_starttls_is_used_when_offered_and_the_server_asked_again(tmp_path: Path) -> None:
    relay = Relay(extensions=("STARTTLS",), tls=certificate(tmp_path), secure_extensions=("PIPELINING", "SIZE 999"))
    assert outcomes(deliver(relay, envelopes(3))) == "sent sent sent"
    assert relay.asked[:5] == [
        "EHLO lists.example.org",
        "STARTTLS",
        "(encrypted)",
        "EHLO lists.example.org",
        "MAIL FROM:<b+1@lists.example.org> SIZE=21",
    ]


def test_a_password_goes_to_a_proven_server_only(tmp_path: Path) -> None:
    relay = Relay(extensions=("STARTTLS",), tls=certificate(tmp_path), secure_extensions=("AUTH PLAIN",))
    answers = deliver(relay, envelopes(1), url="smtp://anna:secret@127.0.0.1:%d")
    assert outcomes(answers) == "deferred"
    assert not any(line.startswith("AUTH") for line in relay.asked)


def test_auth_plain() -> None:
    relay = Relay(extensions=("AUTH LOGIN PLAIN", "PIPELINING"))
    assert outcomes(deliver(relay, envelopes(2), url="smtp://anna%%40x:s%%3Acret@127.0.0.1:%d")) == "sent sent"
    assert "AUTH PLAIN " + base64.b64encode(b"\0anna@x\0s:cret").decode() in relay.asked


@pytest.mark.parametrize(
    ("relay", "why"),
    [
        (Relay(extensions=("PIPELINING",)), "takes no user name"),
        (Relay(at("AUTH", "535 5.7.8 wrong password"), ("AUTH PLAIN",)), "535 5.7.8 wrong password"),
    ],
)
def test_a_password_that_does_not_open_says_why(relay: Relay, why: str) -> None:
    answers = deliver(relay, envelopes(2), url="smtp://anna:secret@127.0.0.1:%d")
    assert outcomes(answers) == "deferred deferred"
    assert why in answers[2].said


def test_a_password_is_not_told_to_far_away_servers_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailbridge.smtp.NEAR", frozenset())
    relay = Relay(extensions=("AUTH PLAIN",))
    assert outcomes(deliver(relay, envelopes(1), url="smtp://anna:secret@127.0.0.1:%d")) == "deferred"
    assert not any(line.startswith("AUTH") for line in relay.asked)


def test_implicit_tls_trusts_nobody_it_does_not_know(tmp_path: Path) -> None:
    notes: list[str] = []

    async def go() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=certificate(tmp_path))
        port = server.sockets[0].getsockname()[1]
        postman = SmtpPostman(f"smtps://127.0.0.1:{port}", "here", 1, 5.0)
        await postman.deliver(envelopes(1), lambda _, answer: notes.append(answer.said))
        server.close()

    with contextlib.suppress(ssl.SSLError):
        asyncio.run(go())
    assert "certificate" in notes[0].lower()


def test_a_relay_without_a_host_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsWrong, match="PARVI_RELAY"):
        SmtpPostman("smtp://", "here")


def caught(folder: Path, letters: Sequence[Envelope]) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    postman = CatchingPostman(str(folder))
    asyncio.run(postman.deliver(letters, lambda envelope, answer: answers.update({envelope.key: answer})))
    return answers


def test_caught_mail_lies_in_a_folder_for_each_address(tmp_path: Path) -> None:
    assert outcomes(caught(tmp_path, [*envelopes(2), *envelopes(2)])) == "sent sent"
    files = sorted(tmp_path.glob("m1@example.net/*.eml"))
    assert len(files) == 2
    assert files[0].read_bytes() == b"Return-Path: <b+1@lists.example.org>\r\nSubject: hei\r\n\r\nHei\r\n"


@pytest.mark.parametrize("address", ["x" * 300 + "@example.net", "nul\0@example.net"])
def test_an_address_that_cannot_be_a_folder_keeps_no_other_waiting(tmp_path: Path, address: str) -> None:
    odd = Envelope(0, "b@x", address, b"", b"")
    assert outcomes(caught(tmp_path, [odd, *envelopes(1)])) == "deferred sent"


def test_no_address_leaves_the_folder(tmp_path: Path) -> None:
    caught(tmp_path / "caught", [Envelope(1, "b@x", "../../outside@example.net", b"", b"")])
    assert [path.name for path in tmp_path.iterdir()] == ["caught"]
