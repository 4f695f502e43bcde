"""Whether a mail is from whom it says, found out by ourselves where no front mail server tells: DKIM, SPF, DMARC, ARC.

Only keys and records of the author's own organisation and of named sealers are ever asked for, and those to which they
send us themselves: a stranger's mail makes us ask no name server of the stranger's.
"""

import base64
import ipaddress
import logging
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mailbridge.alignment import aligned, domain_of, organisation
from mailbridge.head import Head, split
from mailbridge.proof import attested, sealed, sealed_by, tags
from mailbridge.resolver import DnsTrouble, Questions, Resolver
from mailbridge.spf import Check

SIGNATURES = 5
SIGNATURE_BYTES = 4_096  # of one field; what a longer one asks of the library's patterns is more than linear
ALGORITHMS = {"rsa-sha256", "ed25519-sha256"}  # RFC 8301: rsa-sha1 is no longer one
MIN_KEY_BITS = 1024

_SILENT = logging.getLogger("parvi.dkimpy")  # dkimpy logs what strangers wrote
_SILENT.disabled = True


@dataclass(frozen=True)
class Finding:
    """`proof` is dmarc, dkim, spf or none; `because` is for the log. `try_later`: DNS did not answer, it may yet."""

    proof: str
    because: str
    try_later: bool = False


@dataclass(frozen=True)
class Policy:
    """A DMARC record, as far as it tells what counts as aligned (RFC 7489 6.3)."""

    strict_dkim: bool = False
    strict_spf: bool = False


def verify(
    raw: bytes, peer: str, envelope_from: str, author: str, resolver: Resolver, *, sealers: Collection[str] = ()
) -> Finding:
    """For the author's address as the mail was read. Asks DNS, for at most five seconds; never raises."""
    head, domain = split(raw), domain_of(author)
    if head.trouble or not domain or not head.is_by(author):
        return Finding("none", head.trouble or "not exactly one address in its From")
    mail = _Mail(head, domain, resolver.questions())
    try:
        policy = _policy(domain, mail.ask)
    except DnsTrouble as trouble:
        return Finding("none", str(trouble), try_later=True)
    return _first_proof(
        policy is not None,
        lambda: _signed(mail, policy or Policy()),
        lambda: _sent_by(mail, peer, envelope_from, policy or Policy()),
        lambda: _sealed(mail, author, sealers),
    )


def _first_proof(has_policy: bool, *ways: Callable[[], Finding]) -> Finding:
    """RFC 7489 3.1: one that holds is enough; so trouble with another does not matter then."""
    none: list[Finding] = []
    for way in ways:
        try:
            found = way()
        except DnsTrouble as trouble:
            found = Finding("none", str(trouble), try_later=True)
        if found.proof != "none":
            return Finding("dmarc" if has_policy else found.proof, found.because)
        none.append(found)
    because = ", ".join(dict.fromkeys(found.because for found in none if found.because))
    return Finding("none", because, any(found.try_later for found in none))


class _Mail:
    """What the ways to a proof share: the head, the From's domain, the questions, and the body as signatures see it."""

    def __init__(self, head: Head, domain: str, ask: Questions) -> None:
        self.head, self.domain, self.ask = head, domain, ask
        self.fields = [list(field.raw) for field in head.fields]

    # RFC 6376 3.4.3 and 3.4.4, done before the library does it again, whose pattern is quadratic on a line of blanks.

    @cached_property
    def simple_body(self) -> bytes:
        return _ended(self.head.body.replace(b"\r\n", b"\n"))

    @cached_property
    def relaxed_body(self) -> bytes:
        return _ended(re.sub(rb"[ \t]+", b" ", self.head.body.replace(b"\r\n", b"\n")).replace(b" \n", b"\n"))

    def key(self, name: bytes, timeout: int = 0) -> bytes:
        """What the library calls for a key record; one in testing (t=y) is as good as none (RFC 6376 3.6.1)."""
        texts = self.ask.texts(name.decode("ascii"))
        record = texts[0] if len(texts) == 1 else b""
        flags = tags(record.decode("latin-1")).get("t", "").split(":")
        return b"" if "y" in flags else record


def _ended(body: bytes) -> bytes:
    """One line end after the last line, and CRLF throughout."""
    lines = body.rstrip(b"\n")
    return lines.replace(b"\n", b"\r\n") + b"\r\n" if lines else b""


# DKIM (RFC 6376)


def _signed(mail: _Mail, policy: Policy) -> Finding:
    """Each signature of the author's organisation, at most five."""
    signatures = mail.head.named("dkim-signature")
    said = {n: tags(field.value) for n, field in enumerate(signatures) if field.size <= SIGNATURE_BYTES}
    worth = [n for n in said if aligned(domain_of(said[n].get("d", "")), mail.domain, strict=policy.strict_dkim)]
    if not worth:
        return Finding("none", f"no signature by {mail.domain}")
    if mail.head.doubled:
        return Finding("none", f"signed, but {mail.head.doubled} stands twice")
    for number in worth[:SIGNATURES]:
        if _covers(said[number], mail.head) and _holds(mail, number, said[number]):
            return Finding("dkim", f"signed by {said[number]['d']}")
    return Finding("none", f"no signature by {mail.domain} holds")


