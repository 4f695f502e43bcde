"""Header fields that mean something: people, Message-IDs, dates, subjects."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mailbridge.letter import Person
from mailbridge.read.encoding import decodable, words

PEOPLE = 500
IDS = 100

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"?|<([^<>]*)>?|([,;:()])|([^"<>,;:()]+)|>')
_BRACKETED = re.compile(r"<([^<>]{1,998})>")
_BARE_ID = re.compile(r"[^\s<>,;\"']+")
# Of a list, or of a gateway that warns of what comes from outside.
_TAG = re.compile(
    r"\[[a-z0-9][a-z0-9._-]{0,60}\]\s*"
    r"|[\[({](?i:ext|external|externa?l? e-?mail|extern|externt|ulkoinen|ulkopuolinen|ulkoinen viesti|spam)[\])}]:?\s*"
)
# Reply and forward prefixes as programs write them, by language; a counter may follow: "Re[2]:", "Re (2):", "Re^2:".
_REPLY = """
    re vs sv aw antw antwort rif res resp odp vá ynt svar r bls atb vast ats yan
    απ σχετ отв на 回复 回覆 答复 答覆 返信 תגובה رد
"""
_FORWARD = """
    fw fwd vl vb wg tr i enc rv pd továbbítás ilt doorst videres přep înt trs prosl
    tov pār преп пер пересл πρθ 转发 轉寄 転送 הועבר
"""
_PREFIX = re.compile(
    rf"\s*(?:(?P<reply>{'|'.join(_REPLY.split())})|(?P<forward>{'|'.join(_FORWARD.split())}))"
    r"\s?(?:\[\d{1,4}\]|\(\d{1,4}\)|\^\d{1,4}|\d{1,3})?\s?[:：]\s*",
    re.I,
)


def people(values: list[str]) -> tuple[Person, ...]:
    """Everyone in To, Cc, From...: linear, whatever stands there. An encoded comma or bracket splits nothing."""
    found: list[Person] = []
    for value in values:
        found += _people(value[:100_000])
    return tuple(found[:PEOPLE])


def _people(value: str) -> list[Person]:
    found: list[Person] = []
    name: list[str] = []
    address, comment, depth = "", "", 0
    for token in _TOKEN.finditer(value):
        quoted, angle, sign, plain = token.groups()
        if sign == "(":
            depth += 1
        elif sign == ")":
            depth = max(0, depth - 1)
        elif depth:
            comment += token[0]
        elif sign in {",", ";"}:
            _add(found, name, address, comment)
            name, address, comment = [], "", ""
        elif sign == ":":
            # "undisclosed-recipients:;" and other groups: their name is nobody's.
            name, comment = [], ""
        elif angle is not None:
            address = address if "@" in address else angle.strip()
        elif quoted is not None:
            name.append(re.sub(r"\\(.)", r"\1", quoted))
        elif plain is not None:
            name.append(plain)
    _add(found, name, address, comment)
    return found


def _add(found: list[Person], name: list[str], address: str, comment: str) -> None:
    text = " ".join(name)
    if not address:
        address, text = _address_among(text)
    # A quoted name is often an address, or quoted twice: 'anna@example.org'.
    text = words(text or comment).strip("'\" ")
    if address or text:
        found.append(Person(text[:200], _address(address)))


def _address_among(text: str) -> tuple[str, str]:
    """An address inside an encoded word is none: what proves the sender reads it so as well."""
    bare = next((token for token in text.split() if "@" in token.strip("@")), "")
    return bare, " ".join(token for token in text.split() if token != bare)


def _address(text: str) -> str:
    text = decodable("".join(text.split()).removeprefix("mailto:"))
    # A source route (RFC 822): <@one,@two:anna@example.org>.
    if text.startswith("@") and ":" in text:
        text = text.rpartition(":")[2]
    return text[:320]


def ids(values: list[str]) -> tuple[str, ...]:
    """Message-IDs in angle brackets, in order, each once; missing brackets are forgiven, garbage is dropped."""
    found: dict[str, None] = {}
    for value in values:
        text = decodable(value[:200_000])
        for each in _BRACKETED.findall(text) or _BARE_ID.findall(text):
            one = "".join(each.split())
            if "@" in one.strip("@") and len(one) <= 998:
                found[f"<{one}>"] = None
    ordered = tuple(found)
    # The first names the thread, the last ones the parents.
    return ordered if len(ordered) <= IDS else (ordered[0], *ordered[1 - IDS :])


def own_id(value: str) -> str | None:
    """The Message-ID, even of programs that forget brackets or the at sign."""
    value = decodable(value[:2_000])
    text = "".join(value.split())[:998].strip("<>").strip()
    inner = _BRACKETED.search(value)
    text = "".join(inner[1].split()) if inner else text
    return f"<{text}>" if text and "<" not in text and ">" not in text else None


def date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value[:120])
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None


def topic(subject: str) -> tuple[str, bool, bool]:
    """The subject without stacked prefixes and tags, and whether it said reply, or forward."""
    text, is_reply, is_forward = subject, False, False
    while text:
        if prefix := _PREFIX.match(text):
            is_reply, is_forward = is_reply or bool(prefix["reply"]), is_forward or bool(prefix["forward"])
            text = text[prefix.end() :]
        elif (tag := _TAG.match(text)) and tag.end() < len(text):
            text = text[tag.end() :]
        else:
            break
    return text.strip() or subject, is_reply, is_forward
