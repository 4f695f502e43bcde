"""What a view gets: who asks, for what, in which language; and what the application keeps between requests."""

import gettext
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request

from forum.attachments import Upload
from forum.db import Db
from forum.errors import LinkNotValid, NotSignedIn, Refusal
from forum.i18n import moment, short_moment, translations
from forum.members import LANGUAGES
from forum.tables import Member
from forum.web.fragments import Fragments
from forum.web.live import Live
from forum.world import World

Explain = Callable[[bytes, Sequence[str], bool], Mapping[str, Any]]


@dataclass(frozen=True)
class Site:
    """One running application: the world, what the roof handed in, and what is remembered between requests."""

    world: World
    live: Live
    confirm_held: Callable[[int], None] | None = None
    explain: Explain | None = None
    fragments: Fragments = field(default_factory=Fragments)


@dataclass(frozen=True)
class Form:
    """What was sent: fields as text, files already kept, or only looked at, or a JSON object."""

    fields: Mapping[str, str] = field(default_factory=dict)
    uploads: Sequence[Upload] = ()
    looked_at: Sequence[bytes] = ()
    json: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


@dataclass(frozen=True)
class Visit:
    """One request, as the views see it."""

    request: Request
    site: Site
    db: Db
    now: datetime
    language: str
    member: Member | None = None
    form: Form = Form()
    refusal: Refusal | None = None  # why the form that is shown again was not accepted

    @property
    def world(self) -> World:
        return self.site.world

    @property
    def signed_in(self) -> Member:
        if self.member is None:
            raise NotSignedIn
        return self.member

    @property
    def base_url(self) -> str:
        return self.world.settings.base_url

    @property
    def peer(self) -> str:
        return self.request.client.host if self.request.client else ""

    @property
    def time_zone(self) -> str:
        return self.member.time_zone if self.member else "Europe/Helsinki"

    @property
    def translations(self) -> gettext.NullTranslations:
        return translations(self.language)

    @property
    def local_url(self) -> str:
        """Path and query, to come back to."""
        url = self.request.url
        return url.path + (f"?{url.query}" if url.query else "")

    def number(self, name: str) -> int:
        """A number in the path."""
        return int(self.request.path_params[name])

    def word(self, name: str) -> str:
        """A word in the path."""
        return storable(str(self.request.path_params[name]))

    def linked(self, purpose: str, count: int) -> tuple[int, ...]:
        """The numbers in the path's token. Raises LinkNotValid unless we made it for this purpose, with so many."""
        numbers = self.world.tokens.read(purpose, self.word("token"))
        if not numbers or len(numbers) != count:
            raise LinkNotValid
        return numbers

    def asked(self, name: str) -> str:
        """What the query says, as text that a database takes."""
        return storable(self.request.query_params.get(name, ""))

    def asked_number(self, name: str) -> int:
        """Someone's edited address shows the beginning rather than an error."""
        given = self.asked(name)
        return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0

    def moment(self, when: datetime) -> str:
        return moment(when, self.language, self.time_zone)

    def short_moment(self, when: datetime) -> str:
        quarter = self.now.replace(minute=self.now.minute // 15 * 15, second=0, microsecond=0)  # only the date counts
        return short_moment(when, quarter, self.language, self.time_zone)

    def mail_address(self, slug: str, word: str = "") -> str:
        """The network's address, or the one for a purpose: owner, join."""
        return f"{slug}{word and '+'}{word}@{self.world.settings.mail_domain}"

    def in_language(self, language: str) -> "Visit":
        return replace(self, language=language) if language in LANGUAGES else self

    # A visit lasts until half an hour of silence. Since when things are new to it stands in a cookie, so that what was
    # unread stays marked while one reads, though `seen_at` has moved on.

    @property
    def unread_since(self) -> datetime | None:
        if self.member is None:
            return None
        return _from_stamp(self.request.cookies.get("parvi-since", "")) or self.member.seen_at or self.member.created_at

    @property
    def is_worth_noting(self) -> bool:
        if self.member is None:
            return False
        seen = self.member.seen_at
        return "parvi-since" not in self.request.cookies or seen is None or self.now - seen > timedelta(minutes=10)


def storable(text: str) -> str:
    """No NUL and no lone surrogates: PostgreSQL takes neither."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _from_stamp(stamp: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return when if when.tzinfo else None
