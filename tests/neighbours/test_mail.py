"""Mail through Postfix to us and from us into mailboxes: each post once, threads as ours, signatures whole, bounces counted."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import dkim
import pytest
from sqlalchemy import select

from forum import members
from forum.bounces import HARD
from forum.tables import Address, Network, Outbox
from tests.journeys.town import text_of, until
from tests.mailbridge.name_server import NameServer
from tests.neighbours.town import PEOPLE, Town

LATE = "<late.parent@example.net>"
SAID = {  # by whom
    "Miten te sen teette?": "anna",
    "Vi gör så här: varje måndag.": "bjorn",
    "Every Monday here, too.": "grace",
    "Kiitos, kokeillaan.": "anna",
    "Gern, ab Juni.": "abroad",
    "Mikä päivä sopii?": "bjorn",
    "Kesäpäivä on pian.": "anna",
}
WITH_MAILBOX = [name for name in PEOPLE if name != "dora"]


@dataclass(frozen=True)
class Discussion:
    town: Town
    network: Network


@pytest.fixture(scope="module")
def discussion(town: Town) -> Discussion:
    """All of it at once, as people write; then every mail is waited for."""
    network = town.network("viestijat")
    town.send(town.address("anna"), town.door("viestijat"), "Miten te sen teette?")
    walks = (by_mail, by_web, the_answer_first)
    with ThreadPoolExecutor(len(walks)) as pool:
        for walk in [pool.submit(walk, town) for walk in walks]:
            walk.result()
    for name in WITH_MAILBOX:
        until(lambda name=name: len(town.copies(network, name)) >= wanted(name) or None)  # type: ignore[misc]
    return Discussion(town, network)


def by_mail(town: Town) -> None:
    """A branch of two answers; the second one comes from abroad."""
    town.answer("bjorn", town.copy("bjorn", "Miten te sen teette?"), "Vi gör så här: varje måndag.")
    town.answer("abroad", town.copy("abroad", "Vi gör så här"), "Gern, ab Juni.")


def by_web(town: Town) -> None:
    """Another branch; what answers it comes from a mail program that does not name what it answers."""
    first = town.post_saying("Miten te sen teette?")
    with town.api("grace") as api:
        said = {"text": "Every Monday here, too.", "parent": first.id}
        assert api.post(f"threads/{first.thread_id}/posts", json=said).status_code == 201
    town.answer("anna", town.copy("anna", "Every Monday here"), "Kiitos, kokeillaan.", drops_references=True)


def the_answer_first(town: Town) -> None:
    named = {"In-Reply-To": LATE, "References": LATE}
    here = town.door("viestijat")
    town.send(town.address("bjorn"), here, "Mikä päivä sopii?", subject="Re: Kesäpäivä", headers=named)
    town.copy("olli", "Mikä päivä sopii?")
    town.send(town.address("anna"), here, "Kesäpäivä on pian.", subject="Kesäpäivä", headers={"Message-ID": LATE})


def wanted(name: str) -> int:
    return sum(author != name for author in SAID.values())


@pytest.mark.parametrize("name", WITH_MAILBOX)
def test_each_member_has_each_post_of_others_once(discussion: Discussion, name: str) -> None:
    town, network = discussion.town, discussion.network
    got = Counter(str(mail["Message-ID"]) for mail in town.copies(network, name))
    posts = {post.message_id: post for post in town.posts(network)}
    assert set(got) == {post.message_id for post in posts.values() if SAID[words_of(post.text)] != name}
    assert set(got.values()) == {1}


def words_of(text: str) -> str:
    return next(words for words in SAID if words in text)


@pytest.mark.parametrize("name", WITH_MAILBOX)
def test_mail_programs_see_the_threads_that_we_have(discussion: Discussion, name: str) -> None:
    """Who wrote something has no copy of it: what answers it stands below what it answers, as the server has it, too."""
    town, network = discussion.town, discussion.network
    posts = {post.id: post for post in town.posts(network)}
    copies = {str(mail["Message-ID"]) for mail in town.copies(network, name)}
    ours = {}
    for post in posts.values():
        above = posts.get(post.parent_id or 0)
        while above is not None and above.message_id not in copies:
            above = posts.get(above.parent_id or 0)
        if post.message_id in copies:
            ours[post.message_id] = above and above.message_id
    theirs = {mail: above for mail, above in town.mailbox(name).parents().items() if mail in copies}
    assert theirs == ours
    if name == "olli":
        assert len(ours) == len(SAID)
        assert ours[town.post_saying("Mikä päivä sopii?").message_id] == LATE


@pytest.mark.parametrize("name", WITH_MAILBOX)
def test_every_mail_arrives_with_two_signatures_that_hold(discussion: Discussion, names: NameServer, name: str) -> None:
    def asked(name: bytes, timeout: float = 5) -> bytes | None:
        found = names.records.get((name.decode().rstrip(".").lower(), "TXT"))
        return "".join(found[0].strip('"').split('" "')).encode() if found else None

    for raw in discussion.town.mailbox(name).raw():
        mail = dkim.DKIM(raw)
        assert raw.partition(b"\r\n\r\n")[0].count(b"\r\nDKIM-Signature:") == 2
        assert all(mail.verify(idx=number, dnsfunc=asked) for number in (0, 1))


def test_mail_to_nobody_comes_back_and_counts(discussion: Discussion) -> None:
    """Dovecot refuses it after Postfix has taken it from us: Postfix tells us in a mail of its own."""
    town, api = discussion.town, discussion.town.api("olli")
    for post in town.posts(discussion.network):
        path = f"posts/{post.id}/deliveries"
        until(lambda path=path: api.get(path).json()["bounced"] == 1 or None)  # type: ignore[misc]
    with town.world.database.reading() as db:
        member = members.find_member(db, town.address("dora"))
        [address] = db.scalars(select(Address).where(Address.member_id == member.id))
        answers = set(db.scalars(select(Outbox.answer).where(Outbox.member_id == member.id)))
    assert (address.bounce_status, address.bounce_points) == ("5.1.1", HARD), "one day counts once"
    assert all("User doesn't exist" in (answer or "") for answer in answers), "as Dovecot said it"


def test_a_forged_mail_is_held_whatever_it_says_in_the_front_servers_name(town: Town) -> None:
    network = town.network("forged")
    claim = {"Authentication-Results": f"mx.example.org; dmarc=pass header.from={town.people}"}
    town.send(town.address("anna"), town.door("forged"), "Olen Anna.", signed=False, headers=claim)
    row = until(lambda: town.fate_of("forged"))
    assert (row.fate, "(dmarc=fail, says mx.example.org)" in row.reason) == ("held", True)
    assert not town.posts(network)


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n"])
def test_no_other_mail_is_brought_in_within_one(town: Town, end: bytes) -> None:
    """Some large servers hand on what stands in their members' mails between such ends, and it has their proof."""
    inner = f"MAIL FROM:<boss@{town.people}>\r\nRCPT TO:<{town.door('viestijat')}>\r\nDATA\r\n".encode()
    with town.front_server() as server:
        server.mail(town.address("anna"))
        server.rcpt(f"postmaster@{town.world.settings.mail_domain}")
        server.docmd("DATA")
        server.send(b"Subject: outer\r\n\r\nHei" + end + inner + b"Subject: inner\r\n\r\nHei\r\n.\r\n")
        assert server.getreply()[0] == 250
        assert server.noop() == (250, b"2.0.0 Ok"), "not the answer to another MAIL"


def test_who_proves_nothing_is_asked_and_answers(town: Town) -> None:
    """A domain without keys and policy."""
    town.network("unsigned")
    town.send(town.abroad, town.door("unsigned"), "Ich bin es.", signed=False)
    question = town.copy("abroad", "Ich bin es.")
    assert until(lambda: town.fate_of("unsigned")).fate == "held"
    town.send(town.abroad, str(question["Reply-To"]).strip("<>"), "Yes.", signed=False)
    assert "Ich bin es." in text_of(town.copy("anna", "Ich bin es."))


def test_an_address_that_we_do_not_know_is_refused_at_the_front_door(town: Town) -> None:
    refusal = town.refusal(town.address("anna"), town.door("nobody"))
    assert refusal.startswith("550 5.1.1")
    assert "nobody@" in refusal
