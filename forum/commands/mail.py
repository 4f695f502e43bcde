"""`parvi mail ...`: put a mail in, tell what would become of one, see what came in, try again what failed."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select

from forum.commands import Json, say, world
from forum.errors import BadChoice, FileUnreadable
from forum.tables import Inbox, Mail, Network, Post
from forum.world import World
from mailbridge import claims
from mailbridge.explain import addressed_to, explained, nobody
from mailbridge.incoming import Arrival, Bridge
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
        recipients = addressed_to(bridge, read(raw), to) or [nobody(bridge)]
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
            facts = explained(bridge, _bytes(file), to, trusted)
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
        count = bridge.retry_failed() + claims.retry(here)
        while bridge.work_through():
            pass
        say(f"{count} mails were tried again.", {"tried": count}, as_json)


def _bytes(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise FileUnreadable(file=file.name, why=f"{error.strerror}") from None


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
    outcomes = [step for step in facts["steps"] if step["asked"] == "outcome"]
    if len(outcomes) > 1:
        lines += [f"  at {step['to']}: {step['found']['fate']}: {step['found']['reason']}" for step in outcomes]
    lines += [f"  {part['kind']:9} {len(part['text'].splitlines())} lines" for part in facts["parts"]]
    return "\n".join([*lines, f"  mails that would go out: {facts['would_mail']}"])
