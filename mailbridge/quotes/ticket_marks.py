"""The line that ticket systems put at the top of their mails: "##- Please type your reply above this line -##"."""

import re

from mailbridge.quotes.lines import fold

_LONGEST = 120
_DASHES = re.compile(r"[-–—=_#*~<>+. ]{2,}")
_LINE = r"(?:line|rivin|rivi[äa]|viivan|raden|rad|zeile|linie|ligne|línea|linha|linea|regel|lijn|linje[nr]?)\b"
_ABOVE = r"(?:above|ovanför|ovan|oberhalb|über|yläpuole\w+|au-dessus|encima|por encima|arriba|acima|sopra|boven|over|ovenfor)"
_BELOW = r"(?:below|beneath|under|alapuole\w+|nedanför|unterhalb|sous|debajo|abaixo|sotto|onder|nedenfor)"
_PLACE = re.compile(rf"\b(?:{_ABOVE}|{_BELOW})\b.{{0,30}}?{_LINE}|\b{_LINE}.{{0,30}}?(?:{_ABOVE}|{_BELOW})\b")
_BEGINS = re.compile(rf"(?:please )?(?:reply|respond|type|write|enter|add)\b.{{0,40}}\b{_ABOVE} (?:this|the) line\b")


def is_ticket_mark(bare: str) -> bool:
    """What is written below such a line is not read by who sent it; answers stand above."""
    if len(bare) > _LONGEST or len(bare) < 10:
        return False
    text = fold(bare)
    if _DASHES.match(text):
        return bool(_PLACE.search(text))
    return bool(_BEGINS.match(text))
