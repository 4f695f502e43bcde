"""Bounces are counted by how certain they are; a probe decides; nobody is paused for what is our own fault."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from forum import bounces, digests, ledger, members, outbox
from forum.bounces import HARD, SOFT, status_of, weight
from forum.notices import owe_notice
from forum.tables import Address, Member, Network, Notice, Outbox, Post
from forum.world import World
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import owed_notices


@pytest.mark.parametrize(
    ("status", "points"),
    [
        *((status, HARD) for status in ("5.0.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10")),
        *(
            (status, SOFT)
            for status in ("5.2.2", "5.2.1", "5.2.0", "5.1.0", "5.4.1", "5.4.4", "4.4.7", "4.2.2", "4.0.0")
        ),
        *(
            (status, 0)
            for status in ("5.7.1", "5.7.26", "4.7.1", "5.3.4", "5.6.0", "5.5.4", "5.2.3", "5.1.8", "", "2.0.0")
        ),
    ],
)
def test_how_much_a_status_counts(status: str, points: int) -> None:
    assert weight(status) == points


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("550 5.1.1 <m1@example.net>: no such user", "5.1.1"),
        ("550-5.1.1 The account does not exist. 550 5.1.1 Look again", "5.1.1"),
        ("554 5.7.1 rejected", "5.7.1"),
        ("550 No such user here", "5.0.0"),
        ("550 Blocked, see our list of senders of spam", ""),
        ("550 relay access denied", ""),
        ("552 mailbox full", "5.2.2"),
        ("554 transaction failed", ""),
        ("503 bad sequence", ""),
        ("450 try later", "4.0.0"),
        ("421 closing", ""),
        ("5.3.4 the mail has 90 octets, the mail server takes 10", "5.3.4"),
        ("no answer in time", ""),
        ("the mail server could not be reached: 550 5.1.1", ""),
        ("", ""),
    ],
)
def test_what_an_answer_says_about_the_address(said: str, status: str) -> None:
    assert status_of(said) == status


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world, members=8)


@pytest.fixture
def anna(world: World, network: Network) -> Member:
    return make.member(world, network=network)


def mail_to(world: World, member: Member) -> int:
    """A mail that goes where this member's mail goes."""
    with world.database.transaction() as db:
        to = members.recipient(db, member.id)
        assert to
        notice = owe_notice(db, to, "help", world.clock(), slug="viestijat")
        db.flush()
        return _row(db.scalar(select(Outbox.id).where(Outbox.notice_id == notice.id)))


def _row(found: int | None) -> int:
    assert found is not None
    return found


def come_back(world: World, member: Member, status: str = "5.1.1") -> None:
    outbox_id = mail_to(world, member)
    with world.database.transaction() as db:
        bounces.note(db, outbox_id, status, world.clock(), world.tokens)


def probe_comes_back(world: World, status: str = "5.1.1") -> None:
    with world.database.transaction() as db:
        probe = select(Outbox.id).join(Notice).where(Notice.kind == "probe").order_by(Outbox.id.desc())
        bounces.note(db, _row(db.scalar(probe.limit(1))), status, world.clock(), world.tokens)


def address_of(world: World, member: Member) -> Address:
    with world.database.reading() as db:
        return db.scalars(select(Address).where(Address.member_id == member.id, Address.gets_mail)).one()


def pause(world: World, member: Member, clock: Clock) -> None:
    for _ in range(3):
        come_back(world, member)
        clock.move(days=1)
    probe_comes_back(world)


def test_three_days_and_a_probe_that_comes_back_pause_an_address(world: World, anna: Member, clock: Clock) -> None:
    for day in range(3):
        assert len(owed_notices(world, "probe")) == 0
        for _ in range(4):
            come_back(world, anna)
        assert address_of(world, anna).bounce_points == HARD * (day + 1), "the worst of a day counts, and once"
        clock.move(days=1)
    [probe] = owed_notices(world, "probe")
    assert probe.address == "anna@example.org"
    come_back(world, anna)
    assert len(owed_notices(world, "probe")) == 1, "one is enough"
    assert address_of(world, anna).paused_at is None
    probe_comes_back(world)
    assert address_of(world, anna).paused_at == clock()


def test_soft_ones_take_twice_as_long(world: World, anna: Member, clock: Clock) -> None:
    for _ in range(5):
        come_back(world, anna, "4.4.7")
        clock.move(days=1)
    assert owed_notices(world, "probe") == []
    come_back(world, anna, "5.2.2")
    assert len(owed_notices(world, "probe")) == 1


