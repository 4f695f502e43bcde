"""Answers typed into our own mail where it is quoted: what stands there and is not in what we sent is the writer's.

Outlook marks nothing, and people answer below each question "in red", or without a word about it. But we know what we
sent. A quote is looked into only when it is surely ours, and only the first, directly below the writer's own words: in
one that stands below another's mail, that other may have typed. It is ours when most of its words are what we sent,
or most of what we sent is in it; the second, since answers can be longer than the questions.

A line is known by its words, since programs wrap anew, in the order of what was sent; a short one only where it joins
its neighbours, so that a "Kyllä" typed below a question is not taken for the word in the text. A line with anything
more in it, such as "Kuka tuo kahvit? Minä.", is the writer's as a whole. So is a copy out of its place. Of what is not
known, only what has a word in it counts, and only from the header block down to our footer or, where that was cut off,
to a signature; the footer itself has other words once we word it anew or a network is renamed. Warnings and pictures
that programs put in, lines "Sent from my ...", and lines of the writer's signature are left in the quote, and so is what
is quoted deeper. Whatever else is in doubt is shown: a line too many is a smaller harm than an answer nobody reads.

Quotes with marks (">") are looked into as well: those of Outlook's HTML are our own reading of it, and Apple's programs
put their marks before what is typed within.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from urllib.parse import unquote

from mailbridge.letter import Kind, Part
from mailbridge.quotes.additions import is_banner, is_picture
from mailbridge.quotes.attributions import attribution_at
from mailbridge.quotes.footers import FOOTER, intro_above, markers_in
from mailbridge.quotes.headers import any_block_end, block_at, field_of
from mailbridge.quotes.in_step import SURE, Span, Text, Words, in_step, links_in, most_alike, words_in
from mailbridge.quotes.lines import LINES, Line, lines_of
from mailbridge.quotes.signatures import is_device, signature_start

_OURS = 0.6
_LEAST_LINES, _LEAST_WORDS = 2, 8
_BEFORE_HEADING = 12
_QUESTION_LINES = 12
_GAP = 200  # words between two known lines in which a damaged one is looked for
_MERE_MARKER = re.compile(r"(?:\d{1,3}[.)]|o)")
_MARK = re.compile(r"[ \t\xa0]{0,3}>[ \t\xa0]?")


def answers_in(parts: tuple[Part, ...], sent: Sequence[str]) -> "Answers | None":
    """What was typed into the quote of ours in a trimmed mail; None where nothing was.

    `sent`: the mails of ours that may be quoted, the answered one first: of each, whole, both forms in each language it went
    out in; the HTML form as `read.html.to_text` reads it.
    """
    lines = lines_of("".join(part.text for part in parts))
    kinds = _kinds(parts, lines)
    if not sent or len(lines) > LINES or "forward" in kinds:
        return None
    links = links_in(sent)
    quote = _first_quote(lines, kinds, sent, links)
    if quote is None:
        return None
    numbers = [n for n in range(quote.body, quote.end) if quote.is_shown or kinds[n] == "quote"]
    depth = next((lines[n].depth for n in numbers if lines[n].bare), 0)
    words = [_line_words(lines[n], links) for n in numbers]
    text = most_alike([Text.of(each, links) for each in sent], words)
    spans = {numbers[at]: span for at, span in in_step(text, words).items()} if text else {}
    if text is None or depth > 1 or not _is_ours(text, words, spans):
        return None
    known = set(spans) | _damaged(dict(zip(numbers, words, strict=True)), spans, text)
    signature = {tuple(words_in(lines[n].text, links)) for n in range(quote.begin) if kinds[n] == "signature"}
    candidates = {
        n: said for n, said in zip(numbers, words, strict=True) if said and n not in known and lines[n].depth == depth
    }
    looked_at = _stretch(lines, quote, spans, text)
    added = _added(lines, quote.body, min(known))
    typed = {
        n
        for n, said in candidates.items()
        if n in looked_at and n not in added and tuple(said) not in signature and _is_written(lines[n].bare)
    }
    return _marked_own(lines, kinds, quote, typed, known, depth) if typed else None


@dataclass(slots=True)
class _Quote:
    """The first quote: from its header block or attribution at `begin`, its text from `body` to `end`.

    `is_shown`: trimming folded nothing of it, so that here it is folded around the answers.
    """

    begin: int
    body: int
    end: int
    is_shown: bool


@dataclass(slots=True)
class Answers:
    """`typed`: numbers of lines that the writer typed into the quote, blank ones between them included; `known`: ours."""

    lines: list[Line]
    kinds: list[Kind]
    typed: set[int]
    known: set[int]
    depth: int

    def parts(self) -> tuple[Part, ...]:
        """The mail's, the answers made `own` in their places; joined they stay the whole text."""
        last = len(self.lines)
        runs = [(kind, list(numbers)) for kind, numbers in groupby(range(last), key=self.kinds.__getitem__)]
        parts = (
            Part(kind, "\n".join(self.lines[n].text for n in run) + ("\n" if run[-1] + 1 < last else ""))
            for kind, run in runs
        )
        return tuple(part for part in parts if part.text)

    def shown(self) -> str:
        """The writer's own text, and each answer below the paragraph it answers ("> ")."""
        out: list[str] = []
        questions, before = self._questions(), -1
        for number, line in enumerate(self.lines):
            if self.kinds[number] != "own" and number not in questions:
                continue
            is_apart = before != number - 1 or (before in questions) != (number in questions)
            if out and out[-1].strip() and is_apart:
                out.append("")
            out.append(self._as_shown(number, line, number in questions))
            before = number
        return "\n".join(out)

    def _as_shown(self, number: int, line: Line, is_question: bool) -> str:
        if not is_question and number not in self.typed:
            return line.text
        bare = _MARK.sub("", line.text, count=1) if self.depth else line.text
        return f"> {bare}" if is_question else bare

    def _questions(self) -> set[int]:
        """The paragraph above each answer."""
        found: set[int] = set()
        for number in self.typed - {number + 1 for number in self.typed}:
            above = number - 1
            while above >= 0 and not self.lines[above].bare:
                above -= 1
            highest = above - _QUESTION_LINES
            while above > highest and above in self.known and self.lines[above].bare:
                found.add(above)
                above -= 1
        return found


