"""Mails that say that a mail did not arrive: RFC 3464 first, then what servers write instead of it."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes

from flufl.bounce import all_failures

from mailbridge.letter import Bounced, Person
from mailbridge.read.encoding import decoded, words
from mailbridge.read.headers import people, topic
from mailbridge.read.mime import Entity, Headers, fields_of

# It logs each detector that stumbles over a broken mail, with a traceback.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

_STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}
_DAEMONS = re.compile(
    r"(?:mailer-?daemon|post-?master|mdaemon|mail-?administrator|mail-?delivery|"
    r"microsoftexchange[0-9a-f]{16,40})(?=$|[+.@_-])",
    re.I,
)
_DAEMON_NAMES = re.compile(
    r"mail delivery|delivery (?:sub)?system|system administrator|mail administrator|post ?master|mailer.daemon", re.I
)
_SUBJECTS = re.compile(
    r"undeliver|delivery (?:status|failure|problem|report|delayed|has failed|notification)|failure notice|"
    r"returned mail|return(?:ed|ing) to sender|mail (?:delivery|system error|could not)|failed mail|nondeliverable|"
    r"non-delivery|(?:could not be|not) delivered|failure delivery|delivery unsuccessful|user unknown|"
    r"address (?:rejected|not found)|toimittaminen (?:epäonnistui|viivästy)|ei voitu toimittaa|toimitusilmoitus|"
    r"perille toimittam|kunde inte levereras|leveransfel|leverans misslyckades|olevererbar|unzustellbar|"
    r"zustellung fehlgeschlagen|remise impossible|échec de la remise|mancato recapito|"
    r"no se pudo entregar|onbestelbaar|kunne ikke leveres|ei voi toimittaa|toimitus (?:viivästy|epäonnistu)|"
    r"kan inte levereras|leverans\w* (?:fördröj|försen)|(?:konnte|kann) nicht zugestellt|zustellung verzögert|"
    r"non remis|remise différée|no se puede entregar|não (?:é possível entregar|entregue)|falha na entrega|"
    r"impossibile recapitare|recapito non riuscito|kan ikke leveres|nie można dostarczyć|nelze doručit|"
    r"kézbesíthetetlen|не удается доставить|недоставлен|ei saa kohale toimetada",
    re.I,
)
# Where the text of the server ends and the returned mail begins.
_COPY = re.compile(
    r"^[ \t>]*+-{2,}+.{0,80}(?:copy of|original|returned|unsent|below)|^(?:received|return-path|message-id):",
    re.I | re.M,
)
_ADDRESS = r"[^\s<>()\[\]\",;:@]{1,64}@[A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,24}"
_LISTED = re.compile(rf"^[ \t]{{0,8}}<({_ADDRESS})>[ \t]?:?[ \t]*(.{{0,300}})", re.M)
# How servers name someone else: on a line alone, or "Your message to anna@example.org couldn't be delivered".
_ALONE = re.compile(
    rf"^[ \t>*]{{0,8}}(?:[\w.' -]{{1,40}}\()?({_ADDRESS})\)?(?:<mailto:[^>\n]{{0,320}}>| \([^)\n]{{0,320}}\))?[ \t]*[:.]?[ \t]*$",
    re.M,
)
_NAMED = re.compile(
    rf"\b(?:to|for|recipient|address|user|vastaanottaja|mottagare|empfänger|destinataire):?\s<?({_ADDRESS})", re.I
)
_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_KIND = re.compile(r"^\s*[\w-]{1,40}\s*;\s*")
_BASIC = re.compile(r"(?:^|[\s:(-])([45]\d\d)[\s-]")
_WILL_RETRY = re.compile(
    r"will (?:be retried|retry|keep trying|continue to (?:try|be attempted)|try again)|attempts will continue|"
    r"warning (?:message )?only|not yet been delivered|been delivered yet|yritetään (?:vielä|uudelleen|edelleen)|"
    r"försöker igen|fortsätt\w* att försöka|(?:erneut|weiterhin) versuch|delayed",
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
_REASON = 600


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
        return Report(is_bounce=True, bounced=_failed_recipients(mail))
    if _is_certain(mail):
        return Report(is_bounce=True, bounced=_from_text(mail) or _named(mail))
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
    """The author hints at it, or the subject of a mail that answers to nobody; then an address is needed as well.
    Who passes a bounce on asks what it means."""
    subject = words(mail.headers.first("subject"))[:1000]
    answers = "in-reply-to" in mail.headers or "references" in mail.headers or topic(subject)[2]
    return _is_daemon(mail) or (not answers and bool(_SUBJECTS.search(subject)))


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
    said = _KIND.sub("", block.first("diagnostic-code"))
    code = _code(block.first("status"), said)
    is_late = action == "delayed"
    return Bounced(address, not is_late and not code.startswith("4"), code, is_late, said) if address else None


def _code(status: str, diagnostic: str) -> str:
    """What was said says more than 5.0.0, "other or undefined"."""
    told, said = _ENHANCED.search(status), _ENHANCED.search(diagnostic)
    is_vague = told is not None and told[1].endswith(".0.0") and said is not None and said[1][0] == told[1][0]
    found = said if told is None or is_vague else told
    return found[1] if found else ""


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


def _failed_recipients(mail: Entity) -> tuple[Bounced, ...]:
    """Exim's own header, which Gmail writes too; why is said in the text."""
    addresses = (person.address for person in people(mail.headers.all("x-failed-recipients")))
    return _with_reasons([address for address in addresses if address], _text(mail))


