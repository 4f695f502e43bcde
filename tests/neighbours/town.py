"""A whole Parvi among real neighbours: Postfix in front and behind, mailboxes of Dovecot, and pages behind a proxy."""

import os
import re
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import make_msgid
from functools import cached_property

import httpx
from sqlalchemy import select, true

from forum import members
from forum.settings import read_settings
from forum.tables import Inbox, Network, Post
from forum.world import World, open_world
from mailbridge.addresses import on_the_wire
from tests import make
from tests.journeys.town import ORIGIN, PATIENCE_S, text_of, until
from tests.mailbridge import signing
from tests.neighbours.mailbox import Mailbox
from tests.neighbours.place import Place
from tests.neighbours.servers import PASSWORD, USER, still_runs

STRANGER = ("127.0.0.2", 0)  # where mail comes from: what Postfix has from this very machine is nobody's to check
SIGNED = [b"from", b"to", b"subject", b"message-id", b"in-reply-to", b"references", b"content-type"]
PEOPLE = {
    "anna": ("Anna Virtanen", "fi"),
    "bjorn": ("Björn Åberg", "sv"),
    "grace": ("Grace Brown", "en"),
    "olli": ("Olli Lukija", "fi"),
    "dora": ("Dora Poissa", "fi"),
    "abroad": ("Jürgen Müller", "en"),
}


@dataclass
class Town:
    """`people` live at this domain; dora has no mailbox there, and one lives `abroad`, with an address in other letters."""

    here: Place
    settings: dict[str, str]
    url: str
    people: str
    abroad: str

    @cached_property
    def world(self) -> World:
        return open_world(read_settings(self.settings))

    def network(self, slug: str) -> Network:
        """With everybody in it, each of whom gets every message."""
        made = make.network(self.world, slug)
        for name, (known_as, language) in PEOPLE.items():
            make.member(self.world, self.address(name), known_as, network=made, language=language)
        return made

    def address(self, name: str) -> str:
        return self.abroad if name == "abroad" else f"{name}@{self.people}"

    def door(self, slug: str) -> str:
        return f"{slug}@{self.world.settings.mail_domain}"

    def mailbox(self, name: str) -> Mailbox:
        return Mailbox(self.here, f"{name}@{self.people}")

    def copies(self, network: Network, name: str) -> list[EmailMessage]:
        """Of the posts in this network, in one mailbox."""
        list_id = f"<{network.slug}.{self.world.settings.mail_domain}>"
        return [mail for mail in self.mailbox(name).mails() if list_id in str(mail["List-Id"])]

    def copy(self, name: str, words: str) -> EmailMessage:
        """The one that says so, once it is there."""
        return until(lambda: next((mail for mail in self.mailbox(name).mails() if words in text_of(mail)), None))

    def send(
        self, sender: str, to: str, text: str, *, subject: str = "Hiljainen tieto", signed: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        """From somewhere in the world to the mail server in front, over TLS. Answers the Message-ID."""
        message = EmailMessage(policy=SMTP if sender.isascii() else SMTPUTF8)
        message["From"], message["To"], message["Subject"] = sender, to, subject
        message["Message-ID"] = make_msgid(domain="example.net")
        for name, value in (headers or {}).items():
            del message[name]
            message[name] = value
        message.set_content(text)
        raw = message.as_bytes()
        if signed:
            raw = signing.signed(raw, self.people, headers=[name for name in SIGNED if name.decode() in message])
        with self.front_server() as server:
            server.sendmail(on_the_wire(sender), [to], raw, mail_options=[] if sender.isascii() else ["SMTPUTF8"])
        return str(message["Message-ID"])

    def refusal(self, sender: str, to: str) -> str:
        """What the mail server in front says to this recipient; "" when it takes them."""
        with self.front_server() as server:
            server.mail(sender)
            code, said = server.rcpt(to)
        return "" if code == 250 else f"{code} {said.decode()}"

    @contextmanager
    def front_server(self) -> Iterator[smtplib.SMTP]:
        with smtplib.SMTP("localhost", self.here.port("front"), timeout=PATIENCE_S, source_address=STRANGER) as server:
            server.starttls(context=ssl.create_default_context(cafile=str(self.here.authority)))
            server.ehlo()
            yield server

    def answer(self, name: str, mail: EmailMessage, text: str, *, drops_references: bool = False) -> str:
        """To Reply-To, with the original quoted below. `drops_references`: as some mail programs do."""
        quoted = "\n".join(f"> {line}" for line in text_of(mail).splitlines())
        whole = f"{text}\n\nOn Mon, 23 Nov 2026 at 8:09, {mail['From']} wrote:\n\n{quoted}\n"
        above = f"{mail.get('References', '')} {mail['Message-ID']}".strip()
        answers = {} if drops_references else {"In-Reply-To": str(mail["Message-ID"]), "References": above}
        sender, signed = self.address(name), name != "abroad"
        to = str(mail["Reply-To"]).strip("<>")
        return self.send(sender, to, whole, subject=f"Re: {mail['Subject']}", signed=signed, headers=answers)

    def browser(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.here.authority))
        return httpx.Client(
            base_url=self.url, headers=ORIGIN, follow_redirects=True, timeout=PATIENCE_S, verify=context
        )

    def signed_in(self, name: str) -> httpx.Client:
        """As everyone signs in: the code comes by mail."""
        browser, before = self.browser(), len(self.mailbox(name).mails())
        assert browser.post("/sign-in", data={"address": self.address(name)}).status_code == 200
        code = until(lambda: self._code(name, before))
        assert browser.post("/sign-in/code", data={"address": self.address(name), "code": code}).status_code == 200
        return browser

    def _code(self, name: str, before: int) -> str | None:
        subjects = " ".join(str(mail["Subject"]) for mail in self.mailbox(name).mails()[before:])
        return next(iter(re.findall(r"\b\d{6}\b", subjects)), None)

    def api(self, name: str) -> httpx.Client:
        token = self.world.random(24).hex()
        with self.world.database.transaction() as db:
            members.set_api_token(db, members.find_member(db, self.address(name)), token)
        browser = self.browser()
        browser.base_url, browser.headers["Authorization"] = f"{self.url}/api/v1/", f"Bearer {token}"
        return browser

    def post_saying(self, words: str) -> Post:
        return until(lambda: next((post for post in self.posts() if words in post.text), None))

    def posts(self, network: Network | None = None) -> Sequence[Post]:
        with self.world.database.reading() as db:
            of_one = Post.network_id == network.id if network else true()
            return db.scalars(select(Post).where(of_one).order_by(Post.id)).all()

    def fate_of(self, slug: str) -> Inbox | None:
        """What became of the only mail to this network, once that is known."""
        with self.world.database.reading() as db:
            return db.scalar(select(Inbox).where(Inbox.recipient == self.door(slug), Inbox.fate.is_not(None)))


