"""A town that has talked for years: posts with their mails and copies, put in past the nouns, which would take a day.

A post every half minute, however many there are: more posts are a longer past.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, TypeAlias

import psycopg
from sqlalchemy import func, insert, select, text, update

from forum.db import Database
from forum.tables import Address, Member, Membership, Network, Outbox, Post

Put: TypeAlias = Callable[[str, Sequence[str], Iterable[Sequence[Any]]], None]

NETWORKS, MEMBERS = 60, 1_300
LARGE, SMALL = 1, 2  # the networks of everybody, and of twenty and one
BEGAN, EVERY = datetime(2025, 1, 1, tzinfo=UTC), timedelta(seconds=30)
LARGEST_SHARE = 0.3  # of all posts
TOGETHER = 25_000  # posts; no discussion lasts longer than these
LENGTHS = (1, 1, 1, 2, 2, 3, 3, 5, 8, 12, 20, 60, 120)  # of discussions
COPIES = 4  # of each post: the rows of four million copies at a million posts
TEXT = "Verkostoissa jaetaan hyviä käytäntöjä ja kokemuksia, ja joskus myös jokin linkki, josta on muillekin iloa. " * 3
HTML = f"<p>{TEXT}</p>"

POST = (
    *(
        "id",
        "network_id",
        "thread_id",
        "number",
        "parent_id",
        "author_id",
        "sent_at",
        "accepted_at",
        "language",
        "came_by",
    ),
    *("message_id", "mail_id", "conversation", "landed_because", "mails", "text", "html"),
    *("folded", "folded_html", "whole_text"),
)
THREAD = ("id", "network_id", "subject", "started_at", "last_post_at", "posts", "changes")
COPY = ("id", "post_id", "member_id", "due_at", "tries", "done_at", "outcome", "answer")
MAIL = ("id", "received_at", "envelope_from", "peer", "vouched", "raw", "digest")
INBOX = ("id", "mail_id", "recipient", "due_at", "tries", "fate", "reason", "worked_at", "network_id", "member_id", "post_id")  # fmt: skip
FILE = ("id", "post_id", "name", "media_type", "size", "digest")
NUMBERED = ("threads", "posts", "outbox", "mails", "inbox", "attachments")
CHOICE = ("thread_id", "member_id", "muted", "since", "after_id")


def when(post_id: int) -> datetime:
    return BEGAN + EVERY * post_id


def settle_town(database: Database, members: int = MEMBERS, networks: int = NETWORKS) -> None:
    """Everybody is in the first network; 21 in the second; a hundred in each of the others, half of them with digests."""
    places = [
        {"network_id": network, "member_id": member, "mode": mode, "joined_at": BEGAN, "after_id": 0}
        for network in range(1, networks + 1)
        for member in range(1, members + 1)
        if (mode := _mode(network, member))
    ]
    people = [
        {"name": f"Member {n}", "language": ("fi", "sv", "en")[n % 3], "created_at": BEGAN} for n in range(members)
    ]
    names = [
        {"slug": f"net{n}", "name": f"Network {n}", "created_at": BEGAN, "last_post_at": BEGAN}
        for n in range(1, networks + 1)
    ]
    homes = [
        {"member_id": n, "address": each, "folded": each, "gets_mail": True, "confirmed_at": BEGAN}
        for n in range(1, members + 1)
        if (each := f"m{n}@d{n % 40}.example.net")
    ]
    with database.transaction() as db:
        for table, rows in ((Network, names), (Member, people), (Address, homes), (Membership, places)):
            for at in range(0, len(rows), 1_000):
                db.execute(insert(table), rows[at : at + 1_000])


def _mode(network: int, member: int) -> str:
    if network == LARGE:
        return "each"
    if network == SMALL:
        return "each" if member <= 21 else ""
    return ("daily" if member % 2 else "each") if member * 7 % 13 == network % 13 else ""


def fill(database: Database, posts: int) -> None:
    """Up to so many posts."""
    with database.reading() as db:
        there = db.scalar(select(func.max(Post.id))) or 0
        copies = count((db.scalar(select(func.max(Outbox.id))) or 0) + 1)
        members = [
            list(db.scalars(select(Membership.member_id).where(Membership.network_id == network)))
            for network in range(1, NETWORKS + 1)
        ]
    with _bulk(database) as put:
        for first in range(there + 1, posts + 1, TOGETHER):
            _put_some(put, members, copies, first, min(first + TOGETHER, posts + 1))
    _settle(database)


def _put_some(put: Put, members: Sequence[Sequence[int]], copies: Iterator[int], first: int, end: int) -> None:
    talk = _Talk(Random(first), members, first * 10)
    posts = [talk.post(post_id) for post_id in range(first, end)]
    put("threads", THREAD, talk.threads())
    by_mail = [post for post in posts if post[POST.index("mail_id")]]
    put("mails", MAIL, ((p[0], when(p[0]), "a@example.net", "192.0.2.1", False, b"", "0" * 64) for p in by_mail))
    put("posts", POST, posts)
    put("inbox", INBOX, (
        (p[0], p[0], f"net{p[1]}@lists.example.org", when(p[0]), 1, "posted", "it answers a message", when(p[0]), p[1], p[5], p[0])
        for p in by_mail
    ))  # fmt: skip
    put(
        "attachments", FILE, ((p[0], p[0], "a.pdf", "application/pdf", 1000, "0" * 64) for p in posts if p[0] % 20 == 0)
    )
    put("subscriptions", CHOICE, talk.choices())
    put("outbox", COPY, ((next(copies), *copy) for post in posts for copy in _copies(post[0], members[post[1] - 1])))


def _copies(post_id: int, members: Sequence[int]) -> Iterator[Sequence[Any]]:
    at = when(post_id)
    for n in range(COPIES):
        yield (post_id, members[(post_id + n) % len(members)], at, 1, at, "sent", "250 2.0.0 Ok: queued as 4XyZ")


@dataclass
class _Talk:
    """Discussions that go on side by side, some long, some short; four in each network."""

    chance: Random
    members: Sequence[Sequence[int]]
    next_id: int
    open: dict[int, list[list[Any]]] = field(default_factory=dict)
    all: list[list[Any]] = field(default_factory=list)

    def post(self, post_id: int) -> Sequence[Any]:
        network = LARGE if self.chance.random() < LARGEST_SHARE else self.chance.randrange(NETWORKS) + 1
        thread = self._thread(network, post_id)
        thread[5] += 1
        parent, thread[7], thread[4] = thread[7], post_id, when(post_id)
        came_by_mail = self.chance.random() < 0.33
        return (
            post_id, network, thread[0], thread[5], parent, self.chance.choice(self.members[network - 1]), when(post_id),
            when(post_id), "fi", "mail" if came_by_mail else "web", f"<{self.chance.getrandbits(96):024x}@lists.example.org>",
            post_id if came_by_mail else None, f"{self.chance.getrandbits(128):032x}" if came_by_mail else None,
            "", True, TEXT, HTML, "", "", "",
        )  # fmt: skip

    def _thread(self, network: int, post_id: int) -> list[Any]:
        going = self.open.setdefault(network, [])
        going[:] = [thread for thread in going if thread[5] < thread[6]]
        if len(going) < 4:
            self.next_id += 1
            length = self.chance.choice(LENGTHS)
            going.append([self.next_id, network, f"Aihe {self.next_id}", when(post_id), when(post_id), 0, length, None])
            self.all.append(going[-1])
            return going[-1]
        return self.chance.choice(going)

    def threads(self) -> Iterator[Sequence[Any]]:
        return ((*thread[:6], 0) for thread in self.all)

    def choices(self) -> Iterator[Sequence[Any]]:
        """Somebody follows each, another one has muted it."""
        for thread_id, network, _, since, *_ in self.all:
            members = self.members[network - 1]
            for n, muted in ((0, False), (1, True)):
                yield (thread_id, members[(thread_id + n) % len(members)], muted, since, 0)


def analyze(database: Database) -> None:
    """What PostgreSQL's autovacuum does by itself within a minute. SQLite is never asked to, in real life neither."""
    if database.queue is None:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as server:
            server.execute(text("VACUUM ANALYZE"))


