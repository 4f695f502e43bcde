"""A mail to ourselves: whether mail goes out and comes in. It has an address of its own, signed, and becomes no post."""

import asyncio
import time
from email.utils import format_datetime

from sqlalchemy import func, select

from forum.tables import Inbox
from forum.world import World
from mailbridge import dkim
from mailbridge.addresses import Addresses
from mailbridge.doctor import Loop
from mailbridge.envelope import Answer, Envelope
from mailbridge.postman import SmtpPostman

PATIENCE_S, LOOK_S = 10.0, 0.1
BODY = b'This mail is sent by "parvi check" to Parvi itself, to see whether it arrives.\r\nNobody needs to read it.\r\n'


def go_round(world: World, seconds: float) -> Loop:
    """Sends it to the relay and waits until it has come in and is worked through, at most so long."""
    address = Addresses(world.settings.mail_domain, world.tokens).check(int.from_bytes(world.random(6)))
    with world.database.reading() as db:
        newest = db.scalar(select(func.max(Inbox.id))) or 0
    began = time.monotonic()
    answer = asyncio.run(_sent(world, address))
    if answer.outcome != "sent":
        return Loop(answer.outcome, answer.said)
    row = None
    while (row is None or row[0] is None) and time.monotonic() - began < seconds:
        time.sleep(LOOK_S)
        row = _row(world, address, newest)
    passed = time.monotonic() - began
    return Loop("sent", answer.said, passed, row is not None, *(row or (None, "")))


async def _sent(world: World, address: str) -> Answer:
    answers = list[Answer]()
    postman = SmtpPostman(world.settings.relay, world.settings.mail_domain, connections=1, patience_s=PATIENCE_S)
    envelope = Envelope(0, address, address, _head(world, address), BODY)
    await postman.deliver([envelope], lambda _, answer: answers.append(answer))
    await postman.close()
    return answers[0]


def _head(world: World, address: str) -> bytes:
    """Signed as all our mail, since a server in front may take nothing else in our own name."""
    lines = {
        "From": f"Parvi <postmaster@{world.settings.mail_domain}>",
        "To": address,
        "Subject": "parvi check",
        "Date": format_datetime(world.clock()),
        "Message-ID": world.new_message_id(),
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=us-ascii",
    }
    headers = [f"{name}: {value}\r\n".encode() for name, value in lines.items()]
    signer = dkim.load_signer(world.settings.dkim_key, world.settings.dkim_selector, world.settings.mail_domain)
    signature = signer.sign([], dkim.shared(headers, BODY)) if signer else b""
    return signature + b"".join(headers) + b"\r\n"


def _row(world: World, address: str, newest: int) -> tuple[str | None, str] | None:
    """Fate and reason; a server may have changed the case of the address."""
    with world.database.reading() as db:
        rows = db.execute(select(Inbox.recipient, Inbox.fate, Inbox.reason).where(Inbox.id > newest)).all()
    return next(((row.fate, row.reason) for row in rows if row.recipient.lower() == address.lower()), None)
