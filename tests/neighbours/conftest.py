"""The neighbours, once for all tests; and two towns among them, which differ in what they are made of."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.conftest import MUST_RUN, POSTGRES
from tests.mailbridge import signing
from tests.mailbridge.name_server import NameServer, name_server
from tests.neighbours import servers
from tests.neighbours.place import Place, place
from tests.neighbours.town import PEOPLE, Town
from tests.neighbours.town import running as a_town

# Where members live, who of them lives abroad, which forum they write to, and by which door it takes in mail.
ABROAD = {"example.net": "jürgen@bücher.example", "example.edu": "jörg@bücher.example"}
LISTS = {"example.net": "lists.example.org", "example.edu": "lists.example.com"}
DOORS = {"example.net": "lmtp", "example.edu": "smtp"}


@pytest.fixture(scope="session")
def names() -> Iterator[NameServer]:
    """Keys and policies of those who write, and our own key."""
    with name_server() as server:
        for domain in ABROAD:
            server.text(f"s1._domainkey.{domain}", signing.record())
        for domain in LISTS.values():
            server.text(f"parvi._domainkey.{domain}", signing.record())
            server.text(f"parvi-ed._domainkey.{domain}", signing.ed25519_record())
        yield server


@pytest.fixture(scope="session")
def here(names: NameServer) -> Iterator[Place]:
    """Everything but Parvi."""
    if why_not := servers.missing():
        assert not MUST_RUN, why_not
        pytest.skip(why_not)
    with place() as here, ExitStack() as running:
        boxes = here.folder / "boxes"
        boxes.mkdir()
        shutil.chown(boxes, "nobody")
        for domain in ABROAD:
            (boxes / domain).mkdir()
            shutil.chown(boxes / domain, "nobody")
        (here.folder / "dkim.pem").write_bytes(signing.pem())
        (here.folder / "dkim-ed25519.pem").write_bytes(signing.ed25519_pem())
        enter = running.enter_context
        enter(servers.milters(here, names.address, dict.fromkeys(ABROAD, "v=DMARC1; p=reject")))
        mailboxes = f"lmtp:inet:127.0.0.1:{here.port('mailboxes')}"
        ways = {"lmtp": f"lmtp:inet:127.0.0.1:{here.port('lmtp')}", "smtp": f"smtp:[127.0.0.1]:{here.port('smtp')}"}
        transports = {LISTS[people]: ways[door] for people, door in DOORS.items()}
        abroad = {address: f"{people}/abroad/" for people, address in ABROAD.items()}
        enter(servers.postfix(here, transports, dict.fromkeys(ABROAD, mailboxes), abroad))
        enter(servers.dovecot(here, logins(boxes)))
        yield here


def logins(boxes: Path) -> dict[str, Path]:
    """Dora has none."""
    return {f"{name}@{domain}": boxes / domain / name for domain in ABROAD for name in PEOPLE if name != "dora"}


@pytest.fixture(scope="session", params=["lmtp, sqlite, nginx", "smtp, postgresql, caddy"])
def town(request: pytest.FixtureRequest, here: Place) -> Iterator[Town]:
    """Parvi: by which way mail comes in, its database, and the proxy before its pages."""
    door, database, proxy = request.param.split(", ")
    people = next(domain for domain, its in DOORS.items() if its == door)
    with ExitStack() as running:
        url = running.enter_context(getattr(servers, proxy)(here, here.port(f"pages by {proxy}")))
        settings = {
            "PARVI_DATA": f"{here.folder}/{door}", "PARVI_MAIL_DOMAIN": LISTS[people], "PARVI_BASE_URL": url,
            "PARVI_HTTP": f"127.0.0.1:{here.port(f'pages by {proxy}')}", "PARVI_SMTP": "", "PARVI_LMTP": "",
            f"PARVI_{door.upper()}": f"127.0.0.1:{here.port(door)}",
            "PARVI_DATABASE_URL": running.enter_context(database_of_its_own()) if database == "postgresql" else "",
        }  # fmt: skip
        yield running.enter_context(a_town(here, settings, people, ABROAD[people]))


@contextmanager
def database_of_its_own() -> Iterator[str]:
    name = f"parvi_neighbours_{os.getpid()}"
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        if MUST_RUN:
            raise
        pytest.skip(f"no PostgreSQL at {POSTGRES} ({error}); set TEST_POSTGRES to run these tests too")
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{POSTGRES.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
