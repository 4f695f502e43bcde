"""Questions to DNS: two seconds for each, five for all about one mail; answers are remembered as long as they hold."""

import ipaddress
import threading
import time
from typing import Any

import dns.exception
import dns.name
import dns.resolver
from dns.rdatatype import RdataType

from forum.settings import host_port

QUERY_S = 2.0
TRY_S = 1.0  # a lost packet is asked for again within the two
ALL_S = 5.0
REMEMBERED = 500
ANSWER_BYTES = 4_096  # of one text; a 4096-bit key takes 750
DEAF = 3  # time-outs in a row after which the server is left alone
LEFT_ALONE_S = 10.0
NO_SUCH_NAME = (
    dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN, dns.exception.SyntaxError, UnicodeError,
    dns.name.EmptyLabel, dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.BadEscape, dns.name.IDNAException,
)  # fmt: skip


class DnsTrouble(Exception):
    """There is no answer now; there may be one later."""


class Resolver:
    """One for each process. `nameserver` is "127.0.0.1:53"; empty for the system's."""

    def __init__(self, nameserver: str = "") -> None:
        self._dns = _configured(nameserver)
        self._dns.timeout = TRY_S
        self._dns.cache = dns.resolver.LRUCache(REMEMBERED)
        self._lock = threading.Lock()
        self._timeouts, self._deaf_until = 0, 0.0

    def questions(self, seconds: float = ALL_S) -> "Questions":
        """For one mail."""
        return Questions(self, time.monotonic() + seconds)

    def ask(self, name: str, kind: RdataType, seconds: float) -> list[Any]:
        """The records; empty when the name or this kind of it does not exist. Raises DnsTrouble."""
        if time.monotonic() < self._deaf_until:
            raise DnsTrouble("the name server has not answered for a while")
        try:
            answer = self._dns.resolve(
                name, kind, lifetime=min(QUERY_S, seconds), raise_on_no_answer=False, search=False
            )
        except NO_SUCH_NAME:
            return self._heard([])
        except dns.resolver.LifetimeTimeout as error:
            self._not_heard()
            raise DnsTrouble(f"no answer in time about {name}") from error
        except (dns.exception.DNSException, OSError) as error:
            raise DnsTrouble(f"no usable answer about {name}: {type(error).__name__}") from error
        return self._heard(list(answer.rrset or ()))

    def _heard(self, records: list[Any]) -> list[Any]:
        with self._lock:
            self._timeouts = 0
        return records

    def _not_heard(self) -> None:
        """A batch of mails shall not wait five seconds each for a server that is down."""
        with self._lock:
            self._timeouts += 1
            if self._timeouts >= DEAF:
                self._timeouts, self._deaf_until = 0, time.monotonic() + LEFT_ALONE_S


class Questions:
    """What is asked about one mail, within its time."""

    def __init__(self, resolver: Resolver, until: float) -> None:
        self._resolver, self._until = resolver, until

    def texts(self, name: str) -> list[bytes]:
        """TXT, the strings of each joined (RFC 7208 3.3); what is too long to be meant is left out."""
        texts = [b"".join(record.strings) for record in self._ask(name, RdataType.TXT)]
        return [text for text in texts if len(text) <= ANSWER_BYTES]

    def addresses(self, name: str, version: int) -> list[str]:
        """A for version 4, AAAA for 6."""
        return [record.address for record in self._ask(name, RdataType.A if version == 4 else RdataType.AAAA)]

    def exchanges(self, name: str) -> list[str]:
        """MX, the preferred first."""
        records = sorted(self._ask(name, RdataType.MX), key=lambda record: record.preference)
        return [record.exchange.to_text(omit_final_dot=True) for record in records]

    def _ask(self, name: str, kind: RdataType) -> list[Any]:
        left = self._until - time.monotonic()
        if left <= 0:
            raise DnsTrouble("all questions together took too long")
        return self._resolver.ask(name.rstrip(".") + ".", kind, left)


def _configured(nameserver: str) -> dns.resolver.Resolver:
    """A system without any name server answers nothing, which is trouble when it is asked, not when we start."""
    if not nameserver:
        try:
            return dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            return dns.resolver.Resolver(configure=False)
    found = dns.resolver.Resolver(configure=False)
    host, found.port = host_port(nameserver)
    found.nameservers = [str(ipaddress.ip_address(host))]
    return found
