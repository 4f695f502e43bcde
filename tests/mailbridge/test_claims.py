"""Second addresses, claimed by one click; and how what was found out about a sender reaches the fate of a mail."""

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from forum import members, sign_in
from forum.settings import Settings, SettingsWrong, read_settings
from forum.tables import Address, Inbox, Member
from forum.world import World
from mailbridge import resolver as resolving
from mailbridge.incoming import Arrival, Bridge
from mailbridge.write import Writer
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import ADDRESS, Fate, bring, fate_of, mail, owed_notices, put_in
from tests.mailbridge.name_server import NameServer, name_server
from tests.mailbridge.signing import record, sealed, signed

OTHER = "anna.v@work.example"


@pytest.fixture
def bridge(world: World) -> Bridge:
    """Anna and Ville in a network, with a post of Ville's that Anna can answer."""
    network = make.network(world)
    make.member(world, network=network)
    make.post(world, network, make.member(world, "ville@example.org", "Ville", network=network))
    return Bridge(world)


def anna(world: World) -> Member:
    with world.database.reading() as db:
        return members.find_member(db, "anna@example.org")


def to_anna(bridge: Bridge) -> str:
    """Her own reply address of the post."""
    return bridge.addresses.reply("viestijat", anna(bridge.world).id, 1)


def held(bridge: Bridge, number: int = 1, author: str = OTHER) -> int:
    raw = mail(author, message_id=f"<{number}@work.example>", text=f"Vastaus {number}\n", proven=False)
    [inbox_id] = put_in(bridge, raw, to_anna(bridge), sender=author)
    work(bridge)
    assert fate_of(bridge.world, inbox_id).fate == "held"
    return inbox_id


def work(bridge: Bridge) -> None:
    while bridge.work_through():
        pass


def answer(bridge: Bridge, inbox_id: int, author: str = "anna@example.org", text: str = "\n") -> Fate:
    raw = mail(author, message_id=f"<a{inbox_id}-{author}>", text=text, proven=False)
    [fate] = bring(bridge, raw, bridge.addresses.answer("viestijat", inbox_id))
    return fate


def posts_of_anna(world: World) -> int:
    return len(rows(world, f"SELECT id FROM posts WHERE author_id = {anna(world).id}"))


def addresses(world: World) -> list[tuple[object, ...]]:
    """Of Anna: address, and whether her mail goes there."""
    with world.database.reading() as db:
        return [(each.address, each.gets_mail) for each in members.addresses_of(db, anna(world).id)]


CLAIMED = [("anna@example.org", True), (OTHER, False)]
UNCLAIMED = CLAIMED[:1]


# The question


def test_an_address_nobody_has_waits_for_the_one_whose_reply_address_it_used(bridge: Bridge) -> None:
    inbox_id = held(bridge)
    assert "an address that nobody has" in fate_of(bridge.world, inbox_id).reason
    [notice] = owed_notices(bridge.world)
    assert (notice.kind, notice.address, notice.member_id) == (
        "is_this_yours",
        "anna@example.org",
        anna(bridge.world).id,
    )
    assert notice.facts["address"] == OTHER
    assert notice.facts["reply_to"] == bridge.addresses.answer("viestijat", inbox_id)
    assert (posts_of_anna(bridge.world), addresses(bridge.world)) == (0, UNCLAIMED)


@pytest.mark.parametrize(
    ("language", "subject", "says", "word", "sign_in"),
    [
        ("fi", "Onko tämä osoite sinun?", "julkaistaan nimissäsi", "KYLLÄ", "kirjautuessasi"),
        ("sv", "Är den här adressen din?", "publiceras meddelandet i ditt namn", "JA", "loggar in"),
        ("en", "Is this address yours?", "published in your name", "YES", "sign in"),
    ],
)
def test_the_question_says_plainly_what_a_yes_does(
    bridge: Bridge, language: str, subject: str, says: str, word: str, sign_in: str
) -> None:
    held(bridge)
    [notice] = owed_notices(bridge.world)
    to = members.Recipient(notice.address, "Anna", language)
    written = Writer(bridge.addresses, "http://forum.example.org", None).notice(
        "is_this_yours", notice.facts, to, "<q@lists.example.org>", bridge.world.clock()
    )
    text = _text_of(b"".join(written.headers) + b"\r\n" + written.body)
    assert subject in text
    for part in (says, word, sign_in, OTHER, "anna@example.org", "Vastaus 1", str(notice.facts["url"])):
        assert part in text


