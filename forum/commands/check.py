"""`parvi check`, the doctor: looks at everything that can be wrong with this place, and tells the cure."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from forum import doctor, health, schema
from forum.commands import Json, say
from forum.doctor import Finding
from forum.schema import SchemaWrong
from forum.settings import Settings, read_settings
from forum.tables import Attempt
from forum.tokens import hashed
from forum.world import World, open_world
from mailbridge import examine
from mailbridge.doctor import on_loop
from mailbridge.loop import go_round
from mailbridge.resolver import DnsTrouble

CHECK_S = 20.0  # for each; those that ask others have shorter ones of their own

Ask = Callable[[], Iterable[Finding]]
MARKS = {"ok": "ok     ", "warning": "WARNING", "wrong": "WRONG  "}


def register(app: typer.Typer) -> None:
    app.command()(check)


def check(
    wait: Annotated[int, typer.Option(min=0, help="How many seconds a mail to ourselves may take; 0 sends none.")] = 30,
    as_json: Json = False,
) -> None:
    """Look at database, queues, disk, DNS, SPF, DKIM, DMARC, TLS, and send a mail to ourselves."""
    settings, is_wrong = read_settings(), False
    for finding in look_at_all(settings, wait):
        facts = {"check": finding.about, "state": finding.state, "found": finding.found, "cure": finding.cure}
        cure = f"\n{' ' * 18}{finding.cure}" if finding.cure else ""
        say(f"{MARKS[finding.state]} {finding.about:9} {finding.found}{cure}", facts, as_json)
        is_wrong = is_wrong or finding.state == "wrong"
    raise typer.Exit(1 if is_wrong else 0)


def look_at_all(settings: Settings, wait: int) -> Iterator[Finding]:
    """All at the same time, told in this order."""
    asked: list[tuple[str, Callable[[Settings], Iterable[Finding]], float]] = [
        ("settings", doctor.on_settings, CHECK_S),
        ("rights", _rights, CHECK_S),
        ("disk", _disk, CHECK_S),
        ("database", _database, CHECK_S),
        ("dns", examine.dns, CHECK_S),
        ("spf", examine.spf, CHECK_S),
        ("dkim", examine.dkim, CHECK_S),
        ("dmarc", examine.dmarc, CHECK_S),
        ("pages", examine.pages, CHECK_S),
        ("relay", examine.relay, CHECK_S),
    ]
    if wait and settings.relay and not settings.caught_mail:
        asked.append(("loop", partial(_loop, wait=wait), wait + CHECK_S))
    begun = [
        (about, _begin(about, partial(ask, settings)), time.monotonic() + seconds) for about, ask, seconds in asked
    ]
    for about, found, until in begun:
        try:
            yield from found.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            yield doctor.wrong(
                about, "There was no answer in time.", "See whether what is asked there is overloaded or away."
            )


def _begin(about: str, ask: Ask) -> "SimpleQueue[list[Finding]]":
    """In a thread that nobody waits for in the end: whatever hangs, the others are told about."""
    found: SimpleQueue[list[Finding]] = SimpleQueue()
    Thread(target=lambda: found.put(_asked(about, ask)), daemon=True).start()
    return found


def _asked(about: str, ask: Ask) -> list[Finding]:
    """What was found before something broke is told as well."""
    findings = list[Finding]()
    try:
        findings.extend(ask())
    except Exception as error:  # noqa: BLE001  that is a finding, too
        findings.append(doctor.wrong(about, f"It could not be looked at: {_said(error)}.", _cure(error)))
    return findings


def _said(error: Exception) -> str:
    """An SQLAlchemyError also tells the statement, which is nobody's business here."""
    cause = error.__cause__ if isinstance(error, SQLAlchemyError) and error.__cause__ else error
    return f"{cause}".strip().splitlines()[0].rstrip(".") if str(cause).strip() else type(cause).__name__


def _cure(error: Exception) -> str:
    if isinstance(error, SQLAlchemyError):
        return "See that the database runs, and that PARVI_DATABASE_URL is right."
    if isinstance(error, DnsTrouble):
        return "See that the name server answers: the one of PARVI_DNS, or else the system's."
    return "Mend what it says, and look again."


def _disk(settings: Settings) -> Iterator[Finding]:
    yield doctor.on_disk(health.room_in(settings.data), settings.data)


def _rights(settings: Settings) -> Iterator[Finding]:
    if not settings.secret:
        file = settings.data / "secret"
        yield doctor.on_rights(file, _mode(file), "The secret")
    for file in [Path(part.strip()) for part in settings.dkim_key.split(",") if part.strip()]:
        yield doctor.on_rights(file, _mode(file), "The DKIM key")
    yield doctor.on_folder(settings.data, _mode(settings.data))


def _mode(file: Path) -> int | None:
    try:
        return file.stat().st_mode
    except OSError:
        return None


def _database(settings: Settings) -> Iterator[Finding]:
    with _world(settings) as world:
        trouble = ""
        try:
            schema.check_schema(world.database)
        except SchemaWrong as wrong:
            trouble = str(wrong)
        yield doctor.on_version(schema.current(world.database) or "", trouble)
        if trouble:
            return
        with world.database.reading() as db:
            yield from doctor.on_queues(health.look(db, world.clock(), settings.data))
        stranger = doctor.on_owner(os.geteuid(), settings.data.stat().st_uid)
        yield stranger or doctor.on_writing(_writing_trouble(world))


@contextmanager
def _world(settings: Settings) -> Iterator[World]:
    """Of whatever version the database is."""
    opened = open_world(settings)
    try:
        yield opened
    finally:
        opened.database.close()


def _writing_trouble(world: World) -> str:
    """With a row that is swept away within a day. Whose files would be new ones here must not write: see `on_owner`."""
    try:
        with world.database.transaction() as db:
            db.add(Attempt(key=hashed("parvi check"), tried_at=world.clock()))
    except SQLAlchemyError as error:
        return _said(error)
    return ""


def _loop(settings: Settings, wait: int) -> Iterator[Finding]:
    with _world(settings) as world:
        yield on_loop(go_round(world, wait))
