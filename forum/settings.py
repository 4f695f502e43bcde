"""Every setting, its default and its help. Read once by the roof, handed down, never read at import."""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "PARVI_"
UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_RATE = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,3})([smhd])", re.ASCII)


class SettingsWrong(Exception):
    """A setting that cannot be used; the message says which and why."""


def setting(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True)
class Settings:
    """What the operator decides. Each field is `PARVI_<NAME>` in the environment or `<name>` in `parvi.toml`."""

    data: Path = setting(Path("data"), "Folder for everything Parvi keeps: database, attachments, secret.")
    database_url: str = setting("", "`postgresql://user:password@host/name`; empty means SQLite in the data folder.")
    files: str = setting(
        "",
        "`s3://bucket/prefix`, with the service and its keys in the usual `AWS_*` of the environment; "
        "empty means the folder `files` in the data folder.",
    )
    raw_days: int = setting(
        7, "How many days after a mail was worked through its bytes move from the database to the files; 0 for never."
    )
    base_url: str = setting(
        "http://localhost:8000", "How the pages are reached from outside, without a slash at the end."
    )
    mail_domain: str = setting("localhost", "The domain after the @ of every address of the bridge.")
    http: str = setting("127.0.0.1:8000", "Where the pages are served: host:port.")
    smtp: str = setting("127.0.0.1:8025", "Where mail comes in by SMTP: host:port; empty for none.")
    lmtp: str = setting("", "Where mail comes in by LMTP: host:port or the path of a socket; empty for none.")
    relay: str = setting(
        "", "Where mail goes out: `smtp://user:password@host:port` (STARTTLS when offered), `smtps://` or `lmtp://`."
    )
    domain_connections: int = setting(
        2, "How many copies go to one domain at the same time, as long as others wait to go elsewhere."
    )
    caught_mail: str = setting("", "Folder in which outgoing mail is caught instead of sent; for trying things out.")
    secret: str = setting(
        "",
        "Signs tokens; several, separated by commas, while one is changed: the first signs, all are accepted. "
        "Empty: a file `secret` is made in the data folder on first start.",
    )
    trusted_mta: str = setting(
        "", "The authserv-id of our own front mail server, whose Authentication-Results count (RFC 8601)."
    )
    check_senders: bool | None = setting(
        None, "Whether DKIM, SPF and DMARC of members' mails are checked here. Empty: yes, unless `trusted_mta` is set."
    )
    arc_sealers: str = setting(
        "", "Domains of lists and forwarders whose ARC seals are believed, separated by commas (RFC 8617)."
    )
    dns: str = setting("", "The name server that is asked about senders, address:port; empty for the system's.")
    relay_rate: str = setting(
        "", "How many copies the relay takes in how long, `500/1h`: number, then s, m, h or d; empty for no limit."
    )
    dkim_key: str = setting(
        "",
        "File with the private key (PEM, RSA or Ed25519) that signs outgoing mail; several, separated by commas; "
        "empty for no signature.",
    )
    dkim_selector: str = setting(
        "parvi", "The selector under which the public key stands in DNS; one for each key, in the same order."
    )
    workers: int = setting(1, "How many processes serve pages.")
    max_mail_mb: int = setting(25, "The largest mail and the largest sum of uploads taken, in megabytes.")
    attach_limit_mb: int = setting(
        5, "Attachments of a post up to this sum go along in its mails; beyond it they become links."
    )
    daily_cap: int = setting(
        2000, "How many messages go to a member by mail within 24 hours; the others come in a digest. 0 for no cap."
    )
    operator: str = setting("", "The operator's own address: gets mail to postmaster@ and abuse@, and alarms.")
    metrics_token: str = setting(
        "", "Who sends it as `Authorization: Bearer` reads `/metrics`; empty: only this machine itself does."
    )
    demo: bool = setting(False, "Shows `/dev/mail` and one-click sign-in. Never set this where real people are.")

    @property
    def sqlalchemy_url(self) -> str:
        if not self.database_url:
            return f"sqlite:///{self.data / 'parvi.sqlite3'}"
        return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def max_mail_bytes(self) -> int:
        return self.max_mail_mb * 1_000_000

    @property
    def checks_senders(self) -> bool:
        return not self.trusted_mta if self.check_senders is None else self.check_senders

    @property
    def sealers(self) -> frozenset[str]:
        return frozenset(part.strip().lower() for part in self.arc_sealers.split(",") if part.strip())

    @property
    def rate(self) -> tuple[int, timedelta] | None:
        """Copies, and the window of time for them."""
        said = _RATE.fullmatch(self.relay_rate)
        return (int(said[1]), int(said[2]) * UNITS[said[3]]) if said else None

    @property
    def https(self) -> bool:
        return urlsplit(self.base_url).scheme == "https"


