"""Text flowed out, and joined again as a reader does (RFC 3676 4.2)."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailbridge.flowed import WIDTH, flow
from mailbridge.read.bodies import unflowed

words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=90)
lines = st.lists(words, max_size=40).map(" ".join)


def joined(flowed: str) -> str:
    return unflowed(flowed.replace("\r\n", "\n")).removesuffix("\n")


@given(st.lists(lines.filter(lambda line: not line.startswith(">")), max_size=6))
@example(["From here on", " indented", "-- " + "x" * 90, "a " + "> quoted?" * 20, "", "x" * 200])
def test_a_reader_gets_the_same_lines(some: list[str]) -> None:
    assert joined(flow("\n".join(some))).rstrip("\n") == "\n".join(some).rstrip("\n")


@given(lines)
def test_no_line_is_longer_than_its_longest_word_needs(line: str) -> None:
    longest = max((len(word) for word in line.split(" ")), default=0)
    assert all(len(out) <= max(WIDTH + 4, longest + 4) for out in flow(line).split("\r\n"))


@given(st.integers(1, 5), st.lists(words.filter(lambda w: ">" not in w), min_size=1, max_size=40).map(" ".join))
def test_a_quote_keeps_its_depth_on_every_line(depth: int, line: str) -> None:
    flowed = flow("> " * depth + line)
    assert all(re.match(rf">{{{depth}}} ", out) for out in flowed.split("\r\n")[:-1])
    assert joined(flowed) == ">" * depth + " " + line


@pytest.mark.parametrize("begins", ["From", ">"])
def test_what_a_break_brings_to_the_front_is_stuffed(begins: str) -> None:
    flowed = flow("w" * 72 + f" {begins} and more words behind it")
    assert flowed.split("\r\n")[1].startswith(f" {begins} ")


def test_an_indented_line_stays_indented() -> None:
    assert flow("  two spaces") == "   two spaces\r\n"


def test_a_break_never_makes_a_signature() -> None:
    assert "\r\n-- \r\n" not in "\r\n" + flow("-- " + "x" * 100)


def test_lines_end_with_crlf_and_hard_ones_without_a_space() -> None:
    assert flow("one \ntwo") == "one\r\ntwo\r\n"
