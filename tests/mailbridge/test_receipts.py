"""What a writer is told of their own mail, and what one word in answer to it does."""

import re

import pytest
from sqlalchemy import update

from forum import TEMPLATES
from forum.i18n import translations
from forum.members import Recipient
from forum.tables import Member
from forum.world import World
from mailbridge import commands
from mailbridge.incoming import Bridge
from mailbridge.letter import Letter, Part
from mailbridge.read import read
from mailbridge.worker import make_writer
from tests import make
from tests.conftest import rows
from tests.mailbridge.mails import Fate, bring, fate_of, mail, owed_notices, put_in

SIGNED = "Minä tuon kahvit.\n\n-- \nAnna Virtanen\nviestintäpäällikkö\n"
QUOTED = "Minä tuon kahvit.\n\n> Kuka tuo kahvit?\n"


@pytest.fixture
def bridge(world: World) -> Bridge:
    """Anna, member 3, writes; two others get it."""
    network = make.network(world, members=2)
    make.member(world, network=network)
    return Bridge(world)


def write(bridge: Bridge, text: str, number: int = 1, **more: object) -> Fate:
    [fate] = bring(bridge, mail(text=text, message_id=f"<{number}@example.org>", **more))  # type: ignore[arg-type]
    return fate


def receipts(bridge: Bridge) -> list[dict[str, object]]:
    return [notice.facts for notice in owed_notices(bridge.world, "receipt")]


def promised(template: str, language: str) -> list[str]:
    """The words in capitals, and of “AWAY 1.7.–31.7.” the first, in what a template says in a language."""
    source = (TEMPLATES / "mail" / f"{template}.jinja").read_text(encoding="utf-8")
    said = [translations(language).gettext(each) for each in re.findall(r'_\("([^"]+)"', source)]
    return [word for each in said for word in re.findall(r": ([A-ZÅÄÖ]{2,})(?=[.\s]|$)", each)]


def folded(bridge: Bridge) -> str:
    [(text,)] = rows(bridge.world, "SELECT folded FROM posts")
    return str(text)


def test_quotes_go_without_saying(bridge: Bridge) -> None:
    write(bridge, QUOTED)
    assert folded(bridge)
    assert receipts(bridge) == []


def test_a_signature_is_told_of_once(bridge: Bridge) -> None:
    assert write(bridge, SIGNED).fate == "posted"
    [receipt] = receipts(bridge)
    assert (receipt["why"], receipt["about"], receipt["landed"], receipt["reach"]) == (
        "folded",
        "Hiljainen tieto",
        "new",
        2,
    )
    assert receipt["folded"] == "-- \nAnna Virtanen\nviestintäpäällikkö"
    write(bridge, SIGNED.replace("kahvit", "pullat"), 2, in_reply_to="<1@example.org>")
    assert len(receipts(bridge)) == 1
    write(bridge, SIGNED.replace("päällikkö", "johtaja"), 3, in_reply_to="<1@example.org>")
    assert len(receipts(bridge)) == 2


def test_who_cannot_be_answered_gets_none(bridge: Bridge) -> None:
    """RFC 3834 2: what has no sender on its envelope is a machine's."""
    [inbox_id] = put_in(bridge, mail(text=SIGNED), sender="")
    bridge.process(inbox_id)
    assert (fate_of(bridge.world, inbox_id).fate, receipts(bridge)) == ("posted", [])


def test_who_wants_one_gets_one_for_each(bridge: Bridge) -> None:
    with bridge.world.database.transaction() as db:
        db.execute(update(Member).where(Member.id == 3).values(receipts=True))
    write(bridge, "Hei!\n")
    write(bridge, QUOTED, 2, in_reply_to="<1@example.org>")
    assert [receipt["why"] for receipt in receipts(bridge)] == ["wanted", "wanted"]
    assert [receipt["landed"] for receipt in receipts(bridge)] == ["new", "reference"]


def test_the_same_mail_again_makes_no_second_one(bridge: Bridge) -> None:
    assert [write(bridge, SIGNED).fate for _ in range(2)] == ["posted", "ignored"]
    assert len(receipts(bridge)) == 1


