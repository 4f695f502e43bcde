"""The dry run of a mail, told as plain data: what would become of it at each address, and why. Stores and sends nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from forum import language, text
from forum.errors import AddressNotFound
from mailbridge.decide import Accept, Action, Clues, Command, Facts, Known, PassOn, came_back
from mailbridge.incoming import Arrival, Bridge, Forecast
from mailbridge.letter import Letter
from mailbridge.read import read
from mailbridge.senders import NEEDS_PROOF

MOST_ADDRESSES = 20  # each is a rehearsal of its own, and a mail may name hundreds
MOST_BYTES = 4_000_000  # of mail in all of them: a large one is looked at for fewer
Step = dict[str, Any]


def explained(bridge: Bridge, raw: bytes, to: Sequence[str] | None = None, trusted: bool = False) -> dict[str, Any]:
    """What `mail explain --json` prints. `to`: the addresses it came to, else those of ours that it names.

    `steps` is the reasoning in order, each {"asked", "found"}; what was asked at one of several addresses has that as "to".
    """
    given = addressed_to(bridge, read(raw), to)
    most = max(1, min(MOST_ADDRESSES, MOST_BYTES // (len(raw) or 1)))
    looked_at = given[:most] or [nobody(bridge)]
    letter, forecasts = bridge.explain(Arrival("", looked_at, raw, "explain", vouched=trusted))
    first = forecasts[0]
    return {
        **_landing(first),
        "author": {"name": letter.author.name, "address": letter.author.address},
        "subject": letter.subject,
        "parts": [{"kind": part.kind, "text": part.text} for part in letter.parts],
        "html": text.from_mail(first.shown),
        "folded_html": text.from_mail(first.folded),
        "forwarded_from": letter.forwarded_from.address if letter.forwarded_from else None,
        "attachments": [{"name": file.name, "type": file.media_type, "size": len(file.data)} for file in letter.files],
        "language": language.detect(
            first.shown, letter.language or (first.case.network.language if first.case.network else "en")
        ),
        "proof": first.case.facts.proof,
        "auto": bool(letter.auto),
        "bounced": [{"address": bounced.address, "permanent": bounced.permanent} for bounced in letter.bounced],
        "would_mail": sum(forecast.mails for forecast in forecasts),
        "addressed": bool(given),
        "left_out": len(given[most:]),
        "steps": [
            *_of_the_mail(letter, first.case.facts),
            *(step for forecast in forecasts for step in _at_an_address(bridge, forecast)),
        ],
    }


def addressed_to(bridge: Bridge, letter: Letter, to: Sequence[str] | None) -> list[str]:
    """Those said, or those of ours that the mail names, each once."""
    named = (person.address for person in letter.to if bridge.addresses.ours(person.address))
    return bridge.addresses.different(to or named)


def nobody(bridge: Bridge) -> str:
    """Where a mail goes that is to none of us."""
    return f"nobody@{bridge.addresses.domain}"


def _landing(forecast: Forecast) -> dict[str, Any]:
    """As `inject` tells it; what is not there yet has no number."""
    action, network = forecast.action, forecast.case.network
    posted = action if isinstance(action, Accept) and forecast.fate.fate == "posted" else None
    return {
        "fate": forecast.fate.fate,
        "reason": forecast.fate.reason,
        "network": network.slug if network else None,
        "thread": posted and posted.thread_id,
        "post": None,
        "parent": posted and posted.parent_id,
        "landed_by": posted and posted.landed_by,
    }


def _of_the_mail(letter: Letter, facts: Facts) -> Iterator[Step]:
    author = {"name": letter.author.name, "address": letter.author.address, "is_member": facts.member_id is not None}
    lines = dict.fromkeys(("own", "forward", "quote", "signature"), 0)
    for part in letter.parts:
        lines[part.kind] += len(part.text.splitlines())
    yield {"asked": "author", "found": author}
    yield {"asked": "writer", "found": {"writer": _writer(letter, facts), "because": letter.auto}}
    yield {"asked": "folded", "found": lines}
    kept = () if letter.auto or letter.is_bounce else letter.files
    size = sum(len(file.data) for file in kept)
    yield {"asked": "files", "found": {"came": len(letter.files), "kept": len(kept), "size": size}}


def _writer(letter: Letter, facts: Facts) -> str:
    if letter.complaint:
        return "complaint"
    if letter.is_bounce:
        return "bounce"
    if came_back(letter, facts.own_domain):
        return "ourselves"
    return "machine" if letter.auto else "person"


def _at_an_address(bridge: Bridge, forecast: Forecast) -> Iterator[Step]:
    case, to = forecast.case, forecast.case.recipient
    network = case.network.slug if case.network else None
    exists = _exists(bridge, to)
    yield {"asked": "address", "to": to, "found": {"kind": case.target.kind, "network": network, "exists": exists}}
    if _writer(case.letter, case.facts) == "person" and exists:
        if case.target.kind in NEEDS_PROOF:
            yield {"asked": "proof", "to": to, "found": {"proof": case.facts.proof, "doubt": case.facts.doubt}}
        if case.target.kind in ("network", "reply"):
            yield from _signs(forecast)
    yield {"asked": "outcome", "to": to, "found": _outcome(forecast)}


def _exists(bridge: Bridge, address: str) -> bool:
    try:
        bridge.check_recipient(address)
    except AddressNotFound:
        return False
    return True


def _signs(forecast: Forecast) -> Iterator[Step]:
    """Each sign of where it belongs, the strongest first; `wins` is None while none decides, since the mail is no post yet.

    Weaker ones are told as well: they may point elsewhere."""
    action, facts, to = forecast.action, forecast.case.facts, forecast.case.recipient
    winner = action.landed_by if isinstance(action, Accept) else None
    for sign, found in _by_strength(facts.token_post, facts.clues):
        posts = [{"post": known.id, "thread": known.thread_id} for known in found]
        yield {"asked": sign, "to": to, "found": {"posts": posts, "wins": winner and sign == winner}}


def _by_strength(token: Known | None, clues: Clues) -> list[tuple[str, Sequence[Known]]]:
    return [
        ("token", [token] if token else []),
        ("reference", [clues.referenced] if clues.referenced else []),
        ("thread-index", [clues.indexed] if clues.indexed else []),
        ("marker", [clues.marked] if clues.marked else []),
        ("subject", clues.similar),
    ]


def _outcome(forecast: Forecast) -> dict[str, Any]:
    action, refusal = forecast.action, forecast.refusal
    return {
        **_landing(forecast),
        "action": re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(action).__name__).lower(),
        "what": _what(action),
        "refusal": refusal
        and {"error": type(refusal).__name__, "facts": {k: str(v) for k, v in refusal.facts.items()}},
        "would_mail": forecast.mails,
    }


def _what(action: Action) -> str:
    match action:
        case Command():
            return action.name
        case PassOn(to):
            return to
        case _:
            return ""
