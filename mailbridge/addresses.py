"""The bridge's addresses: made for headers, read at RCPT. Pure.

slug@                a network          slug+r.TOKEN@   who replies, and to which post
slug+join@ +leave@ +help@ +owner@       slug+a.TOKEN@   an answer to "was this you?"
b+TOKEN@             envelope sender, for bounces (VERP)      b+c.TOKEN@     a mail of the doctor's to ourselves
postmaster@ abuse@   the operator
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from forum.tokens import Tokens

Kind = Literal["network", "reply", "answer", "join", "leave", "help", "owner", "bounce", "check", "operator"]

OPERATOR = frozenset({"postmaster", "abuse", "hostmaster", "webmaster", "mailer-daemon", "root"})
WORDS: dict[str, Kind] = {"join": "join", "leave": "leave", "help": "help", "owner": "owner"}


@dataclass(frozen=True)
class Target:
    """What an address of ours stands for. `numbers` are the token's: reply (member, post), answer (inbox), bounce (outbox)."""

    kind: Kind
    slug: str = ""
    numbers: tuple[int, ...] = ()


class Addresses:
    def __init__(self, domain: str, tokens: Tokens) -> None:
        self.domain, self._tokens = domain, tokens

    def network(self, slug: str) -> str:
        return f"{slug}@{self.domain}"

    def word(self, slug: str, word: str) -> str:
        """slug+join@, slug+leave@, slug+help@, slug+owner@"""
        return f"{slug}+{word}@{self.domain}"

    def reply(self, slug: str, member_id: int, post_id: int) -> str:
        return f"{slug}+r.{self._tokens.make('reply', member_id, post_id)}@{self.domain}"

    def answer(self, slug: str, inbox_id: int) -> str:
        return f"{slug}+a.{self._tokens.make('held', inbox_id)}@{self.domain}"

    def bounce(self, outbox_id: int) -> str:
        return f"b+{self._tokens.make('bounce', outbox_id)}@{self.domain}"

    def check(self, number: int) -> str:
        return f"b+c.{self._tokens.make('check', number)}@{self.domain}"

    def ours(self, address: str) -> bool:
        return address.rpartition("@")[2].casefold() == self.domain.casefold()

    def read(self, address: str) -> Target | None:
        """What the address stands for; None when we never made it. Whether the network exists is not known here."""
        if address.lower() == "postmaster":
            return Target("operator")  # RFC 5321 4.5.1: with or without a domain
        local = address.rpartition("@")[0].lower()
        slug, plus, rest = local.partition("+")
        if not self.ours(address) or not slug:
            return None
        if not plus:
            return Target("operator") if slug in OPERATOR else Target("network", slug)
        if slug == "b" and rest.startswith("c."):
            return self._with_token("check", "check", "", rest[2:])
        if slug == "b":
            return self._with_token("bounce", "bounce", "", rest)
        if rest in WORDS:
            return Target(WORDS[rest], slug)
        if rest.startswith("r."):
            return self._with_token("reply", "reply", slug, rest[2:])
        return self._with_token("answer", "held", slug, rest[2:]) if rest.startswith("a.") else None

    def different(self, addresses: Iterable[str]) -> list[str]:
        """One in other letters is the same one: a thousand ways to write it make one post and one answer."""
        found: dict[Target | str, str] = {}
        for address in addresses:
            found.setdefault(self.read(address) or address, address)
        return list(found.values())

    def _with_token(self, kind: Kind, purpose: str, slug: str, token: str) -> Target | None:
        numbers = self._tokens.read(purpose, token)
        return Target(kind, slug, numbers) if numbers else None


def on_the_wire(address: str) -> str:
    """The domain in ASCII (RFC 5890), so that only a local part beyond ASCII needs a server that knows SMTPUTF8."""
    local, at, domain = address.rpartition("@")
    try:
        return local + at + domain.encode("idna").decode()
    except UnicodeError:
        return address