def test_a_guess_is_told(bridge: Bridge) -> None:
    write(bridge, "Hei!\n")
    fate = write(bridge, "Vielä yksi asia.\n", 2, subject="Re: Hiljainen tieto")
    assert fate.reason == "its author has lately had a discussion of that subject"
    assert [(each["why"], each["landed"]) for each in receipts(bridge)] == [("guessed", "subject")]


def test_what_was_held_is_told_when_it_is_published(bridge: Bridge) -> None:
    [held] = bring(bridge, mail(proven=False))
    assert (held.fate, receipts(bridge)) == ("held", [])
    bridge.confirm_held(1)
    bridge.work_through()
    assert [receipt["why"] for receipt in receipts(bridge)] == ["held"]


@pytest.mark.parametrize("word", ["KOKO", "allt.", "All\n\nAnna", "koko viesti"])
def test_one_word_in_answer_shows_everything(bridge: Bridge, word: str) -> None:
    post_id = write(bridge, SIGNED).post_id
    back = str(receipts(bridge)[0]["reply_to"])
    [fate] = bring(bridge, mail(text=word, subject="VS: Julkaistu", message_id="<2@example.org>", proven=False), back)
    assert fate[:2] == ("command", "whole")
    assert rows(bridge.world, "SELECT id, text, folded, whole_text FROM posts") == [(post_id, SIGNED, "", "")]
    [(html,)] = rows(bridge.world, "SELECT html FROM posts")
    assert "viestintäpäällikkö" in str(html)
    [done] = owed_notices(bridge.world, "done")
    assert (done.facts["what"], done.facts["url"]) == ("whole", f"http://forum.example.org/p/{post_id}")


def test_asking_twice_changes_nothing_more(bridge: Bridge) -> None:
    write(bridge, SIGNED)
    back = str(receipts(bridge)[0]["reply_to"])
    for number in (2, 3):
        bring(bridge, mail(text="KOKO", message_id=f"<{number}@example.org>"), back)
    assert [done.facts["what"] for done in owed_notices(bridge.world, "done")] == ["whole", "was whole"]


def test_the_word_in_another_s_discussion_is_an_answer(bridge: Bridge) -> None:
    """“Ketkä tulevat?” “Kaikki.”"""
    write(bridge, SIGNED)
    to = bridge.addresses.reply("viestijat", 1, 1)
    [fate] = bring(bridge, mail("Jäsen <m1@example.net>", text="Kaikki", message_id="<2@example.org>"), to)
    assert fate.fate == "posted"
    assert rows(bridge.world, "SELECT folded <> '' FROM posts ORDER BY id") in ([(1,), (0,)], [(True,), (False,)])


def test_nobody_else_unfolds_it_with_the_address(bridge: Bridge) -> None:
    write(bridge, SIGNED)
    back = str(receipts(bridge)[0]["reply_to"])
    [fate] = bring(bridge, mail("Eve <eve@example.com>", text="KOKO", message_id="<2@example.com>", proven=False), back)
    assert fate.fate == "held"
    assert folded(bridge)


@pytest.mark.parametrize(
    ("language", "subject", "word"),
    [
        ("fi", "Julkaistu: Hiljainen tieto", "KOKO"),
        ("sv", "Publicerat: Hiljainen tieto", "ALLT"),
        ("en", "Published: Hiljainen tieto", "ALL"),
    ],
)
def test_it_reads_well_in_every_language(bridge: Bridge, language: str, subject: str, word: str) -> None:
    write(bridge, SIGNED)
    [receipt] = receipts(bridge)
    to = Recipient("anna@example.org", "Anna Virtanen", language, 3)
    rendered = make_writer(bridge.world).notice("receipt", receipt, to, "<r@x>", bridge.world.clock())
    letter = read(b"".join(rendered.headers) + b"\r\n" + rendered.body)
    said = "".join(part.text for part in letter.parts)
    assert letter.subject == subject
    assert f" {word}." in said
    assert "  viestintäpäällikkö" in said
    assert str(receipt["url"]) in said
    assert str(receipt["change_url"]) in said


def test_a_word_promised_is_a_word_understood(bridge: Bridge) -> None:
    """What a mail tells people to answer with is what the bridge takes for a command, in each language."""
    for name in ("done", "help", "receipt", "post"):
        for language in ("fi", "sv", "en"):
            words = promised(name, language)
            assert words
            for word in words:
                assert commands.said(Letter(parts=(Part("own", word),))), f"{name} {language}: {word}"
