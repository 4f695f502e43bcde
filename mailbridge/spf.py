"""Which peers may send for a domain (RFC 7208). `ptr` is never asked: the standard itself says not to use it (5.5).

Our own, since pyspf was last released in January 2020, asks through a function of its module, so that neither our
time-outs nor our name server reach it, and does not tell by what a peer passed.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from mailbridge.resolver import Questions

LOOKUPS, VOIDS, EXCHANGES = 10, 2, 10  # 4.6.4

Result = Literal["pass", "fail", "softfail", "neutral", "none", "permerror"]
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_RESULTS: dict[str, Result] = {"+": "pass", "": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_MACRO = r"%\{[slodiphv]\d*r?[.\-+,/_=]*\}|%%|%_|%-"
_SPEC = rf"(?:{_MACRO}|[!-$&-~])+"
_END = r"(?:\.(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])\.?|%\{[slodiphv]\d*r?[.\-+,/_=]*\})"  # 7.1
_TERM = re.compile(
    r"(?P<sign>[+\-?~]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)(?P<rest>[:/].*)?|"
    r"(?P<modifier>[a-z][a-z0-9_.\-]*)=(?P<value>.*)",
    re.I,
)
_WITH_LENGTHS = re.compile(r"(?::(?P<spec>.+?))?(?:/(?P<four>0|[1-9]\d?))?(?://(?P<six>0|[1-9]\d{0,2}))?")
_EXPANSION = re.compile(
    r"%(?:\{(?P<letter>[a-z])(?P<count>\d*)(?P<reverse>r?)(?P<split>[.\-+,/_=]*)\}|(?P<sign>.))", re.I
)


class _Wrong(Exception):
    """permerror"""


@dataclass(frozen=True)
class _Term:
    sign: str
    name: str
    spec: str
    lengths: tuple[int, int] = (32, 128)


@dataclass(frozen=True)
class _Record:
    terms: list[_Term]
    redirect: str = ""


@dataclass
class Check:
    """One check of one peer. `by_all` tells that what let it pass lets everybody pass, which proves nothing."""

    peer: Ip
    sender: str
    ask: Questions
    helo: str = "unknown"
    by_all: bool = False
    lookups: int = field(default=0, init=False)
    voids: int = field(default=0, init=False)

    def result(self) -> Result:
        """For the envelope sender. Raises DnsTrouble where the standard says temperror."""
        try:
            return self._of(self.sender.rpartition("@")[2].lower())
        except _Wrong:
            return "permerror"

    def _of(self, domain: str) -> Result:
        """4: check_host()."""
        record = _parsed(self._record(domain)) if _is_name(domain) else None
        if record is None:
            return "none"
        for term in record.terms:
            if self._matches(term, domain):
                self.by_all = self.by_all or (term.name == "all" and _RESULTS[term.sign] == "pass")
                return _RESULTS[term.sign]
        return self._redirected(record.redirect, domain) if record.redirect else "neutral"

    def _record(self, domain: str) -> str | None:
        """4.5: exactly one may begin with v=spf1."""
        texts = [text.decode("latin-1") for text in self.ask.texts(domain)]
        found = [text for text in texts if re.match(r"v=spf1(?: |$)", text, re.I)]
        if len(found) > 1:
            raise _Wrong
        return found[0][6:] if found else None

    def _redirected(self, spec: str, domain: str) -> Result:
        """6.1"""
        self._count()
        result = self._of(self._expanded(spec, domain))
        if result == "none":
            raise _Wrong
        return result

    def _matches(self, term: _Term, domain: str) -> bool:
        if term.name in ("ip4", "ip6"):
            return self.peer in ipaddress.ip_network(term.spec, strict=False)
        if term.name == "all":
            return True
        self._count()
        target = self._expanded(term.spec, domain) if term.spec else domain
        matching: dict[str, Callable[[str, _Term], bool]] = {
            "include": self._included, "a": self._is_address, "mx": self._is_exchange, "exists": self._exists,
        }  # fmt: skip
        return term.name in matching and matching[term.name](target, term)

    def _included(self, target: str, term: _Term) -> bool:
        """5.2"""
        by_all = self.by_all
        result = self._of(target)
        if result == "none":
            raise _Wrong
        self.by_all = self.by_all if result == "pass" else by_all
        return result == "pass"

    def _is_address(self, target: str, term: _Term) -> bool:
        """5.3"""
        return self._is_among(self._seen(self._addresses(target, self.peer.version)), term)

    def _is_exchange(self, target: str, term: _Term) -> bool:
        """5.4"""
        exchanges = self._seen(self.ask.exchanges(target) if _is_name(target, labels=1) else [])
        if len(exchanges) > EXCHANGES:
            raise _Wrong
        return any(self._is_among(self._addresses(name, self.peer.version), term) for name in exchanges)

    def _exists(self, target: str, term: _Term) -> bool:
        """5.7: always A."""
        return bool(self._seen(self._addresses(target, 4)))

    def _is_among(self, addresses: list[str], term: _Term) -> bool:
        length = term.lengths[self.peer.version == 6]
        return any(self.peer in ipaddress.ip_network(f"{address}/{length}", strict=False) for address in addresses)

    def _addresses(self, name: str, version: int) -> list[str]:
        return self.ask.addresses(name, version) if _is_name(name, labels=1) else []

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > LOOKUPS:
            raise _Wrong

    def _seen(self, answers: list[str]) -> list[str]:
        self.voids += not answers
        if self.voids > VOIDS:
            raise _Wrong
        return answers

    def _expanded(self, spec: str, domain: str) -> str:
        """7.3; a name that became too long loses labels on the left."""
        name = _EXPANSION.sub(lambda found: self._replacement(found, domain), spec).rstrip(".")
        while len(name) > 253 and "." in name:
            name = name.partition(".")[2]
        return name

    def _replacement(self, found: re.Match[str], domain: str) -> str:
        if found["sign"]:
            return {"%": "%", "_": " ", "-": "%20"}[found["sign"]]
        letter = found["letter"]
        parts = re.split(f"[{re.escape(found['split'] or '.')}]", self._value(letter.lower(), domain))
        parts = parts[::-1] if found["reverse"] else parts
        text = ".".join(parts[-int(found["count"]) :] if found["count"] else parts)
        return quote(text, safe="-._~") if letter.isupper() else text

    def _value(self, letter: str, domain: str) -> str:
        local, _, of = self.sender.rpartition("@")
        local = local or "postmaster"
        dotted = str(self.peer) if self.peer.version == 4 else ".".join(self.peer.exploded.replace(":", ""))
        said = {"s": f"{local}@{of}", "l": local, "o": of, "d": domain, "i": dotted, "p": "unknown", "h": self.helo}
        return said.get(letter, "in-addr" if self.peer.version == 4 else "ip6")


def _parsed(record: str | None) -> _Record | None:
    """The whole is read before any of it is asked for: a mistake at the end counts as well (4.6)."""
    if record is None:
        return None
    terms: list[_Term] = []
    modifiers: dict[str, str] = {}
    for word in record.split(" "):
        found = _TERM.fullmatch(word)
        if found and found["name"]:
            terms.append(_term(found["sign"], found["name"].lower(), found["rest"] or ""))
        elif found:
            _note(modifiers, found["modifier"].lower(), found["value"])
        elif word:
            raise _Wrong
    return _Record(terms, modifiers.get("redirect", ""))


def _note(modifiers: dict[str, str], name: str, value: str) -> None:
    """6: redirect and exp stand once; others are passed over."""
    is_ours = name in ("redirect", "exp")
    form = rf"(?:{_SPEC})?{_END}" if is_ours else r"(?:%\{[slodiphvcrt]\d*r?[.\-+,/_=]*\}|%%|%_|%-|[!-$&-~])*"
    if (is_ours and name in modifiers) or not re.fullmatch(form, value, re.I) or re.search(r"\{[a-z]0", value, re.I):
        raise _Wrong
    modifiers[name] = value


def _term(sign: str, name: str, rest: str) -> _Term:
    if name in ("ip4", "ip6"):
        return _Term(sign, name, _network(name, rest.removeprefix(":")))
    if name in ("a", "mx"):
        return _with_lengths(sign, name, rest)
    spec = rest.removeprefix(":")
    if name == "all" or (name == "ptr" and not rest):
        if rest:
            raise _Wrong
        return _Term(sign, name, "")
    if not rest.startswith(":"):
        raise _Wrong
    return _Term(sign, name, _spec(spec))


def _with_lengths(sign: str, name: str, rest: str) -> _Term:
    found = _WITH_LENGTHS.fullmatch(rest)
    if found is None:
        raise _Wrong
    four, six = int(found["four"] or 32), int(found["six"] or 128)
    if four > 32 or six > 128:
        raise _Wrong
    return _Term(sign, name, _spec(found["spec"]) if found["spec"] else "", (four, six))


def _spec(spec: str) -> str:
    if not re.fullmatch(rf"(?:{_SPEC})?{_END}", spec, re.I) or re.search(r"\{[a-z]0", spec, re.I):
        raise _Wrong
    return spec


def _network(name: str, text: str) -> str:
    """5.6; Python would take ip4:1.2.3.4/255.0.0.0 as well."""
    address, slash, length = text.partition("/")
    version = ipaddress.IPv4Network if name == "ip4" else ipaddress.IPv6Network
    try:
        if slash and not re.fullmatch(r"0|[1-9]\d{0,2}", length, re.ASCII):
            raise _Wrong
        return str(version(text if slash else address, strict=False))
    except ValueError:
        raise _Wrong from None


def _is_name(name: str, labels: int = 2) -> bool:
    """4.3: a name with a dot, of labels that DNS takes."""
    parts = name.rstrip(".").split(".")
    return len(parts) >= labels and len(name) <= 253 and all(0 < len(part) <= 63 for part in parts)
