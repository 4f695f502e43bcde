"""The ledger: what became of each post for each who was a member then, whatever they did later."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from forum import absence, bounces, complaints, digests, ledger, memberships, moving, subscriptions, threads
from forum.ledger import STATE_OF
from forum.tables import Address, Member, Membership, Network, Outbox, Post, Subscription
from forum.world import World
from tests import make
from tests.conftest import Clock, rows

ACTS: dict[str, Callable[["Play", int, int], None]] = {}


def act(doing: Callable[["Play", int, int], None]) -> Callable[["Play", int, int], None]:
    ACTS[doing.__name__] = doing
    return doing


@dataclass
class Play:
    """A network in which things happen, and what a naive clerk writes down at once: for each post everybody's lot."""

    world: World
    clock: Clock
    network: Network
    author: Member
    people: list[Member]
    posts: list[Post] = field(default_factory=list)
    known: dict[int, dict[int, str]] = field(default_factory=dict)  # post -> member -> why
    periods: Counter[int] = field(default_factory=Counter)  # how often each has begun another mode
    kept: dict[tuple[int, int], int] = field(
        default_factory=dict
    )  # (post, member) -> period, while no digest has told it

    def member(self, db: Any, who: int) -> Member:
        found: Member = db.get_one(Member, self.people[who].id)
        return found

    def mode_of(self, who: int) -> str | None:
        with self.world.database.reading() as db:
            mine = db.get(Membership, (self.network.id, self.people[who].id))
        return mine.mode if mine else None

    def in_mode(self, who: int, n: int, change: Callable[[Any, Member, str], object]) -> None:
        before = self.mode_of(who)
        with self.world.database.transaction() as db:
            change(db, self.member(db, who), memberships.MODES[n % 4])
        if self.mode_of(who) != before:
            self.periods[self.people[who].id] += 1

    def photograph(self, post: Post) -> None:
        with self.world.database.reading() as db:
            everybody = db.execute(
                select(Membership, Member, Address, Subscription)
                .join(Member, Member.id == Membership.member_id)
                .join(Address, (Address.member_id == Member.id) & Address.gets_mail)
                .outerjoin(
                    Subscription,
                    (Subscription.member_id == Member.id) & (Subscription.thread_id == post.thread_id),
                )
                .where(Membership.network_id == self.network.id)
            ).all()
        self.known[post.id] = {
            one.id: _lot(post, mine, one, address, choice, self.clock) for mine, one, address, choice in everybody
        }
        for who, why in self.known[post.id].items():
            if why in ("digest", "away"):
                self.kept[post.id, who] = self.periods[who]

    def waiting(self) -> list[tuple[int, int]]:
        return [(p, m) for p, lots in self.known.items() for m, why in lots.items() if why in ("waiting", "deferred")]

    def settle(self, how: str, nth: int, **values: object) -> None:
        """As the way out does, one of the copies that wait."""
        if copies := self.waiting():
            post_id, member_id = copies[nth % len(copies)]
            copy = (Outbox.post_id == post_id, Outbox.member_id == member_id)
            with self.world.database.transaction() as db:
                db.execute(update(Outbox).where(*copy).values(**values))
            self.known[post_id][member_id] = how


def _lot(post: Post, mine: Membership, one: Member, address: Address, choice: Subscription | None, clock: Clock) -> str:
    wants = mine.mode == "each" if choice is None else not choice.muted
    if one.id == post.author_id:
        return "author"
    if choice is not None and choice.muted:
        return "muted"
    if not post.mails:
        return "imported"
    if wants and digests.is_away(one, clock()):
        return "away"
    if wants and address.paused_at is None:
        return "waiting"
    return "digest" if mine.mode in digests.MODES else "unreachable" if wants else "web"


@act
def write(play: Play, who: int, n: int) -> None:
    into = play.posts[n % len(play.posts)] if play.posts and n % 3 else None
    with play.world.database.reading() as db:
        thread_id = db.get_one(Post, into.id).thread_id if into else None
    more: dict[str, Any] = {"came_by": "import", "mails": False} if n == 5 else {}
    if n == 4:
        more["sent_at"] = play.clock() - timedelta(hours=5)  # a mail that was under way
    post = make.post(play.world, play.network, play.author, thread_id=thread_id, **more)
    play.posts.append(post)
    play.photograph(post)


