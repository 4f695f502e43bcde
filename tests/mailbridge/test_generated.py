"""Generated mails, whole and damaged: each is read, nothing of its text is lost, and what comes of it fits a database."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forum.text import from_mail
from mailbridge.addresses import Target
from mailbridge.decide import Facts, decide
from mailbridge.head import split
from mailbridge.letter import Letter, Person
from mailbridge.quotes import own_text
from mailbridge.read import read
from tests.bench.generated import mail, ordinary
from tests.bench.phrases import HOSTILE
from tests.bench.reading import allowed_s, read_some, text_of, timed
from tests.timing import cpu_s

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
MARKUP = re.compile(r'</?(?:p|blockquote)>|<br>|<a rel="nofollow noopener" href="[^"<>]*">|</a>')
SHOWN = {"subject", "topic", "thread_topic", "language", "name", "text"}
MEMBER = Facts(network="V", owner="o@x", member_id=7, proof="dmarc", own_domain="lists.example.org")
FACTS = (MEMBER, Facts(network="V"), Facts(network="V", member_id=7, is_holder=True, choices=(1, 2)))
TARGETS = (
    Target("network", "v"),
    Target("reply", "v", (7, 1)),
    Target("answer", "v", (5,)),
    Target("bounce", "", (9,)),
)

numbers = st.integers(0, 2**32)
damages = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 60), st.sampled_from([b"", *HOSTILE]) | st.binary(max_size=8)), max_size=4
)


def damaged(raw: bytes, damages: list[tuple[float, int, bytes]]) -> bytes:
    """Each puts some bytes in the place of others."""
    for where, length, instead in damages:
        at = int(where * len(raw))
        raw = raw[:at] + instead + raw[at + length :]
    return raw


def check(raw: bytes) -> None:
    letter = read(raw)
    whole = text_of(raw)
    assert "".join(part.text for part in letter.parts) == whole
    assert bool(own_text(letter.parts).strip()) == bool(whole.strip())
    check_fits(letter)
    for target in TARGETS:
        for facts in FACTS:
            decide(letter, target, facts)
    assert "<" not in MARKUP.sub("", from_mail(own_text(letter.parts)))
    split(raw).is_by(letter.author.address)


def check_fits(letter: Letter) -> None:
    """No lone surrogate and no NUL anywhere, no control character in what is shown, one line where one line is meant."""
    for name, text in texts(letter):
        text.encode()
        assert "\0" not in text, name
        assert name not in SHOWN or not CONTROL.search(text), name
        assert name == "text" or "\n" not in text, name
    for file in letter.files:
        assert not re.search(r"[/\\]", file.name)


def texts(thing: object, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(thing, str):
        yield name, thing
    elif isinstance(thing, tuple):
        for each in thing:
            yield from texts(each, name)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from texts(getattr(thing, field.name), field.name)


@settings(deadline=None, max_examples=400)
@given(numbers, damages)
def test_a_generated_mail_becomes_a_letter_and_nothing_is_lost(
    number: int, damages: list[tuple[float, int, bytes]]
) -> None:
    check(damaged(mail(number), damages))


@settings(deadline=None, max_examples=100)
@given(numbers)
def test_an_ordinary_answer_is_read_as_one(number: int) -> None:
    raw = ordinary(number)
    check(raw)
    letter = read(raw)
    assert letter.author == Person("Anna Virtanen", "anna@example.org")
    assert [part.kind for part in letter.parts][:2] == ["own", "signature"]
    assert letter.parts[-1].kind == "quote"
    assert (letter.auto, letter.is_bounce, letter.files) == ("", False, ())


@settings(deadline=None, max_examples=60)
@given(numbers)
def test_a_generated_mail_is_read_in_the_time_its_length_allows(number: int) -> None:
    raw = mail(number)
    took, _ = timed(raw)
    assert took <= allowed_s(raw) or cpu_s(lambda: read(raw)) <= 4 * allowed_s(raw)


def test_the_same_number_makes_the_same_mail() -> None:
    assert [mail(number) for number in range(50)] == [mail(number) for number in range(50)]
    assert len({mail(number) for number in range(50)}) > 45


def test_what_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(raw: bytes) -> tuple[float, Letter]:
        if raw == mail(1):
            raise ValueError
        return (9.0 if raw == mail(2) else 0.001), (Letter() if raw == mail(3) else read(raw))

    monkeypatch.setattr("tests.bench.reading.timed", faulty)
    found = read_some(range(6))
    assert (found.count, found.raised, found.slow, found.torn) == (6, [1], [2], [3])
