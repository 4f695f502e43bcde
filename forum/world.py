"""What lies outside the code and is handed in at the doors: settings, database, files, keys, clock and randomness."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from forum.db import Database
from forum.files import Files, open_files
from forum.settings import Settings
from forum.tokens import Tokens


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class World:
    settings: Settings
    database: Database
    files: Files
    tokens: Tokens
    clock: Callable[[], datetime] = utc_now
    random: Callable[[int], bytes] = secrets.token_bytes  # so many bytes, unguessable

    def new_message_id(self) -> str:
        """A Message-ID of our own, with its angle brackets (RFC 5322 3.6.4)."""
        return f"<{self.random(12).hex()}@{self.settings.mail_domain}>"


def open_world(settings: Settings) -> World:
    settings.data.mkdir(0o700, parents=True, exist_ok=True)  # mails, files, the secret: nobody else's business
    return World(
        settings,
        Database(settings.sqlalchemy_url),
        open_files(settings.files, settings.data),
        Tokens(_secrets(settings)),
    )


def _secrets(settings: Settings) -> list[str]:
    if settings.secret:
        return [part.strip() for part in settings.secret.split(",") if part.strip()]
    return [_secret_on_file(settings.data / "secret")]


def _secret_on_file(file: Path) -> str:
    """Made once; two processes that start together agree, because only one can create the file."""
    if not file.exists():
        draft = file.with_name(f"secret.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32))
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()
