"""`parvi member ...` and `parvi token`."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from forum import members, memberships, networks
from forum.commands import Json, say, world
from forum.db import Db
from forum.errors import FileUnreadable, Refusal
from forum.tables import Member
from forum.world import World

COLUMNS = ("address", "name", "language", "organisation", "network", "mode", "role", "coordinator")


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Members.")
    group.command()(add)
    group.command("import")(import_csv)
    app.add_typer(group, name="member")
    app.command()(token)


def add(
    address: Annotated[str, typer.Argument(help="Their e-mail address.")],
    name: Annotated[str, typer.Option(help="Their name.")],
    language: Annotated[str, typer.Option(help="fi, sv or en.")] = "fi",
    organisation: Annotated[str, typer.Option(help="Where they work.")] = "",
    network: Annotated[list[str] | None, typer.Option(help="A network they belong to; may be said again.")] = None,
    mode: Annotated[str | None, typer.Option(help="How they get mail: each, daily, weekly or none.")] = None,
    role: Annotated[str | None, typer.Option(help="Their role in the networks: member or contact.")] = None,
    coordinator: Annotated[
        bool | None, typer.Option("--coordinator/--no-coordinator", help="Whether they coordinate.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a member, or add networks to one who is there."""
    with world() as here, here.database.transaction() as db:
        member = _add(db, here, address, name, language, organisation, network or [], mode, role, coordinator)
        facts = {"id": member.id, "address": address, "name": member.name, "networks": network or []}
        say(f"{member.name} is member {member.id}.", facts, as_json)


def import_csv(
    file: Annotated[
        Path, typer.Argument(help="Columns: " + ", ".join(COLUMNS) + "; several networks separated by spaces.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen.")] = False,
    as_json: Json = False,
) -> None:
    """Add members from a table: all of them, or none and the rows that are wrong."""
    rows = _rows(file)
    with world() as here:
        door = here.database.rehearsal if dry_run else here.database.transaction
        with door() as db:
            wrong = _import(db, here, rows)
            if wrong:
                for line, sentence in wrong:
                    say(f"Row {line}: {sentence}", {"row": line, "error": sentence}, as_json)
                raise FileUnreadable(file=file.name, why=f"{len(wrong)} of {len(rows)} rows are wrong")
        words = "would be added or brought up to date" if dry_run else "are there"
        say(f"{len(rows)} members {words}.", {"rows": len(rows), "dry_run": dry_run}, as_json)


def token(address: Annotated[str, typer.Argument(help="The member's address.")], as_json: Json = False) -> None:
    """Make an API token for a member; an earlier one stops working."""
    with world() as here, here.database.transaction() as db:
        made = here.random(24).hex()
        members.set_api_token(db, members.find_member(db, address), made)
        say(made, {"token": made}, as_json)


def _add(
    db: Db,
    here: World,
    address: str,
    name: str,
    language: str,
    organisation: str,
    slugs: Sequence[str],
    mode: str | None,
    role: str | None,
    coordinator: bool | None,
) -> Member:
    now = here.clock()
    member = members.add_member(
        db, address, name, now, language=language, organisation=organisation, coordinates=coordinator
    )
    for slug in slugs:
        memberships.join(db, networks.find_network(db, slug), member, now, mode=mode, role=role)
    return member


def _import(db: Db, here: World, rows: Sequence[dict[str, str]]) -> list[tuple[int, str]]:
    """Every row is tried, so that all that is wrong is told at once."""
    wrong = []
    for line, row in enumerate(rows, start=2):
        slugs = row.get("network", "").replace(";", " ").replace(",", " ").split()
        try:
            _add(
                db, here, row.get("address", ""), row.get("name", ""), row.get("language") or "fi", row.get("organisation", ""),
                slugs, row.get("mode") or None, row.get("role") or None, _yes(row.get("coordinator", "")),
            )  # fmt: skip
        except Refusal as refusal:
            wrong.append((line, str(refusal)))
    return wrong


def _rows(file: Path) -> list[dict[str, str]]:
    """Whatever a spreadsheet writes: UTF-8 or Windows' letters, commas, semicolons or tabs."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise FileUnreadable(file=file.name, why=f"{error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(",;\t", key=first.count), restkey="", restval="")
    named = [name.strip().lower() for name in reader.fieldnames or []]
    if "address" not in named or "name" not in named:
        raise FileUnreadable(file=file.name, why="the first row should name the columns, at least address and name")
    if unknown := set(named) - set(COLUMNS):
        raise FileUnreadable(file=file.name, why=f"there are columns that mean nothing: {', '.join(sorted(unknown))}")
    reader.fieldnames = named
    return [{name: (row[name] or "").strip() for name in named} for row in reader]


def _yes(word: str) -> bool | None:
    return word.casefold() in ("yes", "true", "1", "x", "kyllä", "ja") if word else None