def test_nobody_is_flooded_with_questions(bridge: Bridge) -> None:
    ids = [held(bridge, number, f"x{number}@evil.example") for number in range(12)]
    assert len(owed_notices(bridge.world, "is_this_yours")) == 10
    assert "asked too often" in fate_of(bridge.world, ids[-1]).reason


@pytest.mark.parametrize("author", ["viestijat@lists.example.org", "x@LISTS.example.org", "nobody", "a b@c@d"])
def test_addresses_of_our_own_and_none_at_all_are_nobody_s_to_claim(bridge: Bridge, author: str) -> None:
    [fate] = bring(bridge, mail(author, proven=False), to_anna(bridge))
    assert fate.fate == "refused"
    assert owed_notices(bridge.world, "is_this_yours") == []


def test_a_stranger_elsewhere_is_told_whom_to_ask_as_before(bridge: Bridge) -> None:
    [fate] = bring(bridge, mail(OTHER))
    assert fate.fate == "refused"


def test_an_address_somebody_else_has_begun_to_claim_is_a_stranger_s(bridge: Bridge) -> None:
    with bridge.world.database.transaction() as db:
        ville = members.find_member(db, "ville@example.org")
        db.add(Address(member_id=ville.id, address=OTHER, folded=OTHER, gets_mail=False, confirmed_at=None))
    [fate] = bring(bridge, mail(OTHER, proven=False), to_anna(bridge))
    assert fate.fate == "refused"


def test_who_gets_no_mail_is_not_asked_and_nothing_is_held(bridge: Bridge) -> None:
    with bridge.world.database.transaction() as db:
        for address in members.addresses_of(db, anna(bridge.world).id):
            db.get_one(Address, address.id).gets_mail = False
    [fate] = bring(bridge, mail(OTHER, proven=False), to_anna(bridge))
    assert fate.fate == "refused"


def test_a_machine_is_not_asked_about(bridge: Bridge) -> None:
    [fate] = bring(bridge, mail(OTHER, proven=False, Auto_Submitted="auto-replied"), to_anna(bridge))
    assert (fate.fate, owed_notices(bridge.world)) == ("ignored", [])


# The answer


def test_one_click_claims_it_and_posts_what_waited(bridge: Bridge) -> None:
    inbox_id = held(bridge)
    for _ in range(2):
        bridge.confirm_held(inbox_id)
        work(bridge)
    assert fate_of(bridge.world, inbox_id).fate == "posted"
    assert (posts_of_anna(bridge.world), addresses(bridge.world)) == (1, CLAIMED)
    assert rows(bridge.world, "SELECT vouched FROM mails") in ([(0,)], [(False,)]), "the address proves it now"


@pytest.mark.parametrize("author", ["anna@example.org", "Anna@Example.org", OTHER])
@pytest.mark.parametrize(
    "text", ["YES\n", "Kyllä, minä se olen\n", "Joo, en muistanut\n", "Ja, det är min\n", "*Kyllä!*\n"]
)
def test_an_answer_does_the_same(bridge: Bridge, author: str, text: str) -> None:
    inbox_id = held(bridge)
    assert answer(bridge, inbox_id, author, text).fate == "command"
    assert fate_of(bridge.world, inbox_id).fate == "posted"
    assert addresses(bridge.world) == CLAIMED


NO_YES = [
    "No",
    "Ei ole minun",
    "Nej!",
    "En lähettänyt tätä.",
    "Det är inte min adress",
    "I didn't",
    "That isn’t me",
    "",
    "Thanks!",
]


@pytest.mark.parametrize("text", [*NO_YES, "Mikä tämä on?", "Ok, not mine.", "Joo ei ole."])
def test_only_a_clear_yes_is_one(bridge: Bridge, text: str) -> None:
    inbox_id = held(bridge)
    assert answer(bridge, inbox_id, text=f"{text}\n").fate in ("refused", "command")
    assert (fate_of(bridge.world, inbox_id).fate, addresses(bridge.world)) == ("held", UNCLAIMED)


@pytest.mark.parametrize("author", ["ville@example.org", "eve@example.com"])
def test_nobody_else_answers_for_her(bridge: Bridge, author: str) -> None:
    inbox_id = held(bridge)
    assert answer(bridge, inbox_id, author).fate == "ignored"
    assert (fate_of(bridge.world, inbox_id).fate, addresses(bridge.world)) == ("held", UNCLAIMED)


