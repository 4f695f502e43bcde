"""Answers that were typed into our own mail, from Outlook, where nothing marks them."""

import pytest
from sqlalchemy import update

from forum.tables import Post
from forum.world import World
from mailbridge.explain import explained
from mailbridge.incoming import Bridge
from mailbridge.sent import LONGEST, sent_texts
from mailbridge.write import Writer
from tests import make
from tests.conftest import rows
from tests.mailbridge.mails import bring, mail

QUESTIONS = "Kuka tuo kahvit ensi viikon tapaamiseen?\n\nMihin aikaan aloitamme, ja kuka pitää puhetta?"
HEAD = """\
Lähettäjä: Anna Virtanen, Järjestöviestijät <viestijat@lists.example.org>
Lähetetty: maanantai 23. marraskuuta 2026 8.09
Vastaanottaja: Ville <ville@example.org>
Aihe: [viestijat] Hiljainen tieto

"""


@pytest.fixture
def bridge(world: World) -> Bridge:
    """Anna, member 1, has asked; Ville, member 2, answers."""
    network = make.network(world)
    anna = make.member(world, network=network)
    make.member(world, "ville@example.org", "Ville", network=network, language="fi")
    make.post(world, network, anna, text=QUESTIONS)
    return Bridge(world)


def quoted(bridge: Bridge) -> str:
    """Our mail as Outlook puts it below what one writes."""
    writer = Writer(bridge.addresses, bridge.world.settings.base_url, None)
    with bridge.world.database.reading() as db:
        return HEAD + sent_texts(db, writer, 1, "fi")[1]


def answered(bridge: Bridge, text: str) -> tuple[str, str, str]:
    to = bridge.addresses.reply("viestijat", 2, 1)
    [fate] = bring(bridge, mail("Ville <ville@example.org>", text=text, subject="VS: Hiljainen tieto"), to)
    assert fate.fate == "posted"
    [(shown, folded, whole)] = rows(
        bridge.world, f"SELECT text, folded, whole_text FROM posts WHERE id = {fate.post_id}"
    )
    return str(shown), str(folded), str(whole)


def test_they_are_shown_each_below_its_question(bridge: Bridge) -> None:
    text = quoted(bridge).replace("tapaamiseen?", "tapaamiseen?\n\nMinä voin tuoda, leipomo on vieressä.")
    shown, folded, whole = answered(bridge, f"Hei!\n\n{text}")
    assert shown.startswith("Hei!")
    assert "> Kuka tuo kahvit ensi viikon tapaamiseen?\n\nMinä voin tuoda, leipomo on vieressä." in shown
    assert "Mihin aikaan" not in shown
    assert "leipomo" not in folded
    assert "leipomo" in whole
    [(html,)] = rows(bridge.world, "SELECT html FROM posts WHERE id = 2")
    assert "<blockquote>" in str(html)


def test_the_dry_run_shows_them_as_the_discussion_would(bridge: Bridge) -> None:
    text = quoted(bridge).replace("tapaamiseen?", "tapaamiseen?\n\nMinä voin tuoda.")
    raw = mail("Ville <ville@example.org>", text=f"Hei!\n\n{text}", subject="VS: Hiljainen tieto")
    told = explained(bridge, raw, [bridge.addresses.reply("viestijat", 2, 1)])
    assert "Minä voin tuoda." in told["html"]
    assert "Minä voin tuoda." not in told["folded_html"]
    assert "Mihin aikaan" in told["folded_html"]


def test_a_quote_with_nothing_in_it_stays_folded(bridge: Bridge) -> None:
    shown, folded, _ = answered(bridge, f"Minä tuon kahvit.\n\n{quoted(bridge)}")
    assert shown.strip() == "Minä tuon kahvit."
    assert "Mihin aikaan" in folded


def test_those_before_it_count_as_well(bridge: Bridge) -> None:
    """Posts 1 to 4, each in answer to the one before: of the last and two above it both forms are known."""
    for number in range(1, 4):
        to = bridge.addresses.reply("viestijat", 2, number)
        bring(
            bridge,
            mail("Ville <ville@example.org>", text=f"Vastaus {number}", message_id=f"<{number}@example.org>"),
            to,
        )
    writer = Writer(bridge.addresses, bridge.world.settings.base_url, None)
    with bridge.world.database.reading() as db:
        texts = sent_texts(db, writer, 4, "sv")
        assert sent_texts(db, writer, None, "sv") == []
    assert [next(n for n in (3, 2, 1) if f"Vastaus {n}" in text) for text in texts] == [3, 3, 2, 2, 1, 1]
    assert all("Diskussionen" in text or "diskussionen" in text for text in texts)


def test_a_text_beyond_all_measure_is_not_looked_into(bridge: Bridge) -> None:
    writer = Writer(bridge.addresses, bridge.world.settings.base_url, None)
    with bridge.world.database.transaction() as db:
        db.execute(update(Post).values(text="a\n" * LONGEST))
    with bridge.world.database.reading() as db:
        assert sent_texts(db, writer, 1, "fi") == []
