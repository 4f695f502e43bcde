"""`parvi mail ...`: put a mail in, tell what would become of one, see what came in, try again what failed."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select

from forum import language, text
from forum.commands import Json, say, world
from forum.errors import BadChoice, FileUnreadable
from forum.tables import Inbox, Mail, Network, Post
from forum.world import World
from mailbridge.decide import Accept
from mailbridge.incoming import Arrival, Bridge, Forecast
from mailbridge.letter import Letter
from mailbridge.quotes import own_text
from mailbridge.read import read

FATES = ("posted", "held", "command", "signup", "bounce", "ignored", "refused", "failed", "waiting")
To = Annotated[
    list[str] | None,
    typer.Option("--to", help="An address of the bridge; may be said again. Default: those in To and Cc."),
]

Trusted = Annotated[bool, typer.Option("--trusted", help="As if our front mail server had vouched for the From.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Mail that comes in.")
    group.command()(inject)
    group.command()(explain)
    group.command("log")(show_log)
    group.command()(retry)
    app.add_typer(group, name="mail")


def inject(
    file: Annotated[Path, typer.Argument(help="A mail as a file; - for standard input.")],
    sender: Annotated[str, typer.Option("--from", help="The envelope's sender.")] = "",
    to: To = None,
    trusted: Trusted = False,
    as_json: Json = False,
) -> None:
    """Take a mail as if it had come by SMTP, and work it through at once."""
    raw = _bytes(file)
    with world() as here:
        bridge = Bridge(here)
        recipients = _recipients(bridge, read(raw), to)
        for recipient in recipients:
            bridge.check_recipient(recipient)
        for inbox_id in bridge.store(Arrival(sender, recipients, raw, "inject", vouched=trusted)):
            bridge.process(inbox_id)
            fate = _fate(here, inbox_id)
            say(f"{fate['fate']}: {fate['reason']}", fate, as_json)


def explain(
    files: Annotated[list[Path], typer.Argument(help="Mails as files; - for standard input.")],
    to: To = None,
    trusted: Trusted = False,
    as_json: Json = False,
) -> None:
    """Tell what would become of mails. Stores nothing, sends nothing."""
    with world() as here:
        bridge = Bridge(here)
        for file in files:
            facts = _explained(bridge, _bytes(file), to, trusted)
            say(_in_words(file, facts), facts, as_json)


def show_log(
    fate: Annotated[str, typer.Option(help="Only these: " + ", ".join(FATES) + ".")] = "",
    since: Annotated[datetime | None, typer.Option(help="Only from this time on (UTC).")] = None,
    as_json: Json = False,
) -> None:
    """What came in, and what became of it; the oldest first."""
    if fate and fate not in FATES:
        raise BadChoice(given=fate, choices=", ".join(FATES))
    query = select(Inbox.id, Mail.received_at, Mail.envelope_from, Inbox.recipient, Inbox.fate, Inbox.reason).join(
        Mail, Mail.id == Inbox.mail_id
    )
    if fate:
        query = query.where(Inbox.fate == fate if fate != "waiting" else Inbox.fate.is_(None))
    if since:
        query = query.where(Mail.received_at >= since.replace(tzinfo=UTC))
    with world() as here, here.database.reading() as db:
        for row in db.execute(query.order_by(Inbox.id).execution_options(yield_per=500)):
            what = row.fate or "waiting"
            facts = {
                "id": row.id,
                "received_at": row.received_at.isoformat(),
                "from": row.envelope_from,
                "to": row.recipient,
                "fate": what,
                "reason": row.reason,
            }
            say(
                f"{row.id} {row.received_at:%Y-%m-%d %H:%M:%S} {what}: {row.envelope_from} to {row.recipient}: {row.reason}",
                facts,
                as_json,
            )


def retry(as_json: Json = False) -> None:
    """Work through again what failed, after the fault has been mended."""
    with world() as here:
        bridge = Bridge(here)
        count = bridge.retry_failed()
        while bridge.work_through():
            pass
        say(f"{count} mails were tried again.", {"tried": count}, as_json)


def _bytes(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise FileUnreadable(file=file.name, why=f"{error.strerror}") from None


def _recipients(bridge: Bridge, letter: Letter, to: Sequence[str] | None) -> list[str]:
    """Those said, or those of ours that the mail names."""
    named = [person.address for person in letter.to if bridge.addresses.ours(person.address)]
    return list(to or named or [f"nobody@{bridge.addresses.domain}"])


def _explained(bridge: Bridge, raw: bytes, to: Sequence[str] | None, trusted: bool) -> dict[str, Any]:
    letter, forecasts = bridge.explain(Arrival("", _recipients(bridge, read(raw), to), raw, "explain", vouched=trusted))
    first = forecasts[0]
    shown = own_text(letter.parts)
    return {
        **_landing(first),
        "author": {"name": letter.author.name, "address": letter.author.address},
        "subject": letter.subject,
        "parts": [{"kind": part.kind, "text": part.text} for part in letter.parts],
        "html": text.from_mail(shown),
        "forwarded_from": letter.forwarded_from.address if letter.forwarded_from else None,
        "attachments": [{"name": file.name, "type": file.media_type, "size": len(file.data)} for file in letter.files],
        "language": language.detect(
            shown, letter.language or (first.case.network.language if first.case.network else "en")
        ),
        "proof": first.case.facts.proof,
        "auto": bool(letter.auto),
        "bounced": [{"address": bounced.address, "permanent": bounced.permanent} for bounced in letter.bounced],
        "would_mail": sum(forecast.mails for forecast in forecasts),
    }


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


def _fate(here: World, inbox_id: int) -> dict[str, Any]:
    query = (
        select(Inbox.fate, Inbox.reason, Network.slug, Post.thread_id, Inbox.post_id, Post.parent_id, Post.landed_by)
        .outerjoin(Network, Network.id == Inbox.network_id)
        .outerjoin(Post, Post.id == Inbox.post_id)
        .where(Inbox.id == inbox_id)
    )
    with here.database.reading() as db:
        row = db.execute(query).one()
    return {"fate": row.fate, "reason": row.reason, "network": row.slug, "thread": row.thread_id, "post": row.post_id,
            "parent": row.parent_id, "landed_by": row.landed_by}  # fmt: skip


def _in_words(file: Path, facts: dict[str, Any]) -> str:
    lines = [
        f"{file}: {facts['fate']}: {facts['reason']}",
        f"  from {facts['author']['address']}, proof: {facts['proof']}",
    ]
    if facts["landed_by"]:
        lines.append(
            f"  lands by {facts['landed_by']} in {facts['network']}, thread {facts['thread'] or '(a new one)'}"
        )
    lines += [f"  {part['kind']:9} {len(part['text'].splitlines())} lines" for part in facts["parts"]]
    return "\n".join([*lines, f"  mails that would go out: {facts['would_mail']}"])