def read_settings(environment: Mapping[str, str] = os.environ, file: Path = Path("parvi.toml")) -> Settings:
    """The environment over the file over the defaults. Raises SettingsWrong with a sentence."""
    given = _from_file(file)
    for name in (f.name for f in fields(Settings)):
        if (value := environment.get(PREFIX + name.upper())) is not None:
            given[name] = value
    return _checked(Settings(**{name: _typed(name, value) for name, value in given.items()}))


def _from_file(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{file} cannot be read: {error}.") from None
    if unknown := set(given) - {f.name for f in fields(Settings)}:
        raise SettingsWrong(f"{file} holds settings that do not exist: {', '.join(sorted(unknown))}.")
    return given


def _typed(name: str, value: Any) -> Any:
    kind = next(f.type for f in fields(Settings) if f.name == name)
    if kind == bool | None and value == "":
        return None
    if kind in (bool, bool | None):
        return _yes_or_no(name, value)
    if kind is int:
        return _number(name, value)
    return Path(str(value)).expanduser() if kind is Path else str(value)


def _yes_or_no(name: str, value: Any) -> bool:
    said = str(value).lower()
    if said not in ("yes", "true", "1", "no", "false", "0"):
        raise SettingsWrong(f"{PREFIX}{name.upper()} should be yes or no, not “{value}”.")
    return said in ("yes", "true", "1")


def _number(name: str, value: Any) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise SettingsWrong(f"{PREFIX}{name.upper()} should be a number, not “{value}”.") from None


def _checked(settings: Settings) -> Settings:
    for name in ("http", "smtp"):
        value = getattr(settings, name)
        if not _is_host_port(value) and (value or name == "http"):
            raise SettingsWrong(f"{PREFIX}{name.upper()} should be host:port, not “{value}”.")
    if settings.dns and not _is_address_and_port(settings.dns):
        raise SettingsWrong(f"{PREFIX}DNS should be address:port, not “{settings.dns}”.")
    if urlsplit(settings.base_url).scheme not in ("http", "https") or settings.base_url.endswith("/"):
        raise SettingsWrong(f"{PREFIX}BASE_URL should be like https://forum.example.org, not “{settings.base_url}”.")
    if settings.relay and urlsplit(settings.relay).scheme not in ("smtp", "smtps", "lmtp"):
        raise SettingsWrong(f"{PREFIX}RELAY should begin with smtp://, smtps:// or lmtp://.")
    if settings.relay_rate and not settings.rate:
        raise SettingsWrong(f"{PREFIX}RELAY_RATE should be like 500/1h, not “{settings.relay_rate}”.")
    if settings.database_url and not settings.database_url.startswith(("postgresql://", "sqlite:///")):
        raise SettingsWrong(f"{PREFIX}DATABASE_URL should begin with postgresql:// or sqlite:///.")
    if settings.files and not re.fullmatch(
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.-]+)*", settings.files, re.ASCII
    ):
        raise SettingsWrong(f"{PREFIX}FILES should be like s3://bucket or s3://bucket/prefix, not “{settings.files}”.")
    if settings.raw_days < 0:
        raise SettingsWrong(f"{PREFIX}RAW_DAYS should be 0 or more.")
    if settings.domain_connections < 1:
        raise SettingsWrong(f"{PREFIX}DOMAIN_CONNECTIONS should be 1 or more.")
    if settings.daily_cap < 0:
        raise SettingsWrong(f"{PREFIX}DAILY_CAP should be 0 or more.")
    if not 1 <= settings.workers <= 64:
        raise SettingsWrong(f"{PREFIX}WORKERS should be between 1 and 64.")
    return settings


def _is_address_and_port(value: str) -> bool:
    host, port = host_port(value) if value.rpartition(":")[2].isdigit() else ("", 0)
    try:
        return bool(ipaddress.ip_address(host)) and 0 < port < 65536
    except ValueError:
        return False


def _is_host_port(value: str) -> bool:
    host, _, port = value.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and int(port) < 65536


def host_port(value: str) -> tuple[str, int]:
    """`"127.0.0.1:25"` or `"[::1]:25"` -> host without brackets, port."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)
