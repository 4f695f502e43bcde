"""Mails that say that a mail did not arrive: RFC 3464 first, then what servers write instead of it."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes

from flufl.bounce import all_failures

from mailbridge.letter import Bounced, Person
from mailbridge.read.encoding import decoded, words
from mailbridge.read.headers import people
from mailbridge.read.mime import Entity, Headers, fields_of

# It logs each detector that stumbles over a broken mail, with a traceback.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

_STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}
_DAEMONS = re.compile(r"(?:mailer-?daemon|post-?master|mdaemon|mail-?administrator|mail-?delivery)(?=$|[+.@_-])", re.I)
_DAEMON_NAMES = re.compile(
    r"mail delivery|delivery (?:sub)?system|system administrator|mail administrator|post ?master|mailer.daemon", re.I
)
_SUBJECTS = re.compile(
    r"undeliver|delivery (?:status|failure|problem|report|delayed|has failed|notification)|failure notice|"
    r"returned mail|return(?:ed|ing) to sender|mail (?:delivery|system error|could not)|failed mail|nondeliverable|"
    r"non-delivery|(?:could not be|not) delivered|failure delivery|delivery unsuccessful|user unknown|"
    r"address (?:rejected|not found)|toimittaminen (?:epäonnistui|viivästy)|ei voitu toimittaa|toimitusilmoitus|"
    r"perille toimittam|kunde inte levereras|leveransfel|leverans misslyckades|olevererbar|unzustellbar|"
    r"zustellung fehlgeschlagen|remise impossible|échec de la remise|non remis|mancato recapito|"
    r"no se pudo entregar|onbestelbaar|kunne ikke leveres",
    re.I,
)
# Where the text of the server ends and the returned mail begins.
_COPY = re.compile(
    r"^[ \t>]*+-{2,}+.{0,80}(?:copy of|original|returned|unsent|below)|^(?:received|return-path|message-id):",
    re.I | re.M,
)
_ADDRESS = r"[^\s<>()\[\]\",;:@]{1,64}@[A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,24}"
_LISTED = re.compile(rf"^[ \t]{{0,8}}<({_ADDRESS})>[ \t]?:?[ \t]*(.{{0,300}})", re.M)
_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_BASIC = re.compile(r"(?:^|[\s:(-])([45]\d\d)[\s-]")
_WILL_RETRY = re.compile(
    r"will (?:be retried|keep trying|continue to try|try again)|warning message only|yritetään (?:vielä|uudelleen)|"
    r"försöker igen|delayed",
    re.I,
)
# The standard library makes objects of headers with other letters, on which the detectors stumble.
_ASCII = bytes(n if n < 128 else ord("?") for n in range(256))
_TEXT = 100_000
_LINES, _LINE = (
    1_500,
    500,
)  # for the library, whose hundred patterns try each of them, some more than once at each letter
_MANY = 500


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail says about mails of ours that went out."""

    is_bounce: bool = False
    bounced: tuple[Bounced, ...] = ()
    is_complaint: bool = False


def report(mail: Entity) -> Report:
    """Whether the mail is a bounce or a complaint, and about whom. Never raises."""
    kinds = {entity.media_type for entity in mail.walk()}
    if "message/feedback-report" in kinds or mail.parameters.get("report-type", "").lower() == "feedback-report":
        return Report(is_complaint=True)
    if kinds & _STATUS_PARTS and (found := _from_status_parts(mail)) is not None and (found or _is_certain(mail)):
        return Report(is_bounce=True, bounced=found or _from_text(mail))
    if "x-failed-recipients" in mail.headers:
        return Report(is_bounce=True, bounced=_failed_recipients(mail.headers))
    if _is_certain(mail):
        return Report(is_bounce=True, bounced=_from_text(mail))
    if _may_be(mail) and (found := _from_text(mail)):
        return Report(is_bounce=True, bounced=found)
    return Report()


def _is_certain(mail: Entity) -> bool:
    """A server wrote it. A postmaster may be a person too, and writes about other things."""
    is_report = mail.parameters.get("report-type", "").lower() == "delivery-status"
    sender = mail.headers.first("return-path").lower() + _author(mail).address.lower()
    is_named = bool(_SUBJECTS.search(words(mail.headers.first("subject"))))
    return is_report or "mailer-daemon" in sender or (is_named and (_is_daemon(mail) or _has_null_sender(mail.headers)))


def _may_be(mail: Entity) -> bool:
    """The author hints at it, or the subject of a mail that answers to nobody; then an address is needed as well."""
    answers = "in-reply-to" in mail.headers or "references" in mail.headers
    return _is_daemon(mail) or (not answers and bool(_SUBJECTS.search(words(mail.headers.first("subject")))))


