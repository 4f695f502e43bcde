"""Memberships: who belongs to which network, in which role, and how they get its messages."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from forum import digests, history, outbox
from forum.db import AnyRow, Db
from forum.errors import BadChoice, NotAMember
from forum.tables import Member, Membership, Network

MODES = ("each", "daily", "weekly", "none")
ROLES = ("member", "contact")


def join(
    db: Db, network: Network, member: Member, now: datetime, *, mode: str | None = None, role: str | None = None
) -> Membership:
    """Idempotent: who is a member already keeps what is not said anew."""
    membership = db.get(Membership, (network.id, member.id)) or _begin(db, network, member, now)
    if mode is not None:
        _choose(db, membership, mode, now)
    if role is not None:
        membership.role = check_role(role)
    db.flush()
    return membership


def leave(db: Db, network: Network, member: Member, now: datetime) -> bool:
    """Whether they were a member until now. What was on its way to them stays here."""
    newest = history.stand_still(db, network.id)
    mine = (Membership.network_id == network.id, Membership.member_id == member.id)
    gone = db.execute(delete(Membership).where(*mine).returning(*Membership.__table__.columns)).first()
    if gone is not None:
        history.end_membership(db, gone, newest, now)
        outbox.let_go(db, network.id, member.id, now)
    return gone is not None


def set_mode(db: Db, network: Network, member: Member, mode: str, now: datetime, *, owner: str = "") -> None:
    """`owner` is the network's owners' address, for the refusal."""
    _choose(db, find_membership(db, network, member, owner), mode, now)


def find_membership(db: Db, network: Network, member: Member, owner: str = "") -> Membership:
    if membership := db.get(Membership, (network.id, member.id)):
        return membership
    raise NotAMember(network=network.name, owner=owner)


def of_member(db: Db, member_id: int) -> Sequence[AnyRow]:
    """A member's networks: id, slug, name, mode, role."""
    return db.execute(
        select(Network.id, Network.slug, Network.name, Membership.mode, Membership.role)
        .join(Membership, Membership.network_id == Network.id)
        .where(Membership.member_id == member_id)
        .order_by(Network.name)
    ).all()


def _begin(db: Db, network: Network, member: Member, now: datetime) -> Membership:
    newest = history.stand_still(db, network.id)
    membership = Membership(
        network_id=network.id,
        member_id=member.id,
        joined_at=now,
        mode="each",
        role="member",
        digested_id=newest,
        after_id=newest,
    )
    db.add(membership)
    db.flush()
    return membership


def _choose(db: Db, membership: Membership, mode: str, now: datetime) -> None:
    """Locks network, member and membership, in this order."""
    if check_mode(mode) == membership.mode:
        return
    newest = history.stand_still(db, membership.network_id)
    digests.lock(db, db.get_one(Member, membership.member_id))
    db.refresh(membership, with_for_update=True)
    history.end_mode(db, membership, newest)
    before, membership.mode = membership.mode, mode
    digests.follow_mode(db, membership, before, now)


def check_mode(mode: str) -> str:
    if mode not in MODES:
        raise BadChoice(given=mode, choices=", ".join(MODES))
    return mode


def check_role(role: str) -> str:
    if role not in ROLES:
        raise BadChoice(given=role, choices=", ".join(ROLES))
    return role
