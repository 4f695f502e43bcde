"""The walks that everything is judged by, as people take them."""

from tests.journeys.town import Town, found, text_of, until


def test_a_web_post_reaches_every_mailbox(settled: Town) -> None:
    anna = settled.signed_in("anna@example.org")
    form = anna.get("/n/viestijat/new").text
    key = found(r'name="form_key" value="([^"]+)"', form)
    said = {"subject": "Hiljainen tieto", "text": "Miten te **sen** teette?", "form_key": key}
    page = anna.post("/n/viestijat/new", data=said)
    assert "<strong>sen</strong>" in page.text
    again = anna.post("/n/viestijat/new", data=said)
    assert again.url == page.url, "a double click is one message"

    for address, footer in (("bjorn@example.org", "TYSTA"), ("grace@example.org", "MUTE")):
        mail = settled.mailboxes.newest(address)
        assert mail["Subject"] == "[viestijat] Hiljainen tieto"
        assert "Miten te **sen** teette?" in text_of(mail)
        assert footer in text_of(mail)
        assert str(mail["From"].addresses[0].display_name) == "Anna Virtanen, Järjestöviestijät"
        assert mail["List-Id"] == "<viestijat.lists.example.org>"
    assert len(settled.mailboxes.got["bjorn@example.org"]) == 1
    assert not any("Hiljainen" in str(mail["Subject"]) for mail in settled.mailboxes.got["anna@example.org"]), (
        "no copy for the author"
    )


def test_a_mailed_reply_lands_in_the_thread_whole_and_goes_to_the_others(settled: Town) -> None:
    settled.send("anna@example.org", "viestijat@lists.example.org", "Miten te sen teette?", subject="Hiljainen tieto")
    first = settled.mailboxes.newest("bjorn@example.org")
    settled.answer("bjorn@example.org", first, "Vi gör så här: varje måndag.")

    reply = settled.mailboxes.newest("anna@example.org")
    assert reply["Subject"] == "Re: [viestijat] Hiljainen tieto"
    assert reply["In-Reply-To"] == first["Message-ID"]
    assert "Vi gör så här: varje måndag." in text_of(reply)
    assert "wrote:" not in text_of(reply), "what was quoted is folded"

    page = settled.signed_in("grace@example.org").get(found(r"(/p/\d+)", text_of(reply)))
    assert "Vi gör så här: varje måndag." in page.text
    assert "Miten te sen teette?" in page.text, "both stand in one thread"
    assert "wrote:" in page.text, "and the quote is kept"

    settled.answer("anna@example.org", reply, "Kiitos!")
    assert until(lambda: next((m for m in settled.mailboxes.got["bjorn@example.org"] if "Kiitos!" in text_of(m)), None))


def test_one_word_mutes_a_thread(settled: Town) -> None:
    settled.send("anna@example.org", "viestijat@lists.example.org", "Miten te sen teette?", subject="Hiljainen tieto")
    settled.answer("bjorn@example.org", settled.mailboxes.newest("bjorn@example.org"), "TYSTA")
    done = until(
        lambda: next(
            (
                m
                for m in settled.mailboxes.got["bjorn@example.org"]
                if "Hiljainen tieto" in str(m["Subject"]) and m["Auto-Submitted"]
            ),
            None,
        )
    )
    assert done["Subject"].startswith("Tystad")
    settled.answer("grace@example.org", settled.mailboxes.newest("grace@example.org"), "Every Monday.")
    settled.mailboxes.newest("anna@example.org")
    assert not any("Every Monday." in text_of(mail) for mail in settled.mailboxes.got["bjorn@example.org"])


def test_whoever_cannot_prove_who_they_are_is_asked(settled: Town) -> None:
    settled.send("anna@example.org", "viestijat@lists.example.org", "Olen Anna.", subject="Terve", proven=False)
    question = settled.mailboxes.newest("anna@example.org")
    assert "bjorn@example.org" not in settled.mailboxes.got, "until then nobody gets it"
    settled.send("anna@example.org", str(question["Reply-To"]).strip("<>"), "", proven=False)
    assert "Olen Anna." in text_of(settled.mailboxes.newest("bjorn@example.org"))


def test_a_stranger_is_told_what_to_do_instead(settled: Town) -> None:
    settled.send(
        "stranger@example.com",
        "viestijat@lists.example.org",
        "Hej, jag är inte med men jag har en fråga till er.",
        subject="Fråga",
    )
    refusal = settled.mailboxes.newest("stranger@example.com")
    assert "viestijat+owner@lists.example.org" in text_of(refusal)
    assert "Du är inte medlem" in text_of(refusal)
    assert refusal["Auto-Submitted"] == "auto-replied"


def test_unsubscribing_takes_one_click(settled: Town) -> None:
    settled.send("anna@example.org", "viestijat@lists.example.org", "Eka", subject="Eka")
    mail = settled.mailboxes.newest("bjorn@example.org")
    link = found(r"<(http[^>]+)>", str(mail["List-Unsubscribe"]))
    with settled.browser() as browser:
        browser.headers.pop("Sec-Fetch-Site")
        assert browser.get(link).status_code == 200, "looking changes nothing"
        assert browser.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    settled.send("anna@example.org", "viestijat@lists.example.org", "Toka", subject="Toka")
    until(
        lambda: next(
            (m for m in settled.mailboxes.got["grace@example.org"] if m["Subject"] == "[viestijat] Toka"), None
        )
    )
    assert len(settled.mailboxes.got["bjorn@example.org"]) == 1
