"""Pages by https behind the reverse proxies of docs/deploy."""

from tests.journeys.town import found
from tests.neighbours.town import Town


def test_one_click_stops_the_mail(town: Town) -> None:
    """As a mail program does it: no cookie, no page before, nothing but what the headers say (RFC 8058)."""
    network = town.network("klikkaus")
    town.send(town.address("anna"), town.door("klikkaus"), "Eka klikkaus.")
    mail = town.copy("bjorn", "Eka klikkaus.")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = found(r"<(https://[^>]+)>", str(mail["List-Unsubscribe"]))
    with town.browser() as program:
        program.headers.pop("Sec-Fetch-Site")
        answer = program.post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"]
    town.send(town.address("anna"), town.door("klikkaus"), "Toka klikkaus.")
    town.copy("grace", "Toka klikkaus.")
    assert not any("Toka" in mail.as_string() for mail in town.copies(network, "bjorn"))


def test_who_signs_in_by_mail_writes_on_a_page(town: Town) -> None:
    town.network("sivut")
    browser = town.signed_in("grace")
    assert {cookie.name: cookie.secure for cookie in browser.cookies.jar}["__Host-parvi"] is True
    key = found(r'name="form_key" value="([^"]+)"', browser.get("/n/sivut/new").text)
    page = browser.post("/n/sivut/new", data={"subject": "By hand", "text": "On a *page*.", "form_key": key})
    assert "<em>page</em>" in page.text
    assert str(page.url).startswith(f"{town.url}/n/sivut/")
    assert str(town.copy("anna", "On a *page*.")["Archived-At"]).startswith(f"<{town.url}/p/")


def test_news_pass_the_proxy_at_once(town: Town) -> None:
    """One that gathers what it passes on would keep them until the stream ends."""
    network = town.network("uutiset")
    with town.api("anna") as api:
        thread = api.post("networks/uutiset/threads", json={"subject": "Eka", "text": "Eka uutinen."}).json()["thread"]
        with town.signed_in("grace").stream("GET", f"/n/{network.slug}/{thread}/news", timeout=5) as news:
            assert news.headers["Content-Type"].startswith("text/event-stream")
            lines = news.iter_lines()
            assert next(lines).startswith("retry:")
            api.post(f"threads/{thread}/posts", json={"text": "Toka uutinen."})
            assert next(line for line in lines if line.startswith("data:")) == f"data: {thread}"


def test_a_file_that_parvi_takes_passes_the_proxy(town: Town) -> None:
    """And what is too large is refused by Parvi, in a sentence, and not by the proxy."""
    town.network("liitteet")
    browser = town.signed_in("grace")
    key = found(r'name="form_key" value="([^"]+)"', browser.get("/n/liitteet/new").text)
    form = {"subject": "Liite", "text": "Tässä se on.", "form_key": key}
    taken = browser.post("/n/liitteet/new", data=form, files={"files": ("iso.bin", b"x" * 24_000_000)})
    assert (taken.status_code, "iso.bin" in taken.text) == (200, True)
    refused = browser.post("/n/liitteet/new", data=form, files={"files": ("liian.bin", b"x" * 25_500_000)})
    assert (refused.status_code, "25" in refused.text) == (413, True)
