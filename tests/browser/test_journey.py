"""From signing in to a mailed answer that appears on the open page."""

from playwright.sync_api import Browser, expect

from tests.journeys.town import Town, found


def test_a_mailed_answer_appears_on_the_open_page(town: Town, chromium: Browser) -> None:
    town.settle()
    page = chromium.new_page(locale="en-GB", base_url=town.url)
    page.goto("/")
    page.get_by_role("link", name="Sign in").first.click()
    page.get_by_label("E-mail address").fill("grace@example.org")
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill(found(r"(\d{6})", str(town.mailboxes.newest("grace@example.org")["Subject"])))
    page.get_by_role("button", name="Sign in").click()

    page.goto("/n/viestijat")
    page.get_by_role("link", name="Start a discussion").first.click()
    page.get_by_label("Subject").fill("How do you share what nobody wrote down?")
    page.get_by_label("Message").fill("Somebody retires in *every* office this year.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("How do you share what nobody wrote down?")

    town.answer("bjorn@example.org", town.mailboxes.newest("bjorn@example.org"), "Vi har en kaffestund varje måndag.")
    answer = page.get_by_text("Vi har en kaffestund varje måndag.")
    expect(answer).to_be_visible(timeout=15_000)
    expect(page.get_by_text("Björn Åberg").first).to_be_visible()
