"""A batch spread over domains: none is flooded, none that says "later" is pressed, and none is held up by another."""

from collections import Counter
from random import Random

import pytest

from mailbridge.envelope import Answer, Envelope
from mailbridge.spread import TIRED, Spread
from tests.timing import cpu_s

SENT, LATER, NO = Answer("sent", "250 ok"), Answer("deferred", "451 4.7.1 greylisted"), Answer("refused", "550 no")


def to(*domains: str) -> list[Envelope]:
    return [Envelope(key, "b@x", f"m{key}@{domain}", b"", b"") for key, domain in enumerate(domains)]


class Told(dict[int, str]):
    def note(self, envelope: Envelope, answer: Answer) -> None:
        assert envelope.key not in self, "one answer for each"
        self[envelope.key] = answer.said


def test_no_more_than_so_many_are_under_way_to_one_domain_while_there_are_others() -> None:
    told = Told()
    letters = to(*["big"] * 50, *["small"] * 10, *["tiny"] * 2)
    spread, left = Spread(letters, told.note, 2), Counter(letter.domain for letter in letters)
    under_way: list[Envelope] = []
    chance = Random(1)
    while spread or under_way:
        if spread and len(under_way) < 8:
            taken = spread.take()
            assert taken
            left[taken.domain] -= 1
            under_way.append(taken)
            busy = Counter(envelope.domain for envelope in under_way)
            if any(left[domain] and busy[domain] < 2 for domain in left if domain != taken.domain):
                assert busy[taken.domain] <= 2
        else:
            spread.settle(under_way.pop(chance.randrange(len(under_way))), SENT)
    assert sorted(told) == list(range(62))


def test_within_a_domain_the_order_stays() -> None:
    told = Told()
    spread = Spread(to("a", "b", "A", "a", "b"), told.note, 2)
    taken = [envelope.key for envelope in iter(spread.take, None)]
    assert [key for key in taken if key in (0, 2, 3)] == [0, 2, 3]
    assert taken.index(1) < taken.index(4)


def test_what_is_given_back_comes_next_in_its_domain() -> None:
    spread = Spread(to("a", "a"), Told().note, 2)
    first, second = spread.take(), spread.take()
    assert first
    assert second
    assert not spread
    spread.give_back(second)
    spread.give_back(first)
    assert [envelope.key for envelope in iter(spread.take, None)] == [0, 1]


def test_who_says_later_again_and_again_is_left_alone_and_nobody_else() -> None:
    told = Told()
    spread = Spread(to(*["grey.example", "good.example"] * 20), told.note, 2)
    tried: Counter[str] = Counter()
    while envelope := spread.take():
        tried[envelope.domain] += 1
        spread.settle(envelope, LATER if envelope.domain == "grey.example" else SENT)
    assert tried == {"grey.example": TIRED, "good.example": 20}
    assert Counter(told.values()) == {LATER.said: 20, SENT.said: 20}


@pytest.mark.parametrize(
    ("said", "tried"),
    [
        ([LATER] * 4 + [SENT], 20),  # not in a row
        ([LATER] * 4 + [NO], 6),  # a refusal says nothing of the domain: the fifth "later" counts
        ([Answer("deferred", "452 4.2.2 mailbox full")], 20),
        ([Answer("deferred", "no answer in time")], 20),
        ([NO], 20),
    ],
)
def test_only_a_row_of_laters_counts(said: list[Answer], tried: int) -> None:
    told, answers = Told(), iter(said * 20)
    spread = Spread(to(*["grey.example"] * 20), told.note, 2)
    count = 0
    while envelope := spread.take():
        spread.settle(envelope, next(answers))
        count += 1
    assert (count, len(told)) == (tried, 20)


def test_it_costs_next_to_nothing() -> None:
    """Of 0.25 ms for a copy."""
    letters = to(*(f"d{number % 40}.example.net" for number in range(4000)))

    def all_of_them() -> None:
        spread = Spread(letters, lambda *_: None, 2)
        while envelope := spread.take():
            spread.settle(envelope, SENT)

    assert cpu_s(all_of_them) / len(letters) < 0.00002
