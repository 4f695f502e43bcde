"""Mails to put in at the bridge, and what became of them."""

from typing import NamedTuple

from sqlalchemy import select

from forum.tables import Inbox, Notice, Outbox
from forum.world import World
from mailbridge.incoming import Arrival, Bridge

TRUSTED = "mx.example.org"  # as in the settings of the tests
ADDRESS = "viestijat@lists.example.org"


class Fate(NamedTuple):
    fate: str | None
    reason: str
    post_id: int | None


def mail(
    author: str = "Anna Virtanen <anna@example.org>",
    *,
    to: str = ADDRESS,
    subject: str = "Hiljainen tieto",
    text: str = "Miten te sen teette?\n",
    message_id: str = "<mail-1@example.org>",
    proven: bool = True,
    **headers: str,
) -> bytes:
    """As it comes from our front mail server. `in_reply_to=` becomes In-Reply-To."""
    domain = author.rpartition("@")[2].rstrip(">")
    lines = {
        "Authentication-Results": f"{TRUSTED}; dmarc={'pass' if proven else 'none'} header.from={domain}",
        "From": author,
        "To": to,
        "Subject": subject,
        "Message-ID": message_id,
        "Date": "Mon, 23 Nov 2026 08:00:00 +0200",
        "Content-Type": "text/plain; charset=utf-8",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return (head + "\r\n" + text.replace("\n", "\r\n")).encode("utf-8", "surrogateescape")


def put_in(bridge: Bridge, raw: bytes, *to: str, sender: str = "anna@example.org") -> list[int]:
    """Stored, not yet worked through."""
    return bridge.store(Arrival(sender, to or [ADDRESS], raw, "192.0.2.1"))


def bring(bridge: Bridge, raw: bytes, *to: str) -> list[Fate]:
    """Stored and worked through, each recipient to its fate."""
    ids = put_in(bridge, raw, *to)
    while bridge.work_through():
        pass
    return [fate_of(bridge.world, inbox_id) for inbox_id in ids]


def fate_of(world: World, inbox_id: int) -> Fate:
    with world.database.reading() as db:
        row = db.get_one(Inbox, inbox_id)
        return Fate(row.fate, row.reason, row.post_id)


def owed_notices(world: World, kind: str = "") -> list[Notice]:
    """Every notice that is in the outbox, the oldest first."""
    with world.database.reading() as db:
        query = select(Notice).join(Outbox, Outbox.notice_id == Notice.id).order_by(Notice.id)
        return [notice for notice in db.scalars(query) if kind in ("", notice.kind)]