def _named(mail: Entity) -> tuple[Bounced, ...]:
    """Whom a server names in a text of its own; the writer and the reader of the mail are not meant."""
    own = {person.address.lower() for name in ("to", "from") for person in people(mail.headers.all(name))}
    text = _text(mail)
    alone = [found[1] for found in _ALONE.finditer(text) if found[1].lower() not in own]
    named = alone or [found[1] for found in _NAMED.finditer(text) if found[1].lower() not in own][:1]
    return _with_reasons([address for address in named if not (_DAEMONS.match(address) or _is_masked(address))], text)


def _with_reasons(addresses: list[str], text: str) -> tuple[Bounced, ...]:
    """The reason stands below each, or anywhere when there is only one."""
    by_name = {address.lower(): address for address in addresses[:_MANY]}
    is_only_late = bool(_WILL_RETRY.search(text))
    found = []
    for name, address in by_name.items():
        reason = text if len(by_name) == 1 else text[text.lower().find(name) :][:_REASON].partition("\n\n")[0]
        code = _code(reason, "")
        found.append(Bounced(address, not (code.startswith("4") or is_only_late), code, is_only_late))
    return tuple(found)


def _from_text(mail: Entity) -> tuple[Bounced, ...]:
    text = _text(mail)
    listed = _listed(text) or _by_library(mail.raw)
    if len(listed) == 1 and not listed[0].status:
        return (replace(listed[0], status=_code(text, "")),)
    return listed


def _listed(text: str) -> tuple[Bounced, ...]:
    """ "<anna@example.org>: host mx.example.org said: 550 5.1.1 No such user", as Postfix and qmail write."""
    is_only_late = bool(_WILL_RETRY.search(text))
    found: dict[str, Bounced] = {}
    for match in _LISTED.finditer(text):
        reason = match[2] + text[match.end() : match.end() + 300].partition("\n\n")[0]
        enhanced, basic = _ENHANCED.search(reason), _BASIC.search(reason)
        code = enhanced[1] if enhanced else ""
        is_temporary = (code or (basic[1] if basic else "")).startswith("4") or is_only_late
        found.setdefault(match[1].lower(), Bounced(match[1], not is_temporary, code, is_only_late))
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
    found = [
        Bounced(decoded(address, ""), is_permanent, is_late=not is_permanent) for address, is_permanent in both[:_MANY]
    ]
    return tuple(bounced for bounced in found if bounced.address and not _is_masked(bounced.address))
