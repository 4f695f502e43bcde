"""Bounces: mail to an address comes back. They are counted; a probe decides; then the address is left in peace until one click.

Mail that a server has taken may still come back hours later, so none of it shows that an address works: only two weeks
without a bounce do, or a probe that stays away for one.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import aliased

from forum import digests
from forum.db import AnyRow, Db
from forum.limits import DAY
from forum.members import Recipient, fold
from forum.notices import owe_notice
from forum.tables import Address, Member, Membership, Network, Notice, Outbox
from forum.tokens import Tokens

HARD, SOFT = 2, 1  # points, of the worst bounce of each day
ENOUGH = 6  # three days of hard ones, six of soft ones
FADES = timedelta(days=14)
PROBE_TAKES = timedelta(days=7)  # servers try for five days before they give up
LATELY, FEW = 2 * DAY, 3

DEAD = frozenset({"5.0.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
# A disabled mailbox (5.2.1) is often one that gets too much at once, and 5.4.1 is Exchange's word for a recipient it does
# not know as well as for one it may not reach: neither is certain.
UNCERTAIN = re.compile(r"5\.(?:1\.0|1\.4|2\.[012]|4\.\d+)|4\.[01234]\.\d+")
_ANSWER = re.compile(r"(?:([45]\d\d)(?:[ -]|$))?\s*([45]\.\d{1,3}\.\d{1,3}\b)?")
_POLICY = re.compile(
    r"spam|block|black ?list|deny|denied|policy|reputation|\bspf\b|dkim|dmarc|listed|relay|unsolicited", re.I
)
_BASIC = {
    "550": "5.0.0",
    "551": "5.1.6",
    "552": "5.2.2",
    "553": "5.1.3",
    "450": "4.0.0",
    "451": "4.0.0",
    "452": "4.2.2",
}


def weight(status: str) -> int:
    """Points of an enhanced status (RFC 3463). What is about policy, content or protocol is never the member's fault."""
    return HARD if status in DEAD else SOFT if UNCERTAIN.fullmatch(status) else 0


def status_of(said: str) -> str:
    """The enhanced status of a server's answer, or what its basic code means; "" when it tells nothing about the address."""
    found = _ANSWER.match(said)
    basic, enhanced = (found[1] or "", found[2] or "") if found else ("", "")
    return enhanced or ("" if _POLICY.search(said) else _BASIC.get(basic, ""))


def note(db: Db, outbox_id: int, status: str, now: datetime, tokens: Tokens) -> None:
    """This mail of ours came back for good, with this enhanced status. Counted at the address that gets the member's mail."""
    found = _address_of(db, outbox_id) if weight(status) else None
    if found is None or found[0].paused_at is not None:
        return
    address, is_probe = found
    if is_flood(db, now):
        address.bounced_at = now  # so that it is seen for as long as it lasts
    else:
        _count(address, status, now)
        if is_probe:
            _pause(db, address, now, tokens)
        elif address.bounce_points >= ENOUGH and address.probed_at is None:
            address.probed_at = now
            owe_notice(db, _at(db, address), "probe", now)
    db.flush()


def note_refusals(db: Db, refused: Sequence[tuple[int, str]], of: int, now: datetime, tokens: Tokens) -> None:
    """The same for mails that were refused at once: outbox row and answer. `of`: how many were sent together.

    What more than half of them were told is about us, not about them.
    """
    times = Counter(_alike(said) for _, said in refused)
    for outbox_id, said in refused:
        if times[_alike(said)] < FEW or times[_alike(said)] * 2 <= of:
            note(db, outbox_id, status_of(said), now, tokens)


def is_flood(db: Db, now: datetime) -> bool:
    """Whether mail to more than a third of all comes back: then our own way out is broken, and nobody's address."""
    lately = db.scalar(select(func.count()).where(Address.bounced_at > now - LATELY)) or 0
    if lately < FEW:
        return False
    some = select(Address.id).where(Address.gets_mail).limit(lately * 3)  # however many there are beyond
    return lately * 3 > (db.scalar(select(func.count()).select_from(some.subquery())) or 0)


def paused(db: Db, member_id: int) -> Address | None:
    """The address to which this member's mail went until it came back too often."""
    return db.scalar(
        select(Address).where(Address.member_id == member_id, Address.gets_mail, Address.paused_at.is_not(None))
    )


def resume(db: Db, address: Address) -> None:
    """Mail goes there again, and what was counted is forgotten. Twice is the same as once."""
    address.paused_at = address.probed_at = address.bounced_at = address.bounce_status = None
    address.bounce_points = 0
    db.flush()


