"""The doctor on the way of mail: what was found in DNS, at the relay and the pages, what it means, and its cure. Pure."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forum.doctor import NEAR, Finding, ok, warning, wrong
from mailbridge.dkim import Key

SOON, VERY_SOON = 21, 7  # days


def on_site(host: str, addresses: Sequence[str]) -> Finding:
    if not addresses:
        return wrong("dns", f"{host} has no address.", f"Make an A or AAAA record of {host} that leads to the pages.")
    return ok("dns", f"{host} is {', '.join(addresses)}.")


def on_exchanges(domain: str, exchanges: Mapping[str, Sequence[str]], addresses: Sequence[str]) -> Finding:
    """Mail servers of the domain with the addresses of each; and the addresses of the domain itself."""
    cure = f"Make an MX record of {domain} that names the server which takes its mail."
    if "" in exchanges:
        return wrong("dns", f"The MX of {domain} says that it takes no mail.", cure)
    if not exchanges:
        if addresses:
            return warning("dns", f"{domain} has no MX; servers try {addresses[0]}.", cure)
        return wrong("dns", f"{domain} has no MX: no mail can come in.", cure)
    if lost := [name for name, found in exchanges.items() if not found]:
        found = f"Of the MX of {domain}, {', '.join(lost)} has no address."
        return (warning if len(lost) < len(exchanges) else wrong)("dns", found, "Mend its A or AAAA record, or the MX.")
    return ok("dns", f"Mail to {domain} goes to {', '.join(exchanges)}.")


def on_spf(domain: str, texts: Sequence[bytes], results: Mapping[str, str]) -> Finding:
    """`results` are what the record says of the addresses of the relay, as far as they can be seen from outside."""
    records = [text.decode("latin-1") for text in texts if re.match(rb"v=spf1(?: |$)", text, re.I)]
    if not records:
        cure = f"Make a TXT record of {domain} like “v=spf1 mx -all”, naming who sends its mail."
        return warning("spf", f"{domain} has no SPF record.", cure)
    if len(records) > 1:
        return wrong("spf", f"{domain} has {len(records)} SPF records, so none counts.", "Join them to one.")
    if broken := [address for address, result in results.items() if result == "permerror"]:
        return wrong("spf", f"“{records[0]}” cannot be used (asked for {broken[0]}).", "Mend it as RFC 7208 has it.")
    if records[0].lower().split()[-1] in ("+all", "all"):
        return wrong("spf", f"“{records[0]}” lets everybody send in your name.", "End it with -all or ~all.")
    if unnamed := [f"{address}: {result}" for address, result in results.items() if result != "pass"]:
        cure = "Name the relay in it, unless the relay sends from other addresses than it takes mail at, and these are named."
        return warning("spf", f"“{records[0]}” does not name the relay ({', '.join(unnamed)}).", cure)
    if not results:
        return ok(
            "spf", f"“{records[0]}”; from which address the relay sends cannot be seen from here: see that it is named."
        )
    return ok("spf", f"“{records[0]}” names the relay.")


def on_dkim(name: str, texts: Sequence[bytes], key: Key) -> Finding:
    """`name` is where the public half should stand: selector._domainkey.domain."""
    kind = "rsa" if key.algorithm.startswith("rsa") else "ed25519"
    record = f"v=DKIM1; k={kind}; p={base64.b64encode(key.published).decode()}"
    cure = f"Make a TXT record of {name}: “{record}”."
    if not texts:
        return wrong("dkim", f"There is no key at {name}, so nobody can check what is signed.", cure)
    if len(texts) > 1:
        return wrong("dkim", f"There are {len(texts)} records at {name}.", f"Leave only one. {cure}")
    tags = _tags(texts[0])
    if tags.get("p") == "":
        return wrong("dkim", f"The key at {name} has been revoked.", cure)
    if _decoded(tags.get("p", "")) != key.published or tags.get("k", "rsa") != kind:
        return wrong("dkim", f"The key at {name} is another one than signs here.", cure)
    if "y" in tags.get("t", "").split(":"):
        return warning("dkim", f"The key at {name} says that it is only a test (t=y).", "Take t=y away.")
    return ok("dkim", f"The key at {name} is the one that signs here.")


def on_no_key() -> Finding:
    found = "PARVI_DKIM_KEY is empty: Parvi does not sign what it sends."
    return warning("dkim", found, "Make a key and set it, unless the relay signs for this domain.")


def on_dmarc(domain: str, own: Sequence[bytes], above: Sequence[bytes]) -> Finding:
    """Records at _dmarc of the domain itself, and of the organisation's; the second counts where the first is missing."""
    records = [text for text in own or above if re.match(rb"v=DMARC1\s*(;|$)", text)]
    if not records:
        cure = f"Make a TXT record of _dmarc.{domain}: “v=DMARC1; p=none”; once SPF and DKIM are right, p=reject."
        return warning("dmarc", f"{domain} has no DMARC record; large services want one.", cure)
    if len(records) > 1:
        return wrong("dmarc", f"There are {len(records)} DMARC records, so none counts.", "Leave only one.")
    tags = _tags(records[0])
    policy = tags.get("p", "") if own else tags.get("sp", tags.get("p", ""))
    if policy not in ("none", "quarantine", "reject"):
        return wrong(
            "dmarc", f"“{records[0].decode('latin-1')}” has no policy.", "It should say p=none, quarantine or reject."
        )
    return ok("dmarc", f"The policy of {domain} is {policy}.")