@contextmanager
def running(here: Place, settings: Mapping[str, str], people: str, abroad: str) -> Iterator[Town]:
    """With the settings of docs/deploy/environment, but for those given."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARVI_")}
    whole = environment | told(here) | dict(settings) | {"SSL_CERT_FILE": str(here.authority)}
    command = [sys.executable, "-m", "forum"]
    subprocess.run([*command, "migrate"], env=whole, check=True, capture_output=True)
    log = here.folder / f"{people}.log"
    with open(log, "wb") as out:
        server = subprocess.Popen([*command, "serve"], env=whole, stderr=out)
    town = Town(here, whole, whole["PARVI_BASE_URL"], people, abroad)
    try:
        until(lambda: answers(town) or still_runs(server, log))
        yield town
    finally:
        server.terminate()
        ended = server.wait(15)
        town.world.database.close()
    assert ended == 0
    assert "Traceback" not in log.read_text()


def told(here: Place) -> dict[str, str]:
    text = here.fitted("environment", **{
        "/etc/parvi/": f"{here.folder}/",
        "smtp://parvi:password@mx.example.org:587": f"smtp://{USER}:{PASSWORD.replace(' ', '%20')}@localhost:{here.port('submission')}",
    })  # fmt: skip
    pairs = (line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return dict(pairs)


def answers(town: Town) -> bool:
    try:
        return town.browser().get("/health").status_code == 200
    except httpx.TransportError:
        return False
