"""What we send: a post or a notice -> bytes, and one member's headers on top of them. Pure.

A post is rendered once for each language; its body is the same for everybody, so that it is hashed once. Only
`address` is done for each copy, and it only joins bytes.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from functools import cache, cached_property, partial
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from forum import TEMPLATES, i18n
from forum.members import Recipient
from forum.text import one_line
from mailbridge import dkim
from mailbridge.addresses import Addresses
from mailbridge.assemble import bodies, file_part, header
from mailbridge.digests import Digest


@dataclass(frozen=True)
class Enclosure:
    """A file that goes along with a post; `data` is None when it is too large and becomes a link."""

    name: str
    media_type: str
    size: int
    url: str
    content_id: str | None = None
    data: bytes | None = None


@dataclass(frozen=True)
class PostMail:
    """What is written about a post."""

    post_id: int
    slug: str
    network: str
    tags_subject: bool
    subject: str
    number: int
    author: str
    organisation: str
    language: str
    sent_at: datetime
    text: str
    html: str
    message_id: str
    references: Sequence[str]
    thread_index: str  # for Outlook; the same in all mails of a thread
    enclosures: Sequence[Enclosure] = ()


@dataclass(frozen=True)
class Rendered:
    """`headers` are whole lines, shared by all copies; `body` begins after the empty line."""

    headers: tuple[bytes, ...]
    body: bytes

    @cached_property
    def shared(self) -> dkim.Shared:
        """What of a copy's signature is the same for all; made once, and only where mails are signed."""
        return dkim.shared(self.headers, self.body)


class Writer:
    def __init__(self, addresses: Addresses, base_url: str, signer: dkim.Signer | None) -> None:
        self._addresses, self._base_url, self._signer = addresses, base_url, signer

    def post(self, mail: PostMail, language: str) -> Rendered:
        """One variant. The same for every reader of that language."""
        headers = [
            ("Subject", _subject(mail)),
            ("Date", format_datetime(mail.sent_at)),
            *self._list_headers(mail, language),
            ("Content-Language", ", ".join(dict.fromkeys((mail.language, language)))),
        ]
        files = [
            file_part(file.data, file.media_type, file.name, file.content_id)
            for file in mail.enclosures
            if file.data is not None
        ]
        sender = b"From: " + _mailbox(f"{mail.author}, {mail.network}", self._addresses.network(mail.slug))
        by_hand = [sender, *_ids(mail.message_id, mail.references)]
        return _rendered(by_hand, headers, *self.forms(mail, language), files)

    def forms(self, mail: PostMail, language: str) -> tuple[str, str]:
        """The body as text and as HTML."""
        facts = {
            "post": mail,
            "moment": i18n.moment(mail.sent_at, language),
            "url": f"{self._base_url}/p/{mail.post_id}",
        }
        blocks = self._blocks("post", language, slug=mail.slug, **facts)
        return blocks["text"], blocks["html"]

    def notice(self, kind: str, facts: dict[str, Any], to: Recipient, message_id: str, now: datetime) -> Rendered:
        """A whole mail for one person: `templates/mail/<kind>.jinja`. A machine wrote it and says so (RFC 3834 5)."""
        said = self._said(kind, to, facts)
        blocks = self._blocks("notice", to.language, **said)
        slug = facts.get("slug") or "postmaster"
        headers = [
            ("Subject", one_line(said["subject"])),
            ("Date", format_datetime(now)),
            ("Auto-Submitted", "auto-replied" if facts.get("answers") else "auto-generated"),
            ("X-Parvi-Loop", self._addresses.domain),
            ("Content-Language", to.language),
        ]
        people = [b"From: " + _mailbox("Parvi", self._addresses.network(slug))]
        if reply_to := facts.get("reply_to"):
            people.append(b"Reply-To: " + _mailbox("", reply_to))
        answers = facts.get("answers")
        by_hand = [*people, *_ids(message_id, [answers] if answers else [])]
        return _rendered(by_hand, headers, blocks["text"], blocks["html"])

    def digest(self, digest: Digest, to: Recipient, message_id: str, now: datetime) -> Rendered:
        """A whole mail for one person. Who answers it, by From or by Reply-To, is told how to answer a discussion."""
        moment = partial(i18n.moment, language=to.language, time_zone=digest.time_zone)
        blocks = self._blocks("digest", to.language, digest=digest, to=to, moment=moment)
        headers = [
            ("Subject", one_line(blocks["subject"])),
            ("Date", format_datetime(now)),
            *self._digest_headers(digest),
            ("Content-Language", to.language),
        ]
        help_address = self._addresses.word(digest.sections[0].slug, "help")
        people = [b"From: " + _mailbox("Parvi", help_address), b"Reply-To: " + _mailbox("", help_address)]
        by_hand = [*people, *self._stop(digest), *_ids(message_id, [])]
        return _rendered(by_hand, headers, blocks["text"], blocks["html"])

    def address(self, rendered: Rendered, personal: Sequence[bytes]) -> bytes:
        """The head of one copy: signatures, this member's headers, the shared ones, the empty line. The body follows."""
        signatures = self._signer.sign(personal, rendered.shared) if self._signer else b""
        return b"".join((signatures, *personal, *rendered.headers, b"\r\n"))

    def personal(self, to: Recipient, slug: str, post_id: int, unsubscribe: str) -> list[bytes]:
        """The headers that only this member's copy has. `unsubscribe` is their token for the link (RFC 8058)."""
        assert to.member_id is not None
        reply = self._addresses.reply(slug, to.member_id, post_id)
        return [
            b"To: " + _mailbox(to.name, to.address),
            f"Reply-To: <{reply}>\r\n".encode(),
            *self._one_click(slug, unsubscribe),
        ]

    def bounce_address(self, outbox_id: int) -> str:
        return self._addresses.bounce(outbox_id)

    def to(self, to: Recipient) -> list[bytes]:
        """The personal headers of a notice."""
        return [b"To: " + _mailbox(to.name, to.address)]

    def _one_click(self, slug: str, unsubscribe: str) -> list[bytes]:
        leave = self._addresses.word(slug, "leave")
        return [
            f"List-Unsubscribe: <{self._base_url}/u/{unsubscribe}>,\r\n <mailto:{leave}>\r\n".encode(),
            b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        ]

    def _stop(self, digest: Digest) -> list[bytes]:
        """One click stops one network. Which of several no program can know: the mail itself has a link for each."""
        if len(digest.stops) == 1:
            return self._one_click(*next(iter(digest.stops.items())))
        return [f"List-Unsubscribe: <{self._base_url}/me>\r\n".encode()]

    def _digest_headers(self, digest: Digest) -> list[tuple[str, str]]:
        """A machine put it together (RFC 3834 5), for many; its own List-Id, so that it can be filed apart."""
        return [
            ("Auto-Submitted", "auto-generated"),
            ("Precedence", "list"),
            ("List-Id", f"<digest.{self._addresses.domain}>"),
            ("List-Help", f"<mailto:{self._addresses.word(digest.sections[0].slug, 'help')}>"),
            ("X-Parvi-Loop", self._addresses.domain),
            ("Feedback-ID", "digest:parvi"),
        ]

    def _list_headers(self, mail: PostMail, language: str) -> list[tuple[str, str]]:
        """RFC 2369, 2919, 5064; List-Unsubscribe is personal and stands in `personal`."""
        word = self._addresses.word
        phrase = f'"{mail.network}" ' if mail.network.isascii() and mail.network.replace(" ", "").isalnum() else ""
        return [
            ("List-Id", f"{phrase}<{mail.slug}.{self._addresses.domain}>"),
            ("List-Post", f"<mailto:{self._addresses.network(mail.slug)}>"),
            ("List-Help", f"<mailto:{word(mail.slug, 'help')}>"),
            ("List-Owner", f"<mailto:{word(mail.slug, 'owner')}>"),
            ("List-Archive", f"<{self._base_url}/n/{mail.slug}>"),
            ("Archived-At", f"<{self._base_url}/p/{mail.post_id}>"),
            ("Thread-Index", mail.thread_index),
            ("Precedence", "list"),
            ("X-Parvi-Loop", self._addresses.domain),
            ("Feedback-ID", f"{mail.slug}:parvi"),
        ]

    def _said(self, kind: str, to: Recipient, facts: dict[str, Any]) -> dict[str, Any]:
        """The subject and the paragraphs of a notice, in its reader's language."""
        template = _environment(to.language).get_template(f"mail/{kind}.jinja")
        module = template.make_module(
            {"addresses": self._addresses, "base_url": self._base_url, "to": to, "slug": "", **facts}
        )
        return {"subject": getattr(module, "subject"), "paragraphs": getattr(module, "paragraphs")}  # noqa: B009

    def _blocks(self, name: str, language: str, **facts: Any) -> dict[str, str]:
        template = _environment(language).get_template(f"mail/{name}.jinja")
        context = template.new_context(
            {"addresses": self._addresses, "base_url": self._base_url, "language": language, **facts}
        )
        return {block: "".join(render(context)).strip("\n") + "\n" for block, render in template.blocks.items()}


