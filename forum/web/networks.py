"""Pages of networks: the directory, one network, how its messages come to me."""

from collections.abc import Sequence

from starlette.responses import Response

from forum import i18n, memberships, networks, threads
from forum.db import AnyRow
from forum.tables import Membership, Network
from forum.web import page
from forum.web.absence import away_until
from forum.web.threads import listed
from forum.web.visit import Visit
from forum.web.words import KINDS, LANGUAGES


def show_networks(visit: Visit) -> Response:
    """The directory, searched in names and purposes, by kind, region and language."""
    known = networks.directory(visit.db, visit.member)
    wanted = {name: visit.asked(name) for name in ("q", "kind", "region", "language")}
    found = [row for row in known if _fits(row, wanted)]
    return page.render(
        visit,
        "networks/directory.html",
        private=False,
        wanted=wanted,
        found=[_listed(visit, row) for row in i18n.by_name(found)],
        is_filtered=any(wanted.values()),
        total=len(known),
        kinds=[kind for kind in KINDS if any(row.kind == kind for row in known)],
        regions=_regions(known),
        languages_used=[language for language in LANGUAGES if any(row.language == language for row in known)],
    )


def show_network(visit: Visit) -> Response:
    """What it is for and how to join, for everyone who may know of it; its discussions for those who may read them."""
    network = networks.find_known(visit.db, visit.word("slug"), visit.member)
    readable = networks.may_read(visit.db, network, visit.member)
    found = threads.in_network(visit.db, network.id, visit.asked("after")) if readable else None
    return page.render(
        visit,
        "networks/network.html",
        private=network.visibility != "public",
        network=network,
        membership=membership_of(visit, network),
        away_until=away_until(visit),
        contacts=networks.contacts_of(visit.db, network.id),
        members=networks.count_members(visit.db, network.id),
        owner=visit.mail_address(network.slug, "owner"),
        join=visit.mail_address(network.slug, "join"),
        address=visit.mail_address(network.slug),
        readable=readable,
        threads=listed(visit, found.rows) if found else [],
        next=found.next if found else None,
        is_later_page=bool(visit.asked("after")),
    )


def set_mode(visit: Visit) -> Response:
    network = networks.find_known(visit.db, visit.word("slug"), visit.member)
    owner = visit.mail_address(network.slug, "owner")
    memberships.set_mode(visit.db, network, visit.signed_in, visit.form["mode"], visit.now, owner=owner)
    return page.onward(visit.form["next"], "/me#networks")


def leave(visit: Visit) -> Response:
    network = networks.find_known(visit.db, visit.word("slug"), visit.member)
    memberships.leave(visit.db, network, visit.signed_in, visit.now)
    return page.redirect("/me#networks")


def membership_of(visit: Visit, network: Network) -> Membership | None:
    return visit.db.get(Membership, (network.id, visit.member.id)) if visit.member else None


def _listed(visit: Visit, row: AnyRow) -> str:
    when = row.last_post_at and visit.short_moment(row.last_post_at)
    return visit.site.fragments.made(
        ("network", tuple(row), when, visit.language),
        lambda: page.piece(visit, "networks/listed.html", network=row, when=when, language=visit.language),
    )


def _fits(row: AnyRow, wanted: dict[str, str]) -> bool:
    words = wanted["q"].casefold().split()
    text = f"{row.name} {row.purpose} {row.region or ''} {row.slug}".casefold()
    chosen = all(wanted[name] in ("", getattr(row, name)) for name in ("kind", "region", "language"))
    return chosen and all(word in text for word in words)


def _regions(known: Sequence[AnyRow]) -> list[str]:
    return sorted({row.region for row in known if row.region}, key=i18n.alphabetical)
