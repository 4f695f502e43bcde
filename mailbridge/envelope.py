"""What a postman carries, and what he comes back with. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["sent", "refused", "deferred"]


@dataclass(frozen=True)
class Envelope:
    """One copy for one recipient: `head` is theirs, `body` is shared between copies."""

    key: int
    sender: str
    recipient: str
    head: bytes
    body: bytes

    @property
    def size(self) -> int:
        return len(self.head) + len(self.body)

    @property
    def domain(self) -> str:
        return self.recipient.rpartition("@")[2].lower()


@dataclass(frozen=True)
class Answer:
    """How it went, and what the peer said: "250 2.0.0 Ok"."""

    outcome: Outcome
    said: str


Note = Callable[[Envelope, Answer], None]
