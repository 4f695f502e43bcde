"""The mail that a digest is: what stands in it, in three languages, and how it reads when it is parsed again."""

import email
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from forum import absence, digests, memberships
from forum.attachments import keep
from forum.tables import Member, Network
from forum.world import World
from mailbridge import digests as written
from mailbridge.addresses import Addresses, Target
from mailbridge.claims import claim
from mailbridge.variants import Variants
from mailbridge.watch import Watch
from mailbridge.worker import DUE, make_writer
from tests import make
from tests.conftest import Clock

TUESDAY = datetime(2026, 11, 24, 6, tzinfo=UTC)


def mails(world: World) -> list[EmailMessage]:
    """What the worker would send now."""
    with world.database.transaction() as db:
        while digests.owe_digests(db, world.clock()):
            pass
    writer, found = make_writer(world), []
    notices = [row for row in claim(world, "me", Watch()) if row.notice_id]
    with world.database.reading() as db:
        variants = Variants(world, writer, db)
        for row in notices:
            assert row.notice_id
            assert row.to
            rendered, personal = variants.of_notice(row.notice_id, row.to)
            found.append(email.message_from_bytes(writer.address(rendered, personal) + rendered.body, policy=SMTP))
    return found


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part
    content = str(part.get_content()).replace("\r\n", "\n")
    return re.sub(r" \n", " ", content) if kind == "plain" else content


def reader(world: World, network: Network, language: str = "en") -> Member:
    return make.member(world, "reader@example.net", "Reader", network=network, mode="daily", language=language)


def two_networks(world: World, clock: Clock, language: str) -> tuple[Addresses, Member, list[int]]:
    """Two discussions in one network, one in another; then it is Tuesday morning."""
    first, second = make.network(world), make.network(world, "talous", name="Talous & hallinto")
    anna = make.member(world, network=first, organisation="Järjestö ry")
    member = reader(world, first, language)
    with world.database.transaction() as db:
        memberships.join(db, second, anna, clock())
        memberships.join(db, second, member, clock(), mode="daily")
    one = make.post(world, first, anna, text="Miten te sen teette?\n\nT. Anna", folded="> vanhaa lainausta")
    two = make.post(world, first, anna, thread_id=one.thread_id, text="Lisään vielä **yhden** asian: a < b.")
    three = make.post(world, first, anna, subject="Toinen <aihe>", text="Toista.")
    four = make.post(world, second, anna, subject="Budjetti", text="Luvut ovat tässä.", language="fi")
    clock.now = TUESDAY
    return Addresses("lists.example.org", world.tokens), member, [one.id, two.id, three.id, four.id]


SAID = {
    "fi": (
        "Parvi: 4 uutta viestiä 2 verkostossa",
        "Tässä koosteessa:",
        "ma 23.11.2026 klo 8.09",
        "Vastaa tähän keskusteluun",
    ),
    "sv": (
        "Parvi: 4 nya inlägg i 2 nätverk",
        "I det här sammandraget:",
        "mån 23 nov. 2026 kl. 08:09",
        "Svara i den här diskussionen",
    ),
    "en": (
        "Parvi: 4 new messages in 2 networks",
        "In this digest:",
        "Mon 23 Nov 2026 at 08:09",
        "Answer this discussion",
    ),
}


@pytest.mark.parametrize("language", SAID)
def test_a_digest_in_the_members_language(world: World, clock: Clock, language: str) -> None:
    addresses, member, ids = two_networks(world, clock, language)
    (mail,) = mails(world)
    subject, contents, moment, answer = SAID[language]
    text, html = text_of(mail), text_of(mail, "html")
    assert mail["Subject"] == subject
    assert mail["Content-Language"] == language
    assert text.startswith(contents)
    assert f'<html lang="{language}">' in html
    for body in (text, html):
        assert body.count(moment) == 4
        assert "vanhaa lainausta" not in body
        assert all(f"http://forum.example.org/p/{post_id}" in body for post_id in ids)
    newest = addresses.reply("viestijat", member.id, ids[1])
    assert f"{answer}: {newest}\n" in text
    assert f'href="mailto:{newest}?subject=Re%3A%20Hiljainen%20tieto"' in html
    assert text.count(answer) == html.count(answer) == 3