@act
def enter(play: Play, who: int, n: int) -> None:
    play.in_mode(who, n, lambda db, member, mode: memberships.join(db, play.network, member, play.clock(), mode=mode))


@act
def leave(play: Play, who: int, n: int) -> None:
    member_id = play.people[who].id
    with play.world.database.transaction() as db:
        memberships.leave(db, play.network, play.member(db, who), play.clock())
    for post_id, lots in play.known.items():
        untold = play.kept.get((post_id, member_id)) == play.periods[member_id]
        if lots.get(member_id) in ("waiting", "deferred") or untold:
            lots[member_id] = "left"
            play.kept.pop((post_id, member_id), None)
    play.periods[member_id] += 1


@act
def choose(play: Play, who: int, n: int) -> None:
    if play.mode_of(who):
        play.in_mode(
            who, n, lambda db, member, mode: memberships.set_mode(db, play.network, member, mode, play.clock())
        )


@act
def complain(play: Play, who: int, n: int) -> None:
    play.in_mode(who, n, lambda db, member, _: complaints.stop(db, [play.network.id], member.id, play.clock()))


@act
def follow_or_mute(play: Play, who: int, n: int) -> None:
    if play.posts:
        with play.world.database.transaction() as db:
            thread = threads.find_thread(db, db.get_one(Post, play.posts[n % len(play.posts)].id).thread_id)
            if n % 3 == 2:
                subscriptions.clear(db, thread, play.member(db, who))
            else:
                [subscriptions.follow, subscriptions.mute][n % 3](db, thread, play.member(db, who), play.clock())


@act
def move(play: Play, who: int, n: int) -> None:
    if play.posts:
        with play.world.database.transaction() as db:
            post = db.get_one(Post, play.posts[n % len(play.posts)].id)
            moving.move_out(db, post, "Toisaalla", db.get_one(Member, play.author.id))


@act
def go_away(play: Play, who: int, n: int) -> None:
    today = date(play.clock().year, play.clock().month, play.clock().day)
    with play.world.database.transaction() as db:
        first, last = today + timedelta(days=n % 3), today + timedelta(days=n + 1)
        absence.go_away(db, play.member(db, who), first, last, play.clock())


@act
def come_back(play: Play, who: int, n: int) -> None:
    with play.world.database.transaction() as db:
        absence.come_back(db, play.member(db, who), play.clock())


@act
def pause_or_resume(play: Play, who: int, n: int) -> None:
    with play.world.database.transaction() as db:
        address = db.scalars(select(Address).where(Address.member_id == play.people[who].id)).one()
        if address.paused_at is None:
            address.paused_at = play.clock()
        else:
            bounces.resume(db, address)


@act
def send(play: Play, who: int, n: int) -> None:
    play.settle("sent", n, done_at=play.clock(), outcome="sent", answer="250 ok", tries=1)


@act
def refuse(play: Play, who: int, n: int) -> None:
    play.settle("refused", n, done_at=play.clock(), outcome="refused", answer="550 5.1.1 nobody", tries=1)


@act
def defer(play: Play, who: int, n: int) -> None:
    play.settle("deferred", n, due_at=play.clock() + timedelta(hours=1), answer="450 later", tries=1)


@act
def bounce(play: Play, who: int, n: int) -> None:
    play.settle("bounced", n, done_at=play.clock(), outcome="bounced", answer="Undelivered", tries=1)


@act
def tell_digests(play: Play, who: int, n: int) -> None:
    """So much later that everybody's hour has come, but for those who are away or cannot be reached."""
    play.clock.move(days=8)
    with play.world.database.reading() as db:
        told = db.execute(
            select(Member.id, Membership.mode, Member.away_from, Member.away_until)
            .join(Membership, Membership.member_id == Member.id)
            .join(Address, (Address.member_id == Member.id) & Address.paused_at.is_(None))
            .where(Membership.network_id == play.network.id)
        ).all()
    looked_at = 1
    while looked_at:
        with play.world.database.transaction() as db:
            looked_at = digests.owe_digests(db, play.clock())
    for row in told:
        if not digests.is_away(row, play.clock()) and (row.mode in digests.MODES or row.away_until is not None):
            for key in [key for key in play.kept if key[1] == row.id]:
                del play.kept[key]


