"""Which lines of a quote stand in a text that we sent, and where: compared by words, walked in step. Pure, linear."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import unquote

from mailbridge.quotes.footers import FOOTER, markers_in

Words = list[str]
Span = tuple[int, int]

# Three words in a row tell a place; with fewer, the neighbours must.
SURE = 3
# Of a sequence that stands in the text again and again, so many places are looked at: from where we are, and from the top.
_PLACES = 8

_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0f\ufeff]")
_WORD = re.compile(r"[^\W_]+|[☀-⛿✅✓-✘❌❤\U0001f300-\U0001faff]")
_LINK = re.compile(r"\[cid:[^\]\s]{0,500}\]|[<(\[]?(?:mailto:|https?://)[^\s<>()\[\]\"]{1,4000}[>)\]]?", re.I)
# Gateways that put their own address before or in place of a link.
_REWRITTEN = re.compile(
    r"safelinks\.protection|urldefense|mimecast|linkprotect|cudasvc|secure-web\.cisco|trendmicro|protection\.sophos",
    re.I,
)
_MARKER = re.compile(r"\d{1,3}|o")
_MARGIN = " \t\xa0>"


def words_in(text: str, links: frozenset[str] = frozenset()) -> Words:
    """Without case, punctuation, marks, the targets of links, and links whose words are all among `links`."""
    if ":" in text:
        begin = len(text) - len(text.lstrip(_MARGIN))
        text = _LINK.sub(lambda found: _said(found, begin, links), text)
    flat = text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return _WORD.findall(flat.casefold())


def _said(found: re.Match[str], begin: int, links: frozenset[str]) -> str:
    """`begin`: of the first word; what is bracketed behind one is the target of a link."""
    link = found[0]
    is_target = link[0] in "<([" and link[-1] in ">)]" and found.start() > begin
    if is_target or link[:5].lower() == "[cid:" or _is_ours(link, links):
        return " "
    return link


def _is_ours(link: str, links: frozenset[str]) -> bool:
    if _REWRITTEN.search(link):
        _, asks, target = link.partition("url=")
        return not asks or links.issuperset(_link_words(unquote(target.partition("&")[0])))
    return links.issuperset(_link_words(link))


def _link_words(link: str) -> Words:
    return _WORD.findall(link.casefold())


@dataclass(slots=True)
class Text:
    """A mail that we sent, as words. `at`: where each three words stand; `footer`: the first word of the footer."""

    words: Words
    footer: int
    at: dict[tuple[str, ...], list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, links: frozenset[str]) -> "Text":
        cut = _footer_in(text)
        body = words_in(text[:cut], links)
        made = cls(body + words_in(text[cut:], links), len(body))
        for start, three in enumerate(_threes(made.words)):
            made.at.setdefault(three, []).append(start)
        return made

    def places(self, words: Words, near: int) -> list[Span]:
        """Where these words stand as they are, at most a few."""
        starts = self.at.get(tuple(words[:SURE]), [])
        first = bisect_left(starts, near)
        looked_at = dict.fromkeys([*starts[first : first + _PLACES], *starts[:_PLACES]])
        return [(s, s + len(words)) for s in looked_at if self.words[s : s + len(words)] == words]


def _footer_in(text: str) -> int:
    """Our text form has a rule there; the HTML form begins its footer with the post's address."""
    rule = text.find(FOOTER)
    if rule >= 0:
        return rule
    address = next((mark for mark in reversed(markers_in(text)) if not mark.startswith("<")), None)
    found = text.rfind(address) if address else -1
    return text.rfind("\n", 0, found) + 1 if found >= 0 else len(text)


def _threes(words: Words) -> Iterator[tuple[str, ...]]:
    return zip(words, words[1:], words[2:], strict=False)


def links_in(texts: Iterable[str]) -> frozenset[str]:
    """The words of all links, so that a link is known also when it is cut or wrapped."""
    return frozenset(word for text in texts for link in _LINK.findall(text) for word in _link_words(link))


