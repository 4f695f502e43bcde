"""Caught mail: one folder per address, one file per mail. What the demo reads instead of the real mailboxes."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from pathlib import Path
from smtplib import SMTP

from forum.settings import Settings, host_port

HEADERS_SHOWN = 100_000  # bytes of a mail that are looked at for a list


@dataclass(frozen=True)
class Mailbox:
    address: str
    mails: int
    newest: float  # seconds since the epoch


@dataclass(frozen=True)
class Caught:
    """A mail in a list."""

    file: str
    subject: str
    sender: str
    when: float


def mailboxes(folder: Path, wanted: str = "") -> list[Mailbox]:
    """The ones with `wanted` in their address, the newest mail first."""
    if not folder.is_dir():
        return []
    found = [_mailbox(box) for box in folder.iterdir() if box.is_dir() and wanted.casefold() in box.name]
    return sorted((box for box in found if box.mails), key=lambda box: -box.newest)


def mails_of(folder: Path, address: str, limit: int = 100) -> list[Caught] | None:
    """The newest first; None when there is no such mailbox."""
    box = folder / address
    if not _is_name(address) or not box.is_dir():
        return None
    files = sorted(box.glob("*.eml"), key=lambda file: (file.stat().st_mtime, file.name), reverse=True)
    return [_listed(file) for file in files[:limit]]


def read(folder: Path, address: str, file: str) -> bytes | None:
    path = folder / address / file
    return path.read_bytes() if _is_name(address) and _is_name(file) and path.is_file() else None


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    """The part of that kind (plain or html) as text; empty when there is none."""
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""


def answer(settings: Settings, address: str, raw: bytes, text: str, when: str) -> EmailMessage:
    """What a mail program would send: to whom the mail says, under the same subject, with the mail quoted below."""
    mail = parsed(raw)
    answered = _mail(settings, address, str(mail["Reply-To"] or mail["From"]), _re(str(mail["Subject"] or "")))
    if message_id := str(mail["Message-ID"] or "").strip():
        answered["In-Reply-To"] = message_id
        answered["References"] = f"{mail['References'] or ''} {message_id}".strip()
    quoted = "".join(f"> {line}\n" if line else ">\n" for line in body(mail, "plain").rstrip().splitlines())
    name, sender = parseaddr(str(mail["From"]))
    answered.set_content(f"{text.rstrip()}\n\nOn {when}, {name} <{sender}> wrote:\n\n{quoted}", cte="8bit")
    return answered


def new_mail(settings: Settings, address: str, to: str, subject: str, text: str) -> EmailMessage:
    made = _mail(settings, address, to, subject)
    made.set_content(text.rstrip() + "\n", cte="8bit")
    return made


def send(settings: Settings, address: str, mail: EmailMessage) -> None:
    """By SMTP to our own door, as from outside. Raises OSError or SMTPException."""
    to = parseaddr(str(mail["To"]))[1]
    host, port = host_port(settings.smtp)
    with SMTP(host, port, timeout=20) as smtp:
        smtp.sendmail(address, [to], mail.as_bytes(policy=policy.SMTP))


def _mail(settings: Settings, address: str, to: str, subject: str) -> EmailMessage:
    """Vouched for as the demo's front mail server would."""
    domain = address.rpartition("@")[2]
    made = EmailMessage()
    made["Authentication-Results"] = f"{settings.trusted_mta}; dmarc=pass header.from={domain}"
    made["From"], made["To"], made["Subject"] = address, to, subject
    made["Date"], made["Message-ID"] = formatdate(localtime=True), make_msgid(domain=domain)
    return made


def _re(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"


def _mailbox(box: Path) -> Mailbox:
    mails = [file.stat().st_mtime for file in box.glob("*.eml")]
    return Mailbox(box.name, len(mails), max(mails, default=0.0))


def _listed(file: Path) -> Caught:
    with open(file, "rb") as raw:
        message = parsed(raw.read(HEADERS_SHOWN))
    name, address = parseaddr(str(message["From"] or ""))
    return Caught(file.name, str(message["Subject"] or ""), name or address, file.stat().st_mtime)


def _is_name(name: str) -> bool:
    return name == Path(name).name and not name.startswith(".")
