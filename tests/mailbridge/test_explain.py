"""The dry run as data: every step of the reasoning, in order, for each address; and that nothing is left behind."""

import json
from typing import Any

import pytest

from forum.world import World
from mailbridge.explain import MOST_ADDRESSES, MOST_BYTES, explained
from mailbridge.incoming import Bridge
from tests import make
from tests.conftest import rows
from tests.mailbridge.mails import ADDRESS, TRUSTED, bring, mail

TALOUS = "talous@lists.example.org"
KEYS = {
    "fate", "reason", "network", "thread", "post", "parent", "landed_by", "author", "subject", "parts", "html",
    "forwarded_from", "attachments", "language", "proof", "auto", "bounced", "would_mail", "steps",
}  # fmt: skip


@pytest.fixture
def bridge(world: World) -> Bridge:
    network = make.network(world)
    make.member(world, network=network)
    make.member(world, "ville@example.org", "Ville", network=network, role="contact")
    return Bridge(world)


def told(bridge: Bridge, raw: bytes, *to: str, trusted: bool = False) -> dict[str, Any]:
    """As it comes out of JSON."""
    found: dict[str, Any] = json.loads(json.dumps(explained(bridge, raw, to, trusted)))
    return found


def found(facts: dict[str, Any], asked: str, to: str = ADDRESS) -> dict[str, Any]:
    [step] = [step for step in facts["steps"] if step["asked"] == asked and step.get("to", to) == to]
    answer: dict[str, Any] = step["found"]
    return answer


def first_thread(bridge: Bridge) -> tuple[int, int]:
    [fate] = bring(bridge, mail(message_id="<first@example.org>"))
    [(thread_id,)] = rows(bridge.world, f"SELECT thread_id FROM posts WHERE id = {fate.post_id}")
    return int(str(thread_id)), fate.post_id or 0


def test_the_reasoning_stands_in_the_order_in_which_it_is_done(bridge: Bridge) -> None:
    facts = told(bridge, mail())
    assert set(facts) >= KEYS
    assert [step["asked"] for step in facts["steps"]] == [
        "author", "writer", "folded", "files",
        "address", "proof", "token", "reference", "thread-index", "marker", "subject", "outcome",
    ]  # fmt: skip
    assert found(facts, "author") == {"name": "Anna Virtanen", "address": "anna@example.org", "is_member": True}
    assert found(facts, "address") == {"kind": "network", "network": "viestijat", "exists": True}
    assert found(facts, "proof") == {"proof": "dmarc", "doubt": f"by {TRUSTED}"}
    outcome = found(facts, "outcome")
    assert (outcome["action"], outcome["fate"], outcome["landed_by"], outcome["would_mail"]) == (
        "accept",
        "posted",
        "new",
        1,
    )


def test_the_sign_that_wins_is_told_and_the_weaker_ones_too(bridge: Bridge) -> None:
    thread_id, post_id = first_thread(bridge)
    raw = mail(
        "ville@example.org", subject="Re: Hiljainen tieto", message_id="<2@x>", in_reply_to="<first@example.org>"
    )
    facts = told(bridge, raw)
    there = [{"post": post_id, "thread": thread_id}]
    assert found(facts, "token") == {"posts": [], "wins": False}
    assert found(facts, "reference") == {"posts": there, "wins": True}
    assert found(facts, "subject") == {"posts": there, "wins": False}
    assert (facts["thread"], facts["parent"], facts["landed_by"]) == (thread_id, post_id, "reference")


def test_a_personal_address_wins_over_all(bridge: Bridge) -> None:
    thread_id, post_id = first_thread(bridge)
    [(ville,)] = rows(bridge.world, "SELECT member_id FROM addresses WHERE address = 'ville@example.org'")
    to = bridge.addresses.reply("viestijat", int(str(ville)), post_id)
    facts = told(bridge, mail("ville@example.org", message_id="<2@x>", proven=False), to)
    assert found(facts, "proof", to)["proof"] == "token"
    assert found(facts, "token", to) == {"posts": [{"post": post_id, "thread": thread_id}], "wins": True}


def test_what_is_held_has_no_winner_yet(bridge: Bridge) -> None:
    first_thread(bridge)
    raw = mail(message_id="<2@x>", in_reply_to="<first@example.org>", proven=False)
    facts = told(bridge, raw)
    assert found(facts, "proof") == {"proof": "none", "doubt": ""}
    assert found(facts, "reference")["wins"] is None
    assert found(facts, "outcome")["action"] == "hold"
    assert told(bridge, raw, trusted=True)["fate"] == "posted"


def test_each_address_has_its_own_forecast(bridge: Bridge) -> None:
    make.network(bridge.world, "talous", name="Talous")
    facts = told(bridge, mail(to=f"{ADDRESS}, {TALOUS}, VIESTIJAT@lists.example.org, x@elsewhere.example"))
    assert [step["to"] for step in facts["steps"] if step["asked"] == "outcome"] == [ADDRESS, TALOUS]
    assert found(facts, "outcome")["fate"] == facts["fate"] == "posted"
    refused = found(facts, "outcome", TALOUS)
    assert (refused["fate"], refused["network"]) == ("refused", "talous")
    assert facts["would_mail"] == found(facts, "outcome")["would_mail"] + refused["would_mail"]


