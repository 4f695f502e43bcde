"""When someone is away, as they write it in one line: “poissa 1.7.–31.7.”, “borta till 31 juli”, “away July 1 to 31”. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

MOST = 200  # characters that are read
LONGEST = timedelta(days=365)  # from the first day to the last
AHEAD = 2  # years

_LEADS = {
    "fi": r"(?:(?:minä )?olen )?(?:poissa|lomalla|kesälomalla|talvilomalla|joululomalla|vapaalla|matkoilla)",
    "sv": r"(?:jag är )?(?:borta|bortrest|ledig|frånvarande|på (?:semester|resa))",
    "en": r"(?:i(?:'m| am|'ll be| will be) )?(?:away|absent|on (?:holiday|vacation|leave)|out of (?:the )?office)",
}
_LEAD = re.compile("|".join(rf"(?P<{language}>{lead})(?![\w-])" for language, lead in _LEADS.items()))
_BARE = re.compile(r"(?!minä |olen |jag |i[' ])")  # “Olen poissa 12.3.” may be an answer to somebody's question

_MONTHS = (
    "tammikuu january januari jan", "helmikuu february februari feb", "maaliskuu march mars mar",
    "huhtikuu april apr", "toukokuu may maj", "kesäkuu june juni jun", "heinäkuu july juli jul",
    "elokuu august augusti aug", "syyskuu september sept sep", "lokakuu october oktober oct okt",
    "marraskuu november nov", "joulukuu december dec",
)  # fmt: skip
_MONTH = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}
_FINNISH_ENDING = re.compile(r"(?<=kuu)(?:n|ta|hun|ssa)$")
_WEEKDAYS = {
    "fi": {"ma", "ti", "ke", "to", "pe", "la", "su"},
    "sv": {"mån", "tis", "ons", "tors", "tor", "fre", "lör", "sön"},
    "en": {"mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun"},
}
_LONG_WEEKDAY = re.compile(r"\w{2,7}(?:tai|stai|dag|day)(?:sta|na|en|hin|in)?|keskiviik(?:ko|on|osta)")
_FILLERS = {"den", "the", "of", "on", "päivä", "päivään", "päivästä", "ajalla", "ajan", "alk", "and", "och", "from"}
_WHEN = (  # what may follow where someone says when, in whatever words
    "ensi koko pari kaksi kolme viikon viikot viikolla kesän kesällä joulun tänään huomenna huomisesta tästä asti saakka",
    "i från fr fr.o.m till t.o.m tills nästa hela idag imorgon om på under mellan en ett två tre",
    "in from until till through to next all this for the a two three today tomorrow between on",
)
_TIMELY = {word for words in _WHEN for word in words.split()}

_TOKENS = re.compile(
    r"(?P<iso>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?![0-9])"
    r"|(?P<numbers>[0-9]{1,2} ?[./] ?[0-9]{1,2}(?: ?[./] ?[0-9]{4}|[./][0-9]{2}(?![./0-9]))?)(?![0-9])"
    r"|(?P<year>[0-9]{4})(?![0-9])"
    r"|(?P<day>[0-9]{1,2})(?:st|nd|rd|th|:a|:e)?(?![0-9a-zåäö])"
    r"|(?P<until>(?:fram )?till (?:och med|o\.? ?m\.?)|fram till|till|tills|t\.? ?o\.? ?m\.?|until|til|through|thru|to)(?!\w)"
    r"|(?P<since>från och med|från|fr\. ?o\. ?m\.?|from|starting)(?!\w)"
    r"|(?P<asti>asti|saakka)(?!\w)"
    r"|(?P<alkaen>alkaen|lähtien)(?!\w)"
    r"|(?P<dash>[-–—−‒/])"
    r"|(?P<space>[ ,.:;()!]+)"
    r"|(?P<word>[^\W\d_]+)"
)
# What stands in a line, a letter for each: D a date, B a day whose month the other date says, U until, S since.
_RANGE = re.compile(r"S?(?:DS?[-U]D|BS?[-U]D|DS?[-U]B|DSD)A?|S?DDA")
_END_ONLY = re.compile(r"UD|DA")


@dataclass(frozen=True)
class Period:
    """Both days are in it."""

    first: date
    last: date


@dataclass(frozen=True)
class _Day:
    """As much of a date as is said."""

    day: int
    month: int = 0
    year: int = 0


def period(text: str, today: date) -> Period | None:
    """None where the line says no absence, or not clearly, or an impossible one: beyond a year, or years ahead.

    A year that is not said is the one with which the absence ends today or soon after.
    """
    line = _plain(text)
    lead = _LEAD.match(line)
    said = _said(line[lead.end() :], lead.lastgroup or "") if lead else None
    if said is None:
        return None
    shape, days = said
    if _END_ONLY.fullmatch(shape):
        return _sensible(lambda year: (today, _date(days[0], days[0].year or year)), today)
    if _RANGE.fullmatch(shape):
        first, last = _with_months(*days)
        return _sensible(lambda year: _both(first, last, year), today)
    return None


def begins(text: str) -> bool:
    """Whether the line says bare “away”, and then nothing or when: “poissa heinäkuussa”, but not “Ledig tjänst”."""
    line = _plain(text)
    lead = _LEAD.match(line) if _BARE.match(line) else None
    return lead is not None and _is_timely(line[lead.end() :].strip(" ,.:;()!-–—"), lead.lastgroup or "")


def is_back(text: str) -> bool:
    return _plain(text).strip(" ,.:;()!") in _BACK


_BACK = {
    *("takaisin", "olen takaisin", "olen palannut", "palasin", "olen taas paikalla", "palasin lomalta", "takaisin töissä"),
    *("tillbaka", "jag är tillbaka", "är tillbaka", "tillbaka igen", "jag är tillbaka igen", "är tillbaka igen"),
    *("back", "i'm back", "i am back", "back again", "i'm back again", "i am back again", "back at work"),
}  # fmt: skip


def _plain(text: str) -> str:
    line = unicodedata.normalize("NFKC", text[:MOST]).casefold().replace("’", "'")
    return " ".join(line.split()).lstrip(" -–—*>•\"“”'").rstrip(" *\"“”'")


def _is_timely(rest: str, language: str) -> bool:
    word = rest.partition(" ")[0].rstrip(".,:;")
    return not rest or rest[0].isdigit() or word in _TIMELY or bool(_month(word)) or _is_weekday(word, language)


def _said(rest: str, language: str) -> tuple[str, list[_Day]] | None:
    """The shape of a line behind its first word, and the days in it; None when there is anything else in it."""
    tokens = list(_tokens(rest, language))
    if None in tokens:
        return None
    shape, days = "", list[_Day]()
    known = [token for token in tokens if token]
    while known:
        day = _next_day(known)
        if day:
            days.append(day)
            shape += "D" if day.month else "B"
        elif (kind := known.pop(0)[0]) in _LETTERS:
            shape += _LETTERS[kind]
        else:
            return None
    return re.sub("-U|U-", "U", shape), days


_LETTERS = {"until": "U", "since": "S", "alkaen": "S", "asti": "A", "dash": "-"}


def _tokens(rest: str, language: str) -> Iterator[tuple[str, str] | None]:
    """Kind and text of each, in order; None and no more where something else stands."""
    at = 0
    while at < len(rest):
        found = _TOKENS.match(rest, at)
        if found is None:
            yield None
            return
        at, kind, token = found.end(), found.lastgroup or "", found[0]
        if kind == "word" and (month := _month(token)):
            yield "month", str(month)
        elif _is_weekday(token, language) or token in _FILLERS or kind == "space":
            continue
        else:
            yield None if kind == "word" else (kind, found[kind])


def _is_weekday(word: str, language: str) -> bool:
    return word in _WEEKDAYS[language] or _LONG_WEEKDAY.fullmatch(word) is not None


def _month(word: str) -> int:
    return _MONTH.get(_FINNISH_ENDING.sub("", word), 0)


def _next_day(tokens: list[tuple[str, str]]) -> _Day | None:
    """Takes a date off the front: in figures, “1 July”, “July 1”, or a day alone; a year may follow."""
    kinds = [kind for kind, _ in tokens[:2]]
    if kinds[:1] == ["iso"]:
        year, month, day = map(int, tokens.pop(0)[1].split("-"))
        return _Day(day, month, year)
    if kinds[:1] == ["numbers"]:
        numbers = [int(number) for number in re.split("[./]", tokens.pop(0)[1])]
        return _Day(numbers[0], numbers[1], _full(numbers[2]) if numbers[2:] else _year(tokens))
    if kinds in (["day", "month"], ["month", "day"]):
        found = dict([tokens.pop(0), tokens.pop(0)])
        return _Day(int(found["day"]), int(found["month"]), _year(tokens))
    return _Day(int(tokens.pop(0)[1])) if kinds[:1] == ["day"] else None


def _year(tokens: list[tuple[str, str]]) -> int:
    return int(tokens.pop(0)[1]) if tokens and tokens[0][0] == "year" else 0


def _full(year: int) -> int:
    return year if year > 99 else 2000 + year


def _with_months(first: _Day, last: _Day) -> tuple[_Day, _Day]:
    """“1.–31.7.”, “July 1–31”: one says the month of both."""
    if not first.month:
        return _Day(first.day, last.month, last.year), last
    return first, last if last.month else _Day(last.day, first.month, first.year)


def _both(first: _Day, last: _Day, year: int) -> tuple[date | None, date | None]:
    """A year said of one is the other's too, unless New Year is between them."""
    crosses = (first.month, first.day) > (last.month, last.day)
    if first.year and not last.year:
        return _date(first, first.year), _date(last, first.year + crosses)
    end = last.year or year
    return _date(first, first.year or end - crosses), _date(last, end)


def _date(day: _Day, year: int) -> date | None:
    try:
        return date(year, day.month, day.day)
    except ValueError:
        return None


def _sensible(dated: Callable[[int], tuple[date | None, date | None]], today: date) -> Period | None:
    """The first one that has not ended, given a year for what is said without."""
    for year in range(today.year, today.year + AHEAD + 1):
        first, last = dated(year)
        if first and last and last >= today:
            fits = first <= last and last - first <= LONGEST and last - today <= AHEAD * timedelta(days=365.5)
            return Period(first, last) if fits else None
    return None
