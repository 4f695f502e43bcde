"""One walk down the lines of a text, which tells own words from quoted ones."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from mailbridge.letter import Kind, Part, Person
from mailbridge.quotes import senders
from mailbridge.quotes.attributions import Attribution, attribution_at
from mailbridge.quotes.footers import footer_end, intro_above
from mailbridge.quotes.headers import Block, block_at, foreign_block_at, is_rule
from mailbridge.quotes.lines import Line, fold, lines_of, next_full, next_quoted
from mailbridge.quotes.signatures import device_line, is_postscript, signature_start
from mailbridge.quotes.ticket_marks import is_ticket_mark
from mailbridge.quotes.words import ANSWERS, ANSWERS_BELOW

_ANSWERS_BELOW = tuple(fold(words) for words in ANSWERS_BELOW)
_ANSWERS = re.compile("|".join(rf"\b(?:{what})(?: [\w,]+){{0,3}}? (?:{where})\b" for what, where in ANSWERS))
_WRAPPED_AT = 60
_LONGEST_LINE = 300
_HEADING = 4  # a line that announces, and blank ones


@dataclass(frozen=True, slots=True)
class Trimmed:
    """`parts` joined are the text. `sender`: who wrote the unquoted mail below. `quoted`: the text below the answer."""

    parts: tuple[Part, ...]
    sender: Person | None = None
    quoted: str = ""


def trim(text: str, is_forward: bool = False) -> tuple[Part, ...]:
    """The text in parts; joined they are the whole text. `is_forward`: the subject said that a mail is passed on."""
    return trimmed(text, is_forward).parts


def own_text(parts: Iterable[Part]) -> str:
    """What is shown."""
    return "".join(part.text for part in parts if part.kind in {"own", "forward"})


def folded_text(parts: Iterable[Part]) -> str:
    """What is folded away, to be shown on request."""
    return "".join(part.text for part in parts if part.kind in {"quote", "signature"})


def trimmed(text: str, is_forward: bool = False, is_new: bool = False) -> Trimmed:
    """Linear in the length of the text. `is_new`: its headers name nothing that it answers or passes on."""
    walk = _Walk(lines_of(text), is_forward, is_new)
    walk.walk()
    parts = _parts(walk)
    quoted = "".join(part.text for part in parts if part.kind == "quote")
    if not own_text(parts).strip():
        parts = (Part("own", text),) if text else ()
    return Trimmed(parts, walk.sender, quoted)


@dataclass(slots=True)
class _Walk:
    """`kinds` holds the stretches found: kind, first line, line after the last."""

    lines: list[Line]
    is_forward: bool
    is_new: bool = False
    kinds: list[tuple[Kind, int, int]] = field(default_factory=list)
    sender: Person | None = None
    own_from: int = 0

    def walk(self) -> None:
        at = 0
        while at < len(self.lines):
            at = self._step(at)
        self._own_until(len(self.lines))

    def _step(self, at: int) -> int:
        line = self.lines[at]
        if not line.bare and not line.depth:
            return at + 1
        if found := block_at(self.lines, at):
            return self._block(found)
        if self.is_forward and self.sender is None and (found := foreign_block_at(self.lines, at)):
            return self._block(found)
        if line.depth:
            return self._below_list(at) if self._is_list(at) else self._unattributed(at)
        if said := attribution_at(self.lines, at):
            return self._attributed(said)
        if end := footer_end(self.lines, at):
            return self._unannounced(at, end)
        return self._below(at, at + 1) if is_ticket_mark(line.bare) else at + 1

    def _is_list(self, at: int) -> bool:
        """Whether ">" begins the items of a writer's list, who answers nobody and says what it is a list of."""
        if not self.is_new or self.kinds:
            return False
        above = next((line.bare for line in reversed(self.lines[max(0, at - 3) : at]) if line.bare), "")
        return above.endswith(":") and "@" not in above and not any(map(str.isdigit, above))

    def _unattributed(self, at: int) -> int:
        """Marked from its first line on; who wrote it stands among the marked lines, below words that we do not know."""
        if self.sender is None:
            heads = (block_at(self.lines, n) for n in range(at + 1, min(at + _HEADING, len(self.lines))))
            self.sender = next((senders.of_field(head.sender) for head in heads if head and head.sender), None)
        return self._quoted(at, at)

    def _below_list(self, at: int) -> int:
        while at < len(self.lines) and self.lines[at].depth:
            at += 1
        return at

    def _block(self, block: Block) -> int:
        self.sender = self.sender or senders.of_field(block.sender) or self._named_below(block)
        start = block.start
        if block.is_forward or self.is_forward:
            return self._rest("forward", start, len(self.lines))
        if self.lines[start].depth and not block.is_unmarked:
            return self._quoted(start, start)
        return self._below(start, block.end)

    def _named_below(self, block: Block) -> Person | None:
        """Yandex announces a mail passed on, and says who wrote it as above an answer."""
        first = next_full(self.lines, block.end, within=3)
        is_said = block.is_forward and first is not None and self.lines[first].bare.endswith((":", "："))
        return senders.of_line(self.lines[first].bare[:_LONGEST_LINE]) if is_said and first is not None else None

    def _attributed(self, said: Attribution) -> int:
        start = said.start
        if start > self.own_from and is_rule(self.lines[start - 1].bare):
            # Yahoo draws one above.
            start -= 1
        if quoted := next_quoted(self.lines, said.end, 0):
            return self._quoted(start, quoted)
        self.sender = self.sender or senders.of_line(said.sender)
        if self.is_forward:
            return self._rest("forward", start, len(self.lines))
        return self._below(start, said.end)

    def _below(self, start: int, body: int) -> int:
        """Another's mail without marks of quoting goes on to its end, which is seen only when it is ours."""
        if quoted := next_quoted(self.lines, body, 0):
            # Outlook can be told to quote with marks below its header block.
            return self._quoted(start, quoted)
        if not self._has_own(start):
            return body
        if self._says_below(start):
            return self._rest("own", self.own_from, len(self.lines))
        return self._rest("quote", start, self._end_of_ours(body))

    def _says_below(self, start: int) -> bool:
        """Whether the words above announce answers in what follows: nothing of it can be folded safely."""
        own = fold(" ".join(line.bare for line in self.lines[max(self.own_from, start - 12) : start]))
        return len(own) < 400 and bool(any(words in own for words in _ANSWERS_BELOW) or _ANSWERS.search(own))

    def _end_of_ours(self, body: int) -> int:
        for number in range(body, len(self.lines)):
            if end := footer_end(self.lines, number):
                return end
        return len(self.lines)

    def _unannounced(self, at: int, end: int) -> int:
        """Our footer, but no line above it that we know: in a language we lack."""
        start = intro_above(self.lines, self.own_from, at)
        return self._rest("quote", at if start is None else start, end)

    def _quoted(self, start: int, at: int) -> int:
        """Marked lines, with blank ones and the debris of wrapping between them."""
        end = at
        while (follows := next_full(self.lines, end)) is not None:
            if self.lines[follows].depth or (end > at and self._is_debris(follows)):
                end = follows + 1
            else:
                break
        while end < len(self.lines) and self.lines[end].depth:
            end += 1
        if next_full(self.lines, end) is None and self._says_below(start):
            # Answers in another colour, or behind an arrow, look quoted as well.
            return self._rest("own", self.own_from, len(self.lines))
        return self._rest("quote", start, max(end, at + 1))

    def _is_debris(self, at: int) -> bool:
        """The end of a quoted line that some program broke without marking it again."""
        above, line = self.lines[at - 1], self.lines[at]
        is_between = above.depth > 0 and at + 1 < len(self.lines) and self.lines[at + 1].depth > 0
        return is_between and len(above.text) > _WRAPPED_AT and line.bare[:1].islower()

    def _rest(self, kind: Kind, start: int, end: int) -> int:
        self._own_until(start)
        self.kinds.append((kind, start, end))
        self.own_from = end
        return end

    def _own_until(self, end: int) -> None:
        start = self.own_from
        if start >= end:
            return
        device = device_line(self.lines, start, end)
        if device is not None and self._has_own(device) and not self._is_postscript_below(device, end):
            self._with_device(start, device, end)
            return
        signature = signature_start(self.lines, start, end)
        self.kinds.append(("own", start, signature))
        if signature < end:
            self.kinds.append(("signature", signature, end))

    def _is_postscript_below(self, device: int, end: int) -> bool:
        return any(is_postscript(line.bare) for line in self.lines[device + 1 : end])

    def _with_device(self, start: int, device: int, end: int) -> None:
        """Programs put "Sent from ..." between the answer and what is answered to."""
        signature = signature_start(self.lines, start, device)
        self.kinds.append(("own", start, signature))
        self.kinds.append(("signature", signature, device + 1))
        self.kinds.append(("quote", device + 1, end))

    def _has_own(self, until: int) -> bool:
        if any(kind == "own" and self._is_full(start, end) for kind, start, end in self.kinds):
            return True
        return self._is_full(self.own_from, until)

    def _is_full(self, start: int, end: int) -> bool:
        return any(re.search(r"\w", self.lines[n].bare) or self.lines[n].bare.strip("-_=*") for n in range(start, end))


def _parts(walk: _Walk) -> tuple[Part, ...]:
    """Stretches without a word join the one before; neighbours of one kind become one."""
    merged: list[tuple[Kind, int, int]] = []
    for kind, start, end in walk.kinds:
        is_blank = not any(line.bare for line in walk.lines[start:end])
        if merged and (merged[-1][0] == kind or is_blank):
            merged[-1] = (merged[-1][0], merged[-1][1], end)
        elif start < end:
            merged.append((kind, start, end))
    last = len(walk.lines)
    return tuple(
        Part(kind, "\n".join(line.text for line in walk.lines[s:e]) + ("\n" if e < last else ""))
        for kind, s, e in merged
    )