def _covers(said: dict[str, str], head: Head) -> bool:
    """From and subject, and the whole body (8.2: to what l= leaves out anyone may add)."""
    wanted = {"from", "subject"} & {field.name for field in head.fields}
    is_whole = wanted <= set(said.get("h", "").lower().split(":")) and "l" not in said
    return is_whole and said.get("a") in ALGORITHMS


def _holds(mail: _Mail, number: int, said: dict[str, str]) -> bool:
    relaxed = said.get("c", "").lower().endswith("/relaxed")
    signature = _Signature(b"", logger=_SILENT, minkey=MIN_KEY_BITS)
    signature.headers, signature.body = mail.fields, mail.relaxed_body if relaxed else mail.simple_body
    return bool(_asked(lambda: signature.verify(number, dnsfunc=mail.key)))


class _Signature(dkim.DKIM):  # type: ignore[misc]
    """dkimpy's, with Ed25519 (RFC 8463) by the library we have for keys anyway."""

    def verify_sig(self, sig: dict[bytes, bytes], include: list[bytes], field: Any, dnsfunc: Any) -> bool:
        if sig[b"a"] != b"ed25519-sha256":
            return bool(super().verify_sig(sig, include, field, dnsfunc))
        record = tags(dnsfunc(sig[b"s"] + b"._domainkey." + sig[b"d"] + b".").decode("ascii"))
        if record.get("k") != "ed25519":
            return False
        self.pk, self.keysize, self.ktag, self.seqtlsrpt = _Ed25519(record["p"]), 256, b"ed25519", False
        return bool(self.verify_sig_process(sig, include, field, dnsfunc))


class _Ed25519:
    """As dkimpy wants a key: digest before signature; InvalidSignature is no pass, as everything that is raised."""

    def __init__(self, key: str) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, digest: bytes, signature: bytes) -> None:
        self._key.verify(signature, digest)


def _asked(check: Callable[[], Any]) -> Any:
    """The library meets a stranger's bytes and raises whatever comes of them; trouble with DNS is not the stranger's."""
    try:
        return check()
    except DnsTrouble:
        raise
    except Exception as error:  # noqa: BLE001
        logging.getLogger("parvi.verify").debug("a signature that cannot be read: %s", type(error).__name__)
        return None


# SPF (RFC 7208)


def _sent_by(mail: _Mail, peer: str, envelope_from: str, policy: Policy) -> Finding:
    """The envelope's domain has to be aligned before anyone is asked. What lets everybody pass (+all) proves nothing."""
    local, _, domain = envelope_from.rpartition("@")
    if not aligned(domain_of(domain), mail.domain, strict=policy.strict_spf):
        return Finding("none", "an envelope from elsewhere")
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return Finding("none", "not from a peer with an address")
    address = getattr(address, "ipv4_mapped", None) or address
    check = Check(address, f"{local}@{domain_of(domain)}", mail.ask)
    result = check.result()
    if result == "pass" and not check.by_all:
        return Finding("spf", f"{address} may send for {domain_of(domain)}")
    return Finding("none", f"SPF {result}{' for everybody' if check.by_all else ''} for {address}")


# DMARC (RFC 7489)


def _policy(domain: str, ask: Questions) -> Policy | None:
    """6.6.3: of the domain itself, else of its organisation; several records are none."""
    for name in dict.fromkeys((domain, organisation(domain))):
        texts = [text.decode("latin-1") for text in ask.texts(f"_dmarc.{name}")]
        found = [text for text in texts if re.match(r"v\s*=\s*DMARC1\s*(?:;|$)", text)]
        if len(found) > 1:
            return None
        if found:
            said = tags(found[0])
            return Policy(said.get("adkim") == "s", said.get("aspf") == "s")
    return None


# ARC (RFC 8617)


def _sealed(mail: _Mail, author: str, sealers: Collection[str]) -> Finding:
    """The chain has to be whole and each sealer named; then counts what they found before the mail was changed."""
    if sealed(author, mail.head, sealers) == "none":
        return Finding("none", "")
    fields = mail.head.named("arc-seal", "arc-message-signature")
    newest = max(map(tags, mail.head.all("arc-message-signature")), key=lambda said: said["i"])
    is_small = all(field.size <= SIGNATURE_BYTES for field in fields)
    if mail.head.doubled or not is_small or not _covers(newest, mail.head):
        return Finding("none", "sealed, but not safely")
    chain = dkim.ARC(b"", logger=_SILENT, minkey=MIN_KEY_BITS)
    chain.headers, chain.body = mail.fields, mail.relaxed_body
    result, sets, _ = _asked(lambda: chain.verify(dnsfunc=mail.key)) or (None, [], "")
    proof = attested(author, _attested_by(sets, sealers)) if result == dkim.CV_Pass else "none"
    return Finding(proof, f"sealed by {sealed_by(mail.head)[0]}" if proof != "none" else "seals that do not hold")


def _attested_by(sets: list[dict[str, Any]], sealers: Collection[str]) -> list[str]:
    """What stands in the sets as the library read them: it, not we, checked their seals."""
    signers = [domain_of(one[key].decode("ascii", "replace")) for one in sets for key in ("as-domain", "ams-domain")]
    if not all(signer in sealers for signer in signers):
        return []
    return [one["aar-value"].decode("utf-8", "replace") for one in sets]
