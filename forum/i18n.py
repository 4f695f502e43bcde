"""Languages: the catalogues of `locale/`, and dates, sizes and names as each language has them."""

import gettext
import io
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_interval, format_time
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from forum.errors import Refusal
from forum.members import LANGUAGES

LOCALE = Path(__file__).parent / "locale"
ENGLISH = "en"


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogues of pages and mails, read from their .po so that nothing compiled is stale. English is in the code."""
    if language not in LANGUAGES or language == ENGLISH:
        return gettext.NullTranslations()
    catalogue = Catalog(locale=language)
    for name in (f"{language}.po", f"{language}.mail.po"):
        with open(LOCALE / name, "rb") as file:
            for message in read_po(file, locale=language):
                if message.id and message.string:
                    catalogue[message.id] = message
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def sentence(refusal: Refusal, language: str) -> str:
    """A refusal and what to do instead, in one's own language."""
    said = translations(language).gettext
    return " ".join(said(part) % refusal.facts for part in (refusal.sentence, refusal.instead) if part)


def best_language(accepted: str, default: str = "fi") -> str:
    """The first of ours that a browser asks for (Accept-Language, RFC 9110 12.5.4)."""
    wanted = []
    for item in accepted[:500].split(","):
        tag, _, weight = item.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), tag.split("-")[0].lower()))
        except ValueError:
            continue
    return next((tag for _, tag in sorted(wanted, key=lambda pair: pair[0]) if tag in LANGUAGES), default)


@cache
def _locale(language: str) -> Locale:
    return Locale.parse({"en": "en_GB", "fi": "fi_FI", "sv": "sv_FI"}.get(language, "en_GB"))


PATTERNS = {"fi": "ccc d.M.y 'klo' H.mm", "sv": "EEE d MMM y 'kl.' HH:mm", "en": "EEE d MMM y 'at' HH:mm"}


@cache
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(20_000)
def moment(when: datetime, language: str, time_zone: str = "Europe/Helsinki") -> str:
    """ "ma 23.11.2026 klo 8.09", "mån 23 nov. 2026 kl. 08:09", "Mon 23 Nov 2026 at 08:09"."""
    return format_datetime(
        when.astimezone(zone(time_zone)), PATTERNS.get(language, PATTERNS["en"]), locale=_locale(language)
    )


@lru_cache(20_000)
def short_moment(when: datetime, now: datetime, language: str, time_zone: str = "Europe/Helsinki") -> str:
    """The clock today, day and month this year, the whole date before."""
    here, today = when.astimezone(zone(time_zone)), now.astimezone(zone(time_zone))
    if here.date() == today.date():
        return format_time(here, "H.mm" if language == "fi" else "HH:mm", locale=_locale(language))
    if here.year == today.year:
        return format_date(here, "d.M." if language == "fi" else "d MMM", locale=_locale(language))
    return format_date(here, "d.M.y" if language == "fi" else "d MMM y", locale=_locale(language))


@lru_cache(1000)
def day(when: date, language: str) -> str:
    """ "31.7.2027", "31 juli 2027", "31 July 2027"."""
    return format_date(when, "d.M.y" if language == "fi" else "d MMMM y", locale=_locale(language))


@lru_cache(1000)
def days(first: date, last: date, language: str) -> str:
    """ "1.–31.7.2027", "1–31 juli 2027", "1–31 Jul 2027"; what both share is said once."""
    return format_interval(first, last, "yMd" if language == "fi" else "yMMMd", locale=_locale(language))


def size(number: int, language: str) -> str:
    """Bytes as people say them."""
    for unit, step in (("MB", 1_000_000), ("kB", 1_000)):
        if number >= step:
            return f"{format_decimal(round(number / step, 1 if number < 10 * step else 0), locale=_locale(language))} {unit}"
    return f"{number} B"


_ALPHABET = {letter: index for index, letter in enumerate("abcdefghijklmnopqrstuvwxyzåäö")}


def by_name(rows: Iterable[Any], key: str = "name") -> list[Any]:
    """Sorted as Finnish and Swedish do: Å Ä Ö last."""
    return sorted(rows, key=lambda row: alphabetical(getattr(row, key)))


def alphabetical(text: str) -> list[int]:
    """To sort by."""
    return [_ALPHABET.get(c, -1) for c in text.casefold()]