def most_alike(texts: Sequence[Text], lines: Iterable[Words]) -> Text | None:
    """The one with most in common with a quote; the first of equals."""
    threes = {three for words in lines for three in _threes(words)}
    return max(texts, key=lambda text: len(threes & text.at.keys()), default=None)


def in_step(text: Text, lines: Sequence[Words]) -> dict[int, Span]:
    """Line number -> the words of the text that it is. Lines stand in the order of the text.

    First, of the lines of three words and more, those that can be had in order, with the most words in all (as patience
    diff does it, by weight); then, between two of them, shorter ones that join the one above or below without a gap.
    """
    found: list[tuple[int, list[Span]]] = []
    near = 0
    for number, words in enumerate(lines):
        if places := _long_places(text, words, near):
            found.append((number, places))
            near = next((end for start, end in places if start >= near), near)
    known = _chain(found)
    anchors = [(-1, (0, 0)), *known.items(), (len(lines), (len(text.words), len(text.words)))]
    for (above, (_, begin)), (below, (end, _)) in pairwise(anchors):
        known |= _between(text, lines, (above + 1, below), (begin, end))
    return known


def _long_places(text: Text, words: Words, near: int) -> list[Span]:
    if len(words) < SURE:
        return []
    places = text.places(words, near)
    if not places and len(words) > SURE and _is_marker(words[0]):
        return text.places(words[1:], near)
    return places


def _chain(found: Sequence[tuple[int, list[Span]]]) -> dict[int, Span]:
    """The spans that follow one another, at most one of each line, with the most words in all."""
    # The best chains so far, as steps: who ends later has more words.
    ends, weights, tips = [0], [0], [-1]
    links: list[tuple[int, Span, int]] = []  # line, span, the link before
    for number, spans in found:
        below = [(span, bisect_right(ends, span[0]) - 1) for span in spans]
        longer = [(span, weights[step] + span[1] - span[0], tips[step]) for span, step in below]
        for span, weight, tip in longer:
            step = bisect_right(ends, span[1])
            if weights[step - 1] >= weight:
                continue
            last = bisect_right(weights, weight)
            first = step - (ends[step - 1] == span[1])
            links.append((number, span, tip))
            ends[first:last], weights[first:last], tips[first:last] = [span[1]], [weight], [len(links) - 1]
    chain = []
    at = tips[-1]
    while at >= 0:
        number, span, at = links[at]
        chain.append((number, span))
    return dict(reversed(chain))


def _between(text: Text, lines: Sequence[Words], numbers: Span, place: Span) -> dict[int, Span]:
    """Short lines that fill a place from its beginning or its end; in its midst, a word may well be an answer."""
    (first, last), (begin, end) = numbers, place
    known = {}
    while first < last and begin < end:
        if span := _short_place(text, lines[first], begin, end):
            known[first], begin = span, span[1]
        first += 1
    for number in range(last - 1, numbers[0] - 1, -1):
        if number in known:
            break
        if begin < end and (span := _short_place_above(text, lines[number], begin, end)):
            known[number], end = span, span[0]
    return known


def _short_place(text: Text, words: Words, begin: int, end: int) -> Span | None:
    after_marker = begin + 1 if _is_marker(text.words[begin]) else begin
    for tried in _short(words):
        for start in (begin, after_marker):
            if start + len(tried) <= end and text.words[start : start + len(tried)] == tried:
                return start, start + len(tried)
    return None


def _short_place_above(text: Text, words: Words, begin: int, end: int) -> Span | None:
    for tried in _short(words):
        if end - len(tried) >= begin and text.words[end - len(tried) : end] == tried:
            return end - len(tried), end
    return None


def _short(words: Words) -> list[Words]:
    if not 0 < len(words) <= SURE:
        return []
    return [words, words[1:]] if len(words) > 1 and _is_marker(words[0]) else [words]


def _is_marker(word: str) -> bool:
    """Numbers and bullets of a list ("o" is Outlook's) are the program's."""
    return bool(_MARKER.fullmatch(word))
