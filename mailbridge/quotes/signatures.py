"""Where a stretch of someone's own words turns into a signature: delimiter, device, list footer, closing."""

import re

from mailbridge.quotes.disclaimers import disclaimer_start
from mailbridge.quotes.lines import Line, fold
from mailbridge.quotes.words import CLOSINGS, SENT_FROM

_SENT_FROM = tuple(fold(words) for words in SENT_FROM)
_CLOSINGS = frozenset(fold(words) for words in CLOSINGS)
_LIST_WORDS = (
    "mailing list", "listinfo", "postituslista", "sähköpostilista", "unsubscribe", "e-postlista", "mailinglist",
    "/groups/", "mailman", "reply to this email directly", "you are receiving this because",
)  # fmt: skip
_BELOW_CLOSING = 12
_LONGEST_SIGNATURE = 25
_SHORT = 70
# "Kesäisin terveisin", "Med soliga hälsningar": the word for a greeting, and which.
_GREETING = re.compile(
    r"(?:\w+in )?\w*(?:terveisin|terkuin|tervehdyksin)|yst\.? ?terv|(?:med |många )?(?:\w+ )?\w*hälsning(?:ar)?|"
    r"(?:mit )?(?:\w+ )?(?:\w+ )?(?:grüßen?|grüssen?|gruß|gruss)|"
    r"(?:with |my )?(?:very )?(?:kind\w*|warm\w*|best|sincere|good|many|friendly|personal) (?:regards|wishes)|"
    r"(?:med )?(?:\w+ )?\w*hils(?:en|ner)"
)
_SIGNED = re.compile(r"(?:[-–—/]|~ ?|--)[^\W\d_][\w.'-]{0,30}(?: [^\W\d_][\w.'-]{0,30}){0,2}$")
# "Get Outlook for Android", in a language where the verb is in any place.
_OUTLOOK_FOR = re.compile(r"(?=.{0,60}\boutlook)(?=.{0,60}(?:android|\bios\b))[^.,:;?!]{0,60}")
_PROVIDERS = re.compile(
    r"sent from [\w ]{0,30}(?: on android| for iphone| for ios| for android|\bapp)(?: for ios| on android)?"
)
# "..., please excuse typos", "..., an AT&T smartphone"
_ASIDE = re.compile(r"[,;.] (?:please|excuse|pardon|sorry|apologies|so |an? |enjoy).*")
_SENTENCE = re.compile(r", |[,:?!]$")
_POSTSCRIPT = re.compile(r"\[\d{1,2}\]|(?:ps|p\.s|p\.\s?s\.|psst|edit|lisäys|jk|pps)\b", re.I)
# "Terveiset Tampereelta" begins a sentence.
_PLACE = re.compile(r"(?:lta|ltä|sta|stä)[.!]?$")
_NAME = re.compile(r"[^\W\d_][\w.'-]*(?: [^\W\d_][\w.'-]*){0,3}[.!]?$")


def signature_start(lines: list[Line], start: int, end: int) -> int:
    """The line where the signature of lines start..end begins; `end` when there is none."""
    end_of_text = _without_blank(lines, start, end)
    # Where there are several they part the text.
    is_only = sum(lines[number].text.rstrip() == "--" for number in range(start, end_of_text)) == 1
    for number in range(start, end_of_text):
        if _is_delimiter(lines, number, end_of_text, is_only) or _is_list_footer(lines, number, end_of_text):
            return _closing(lines, start, number)
    end_of_words = disclaimer_start(lines, start, end_of_text)
    found = _closing(lines, start, end_of_words)
    return found if found < end_of_text else end


def _without_blank(lines: list[Line], start: int, end: int) -> int:
    while end > start and not lines[end - 1].bare:
        end -= 1
    return end


def _is_delimiter(lines: list[Line], at: int, end: int, is_only: bool) -> bool:
    """ "-- " alone on its line (RFC 3676 4.3); without the space the only one, near the end."""
    text = lines[at].text.rstrip("\r\n")
    if text in {"-- ", "--\xa0"}:
        return True
    return is_only and text.rstrip() == "--" and 0 < end - at - 1 <= 20