@cache
def _environment(language: str) -> Environment:
    """Only HTML is escaped: the text block is plain text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(i18n.translations(language), newstyle=True)  # type: ignore[attr-defined]
    return environment


def _subject(mail: PostMail) -> str:
    """Stable in the thread, so that every mail program keeps it together."""
    tag = f"[{mail.slug}] " if mail.tags_subject else ""
    return f"{'Re: ' if mail.number > 1 else ''}{tag}{mail.subject}"


def _ids(message_id: str, references: Sequence[str]) -> list[bytes]:
    """By hand: the library's parser raises on identifiers that are odd but in use, and folds inside others."""
    [own, *above] = ["".join(each.split()) for each in (message_id, *references)]
    lines = [f"Message-ID: {own}\r\n"]
    if above:
        lines += [f"In-Reply-To: {above[-1]}\r\n", "References: " + "\r\n ".join(above) + "\r\n"]
    return [line.encode("ascii", "replace") for line in lines]


def _rendered(
    by_hand: Sequence[bytes], headers: Iterable[tuple[str, str]], text: str, html: str, files: Sequence[bytes] = ()
) -> Rendered:
    about, body = bodies(text, html, files)
    lines = (*by_hand, *(header(name, value) for name, value in headers), *about)
    return Rendered(lines, body)


def _mailbox(name: str, address: str) -> bytes:
    """`Name <address>` and the line end; what is not ASCII is encoded in words of at most 75 octets (RFC 2047 2).

    By hand: the library folds a long quoted name without its quotes, and its comma then begins another address.
    """
    name, address = one_line(name, 500), "".join(address.split())
    if not name:
        return f"<{address}>\r\n".encode()
    if name.isascii() and len(name) <= 60 and "=?" not in name:
        shown = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    else:
        shown = Header(name, "utf-8", maxlinelen=70).encode(linesep="\r\n")
    return f"{shown}\r\n <{address}>\r\n".encode()