def test_the_address_that_was_asked_about_is_the_one_that_is_claimed(bridge: Bridge) -> None:
    inbox_id = held(bridge)
    assert rows(bridge.world, "SELECT asked_address FROM inbox") == [(OTHER,)]
    with bridge.world.database.transaction() as db:
        db.get_one(Inbox, inbox_id).asked_address = "named@work.example"
    bridge.confirm_held(inbox_id)
    assert addresses(bridge.world) == [*UNCLAIMED, ("named@work.example", False)]
    assert rows(bridge.world, "SELECT asked_address FROM inbox") == [(None,)]


@pytest.mark.parametrize("more", ["From: x@evil.example\r\n", "From: anna@example.org\r\n"])
def test_nobody_is_asked_about_one_of_two_authors(bridge: Bridge, more: str) -> None:
    raw = mail(OTHER, proven=False).replace(b"To:", more.encode() + b"To:", 1)
    bring(bridge, raw, to_anna(bridge))
    assert owed_notices(bridge.world, "is_this_yours") == []


def test_a_claimed_address_signs_in_with_a_code_that_goes_to_the_first(bridge: Bridge) -> None:
    bridge.confirm_held(held(bridge))
    with bridge.world.database.transaction() as db:
        sign_in.send_code(db, OTHER, "192.0.2.1", bridge.world.clock(), bridge.world.random)
    [code] = owed_notices(bridge.world, "code")
    assert code.address == "anna@example.org"


def test_a_reply_address_proves_nothing_against_our_own_server(bridge: Bridge) -> None:
    failed = "mx.example.org; dmarc=fail header.from=example.org"
    [fate] = bring(bridge, mail(Authentication_Results=failed), to_anna(bridge))
    assert fate.fate == "held"
    assert "dmarc=fail" in fate.reason
    assert [notice.kind for notice in owed_notices(bridge.world)] == ["was_this_you"]
    elsewhere = "mx.example.org; dmarc=fail header.from=list.example"
    assert bring(bridge, mail(Authentication_Results=elsewhere), to_anna(bridge))[0].fate == "posted"


def test_an_address_in_other_letters_is_found_again(bridge: Bridge) -> None:
    inbox_id = held(bridge, author="anna@xn--jrjest-bua3m.fi")
    bridge.confirm_held(inbox_id)
    work(bridge)
    assert fate_of(bridge.world, inbox_id).fate == "posted"


def test_what_waited_from_the_same_address_comes_along_and_nothing_else(bridge: Bridge) -> None:
    first, second, strange = held(bridge), held(bridge, 2, OTHER.upper()), held(bridge, 3, "eve@evil.example")
    bridge.confirm_held(second)
    work(bridge)
    assert [fate_of(bridge.world, each).fate for each in (first, second, strange)] == ["posted", "posted", "held"]
    assert posts_of_anna(bridge.world) == 2


def test_from_then_on_it_is_hers(bridge: Bridge) -> None:
    bridge.confirm_held(held(bridge))
    work(bridge)
    assert bring(bridge, mail(OTHER, message_id="<2@x>", proven=False), to_anna(bridge))[0].fate == "posted"
    assert bring(bridge, mail(OTHER, message_id="<3@x>", subject="Uusi"), ADDRESS)[0].fate == "posted"
    assert posts_of_anna(bridge.world) == 3
    with bridge.world.database.reading() as db:
        assert members.recipient(db, anna(bridge.world).id) == members.Recipient(
            "anna@example.org", "Anna Virtanen", "fi", anna(bridge.world).id
        )


def test_what_became_somebody_else_s_meanwhile_is_not_claimed(bridge: Bridge) -> None:
    """Nor is the mail Anna's, whatever she says: it is in the other's name, who is asked."""
    inbox_id = held(bridge)
    eve = make.member(bridge.world, OTHER, "Eve")
    assert answer(bridge, inbox_id, OTHER).fate == "ignored"
    bridge.confirm_held(inbox_id)
    work(bridge)
    assert (addresses(bridge.world), posts_of_anna(bridge.world)) == (UNCLAIMED, 0)
    assert fate_of(bridge.world, inbox_id).fate == "held"
    [question] = owed_notices(bridge.world, "was_this_you")
    assert question.member_id == eve.id


def test_was_this_you_claims_nothing(bridge: Bridge) -> None:
    [fate] = bring(bridge, mail(proven=False, subject="Terve"))
    assert fate.fate == "held"
    bridge.confirm_held(1)
    work(bridge)
    assert (fate_of(bridge.world, 1).fate, addresses(bridge.world)) == ("posted", UNCLAIMED)


