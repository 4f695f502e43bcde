"""Commands: what a mail asks for in its first line, in three languages. Pure.

A command is a line of its own, with nothing below it but a name: who writes “Help!” and three sentences wants to be read by all.
"""

import re
from dataclasses import dataclass
from typing import Literal

from mailbridge import absence_words
from mailbridge.letter import Letter

Name = Literal["mute", "follow", "leave", "help", "join", "whole", "away", "back"]

WORDS: dict[Name, tuple[str, ...]] = {
    "mute": ("mute", "vaimenna", "tysta"),
    "follow": ("follow", "seuraa", "följ"),
    "leave": ("leave", "unsubscribe", "poistu", "eroa", "lämna", "gå ur", "avsluta"),
    "help": ("help", "ohje", "ohjeet", "hjälp"),
    "join": ("join", "subscribe", "liity", "gå med", "bli medlem"),
    "whole": ("all", "whole", "koko", "koko viesti", "kaikki", "allt", "alla", "hela"),
}
_NAMES = {word: name for name, words in WORDS.items() for word in words}
_BELOW = 4  # lines of a name and what goes with it


@dataclass(frozen=True)
class Said:
    """`line` is the whole command: the dates of an absence stand in it."""

    name: Name
    line: str


def said(letter: Letter) -> Said | None:
    """The command that a mail consists of; of a mail without a word of its own, its subject."""
    lines = [line.strip() for line in own_words(letter)[:2000].splitlines() if line.strip()]
    if not lines and not letter.is_reply and not letter.files:
        lines = [letter.topic]
    if not lines or len(lines) > 1 + _BELOW or not all(_is_of_a_name(line) for line in lines[1:]):
        return None
    name = _NAMES.get(_bare(lines[0])) or _of_an_absence(lines[0])
    return Said(name, lines[0]) if name else None


def _of_an_absence(line: str) -> Name | None:
    """Bare words only: “Olen poissa 12.3.” is an answer to somebody's question."""
    if absence_words.is_back(line):
        return "back"
    return "away" if absence_words.begins(line) else None


def own_words(letter: Letter) -> str:
    return "".join(part.text for part in letter.parts if part.kind == "own")


def _is_of_a_name(line: str) -> bool:
    """“Terveisin Anna Virtanen”, “kiitos!”: few words and no sentence, nor the rest of one (“Leave / the door open”).

    In doubt it is a command, since its writer is told: a “mute, thanks” that goes to everyone cannot be taken back.
    """
    words = len(line.split())
    is_sentence = line[-1] in "?:" or (line[-1] == "!" and words > 2) or re.search(r"\w\w\.\s", line)
    return len(line) <= 80 and words <= (2 if _is_plain(line) else 6) and not is_sentence


def _is_plain(line: str) -> bool:
    """Without a capital or a digit: no name stands in it, nor a telephone number."""
    return line.islower() and not re.search(r"\d|@", line)


def _bare(line: str) -> str:
    """Without what mail programs and people put around a word: stars, quotation marks, a full stop."""
    return re.sub(r"\s+", " ", line.strip(" \t.!*_\"'“”’»«<>")).casefold()
