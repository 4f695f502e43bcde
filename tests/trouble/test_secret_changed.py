"""The secret is changed while mails of the old one lie in people's mailboxes: all that stands in them goes on working."""

import re
from dataclasses import dataclass, replace
from email import message_from_bytes, policy

import pytest

from forum.tables import Member, Network, Post
from forum.tokens import Tokens
from forum.web.app import create_app
from forum.world import World
from mailbridge.incoming import Bridge
from tests import make
from tests.conftest import rows
from tests.mailbridge.mails import ADDRESS, bring, mail
from tests.mailbridge.test_bounce_walk import dsn
from tests.mailbridge.test_outgoing import Pigeon, send_all
from tests.web.conftest import Browser


@dataclass(frozen=True)
class OldMail:
    """What Ville got of Anna's post, and Anna of her own."""

    sender: str
    reply_to: str
    message_id: str
    unsubscribe: str
    change: str


@pytest.fixture
def people(world: World) -> tuple[Network, Member, Member]:
    network = make.network(world)
    anna = make.member(world, network=network)
    return network, anna, make.member(world, "ville@example.org", "Ville", network=network)


@pytest.fixture
def old(world: World, people: tuple[Network, Member, Member]) -> OldMail:
    bring(Bridge(world), mail(text="Minä tuon kahvit.\n\n-- \nAnna Virtanen\nviestintäpäällikkö\n"), ADDRESS)
    send_all(world, pigeon := Pigeon())
    copy, receipt = (
        next(e for e in pigeon.carried if e.recipient == to) for to in ("ville@example.org", "anna@example.org")
    )
    copied = message_from_bytes(copy.head + copy.body, policy=policy.SMTP)
    told = message_from_bytes(receipt.head + receipt.body, policy=policy.SMTP).get_body(("plain",))
    assert told
    change = re.search(r"http://forum\.example\.org(/c/\w+)", told.get_content())
    unsubscribe = re.search(r"http://forum\.example\.org(/u/\w+)", str(copied["List-Unsubscribe"]))
    assert change
    assert unsubscribe
    return OldMail(
        copy.sender, str(copied["Reply-To"]).strip("<>"), str(copied["Message-ID"]), unsubscribe[1], change[1]
    )


def with_secrets(world: World, *secrets: str) -> World:
    return replace(world, tokens=Tokens(secrets))


@pytest.fixture
def changed(world: World) -> World:
    """As with PARVI_SECRET="new,not so secret"."""
    return with_secrets(world, "new", world.settings.secret)


def answer(world: World, old: OldMail) -> str | None:
    raw = mail("ville@example.org", text="Hienoa!\n", message_id="<v@example.org>", proven=False)
    return bring(Bridge(world), raw, old.reply_to)[0].fate


def browser(world: World) -> Browser:
    return Browser(world, create_app(world), {"parvi-language": "en"})


def test_an_answer_to_the_old_reply_address_is_posted(changed: World, old: OldMail) -> None:
    assert answer(changed, old) == "posted"
    assert rows(changed, "SELECT parent_id FROM posts ORDER BY id") == [(None,), (1,)]


def test_the_old_unsubscribe_link_stops_the_mail(changed: World, old: OldMail) -> None:
    assert browser(changed).look(old.unsubscribe).status_code == 200
    one_click = browser(changed).ask("POST", old.unsubscribe, data={"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 200
    assert rows(changed, "SELECT mode FROM memberships WHERE member_id = 2") == [("none",)]


def test_a_bounce_to_the_old_envelope_sender_is_counted(changed: World, old: OldMail) -> None:
    assert bring(Bridge(changed), dsn(old.sender, "5.1.1"), old.sender)[0].fate == "bounce"
    assert ("bounced",) in rows(changed, "SELECT outcome FROM outbox")


def test_the_link_in_the_old_receipt_opens(changed: World, old: OldMail) -> None:
    assert browser(changed).look(old.change).status_code == 200


def test_what_is_sent_now_is_signed_by_the_new_one(
    changed: World, world: World, old: OldMail, people: tuple[Network, Member, Member]
) -> None:
    network, anna, _ = people
    post: Post = make.post(changed, network, anna)
    address = Bridge(changed).addresses.reply("viestijat", 2, post.id)
    assert Bridge(with_secrets(world, "new")).addresses.read(address)
    assert not Bridge(world).addresses.read(address)


def test_once_the_old_one_is_taken_away_its_mails_open_nothing(world: World, old: OldMail) -> None:
    after = with_secrets(world, "new")
    assert browser(after).look(old.unsubscribe).status_code == 404
    assert browser(after).look(old.change).status_code == 404
    assert answer(after, old) == "held", "the address proves nothing any more: the writer is asked"
