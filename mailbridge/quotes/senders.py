"""Who wrote the mail below, from the line or field that says so."""

import re

from mailbridge.letter import Person

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,255}")
_OPENS = re.compile(r"[<(\[\"„“«]")
_QUOTED = re.compile(r"[\"„“«]\s?([^\"„“”«»<>]{1,100}?)\s?[\"”“»]")
# Between the date and the name: "klo 12.46 käyttäjä", "пользователь".
_NOT_NAME = re.compile(
    r".*(?:[\d:.,]|\b(?:użytkownik|uživatel|používateľ|пользователь|користувач|időpontban|heeft|from|skrev|schrieb|schreef|um|kl|klo|AM|PM|GMT|UTC|at))\s+",
    re.S,
)


def of_field(value: str) -> Person | None:
    """John Doe <john@example.org>, John Doe [mailto:john@example.org], john@example.org."""
    address = _address(value)
    name = _OPENS.split(value.lstrip(" \"'„“«"), maxsplit=1)[0]
    name = "" if name.strip() == address else name.strip(" \"'*,;\t")
    return Person(name[:200], address) if name or address else None


def of_line(line: str) -> Person | None:
    """On 12/10/2026, 12:46, "John Doe" <john@example.org> wrote:"""
    address = _address(line)
    before = line.partition(address)[0] if address else ""
    quoted = _QUOTED.search(before)
    name = quoted[1] if quoted else _NOT_NAME.sub("", before.rstrip(" <([\"'"), count=1)
    return Person(name.strip(" \"'<([,;*")[:200], address) if address else None


def _address(text: str) -> str:
    found = _ADDRESS.search(text.replace("mailto:", " ")[:1_000])
    return found[0].strip(".'") if found else ""
