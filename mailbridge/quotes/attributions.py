"""The line above a quote: "On Monday Anna <anna@example.org> wrote:", in many languages, often wrapped."""

import re
from dataclasses import dataclass

from mailbridge.quotes.lines import Line, fold, next_quoted
from mailbridge.quotes.words import LEADS, QUOTING, WEEKDAYS, WROTE

_WRAPPED = 5
_LONGEST = 400
_ENDINGS = 2  # "We meet at:", then the attribution proper; more are no one's, and each is looked through
_STARTS = frozenset(fold(word) for word in LEADS | WEEKDAYS)
_ALL_VERBS = tuple(sorted((fold(verb) for verb in WROTE), key=len, reverse=True))
_LONGEST_VERB = len(_ALL_VERBS[0])
_VERBS = re.compile(r"(?<![^\W\d_])(?:" + "|".join(map(re.escape, _ALL_VERBS)) + r")(?![^\W\d_])")
_QUOTING = tuple(fold(words) + " " for words in QUOTING)
# Yahoo's phone program puts what was written on the same line.
_NAME_AND_VERB = re.compile(r"[>)\]]\s?[^\d<>@]{3,40}:$")
_DIGIT = re.compile(r"\d")
_DATE = re.compile(r"(?:19|20)\d\d|\d{1,2}[:.h]\d\d|\d{1,2}[./]\s?\d{1,2}[./]|\d{1,2}/\d{1,2}")
_TIME = re.compile(r"\d{1,2}[:.h]\d\d")
_ADDRESS_AT_END = re.compile(r"[<(\[][^<>()\[\]\s]{0,200}@[^<>()\[\]]{1,200}[>)\]]{1,2}\s?[:：]?$")
# Google Groups in any language: "понедельник, 4 марта 2024 г. в 09:12:13 UTC+3, Anna Ek:"
_DATE_AND_NAME = re.compile(r"\d{1,2}[:.]\d\d(?![\d.]\d)[^:@<>]{0,12}, ([^\W\d_][^:@<>\d]{2,60}):")
# An address in brackets, for lines in a language that we do not know.
_BRACKETED = re.compile(r"[<(\[][^<>()\[\]\s]{1,200}@[^<>()\[\]\s]{1,200}[>)\]]")
_ENDS = (":", "：", "--", "：-")
_FIRST_WORD = re.compile(r"[\"'„“«»(]*([^\W\d_]+[.'-]?[^\W\d_]*)")


@dataclass(slots=True)
class Attribution:
    """Lines start..end say who wrote what follows. `is_sure`: also when what follows is not marked as quoted."""

    start: int
    end: int
    sender: str
    is_sure: bool


def attribution_at(lines: list[Line], at: int) -> Attribution | None:
    """An attribution that begins at this line and is followed by a quote, or sure enough without."""
    if (found := _with_text(lines, at)) is not None:
        return found
    if not _may_begin(lines[at].bare) or not any(_may_end(line.bare) for line in lines[at : at + _WRAPPED]):
        return None
    found = _read(lines, at)
    if found is None:
        return None
    for later in range(at + 1, found.end):
        # "See you on 12.5.", then the attribution proper.
        may_begin = not found.is_sure or _first_word(lines[later].bare) in _STARTS
        if may_begin and (inner := _read(lines, later)) and inner.end == found.end:
            return None
    return found


def _with_text(lines: list[Line], at: int) -> Attribution | None:
    said, text, _ = lines[at].bare.partition(":  ")
    if not text or "@" not in said or len(said) > _LONGEST or not _NAME_AND_VERB.search(said + ":", len(said) - 45):
        return None
    is_sure = _certainty(fold(said).strip("-—_*~ "), said + ":") is True
    return Attribution(at, at + 1, said + ":", True) if is_sure else None


def _may_end(bare: str) -> bool:
    return bare.endswith(_ENDS) or fold(bare[-_LONGEST_VERB:]).endswith(_ALL_VERBS)


def _may_begin(bare: str) -> bool:
    return (
        "@" in bare or bool(_DIGIT.search(bare, 0, 120)) or (_may_end(bare) and bool(_VERBS.search(fold(bare[:200]))))
    )


def _read(lines: list[Line], at: int) -> Attribution | None:
    joined, depth, endings = "", lines[at].depth, 0
    for number in range(at, min(len(lines), at + _WRAPPED)):
        line = lines[number]
        is_end_of_address = line.depth == depth + 1 and joined.rfind("<") > joined.rfind(">")
        if not line.bare or not (line.depth == depth or is_end_of_address) or len(joined) > _LONGEST:
            return None
        joined = f"{joined} {'>' * is_end_of_address}{line.bare}".strip()
        if not _may_end(line.bare):
            continue
        endings += 1
        if endings > _ENDINGS:
            return None
        text = fold(joined).strip("-—_*~ ")
        if (joined.endswith(_ENDS) or ("@" in text and text.endswith(_ALL_VERBS))) and (
            sure := _certainty(text, joined)
        ) is not None:
            is_quoted = next_quoted(lines, number + 1, depth) is not None
            if (sure or is_quoted) and len(joined) <= _LONGEST:
                return Attribution(at, number + 1, joined, sure)
            return None
    return None


def _certainty(text: str, joined: str) -> bool | None:
    """True: nobody writes that by hand. False: only with a quote below. None: no attribution."""
    has_date, has_address = bool(_DATE.search(text)), "@" in text
    if not has_date and not has_address and not text.rstrip(":： ").endswith(_ALL_VERBS):
        return None
    verb, has_time = _VERBS.search(text), bool(_TIME.search(text))
    begins = text[:1].isdigit() or _first_word(joined) in _STARTS
    if verb:
        if begins and (has_address or has_date):
            return has_address or has_time
        if has_address or has_date:
            return (has_date and has_address) or (has_time and _is_name(joined, verb.start()))
        return False if verb.end() >= len(text.rstrip(":： ")) and verb.start() < 80 else None
    if has_address and text.startswith(_QUOTING):
        return False
    if _ADDRESS_AT_END.search(text) and has_date:
        return begins and "<" in text
    if has_date and has_time and has_address and _BRACKETED.search(text):
        return False
    named = _DATE_AND_NAME.search(joined) if begins and has_date else None
    return False if named and _is_name(named[1], len(named[1])) else None


def _is_name(joined: str, length: int) -> bool:
    """Whether only a name stands before the verb."""
    words = joined[:length].split()
    return 0 < len(words) <= 4 and all(word[:1].isupper() for word in words)


def _first_word(bare: str) -> str:
    found = _FIRST_WORD.match(bare)
    return fold(found[1]).strip(".'-") if found else ""