def _is_list_footer(lines: list[Line], at: int, end: int) -> bool:
    bare = lines[at].bare
    if (
        (len(bare) < 2 and bare != "—")
        or bare.strip("_-=—")
        or end - at > 15
        or len(lines[min(at + 1, end - 1)].bare) > _SHORT
    ):
        return False
    below = " ".join(line.bare for line in lines[at + 1 : min(end, at + 5)]).lower()
    return any(words in below for words in _LIST_WORDS)


def device_line(lines: list[Line], start: int, end: int) -> int | None:
    """The line a phone or program put below the answer: "Lähetetty iPhonesta", "Get Outlook for Android"."""
    return next((number for number in range(start, end) if is_device(lines[number].bare)), None)


def is_device(bare: str) -> bool:
    """ "Sent from my desk, is much easier than..." is a sentence."""
    if not bare or len(bare) > 200:
        return False
    text = fold(bare).strip("-–—*_ •") if bare[0] not in "([" else fold(bare).strip("()[] ")
    if text.startswith("yahoo mail: "):
        return True
    if _OUTLOOK_FOR.fullmatch(text) or _PROVIDERS.fullmatch(text):
        return True
    if not text.startswith(_SENT_FROM) and not text.endswith(
        ("から送信", "gönderildi", "küldve", "met outlook verzonden")
    ):
        return False
    words = text.partition("<")[0].partition("(http")[0].partition("http")[0].strip()
    return len(_ASIDE.sub("", words)) <= 80 and not _SENTENCE.search(_ASIDE.sub("", words))


def is_postscript(bare: str) -> bool:
    """What a writer adds below the name, footnotes included."""
    return bool(_POSTSCRIPT.match(bare))


def _closing(lines: list[Line], start: int, end: int) -> int:
    """The closing formula, or the name set apart with a dash, if only a short signature follows; else `end`."""
    found, full, name_at, is_prose = end, 0, None, False
    for number in range(end - 1, start, -1):
        bare = lines[number].bare
        if not bare:
            continue
        full += 1
        is_prose = is_prose or (bare[-1] in ".!?" and bare.count(" ") > 4)
        limit = _BELOW_CLOSING if is_prose else _LONGEST_SIGNATURE
        if full > limit or len(bare) > _SHORT + 30 or is_postscript(bare):
            break
        if is_closing(bare):
            found = number
        elif full == 1 and _SIGNED.match(bare) and _stands_apart(lines, number, start):
            name_at = number
    return min(found, name_at) if name_at is not None else found


def is_closing(bare: str) -> bool:
    """A closing alone, or with the name after it."""
    if len(bare) > _SHORT:
        return False
    text = fold(bare).strip(" ,.!*_-–—:;/")
    if text in _CLOSINGS:
        return len(text) > 1 or bare.lower() != text
    if _GREETING.fullmatch(text):
        return True
    head, name = _split_closing(bare)
    return bool(head and _NAME.match(name)) and name[:1].isupper() and not _PLACE.search(name)


def _split_closing(bare: str) -> tuple[str, str]:
    """ "Terveisin, Anna Virtanen" -> ("terveisin", "Anna Virtanen"), by the longest closing that fits."""
    words = bare.strip(" *_-–—/").split()
    for count in range(min(len(words) - 1, 5), 0, -1):
        head = fold(" ".join(words[:count])).strip(" ,.:;!/")
        if head in _CLOSINGS or _GREETING.fullmatch(head):
            return head, " ".join(words[count:]).strip(" /-–—*_")
    return "", ""


def _stands_apart(lines: list[Line], at: int, start: int) -> bool:
    """Not the last of a list of dashes."""
    above = next((lines[n].bare for n in range(at - 1, start - 1, -1) if lines[n].bare), "")
    return not above.startswith(("-", "–", "—", "/", "~", "*", "•")) and (
        at == 0 or not lines[at - 1].bare or len(above) < 400
    )
