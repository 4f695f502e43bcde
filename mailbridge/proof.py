"""Whether a mail is from whom it says, by what our own front mail server found out about it (RFC 8601). Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mailbridge.alignment import aligned, domain_of
from mailbridge.head import VALUE, Head, without_comments

MAX_SETS = 5  # of ARC; a mail that went through more hands than that is nobody's word

# A backslash quotes outside of strings as well, as `without_comments` has it: all must agree on what is within a string.
_SERVER = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s;"\\]+)(?:\s+(\d+))?\s*(?:;|$)', re.DOTALL)
_INFO = re.compile(r'(?:\\.|"(?:[^"\\]|\\.)*"?|[^;"\\])+', re.DOTALL)
_PAIR = re.compile(r'\s*([\w-]+(?:\s*[./]\s*[\w-]+)*)\s*=\s*((?:\\.|"(?:[^"\\]|\\.)*"?|[^\s;"\\])+)', re.DOTALL)
_ESCAPED = re.compile(r'\\(.)|"', re.DOTALL)
# Which property tells for whom a method passed.
_FOR = {"dmarc": ("header.from",), "dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom",)}


@dataclass(frozen=True)
class Result:
    """One `method=result` with its properties: "dkim", "pass", {"header.d": "example.org"}."""

    method: str
    result: str
    properties: dict[str, str]

    @property
    def domain(self) -> str:
        """For whom."""
        named = [self.properties[key] for key in _FOR.get(self.method, ()) if key in self.properties]
        return domain_of(named[0]) if named else ""


def vouched(author: str, head: Head, trusted: str, sealers: Collection[str] = ()) -> str:
    """ "dmarc", "dkim", "spf" or "none" for this From, as the trusted server has it.

    Or as a named sealer had it before a list or a forwarder changed the mail (ARC), when our server found the seals whole.
    """
    if not trusted or head.trouble or not head.is_by(author):
        return "none"
    authentication = standing(head, trusted)
    proof = proven(author, authentication, trusted)
    if proof == "none" and any(r.method == "arc" and r.result == "pass" for r in _by(trusted, authentication)):
        return sealed(author, head, sealers)
    return proof


def standing(head: Head, trusted: str) -> list[str]:
    """The results that the trusted server itself put there, whatever a stranger wrote.

    What stands above the topmost Received was added later than it, so by us. Postfix lets its filters add theirs right
    below it, where a stranger's begin as well: there only the topmost counts, and that it is not the stranger's is our
    server's duty, which takes out whatever comes in under its name (RFC 8601 5).
    """
    above: list[str] = []
    below: list[str] = []
    received = 0
    for field in head.fields:
        received += field.name == "received"
        if received < 2 and field.name == "authentication-results" and _is_of(trusted, field.value):
            (below if received else above).append(field.value)
    return above if above and received else [*above, *below][:1]


def denied(author: str, head: Head, trusted: str) -> bool:
    """Whether the trusted server found that this From's domain disowns the mail (dmarc=fail)."""
    results = _by(trusted, standing(head, trusted)) if trusted else ()
    return any(_is_dmarc_for(domain_of(author), each) and each.result == "fail" for each in results)


def proven(author: str, authentication: Sequence[str], trusted: str) -> str:
    """What these results of the trusted server prove; those of others say nothing."""
    return _best(domain_of(author), list(_by(trusted, authentication)))


def sealed(author: str, head: Head, sealers: Collection[str]) -> str:
    """What the sealers of a chain found out (RFC 8617), when each is named. Whether their seals hold is not asked here."""
    chain = sealed_by(head)
    if not chain or not all(sealer in sealers for sealer in chain):
        return "none"
    return attested(author, head.all("arc-authentication-results"))


def attested(author: str, records: Sequence[str]) -> str:
    """The best that any of these ARC-Authentication-Results says."""
    domain = domain_of(author)
    found = [_best(domain, read_results(record.partition(";")[2])[1]) for record in records[:MAX_SETS]]
    return next((proof for proof in found if proof != "none"), "none")


def sealed_by(head: Head) -> list[str]:
    """The domains that sealed and signed the sets of a chain; empty when it is none: incomplete, doubled, too long."""
    seals, signatures = ([tags(value) for value in head.all(name)] for name in ("arc-seal", "arc-message-signature"))
    count = len(seals)
    numbers = {str(number) for number in range(1, count + 1)}
    if not 0 < count == len(signatures) == len(head.all("arc-authentication-results")) <= MAX_SETS:
        return []
    if any({one.get("i") for one in fields} != numbers for fields in (seals, signatures)):
        return []
    return [domain_of(one.get("d", "")) for one in (*seals, *signatures)]


def tags(value: str) -> dict[str, str]:
    """A tag list of DKIM (RFC 6376 3.2), white space left out; the first of a name."""
    pairs = ("".join(part.split()).partition("=") for part in reversed(value.split(";")))
    return {name: said for name, _, said in pairs}


def read_results(value: str) -> tuple[str, list[Result]]:
    """RFC 8601 2.2: the server's identifier, folded, and its results; "" when this cannot be read or is a later version's."""
    server, rest = _by_whom(value)
    parts = (_result(part) for part in _INFO.findall(rest))
    return server, [part for part in parts if part]


def _by_whom(value: str) -> tuple[str, str]:
    """The server, and its results unread: what others wrote is not worth the work."""
    plain = without_comments(value) if len(value) <= VALUE else None
    server = _SERVER.match(plain) if plain is not None else None
    if plain is None or server is None or int(server[2] or 1) != 1:
        return "", ""
    return _unquoted(server[1]).casefold(), plain[server.end() :]


def _result(part: str) -> Result | None:
    pairs = list(_pairs(part))
    if not pairs:
        return None
    (method, result), *properties = pairs
    name, _, version = method.partition("/")
    first = dict(reversed(properties))
    return Result(name, result.casefold(), first) if version in ("", "1") else None


def _pairs(part: str) -> Iterator[tuple[str, str]]:
    """`header.from=example.org`, with white space wherever the standard allows it; up to what is something else."""
    at = 0
    while pair := _PAIR.match(part, at):
        yield "".join(pair[1].split()).casefold(), _unquoted(pair[2])
        at = pair.end()


def _best(domain: str, results: Sequence[Result]) -> str:
    """Where DMARC failed, what would do by itself does not: the domain may ask for more (RFC 7489 3.1)."""
    dmarc = [each for each in results if _is_dmarc_for(domain, each)]
    if not domain or any(each.result == "fail" for each in dmarc):
        return "none"
    if any(each.result == "pass" and each.domain for each in dmarc):
        return "dmarc"
    passed = {each.method for each in results if each.result == "pass" and aligned(each.domain, domain)}
    return next((method for method in ("dkim", "spf") if method in passed), "none")


def _is_dmarc_for(domain: str, result: Result) -> bool:
    return result.method == "dmarc" and result.domain in ("", domain)


def _by(trusted: str, authentication: Sequence[str]) -> Iterator[Result]:
    for value in authentication:
        if trusted and _is_of(trusted, value):
            yield from read_results(value)[1]


def _is_of(trusted: str, value: str) -> bool:
    return _by_whom(value)[0] == trusted.casefold()


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(lambda found: found[1] or "", value)
