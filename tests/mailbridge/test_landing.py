"""Where letters land when what tells it is taken away piece by piece; and that in doubt we ask."""

import base64
from itertools import combinations
from typing import Any

import pytest

from forum import moving, posts
from forum.db import AnyRow
from forum.errors import ChoiceUnclear
from forum.i18n import translations
from forum.tables import Member
from forum.world import World
from mailbridge.incoming import Bridge
from mailbridge.thread_index import thread_index
from tests import make
from tests.conftest import Clock, rows
from tests.mailbridge.mails import ADDRESS, Fate, bring, mail, owed_notices

VILLE = "Ville <ville@example.org>"


@pytest.fixture
def bridge(world: World) -> Bridge:
    network = make.network(world)
    make.member(world, network=network)
    make.member(world, "ville@example.org", "Ville", network=network)
    return Bridge(world)


def begin(bridge: Bridge, subject: str = "Hiljainen tieto", number: int = 1) -> AnyRow:
    [fate] = bring(bridge, mail(message_id=f"<first-{number}@example.org>", subject=subject))
    return post_of(bridge.world, fate.post_id)


def post_of(world: World, post_id: int | None) -> AnyRow:
    with world.database.reading() as db:
        return posts.whole(db, post_id or 0)


def outlooks(bridge: Bridge, thread_id: int) -> str:
    return base64.b64encode(base64.b64decode(thread_index(bridge.world.tokens, thread_id)) + bytes(5)).decode()


def quoted(bridge: Bridge, post: AnyRow, said: str = "Näin me.") -> str:
    return (
        f"{said}\n\nAnna kirjoitti:\n> Miten te?\n> _______________\n> {bridge.world.settings.base_url}/p/{post.id}\n"
    )


CLUES = ("token", "reference", "thread-index", "marker", "subject")


@pytest.mark.parametrize("kept", [kept for size in range(6) for kept in combinations(CLUES, size)], ids="+".join)
def test_the_strongest_clue_that_is_left_decides(bridge: Bridge, kept: tuple[str, ...]) -> None:
    """Another thread stands beside, so that a wrong landing would show: there may be none."""
    post = begin(bridge)
    begin(bridge, "Muuta asiaa", 2)
    headers: dict[str, Any] = {}
    if "reference" in kept:
        headers["in_reply_to"] = post.message_id
    if "thread-index" in kept:
        headers["thread_index"] = outlooks(bridge, post.thread_id)
    text = quoted(bridge, post) if "marker" in kept else "Näin me."
    subject = "VS: Hiljainen tieto" if "subject" in kept else "Ihan muuta"
    to = bridge.addresses.reply("viestijat", 2, post.id) if "token" in kept else ADDRESS
    [fate] = bring(bridge, mail(VILLE, subject=subject, text=text, message_id="<reply@example.org>", **headers), to)
    landed = post_of(bridge.world, fate.post_id)
    expected = next((clue for clue in CLUES if clue in kept), "new")
    assert rows(bridge.world, f"SELECT landed_by FROM posts WHERE id = {landed.id}") == [(expected,)]
    assert (landed.thread_id == post.thread_id) == bool(kept)
    assert landed.parent_id == (post.id if kept else None)


THREADS = ("Hiljainen tieto", "Kevätkokous", "Hiljainen tieto", "Vårmötet", "Re: Kevätkokous")
HEADERS = ("to", "in_reply_to", "references", "thread_index", "subject", "quote")


def test_headers_deleted_one_by_one_lead_nowhere_wrong(bridge: Bridge) -> None:
    """Threads of like subjects, answered and answered again; of every two headers, too, that a program leaves out.

    A mail lands in its own thread, or begins one, or its author is asked: never in another.
    """
    begun = [begin(bridge, subject, number) for number, subject in enumerate(THREADS)]
    seen: dict[str, int] = {}
    for number, first in enumerate(begun):
        for missing in [(), *combinations(HEADERS, 1), *combinations(HEADERS, 2), *combinations(HEADERS, 5), HEADERS]:
            what = f"{number}-{'-'.join(missing)}"
            headers = {
                "in_reply_to": first.message_id,
                "references": f"<elsewhere@example.net> {first.message_id}",
                "thread_index": outlooks(bridge, first.thread_id),
            }
            raw = mail(
                VILLE,
                subject="Ihan muuta" if "subject" in missing else f"VS: {first.subject}",
                text=f"Näin me, {what}.\n" if "quote" in missing else quoted(bridge, first, f"Näin me, {what}."),
                message_id=f"<{what}@example.org>",
                **{name: value for name, value in headers.items() if name not in missing},
            )
            to = ADDRESS if "to" in missing else bridge.addresses.reply("viestijat", 2, first.id)
            [fate] = bring(bridge, raw, to)
            landing = _where(bridge, fate, first)
            seen[landing] = seen.get(landing, 0) + 1
            assert landing != "wrong", what
            if len(missing) <= 1:
                assert landing == "right", what
    assert seen["asked"] > 0
    assert seen["new"] > 0


