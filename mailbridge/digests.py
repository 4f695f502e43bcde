"""What a digest is written from: posts cut to a length, by network and discussion. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from forum import text
from forum.i18n import alphabetical


@dataclass(frozen=True)
class Item:
    """A post in a digest; `text` and `html` are its beginning when `is_cut`. `files` are its attachments' names."""

    id: int
    network_id: int
    network: str
    slug: str
    thread_id: int
    subject: str
    number: int
    author: str
    organisation: str
    language: str
    sent_at: datetime
    text: str
    html: str
    is_cut: bool
    files: Sequence[str]


@dataclass(frozen=True)
class Discussion:
    subject: str
    posts: Sequence[Item]

    @property
    def newest(self) -> int:
        """The post that an answer to the discussion answers."""
        return self.posts[-1].id


@dataclass(frozen=True)
class Section:
    """One network's part."""

    network_id: int
    network: str
    slug: str
    discussions: Sequence[Discussion]


@dataclass(frozen=True)
class Digest:
    """One member's. `stops` are their tokens for stopping a network's mail, by slug; `more` new posts found no room;
    `is_back` says that they were away; `cap`, if any, is the number of mails in a day beyond which messages came here."""

    sections: Sequence[Section]
    stops: Mapping[str, str]
    more: int
    time_zone: str
    is_back: bool = False
    cap: int = 0

    @property
    def count(self) -> int:
        return self.more + sum(len(talk.posts) for part in self.sections for talk in part.discussions)


def room(posts: int) -> int:
    """How many characters of each post there are when there are so many: the whole mail stays one that can be read."""
    return 1500 if posts <= 40 else 600 if posts <= 100 else 200


def item(row: Any, files: Sequence[str], room: int) -> Item:
    """`row` as `posts.whole` gives it."""
    beginning = cut(row.text, room)
    return Item(
        row.id,
        row.network_id,
        row.network,
        row.slug,
        row.thread_id,
        row.subject,
        row.number,
        row.author,
        row.organisation or "",
        row.language,
        row.sent_at,
        beginning,
        row.html if beginning == row.text else _html(beginning, row.came_by),
        beginning != row.text,
        files,
    )


def cut(whole: str, room: int) -> str:
    """The beginning, up to a word's end; but never without the last few words only."""
    if len(whole) <= room * 1.2:
        return whole
    words = whole[:room].rsplit(maxsplit=1)
    return (words[0] if len(words) > 1 else whole[:room]).rstrip(" \t\n,.;:–-") + " …"


def sections(items: Sequence[Item]) -> list[Section]:
    """Networks by name, discussions in the order in which they began, posts by number."""
    ordered = sorted(items, key=lambda one: (alphabetical(one.network), one.network_id, one.thread_id, one.number))
    return [_section(list(some)) for _, some in groupby(ordered, key=lambda one: one.network_id)]


def _section(items: Sequence[Item]) -> Section:
    talks = [list(some) for _, some in groupby(items, key=lambda one: one.thread_id)]
    first = items[0]
    return Section(first.network_id, first.network, first.slug, [Discussion(talk[0].subject, talk) for talk in talks])


def _html(beginning: str, came_by: str) -> str:
    """As `posts.accept` makes it from the whole text."""
    return text.from_mail(beginning) if came_by in ("mail", "import") else text.from_markdown(beginning)
