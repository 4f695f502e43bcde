"""Tokens: what they carry comes back, and nothing that we did not make is believed."""

import string

from hypothesis import given
from hypothesis import strategies as st

from forum.tokens import Tokens, hashed

TOKENS = Tokens(["first secret"])
numbers = st.lists(st.integers(0, 2**63 - 1), max_size=4).map(tuple)


@given(numbers)
def test_the_numbers_come_back(given_numbers: tuple[int, ...]) -> None:
    assert TOKENS.read("reply", TOKENS.make("reply", *given_numbers)) == given_numbers


@given(numbers)
def test_a_mail_program_may_change_the_case(given_numbers: tuple[int, ...]) -> None:
    token = TOKENS.make("reply", *given_numbers)
    assert token == token.lower()
    assert TOKENS.read("reply", token.upper()) == given_numbers


@given(numbers)
def test_a_token_is_good_for_its_own_purpose_only(given_numbers: tuple[int, ...]) -> None:
    token = TOKENS.make("reply", *given_numbers)
    assert [TOKENS.read(purpose, token) for purpose in ("held", "repl", "reply2", "")] == [None] * 4


@given(numbers, st.integers(0, 200), st.sampled_from(string.ascii_lowercase + "234567"))
def test_no_changed_letter_gives_other_numbers(given_numbers: tuple[int, ...], at: int, letter: str) -> None:
    token = TOKENS.make("reply", *given_numbers)
    at %= len(token)
    assert TOKENS.read("reply", token[:at] + letter + token[at + 1 :]) in (None, given_numbers)


@given(st.text(max_size=100))
def test_whatever_is_no_token_is_none(text: str) -> None:
    assert TOKENS.read("reply", text) is None


def test_a_shortened_token_is_none() -> None:
    token = TOKENS.make("reply", 7, 42)
    assert [TOKENS.read("reply", token[:length]) for length in range(len(token))] == [None] * len(token)


def test_old_tokens_outlive_a_change_of_the_secret() -> None:
    old = TOKENS.make("reply", 7, 42)
    changed = Tokens(["second secret", "first secret"])
    assert changed.read("reply", old) == (7, 42)
    assert TOKENS.read("reply", changed.make("reply", 7, 42)) is None
    assert Tokens(["second secret"]).read("reply", old) is None


def test_eighty_bits_prove_it() -> None:
    assert len(TOKENS.make("reply")) * 5 == 80


def test_what_is_kept_of_a_secret_does_not_tell_it() -> None:
    assert hashed("a") != hashed("b")
    assert "secret" not in hashed("secret")