def test_a_claim_takes_only_what_is_free(world: World) -> None:
    one, two = make.member(world), make.member(world, "ville@example.org", "Ville")
    with world.database.transaction() as db:
        assert not members.claim(db, one.id, "VILLE@example.org", world.clock())
        assert members.claim(db, one.id, OTHER, world.clock())
        assert not members.claim(db, two.id, OTHER, world.clock())
        assert (members.is_free(db, OTHER.upper()), members.is_free(db, "x@y.example")) == (False, True)


# From what was found out to a fate


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as server:
        server.text("s1._domainkey.example.org", record())
        server.text("arc._domainkey.list.example", record())
        yield server


@pytest.fixture
def checking(bridge: Bridge, names: NameServer) -> Bridge:
    """Without a front mail server."""
    return with_settings(bridge, trusted_mta="", dns=names.address, arc_sealers="List.example, other.example")


def with_settings(bridge: Bridge, **changes: object) -> Bridge:
    settings: Settings = replace(bridge.world.settings, **changes)  # type: ignore[arg-type]
    return Bridge(replace(bridge.world, settings=settings))


BARE = mail(proven=False, Authentication_Results="")


def test_a_signed_mail_is_posted(checking: Bridge) -> None:
    assert bring(checking, signed(BARE))[0].fate == "posted"


def test_an_unsigned_one_is_held_and_the_reason_kept(checking: Bridge) -> None:
    [fate] = bring(checking, BARE)
    assert fate.fate == "held"
    assert "(no signature by example.org" in fate.reason


def test_a_mail_from_where_the_domain_sends_is_posted(checking: Bridge, names: NameServer) -> None:
    names.text("example.org", "v=spf1 ip4:192.0.2.1 -all")
    assert bring(checking, BARE)[0].fate == "posted"


def test_a_mail_a_named_list_changed_is_posted(checking: Bridge) -> None:
    assert bring(checking, sealed(BARE.replace(b"Miten te", b"[lista] Miten te")))[0].fate == "posted"


def test_what_a_stranger_wrote_in_front_proves_nothing(checking: Bridge) -> None:
    assert bring(checking, mail())[0].fate == "held"


def test_nobody_is_asked_for_a_stranger_nor_where_it_changes_nothing(checking: Bridge, names: NameServer) -> None:
    bring(checking, signed(mail("eve@evil.example", proven=False), "evil.example"))
    bring(checking, mail(message_id="<2@x>", proven=False), to_anna(checking))
    bring(checking, mail(message_id="<3@x>", proven=False, Auto_Submitted="auto-replied"))
    bring(checking, mail(message_id="<4@x>", proven=False), "viestijat+help@lists.example.org")
    checking.store(Arrival("", [ADDRESS], mail(message_id="<5@x>", proven=False), "inject", vouched=True))
    work(checking)
    assert names.asked == []


def test_with_a_front_mail_server_nobody_is_asked_unless_so_set(bridge: Bridge, names: NameServer) -> None:
    front = with_settings(bridge, dns=names.address)
    assert bring(front, signed(BARE))[0].fate == "held"
    assert names.asked == []
    both = with_settings(bridge, dns=names.address, check_senders=True)
    assert bring(both, signed(mail(message_id="<2@x>", proven=False)))[0].fate == "posted"


def test_two_authors_have_no_proof_even_by_token(bridge: Bridge) -> None:
    for more in ("From: eve@evil.example\r\n", "From: anna@example.org\r\n"):
        [fate] = bring(
            bridge, mail(message_id=f"<{len(more)}@x>").replace(b"To:", more.encode() + b"To:", 1), to_anna(bridge)
        )
        assert fate.fate == "held"


@pytest.mark.parametrize("to", ["network", "token"])
def test_explain_tells_the_proof_and_stores_nothing(checking: Bridge, to: str) -> None:
    raw = signed(BARE)
    _, [forecast] = checking.explain(Arrival("", [ADDRESS if to == "network" else to_anna(checking)], raw, "explain"))
    assert forecast.case.facts.proof == ("dkim" if to == "network" else "token")
    assert rows(checking.world, "SELECT count(*) FROM mails") == [(0,)]


def test_explain_foretells_a_claim(bridge: Bridge) -> None:
    _, [forecast] = bridge.explain(Arrival("", [to_anna(bridge)], mail(OTHER), "explain"))
    assert (forecast.fate.fate, forecast.mails, addresses(bridge.world)) == ("held", 1, UNCLAIMED)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"QUERY_S": 0.1, "TRY_S": 0.05, "LEFT_ALONE_S": 0.0}.items():
        monkeypatch.setattr(resolving, name, seconds)


