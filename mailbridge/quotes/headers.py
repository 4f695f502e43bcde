"""The header block above another's mail ("From: Sent: To: Subject:"), and the line that announces it."""

import re
from dataclasses import dataclass, field

from mailbridge.quotes.lines import Line, fold, next_full
from mailbridge.quotes.words import FORWARDED, LABELS, ORIGINAL

_FIELDS = {fold(label): name for label, name in LABELS.items()}
_FORWARDED = tuple(fold(stem) for stem in FORWARDED)
_ORIGINAL = frozenset(fold(words) for words in ORIGINAL)
_DASHES = "-_=*#–—─━ "
_COLON = re.compile("[:：]")
_ANY_FIELD = re.compile(r"[*_]{0,2}[^\s:：<>@][^:：<>@]{0,30}[:：]\s?\S")
_ADDRESS = re.compile(r"[^\s<>()\[\]:]{1,64}@[^\s<>()\[\]]{1,255}")
_OUTLOOKS_RULE = 30
_RULE = 10
_TIME = re.compile(r"\d{1,2}[:.h]\d\d")
_LONGEST_LABEL = 30
_LONGEST_BLOCK = 30


@dataclass(slots=True)
class Block:
    """Lines start..end announce a mail whose text begins at `end`; `sender` as it is written there."""

    start: int
    end: int
    sender: str = ""
    is_forward: bool = False
    is_unmarked: bool = False  # what follows is not marked, though this line is


@dataclass(slots=True)
class _Fields:
    end: int
    values: dict[str, str] = field(default_factory=dict)


def block_at(lines: list[Line], at: int) -> Block | None:
    """A header block, or a line that announces one ("---- Forwarded message ----"), beginning at this line."""
    bare = lines[at].bare
    if lines[at].depth == 3 and _is_groupwises(lines[at]):
        return Block(at, at + 1, bare.rstrip("> "), is_unmarked=True)
    if bare[:1] in _DASHES and not field_of(bare) and (announced := _announcement(lines, at)):
        return announced
    if bare.endswith((":", "：")) or (len(bare) < 40 and fold(bare) in _ORIGINAL):
        return _spoken_announcement(lines, at) or _plain_block(lines, at)
    return _plain_block(lines, at)


def _is_groupwises(line: Line) -> bool:
    """>>> Anna Virtanen <anna@example.org> 18.11.2026 9.05 >>>"""
    return line.text.startswith(">>> ") and line.bare.endswith(" >>>") and any(map(str.isdigit, line.bare))


def _plain_block(lines: list[Line], at: int) -> Block | None:
    if not field_of(lines[at].bare):
        return None
    found = _fields(lines, at)
    return Block(at, found.end, found.values["from"]) if _is_header(found.values, 3) else None


def _announcement(lines: list[Line], at: int) -> Block | None:
    """-----Original Message-----, ----- Forwarded message ----- and the like, or a mere rule above a header block."""
    words, rest = _between_dashes(lines[at].bare)
    if words is None:
        return None
    below = _fields_below(lines, at)
    is_forward = any(stem in words for stem in _FORWARDED)
    needed = 2 if words else 3
    if below and _is_header(below.values, needed):
        return Block(at, below.end, below.values["from"], is_forward)
    is_outlooks = not lines[at].bare.strip("_") and len(lines[at].bare) >= _OUTLOOKS_RULE
    if is_outlooks and (end := any_block_end(lines, at + 1)):
        return Block(at, end, _first_address(lines, at + 1, end))
    if is_forward and _is_inline_from(rest):
        return Block(at, at + 1, rest.partition(":")[2], is_forward)
    if words and (block := _without_colons(lines, at, is_forward)):
        return block
    if words and (words in _ORIGINAL or is_forward):
        named = _ADDRESS.search(lines[at].bare)
        return Block(at, at + 1, named[0] if named else "", is_forward)
    first = next_full(lines, at + 1, within=4) if words else None
    if first is not None and (end := any_block_end(lines, first)):
        return Block(at, end, _first_address(lines, first, end), is_forward)
    return None


def _without_colons(lines: list[Line], at: int, is_forward: bool) -> Block | None:
    """eM Client 10 writes 'From "Anna Ek" <anna@example.org>', 'Date 4.3.2026'."""
    first = next_full(lines, at + 1, within=4)
    values, end = dict[str, str](), first or at
    while first is not None and end < min(len(lines), first + 8):
        label, _, value = lines[end].bare.partition(" ")
        name = _FIELDS.get(fold(label))
        if not name or not value or name in values:
            break
        values[name], end = value, end + 1
    return Block(at, end, values["from"], is_forward) if _is_header(values, 3) and "@" in values["from"] else None


def _first_address(lines: list[Line], start: int, end: int) -> str:
    """In a language that we do not know: programs name the sender before the recipients."""
    return next((_value(line.bare) for line in lines[start:end] if "@" in line.bare), "")


