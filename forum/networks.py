"""Networks: what people are members of. Who may read one, who may write in it."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, func, select

from forum.db import AnyRow, Db
from forum.errors import BadChoice, BadSlug, MembersOnly, NameMissing, NetworkNotFound, SlugTaken
from forum.members import check_language
from forum.tables import Address, Member, Membership, Network
from forum.text import one_line

KINDS = ("theme", "region", "profession", "swarm")
VISIBILITIES = ("public", "members", "private")
POSTINGS = ("members", "moderated", "contacts")
RESERVED = frozenset({"postmaster", "abuse", "b", "root", "mailer-daemon", "noreply", "hostmaster", "webmaster"})
MAX_SLUG = 28  # slug, "+r." and a token stay within the 64 octets of a local part (RFC 5321 4.5.3.1.1)


def add_network(
    db: Db,
    slug: str,
    name: str,
    now: datetime,
    *,
    kind: str = "theme",
    language: str = "fi",
    visibility: str = "members",
    posting: str = "members",
    purpose: str = "",
    region: str | None = None,
) -> Network:
    if by_slug(db, check_slug(slug)):
        raise SlugTaken(slug=slug)
    if not one_line(name):
        raise NameMissing
    network = Network(
        slug=slug,
        name=one_line(name),
        kind=_choice(kind, KINDS),
        language=check_language(language),
        created_at=now,
        visibility=_choice(visibility, VISIBILITIES),
        posting=_choice(posting, POSTINGS),
        purpose=purpose.strip(),
        region=region,
    )
    db.add(network)
    db.flush()
    return network


def by_slug(db: Db, slug: str) -> Network | None:
    return db.scalar(_BY_SLUG, {"slug": slug.lower()})


_BY_SLUG = select(Network).where(Network.slug == bindparam("slug"))


def find_network(db: Db, slug: str) -> Network:
    if network := by_slug(db, slug):
        return network
    raise NetworkNotFound(slug=one_line(slug.lower(), 40))


def find_known(db: Db, slug: str, member: Member | None) -> Network:
    """The network, if this person may know of it; a private one is missing for others, in the same words as any that is."""
    network = find_network(db, slug)
    if not may_know(db, network, member):
        raise NetworkNotFound(slug=network.slug)
    return network


def find_readable(db: Db, slug: str, member: Member | None, owner: str = "") -> Network:
    """The network, if this person may read it; a private one does not even exist for others. `owner` is its owners' address."""
    network = find_network(db, slug)
    check_readable(db, network, member, owner)
    return network


def check_readable(db: Db, network: Network, member: Member | None, owner: str = "") -> None:
    if may_read(db, network, member):
        return
    if network.visibility == "private":
        raise NetworkNotFound(slug=network.slug)
    raise MembersOnly(network=network.name, owner=owner)


def may_read(db: Db, network: Network, member: Member | None) -> bool:
    """Public: everybody. Members: whoever is a member of any network here. Private: its own members. Coordinators read all."""
    if network.visibility == "public" or member is None:
        return network.visibility == "public"
    return network.visibility == "members" or member.coordinates or is_member(db, network.id, member.id)


def may_know(db: Db, network: Network, member: Member | None) -> bool:
    return network.visibility != "private" or may_read(db, network, member)


def is_member(db: Db, network_id: int, member_id: int) -> bool:
    return db.get(Membership, (network_id, member_id)) is not None


def directory(db: Db, member: Member | None) -> Sequence[AnyRow]:
    """Every network this person may know of: id, slug, name, purpose, kind, language, region, last_post_at, members, mine."""
    members = select(Membership.network_id, func.count().label("members")).group_by(Membership.network_id).subquery()
    query = (
        select(
            Network.id,
            Network.slug,
            Network.name,
            Network.purpose,
            Network.kind,
            Network.language,
            Network.region,
            Network.last_post_at,
            func.coalesce(members.c.members, 0).label("members"),
            Membership.mode.label("mine"),
        )
        .outerjoin(members, members.c.network_id == Network.id)
        .outerjoin(
            Membership,
            (Membership.network_id == Network.id) & (Membership.member_id == (member.id if member else None)),
        )
        .where(Network.state.in_(("active", "dormant")))
    )
    if not (member and member.coordinates):
        query = query.where((Network.visibility != "private") | Membership.mode.is_not(None))
    return db.execute(query.order_by(Network.name)).all()


def everything(db: Db) -> Sequence[AnyRow]:
    """All networks whatever their state, for the operator: slug, name, kind, state, members."""
    members = select(func.count()).where(Membership.network_id == Network.id).scalar_subquery()
    return db.execute(
        select(Network.slug, Network.name, Network.kind, Network.state, members.label("members")).order_by(Network.slug)
    ).all()


def contacts_of(db: Db, network_id: int) -> Sequence[AnyRow]:
    """The contact persons: id, name, language, and the address that gets their mail (or None)."""
    return db.execute(
        select(Member.id, Member.name, Member.language, Address.address)
        .join(Membership, Membership.member_id == Member.id)
        .outerjoin(Address, (Address.member_id == Member.id) & Address.gets_mail)
        .where(Membership.network_id == network_id, Membership.role == "contact")
        .order_by(Member.name)
    ).all()


def count_members(db: Db, network_id: int) -> int:
    return db.scalar(select(func.count()).select_from(Membership).where(Membership.network_id == network_id)) or 0


def check_slug(slug: str) -> str:
    if len(slug) > MAX_SLUG or not re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", slug) or slug in RESERVED:
        raise BadSlug(slug=one_line(slug, 40))
    return slug


def _choice(given: str, choices: tuple[str, ...]) -> str:
    if given not in choices:
        raise BadChoice(given=given, choices=", ".join(choices))
    return given
