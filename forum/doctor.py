"""The doctor: what was found about this place, what it means, and its cure. Nothing is asked here: see commands/check.py."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from forum.health import LOW_BYTES, LOW_PERCENT, Disk, Health
from forum.settings import Settings

NEAR = frozenset({"localhost", "127.0.0.1", "::1"})
State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True)
class Finding:
    """`about` is what was looked at; `cure` is empty where nothing has to be done."""

    about: str
    state: State
    found: str
    cure: str = ""


def ok(about: str, found: str) -> Finding:
    return Finding(about, "ok", found)


def warning(about: str, found: str, cure: str) -> Finding:
    return Finding(about, "warning", found, cure)


def wrong(about: str, found: str, cure: str) -> Finding:
    return Finding(about, "wrong", found, cure)


def on_version(version: str, trouble: str) -> Finding:
    """`trouble` is what the program says when it does not start on this database."""
    if trouble:
        found, _, cure = trouble.partition(". ")
        return wrong("database", f"{found}.", cure)
    return ok("database", f"It answers, and is at version {version}.")


def on_writing(trouble: str) -> Finding:
    if trouble:
        cure = "Look at the disk, at the rights of its files, and whether the server only takes readers."
        return wrong("database", f"Nothing can be written to it: {trouble}.", cure)
    return ok("database", "It can be written to.")


def on_owner(user: int, owner: int) -> Finding | None:
    if user == owner:
        return None
    found = f"You are user {user}, and the data folder belongs to user {owner}; so no writing was tried."
    return warning("database", found, "Run this as the user that Parvi runs as.")


def on_queues(health: Health) -> list[Finding]:
    cures = {
        "failed": "Look at them with “parvi mail log --fate failed”; after the fault has been mended, “parvi mail retry”.",
        "unwritten": "The log of “parvi work” tells which mail and why; please report it. They are tried again by themselves.",
        "inbox": "See that “parvi work” runs (it is part of “parvi serve”), and what its log says.",
        "outbox": "See that “parvi work” runs, what its log says, and below what is found about the relay.",
        "flood": "See what the bounces say: the relay may be on a block list, or its SPF or DKIM may be wrong.",
    }
    found = [wrong("queues", str(each), cures[each.kind]) for each in health.troubles if each.kind in cures]
    inbox, outbox = health.inbox, health.outbox
    waiting = f"{inbox.waiting} mails wait to be worked through, {outbox.waiting} copies to be sent"
    return found or [ok("queues", f"{waiting}, {outbox.troubled} of them put off.")]


def on_disk(disk: Disk | None, folder: Path) -> Finding:
    if disk is None:
        return wrong("disk", f"The folder {folder} cannot be looked at.", "See that it is there and can be read.")
    room = f"{disk.free // 10**6} MB are free, {disk.percent} percent."
    if disk.is_low:
        least = f"{LOW_PERCENT} percent and {LOW_BYTES // 10**9} GB"
        return warning(
            "disk", room, f"Make room before it is full: there should be {least} for mail that comes at once."
        )
    return ok("disk", room)


def on_settings(settings: Settings) -> list[Finding]:
    return [
        _on_address(settings),
        _on_domain(settings),
        _on_demo(settings),
        _on_operator(settings),
        _on_proof(settings),
    ]


def _on_address(settings: Settings) -> Finding:
    about, host = "settings", urlsplit(settings.base_url).hostname or ""
    if host in NEAR:
        found = f"PARVI_BASE_URL is {settings.base_url}: links in mails lead nowhere for anybody else."
        return wrong(about, found, "Set it to the address at which people reach the pages.")
    if not settings.https:
        found = (
            f"PARVI_BASE_URL is {settings.base_url}: what people read and write, and their sign-in, is open on the way."
        )
        return wrong(about, found, "Put a reverse proxy with TLS in front, and set PARVI_BASE_URL to https://.")
    return ok(about, f"PARVI_BASE_URL is {settings.base_url}.")


def _on_domain(settings: Settings) -> Finding:
    if "." not in settings.mail_domain.strip("."):
        found = f"PARVI_MAIL_DOMAIN is “{settings.mail_domain}”, to which nobody can write."
        return wrong("settings", found, "Set it to a domain whose MX leads here.")
    return ok("settings", f"PARVI_MAIL_DOMAIN is {settings.mail_domain}.")


def _on_demo(settings: Settings) -> Finding:
    if settings.demo:
        found = "PARVI_DEMO is on: anybody can sign in as anybody, and read all mail."
        return wrong("settings", found, "Unset it, and start Parvi anew.")
    return ok("settings", "PARVI_DEMO is off.")


def _on_operator(settings: Settings) -> Finding:
    if not settings.operator:
        found = "PARVI_OPERATOR is empty: nobody gets alarms, nor mail to postmaster@ and abuse@."
        return warning("settings", found, "Set it to an address that somebody reads, in another domain than this one.")
    if settings.operator.rpartition("@")[2].casefold() == settings.mail_domain.casefold():
        found = f"PARVI_OPERATOR is {settings.operator}, in the domain of Parvi itself: alarms would come back to it."
        return wrong("settings", found, "Set it to an address in another domain.")
    return ok("settings", f"Alarms go to {settings.operator}.")


def _on_proof(settings: Settings) -> Finding:
    if settings.trusted_mta:
        return ok("settings", f"Senders are checked by {settings.trusted_mta}.")
    if settings.checks_senders:
        return ok("settings", "Senders are checked here.")
    found = (
        "PARVI_CHECK_SENDERS is off and PARVI_TRUSTED_MTA is empty: nothing proves who sends, so every mail is held."
    )
    return wrong("settings", found, "Set one of them.")


def on_rights(file: Path, mode: int | None, what: str) -> Finding:
    """`mode` is the file's; None where it is missing."""
    if mode is None:
        return wrong("rights", f"{what}: {file} is not there, or cannot be read.", "Put it there, or mend the setting.")
    if mode & 0o027:
        found = f"{what}: {file} is open to more than those who need it ({mode & 0o777:o})."
        return wrong("rights", found, f"chmod 600 {file}; and think about who may have read it.")
    return ok("rights", f"{what}: {file} is open to nobody else.")


def on_folder(folder: Path, mode: int | None) -> Finding:
    if mode is None:
        return wrong("rights", f"The data folder {folder} is not there.", "Make it, or mend PARVI_DATA.")
    if mode & 0o007:
        found = (
            f"The data folder {folder} is open to everybody on this machine ({mode & 0o777:o}): mails, files, database."
        )
        return warning("rights", found, f"chmod 700 {folder}")
    return ok("rights", f"The data folder {folder} is closed to others.")