def _spoken_announcement(lines: list[Line], at: int) -> Block | None:
    """Apple's "Begin forwarded message:", and "Alkuperäinen viesti:" without dashes."""
    words = fold(lines[at].bare).rstrip(":： ")
    is_forward = any(stem in words for stem in _FORWARDED)
    if len(words) > 70 or not (is_forward or words in _ORIGINAL):
        return None
    below = _fields_below(lines, at)
    if below and _is_header(below.values, 2):
        return Block(at, below.end, below.values["from"], is_forward)
    return None


def is_rule(bare: str) -> bool:
    """A line drawn by a program, longer than what people type."""
    return len(bare) >= _RULE and not bare.strip("-_=")


def _between_dashes(bare: str) -> tuple[str | None, str]:
    """The folded words between two runs of dashes and what follows; ("", "") for a mere rule; else None."""
    inner = bare.lstrip(_DASHES)
    if not inner:
        return ("", "") if len(bare) >= 3 else (None, "")
    if len(bare) - len(inner) < 2:
        return None, ""
    for dash in ("--", "__", "==", "**", "—", "––", "─"):
        words, found, rest = inner.partition(dash)
        if found and len(words) < 100:
            return fold(words.strip()), rest.strip(_DASHES)
    return None, ""


def _is_inline_from(rest: str) -> bool:
    """Yahoo's text has the whole header block on the line of the announcement."""
    return field_of(rest) == "from" and "@" in rest


def _fields_below(lines: list[Line], at: int) -> _Fields | None:
    first = next_full(lines, at + 1, within=4)
    if first is None or not (field_of(lines[first].bare) or _is_foreign_field(lines, first)):
        return None
    return _fields(lines, first)


def _fields(lines: list[Line], at: int) -> _Fields:
    found = _Fields(at)
    name, wrapped = "", 0
    for number in range(at, min(len(lines), at + _LONGEST_BLOCK)):
        bare = lines[number].bare
        if label := field_of(bare):
            if label in found.values and label != "other":
                break
            name, wrapped = label, 0
            found.values[name] = _value(bare)
        elif bare and name and wrapped < 6 and _continues(lines[number - 1].bare, bare):
            wrapped += 1
            found.values[name] += " " + bare
        elif bare and _is_foreign_field(lines, number):
            name = ""
        elif bare or not _goes_on(lines, number, found):
            break
        if bare:
            found.end = number + 1
    return found


def _is_foreign_field(lines: list[Line], at: int) -> bool:
    """A field that we do not know, with one that we know below it."""
    below = lines[at + 1].bare if at + 1 < len(lines) else ""
    return bool(_ANY_FIELD.match(lines[at].bare)) and field_of(below) is not None


def _goes_on(lines: list[Line], at: int, found: _Fields) -> bool:
    """Some programs put an empty line after each field."""
    first = next_full(lines, at, within=3)
    label = field_of(lines[first].bare) if first is not None else None
    return label is not None and label not in found.values


def _continues(above: str, bare: str) -> bool:
    """A wrapped list of people, or a long subject; the text below a block that lacks an empty line is neither."""
    return bool(above) and (above[-1] in ",;<" or bare[0] in "<[(" or ("@" in bare and bare[-1] in ">;,)]"))


def field_of(bare: str) -> str | None:
    """Which header field a line is, by its label in any language."""
    colon = _colon(bare)
    return _FIELDS.get(fold(bare[:colon].strip("*_ \t\xa0|:："))) if colon > 0 else None


def _colon(bare: str) -> int:
    if bare[:1] == "|":
        # NetEase writes the header block as a table: "| From | Anna<anna@example.org> |".
        return bare.find("|", 1, _LONGEST_LABEL + 6)
    found = _COLON.search(bare, 0, _LONGEST_LABEL + 6)
    return found.start() if found else -1


def _value(bare: str) -> str:
    return bare[_colon(bare) + 1 :].strip("* \t\xa0|")


def any_block_end(lines: list[Line], at: int) -> int | None:
    """The line after what looks like a header block in a language we do not know: three fields, one with an address."""
    end = at
    while end < min(len(lines), at + 8) and _ANY_FIELD.match(lines[end].bare):
        end += 1
    return end if end - at >= 3 and any("@" in line.bare for line in lines[at:end]) else None


def foreign_block_at(lines: list[Line], at: int) -> Block | None:
    """The same, with a time among its fields, where the subject says that a mail is passed on."""
    end = any_block_end(lines, at)
    if end is None or not any(_TIME.search(line.bare) for line in lines[at:end]):
        return None
    return Block(at, end, _first_address(lines, at, end), is_forward=True)


def _is_header(values: dict[str, str], needed: int) -> bool:
    """A sender and enough besides. "Från: 12.00 Till: 14.00" in an invitation is no sender, and "Lähettäjä: Yhdistys,
    Aihe: Kokous" in a draft no header: one whose sender has no address (Exchange within a house) has the time."""
    sender = values.get("from", "")
    known = len(values.keys() - {"other"})
    if not sender or known < needed:
        return False
    is_named = "subject" in values and not any(letter.isdigit() for letter in sender)
    return "@" in sender or (is_named and (needed < 3 or bool(_TIME.search(values.get("sent", "")))))
