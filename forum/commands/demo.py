"""`parvi demo`: a running sample town, with nothing to set up."""

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import select

from forum import networks, town
from forum.commands.migrate import bring_up_to_date
from forum.commands.serve import run
from forum.db import Db
from forum.settings import Settings, read_settings
from forum.tables import Member, Membership
from forum.world import World, open_world

DEFAULTS = {
    "PARVI_DATA": "data/demo",
    "PARVI_HTTP": "127.0.0.1:8000",
    "PARVI_SMTP": "127.0.0.1:8025",
    "PARVI_MAIL_DOMAIN": "parvi.example",
    "PARVI_TRUSTED_MTA": "mx.parvi.example",
}


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Build the town anew; what was written in it is lost.")
    ] = False,
) -> None:
    """Run a sample town: 60 networks, 1,300 members, mail caught for you to read and answer."""
    settings = demo_settings()
    built = settings.data / "built"
    if fresh or not built.exists():
        shutil.rmtree(settings.data, ignore_errors=True)
        _build(settings)
        built.touch()
    _greet(settings)
    run(settings)


def demo_settings() -> Settings:
    """No database but its own, no mail to anybody: only where it listens may be set from outside."""
    mine = {name: os.environ.get(name, value) for name, value in DEFAULTS.items()}
    mine["PARVI_BASE_URL"] = os.environ.get("PARVI_BASE_URL", f"http://{mine['PARVI_HTTP']}")
    mine["PARVI_CAUGHT_MAIL"] = str(Path(mine["PARVI_DATA"]) / "caught")
    return read_settings(
        {**mine, "PARVI_DEMO": "yes", "PARVI_OPERATOR": "operator@parvi.example"}, Path("/nonexistent")
    )


def _build(settings: Settings) -> None:
    world = open_world(settings)
    columns = (
        TextColumn("Building the town"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} networks"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=60)
        bring_up_to_date(world.database)
        town.build(world, lambda done, total: bar.update(task, completed=done, total=total))
    world.database.close()


def _greet(settings: Settings) -> None:
    world = open_world(settings)
    with world.database.reading() as db:
        lines = [
            f"  as {who:16} {settings.base_url}/dev/sign-in/{member.id}   {member.name}"
            for who, member in _guests(world, db)
        ]
    world.database.close()
    print(f"Parvi is at          {settings.base_url}")
    print(f"The mail it sends    {settings.base_url}/dev/mail   (caught: read it there, and answer)")
    print(f"Mail to it, by SMTP  {settings.smtp}, for example to viestijat@{settings.mail_domain}")
    print("\nSign in with one click:", *lines, "\nStop with Ctrl+C.", sep="\n", flush=True)


def _guests(world: World, db: Db) -> list[tuple[str, Member]]:
    """A member, a contact person and a coordinator of the busiest network."""
    network = networks.find_network(db, "viestijat")
    of_network = (
        select(Member).join(Membership, Membership.member_id == Member.id).where(Membership.network_id == network.id)
        .where(Member.coordinates.is_(False)).order_by(Member.id)
    )  # fmt: skip
    member = db.scalars(
        of_network.where(Membership.role == "member", Membership.mode == "each", Member.language == "fi")
    ).first()
    contact = db.scalars(of_network.where(Membership.role == "contact")).first()
    coordinator = db.scalars(select(Member).where(Member.coordinates).order_by(Member.id)).first()
    named = (("member", member), ("contact person", contact), ("coordinator", coordinator))
    return [(who, found) for who, found in named if found]
