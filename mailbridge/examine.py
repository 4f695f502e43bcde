"""Looking at the way of mail for the doctor: DNS, the pages as they are seen from outside, the relay."""

import ipaddress
import json
import smtplib
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from forum import VERSION
from forum.doctor import NEAR, Finding
from forum.settings import Settings
from mailbridge import doctor
from mailbridge.alignment import organisation
from mailbridge.dkim import load_keys
from mailbridge.doctor import Pages, RelayFound
from mailbridge.resolver import Questions, Resolver
from mailbridge.spf import Check

DNS_S, CONNECT_S = 8.0, 8.0
PORTS = {"smtp": 25, "smtps": 465, "lmtp": 24}


def dns(settings: Settings) -> Iterator[Finding]:
    ask, domain = _questions(settings), settings.mail_domain
    host = urlsplit(settings.base_url).hostname or ""
    if not _is_number(host) and host not in NEAR:
        yield doctor.on_site(host, _addresses(ask, host))
    exchanges = {name: _addresses(ask, name) for name in ask.exchanges(domain)}
    yield doctor.on_exchanges(domain, exchanges, [] if exchanges else _addresses(ask, domain))


def spf(settings: Settings) -> Iterator[Finding]:
    ask, domain = _questions(settings), settings.mail_domain
    host = (urlsplit(settings.relay).hostname or "") if settings.relay else ""
    found = [host] if _is_number(host) else _addresses(ask, host) if host and host not in NEAR else []
    results = {
        address: Check(ipaddress.ip_address(address), f"postmaster@{domain}", _questions(settings)).result()
        for address in doctor.seen_from_outside(found)
    }
    yield doctor.on_spf(domain, ask.texts(domain), results)


def dkim(settings: Settings) -> Iterator[Finding]:
    ask, keys = _questions(settings), load_keys(settings.dkim_key, settings.dkim_selector)
    if not keys:
        yield doctor.on_no_key()
    for key in keys:
        name = f"{key.selector}._domainkey.{settings.mail_domain}"
        yield doctor.on_dkim(name, ask.texts(name), key)


def dmarc(settings: Settings) -> Iterator[Finding]:
    ask, domain = _questions(settings), settings.mail_domain
    above = organisation(domain)
    of_above = ask.texts(f"_dmarc.{above}") if above != domain else []
    yield doctor.on_dmarc(domain, ask.texts(f"_dmarc.{domain}"), of_above)


def pages(settings: Settings) -> Iterator[Finding]:
    yield from doctor.on_pages(settings.base_url, _pages(settings.base_url), VERSION)


def relay(settings: Settings) -> Iterator[Finding]:
    if settings.caught_mail or not settings.relay:
        yield doctor.on_no_relay(settings.caught_mail)
        return
    parts = urlsplit(settings.relay)
    yield doctor.on_relay(parts.hostname or "", bool(parts.username), _relay(settings))


def _questions(settings: Settings) -> Questions:
    """Each check has a time of its own; what one asked another need not know."""
    return Resolver(settings.dns).questions(DNS_S)


def _addresses(ask: Questions, name: str) -> list[str]:
    return ask.addresses(name, 4) + ask.addresses(name, 6) if name else []


def _is_number(host: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def _pages(base_url: str) -> Pages:
    parts = urlsplit(base_url)
    try:
        version = _version(f"{base_url}/health")
        days = _days_left(parts.hostname or "", parts.port or 443) if parts.scheme == "https" else None
    except (OSError, ValueError) as error:  # an ssl.SSLError and a urllib.error.URLError are OSErrors
        return Pages(trouble=_said(error))
    return Pages(days_left=days, version=version)


def _version(url: str) -> str | None:
    request = urllib.request.Request(url, headers={"User-Agent": "Parvi"})  # noqa: S310  PARVI_BASE_URL is http(s)
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_S) as answer:  # noqa: S310
            told = answer.read(100_000)
    except urllib.error.HTTPError as error:  # 503 where something is wrong
        told = error.read(100_000)
    with suppress(ValueError, TypeError, KeyError):
        return str(json.loads(told)["version"])
    return None


def _days_left(host: str, port: int) -> int:
    context = ssl.create_default_context()
    with _connected(host, port) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
        certificate = secure.getpeercert() or {}
    return int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // 86_400)


def _relay(settings: Settings) -> RelayFound:
    parts, found = urlsplit(settings.relay), RelayFound()
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        with _server(parts.scheme, host, port, settings.mail_domain) as server:
            server.ehlo_or_helo_if_needed()
            is_secure = parts.scheme == "smtps" or server.has_extn("starttls")
            doubt = _doubt(server) if is_secure and parts.scheme != "smtps" else ""
            found = RelayFound(is_secure=is_secure, doubt=doubt)
            if parts.username and not doubt and (is_secure or host in NEAR):
                server.login(unquote(parts.username), unquote(parts.password or ""))
    except smtplib.SMTPAuthenticationError as error:
        return RelayFound(is_secure=True, refused_login=_said(error))
    except (OSError, ValueError) as error:  # an smtplib.SMTPException is an OSError
        return RelayFound(trouble=_said(error))
    return found


def _server(scheme: str, host: str, port: int, name: str) -> smtplib.SMTP:
    if scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, name, timeout=CONNECT_S, context=context)
    if scheme == "lmtp":
        return smtplib.LMTP(host, port, name, timeout=CONNECT_S)
    return smtplib.SMTP(host, port, name, timeout=CONNECT_S)


def _doubt(server: smtplib.SMTP) -> str:
    """The session is of no use afterwards when there is one."""
    try:
        server.starttls(context=ssl.create_default_context())
    except ssl.SSLError as error:
        return _said(error)
    return ""


def _connected(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), CONNECT_S)


def _said(error: Exception) -> str:
    """In one line, without what a library says of itself."""
    reason = getattr(error, "reason", None)
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    if isinstance(reason, Exception):
        return _said(reason)
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
