"""Whether two domains are one organisation's (RFC 7489 3.1, 3.2), by the list of public suffixes. Pure."""

from functools import cache, lru_cache

import idna
from publicsuffixlist import PublicSuffixList


def domain_of(address: str) -> str:
    """The domain of an address, or a domain itself, as it stands in DNS; "" when it cannot stand there."""
    return _in_ascii(address.rpartition("@")[2].strip().rstrip(".").casefold())


def organisation(domain: str) -> str:
    """a.b.bank.co.uk -> bank.co.uk; a public suffix is its own."""
    return _suffixes().privatesuffix(domain) or domain


def aligned(one: str, other: str, *, strict: bool = False) -> bool:
    """Domains as `domain_of` gives them. Relaxed: of one organisation, above, below or beside."""
    if not one or not other:
        return False
    return one == other if strict else organisation(one) == organisation(other)


@lru_cache(10_000)
def _in_ascii(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode() if not domain.isascii() else domain
    except idna.IDNAError:
        return ""


@cache
def _suffixes() -> PublicSuffixList:
    """40 ms to read: when it is first needed, and once."""
    return PublicSuffixList()