def _kinds(parts: tuple[Part, ...], lines: list[Line]) -> list[Kind]:
    """Of each line, by the part it begins in."""
    full = [part for part in parts if part.text]
    ends = list(accumulate(len(part.text) for part in full))
    kinds, at = list[Kind](), 0
    for line in lines:
        kinds.append(full[min(bisect_right(ends, at), len(full) - 1)].kind)
        at += len(line.text) + 1
    return kinds


def _first_quote(lines: list[Line], kinds: list[Kind], sent: Sequence[str], links: frozenset[str]) -> _Quote | None:
    first = next((number for number, kind in enumerate(kinds) if kind == "quote"), len(lines))
    heading = next(
        ((n, end) for n in range(min(first + _BEFORE_HEADING, len(lines))) if (end := _heading(lines, n))), None
    )
    if heading is None and first == len(lines):
        return None
    begin, body = heading or _unknown_heading(lines, first)
    if heading and heading[0] > first and any(lines[n].bare for n in range(first, heading[0])):
        # A quote without a heading, or what a device put above it.
        begin = first
    is_shown = kinds[begin] != "quote"
    while is_shown and begin and lines[begin - 1].depth and not lines[begin - 1].bare:
        begin -= 1
    said = _lines_sent(sent, links)
    others = (
        n for n in range(body, len(lines)) if (end := _heading(lines, n)) and not _is_said(lines, n, end, said, links)
    )
    return _Quote(begin, body, next(others, len(lines)), is_shown)


def _heading(lines: list[Line], at: int) -> int | None:
    """The line below a header block or an attribution that begins here."""
    if not lines[at].bare:
        return None
    found = block_at(lines, at) or attribution_at(lines, at)
    return found.end if found else None


def _unknown_heading(lines: list[Line], first: int) -> Span:
    """In a language that we do not know; or there is none."""
    at = intro_above(lines, first, min(first + _BEFORE_HEADING, len(lines)))
    return (first, first) if at is None else (first, any_block_end(lines, at) or at + 1)


def _lines_sent(sent: Sequence[str], links: frozenset[str]) -> set[tuple[str, ...]]:
    return {tuple(words_in(line, links)) for text in sent for line in text.splitlines()}


