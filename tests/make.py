"""Small things to test with: a network with members, a thread with posts."""

from typing import Any

from forum import members, memberships, networks, posts
from forum.tables import Member, Network, Post
from forum.world import World


def network(
    world: World, slug: str = "viestijat", *, name: str = "Järjestöviestijät", members: int = 0, **more: Any
) -> Network:
    """A network, with so many members m1@example.net, m2@..., who get every message by mail."""
    with world.database.transaction() as db:
        made = networks.add_network(db, slug, name, world.clock(), **more)
    for number in range(1, members + 1):
        member(world, f"m{number}@example.net", f"Member {number}", network=made)
    return made


def member(
    world: World,
    address: str = "anna@example.org",
    name: str = "Anna Virtanen",
    *,
    network: Network | None = None,
    mode: str = "each",
    role: str = "member",
    **more: Any,
) -> Member:
    with world.database.transaction() as db:
        made = members.add_member(db, address, name, world.clock(), **more)
        if network:
            memberships.join(db, network, made, world.clock(), mode=mode, role=role)
    return made


def post(
    world: World,
    network: Network,
    author: Member,
    *,
    subject: str = "Hiljainen tieto",
    text: str = "Miten te sen teette?",
    thread_id: int | None = None,
    **more: Any,
) -> Post:
    """A post as from the web; a new thread unless `thread_id` says which."""
    facts: dict[str, Any] = {
        "came_by": "web",
        "language": "fi",
        "message_id": world.new_message_id(),
        "sent_at": world.clock(),
        **more,
    }
    with world.database.transaction() as db:
        draft = posts.Draft(
            network_id=network.id,
            author_id=author.id,
            text=text,
            thread_id=thread_id,
            subject="" if thread_id else subject,
            **facts,
        )
        return posts.accept(db, draft, world.clock(), world.settings.daily_cap).post
