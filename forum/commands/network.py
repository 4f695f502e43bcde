"""`parvi network ...`."""

from typing import Annotated

import typer

from forum import networks
from forum.commands import Json, say, world


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Networks.")
    group.command()(add)
    group.command("list")(list_all)
    app.add_typer(group, name="network")


def add(
    slug: Annotated[str, typer.Argument(help="Its short name, which is also its address: a-z, digits, hyphens.")],
    name: Annotated[str, typer.Option(help="Its name as people read it.")],
    kind: Annotated[str, typer.Option(help="theme, region, profession or swarm.")] = "theme",
    language: Annotated[str, typer.Option(help="fi, sv or en.")] = "fi",
    visibility: Annotated[str, typer.Option(help="Who reads it: public, members or private.")] = "members",
    posting: Annotated[str, typer.Option(help="Who writes in it: members, moderated or contacts.")] = "members",
    purpose: Annotated[str, typer.Option(help="What it is for, in a sentence.")] = "",
    as_json: Json = False,
) -> None:
    """Found a network."""
    with world() as here, here.database.transaction() as db:
        made = networks.add_network(
            db,
            slug,
            name,
            here.clock(),
            kind=kind,
            language=language,
            visibility=visibility,
            posting=posting,
            purpose=purpose,
        )
        address = f"{slug}@{here.settings.mail_domain}"
        say(f"{made.name} is there: {address}", {"slug": slug, "name": made.name, "address": address}, as_json)


def list_all(as_json: Json = False) -> None:
    """All networks, with the number of their members."""
    with world() as here, here.database.reading() as db:
        for row in networks.everything(db):
            facts = {"slug": row.slug, "name": row.name, "kind": row.kind, "state": row.state, "members": row.members}
            say(f"{row.slug:28} {row.members:6} {row.name}", facts, as_json)
