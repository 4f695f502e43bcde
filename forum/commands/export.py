"""`parvi export`: everything back out."""

import json
import mailbox
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from forum import attachments, mails, networks, posts
from forum.commands import Json, say, world
from forum.db import AnyRow, Db
from forum.errors import BadChoice, FileUnreadable
from forum.tables import Attachment, Mail, Network
from forum.world import World


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    to: Annotated[Path, typer.Option(help="A file ending in .mbox or .jsonl; with --all a folder.")],
    network: Annotated[str, typer.Option(help="Which network.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All networks, each into both kinds of file.")] = False,
    as_json: Json = False,
) -> None:
    """Write posts into files that any program reads."""
    with world() as here, here.database.reading() as db:
        for chosen, file in _files(db, to, network, everything):
            count = _write(here, db, chosen, file)
            say(
                f"{count} messages of {chosen.slug} in {file}",
                {"network": chosen.slug, "file": str(file), "posts": count},
                as_json,
            )


def _files(db: Db, to: Path, network: str, everything: bool) -> list[tuple[Network, Path]]:
    try:
        if everything:
            to.mkdir(parents=True, exist_ok=True)
            slugs = [row.slug for row in networks.everything(db)]
            return [
                (networks.find_network(db, slug), to / f"{slug}{ending}")
                for slug in slugs
                for ending in (".mbox", ".jsonl")
            ]
        if to.suffix not in (".mbox", ".jsonl"):
            raise BadChoice(given=to.suffix or to.name, choices=".mbox, .jsonl")
        to.unlink(missing_ok=True)
    except OSError as error:
        raise FileUnreadable(file=str(to), why=f"{error.strerror}") from None
    return [(networks.find_network(db, network), to)]


def _write(here: World, db: Db, network: Network, file: Path) -> int:
    try:
        return _write_mbox(here, db, network, file) if file.suffix == ".mbox" else _write_jsonl(here, db, network, file)
    except OSError as error:
        raise FileUnreadable(file=str(file), why=f"{error.strerror}") from None


def _write_jsonl(here: World, db: Db, network: Network, file: Path) -> int:
    count = 0
    with open(file, "w", encoding="utf-8") as out:
        for row, files in _posts(db, network.id):
            print(json.dumps(posts.as_dict(row, files, here.settings.base_url), ensure_ascii=False), file=out)
            count += 1
    return count


def _write_mbox(here: World, db: Db, network: Network, file: Path) -> int:
    """What came by mail goes out as it came; the rest is written as a mail."""
    box = mailbox.mbox(file)
    count = 0
    for row, files in _posts(db, network.id):
        raw = _as_it_came(here, db, row.mail_id) if row.mail_id else _as_mail(here, db, row, files)
        box.add(mailbox.mboxMessage(raw.replace(b"\r\n", b"\n")))
        count += 1
    box.close()
    return count


def _posts(db: Db, network_id: int) -> Iterator[tuple[AnyRow, Sequence[Attachment]]]:
    last = 0
    while rows := posts.in_network(db, network_id, after=last):
        files = attachments.of_posts(db, [row.id for row in rows])
        yield from ((row, files.get(row.id, [])) for row in rows)
        last = rows[-1].id


def _as_it_came(here: World, db: Db, mail_id: int) -> bytes:
    return mails.raw(db, db.get_one(Mail, mail_id), here.files)


def _as_mail(here: World, db: Db, row: AnyRow, files: Sequence[Attachment]) -> bytes:
    message = EmailMessage(SMTP)
    message["From"] = f'"{row.author}" <member-{row.author_id}@{here.settings.mail_domain}>'
    message["To"] = f"{row.slug}@{here.settings.mail_domain}"
    message["Subject"] = row.subject if row.number == 1 else f"Re: {row.subject}"
    message["Date"] = format_datetime(row.sent_at)
    for name, value in _ids(db, row):
        message[name] = value
    message.set_content(row.text)
    for file in files:
        main, _, sub = file.media_type.partition("/")
        message.add_attachment(here.files.read(file.digest), maintype=main, subtype=sub, filename=file.name)
    return message.as_bytes()


def _ids(db: Db, row: AnyRow) -> list[tuple[str, Any]]:
    above = posts.ancestors(db, posts.find_post(db, row.id))
    return [
        ("Message-ID", row.message_id),
        *([("In-Reply-To", above[-1]), ("References", " ".join(above))] if above else []),
    ]
