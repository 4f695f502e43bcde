"""The footer of our own mails, by which their quote is found in any language, and the marks of ours inside quotes."""

import re

from mailbridge.quotes.headers import any_block_end
from mailbridge.quotes.lines import Line

FOOTER = "_" * 15
MARKS = 100

_POST = re.compile(r"https?://[^\s/<>\"'()\[\]]{1,253}/p/\d{1,18}(?![^\W_])")
# Mail gateways put an address into another of their own: "https://...safelinks...?url=https%3A%2F%2F".
_ENCODED = re.compile(r"%(3a|2f)", re.I)
_MESSAGE_ID = re.compile(r"<[^<>\s@]{1,250}@[^<>\s@]{1,250}>")
_FOOTER_LINES = 12


def footer_end(lines: list[Line], at: int) -> int | None:
    """The line after our footer, if it begins at this line."""
    if lines[at].bare != FOOTER:
        return None
    is_ours = False
    for number in range(at + 1, min(len(lines), at + 1 + _FOOTER_LINES)):
        if lines[number].bare in {"", FOOTER}:
            return number if is_ours else None
        is_ours = is_ours or bool(_POST.search(_unwrapped(lines[number].bare)))
    return min(len(lines), at + 1 + _FOOTER_LINES) if is_ours else None


def intro_above(lines: list[Line], start: int, footer: int) -> int | None:
    """Our mail stands above its footer; above that, in whatever language, a line or block with an address."""
    for number in range(start, footer):
        bare = lines[number].bare
        if any_block_end(lines, number) or ("@" in bare and bare.endswith((":", "：")) and any(map(str.isdigit, bare))):
            return number
    return None


def markers_in(text: str) -> tuple[str, ...]:
    """Addresses of our posts and Message-IDs, in order, each once."""
    found = dict.fromkeys(_POST.findall(_unwrapped(text)))
    found.update(dict.fromkeys(_MESSAGE_ID.findall(text)))
    return tuple(found)[:MARKS]


def _unwrapped(text: str) -> str:
    return _ENCODED.sub(lambda found: ":" if found[1] in "3a3A" else "/", text) if "%" in text else text