def _where(bridge: Bridge, fate: Fate, first: AnyRow) -> str:
    if fate.fate == "held":
        return "asked"
    post = post_of(bridge.world, fate.post_id)
    return "right" if post.thread_id == first.thread_id else "new" if post.number == 1 else "wrong"


def test_an_index_leads_on_with_a_thread_that_was_moved(bridge: Bridge) -> None:
    first, other = begin(bridge), begin(bridge, "Kevätkokous", 2)
    with bridge.world.database.transaction() as db:
        moving.move_to(db, posts.find_post(db, first.id), other.thread_id, db.get_one(Member, first.author_id))
    raw = mail(VILLE, subject="x", message_id="<r@example.org>", thread_index=outlooks(bridge, first.thread_id))
    [fate] = bring(bridge, raw)
    assert post_of(bridge.world, fate.post_id).thread_id == other.thread_id


def test_two_threads_of_one_subject_are_asked_about(bridge: Bridge) -> None:
    one, two = begin(bridge, number=1), begin(bridge, number=2)
    [held] = bring(
        bridge, mail(VILLE, subject="Re: Hiljainen tieto", text="Näin me.", message_id="<reply@example.org>")
    )
    assert held.fate == "held"
    [question] = owed_notices(bridge.world, "which_one")
    assert [choice["subject"] for choice in question.facts["choices"]] == ["Hiljainen tieto"] * 2
    for said, expected in (("ehkä kolmas?", None), ("2", one.thread_id)):
        answer = mail(VILLE, subject="Re: Mihin?", text=said, message_id=f"<{expected}@example.org>")
        bring(bridge, answer, question.facts["reply_to"])
    assert rows(bridge.world, "SELECT thread_id, parent_id FROM posts WHERE message_id = '<reply@example.org>'") == [
        (one.thread_id, one.id)
    ]
    assert two.thread_id != one.thread_id
    [refused] = owed_notices(bridge.world, "refused")
    assert refused.facts["sentence"] == translations("fi").gettext(ChoiceUnclear.sentence)
    [receipt] = owed_notices(bridge.world, "receipt")
    assert (receipt.facts["why"], receipt.facts["landed"]) == ("held", "chosen"), "it was no guess"


def test_the_answer_may_be_that_it_is_new(bridge: Bridge) -> None:
    begin(bridge, number=1), begin(bridge, number=2)
    bring(bridge, mail(VILLE, subject="Re: Hiljainen tieto", text="Näin me.", message_id="<reply@example.org>"))
    [question] = owed_notices(bridge.world, "which_one")
    bring(bridge, mail(VILLE, subject="Re", text="3. Uusi", message_id="<c@example.org>"), question.facts["reply_to"])
    assert rows(bridge.world, "SELECT count(*) FROM threads") == [(3,)]


def test_an_old_thread_of_the_same_subject_is_let_rest(bridge: Bridge, clock: Clock) -> None:
    post = begin(bridge)
    clock.move(days=90)
    [fate] = bring(
        bridge, mail(VILLE, subject="Re: Hiljainen tieto", text="Uudestaan", message_id="<late@example.org>")
    )
    assert post_of(bridge.world, fate.post_id).thread_id != post.thread_id


def test_a_subject_without_re_begins_anew(bridge: Bridge) -> None:
    """A newsletter has the same subject every week."""
    first, second = begin(bridge, "Viikkokirje", 1), begin(bridge, "Viikkokirje", 2)
    assert first.thread_id != second.thread_id


def test_a_reply_that_comes_before_its_parent_joins_it(bridge: Bridge) -> None:
    [early] = bring(
        bridge,
        mail(
            VILLE,
            subject="Re: Alku",
            text="Vastaus",
            message_id="<b@example.org>",
            in_reply_to="<a@example.org>",
        ),
    )
    [late] = bring(bridge, mail(subject="Alku", text="Kysymys", message_id="<a@example.org>"))
    answer, question = post_of(bridge.world, early.post_id), post_of(bridge.world, late.post_id)
    assert (answer.thread_id, answer.parent_id, answer.number, question.number) == (
        question.thread_id,
        question.id,
        2,
        1,
    )


def test_another_networks_post_is_no_clue(bridge: Bridge) -> None:
    post = begin(bridge)
    talous = make.network(bridge.world, "talous", name="Talous")
    make.member(bridge.world, "ville@example.org", "Ville", network=talous)
    named: dict[str, Any] = {"in_reply_to": post.message_id, "thread_index": outlooks(bridge, post.thread_id)}
    letter = mail(
        VILLE, subject="Re: Hiljainen tieto", text=quoted(bridge, post), message_id="<x@example.org>", **named
    )
    [fate] = bring(bridge, letter, "talous@lists.example.org")
    landed = post_of(bridge.world, fate.post_id)
    assert (landed.slug, landed.thread_id == post.thread_id) == ("talous", False)