def test_a_hard_one_counts_beside_a_soft_one_of_the_same_day(world: World, anna: Member) -> None:
    come_back(world, anna, "5.2.2")
    come_back(world, anna, "5.1.1")
    come_back(world, anna, "5.2.2")
    come_back(world, anna, "5.1.1")
    address = address_of(world, anna)
    assert (address.bounce_points, address.bounce_status) == (HARD, "5.1.1")


def test_policy_is_never_the_member_s_fault(world: World, anna: Member, clock: Clock) -> None:
    for _ in range(20):
        come_back(world, anna, "5.7.1")
        clock.move(days=1)
    assert (address_of(world, anna).bounce_points, address_of(world, anna).bounced_at) == (0, None)


def test_two_weeks_of_silence_forget(world: World, anna: Member, clock: Clock) -> None:
    for _ in range(2):
        come_back(world, anna)
        clock.move(days=1)
    clock.move(days=13)
    come_back(world, anna)
    assert address_of(world, anna).bounce_points == HARD
    clock.move(days=13)
    come_back(world, anna)
    assert address_of(world, anna).bounce_points == 2 * HARD, "a weekly digest that comes back each week counts"


def test_a_probe_that_stays_away_shows_that_the_address_works(world: World, anna: Member, clock: Clock) -> None:
    for _ in range(3):
        come_back(world, anna)
        clock.move(days=1)
    clock.move(days=7)
    come_back(world, anna)
    address = address_of(world, anna)
    assert (address.bounce_points, address.probed_at, address.paused_at) == (HARD, None, None)


@pytest.mark.parametrize("status", ["5.7.1", "5.6.0"])
def test_a_probe_that_is_refused_for_policy_pauses_nobody(
    world: World, anna: Member, clock: Clock, status: str
) -> None:
    for _ in range(3):
        come_back(world, anna)
        clock.move(days=1)
    probe_comes_back(world, status)
    assert address_of(world, anna).paused_at is None


def test_a_probe_from_before_they_resumed_pauses_nobody(world: World, anna: Member, clock: Clock) -> None:
    pause(world, anna, clock)
    with world.database.transaction() as db:
        bounces.resume(db, db.get_one(Address, address_of(world, anna).id))
    probe_comes_back(world)
    address = address_of(world, anna)
    assert (address.paused_at, address.bounce_points) == (None, HARD)


def test_nothing_is_owed_to_a_paused_address(world: World, network: Network, anna: Member, clock: Clock) -> None:
    pause(world, anna, clock)
    [(m1,)] = rows(world, "SELECT id FROM members WHERE name = 'Member 1'")
    with world.database.reading() as db:
        assert outbox.count_wanting(db, network.id, clock()) == 8
        author = db.get_one(Member, m1)
    post = make.post(world, network, author)
    assert rows(world, f"SELECT count(*) FROM outbox WHERE member_id = {anna.id}") == [(0,)]
    with world.database.reading() as db:
        counts = ledger.deliveries(db, db.get_one(Post, post.id))
    assert (counts.bounced, counts.waiting, counts.author, counts.of) == (1, 7, 1, 9)


def test_a_digest_waits_until_mail_goes_there_again(world: World, network: Network, clock: Clock) -> None:
    eero = make.member(world, "eero@example.org", "Eero", network=network, mode="daily")
    pause(world, eero, clock)
    with world.database.reading() as db:
        author = db.scalars(select(Member).where(Member.name == "Member 1")).one()
    post = make.post(world, network, author)
    for expected in (0, 1):
        clock.move(days=1)
        with world.database.transaction() as db:
            digests.owe_digests(db, clock())
        told = [notice for notice in owed_notices(world, "digest") if notice.member_id == eero.id]
        assert len(told) == expected
        with world.database.transaction() as db:
            bounces.resume(db, db.get_one(Address, address_of(world, eero).id))
    assert told[0].facts["posts"] == [post.id]


def test_their_other_address_is_told_why(world: World, anna: Member, clock: Clock) -> None:
    with world.database.transaction() as db:
        members.claim(db, anna.id, "anna@home.example.net", clock())
    pause(world, anna, clock)
    [notice] = owed_notices(world, "paused")
    assert (notice.address, notice.facts["address"], notice.facts["why"]) == (
        "anna@home.example.net",
        "anna@example.org",
        "unknown",
    )
    assert world.tokens.read("resume", str(notice.facts["token"])) == (address_of(world, anna).id,)
    come_back(world, anna)
    assert len(owed_notices(world, "paused")) == 1


