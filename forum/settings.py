"""Every setting, its default and its help. Read once by the roof, handed down, never read at import."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "PARVI_"


class SettingsWrong(Exception):
    """A setting that cannot be used; the message says which and why."""


def setting(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True)
class Settings:
    """What the operator decides. Each field is `PARVI_<NAME>` in the environment or `<name>` in `parvi.toml`."""

    data: Path = setting(Path("data"), "Folder for everything Parvi keeps: database, attachments, secret.")
    database_url: str = setting("", "`postgresql://user:password@host/name`; empty means SQLite in the data folder.")
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
    caught_mail: str = setting("", "Folder in which outgoing mail is caught instead of sent; for trying things out.")
    secret: str = setting(
        "",
        "Signs tokens; several, separated by commas, while one is changed: the first signs, all are accepted. "
        "Empty: a file `secret` is made in the data folder on first start.",
    )
    trusted_mta: str = setting(
        "", "The authserv-id of our own front mail server, whose Authentication-Results count (RFC 8601)."
    )
    dkim_key: str = setting("", "File with the private RSA key (PEM) that signs outgoing mail; empty for no signature.")
    dkim_selector: str = setting("parvi", "The selector under which the public key stands in DNS.")
    workers: int = setting(1, "How many processes serve pages.")
    max_mail_mb: int = setting(25, "The largest mail and the largest sum of uploads taken, in megabytes.")
    attach_limit_mb: int = setting(
        5, "Attachments of a post up to this sum go along in its mails; beyond it they become links."
    )
    operator: str = setting("", "The operator's own address: gets mail to postmaster@ and abuse@, and alarms.")
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
    if kind is int or kind is bool:
        return _number(name, value)
    return Path(value).expanduser() if kind is Path else str(value)


def _number(name: str, value: Any) -> int | bool:
    if isinstance(value, bool) or str(value).lower() in ("true", "false", "yes", "no"):
        return str(value).lower() in ("true", "yes")
    try:
        number = int(value)
    except ValueError:
        raise SettingsWrong(f"{PREFIX}{name.upper()} should be a number, not “{value}”.") from None
    return bool(number) if name == "demo" else number


def _checked(settings: Settings) -> Settings:
    for name in ("http", "smtp"):
        if (value := getattr(settings, name)) and not value.rpartition(":")[2].isdigit():
            raise SettingsWrong(f"{PREFIX}{name.upper()} should be host:port, not “{value}”.")
    if urlsplit(settings.base_url).scheme not in ("http", "https") or settings.base_url.endswith("/"):
        raise SettingsWrong(f"{PREFIX}BASE_URL should be like https://forum.example.org, not “{settings.base_url}”.")
    if settings.relay and urlsplit(settings.relay).scheme not in ("smtp", "smtps", "lmtp"):
        raise SettingsWrong(f"{PREFIX}RELAY should begin with smtp://, smtps:// or lmtp://.")
    if settings.database_url and not settings.database_url.startswith(("postgresql://", "sqlite:///")):
        raise SettingsWrong(f"{PREFIX}DATABASE_URL should begin with postgresql:// or sqlite:///.")
    if not 1 <= settings.workers <= 64:
        raise SettingsWrong(f"{PREFIX}WORKERS should be between 1 and 64.")
    return settings


def host_port(value: str) -> tuple[str, int]:
    """`"127.0.0.1:25"` or `"[::1]:25"` -> host without brackets, port."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)
