"""What is owed goes out: once, whoever dies on the way, and whatever the peer says."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from forum import attachments, bounces, members, memberships
from forum.errors import FilesAway
from forum.files import Folder
from forum.members import Recipient
from forum.notices import owe_notice
from forum.queues import UNWRITTEN
from forum.tables import Address, Attachment, Member, Network, Notice, Outbox, Post
from forum.world import World
from mailbridge import claims, outgoing, variants
from mailbridge.claims import claim, record, recover
from mailbridge.envelope import Answer, Envelope, Note
from mailbridge.incoming import Arrival, Bridge
from mailbridge.outgoing import Outgoing
from mailbridge.read import read
from mailbridge.variants import Variants
from mailbridge.watch import Watch
from mailbridge.worker import make_writer
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import ADDRESS, bring, mail

SENT = Answer("sent", "250 2.0.0 Ok")
LATER = Answer("deferred", "451 4.3.0 later")
REFUSED = Answer("refused", "550 5.1.1 unknown")


class Pigeon:
    """A postman who does as told, and keeps what he was given."""

    def __init__(self, answer: Callable[[Envelope], Answer | None] = lambda _: SENT) -> None:
        self.answer = answer
        self.carried: list[Envelope] = []

    async def deliver(self, envelopes: Sequence[Envelope], note: Note) -> None:
        for envelope in envelopes:
            if said := self.answer(envelope):
                self.carried.append(envelope)
                note(envelope, said)
            await asyncio.sleep(0)

    def stop(self) -> None:
        pass

    @property
    def addresses(self) -> list[str]:
        return sorted(envelope.recipient for envelope in self.carried)

    @property
    def mails(self) -> list[bytes]:
        return [envelope.head + envelope.body for envelope in self.carried]


@pytest.fixture
def network(world: World) -> Network:
    return make.network(world, members=3)


@pytest.fixture
def anna(world: World, network: Network) -> Member:
    return make.member(world, network=network)


@pytest.fixture
def post(world: World, network: Network, anna: Member) -> Post:
    return make.post(world, network, anna)


def worker(world: World, pigeon: Pigeon) -> Outgoing:
    return Outgoing(world, make_writer(world), pigeon)


def send_all(world: World, pigeon: Pigeon) -> int:
    """By a worker that ends when nothing is due."""

    async def go() -> int:
        out = worker(world, pigeon)
        counts = []
        while count := await out.send_some():
            counts.append(count)
        out.close()
        return sum(counts)

    return asyncio.run(go())


def outbox(world: World) -> list[tuple[object, ...]]:
    return rows(world, "SELECT outcome, answer, tries FROM outbox ORDER BY id")


def test_each_gets_a_copy_with_their_own_headers(world: World, post: Post) -> None:
    pigeon = Pigeon()
    assert send_all(world, pigeon) == 3
    assert pigeon.addresses == ["m1@example.net", "m2@example.net", "m3@example.net"]
    assert outbox(world) == [("sent", "250 2.0.0 Ok", 1)] * 3
    letters = [read(raw) for raw in pigeon.mails]
    addresses = Bridge(world).addresses
    for letter, envelope in zip(letters, pigeon.carried, strict=True):
        [to] = letter.to
        assert to.address == envelope.recipient
        target = addresses.read(envelope.sender)
        assert target
        assert (target.kind, target.numbers) == ("bounce", (envelope.key,))
        assert f"<{addresses.reply('viestijat', int(to.address[1]), post.id)}>".encode() in envelope.head
        assert letter.message_id == post.message_id
    assert len({envelope.body for envelope in pigeon.carried}) == 1
    assert send_all(world, pigeon) == 0


def test_each_reads_it_in_their_language(world: World, network: Network, anna: Member) -> None:
    make.member(world, "asa@example.org", "Åsa", network=network, language="sv")
    make.post(world, network, anna)
    pigeon = Pigeon()
    send_all(world, pigeon)
    assert sorted(read(raw).language or "" for raw in pigeon.mails) == ["fi", "fi", "fi", "fi, sv"]


def test_an_answer_names_what_it_answers(world: World, network: Network, anna: Member, post: Post) -> None:
    second = make.post(world, network, anna, thread_id=post.thread_id, parent_id=post.id)
    make.post(world, network, anna, thread_id=post.thread_id, parent_id=second.id)
    make.post(world, network, anna, thread_id=post.thread_id, text="Lomakkeesta, joka ei sano mihin vastaa.")
    pigeon = Pigeon()
    send_all(world, pigeon)
    answers = {letter.references for letter in map(read, pigeon.mails)}
    assert answers == {(), (post.message_id,), (post.message_id, second.message_id)}
    assert all(read(raw).references for raw in pigeon.mails if b"Subject: Re:" in raw), "one thread in every program"


def test_an_answer_that_came_first_names_what_it_waits_for(world: World, network: Network, anna: Member) -> None:
    """So that mail programs put the two together once it is there, as we do."""
    first = make.post(world, network, anna, awaits="<late@example.org>")
    second = make.post(world, network, anna, thread_id=first.thread_id, parent_id=first.id)
    pigeon = Pigeon()
    send_all(world, pigeon)
    references = {letter.message_id: letter.references for letter in map(read, pigeon.mails)}
    assert references == {
        first.message_id: ("<late@example.org>",),
        second.message_id: ("<late@example.org>", first.message_id),
    }


def test_a_long_thread_names_its_beginning_and_its_end(
    world: World, network: Network, anna: Member, post: Post
) -> None:
    last = post
    for _ in range(15):
        last = make.post(world, network, anna, thread_id=post.thread_id, parent_id=last.id)
    with world.database.reading() as db:
        named = Variants(world, make_writer(world), db).of_post(last.id, Recipient("x@y", "", "fi", 1))
    references = b"".join(named[0].headers).partition(b"References:")[2].split(b":")[0].split()
    assert (references[0].decode(), len([each for each in references if b"@" in each])) == (post.message_id, 10)


def test_an_address_changed_between_owing_and_sending_is_the_new_one(world: World, post: Post) -> None:
    with world.database.transaction() as db:
        db.execute(update(Address).where(Address.folded == "m1@example.net").values(address="uusi@example.org"))
        db.execute(update(Address).where(Address.folded == "m2@example.net").values(gets_mail=False))
    pigeon = Pigeon()
    send_all(world, pigeon)
    assert pigeon.addresses == ["m3@example.net", "uusi@example.org"]
    assert ("refused", "no address of this member gets mail", 1) in outbox(world)


def test_a_domain_beyond_ascii_goes_out_in_ascii(world: World, network: Network, anna: Member) -> None:
    make.member(world, "väinö@järjestö.fi", "Väinö", network=network)
    make.member(world, "aino@järjestö.fi", "Aino", network=network)
    make.post(world, network, anna)
    pigeon = Pigeon()
    send_all(world, pigeon)
    assert pigeon.addresses[0] == "aino@xn--jrjest-bua3m.fi"
    assert pigeon.addresses[-1] == "väinö@xn--jrjest-bua3m.fi"


# Claims


def test_two_workers_never_send_the_same(
    world: World, network: Network, anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "__defaults__", (5,))
    for number in range(8):
        make.post(world, network, anna, text=f"Viesti {number}")
    pigeons = [Pigeon(), Pigeon()]

    async def go() -> None:
        workers = [worker(world, pigeon) for pigeon in pigeons]
        for _ in range(4):
            await asyncio.gather(*(one.send_some() for one in workers))
        for one in workers:
            one.close()

    asyncio.run(go())
    keys = [envelope.key for pigeon in pigeons for envelope in pigeon.carried]
    assert sorted(keys) == list(range(1, 25))
    assert all(pigeon.carried for pigeon in pigeons)


def test_a_claim_is_nobody_elses(world: World, clock: Clock, post: Post) -> None:
    assert len(claim(world, "sends", Watch())) == 3
    assert claim(world, "other", Watch()) == []
    clock.move(seconds=31)
    assert claim(world, "other", Watch()) == []


def test_a_worker_whose_claim_was_taken_over_records_nothing(world: World, clock: Clock, post: Post) -> None:
    rows_of_first = claim(world, "first", Watch())
    recover(world, {"first": []})
    rows_of_second = claim(world, "second", Watch())
    record(world, "first", [(row, Answer("refused", "550")) for row in rows_of_first], [])
    assert {row[0] for row in outbox(world)} == {None}
    record(world, "second", [(row, SENT) for row in rows_of_second], [])
    record(world, "first", [(row, LATER) for row in rows_of_first], [])
    assert outbox(world) == [("sent", "250 2.0.0 Ok", 2)] * 3


def test_who_leaves_while_their_copy_is_under_way_was_sent_it(world: World, network: Network, post: Post) -> None:
    owed = claim(world, "sends", Watch())
    with world.database.transaction() as db:
        for row in owed[:2]:
            memberships.leave(db, network, db.get_one(Member, row.to.member_id if row.to else 0), world.clock())
    record(world, "sends", [(owed[0], SENT), (owed[1], LATER), (owed[2], SENT)], [])
    assert [row[0] for row in outbox(world)] == ["sent", "left", "sent"]


def test_what_is_under_way_stays_ours(world: World, clock: Clock, post: Post) -> None:
    owed = claim(world, "slow", Watch())
    clock.move(seconds=20)
    record(world, "slow", [(owed[0], SENT)], [row.id for row in owed[1:]])
    clock.move(seconds=20)
    assert claim(world, "other", Watch()) == []


def test_who_dies_leaves_behind_what_was_sent(world: World, post: Post) -> None:
    """The copies that went out before the crash are not sent again; the others are, at once."""
    out = worker(world, Pigeon())
    owed = claim(world, out._claim, Watch())
    out._journal.note(owed[1].id)
    os.close(out._journal._file)  # as the system does for a process that is killed
    after = Pigeon()
    assert send_all(world, after) == 2
    assert sorted(envelope.key for envelope in after.carried) == [owed[0].id, owed[2].id]
    assert outbox(world)[1] == ("sent", "sent before a crash", 1)


def test_who_lives_is_not_robbed(world: World, post: Post) -> None:
    async def go() -> None:
        alive = worker(world, Pigeon())
        owed = claim(world, alive._claim, Watch())
        alive._journal.note(owed[0].id)
        other = worker(world, Pigeon())
        assert await other.send_some() == 0
        alive.close()
        other.close()

    asyncio.run(go())
    assert {row[0] for row in outbox(world)} == {None}


# Answers


def test_a_deferral_backs_off_and_tries_again(world: World, clock: Clock, post: Post) -> None:
    pigeon = Pigeon(lambda _: LATER)
    assert send_all(world, pigeon) == 3
    assert outbox(world) == [(None, "451 4.3.0 later", 1)] * 3
    clock.move(seconds=44)
    assert send_all(world, pigeon) == 0
    clock.move(seconds=32)
    assert send_all(world, Pigeon()) == 3
    assert outbox(world) == [("sent", "250 2.0.0 Ok", 2)] * 3


def test_after_five_days_it_is_given_up_with_the_last_answer(world: World, clock: Clock, post: Post) -> None:
    began, pigeon = clock.now, Pigeon(lambda _: LATER)
    while rows(world, "SELECT id FROM outbox WHERE done_at IS NULL"):
        send_all(world, pigeon)
        clock.move(hours=1)
        assert clock.now - began < timedelta(days=8)
    assert {row[:2] for row in outbox(world)} == {("refused", "451 4.3.0 later")}
    assert timedelta(days=4) < clock.now - began < timedelta(days=7)


@pytest.mark.parametrize("tries", [1, 38, 60, 5000])
def test_no_number_of_tries_is_too_many_to_count(tries: int) -> None:
    for chance in (b"\0\0", b"\xff\xff"):
        waits = claims._back_off(tries, lambda _, chance=chance: chance)  # type: ignore[misc]
        assert timedelta(seconds=45) <= waits <= timedelta(hours=5)
    assert claims._waited(tries) >= timedelta(minutes=1)


def test_a_refusal_is_final(world: World, post: Post) -> None:
    pigeon = Pigeon(lambda envelope: Answer("refused", "550 5.1.1 unknown") if envelope.key == 2 else SENT)
    send_all(world, pigeon)
    assert [row[:2] for row in outbox(world)][1] == ("refused", "550 5.1.1 unknown")
    assert send_all(world, pigeon) == 0


def test_a_postman_who_says_nothing_of_a_mail_defers_it(world: World, post: Post) -> None:
    send_all(world, Pigeon(lambda envelope: SENT if envelope.key != 2 else None))
    assert [row[:2] for row in outbox(world)] == [("sent", SENT.said), (None, "not sent"), ("sent", SENT.said)]


def test_a_postman_who_breaks_down_sends_nothing_twice(
    world: World, clock: Clock, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug on the way may not make what went out before it go out again and again."""

    def breaks(envelope: Envelope) -> Answer:
        if envelope.key == 2:
            raise RuntimeError("a bug")
        return SENT

    with caplog.at_level(logging.CRITICAL):
        pigeon = Pigeon(breaks)
        send_all(world, pigeon)
    assert [row[:2] for row in outbox(world)] == [("sent", SENT.said), (None, "not sent"), (None, "not sent")]
    clock.move(minutes=2)
    send_all(world, pigeon := Pigeon())
    assert [envelope.key for envelope in pigeon.carried] == [2, 3]