@pytest.mark.parametrize(
    ("language", "title", "why"),
    [
        ("fi", "Poissa ollessasi:", "Saat tämän viestin, koska olit poissa"),
        ("sv", "Medan du var borta:", "Du får det här meddelandet eftersom du var borta"),
        ("en", "While you were away:", "You get this mail because you were away"),
    ],
)
def test_after_an_absence_it_says_so(world: World, clock: Clock, language: str, title: str, why: str) -> None:
    network = make.network(world)
    anna = make.member(world, network=network)
    member = make.member(world, "reader@example.net", "Reader", network=network, language=language)
    with world.database.transaction() as db:
        absence.go_away(db, db.get_one(Member, member.id), clock().date(), clock().date(), clock())
    post = make.post(world, network, anna)
    clock.now = TUESDAY
    (mail,) = mails(world)
    text, html = text_of(mail), text_of(mail, "html")
    assert text.startswith(title)
    assert why in text
    assert why in html
    assert html.count(title[:-1]) == 2
    assert f"http://forum.example.org/p/{post.id}" in text


@pytest.mark.parametrize(
    ("language", "flood", "why"),
    [
        (
            "fi",
            "Sinulle tuli vuorokauden aikana yli 2 viestiä, joten loput ovat tässä. "
            "Sinun ei tarvitse tehdä mitään: kun tahti rauhoittuu, viestit tulevat taas niin kuin ennen.",
            "Saat tämän viestin, koska viestejä tuli enemmän kuin niitä lähetetään vuorokaudessa yksitellen.",
        ),
        (
            "sv",
            "Det kom fler än 2 inlägg till dig på ett dygn, så resten finns här. "
            "Du behöver inte göra något: när det lugnar ner sig kommer inläggen som förut.",
            "Du får det här meddelandet eftersom det kom fler inlägg än vi skickar ett och ett under ett dygn.",
        ),
        (
            "en",
            "More than 2 messages came to you within a day, so the rest is here. "
            "You need to do nothing: mails come as before once it is quieter.",
            "You get this mail because there were more messages than are sent one by one in a day.",
        ),
    ],
)
def test_after_a_flood_it_says_why_first(world: World, clock: Clock, language: str, flood: str, why: str) -> None:
    world = replace(world, settings=replace(world.settings, daily_cap=2))
    network = make.network(world)
    anna = make.member(world, network=network)
    make.member(world, "reader@example.net", "Reader", network=network, language=language)
    made = [make.post(world, network, anna).id for _ in range(4)]
    clock.now = TUESDAY
    (mail,) = mails(world)
    text, html = text_of(mail), text_of(mail, "html")
    assert text.startswith(f"{flood}\n\n{SAID[language][1]}\n")
    assert f">{flood}</p>" in html
    for body in (text, html):
        assert why in body
        assert [f"http://forum.example.org/p/{post_id}" in body for post_id in made] == [False, False, True, True]


def test_how_it_reads(world: World, clock: Clock) -> None:
    addresses, member, _ = two_networks(world, clock, "en")
    (mail,) = mails(world)
    newest = (("viestijat", 2), ("viestijat", 3), ("talous", 4))
    replies = [addresses.reply(slug, member.id, post_id) for slug, post_id in newest]
    stops = [world.tokens.make("unsubscribe", network_id, member.id) for network_id in (1, 2)]
    assert (
        text_of(mail).rstrip("\n")
        == f"""In this digest:

Järjestöviestijät
- Hiljainen tieto: 2 new messages
- Toinen <aihe>: 1 new message

Talous & hallinto
- Budjetti: 1 new message

_______________
Järjestöviestijät

Hiljainen tieto

Anna Virtanen, Järjestö ry · Mon 23 Nov 2026 at 08:09
http://forum.example.org/p/1

Miten te sen teette?

T. Anna

Anna Virtanen, Järjestö ry · Mon 23 Nov 2026 at 08:09
http://forum.example.org/p/2

Lisään vielä **yhden** asian: a < b.

Answer this discussion: {replies[0]}

Toinen <aihe>

Anna Virtanen, Järjestö ry · Mon 23 Nov 2026 at 08:09
http://forum.example.org/p/3

Toista.

Answer this discussion: {replies[1]}

_______________
Talous & hallinto

Budjetti

Anna Virtanen, Järjestö ry · Mon 23 Nov 2026 at 08:09
http://forum.example.org/p/4

Luvut ovat tässä.

Answer this discussion: {replies[2]}

_______________
An answer to this mail itself goes to no discussion: each of them has its own address for answers above.
You get this mail because you have chosen a digest. To get no more mail of a network, \
open its link and press the button; no sign-in is needed:
Järjestöviestijät: http://forum.example.org/u/{stops[0]}
Talous & hallinto: http://forum.example.org/u/{stops[1]}
Every setting: http://forum.example.org/me"""
    )