def _settle(database: Database) -> None:
    """What the nouns and the database would have kept up to date meanwhile."""
    newest = select(func.max(Post.sent_at)).where(Post.network_id == Network.id).scalar_subquery()
    with database.transaction() as db:
        last = db.scalar(select(func.max(Post.id))) or 0
        db.execute(update(Network).values(copies_since_id=last, last_post_at=newest))
        db.execute(update(Membership).values(copies_since_id=last))
        if database.queue is None:
            for table in NUMBERED:
                db.execute(
                    text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
                )
    analyze(database)


@contextmanager
def _bulk(database: Database) -> Iterator[Put]:
    """Without asking the foreign keys, which are known to hold."""
    if database.queue is not None:
        connection = sqlite3.connect(str(database.engine.url.database))
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-500000")

        def put(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
            marks = ", ".join("?" * len(columns))
            connection.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", (_for_sqlite(row) for row in rows)
            )
            connection.commit()

        yield put
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return
    with psycopg.connect(database.url.replace("+psycopg", "")) as server:
        server.execute("SET session_replication_role = replica")
        server.execute("SET synchronous_commit = off")

        def copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
            with server.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as out:
                for row in rows:
                    out.write_row(row)
            server.commit()

        yield copy


def _for_sqlite(row: Sequence[Any]) -> list[Any]:
    return [f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value for value in row]