@given(
    st.lists(
        st.tuples(st.sampled_from([*sorted(ACTS), "write", "write", "leave"]), st.integers(0, 3), st.integers(0, 5)),
        min_size=10,
        max_size=40,
    )
)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_naive_clerk_writes_down_the_same(
    world: World, clock: Clock, games: list[int], happens: list[tuple[str, int, int]]
) -> None:
    games.append(len(games))
    name = f"n{len(games)}"
    network = make.network(world, f"{name}-net", name=name)
    author = make.member(world, f"{name}@example.org", "Author", network=network, coordinates=True)
    people = [make.member(world, f"{name}-{n}@example.org", f"P{n}", network=network) for n in range(4)]
    play = Play(world, clock, network, author, people)
    write(play, 0, 0)
    for what, who, n in happens:
        clock.move(seconds=1)
        ACTS[what](play, who, n)
    for post in play.posts:
        assert ledger_of(world, post) == play.known[post.id]


@pytest.fixture
def games() -> list[int]:
    return []


def ledger_of(world: World, given: Post) -> dict[int, str]:
    """Who is in it and why, read in three ways that agree."""
    with world.database.reading() as db:
        post = db.get_one(Post, given.id)
        lines, following = ledger.members_of(db, post)
        assert following is None
        assert [ledger.line_of(db, post, line.member_id) for line in lines] == lines
        sums = ledger.deliveries(db, post)
    states = Counter(line.state for line in lines)
    assert {state: getattr(sums, state) for state in states} == states
    assert sums.of == states.total() == sums.each + sums.digest + sums.muted + sums.web + sums.author + sums.left
    return {line.member_id: line.why for line in lines}


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world)


@pytest.fixture
def author(world: World, network: Network) -> Member:
    return make.member(world, network=network, coordinates=True)


@pytest.fixture
def ville(world: World, network: Network) -> Member:
    return make.member(world, "ville@example.org", "Ville", network=network)


def told(world: World, what: Callable[..., object], post: Post, member: Member, *when: object) -> None:
    with world.database.transaction() as db:
        what(db, threads.find_thread(db, post.thread_id), member, *when)


def choose_mode(world: World, network: Network, member: Member, mode: str) -> None:
    with world.database.transaction() as db:
        memberships.set_mode(db, network, member, mode, world.clock())


def part(world: World, network: Network, member: Member) -> None:
    with world.database.transaction() as db:
        memberships.leave(db, network, member, world.clock())


def whys(world: World, member: Member, *posts: Post) -> list[str | None]:
    return [ledger_of(world, post).get(member.id) for post in posts]


def test_what_was_muted_stays_so_whatever_is_chosen_later(
    world: World, network: Network, author: Member, ville: Member
) -> None:
    first = make.post(world, network, author)
    told(world, subscriptions.mute, first, ville, world.clock())
    muted = make.post(world, network, author, thread_id=first.thread_id)
    told(world, subscriptions.follow, first, ville, world.clock())
    followed = make.post(world, network, author, thread_id=first.thread_id)
    told(world, subscriptions.mute, first, ville, world.clock())
    again = make.post(world, network, author, thread_id=first.thread_id)
    told(world, subscriptions.clear, first, ville)
    last = make.post(world, network, author, thread_id=first.thread_id)
    assert whys(world, ville, first, muted, followed, again, last) == [
        "waiting",
        "muted",
        "waiting",
        "muted",
        "waiting",
    ]
    assert rows(world, "SELECT count(*) FROM past_subscriptions") == [(3,)]


def test_what_was_muted_stays_so_when_it_is_moved(
    world: World, network: Network, author: Member, ville: Member
) -> None:
    first = make.post(world, network, author)
    told(world, subscriptions.mute, first, ville, world.clock())
    muted = make.post(world, network, author, thread_id=first.thread_id)
    for subject in ("Toisaalla", "Kolmannessa"):
        with world.database.transaction() as db:
            moving.move_out(db, db.get_one(Post, muted.id), subject, author)
    assert whys(world, ville, first, muted) == ["waiting", "muted"]


def test_whose_mute_comes_along_with_an_answer_gets_no_mail_of_what_it_answers(
    world: World, network: Network, author: Member, ville: Member
) -> None:
    answer = make.post(world, network, author, awaits="<late@example.org>")
    told(world, subscriptions.mute, answer, ville, world.clock())
    late = make.post(world, network, author, subject="Alku", message_id="<late@example.org>")
    assert whys(world, ville, answer, late) == ["waiting", "muted"]


