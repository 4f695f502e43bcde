"""A text as lines, each with its depth of quoting and what stands there without it."""

import re
from dataclasses import dataclass

LINES = 50_000
LINE = 1_000

_MARKS = re.compile(r"[ \t\xa0]{0,3}((?:>[ \t\xa0]?)+)")
# Byte order marks and directions that programs leave where their quote begins.
_INVISIBLE = re.compile(r"[\ufeff\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069]")


@dataclass(slots=True)
class Line:
    """`text` with its line break; `depth` of ">"; `bare` without them, trimmed and cut to LINE letters."""

    text: str
    depth: int
    bare: str


def lines_of(text: str) -> list[Line]:
    return [_line(each) for each in text.split("\n", LINES)] if text else []


def _line(text: str) -> Line:
    marks = _MARKS.match(text)
    depth, rest = (marks[1].count(">"), text[marks.end() :]) if marks else (0, text)
    rest = rest[:LINE]
    bare = rest.strip() if rest.isascii() else _INVISIBLE.sub("", rest).strip()
    return Line(text, depth, bare)


def fold(text: str) -> str:
    """For comparing words: without case, the Turkish dotted capital included."""
    if text.isascii():
        return text.lower()
    return text.casefold().replace("i̇", "i").replace("\xa0", " ").replace("’", "'")


def next_full(lines: list[Line], at: int, within: int = 10_000) -> int | None:
    """The next line that is not blank, from `at` on."""
    for number in range(at, min(len(lines), at + within)):
        if lines[number].bare:
            return number
    return None
