"""What is done with each of the mails: beside it stands the Action, and what is known of its sender and address, if it is not as usual."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailbridge.addresses import Target
from mailbridge.decide import Accept, Action, Clues, Command, Facts, Known, PassOn, Refuse, decide
from mailbridge.read import read

MAILS = sorted((Path(__file__).parent.parent / "mails").glob("*.eml"))
ANSWERED = Known(1, 10, "<176345@lists.example.org>")
NUMBERS = {"reply": (7, ANSWERED.id), "answer": (5,), "bounce": (5,)}

# What more an expectation may say of an Action.
TOLD: dict[str, Callable[[Action], Any]] = {
    "landed_by": lambda action: isinstance(action, Accept) and action.landed_by,
    "command": lambda action: isinstance(action, Command) and action.name,
    "passed_to": lambda action: isinstance(action, PassOn) and action.to,
    "refusal": lambda action: isinstance(action, Refuse) and type(action.refusal).__name__,
}


def expected(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return found


def facts(target: str, *, member: bool = True, proof: str = "", known: bool = False) -> Facts:
    """Of a member whose mail is proven, unless told otherwise; `known`: what it names in its headers is here."""
    is_reply = target == "reply"
    return Facts(
        network="Viestijät",
        owner="viestijat+owner@lists.example.org",
        member_id=7 if member else None,
        proof=proof or ("none" if not member else "token" if is_reply else "dmarc"),
        token_post=ANSWERED if is_reply else None,
        clues=Clues(referenced=ANSWERED if known else None),
        own_domain="lists.example.org",
        is_holder=target == "answer" and member,
    )


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_mail_is_acted_on_as_written_beside_it(path: Path) -> None:
    wanted = expected(path)
    given = {"target": "network", **wanted.get("given", {})}
    target = Target(given["target"], "viestijat", NUMBERS.get(given["target"], ()))
    action = decide(read(path.read_bytes()), target, facts(**given))
    assert type(action).__name__ == wanted["action"]
    assert {name: told(action) for name, told in TOLD.items() if name in wanted} == {
        name: wanted[name] for name in TOLD if name in wanted
    }


def test_there_are_mails_enough_in_each_language() -> None:
    spoken = [
        path.stem for path in MAILS if path.stem.endswith(("-fi", "-sv")) or "-fi-" in path.stem or "-sv-" in path.stem
    ]
    assert len(MAILS) >= 160
    assert len(spoken) >= 70
