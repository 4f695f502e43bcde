"""What is still to be sent of a batch, spread over the domains it goes to. Pure."""

from collections import Counter, deque
from collections.abc import Iterable

from mailbridge.envelope import Answer, Envelope, Note

TIRED = 5  # this many "later" in a row from one domain: the rest of the batch comes another time
FULL = "4.2.2"  # one mailbox is full: that says nothing of the others


class Spread:
    """At most `at_once` copies are under way to one domain while there are others to send to, and who says "later" to
    several in a row (greylisting, a limit) is left alone. Within a domain the order stays: one member's mails keep theirs."""

    def __init__(self, envelopes: Iterable[Envelope], note: Note, at_once: int) -> None:
        self._note, self._at_once = note, at_once
        self._waiting: dict[str, deque[Envelope]] = {}
        for envelope in envelopes:
            self._waiting.setdefault(envelope.domain, deque()).append(envelope)
        self._turns = deque(self._waiting)  # domains with something waiting
        self._under_way: Counter[str] = Counter()
        self._laters: Counter[str] = Counter()
        self._is_over = False

    def __bool__(self) -> bool:
        return bool(self._turns) and not self._is_over

    def stop(self) -> None:
        """No more of it is taken; what is left is nobody's failure, and nothing is noted about it."""
        self._is_over = True

    def take(self) -> Envelope | None:
        """The next one: of the domain whose turn it is, passing over those that are busy."""
        if not self:
            return None
        for _ in range(len(self._turns)):
            if self._under_way[self._turns[0]] < self._at_once:
                break
            self._turns.rotate(-1)
        domain = self._turns[0]
        self._under_way[domain] += 1
        envelope = self._waiting[domain].popleft()
        if self._waiting[domain]:
            self._turns.rotate(-1)
        else:
            self._turns.popleft()
        return envelope

    def give_back(self, envelope: Envelope) -> None:
        """Not tried after all: it is the next one of its domain."""
        domain = envelope.domain
        self._under_way[domain] -= 1
        if not self._waiting[domain]:
            self._turns.appendleft(domain)
        self._waiting[domain].appendleft(envelope)

    def settle(self, envelope: Envelope, answer: Answer) -> None:
        """How it went with one that was taken."""
        domain = envelope.domain
        self._under_way[domain] -= 1
        self._note(envelope, answer)
        if answer.said.startswith("4") and FULL not in answer.said:
            self._laters[domain] += 1
            if self._laters[domain] >= TIRED:
                self._put_off(domain, answer)
        elif answer.outcome == "sent":
            self._laters[domain] = 0

    def put_off_all(self, answer: Answer) -> None:
        for domain in list(self._turns) if self else ():
            self._put_off(domain, answer)

    def _put_off(self, domain: str, answer: Answer) -> None:
        if not self._waiting[domain]:
            return
        self._turns.remove(domain)
        for envelope in self._waiting.pop(domain):
            self._note(envelope, answer)
        self._waiting[domain] = deque()