def test_a_mute_that_comes_along_holds_for_what_comes_later(
    world: World, network: Network, author: Member, ville: Member
) -> None:
    web_only = make.member(world, "web@example.org", "Web", network=network, mode="none")
    there, here = make.post(world, network, author), make.post(world, network, author, subject="Muu")
    for member in (ville, web_only):
        told(world, subscriptions.mute, here, member, world.clock())
    with world.database.transaction() as db:
        moving.move_to(db, db.get_one(Post, here.id), there.thread_id, author)
    later = make.post(world, network, author, thread_id=there.thread_id)
    assert whys(world, ville, there, here, later) == ["waiting", "waiting", "muted"]
    assert whys(world, web_only, there, here, later) == ["web", "web", "muted"]


def test_who_leaves_before_the_digest_of_an_absence(
    world: World, clock: Clock, network: Network, author: Member, ville: Member
) -> None:
    today = clock().date()
    with world.database.transaction() as db:
        absence.go_away(db, db.get_one(Member, ville.id), today, today, clock())
    missed = make.post(world, network, author)
    assert whys(world, ville, missed) == ["away"]
    clock.move(hours=1)
    part(world, network, ville)
    assert whys(world, ville, missed) == ["left"]


def test_who_comes_and_goes_while_posts_come_is_owed_each_that_came_meanwhile(
    world: World, network: Network, author: Member
) -> None:
    """A post and a membership wait for each other: else a copy goes to who has left, or somebody has none for no reason."""
    people = [make.member(world, f"p{number}@example.org", f"P{number}") for number in range(3)]

    def come_and_go(member: Member) -> None:
        for number in range(12):
            with world.database.transaction() as db:
                if number % 2:
                    memberships.leave(db, network, member, world.clock())
                else:
                    memberships.join(db, network, member, world.clock())

    with ThreadPoolExecutor(4) as pool:
        going = [pool.submit(come_and_go, member) for member in people]
        posts = [make.post(world, network, author) for _ in range(12)]
        for each in going:
            each.result()
    for post in posts:
        copies = {row[0] for row in rows(world, f"SELECT member_id FROM outbox WHERE post_id = {post.id}")}
        whys = ledger_of(world, post)
        assert copies == set(whys) - {author.id}
        assert set(whys.values()) <= {"left", "waiting", "author"}


def test_what_counts_is_when_a_post_came_here_and_not_its_own_date(
    world: World, clock: Clock, network: Network, author: Member, ville: Member
) -> None:
    written = clock()
    clock.move(hours=1)
    new = make.member(world, "new@example.org", "New", network=network)
    today = clock().date()
    with world.database.transaction() as db:
        absence.go_away(db, db.get_one(Member, ville.id), today, today, clock())
    clock.move(hours=1)
    post = make.post(world, network, author, came_by="mail", sent_at=written)
    clock.move(days=3)
    with world.database.transaction() as db:
        digests.owe_digests(db, clock())
    assert ledger_of(world, post) == {author.id: "author", ville.id: "away", new.id: "waiting"}


@pytest.mark.parametrize(("passes", "first"), [(3, 10), (12, 0)])
def test_an_absence_stays_true_when_another_one_is_said(
    world: World, clock: Clock, network: Network, author: Member, ville: Member, passes: int, first: int
) -> None:
    """In the midst of it, or when it is over and its digest has not come yet."""

    def go(begins: int, lasts: int) -> None:
        day = clock().date() + timedelta(days=begins)
        with world.database.transaction() as db:
            absence.go_away(db, db.get_one(Member, ville.id), day, day + timedelta(days=lasts), clock())

    go(0, 10)
    clock.move(hours=1)
    missed = make.post(world, network, author)
    clock.move(days=passes)
    go(first, 10)
    assert whys(world, ville, missed) == ["away"]
    clock.move(days=40)
    with world.database.transaction() as db:
        digests.owe_digests(db, clock())
    assert whys(world, ville, missed) == ["away"]