def test_contact_persons_are_told_once_which_networks_they_share(
    world: World, network: Network, anna: Member, clock: Clock
) -> None:
    other = make.network(world, "talous", name="Talous")
    kaisa = make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact")
    for address, role in (
        ("kaisa@example.org", "contact"),
        ("anna@example.org", "contact"),
        ("m1@example.net", "member"),
    ):
        make.member(world, address, network=other, role=role)
    pause(world, anna, clock)
    [notice] = owed_notices(world, "unreachable")
    assert notice.member_id == kaisa.id, "not herself, whose mail does not arrive"
    person = {"name": "Anna Virtanen", "address": "anna@example.org", "networks": ["Järjestöviestijät", "Talous"]}
    assert notice.facts["people"] == [person]


def test_who_is_paused_on_another_day_stands_in_another_mail(
    world: World, network: Network, anna: Member, clock: Clock
) -> None:
    make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact")
    eero = make.member(world, "eero@example.org", "Eero", network=network)
    pause(world, anna, clock)
    pause(world, eero, clock)
    told = [notice.facts["people"] for notice in owed_notices(world, "unreachable")]
    assert [[person["name"] for person in people] for people in told] == [["Anna Virtanen"], ["Eero"]]


def test_who_is_paused_on_the_same_day_stands_in_the_same_mail(
    world: World, network: Network, anna: Member, clock: Clock
) -> None:
    make.member(world, "kaisa@example.org", "Kaisa", network=network, role="contact")
    eero = make.member(world, "eero@example.org", "Eero", network=network)
    for _ in range(3):
        come_back(world, anna)
        come_back(world, eero)
        clock.move(days=1)
    with world.database.transaction() as db:
        for row in db.scalars(select(Outbox).join(Notice).where(Notice.kind == "probe")).all():
            bounces.note(db, row.id, "5.1.1", clock(), world.tokens)
    [notice] = owed_notices(world, "unreachable")
    assert [person["name"] for person in notice.facts["people"]] == ["Anna Virtanen", "Eero"]
    with world.database.reading() as db:
        due_at = db.scalars(select(Outbox.due_at).where(Outbox.notice_id == notice.id)).one()
    assert timedelta(0) < due_at - clock() <= timedelta(days=1)


def test_when_everybody_s_mail_comes_back_nobody_is_paused(world: World, network: Network, clock: Clock) -> None:
    with world.database.reading() as db:
        everybody = list(db.scalars(select(Member).order_by(Member.id)))
    for _ in range(10):
        for member in everybody:
            come_back(world, member)
        clock.move(days=1)
        with world.database.reading() as db:
            assert bounces.is_flood(db, clock())
    assert owed_notices(world, "probe") == []
    assert rows(world, "SELECT count(*) FROM addresses WHERE paused_at IS NOT NULL") == [(0,)]
    clock.move(days=2)
    with world.database.reading() as db:
        assert not bounces.is_flood(db, clock())


@pytest.mark.parametrize(("refused", "of", "counts"), [(5, 9, False), (5, 12, True), (2, 2, True)])
def test_what_most_of_a_batch_is_told_is_about_us(
    world: World, network: Network, refused: int, of: int, counts: bool
) -> None:
    with world.database.reading() as db:
        some = list(db.scalars(select(Member).order_by(Member.id).limit(refused)))
    said = [
        (mail_to(world, member), f"550 5.1.1 <m{member.id}@example.net>: not here (id 4x{member.id})")
        for member in some
    ]
    with world.database.transaction() as db:
        bounces.note_refusals(db, said, of, world.clock(), world.tokens)
    [(counted,)] = rows(world, "SELECT count(*) FROM addresses WHERE bounce_points > 0")
    assert bool(counted) is counts


def test_a_mail_that_went_elsewhere_counts_nowhere(world: World, anna: Member) -> None:
    with world.database.transaction() as db:
        members.claim(db, anna.id, "anna@home.example.net", world.clock())
        for address in ("anna@home.example.net", "eve@example.com"):
            to = members.Recipient(address, "", "en")
            notice = owe_notice(db, to, "help", world.clock())
            db.flush()
            row = _row(db.scalar(select(Outbox.id).where(Outbox.notice_id == notice.id)))
            bounces.note(db, row, "5.1.1", world.clock(), world.tokens)
        bounces.note(db, 999_999, "5.1.1", world.clock(), world.tokens)
    assert rows(world, "SELECT count(*) FROM addresses WHERE bounced_at IS NOT NULL") == [(0,)]
