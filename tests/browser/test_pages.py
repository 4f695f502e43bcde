"""Every page by machine: WCAG 2.2 AA in each colour scheme, nothing wider than it in any language; and what the script adds."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Error, expect

from forum.settings import Settings
from forum.tables import Network, Post, Table
from forum.web.app import create_app
from forum.world import World, open_world
from mailbridge.explain import explained
from mailbridge.incoming import Bridge
from tests import make
from tests.ports import free_port

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MAIL = b"From: viestijat@localhost\r\nTo: anna@example.org\r\nSubject: Hei\r\nContent-Type: text/html\r\n\r\n<p>Hei</p>"


@dataclass
class Site:
    world: World
    url: str
    network: Network
    post: Post

    @property
    def pages(self) -> list[str]:
        thread = f"/n/viestijat/{self.post.thread_id}-hiljainen-tieto"
        mail = "/dev/mail/anna@example.org"
        stop = self.world.tokens.make("unsubscribe", self.network.id, 1)
        change, resume = self.world.tokens.make("change", 2, 1), self.world.tokens.make("resume", 1)
        return [
            "/", "/networks?q=nothing", "/networks?kind=theme", "/n/viestijat", "/n/viestijat/new", "/n/nowhere",
            thread, f"{thread}?reply=1#reply", f"{thread}?after=50", "/p/1/deliveries",
            "/p/2/whole", "/p/2/change", f"/c/{change}", f"/r/{resume}", "/me", "/desk/mail", "/sign-in",
            "/sign-in/code?address=a@example.org", f"/u/{stop}", "/dev/mail", mail, f"{mail}/1.eml",
            f"{mail}/1.eml?show=html", f"{mail}/1.eml?show=headers", "/dev/sign-in/1",
        ]  # fmt: skip

    @property
    def pages_of_visitors(self) -> list[str]:
        """Those that are the same for all are looked at once; of those that ask to sign in, one."""
        told_to_sign_in = ("/n/viestijat/new", "/p/2/change", "/desk/mail")
        return [path for path in self.pages if not path.startswith(("/dev", *told_to_sign_in)) and "?reply" not in path]

    def signed_in(self, browser: Browser, **more: object) -> BrowserContext:
        context = browser.new_context(base_url=self.url, **more)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto("/dev/sign-in/1")
        page.locator("main button").click()
        return context


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    url = f"http://127.0.0.1:{port}"
    world = open_world(Settings(data=folder, caught_mail=str(folder / "caught"), demo=True, base_url=url))
    Table.metadata.create_all(world.database.engine)
    (Path(world.settings.caught_mail) / "anna@example.org").mkdir(parents=True)
    (Path(world.settings.caught_mail) / "anna@example.org" / "1.eml").write_bytes(MAIL)
    network = make.network(world, purpose="Jaetaan pohjia.", region="Lappi")
    anna = make.member(world, network=network, role="contact", organisation="Kynnys auki ry", coordinates=True)
    post = make.post(world, network, anna, text="# Otsikko\n\nMiten [te](https://example.org) sen teette?\n\n> Lainaus")
    more: dict[str, Any] = {"thread_id": post.thread_id, "parent_id": post.id, "came_by": "mail", "folded": "> Lainaus"}
    for number in range(55):
        make.post(world, network, anna, text=f"Viesti {number}", **more)
    app = create_app(world, explain=partial(explained, Bridge(world)))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield Site(world, url, network, post)
    server.should_exit = True
    thread.join()
    world.database.close()


@pytest.mark.parametrize(
    ("language", "scheme", "width", "by_rules"),
    [("fi", "light", 320, True), ("sv", "dark", 1280, True), ("sv", "light", 320, False), ("en", "light", 320, False)],
)
def test_every_page_is_accessible(
    site: Site, chromium: Browser, language: str, scheme: str, width: int, by_rules: bool
) -> None:
    """The rules look at colours, sizes and structure, which no language changes; words may be too long in any."""
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "locale": language}
    visitor, member = chromium.new_context(base_url=site.url, **look), site.signed_in(chromium, **look)  # type: ignore[arg-type]
    for context, paths in ((visitor, site.pages_of_visitors), (member, site.pages)):
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", partial(_note, wrong))
        page.goto("/me")
        if page.locator("#time_zone").count():
            page.select_option("select#language", language)
            page.locator("section[aria-labelledby=language-heading] button").click()
        page.goto("/")
        assert page.locator("html").get_attribute("lang") == language
        for path in paths:
            page.goto(path)
            found = Axe().run(page, options={"runOnly": RULES}).response["violations"] if by_rules else []
            assert not found, (path, [(rule["id"], rule["nodes"][0]["html"]) for rule in found])
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
            assert not wrong, path
        context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
def test_a_dry_run_is_accessible(site: Site, chromium: Browser, scheme: str, width: int) -> None:
    context = site.signed_in(chromium, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    for to in ("viestijat@localhost, nobody@localhost", "viestijat@localhost"):
        page.goto("/desk/mail")
        page.locator("#text").fill(f"From: anna@example.org\nTo: {to}\nSubject: Aihe\n\nHei!\n\n> {'Lainaus' * 20}\n")
        page.get_by_role("checkbox").check()
        page.locator("main form button").click()
        expect(page.locator("#result")).to_be_visible()
        found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
        assert not found, [(rule["id"], rule["nodes"][0]["html"]) for rule in found]
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()


def _note(wrong: list[str], error: Error) -> None:
    wrong.append(str(error))


@pytest.mark.parametrize("hears", [True, False])
def test_a_new_message_comes_in_while_one_reads(site: Site, chromium: Browser, hears: bool) -> None:
    """At once where the page hears of it; and soon where something in between lets no stream through."""
    network = make.network(site.world, f"luettava-{hears}".lower())
    anna = make.member(site.world, f"{hears}@example.org", "Ville", network=network)
    first = make.post(site.world, network, anna)
    context = site.signed_in(chromium)
    page = context.new_page()
    if not hears:
        page.route("**/news", lambda route: route.abort())
    with page.expect_event("requestfailed" if not hears else "response", lambda each: each.url.endswith("/news")):
        page.goto(f"/p/{first.id}")
    make.post(site.world, network, anna, text="Tuli juuri.", thread_id=first.thread_id)
    expect(page.get_by_text("Tuli juuri.")).to_be_visible(timeout=1500 if hears else 6000)
    expect(page.locator("[data-news]")).to_have_text(re.compile("."))
    context.close()


def test_a_draft_survives_a_closed_page_and_goes_when_it_has_arrived(site: Site, chromium: Browser) -> None:
    context = site.signed_in(chromium)
    page = context.new_page()
    page.goto("/n/viestijat/new")
    page.locator("#text").fill("Pitkä ajatus, jota ei saa kadottaa")
    page.close()
    page = context.new_page()
    page.goto("/n/viestijat/new")
    expect(page.locator("#text")).to_have_value("Pitkä ajatus, jota ei saa kadottaa")
    page.locator("main form button").click()
    expect(page.locator("#subject-refused")).to_be_visible()
    expect(page.locator("#text")).to_have_value("Pitkä ajatus, jota ei saa kadottaa")
    page.locator("#subject").fill("Nyt on aihekin")
    page.locator("#text").press("Control+Enter")
    expect(page.locator("h1")).to_have_text("Nyt on aihekin")
    page.goto("/n/viestijat/new")
    expect(page.locator("#text")).to_have_value("")
    context.close()


def test_a_draft_stays_when_the_message_did_not_arrive(site: Site, chromium: Browser) -> None:
    context = site.signed_in(chromium)
    page = context.new_page()
    page.goto("/n/viestijat/new")
    page.locator("#subject").fill("Aihe")
    page.locator("#text").fill("Kirjoitettu, kun istunto oli jo vanhentunut")
    context.clear_cookies()
    page.locator("main form button").click()
    expect(page.locator("#typed")).to_have_value("Kirjoitettu, kun istunto oli jo vanhentunut")
    page.goto("/dev/sign-in/1")
    page.locator("main button").click()
    page.goto("/n/viestijat/new")
    expect(page.locator("#text")).to_have_value("Kirjoitettu, kun istunto oli jo vanhentunut")
    context.close()


def test_a_new_message_comes_without_moving_what_one_writes(site: Site, chromium: Browser) -> None:
    context = site.signed_in(chromium, viewport={"width": 1000, "height": 700})
    page = context.new_page()
    post = make.post(site.world, site.network, make.member(site.world), subject="Elävä keskustelu")
    page.goto(f"/p/{post.id}")
    page.locator("#text").fill("Olen juuri kirjoittamassa")
    before = page.locator("#text").bounding_box()
    make.post(
        site.world, site.network, make.member(site.world), thread_id=post.thread_id, text="Ehdin ensin.\n\nJa vielä."
    )
    expect(page.get_by_text("Ehdin ensin.")).to_be_attached(timeout=10_000)
    after = page.locator("#text").bounding_box()
    assert before
    assert after
    assert abs(after["y"] - before["y"]) < 2
    expect(page.locator("[data-news]")).not_to_be_empty()
    context.close()


def test_everything_works_without_the_script(site: Site, chromium: Browser) -> None:
    context = site.signed_in(chromium, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/p/{site.post.id}")
    page.locator(".follow button").first.click()
    page.goto(f"/n/viestijat/{site.post.thread_id}-hiljainen-tieto?after=50")
    page.locator("#text").fill("Ilman skriptiä")
    page.locator(".reply form button").click()
    expect(page.get_by_text("Ilman skriptiä")).to_be_visible()
    context.close()