@pytest.mark.parametrize("mode", ["each", "daily", "none"])
def test_who_leaves_is_sent_nothing_more_and_keeps_what_they_had(
    world: World, clock: Clock, network: Network, author: Member, ville: Member, mode: str
) -> None:
    other = make.network(world, "talous", name="Talous")
    make.member(world, "ville@example.org", "Ville", network=other)
    elsewhere = make.post(world, other, make.member(world, network=other))
    choose_mode(world, network, ville, mode)
    before = make.post(world, network, author)
    with world.database.transaction() as db:
        db.execute(update(Outbox).where(Outbox.post_id == before.id).values(outcome="sent", done_at=clock()))
    clock.move(days=2)
    with world.database.transaction() as db:
        digests.owe_digests(db, clock())
    waiting = make.post(world, network, author)
    part(world, network, ville)
    after = make.post(world, network, author)
    had = {"each": ["sent", "left"], "daily": ["digest", "left"], "none": ["web", "web"]}[mode]
    assert whys(world, ville, before, waiting, after) == [*had, None]
    assert whys(world, ville, elsewhere) == ["waiting"]
    with world.database.reading() as db:
        left = ledger.line_of(db, db.get_one(Post, waiting.id), ville.id)
    assert left is not None
    assert left.at == (None if mode == "none" else clock())


def test_who_comes_back_is_a_member_from_then_on(world: World, network: Network, author: Member, ville: Member) -> None:
    first = make.post(world, network, author)
    part(world, network, ville)
    second = make.post(world, network, author)
    with world.database.transaction() as db:
        memberships.join(db, network, ville, world.clock(), mode="none")
    third = make.post(world, network, author)
    assert whys(world, ville, first, second, third) == ["left", None, "web"]


def test_changes_without_a_post_between_leave_no_trace(world: World, network: Network, ville: Member) -> None:
    for mode in ("daily", "none", "each"):
        choose_mode(world, network, ville, mode)
    part(world, network, ville)
    assert rows(world, "SELECT count(*) FROM past_memberships") == [(0,)]


def test_what_an_earlier_version_wrote_is_read_by_its_time(
    world: World, clock: Clock, network: Network, author: Member, ville: Member
) -> None:
    """Also what has begun then and ends now."""
    old = make.post(world, network, author)
    clock.move(minutes=1)
    new = make.member(world, "new@example.org", "New", network=network)
    told(world, subscriptions.mute, old, new, clock())
    muted = make.post(world, network, author, thread_id=old.thread_id)
    with world.database.transaction() as db:
        for table in (Membership, Subscription):
            db.execute(update(table).values(after_id=None))
        db.execute(update(Post).values(accepted_at=None))
    for _ in range(2):
        assert whys(world, ville, old, muted) == ["waiting", "waiting"]
        assert whys(world, new, old, muted) == [None, "muted"]
        told(world, subscriptions.clear, old, new)
        choose_mode(world, network, new, "none")
        choose_mode(world, network, ville, "none")


def test_mail_beyond_the_cap_is_in_a_digest_until_they_leave(
    world: World, network: Network, author: Member, ville: Member
) -> None:
    posts = [make.post(world, network, author) for _ in range(2)]
    with world.database.transaction() as db:
        for post, outcome in zip(posts, ("digest", "digested"), strict=True):
            flood = update(Outbox).where(Outbox.post_id == post.id, Outbox.member_id == ville.id)
            db.execute(flood.values(outcome=outcome, done_at=world.clock()))
    assert whys(world, ville, *posts) == ["flood", "flood"]
    part(world, network, ville)
    assert whys(world, ville, *posts) == ["left", "flood"]


def test_long_lists_go_on_by_name_and_by_state(world: World, network: Network, author: Member) -> None:
    for number in range(ledger.PAGE + 20):
        make.member(world, f"n{number}@example.org", f"Name {number % 50:02}", network=network)
    post = make.post(world, network, author)
    with world.database.reading() as db:
        first, following = ledger.members_of(db, post, "waiting")
        rest, nothing = ledger.members_of(db, post, "waiting", following or 0)
        assert ledger.members_of(db, post, "sent") == ([], None)
    assert (len(first), len(rest), nothing) == (ledger.PAGE, 20, None)
    assert [line.name for line in [*first, *rest]] == sorted(
        f"Name {number % 50:02}" for number in range(ledger.PAGE + 20)
    )


def test_every_reason_is_in_a_state_and_in_the_table() -> None:
    told = [line.split() for line in (ledger.__doc__ or "").splitlines() if line.startswith("    ")][1:]
    assert {words[0]: words[1] for words in told} == STATE_OF