def test_a_database_that_goes_away_for_a_moment_forgets_nothing(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, away = claims.record, iter([True, True, False])

    def record_later(*arguments: object) -> None:
        if next(away, False):
            raise OperationalError("UPDATE", {}, Exception("server closed the connection"))
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(outgoing, "record", record_later)
    monkeypatch.setattr(outgoing, "FLUSH_S", 0.01)
    with caplog.at_level(logging.CRITICAL):
        send_all(world, pigeon := Pigeon())
    assert len(pigeon.carried) == 3
    assert outbox(world) == [("sent", SENT.said, 1)] * 3


def test_what_was_refused_is_counted_though_the_database_goes_away_right_then(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, away = bounces.note_refusals, iter([True])

    def note_later(*arguments: object) -> None:
        if next(away, False):
            raise OperationalError("UPDATE", {}, Exception("server closed the connection"))
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bounces, "note_refusals", note_later)
    monkeypatch.setattr(outgoing, "FLUSH_S", 0.01)
    with caplog.at_level(logging.CRITICAL):
        send_all(world, Pigeon(lambda each: REFUSED if each.recipient.startswith("m2@") else SENT))
    assert sorted(str(row[0]) for row in outbox(world)) == ["refused", "sent", "sent"]
    assert rows(world, "SELECT folded, bounce_points FROM addresses WHERE bounce_points > 0") == [
        ("m2@example.net", bounces.HARD)
    ]


def test_what_was_claimed_when_the_database_went_away_goes_out_when_it_is_back(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No lease is waited for, and nothing is put off for what is no fault of the mail's."""

    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    async def go() -> None:
        out = worker(world, pigeon := Pigeon())
        with monkeypatch.context() as patch:
            patch.setattr(Variants, "of_post", away)
            for _ in range(3):
                with pytest.raises(OperationalError):
                    await out.send_some()
        assert await out.send_some() == 3
        assert sorted(envelope.key for envelope in pigeon.carried) == [1, 2, 3]
        out.close()

    asyncio.run(go())
    assert {row[:2] for row in outbox(world)} == {("sent", SENT.said)}


def test_a_post_that_cannot_be_written_keeps_no_other_waiting(
    world: World, network: Network, anna: Member, caplog: pytest.LogCaptureFixture
) -> None:
    poison = make.post(world, network, anna)
    with world.database.transaction() as db:
        db.add(Attachment(post_id=poison.id, name="x", media_type="text/plain", size=1, digest="0" * 64))
    make.post(world, network, anna, text="Terve")
    with caplog.at_level(logging.CRITICAL):
        send_all(world, pigeon := Pigeon())
    assert len(pigeon.carried) == 3
    assert [row[0] for row in outbox(world)] == [None] * 3 + ["sent"] * 3
    assert outbox(world)[0][1] == "the mail could not be written"


def test_a_post_whose_files_are_away_waits_and_others_do_not(
    world: World, network: Network, anna: Member, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    digest = world.files.keep(b"data")
    along = make.post(world, network, anna)
    with world.database.transaction() as db:
        db.add(Attachment(post_id=along.id, name="x", media_type="text/plain", size=4, digest=digest))
    make.post(world, network, anna, text="Terve")
    send_all(replace(world, files=Folder(tmp_path / "taken")), pigeon := Pigeon())
    assert [row[0] for row in outbox(world)] == [None] * 3 + ["sent"] * 3
    assert outbox(world)[0][1] == FilesAway.sentence
    assert len(pigeon.carried) == 3


def test_no_more_is_written_than_is_held_at_once(
    world: World, network: Network, anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All copies of one variant go together; the others are as if they had not been claimed."""
    monkeypatch.setattr(variants, "MOST", 1)
    make.member(world, "asa@example.org", "Åsa", network=network, language="sv")
    for number in range(2):
        make.post(world, network, anna, text=f"Viesti {number}")

    async def go() -> None:
        out = worker(world, pigeon := Pigeon())
        assert await out.send_some() == 3
        assert len({envelope.body for envelope in pigeon.carried}) == 1
        waiting = rows(world, "SELECT tries, claim FROM outbox WHERE done_at IS NULL")
        assert waiting == [(0, None)] * 5
        assert [await out.send_some() for _ in range(4)] == [1, 3, 1, 0]
        out.close()

    asyncio.run(go())
    assert outbox(world) == [("sent", SENT.said, 1)] * 8


def test_files_that_go_along_take_room(
    world: World, network: Network, anna: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "MOST", 100_000)
    digest = world.files.keep(bytes(100_000))
    for number in range(2):
        post = make.post(world, network, anna, text=f"Viesti {number}")
        with world.database.transaction() as db:
            db.add(Attachment(post_id=post.id, name="x", media_type="text/plain", size=100_000, digest=digest))

    async def go() -> None:
        out = worker(world, Pigeon())
        assert [await out.send_some() for _ in range(3)] == [3, 3, 0]
        out.close()

    asyncio.run(go())


def test_no_mail_is_given_up_while_its_files_are_away(world: World, clock: Clock, post: Post, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    digest = world.files.keep(b"data")
    with world.database.transaction() as db:
        db.add(Attachment(post_id=post.id, name="x", media_type="text/plain", size=4, digest=digest))
        db.execute(update(Outbox).values(tries=5000, answer=FilesAway.sentence))
    send_all(replace(world, files=Folder(tmp_path / "taken")), Pigeon())
    assert [row[0] for row in outbox(world)] == [None] * 3
    clock.move(hours=5)
    send_all(world, pigeon := Pigeon())
    assert len(pigeon.carried) == 3


def test_what_is_tried_again_is_not_taken_from_who_sends_it(world: World, clock: Clock, post: Post) -> None:
    """A worker of the mended program may have it in hand when the operator says so."""
    record(world, "old", [(row, Answer("deferred", UNWRITTEN)) for row in claim(world, "old", Watch())], [])
    clock.move(hours=1)
    [first, *_] = owed = claim(world, "new", Watch())
    assert claims.retry(world) == 0
    record(world, "new", [(row, SENT if row is first else Answer("deferred", UNWRITTEN)) for row in owed], [])
    assert claims.retry(world) == 2
    assert [row[0] for row in outbox(world)].count("sent") == 1


# Notices


def owe_code(world: World) -> None:
    with world.database.transaction() as db:
        owe_notice(db, Recipient("anna@example.org", "Anna", "sv", 1), "code", world.clock(), code="123456")


def facts_of_notices(world: World) -> list[dict[str, object]]:
    with world.database.reading() as db:
        return list(db.scalars(select(Notice.facts)))


def test_a_code_is_forgotten_once_it_is_sent(world: World, anna: Member, clock: Clock) -> None:
    owe_code(world)
    send_all(world, Pigeon(lambda _: LATER))
    assert facts_of_notices(world) == [{"code": "123456"}]
    clock.move(minutes=2)
    send_all(world, pigeon := Pigeon())
    assert b"123456" in pigeon.mails[0]
    assert read(pigeon.mails[0]).message_id == "<notice-1@lists.example.org>"
    assert facts_of_notices(world) == [{}]


def test_a_notice_goes_where_it_was_promised(world: World, anna: Member) -> None:
    """Someone who changes an address must not get the code that was asked for by the other."""
    owe_code(world)
    with world.database.transaction() as db:
        db.execute(update(Address).values(address="uusi@example.org"))
    send_all(world, pigeon := Pigeon())
    assert pigeon.addresses == ["anna@example.org"]


# Files


def with_file(world: World, network: Network, anna: Member, size: int) -> bytes:
    upload = attachments.keep(world.files, "muistio.pdf", "application/pdf", b"x" * size)
    make.post(world, network, anna)
    with world.database.transaction() as db:
        post = db.get_one(Post, 1)
        attachments.attach(db, post, [upload])
    send_all(world, pigeon := Pigeon())
    return pigeon.mails[0]


def test_a_small_file_goes_along(world: World, network: Network, anna: Member) -> None:
    [file] = read(with_file(world, network, anna, 1000)).files
    assert (file.name, file.data) == ("muistio.pdf", b"x" * 1000)


@pytest.mark.parametrize(
    ("content_id", "kept"),
    [
        (b"image001.png@01DA", "image001.png@01DA"),
        ("a\x85b\u2028c".encode(), None),
        (b"a\xe4\xff", None),
        (b"a b", None),
        (b"a>b", None),
        (b"x" * 201, None),
        (b'"@[(;,:\\', '"@[(;,:\\'),
    ],
)
def test_whatever_the_content_id_it_is_posted_and_goes_out(
    world: World, network: Network, anna: Member, content_id: bytes, kept: str | None
) -> None:
    part = b"\r\n--x\r\nContent-Type: image/png\r\nContent-ID: <" + content_id + b">\r\n\r\npng\r\n--x--\r\n"
    raw = mail(Content_Type="multipart/related; boundary=x", text="--x\n\nHei") + part
    bridge = Bridge(world)
    [forecast] = bridge.explain(Arrival("anna@example.org", [ADDRESS], raw, "192.0.2.1"))[1]
    assert forecast.fate.fate == "posted"
    assert [fate.fate for fate in bring(bridge, raw)] == ["posted"]
    assert rows(world, "SELECT content_id FROM attachments") == [(kept,)]
    send_all(world, pigeon := Pigeon())
    assert [file.data for file in read(pigeon.mails[0]).files] == [b"png"]


def test_a_large_one_is_a_link(world: World, network: Network, anna: Member) -> None:
    letter = read(with_file(world, network, anna, world.settings.attach_limit_mb * 1_000_000 + 1))
    assert letter.files == ()
    assert "muistio.pdf: http://forum.example.org/a/1" in "".join(part.text for part in letter.parts)


def test_a_member_without_an_address_is_owed_nothing(world: World, network: Network, anna: Member) -> None:
    with world.database.transaction() as db:
        db.execute(update(Address).where(Address.member_id != anna.id).values(gets_mail=False))
        assert members.recipient(db, 1) is None
    make.post(world, network, anna)
    assert send_all(world, Pigeon()) == 0