def _is_said(lines: list[Line], start: int, end: int, said: set[tuple[str, ...]], links: frozenset[str]) -> bool:
    """Whether a header block was passed on in the post itself."""
    words = (words_in(lines[number].text, links) for number in range(start, end))
    return next((tuple(each) in said for each in words if each), True)


def _line_words(line: Line, links: frozenset[str]) -> Words:
    words = words_in(line.text, links)
    bare = line.bare
    is_rest_of_link = (len(words) > 1 or "/" in bare) and not {" ", "@"} & set(bare) and links.issuperset(words)
    return [] if is_rest_of_link else words


def _is_ours(text: Text, words: Sequence[Words], spans: dict[int, Span]) -> bool:
    """Most of the quote is what we sent, or most of what we sent is in the quote."""
    found = sum(end - start for start, end in spans.values())
    if len(spans) < _LEAST_LINES and found < _LEAST_WORDS:
        return False
    of_post = sum(end - start for start, end in spans.values() if end <= text.footer)
    return found >= _OURS * sum(map(len, words)) or 0 < _OURS * text.footer <= of_post


def _damaged(said: dict[int, Words], spans: dict[int, Span], text: Text) -> set[int]:
    """Lines of ours in which a program changed letters: "(c)" to "©", a soft hyphen to "-". Nobody wrote them but the author.

    Between two known lines, with most of its words in order as we sent them there, and for each other one of ours missing
    among them: what is put behind our words is an answer.
    """
    damaged, before = set[int](), 0
    ends = [number for number in said if number in spans]
    follows = dict(zip([-1, *ends], ends, strict=False))
    last = -1
    for number, words in said.items():
        if number in spans:
            last, before = number, spans[number][1]
        elif words and last in follows and _is_damaged(words, text.words[before : spans[follows[last]][0]][:_GAP]):
            damaged.add(number)
    return damaged


def _is_damaged(words: Words, sent: Words) -> bool:
    if len(words) > _GAP:
        return False
    if len(words) >= SURE and "".join(words) in "".join(sent):
        return True
    found, at = list[int](), 0
    for word in words:
        if word in sent[at:]:
            found.append(sent.index(word, at))
            at = found[-1] + 1
    missing = found[-1] - found[0] + 1 - len(found) if found else 0
    return len(found) >= _OURS * len(words) and len(words) - len(found) <= missing


def _stretch(lines: list[Line], quote: _Quote, spans: dict[int, Span], text: Text) -> range:
    """Where something may have been typed: below the heading, or else the first known line, down to our footer."""
    first = quote.body if quote.body > quote.begin else min(spans)
    last = max((number for number, (start, _) in spans.items() if start < text.footer), default=first - 1)
    footer = next((n for n in range(last + 1, quote.end) if n in spans or _ends(lines[n])), None)
    # Who cuts the footer off may type to the end, and sign.
    return range(first, signature_start(lines, last + 1, quote.end) if footer is None else footer)


def _ends(line: Line) -> bool:
    """Our footer, also in other words than we know."""
    if line.bare == FOOTER or is_device(line.bare):
        return True
    return any(not mark.startswith("<") for mark in markers_in(unquote(line.text)))


def _added(lines: list[Line], body: int, first_known: int) -> set[int]:
    """Above our text: the rest of a header block, and paragraphs that warn."""
    added, is_warning = set[int](), False
    for number in range(body, first_known):
        bare = lines[number].bare
        is_warning = bool(bare) and (is_warning or is_banner(bare))
        if is_warning or field_of(bare):
            added.add(number)
    return added


def _is_written(bare: str) -> bool:
    return not (is_device(bare) or is_picture(bare) or _MERE_MARKER.fullmatch(bare))


def _marked_own(
    lines: list[Line], kinds: list[Kind], quote: _Quote, typed: set[int], known: set[int], depth: int
) -> Answers:
    last = max(typed | known)
    for number in range(quote.begin, last + 1):
        if not lines[number].bare and number - 1 in typed and (quote.is_shown or kinds[number] == "quote"):
            typed.add(number)
        if number in typed:
            kinds[number] = "own"
        elif quote.is_shown:
            kinds[number] = "quote"
    return Answers(lines, kinds, typed, known, depth)
