"""A text as lines, each with its depth of quoting and what stands there without it."""

import re
from dataclasses import dataclass

LINES = 20_000
LINE = 1_000

_MARKS = re.compile(r"[ \t\xa0]{0,3}((?:>[ \t\xa0]?)+)")
# Byte order marks and directions that programs leave where their quote begins.
_INVISIBLE = re.compile(r"[\ufeff\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069]")


# What a writer puts in place of what was cut out of a quote.
_ELIDED = re.compile(r"[\[(<{*-]*(?:\.{2,5}|…|snip|snipped|cut|klip|leikattu|klippt|deletia)[\])>}*.-]*", re.I)


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


def next_quoted(lines: list[Line], at: int, depth: int) -> int | None:
    """The next line if it is quoted deeper than `depth`; "[...]" and the like may stand before it."""
    for _ in range(3):
        found = next_full(lines, at, within=8)
        if found is None or lines[found].depth > depth:
            return found
        if not _ELIDED.fullmatch(lines[found].bare):
            return None
        at = found + 1
    return None