@dataclass(frozen=True)
class Pages:
    """What came when the pages were asked from here at their public address. `trouble` is why nothing did."""

    trouble: str = ""
    days_left: int | None = None  # of the certificate
    version: str | None = None  # as /health tells it; None when it is somebody else who answers


def on_pages(url: str, found: Pages, version: str) -> list[Finding]:
    if found.trouble:
        cure = "See that the reverse proxy runs, and that its certificate is valid and for this name."
        return [wrong("pages", f"{url} cannot be reached from here: {found.trouble}.", cure)]
    findings = []
    if found.days_left is not None:
        findings.append(_on_days(url, found.days_left))
    if found.version is None:
        cure = "See that the reverse proxy hands on to PARVI_HTTP."
        findings.append(wrong("pages", f"{url} answers, but it is not Parvi that does.", cure))
    elif found.version != version:
        cure = "Start Parvi anew, so that all parts are of one version."
        findings.append(warning("pages", f"{url} is served by version {found.version}, this is {version}.", cure))
    else:
        findings.append(ok("pages", f"{url} answers."))
    return findings


def _on_days(url: str, days: int) -> Finding:
    found = f"The certificate of {url} is valid for {days} more days."
    if days >= SOON:
        return ok("tls", found)
    return (wrong if days < VERY_SOON else warning)("tls", found, "See why it is not renewed.")


@dataclass(frozen=True)
class RelayFound:
    """What the relay said. `trouble` is why it cannot be used at all."""

    trouble: str = ""
    is_secure: bool = False  # from the first octet, or by STARTTLS
    doubt: str = ""  # why its certificate proves nothing
    refused_login: str = ""


def on_relay(host: str, has_password: bool, found: RelayFound) -> Finding:
    about = "relay"
    if found.trouble:
        return wrong(
            about, f"{host} cannot be used: {found.trouble}.", "See that it runs, and that PARVI_RELAY is right."
        )
    if found.refused_login:
        return wrong(about, f"{host} does not take the password: {found.refused_login}.", "Mend it in PARVI_RELAY.")
    if host in NEAR:
        return ok(about, f"{host} answers.")
    if not found.is_secure:
        cure = "Let it offer STARTTLS, or use smtps://."
        if has_password:
            return wrong(about, f"{host} offers no encryption, so it is not told the password and takes no mail.", cure)
        return warning(about, f"{host} offers no encryption: mail to it can be read on the way.", cure)
    if found.doubt:
        cure = f"Give it a certificate for {host} that this machine trusts."
        if has_password:
            return wrong(about, f"The certificate of {host} is not good, so it takes no mail: {found.doubt}.", cure)
        return warning(about, f"The certificate of {host} proves nothing: {found.doubt}.", cure)
    return ok(about, f"{host} answers, and what is sent to it is encrypted.")


def on_no_relay(caught: str) -> Finding:
    if caught:
        return wrong("relay", f"PARVI_CAUGHT_MAIL is set: nothing is sent, all lies in {caught}.", "Unset it.")
    return wrong("relay", "PARVI_RELAY is empty: nothing is sent, all lies in the data folder.", "Set it.")


@dataclass(frozen=True)
class Loop:
    """What became of a mail to ourselves: what the relay said; whether it came in, and to which fate."""

    outcome: str
    said: str
    seconds: float = 0
    has_come: bool = False
    fate: str | None = None
    reason: str = ""


def on_loop(loop: Loop) -> Finding:
    about = "loop"
    if loop.outcome != "sent":
        return wrong(about, f"The relay did not take a mail to ourselves: {loop.said}.", "Mend what it says.")
    if not loop.has_come:
        found = (
            f"The relay took a mail to ourselves ({loop.said}), but in {loop.seconds:.0f} seconds it has not come in."
        )
        cure = "Look where it is in the logs of the relay and of the server that the MX names: it should hand it to PARVI_SMTP."
        return wrong(about, found, cure)
    if loop.fate is None:
        cure = "See that “parvi work” runs; it is part of “parvi serve”."
        return wrong(about, "A mail to ourselves came in, but nobody works it through.", cure)
    if loop.fate != "ignored":
        return wrong(about, f"A mail to ourselves came back: {loop.reason}.", "Mend what it says.")
    return ok(about, f"A mail to ourselves went out and came in within {loop.seconds:.1f} seconds.")


def seen_from_outside(addresses: Sequence[str]) -> list[str]:
    return [address for address in addresses if ipaddress.ip_address(address).is_global]


def _tags(record: bytes) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.decode("latin-1").split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs if name.strip()}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