def _is_daemon(mail: Entity) -> bool:
    author = _author(mail)
    return bool(_DAEMONS.match(author.address) or _DAEMON_NAMES.search(author.name))


def _author(mail: Entity) -> Person:
    return next(iter(people(mail.headers.all("from"))), Person("", ""))


def _has_null_sender(headers: Headers) -> bool:
    return "".join(headers.first("return-path").split()) == "<>"


def _from_status_parts(mail: Entity) -> tuple[Bounced, ...] | None:
    """RFC 3464: one block of fields per recipient. None when a mail arrived or was only opened, and nothing failed."""
    found: dict[str, Bounced] = {}
    actions: set[str] = set()
    for entity in mail.walk():
        if entity.media_type in _STATUS_PARTS:
            for block in _blocks(decoded(entity.data()[:_TEXT], "")):
                actions.add(_action(block))
                if bounced := _recipient(block):
                    found.setdefault(bounced.address.lower(), bounced)
    is_good_news = actions - {""} and not actions & {"failed", "delayed"}
    return None if is_good_news else tuple(found.values())[:_MANY]


def _blocks(text: str) -> Iterator[Headers]:
    for block in re.split(r"\n[ \t]*\n", text)[:_MANY]:
        yield Headers(fields_of(block))


def _action(block: Headers) -> str:
    return block.first("action").split(maxsplit=1)[0].strip(";(").lower() if block.first("action").strip() else ""


def _recipient(block: Headers) -> Bounced | None:
    action = _action(block)
    if action not in {"failed", "delayed"}:
        return None
    address = _of_field(block.first("original-recipient")) or _of_field(block.first("final-recipient"))
    status = _ENHANCED.search(block.first("status")) or _ENHANCED.search(block.first("diagnostic-code"))
    code = status[1] if status else ""
    return Bounced(address, action == "failed" and not code.startswith("4"), code) if address else None


def _of_field(value: str) -> str:
    """ "rfc822; anna@example.org", with the brackets, spaces and missing types of real servers."""
    kind, semicolon, rest = value.partition(";")
    text = rest if semicolon and "@" not in kind else value
    found = re.search(r"[^\s<>\[\]\",;:@]{1,64}@[A-Za-z0-9.-]{1,253}", words(text))
    return found[0].rstrip(".") if found and not _is_masked(found[0]) else ""


def _is_masked(address: str) -> bool:
    """ "david...@example.org": some archives and filters hide the address."""
    local = address.partition("@")[0]
    return ".." in local or local.endswith(".")


def _failed_recipients(headers: Headers) -> tuple[Bounced, ...]:
    """Exim's own header."""
    return tuple(
        Bounced(person.address, permanent=True)
        for person in people(headers.all("x-failed-recipients"))
        if person.address
    )


def _from_text(mail: Entity) -> tuple[Bounced, ...]:
    return _listed(_text(mail)) or _by_library(mail.raw)


def _listed(text: str) -> tuple[Bounced, ...]:
    """ "<anna@example.org>: host mx.example.org said: 550 5.1.1 No such user", as Postfix and qmail write."""
    is_only_late = bool(_WILL_RETRY.search(text))
    found: dict[str, Bounced] = {}
    for match in _LISTED.finditer(text):
        reason = match[2] + text[match.end() : match.end() + 300].partition("\n\n")[0]
        enhanced, basic = _ENHANCED.search(reason), _BASIC.search(reason)
        code = enhanced[1] if enhanced else ""
        is_temporary = (code or (basic[1] if basic else "")).startswith("4") or is_only_late
        found.setdefault(match[1].lower(), Bounced(match[1], not is_temporary, code))
    return tuple(found.values())[:_MANY]


def _text(mail: Entity) -> str:
    """What the server says, without the mail it sends back."""
    for entity in mail.walk():
        if entity.media_type.startswith("text/") and not entity.parts:
            text = decoded(entity.data()[:_TEXT], entity.parameters.get("charset", ""))
            copy = _COPY.search(text)
            return text[: copy.start()] if copy else text
    return ""


def _by_library(raw: bytes) -> tuple[Bounced, ...]:
    """The odd ones of thirty years, which flufl.bounce knows one by one."""
    try:
        lines = raw[:_TEXT].translate(_ASCII).splitlines(keepends=True)
        cut = [line if len(line) <= _LINE else line[:_LINE] + b"\n" for line in lines[:_LINES]]
        temporary, permanent = all_failures(message_from_bytes(b"".join(cut)))
    except Exception:  # noqa: BLE001  it reads foreign mails with the standard library, which raises on some
        return ()
    both = [(each, False) for each in sorted(temporary)] + [(each, True) for each in sorted(permanent)]
    found = [Bounced(decoded(address, ""), is_permanent) for address, is_permanent in both[:_MANY]]
    return tuple(bounced for bounced in found if bounced.address and not _is_masked(bounced.address))
