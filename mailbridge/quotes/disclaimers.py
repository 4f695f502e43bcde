"""The legal paragraph that an organisation's mail server puts below every mail."""

import re

from mailbridge.quotes.lines import Line, fold

_MANY = 3
_PARAGRAPHS = 6
_LETTERS = 3_000
# It speaks of itself, to whom it is meant, what is secret, and what a wrong recipient is to do.
_BEGINS = re.compile(
    r"[*_\s]*(?:tä(?:mä|män|ssä) (?:sähköposti|viesti|viestin|posti)|sähköposti(?:viesti)?|luottamuksel|huom|vastuuvapaus|"
    r"det(?:ta|ta är) (?:e-?post|mejl|meddelande|mail)|den(?:na|na här) e-?post|det här (?:e-?post|mejl|meddelande)|"
    r"informationen|konfidentiell|sekretess|obs|observera|"
    r"this (?:e-?mail|message|communication|transmission|mail)|the (?:information|contents?)|confidential|disclaimer|"
    r"notice|diese (?:e-?mail|nachricht))"
)
_SAYS = (
    "confidential", "intended", "recipient", "addressee", "privileged", "disclos", "delet", "notify", "in error",
    "luottamuksel", "tarkoitettu", "vastaanottaj", "erehdy", "vahingossa", "poist", "salassa", "ilmoit", "liittee",
    "konfidentiell", "avse", "mottagar", "misstag", "radera", "sekretess", "meddela av", "bilag",
    "vertraulich", "bestimmt", "empfänger", "irrtümlich",
)  # fmt: skip


def disclaimer_start(lines: list[Line], start: int, end: int) -> int:
    """The line where the disclaimers begin that lines start..end finish with, in several languages maybe; else `end`."""
    found = end
    for _ in range(_PARAGRAPHS):
        last = _last_full(lines, start, found)
        first = last
        while first > start and lines[first - 1].bare:
            first -= 1
        begin = _begin(lines, first, last + 1) if last >= start else None
        if begin is None or begin == start:
            return found
        found = begin
    return found


def _last_full(lines: list[Line], start: int, end: int) -> int:
    """Over blank lines and the rules between two languages."""
    at = end - 1
    while at >= start and not lines[at].bare.strip("-_*=. "):
        at -= 1
    return at


def _begin(lines: list[Line], first: int, end: int) -> int | None:
    said = fold(" ".join(line.bare for line in lines[first:end])[:_LETTERS])
    if sum(words in said for words in _SAYS) < _MANY:
        return None
    return next((number for number in range(first, end) if _BEGINS.match(fold(lines[number].bare[:60]))), None)
