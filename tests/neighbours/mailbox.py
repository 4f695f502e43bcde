"""One member's mailbox, as their mail program sees it: by IMAP over TLS."""

import email
import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from tests.neighbours.place import Place
from tests.neighbours.servers import PASSWORD


@dataclass(frozen=True)
class Mailbox:
    here: Place
    user: str

    def raw(self) -> list[bytes]:
        """Every mail in it, as its server hands it out."""
        with self._open() as imap:
            _, found = imap.uid("fetch", "1:*", "(BODY.PEEK[])")
            return [part[1] for part in found if isinstance(part, tuple)]

    def mails(self) -> list[EmailMessage]:
        return [email.message_from_bytes(raw, policy=SMTP) for raw in self.raw()]

    def parents(self) -> dict[str, str | None]:
        """Each Message-ID and the one it stands below, as the server threads them (RFC 5256)."""
        ids = [str(mail["Message-ID"]) for mail in self.mails()]
        with self._open() as imap:
            _, [answer] = imap.thread("REFERENCES", "UTF-8", "ALL")
        return {ids[mail - 1]: ids[above - 1] if above else None for mail, above in parents(answer.decode())}

    @contextmanager
    def _open(self) -> Iterator[imaplib.IMAP4_SSL]:
        context = ssl.create_default_context(cafile=str(self.here.authority))
        with imaplib.IMAP4_SSL("localhost", self.here.port("imaps"), ssl_context=context) as imap:
            imap.login(self.user, PASSWORD)
            imap.select(readonly=True)
            yield imap


def parents(threads: str) -> Iterator[tuple[int, int | None]]:
    """ "(2)(3 6 (4 23)(44 7 96))": 6 answers 3, both 4 and 44 answer 6. In "((3)(5))" what both answer is not there."""
    above: int | None = None
    outer: list[int | None] = []
    for word in re.findall(r"[()]|\d+", threads):
        if word == "(":
            outer.append(above)
        elif word == ")":
            above = outer.pop()
        else:
            yield int(word), above
            above = int(word)