def test_the_html_is_escaped_and_keeps_what_was_formatted(world: World, clock: Clock) -> None:
    two_networks(world, clock, "en")
    html = text_of(mails(world)[0], "html")
    assert "<strong>yhden</strong> asian: a &lt; b." in html
    assert "Toinen &lt;aihe&gt;</h3>" in html
    assert "Talous &amp; hallinto</h2>" in html


def test_the_headers_of_several_networks(world: World, clock: Clock) -> None:
    two_networks(world, clock, "en")
    (mail,) = mails(world)
    assert (
        mail["From"].addresses[0].addr_spec
        == mail["Reply-To"].addresses[0].addr_spec
        == "viestijat+help@lists.example.org"
    )
    assert mail["To"].addresses[0].addr_spec == "reader@example.net"
    assert mail["List-Unsubscribe"] == "<http://forum.example.org/me>"
    assert mail["List-Unsubscribe-Post"] is None
    assert (mail["Auto-Submitted"], mail["Precedence"]) == ("auto-generated", "list")
    assert mail["X-Parvi-Loop"] == "lists.example.org"


def test_every_address_in_it_leads_somewhere(world: World, clock: Clock) -> None:
    addresses, member, ids = two_networks(world, clock, "en")
    (mail,) = mails(world)
    answers = re.findall(r"Answer this discussion: (\S+)", text_of(mail))
    assert [addresses.read(address) for address in answers] == [
        Target("reply", "viestijat", (member.id, ids[1])),
        Target("reply", "viestijat", (member.id, ids[2])),
        Target("reply", "talous", (member.id, ids[3])),
    ]
    assert addresses.read(mail["From"].addresses[0].addr_spec) == Target("help", "viestijat")


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("fi", "Parvi: 1 uusi viesti verkostossa Järjestöviestijät"),
        ("sv", "Parvi: 1 nytt inlägg i nätverket Järjestöviestijät"),
        ("en", "Parvi: 1 new message in Järjestöviestijät"),
    ],
)
def test_one_network_is_named_and_stopped_by_one_click(world: World, clock: Clock, language: str, subject: str) -> None:
    network = make.network(world)
    anna = make.member(world, network=network)
    member = reader(world, network, language)
    make.post(world, network, anna)
    clock.now = TUESDAY
    (mail,) = mails(world)
    token = world.tokens.make("unsubscribe", network.id, member.id)
    assert mail["Subject"] == subject
    assert mail["List-Unsubscribe"].startswith(f"<http://forum.example.org/u/{token}>,")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_long_post_is_cut_at_a_word_and_says_where_the_rest_is(world: World, clock: Clock) -> None:
    network = make.network(world)
    anna = make.member(world, network=network)
    reader(world, network)
    post = make.post(world, network, anna, text="Sanoja riittää. " * 500)
    clock.now = TUESDAY
    (mail,) = mails(world)
    text = text_of(mail)
    assert 85 < text.count("Sanoja riittää") < 95
    assert "riittää. Sanoja …\n" in text
    assert f"The rest of the message: http://forum.example.org/p/{post.id}" in text
    assert f'<a href="http://forum.example.org/p/{post.id}">The rest of the message</a>' in text_of(mail, "html")


def test_attachments_are_named_and_what_found_no_room_is_counted(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "MOST", 1)
    network = make.network(world)
    anna = make.member(world, network=network)
    reader(world, network)
    make.post(world, network, anna)
    make.post(world, network, anna, text="", uploads=[keep(world.files, "muistio.pdf", "application/pdf", b"%PDF")])
    clock.now = TUESDAY
    (mail,) = mails(world)
    assert mail["Subject"] == "Parvi: 2 new messages in Järjestöviestijät"
    assert "Attached: muistio.pdf" in text_of(mail)
    assert "1 more new message is on the web: http://forum.example.org\n" in text_of(mail)


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        ("short", "short"),
        ("a" * 24, "a" * 24),  # hardly longer than there is room
        ("one two, three four five six", "one two, three …"),
        ("x" * 30, "x" * 20 + " …"),
    ],
)
def test_cutting(whole: str, shown: str) -> None:
    assert written.cut(whole, 20) == shown


def test_the_worker_does_it_every_minute() -> None:
    assert [period.total_seconds() for period, act in DUE if act is digests.owe_digests] == [60]
