"""One mail at one of our addresses, with all that is known about it; and what became of it."""

import re
from dataclasses import dataclass
from datetime import datetime

from forum import language, members
from forum.errors import BadAddress
from forum.members import Recipient
from forum.tables import Member, Network
from mailbridge.addresses import Target
from mailbridge.decide import Facts
from mailbridge.letter import Letter
from mailbridge.quotes import own_text


@dataclass(frozen=True)
class Fate:
    """What became of a mail: one of posted, held, command, bounce, ignored, refused, failed; and why, in English for the log."""

    fate: str
    reason: str
    network_id: int | None = None
    member_id: int | None = None
    post_id: int | None = None


@dataclass(frozen=True)
class Case:
    """A letter at one of our addresses, with all that is known about it."""

    letter: Letter
    target: Target
    facts: Facts
    network: Network | None
    author: Member | None
    inbox_id: int
    mail_id: int
    recipient: str
    received_at: datetime
    digest: str  # of the raw mail
    unanswerable: str = ""  # why its sender gets no answer
    was_held: bool = False  # until somebody said whose it is, or where it belongs

    def ends(self, fate: str, reason: str, post_id: int | None = None) -> Fate:
        return Fate(
            fate, reason, self.network.id if self.network else None, self.author.id if self.author else None, post_id
        )

    @property
    def slug(self) -> str:
        return self.network.slug if self.network else ""

    @property
    def sender(self) -> Recipient:
        """Who wrote, and in which language they want to be answered."""
        author = self.letter.author
        if self.author:
            return Recipient(author.address, self.author.name, self.author.language, self.author.id)
        default = self.network.language if self.network else "en"
        return Recipient(author.address, author.name, language.detect(own_text(self.letter.parts), default))


def identity(letter: Letter, digest: str, domain: str) -> str:
    """The Message-ID its post gets: its own, or one that the same mail would get again."""
    return sane_id(letter.message_id) or f"<{digest[:32]}@{domain}>"


def sane_id(message_id: str | None) -> str | None:
    """Only what can stand in our own headers again; others get an identifier from their content."""
    return message_id if message_id and re.fullmatch(r"<[!-;=?-~]{1,200}@[!-;=?-~]{1,200}>", message_id) else None


def is_address(text: str) -> bool:
    """One that can be answered: a From may hold anything, also what could not be decoded."""
    try:
        return bool(members.check_address(text)) and "\ufffd" not in text
    except BadAddress:
        return False


def plain_address(recipient: str) -> str:
    """A personal address is nobody's business in a text: "viestijat@lists.example.org"."""
    local, _, domain = recipient.partition("@")
    return f"{local.partition('+')[0] if '.' in local.partition('+')[2] else local}@{domain}"
