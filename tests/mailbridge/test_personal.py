"""What lets one act in a member's name is not published with a quote of it."""

import pytest

from forum.tokens import Tokens
from forum.world import World
from mailbridge.addresses import Addresses
from mailbridge.incoming import Bridge
from mailbridge.personal import without_personal
from tests import make
from tests.conftest import rows
from tests.mailbridge.mails import bring, mail, owed_notices

TOKENS = Tokens(["secret"])
ADDRESSES = Addresses("lists.example.org", TOKENS)
CHANGE, STOP, HELD = TOKENS.make("change", 300, 7), TOKENS.make("unsubscribe", 7, 1), TOKENS.make("held", 5)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"> https://forum.example.org/c/{CHANGE}\n> ja", "> https://forum.example.org/c/…\n> ja"),
        (f"<http://x/u/{STOP}> http://x/held/{HELD.upper()}", "<http://x/u/…> http://x/held/…"),
        (f"https://safe.example/?url=https%3A%2F%2Fx%2Fc%2F{CHANGE}&x=1", "https://safe.example/?url=https%3A%2F%2Fx%2Fc%2F…&x=1"),
        (f"http://x/r/{TOKENS.make('resume', 3)}", "http://x/r/…"),
        (f"To: {ADDRESSES.reply('viestijat', 7, 300)}", "To: viestijat@lists.example.org"),
        (f"<{ADDRESSES.answer('viestijat', 5)}>", "<viestijat@lists.example.org>"),
        (f"http://x/c/{STOP}", f"http://x/c/{STOP}"),
        ("http://x/c/aaaaaaaaaaaaaaaaaaaa a+r.bbbbbbbbbbbbbbbbbbbb@x", "http://x/c/aaaaaaaaaaaaaaaaaaaa a+r.bbbbbbbbbbbbbbbbbbbb@x"),
    ],
)  # fmt: skip
def test_what_we_made_for_one_is_taken_out(text: str, wanted: str) -> None:
    assert without_personal(text, TOKENS) == wanted


def test_who_answers_a_receipt_with_a_sentence_publishes_no_link(world: World) -> None:
    make.member(world, network=make.network(world))
    bridge = Bridge(world)
    bring(bridge, mail(text="Minä tuon kahvit.\n\n-- \nAnna Virtanen\n"))
    [receipt] = owed_notices(world, "receipt")
    link, back = str(receipt.facts["change_url"]), str(receipt.facts["reply_to"])
    text = f"Entä pullat?\n\nParvi kirjoitti 23.11.2026 klo 8.10:\n> Vastaanottaja: {back}\n> {link}\n"
    [fate] = bring(bridge, mail(text=text, message_id="<2@example.org>"), back)
    assert fate.fate == "posted"
    found = str(rows(world, "SELECT text, folded, html, folded_html, whole_text FROM posts"))
    assert "Entä pullat?" in found
    for secret in (link.rpartition("/")[2], back.partition("@")[0]):
        assert secret not in found
    assert found.count("forum.example.org/c/…") == 4
