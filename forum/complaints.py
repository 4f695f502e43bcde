"""Complaints: somebody marked our mail as junk. It stops at once, and they are told how to get it back."""

from collections.abc import Iterable
from datetime import datetime

from forum import members, memberships, subscriptions
from forum.db import Db
from forum.notices import owe_notice
from forum.tables import Member, Membership, Network


def stop(db: Db, network_ids: Iterable[int], member_id: int, now: datetime) -> list[str]:
    """No more mail of these networks, nor of what they follow in them; answers the names of those that had sent some.

    One mail tells them so. The contact persons are not told: who wants no mail has done nothing wrong.
    """
    member = db.get(Member, member_id)
    if member is None:
        return []
    stopped = [network for each in sorted(set(network_ids)) if (network := _stop(db, each, member, now))]
    to = members.recipient(db, member.id)
    if stopped and to:
        facts = [{"slug": network.slug, "name": network.name} for network in stopped]
        owe_notice(db, to, "complaint", now, networks=facts, slug=stopped[0].slug)
    return [network.name for network in stopped]


def _stop(db: Db, network_id: int, member: Member, now: datetime) -> Network | None:
    membership, network = db.get(Membership, (network_id, member.id)), db.get(Network, network_id)
    if membership is None or network is None:
        return None
    followed = subscriptions.unfollow_all(db, network_id, member.id)
    if membership.mode == "none" and not followed:
        return None
    memberships.set_mode(db, network, member, "none", now)
    return network
