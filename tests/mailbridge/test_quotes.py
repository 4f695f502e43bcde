"""Trimming folds and loses nothing, in linear time; labels and lines of many languages."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbridge.quotes import folded_text, own_text, trim, trimmed
from mailbridge.quotes.signatures import is_closing, is_device
from tests.timing import cpu_s

LINES = [
    "Minä tuon kahvit.",
    "> lainaus",
    "",
    "-- ",
    "Anna",
    "Terveisin",
    "Mvh Anna",
    "Skickat från min iPhone",
    ">> syvempi",
    "_" * 15,
    "https://p.example/p/1",
    "ke 4.3.2026 klo 10.12 Matti <m@example.org> kirjoitti:",
    "Lähettäjä: Matti <m@example.org>",
    "Lähetetty: ke 4.3.2026",
    "Vastaanottaja: Anna",
    "Aihe: x",
    "-----Alkuperäinen viesti-----",
    "---------- Forwarded message ---------",
    "________________________________",
    "On",
    "wrote:",
    "PS. vielä",
    ">:",
    "--",
    "/Anna",
]


@settings(deadline=None, max_examples=1000)
@given(st.lists(st.sampled_from(LINES), max_size=30).map("\n".join), st.booleans())
def test_parts_joined_are_the_text(text: str, is_forward: bool) -> None:
    parts = trim(text, is_forward)
    assert "".join(part.text for part in parts) == text
    assert all(one.kind != other.kind for one, other in pairwise(parts))
    assert bool(own_text(parts).strip()) == bool(text.strip())


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=500))
def test_any_text_is_kept_whole(text: str) -> None:
    parts = trim(text)
    assert "".join(part.text for part in parts) == text
    assert len(own_text(parts)) + len(folded_text(parts)) == len(text)


SLOW = {
    "on": "On " * 7_000,
    "on lines": "On\n" * 7_000,
    "newlines": "\n" * 20_000,
    "long line": "x" * 200_000,
    "long quote": ">" * 200_000,
    "long digits": "1" * 200_000,
    "long rule": "_" * 200_000,
    "addresses": "a@" * 100_000,
    "dates": "1.1.2026 10:00 <a@b>\n" * 1_000,
    "labels": "From: a@b.c\n" * 1_700,
    "blank and quote": "> a\n\n" * 4_000,
    "answers": "> a\nb\n" * 3_300,
    "closings": "Terveisin\n" * 2_000,
    "marks": "> " * 100_000,
    "labels on a line": "Lähettäjä: " * 20_000,
    "alternating": "On 1.1.2026 10:00 a <a@b.c> wrote:\nma 1.1.2026 klo 10.00 b (b@b.c) kirjoitti:\n" * 250,
    "endings": "1.1.2026 10:00:\n" * 1_250,
    "endings with addresses": "a@b.c:\n" * 2_800,
    "verbs": "kirjoitti:\n" * 1_800,
    "open addresses": "<a@b 1.1.2026 x:\n" * 1_200,
    "boundaries": "--b1--\n" * 2_800,
    "rules": "_" * 1_000_000,
    "dashes": "-" * 1_000_000,
    "equals": "=" * 1_000_000,
    "spaces": " " * 1_000_000,
    "groupwise": (">>> " + "1" * 600 + "\n") * 300,
    "text behind a colon": ("@" + ") abc:" * 50 + ":  x\n") * 600,
    "footers": ("_" * 15 + "\n") * 1_300,
    "disclaimers": "x\n" + "Tämä viesti on tarkoitettu vastaanottajalle, poista se.\n\n" * 1_800,
    "one disclaimer": "x\n\n" + "Tämä viesti on tarkoitettu vastaanottajalle, poista se.\n" * 1_800,
    "separators": "--\n" * 6_000,
    "announcements": "vastaan alle\n> a\n" * 2_000,
    "lists": "Näin:\n> a\n" * 2_000,
    "ticket marks": "-- vastaa rivin yläpuolelle --\n" * 1_000,
    "foreign fields": "Oza: a@b.c\nFrom: x\n" * 1_500,
    "announced tables": "---- x ----\n| From | a@b.c |\n" * 700,
    "greetings": "aina in in in in in terveisin x\n" * 1_500,
    "times and names": "On 1.1.2026 10:00, Anna Ek, 10:00, Anna Ek:\n" * 700,
}


@pytest.mark.parametrize("name", SLOW)
def test_trimming_is_quick_on_hostile_text(name: str) -> None:
    # 50 ms are the goal on a quiet machine; one that does much else counts for ten.
    assert cpu_s(lambda: trim(SLOW[name])) < 0.5


@pytest.mark.parametrize("name", ["labels", "dates", "answers", "blank and quote", "closings", "footers"])
def test_trimming_is_linear(name: str) -> None:
    one, eight = (cpu_s(lambda times=times: trim(SLOW[name] * times)) for times in (1, 8))  # type: ignore[misc]
    assert eight < one * 24 + 0.05


@pytest.mark.parametrize(
    "line",
    [
        "Lähetetty iPhonesta",
        "Lähetetty Outlook for Androidista",
        "Lähetetty Samsung Galaxy -älypuhelimesta",
        "Skickat från min iPad",
        "Skickat från Outlook för Android",
        "Sent from my iPhone",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Von meinem iPhone gesendet",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Inviato da iPhone",
        "Verstuurd vanaf mijn iPhone",
        "Wysłane z iPhone'a",
        "iPhoneから送信",
        "(Sent from my iPhone)",
        "Sent from my iPhone, please excuse typos",
        "Sent via the Samsung Galaxy S9, an AT&T smartphone",
        "Sent from Yahoo Mail on Android",
        "Hankige Outlook for iOS",
        "Outlook for Android を入手",
        "Lähetetty minun iPhonesta",
    ],
)
def test_device_lines_are_known(line: str) -> None:
    assert is_device(line)


@pytest.mark.parametrize(
    "line",
    [
        "Lähetetty kutsu ei tullut perille.",
        "Sent from my desk, is much easier than my phone.",
        "Skickat har jag, men ingen svarade!",
        "Outlook ei toimi, mutta Android toimii.",
        "Sent from the office yesterday, arrived today.",
    ],
)
def test_sentences_are_no_device_lines(line: str) -> None:
    assert not is_device(line)


@pytest.mark.parametrize(
    "line",
    [
        "Terveisin",
        "Terveisin Anna",
        "Terv. Anna",
        "T. Anna",
        "t: Anna",
        "Ystävällisin terveisin,",
        "Mvh",
        "MVH /Anna",
        "Med vänlig hälsning, Anna Ek",
        "Vänliga hälsningar",
        "Best regards, Anna",
        "Viele Grüße",
        "Kesäisin terveisin",
        "Pääsiäisterveisin Matti",
        "Soliga hälsningar",
        "Med sommarhälsningar, Anna",
        "Mit sonnigen Grüßen",
    ],
)
def test_closings_are_known(line: str) -> None:
    assert is_closing(line)


@pytest.mark.parametrize(
    "line",
    [
        "t",
        "Terveiset Tampereelta",
        "Best of luck",
        "Hälsningar till alla som kom",
        "Regards the timeline",
        "No wishes",
        "Terveisin kirje",
    ],
)
def test_sentences_are_no_closings(line: str) -> None:
    assert not is_closing(line)


def test_subject_of_a_forward_keeps_what_outlook_does_not_tell() -> None:
    text = "Tiedoksi\n\nFrom: Matti <m@example.org>\nSent: 4.3.2026\nTo: Anna\nSubject: x\n\nTeksti\n"
    assert [part.kind for part in trim(text)] == ["own", "quote"]
    assert [part.kind for part in trim(text, is_forward=True)] == ["own", "forward"]


OWN = "Sopii hyvin.\n\n"


@pytest.mark.parametrize(
    "below",
    [
        "Am Montag, 2. März 2026, 9:05:11 MEZ hat Uwe Ek <u@example.org> Folgendes geschrieben:\n\nKommst du?\n",
        "Uwe Ek <u@example.org> hat am 02.03.2026 09:05 geschrieben:\n> Kommst du?\n",
        "Wiadomość napisana przez Ewa Ek <e@example.org> w dniu 2 mar 2026, o godz. 09:05:\n\n> Tak?\n",
        "Missatge de Eva Ek <e@example.org> del dia dl., 2 de març 2026 a les 9:05:\n\n> Vens?\n",
        "понедельник, 2 марта 2026 г. в 09:05:11 UTC+3, Eva Ek:\n> Да?\n",
        "Oza vim 2.3.2026 9:05 Eva Ek <e@example.org> tul:\n> Ya?\n",
        "* Eva Ek <e@example.org> [2026-03-02 09:05]:\n> Tuletko?\n",
        "--------------------------------------------\nOn Mon, 3/2/26, Eva Ek <e@example.org> wrote:\n\nComing?\n",
        "##- Please type your reply above this line -##\n\nYour ticket was opened.\n",
        "-- Vastaa tämän rivin yläpuolelle --\nPyyntö 7\n",
        "---- Svara ovanför den här raden ----\nÄrende 7\n",
        "Reply above this line to comment.\n\nA comment.\n",
        "---- Replied Message ----\n| From | Eva Ek<e@example.org> |\n| Date | 3/2/2026 09:05 |\n| To | Net |\nComing?\n",
        "| From: | Eva Ek <e@example.org> |\n| Sent: | 2 March 2026 |\n| Subject: | Meeting |\n\nComing?\n",
        '------ Original Message ------\nFrom "Eva Ek" <e@example.org>\nTo net@example.org\nDate 2.3.2026\n\nComing?\n',
        "---- Oza vim ----\nOza: Eva Ek <e@example.org>\nVim: 2.3.2026\nTul: Net\n\nYa?\n",
        "—\nReply to this email directly, or unsubscribe.\n",
    ],
)
def test_what_programs_put_below_an_answer_is_folded(below: str) -> None:
    assert own_text(trim(OWN + below)).strip() == OWN.strip()


@pytest.mark.parametrize(
    "text",
    [
        "Replies should stand above this line of trees.\n\nYes.",
        "Don't write below this line of the form, the office does.\n\nYes.",
        "Osallistujat 4.3.2026 klo 9.12:\nAnna <anna@example.org>\nMatti <matti@example.org>\n\nKiitos",
        "The meeting of 4.3.2026 at 9:12 is for members <info@example.org>:\n\nWelcome there.",
        "Name: Anna\nEmail: anna@example.org\nPhone: 123\n\nPlease fill it in.",
    ],
)
def test_prose_that_looks_like_it_stays(text: str) -> None:
    assert own_text(trim(text)) == text


def test_prose_above_a_line_in_an_unknown_language_stays() -> None:
    text = "Nähdään 12.5.\nOza vim 2.3.2026 9:05 Eva Ek <e@example.org> tul:\n> Ya?\n"
    assert own_text(trim(text)) == "Nähdään 12.5.\n"


@pytest.mark.parametrize(
    "text",
    [
        '-------- Пересылаемое сообщение --------\n02.03.2026, 09:05, "Eva Ek" <e@example.org>:\n\nТекст\n',
        "----- Forwarded message from Eva Ek <e@example.org> -----\n\nText\n",
        '------ Forwarded Message ------\nFrom "Eva Ek" <e@example.org>\nTo net@example.org\nDate 2.3.2026\n\nText\n',
        "> Oza vim:\n>\n> From: Eva Ek <e@example.org>\n> Date: 2.3.2026\n> Subject: x\n>\n> Text\n",
        "Oza: Eva Ek <e@example.org>\nVim: 2.3.2026 9:05\nTul: Net <net@example.org>\n\nText\n",
        "---- Fwd ----\nX-Filter: ok\nFrom: Eva Ek <e@example.org>\nDate: 2.3.2026\nSubject: x\n\nText\n",
        "**From:** Eva Ek <e@example.org>\n**Date:** Monday\n**To:** Net <net@example.org>\n**Subject:** x\n\nText\n",
        "Frá: Eva Ek <e@example.org>\nDagsetning: 2.3.2026 9:05\nTil: Net\nEfni: x\n\nText\n",
    ],
)
@pytest.mark.parametrize("comment", ["", "Tiedoksi.\n\n"])
def test_sender_of_a_mail_passed_on_is_found(text: str, comment: str) -> None:
    sender = trimmed(comment + text, is_forward=True).sender
    assert sender is not None
    assert sender.address == "e@example.org"