@pytest.mark.usefixtures("hasty")
def test_a_silent_name_server_is_waited_for(checking: Bridge, names: NameServer, clock: Clock) -> None:
    names.is_down = True
    [inbox_id] = put_in(checking, signed(BARE))
    work(checking)
    assert fate_of(checking.world, inbox_id).fate is None
    assert owed_notices(checking.world) == []
    names.is_down = False
    clock.move(seconds=31)
    work(checking)
    assert fate_of(checking.world, inbox_id).fate == "posted"


@pytest.mark.usefixtures("hasty")
def test_but_not_for_ever(checking: Bridge, names: NameServer, clock: Clock) -> None:
    names.is_down = True
    [inbox_id] = put_in(checking, signed(BARE))
    for seconds in (0, 31, 181, 601):
        assert fate_of(checking.world, inbox_id).fate is None
        clock.move(seconds=seconds)
        assert checking.work_through() == 1
    assert fate_of(checking.world, inbox_id).fate == "held"
    [question] = owed_notices(checking.world)
    assert question.kind == "was_this_you"


@pytest.mark.usefixtures("hasty")
def test_what_is_worked_through_at_once_is_decided_at_once(checking: Bridge, names: NameServer) -> None:
    """`parvi mail inject` prints a fate."""
    names.is_down = True
    [inbox_id] = put_in(checking, signed(BARE))
    checking.process(inbox_id)
    assert fate_of(checking.world, inbox_id).fate == "held"


def test_no_transaction_is_open_while_the_network_is_asked(checking: Bridge, names: NameServer) -> None:
    """Else a slow name server would hold the one write lock of SQLite."""
    names.deaf.add("_dmarc.example.org")
    [inbox_id] = put_in(checking, signed(BARE))
    other = make.member(checking.world, "other@example.org", "Other")
    seen: list[int] = []
    original = names.answer

    def answer_slowly(wire: bytes, *, by_tcp: bool) -> bytes | None:
        with checking.world.database.transaction() as db:
            seen.append(db.get_one(Member, other.id).id)
            db.get_one(Inbox, inbox_id, with_for_update=True)
        names.deaf.clear()
        return original(wire, by_tcp=by_tcp)

    names.answer = answer_slowly  # type: ignore[method-assign]
    checking.process(inbox_id)
    assert seen
    assert fate_of(checking.world, inbox_id).fate == "posted"


# Settings


@pytest.mark.parametrize(
    ("given", "checks"),
    [
        ({}, True),
        ({"PARVI_TRUSTED_MTA": "mx.example.org"}, False),
        ({"PARVI_TRUSTED_MTA": "mx.example.org", "PARVI_CHECK_SENDERS": "yes"}, True),
        ({"PARVI_TRUSTED_MTA": "mx.example.org", "PARVI_CHECK_SENDERS": "1"}, True),
        ({"PARVI_TRUSTED_MTA": "mx.example.org", "PARVI_CHECK_SENDERS": ""}, False),
        ({"PARVI_CHECK_SENDERS": ""}, True),
        ({"PARVI_CHECK_SENDERS": "no"}, False),
        ({"PARVI_CHECK_SENDERS": "0"}, False),
    ],
)
def test_whether_we_check_ourselves(given: dict[str, str], checks: bool, tmp_path: Path) -> None:
    assert read_settings(given, tmp_path / "none.toml").checks_senders is checks


@pytest.mark.parametrize("dns", ["127.0.0.1", "ns.example.org:53", ":53", "127.0.0.1:0", "127.0.0.1:99999", "x:y"])
def test_a_name_server_is_an_address_and_a_port(dns: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="PARVI_DNS should be address:port"):
        read_settings({"PARVI_DNS": dns}, tmp_path / "none.toml")


def test_settings_as_they_are_used(tmp_path: Path) -> None:
    given = {"PARVI_DNS": "[::1]:53", "PARVI_ARC_SEALERS": " List.example,, other.example "}
    settings = read_settings(given, tmp_path / "none.toml")
    assert (settings.dns, sorted(settings.sealers)) == ("[::1]:53", ["list.example", "other.example"])


def _text_of(raw: bytes) -> str:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(("plain",))
    assert part
    return f"{message['Subject']}\n{part.get_content()}".replace(" \n", " ")