def test_a_refusal_is_named_with_its_facts(bridge: Bridge) -> None:
    outcome = found(told(bridge, mail("who@example.com")), "outcome")
    assert outcome["refusal"] == {
        "error": "NotAMember",
        "facts": {"network": "Järjestöviestijät", "owner": "viestijat+owner@lists.example.org"},
    }


@pytest.mark.parametrize(
    ("more", "writer"),
    [
        ({}, "person"),
        ({"Auto_Submitted": "auto-replied"}, "machine"),
        ({"X_Parvi_Loop": "lists.example.org"}, "ourselves"),
        ({"List_Id": "<viestijat.lists.example.org>"}, "ourselves"),
        ({"Content_Type": "multipart/report; report-type=feedback-report; boundary=x"}, "complaint"),
    ],
)
def test_who_wrote_it(bridge: Bridge, more: dict[str, Any], writer: str) -> None:
    text = (
        "--x\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n\n--x--\n"
        if writer == "complaint"
        else "Hei"
    )
    facts = told(bridge, mail(text=text, **more))
    assert found(facts, "writer")["writer"] == writer
    assert ("proof" in [step["asked"] for step in facts["steps"]]) == (writer == "person")


def test_what_is_folded_is_counted_by_its_kind(bridge: Bridge) -> None:
    text = "Kyllä.\n\n-- \nAnna\nKynnys auki ry\n\nOn Mon, 23 Nov 2026 at 8:00, Ville <ville@example.org> wrote:\n> Ehkä?\n> Eikö?\n"
    facts = told(bridge, mail(text=text))
    counted = found(facts, "folded")
    assert sum(counted.values()) == len(text.splitlines())
    assert counted["quote"] >= 3
    assert counted["own"] >= 1
    assert "Ehkä?" in facts["folded_html"]
    assert "Ehkä?" not in facts["html"]


def test_files_of_machines_are_not_kept(bridge: Bridge) -> None:
    pdf: dict[str, Any] = {"Content_Type": "application/pdf; name=muistio.pdf"}
    assert found(told(bridge, mail(text="%PDF", **pdf)), "files") == {"came": 1, "kept": 1, "size": 4}
    auto = told(bridge, mail(text="%PDF", Auto_Submitted="auto-replied", **pdf))
    assert found(auto, "files") == {"came": 1, "kept": 0, "size": 0}


def test_a_mail_to_none_of_us_is_still_explained(bridge: Bridge) -> None:
    facts = told(bridge, mail(to="x@elsewhere.example"))
    assert facts["addressed"] is False
    assert found(facts, "address", "nobody@lists.example.org")["exists"] is False
    typed = told(bridge, mail(), "viestijat+r.nonsense@lists.example.org")
    assert typed["addressed"] is True
    assert found(typed, "address", "viestijat+r.nonsense@lists.example.org")["exists"] is False


def test_a_mail_that_names_hundreds_is_rehearsed_for_a_few(bridge: Bridge) -> None:
    to = ", ".join(f"n{number}@lists.example.org" for number in range(100))
    facts = told(bridge, mail(to=to))
    assert len([step for step in facts["steps"] if step["asked"] == "outcome"]) == MOST_ADDRESSES
    assert facts["left_out"] == 100 - MOST_ADDRESSES


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n\r\n", b"no headers at all", b"\xff\xfe\0\0", b"From: \xe4\xe4\r\n\r\n\xe4"]
)
def test_whatever_it_is_there_is_an_answer(bridge: Bridge, raw: bytes) -> None:
    facts = told(bridge, raw, ADDRESS)
    assert found(facts, "outcome")["fate"] == facts["fate"] == "refused"
    assert found(facts, "author")["is_member"] is False


def test_nothing_is_left_behind(bridge: Bridge) -> None:
    counts = [f"SELECT count(*) FROM {table}" for table in ("mails", "inbox", "outbox", "notices", "posts", "attempts")]
    before = [rows(bridge.world, count) for count in counts]
    for raw in (mail(), mail("who@example.com"), mail(proven=False), mail(Content_Type="application/pdf; name=a.pdf")):
        told(bridge, raw)
    assert [rows(bridge.world, count) for count in counts] == before
    assert not list((bridge.world.settings.data / "files").glob("**/*"))


def test_a_large_mail_is_rehearsed_for_one_address(bridge: Bridge) -> None:
    """Each rehearsal holds up all other writers on SQLite."""
    to = ", ".join(f"n{number}@lists.example.org" for number in range(10))
    facts = told(bridge, mail(to=to, text="> Miten?\n" * (MOST_BYTES // 16)))
    assert (len([step for step in facts["steps"] if step["asked"] == "outcome"]), facts["left_out"]) == (1, 9)
