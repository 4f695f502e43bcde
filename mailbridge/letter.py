"""What a mail says, whoever wrote it with whatever program: plain data, no methods that decide."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["own", "forward", "quote", "signature"]


@dataclass(frozen=True, slots=True)
class Person:
    """A name and an address; the address is "" when there is none."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class File:
    """Something attached, or an inline picture that the text names by `content_id` (without angle brackets)."""

    name: str
    media_type: str
    data: bytes
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the text. The parts of a mail, joined, are its whole text."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Bounced:
    """An address a mail did not reach. `status` is the enhanced status code (RFC 3463), "" when none was given; `is_late`
    when the server goes on trying; `said` the answer that ended it, in the server's words."""

    address: str
    permanent: bool
    status: str = ""
    is_late: bool = False
    said: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail, read. Message-IDs stand in angle brackets; every text is decoded, for showing once escaped."""

    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()  # oldest first, at most 100
    thread_index: str | None = None  # Outlook's, base64
    thread_topic: str | None = None
    subject: str = ""  # one line, no control characters
    topic: str = ""  # the subject without "Re:", "VS:", "[slug]"
    is_reply: bool = False  # a reply prefix, In-Reply-To or References was there
    author: Person = Person("", "")
    to: tuple[Person, ...] = ()  # To and Cc
    sent_at: datetime | None = None  # always with a time zone
    language: str | None = None  # Content-Language
    parts: tuple[Part, ...] = ()
    files: tuple[File, ...] = ()
    forwarded_from: Person | None = None  # sender of the mail carried inside; Outlook's replies name one as well
    auto: str = ""  # why this is no person's mail, "" when it is one
    loop_ids: tuple[str, ...] = ()  # List-Id and X-Parvi-Loop, for telling our own mail
    bounced: tuple[Bounced, ...] = ()
    is_bounce: bool = False
    complaint: bool = False  # ARF, RFC 5965
    complained_of: tuple[str, ...] = ()  # envelope senders and links for stopping, of the mail that it is about
    calendar_method: str = (
        ""  # of a calendar part, in capitals (RFC 5546): "REPLY", "REQUEST"...; "" when there is none
    )
    markers: tuple[str, ...] = field(
        default=()
    )  # our /p/NUMBER addresses and Message-IDs found in the text below the answer

    @property
    def is_forward(self) -> bool:
        """Whether another mail was passed on here, rather than answered."""
        return any(part.kind == "forward" for part in self.parts)