def _address_of(db: Db, outbox_id: int) -> tuple[Address, bool] | None:
    """Where the mail went, if that is where a member gets their mail; and whether it is the probe that is waited for."""
    row = db.get(Outbox, outbox_id)
    notice = db.get(Notice, row.notice_id) if row and row.notice_id else None
    if row is None:
        return None
    there = Address.folded == fold(notice.address) if notice else Address.member_id == row.member_id
    address = db.scalar(select(Address).where(there, Address.gets_mail).with_for_update())
    if address is None:
        return None
    is_probe = notice is not None and notice.kind == "probe" and notice.owed_at == address.probed_at
    return address, is_probe


def _count(address: Address, status: str, now: datetime) -> None:
    """The worst one of each day counts."""
    last = address.bounced_at
    has_faded = last is None or now - last >= FADES
    if has_faded or (address.probed_at is not None and now - address.probed_at >= PROBE_TAKES):
        address.bounce_points, address.bounce_status, address.probed_at = 0, None, None
    is_same_day = last is not None and last.date() == now.date()
    counted = weight(address.bounce_status or "") if is_same_day else 0
    if weight(status) > counted or not is_same_day:
        address.bounce_status = status
    address.bounce_points += max(0, weight(status) - counted)
    address.bounced_at = now


def _pause(db: Db, address: Address, now: datetime, tokens: Tokens) -> None:
    """Their other address is told, and whoever knows how else to reach them."""
    address.paused_at = now
    member = db.get_one(Member, address.member_id)
    other = db.scalar(
        select(Address)
        .where(Address.member_id == member.id, Address.gets_mail.is_(False), Address.confirmed_at.is_not(None))
        .order_by(Address.id)
    )
    if other:
        owe_notice(
            db,
            _at(db, other),
            "paused",
            now,
            address=address.address,
            why=_why(address.bounce_status or ""),
            token=tokens.make("resume", address.id),
        )
    for row, networks in _contacts_of(db, member.id):
        _tell(db, row, {"name": member.name, "address": address.address, "networks": networks}, now)


def _why(status: str) -> str:
    return "unknown" if status in DEAD else "full" if status[1:] == ".2.2" else ""


def _at(db: Db, address: Address) -> Recipient:
    member = db.get_one(Member, address.member_id)
    return Recipient(address.address, member.name, member.language, member.id)


def _contacts_of(db: Db, member_id: int) -> list[tuple[AnyRow, list[str]]]:
    """The contact persons of all networks of a member, each with the networks they share."""
    theirs = aliased(Membership)
    rows = db.execute(
        select(
            Member.id, Member.name, Member.language, Member.time_zone, Address.address, Network.name.label("network")
        )
        .select_from(theirs)
        .join(Network, Network.id == theirs.network_id)
        .join(Membership, and_(Membership.network_id == Network.id, Membership.role == "contact"))
        .join(Member, Member.id == Membership.member_id)
        .join(Address, and_(Address.member_id == Member.id, Address.gets_mail, Address.paused_at.is_(None)))
        .where(theirs.member_id == member_id, Member.id != member_id)
        .order_by(Member.id, Network.name)
    ).all()
    shared: dict[int, tuple[AnyRow, list[str]]] = {}
    for row in rows:
        shared.setdefault(row.id, (row, []))[1].append(row.network)
    return list(shared.values())


def _tell(db: Db, contact: AnyRow, person: dict[str, object], now: datetime) -> None:
    """Next morning, in one mail with all others of the day."""
    waiting = db.scalar(
        select(Notice)
        .join(Outbox, Outbox.notice_id == Notice.id)
        .where(Notice.address == contact.address, Notice.kind == "unreachable", Notice.owed_at > now - LATELY)
        .where(Outbox.tries == 0, Outbox.due_at > now)
        .with_for_update()
    )
    if waiting:
        waiting.facts = {"people": [*waiting.facts["people"], person]}
        return
    to = Recipient(contact.address, contact.name, contact.language, contact.id)
    notice = owe_notice(db, to, "unreachable", now, people=[person])
    morning = digests.next_hour(now, contact.time_zone, {"daily"})
    db.flush()
    db.execute(update(Outbox).where(Outbox.notice_id == notice.id).values(due_at=morning))


def _alike(said: str) -> str:
    """An answer without what differs from mail to mail: addresses, queue numbers."""
    return said[:3] + re.sub(r"\S*[@\d]\S*", "", said[3:])
