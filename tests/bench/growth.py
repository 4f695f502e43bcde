"""What a post, a mail and a page cost after 10,000, 100,000 and a million posts, and in a network of 100,000 members.

BENCH_POSTS is how far it goes. Told is what the quickest quarter of the rounds stays below (what else runs on a machine
makes the others slower), in CPU of this process and of the PostgreSQL servers that work for it, and in time on the clock.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from forum import digests, ledger, memberships, posts, sign_in
from forum.db import Db
from forum.tables import Inbox, Member, Membership, Network, Outbox, Post, Thread
from forum.web.app import create_app
from forum.web.fragments import Fragments
from forum.world import World
from mailbridge.claims import claim, record
from mailbridge.envelope import Answer
from mailbridge.incoming import Arrival, Bridge
from mailbridge.watch import Watch
from tests.bench.asking import requested
from tests.bench.filling import EVERY, LARGE, SMALL, TEXT, analyze, fill, settle_town, when
from tests.bench.measuring import Meter, databases, opened, size_of
from tests.mailbridge.mails import mail

SIZES = [size for size in (10_000, 100_000, 1_000_000) if size <= int(os.environ.get("BENCH_POSTS", "1000000"))]
WARM, ROUNDS, FEW_ROUNDS = 5, 40, 12
MAY_GROW = 1.2
CROWD = 100_000
READER = 7  # is in the large network and a few others
DAY_OF_POSTS = timedelta(days=1) // EVERY


def measure_growth() -> None:
    for name, url in databases("parvi_growth"):
        with opened(url) as world:
            settle_town(world.database)
            columns = []
            for size in SIZES:
                began = time.monotonic()
                fill(world.database, size)
                took, room = time.monotonic() - began, size_of(world) / 1e6
                print(f"{name}: filled to {size:,} posts in {took:.0f} s, {room:,.0f} MB", flush=True)
                columns.append(_Town(world, size).measured())
        _print_table(name, columns)


def measure_crowd() -> None:
    """One post to 100,000 members, once."""
    for name, url in databases("parvi_crowd"):
        with opened(url) as world:
            settle_town(world.database, CROWD, networks=1)
            analyze(world.database)
            meter, size = Meter(world), size_of(world)
            with meter():
                _accept(world, LARGE, 1)
            cpu, wall = meter.told()
            grown = (size_of(world) - size) / CROWD
            print(f"{name}: a post owed to {CROWD:,}: {cpu:.0f} ms of CPU, {wall:.0f} ms, {grown:.0f} bytes for each")
            batch, watch = Meter(world), Watch()
            for _ in range(FEW_ROUNDS):
                with batch():
                    _send_batch(world, watch)
            print(f"{name}: a batch of 400 of them claimed and recorded: {batch.told()[0]:.1f} ms of CPU", flush=True)


@dataclass
class _Town:
    """What is measured at one size."""

    world: World
    size: int
    found: dict[str, tuple[float, float]] = field(default_factory=dict)

    def measured(self) -> dict[str, tuple[float, float]]:
        now = when(self._newest_post())
        self.world.clock.now = now  # type: ignore[attr-defined]
        self._measure("arithmetic, to compare the machine", lambda: sum(range(200_000)))
        self._measure("a post owed to 20", lambda: _accept(self.world, SMALL, 3))
        self._measure("a post owed to 1,300", lambda: _accept(self.world, LARGE, 3))
        analyze(self.world.database)
        watch = Watch()
        self._measure("a batch of 400 claimed and recorded", lambda: _send_batch(self.world, watch))
        self._mails()
        self._settle()
        self._pages(now)
        self._undone(now)
        return self.found

    def _measure(self, what: str, act: Callable[[], object], rounds: int = ROUNDS) -> None:
        meter = Meter(self.world)
        for number in range(WARM + rounds):
            if number == WARM:
                meter = Meter(self.world)
            with meter():
                act()
        self.found[what] = meter.told()

    def _mails(self) -> None:
        """Answers to the network of 20, each worked through to a post."""
        bridge, numbers = Bridge(self.world), iter(range(1_000))
        with self.world.database.reading() as db:
            here = select(Post.message_id, Post.thread_id).where(Post.network_id == SMALL)
            answered = db.execute(here.order_by(Post.id.desc()).limit(WARM + ROUNDS)).all()
            subjects = [db.get_one(Thread, row.thread_id).subject for row in answered]

        def by_reference() -> None:
            number = next(numbers)
            _bring(
                bridge, number, self.size, in_reply_to=answered[number].message_id, subject=f"VS: {subjects[number]}"
            )

        def by_subject() -> None:
            number = next(numbers)
            _bring(bridge, number, self.size, f"VS: Muistio {number}")

        self._measure("a mail worked through, by its references", by_reference)
        self._measure("the same, looked for by its subject in vain", by_subject)
        with self.world.database.reading() as db:
            others = db.execute(select(Inbox.fate, Inbox.reason).where(Inbox.fate.is_distinct_from("posted"))).all()
        assert not others, others[:5]

    def _settle(self) -> None:
        gone = update(Outbox).where(Outbox.done_at.is_(None)).values(done_at=self.world.clock(), outcome="sent")
        with self.world.database.transaction() as db:
            db.execute(gone.execution_options(synchronize_session=False))

    def _pages(self, now: datetime) -> None:
        app, thread_id = create_app(self.world), _accept(self.world, SMALL, 3)
        for number in range(49):
            _accept(self.world, SMALL, number % 20 + 1, thread_id)
        with self.world.database.transaction() as db:
            reader = db.get_one(Member, READER)
            reader.seen_at, token = now, sign_in.open_session(db, reader, now, self.world.random)
            newest = select(func.max(Post.id)).where(Post.network_id == LARGE)
            lately, long_ago = db.scalar(newest), db.scalar(newest.where(Post.id <= self.size // 2))
            half = db.get_one(Thread, db.get_one(Post, long_ago).thread_id)
        cookies = f"parvi={token}; parvi-since={(now - timedelta(hours=1)).isoformat()}"
        pages = {
            "the front page of a member": "/",
            "the page of a network": f"/n/net{LARGE}",
            "the same, half-way back": f"/n/net{LARGE}?after={half.last_post_at.timestamp():.6f}-{half.id}",
            "the page of a thread of 50 posts, nothing kept": f"/n/net{SMALL}/{thread_id}-aihe",
            "who got the newest message (1,300)": f"/p/{lately}/deliveries",
            "who got one half-way back": f"/p/{long_ago}/deliveries",
            "/health": "/health",
            "/metrics": "/metrics",
        }
        with asyncio.Runner() as runner:

            def ask(path: str) -> None:
                app.state.site = replace(app.state.site, fragments=Fragments())
                runner.run(requested(app, path, cookies))

            for what, path in pages.items():
                self._measure(what, lambda path=path: ask(path))  # type: ignore[misc]

    def _undone(self, now: datetime) -> None:
        """What can be done once only, and is taken back each time."""
        back = self._newest_post() - DAY_OF_POSTS
        due = range(1, 401, 2)

        def make_due(db: Db) -> None:
            db.execute(update(Member).where(Member.id.in_(due)).values(digest_due_at=now))
            db.execute(update(Membership).where(Membership.member_id.in_(due)).values(digested_id=back))

        def leave(db: Db) -> None:
            network, member = db.get_one(Network, LARGE), db.get_one(Member, READER)
            memberships.set_mode(db, network, member, "none", now)
            memberships.leave(db, network, member, now)

        def forget_copies(db: Db) -> None:
            for table in (Network, Membership):
                db.execute(update(table).values(copies_since_id=0))

        self._rehearse(
            "digests of a day for 200 members", make_due, lambda db: digests.owe_digests(db, now), FEW_ROUNDS
        )
        self._rehearse("mail of a network stopped, and left", lambda _: None, leave)
        self._rehearse(
            "1,300 counted for the daily cap, and a post to them",
            forget_copies,
            lambda db: posts.accept(db, _draft(self.world, LARGE, 3), now, 2000),
            FEW_ROUNDS,
        )
        self._rehearse("the sums of one message's ledger", lambda _: None, self._sums)

    def _sums(self, db: Db) -> None:
        newest = db.scalar(select(func.max(Post.id)).where(Post.network_id == LARGE))
        assert ledger.deliveries(db, posts.find_post(db, newest or 0)).of >= 1_299

    def _rehearse(
        self, what: str, prepare: Callable[[Db], object], act: Callable[[Db], object], rounds: int = ROUNDS
    ) -> None:
        meter = Meter(self.world)
        for number in range(2 + rounds):
            if number == 2:
                meter = Meter(self.world)
            with self.world.database.rehearsal() as db:
                prepare(db)
                db.flush()
                with meter():
                    act(db)
        self.found[what] = meter.told()

    def _newest_post(self) -> int:
        with self.world.database.reading() as db:
            return db.scalar(select(func.max(Post.id))) or 0


def _draft(world: World, network_id: int, author_id: int, thread_id: int | None = None) -> posts.Draft:
    return posts.Draft(
        network_id=network_id, author_id=author_id, text=TEXT, message_id=world.new_message_id(), came_by="web",
        sent_at=world.clock(), language="fi", subject="" if thread_id else "Aihe", thread_id=thread_id,
    )  # fmt: skip


def _accept(world: World, network_id: int, author_id: int, thread_id: int | None = None) -> int:
    draft = _draft(world, network_id, author_id, thread_id)
    with world.database.transaction() as db:
        return posts.accept(db, draft, world.clock(), world.settings.daily_cap).post.thread_id


def _send_batch(world: World, watch: Watch) -> None:
    owed = claim(world, "bench", watch)
    assert len(owed) == 400
    record(world, "bench", [(row, Answer("sent", "250 2.0.0 Ok: queued")) for row in owed], [])


def _bring(bridge: Bridge, number: int, size: int, subject: str, in_reply_to: str = "") -> None:
    member = number % 20 + 1
    address = f"m{member}@d{member % 40}.example.net"
    raw = mail(
        f"Member <{address}>",
        to="net2@lists.example.org",
        text=f"{number}: {TEXT}\n",
        message_id=f"<{number}.{size}@example.net>",
        subject=subject,
        in_reply_to=in_reply_to,
    )
    bridge.store(Arrival(address, ["net2@lists.example.org"], raw, "192.0.2.1"))
    assert bridge.work_through() == 1


def _print_table(name: str, columns: list[dict[str, tuple[float, float]]]) -> None:
    print(f"\n{name + ': ms of CPU (on the clock)':52}" + "".join(f"{size:>20,}" for size in SIZES) + "   grows by")
    for what, first in columns[0].items():
        times = columns[-1][what][0] / first[0]
        figures = "".join(f"{cpu:11.2f} ({wall:6.1f})" for cpu, wall in (column[what] for column in columns))
        print(f"{what:52}{figures}{times - 1:10.0%}{' <<<' if times > MAY_GROW else ''}")
    print(flush=True)
