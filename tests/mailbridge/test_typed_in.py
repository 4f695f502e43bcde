"""Answers typed into our own quoted mail are found in their places, and nothing else is taken for one."""

import re
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forum.text import from_markdown
from forum.tokens import Tokens
from mailbridge.addresses import Addresses
from mailbridge.letter import Part
from mailbridge.quotes import folded_text, own_text, trim
from mailbridge.quotes.footers import FOOTER
from mailbridge.quotes.typed_in import answers_in
from mailbridge.read import read
from mailbridge.read.html import to_text
from mailbridge.write import PostMail, Writer
from tests.timing import cpu_s

POST = """Hei kaikki!

Syyspäivä on lokakuussa, ja päivä pitäisi lyödä lukkoon tällä viikolla.

1. Kuka tuo kahvit?
2. Sopiiko teille tiistai 12.10. klo 14 vai keskiviikko 13.10. klo 9?
3. Tuletko junalla?

Ohjelma on sivulla https://yhdistys.example/ohjelma/syksy-2026

Anna"""
HEAD = "Anna Virtanen, Yhdistys ry · 4.3.2026 klo 10.12"
FOOT = """Kun vastaat tähän viestiin, vastauksesi tulee keskusteluun kaikille verkostossa Viestijät.
Keskustelu: https://parvi.example.org/p/12
Saat tämän viestin, koska olet jäsen verkostossa Viestijät.
Jos et halua lisää viestejä tästä keskustelusta, vastaa yhdellä sanalla: VAIMENNA.
Voit erota verkostosta kirjoittamalla osoitteeseen viestijat+leave@lists.example.org. Kaikki asetukset: https://parvi.example.org/me"""
HTML_FOOT = """Avaa keskustelu (https://parvi.example.org/p/12). \
Kun vastaat tähän viestiin, vastauksesi tulee keskusteluun kaikille verkostossa Viestijät.
Saat tämän viestin, koska olet jäsen verkostossa Viestijät. \
Jos et halua lisää viestejä tästä keskustelusta, vastaa yhdellä sanalla: VAIMENNA.
Eroa verkostosta · Kaikki asetukset"""
MAILED = f"{HEAD}\n\n{POST}\n\n{FOOTER}\n{FOOT}"
SENT = [MAILED, f"{HEAD}\n\n{POST}\n\n{HTML_FOOT}"]

OUTLOOK = """________________________________
Lähettäjä: Anna Virtanen, Viestijät <viestijat@lists.example.org>
Lähetetty: keskiviikko 4. maaliskuuta 2026 10.12
Vastaanottaja: Matti Meikäläinen <matti@yhdistys.example>
Aihe: Syyspäivä

"""
OWA_SV = """________________________________
Från: Anna Virtanen, Viestijät <viestijat@lists.example.org>
Skickat: den 4 mars 2026 10:12
Till: Matti Ek <matti@forening.example>
Ämne: Höstdagen

"""


def with_typed_in(parts: tuple[Part, ...], sent: Sequence[str]) -> tuple[Part, ...]:
    answers = answers_in(parts, sent)
    return answers.parts() if answers else parts


def shown(parts: tuple[Part, ...], sent: Sequence[str]) -> str:
    answers = answers_in(parts, sent)
    return answers.shown() if answers else own_text(parts)


def answered(quoted: str, own: str = "Moi, tässä.\n\n", heading: str = OUTLOOK) -> str:
    return own + heading + quoted


def typed(text: str, sent: list[str] = SENT) -> list[str]:
    """The stretches that were folded by trimming and are the writer's now."""
    parts = trim(text)
    after = with_typed_in(parts, sent)
    assert "".join(part.text for part in after) == text
    before = own_text(parts)
    return [part.text.strip() for part in after if part.kind == "own" and part.text.strip() not in before]


def insert(below: str, answer: str, text: str = MAILED) -> str:
    assert below in text
    return text.replace(below, f"{below}\n{answer}", 1)


ANSWERS = {
    "below a question": (insert("Kuka tuo kahvit?", "Minä tuon."), ["Minä tuon."]),
    "set apart by blank lines": (insert("Kuka tuo kahvit?", "\nMinä tuon.\n"), ["Minä tuon."]),
    "one word": (insert("Tuletko junalla?", "Tulen"), ["Tulen"]),
    "a word of the text": (insert("Tuletko junalla?", "Anna"), ["Anna"]),
    "a number": (insert("Kuka tuo kahvit?", "5"), ["5"]),
    "a sign": (insert("Kuka tuo kahvit?", "👍"), ["👍"]),
    "on the line of the question": (
        MAILED.replace("Kuka tuo kahvit?", "Kuka tuo kahvit? Minä."),
        ["1. Kuka tuo kahvit? Minä."],
    ),
    "numbered": (insert("Tuletko junalla?", "1. Minä\n2. Tiistai\n3. Kyllä"), ["1. Minä\n2. Tiistai\n3. Kyllä"]),
    "with initials": (insert("Kuka tuo kahvit?", "[MM] Minä tuon."), ["[MM] Minä tuon."]),
    "initials and a colon": (insert("Kuka tuo kahvit?", "MM: minä"), ["MM: minä"]),
    "a copy of what was offered": (
        insert("keskiviikko 13.10. klo 9?", "tiistai 12.10. klo 14"),
        ["tiistai 12.10. klo 14"],
    ),
    "two places": (
        insert("Tuletko junalla?", "En, autolla.", insert("Kuka tuo kahvit?", "Minä.")),
        ["Minä.", "En, autolla."],
    ),
    "two paragraphs": (insert("Kuka tuo kahvit?", "\nMinä.\n\nTai Liisa.\n"), ["Minä.\n\nTai Liisa."]),
    "above our footer": (insert("syksy-2026\n\nAnna", "\nSopii, tulen mielelläni."), ["Sopii, tulen mielelläni."]),
    "above our text": ("Kommentoin tähän väliin.\n\n" + MAILED, ["Kommentoin tähän väliin."]),
    "where the footer was cut off": (
        MAILED.partition("\nOhjelma")[0] + "\nTulen kyllä junalla.\n",
        ["Tulen kyllä junalla."],
    ),
    "where one question alone was left": (
        "2. Sopiiko teille tiistai 12.10. klo 14 vai keskiviikko 13.10. klo 9?\n\nTiistai sopii hyvin.\n",
        ["Tiistai sopii hyvin."],
    ),
    "another link": (insert("Kuka tuo kahvit?", "https://muualla.example/kahvit"), ["https://muualla.example/kahvit"]),
    "longer than the post": (
        insert("Tuletko junalla?", "\n".join(f"Tässä on rivi {n} pitkää selitystä." for n in range(60))),
        ["\n".join(f"Tässä on rivi {n} pitkää selitystä." for n in range(60))],
    ),
    "below a question that a program wrapped": (
        MAILED.replace("klo 14 vai keskiviikko 13.10. klo 9?", "klo 14\nvai keskiviikko 13.10.\nklo 9?\nTiistai."),
        ["Tiistai."],
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_was_typed_in_is_found(name: str) -> None:
    quoted, expected = ANSWERS[name]
    assert typed(answered(quoted)) == expected


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "above our text"])
def test_what_was_typed_between_marks_is_found(name: str) -> None:
    """As an HTML mail of Outlook's is read, and as Apple's programs quote."""
    quoted, expected = ANSWERS[name]
    marked = "".join(f"> {line}".rstrip() + "\n" for line in quoted.splitlines())
    heading = "Anna Virtanen, Viestijät <viestijat@lists.example.org> kirjoitti 4.3.2026 klo 10.12:\n\n"
    found = typed(answered(marked, heading=heading))
    assert [re.sub("(?m)^> ?", "", each).strip() for each in found] == expected


NOTHING = {
    "as it was sent": MAILED,
    "in other lines": "\n".join(
        textwrap.fill(line, 40, break_long_words=False, break_on_hyphens=False) for line in MAILED.splitlines()
    ),
    "footer of the HTML form": f"{HEAD}\n\n{POST}\n\n{HTML_FOOT}",
    "links rewritten": MAILED.replace(
        "https://yhdistys.example/ohjelma/syksy-2026",
        "https://eur03.safelinks.protection.outlook.com/?url=https%3A%2F%2Fyhdistys.example%2Fohjelma%2Fsyksy-2026&data=05",
    ),
    "links doubled": MAILED.replace(
        "https://yhdistys.example/ohjelma/syksy-2026",
        "https://yhdistys.example/ohjelma/syksy-2026<https://yhdistys.example/ohjelma/syksy-2026>",
    ).replace("viestijat+leave@lists.example.org", "viestijat+leave@lists.example.org<mailto:viestijat+leave@lists.example.org>"),
    "links wrapped": MAILED.replace("ohjelma/syksy-2026", "ohjelma/\nsyksy-2026").replace("example/ohj", "example/\nohj"),
    "other signs": MAILED.replace("Hei kaikki!", "HEI KAIKKI !").replace("· ", "- ").replace("ry", "*ry*"),
    "other numbers of the list": MAILED.replace("2. S", "   o   S").replace("3. T", "·  T").replace("1. K", "K"),
    "a warning": "[EXTERNAL] Varo linkkejä.\n\n" + MAILED,
    "a safety tip": "Saat harvoin sähköpostia osoitteesta viestijat@lists.example.org. Lue, miksi tämä on tärkeää\n\n" + MAILED,
    "a safety tip in Swedish": "Du får inte ofta e-post från viestijat@lists.example.org. Läs om varför det här är viktigt\n" + MAILED,
    "a safety tip in English": "You don't often get email from viestijat@lists.example.org. Learn why this is important\n\n" + MAILED,
    "a device": MAILED.replace(FOOTER, f"Lähetetty iPhonesta\n{FOOTER}"),
    "a picture": insert("Hei kaikki!", "[cid:image001.png@01D9]\n[Kuva, joka sisältää kohteen teksti. Kuvaus luotu automaattisesti]"),
    "a footer of other words": MAILED.replace("verkostossa Viestijät", "verkostossa Tiedottajat"),
    "a footer in HTML of other words": f"{HEAD}\n\n{POST}\n\nKatso keskustelu (https://parvi.example.org/p/12).\nLähde verkostosta",
    "cut off": MAILED.partition("\n2.")[0] + "\n",
    "an empty marker": insert("Tuletko junalla?", "4.\n***\n>"),
    "below the footer": MAILED + "\n\nTämä viesti on luottamuksellinen ja tarkoitettu vain saajalleen.",
    "an older quote below": MAILED + f"\n\n{OUTLOOK}Tämän kirjoitin Liisalle kahden kesken.\n",
}  # fmt: skip


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_was_typed_in_nothing_changes(name: str) -> None:
    parts = trim(answered(NOTHING[name]))
    assert with_typed_in(parts, SENT) == parts
    assert shown(parts, SENT) == own_text(parts)


def test_the_writers_signature_in_the_quote_is_none() -> None:
    signature = "-- \nMatti Meikäläinen\nToiminnanjohtaja, Toinen yhdistys\n\n"
    text = answered(
        MAILED.replace(FOOTER, f"Toiminnanjohtaja, Toinen yhdistys\n{FOOTER}"), own=f"Selvä.\n\n{signature}"
    )
    assert not typed(text)


def test_a_quote_of_someone_elses_mail_is_left_alone() -> None:
    parts = trim(answered("Hei Matti,\n\nvoitko vastata Annalle puolestani? Kuka tuo kahvit?\n\nT. Liisa\n"))
    assert with_typed_in(parts, SENT) == parts


def test_a_mail_that_repeats_a_few_lines_of_ours_is_not_ours() -> None:
    lines = ["Hei Matti,", "mitä tähän sanottaisiin, kun Anna kysyy näin:", "Kuka tuo kahvit?", "En ainakaan minä, sanon vain sinulle.",
             "Sopiiko teille tiistai 12.10. klo 14", "Ei sovi, mutta en viitsi sanoa sitä hänelle itse suoraan."]  # fmt: skip
    parts = trim(answered("\n".join(lines)))
    assert with_typed_in(parts, SENT) == parts


def test_our_mail_below_someone_elses_is_left_alone() -> None:
    """The colleague may have typed there, for us alone."""
    ours = OUTLOOK + insert("Kuka tuo kahvit?", "En minä ainakaan.")
    parts = trim(answered(f"Hei Matti, ohessa omat mietteeni, vain sinulle.\n\nLiisa\n\n{ours}"))
    assert with_typed_in(parts, SENT) == parts


def test_without_a_sent_mail_nothing_changes() -> None:
    parts = trim(answered(insert("Kuka tuo kahvit?", "Minä tuon.")))
    assert with_typed_in(parts, []) == parts
    assert with_typed_in(parts, ["", "Jotain aivo muuta kuin tässä."]) == parts


def test_a_forward_is_left_alone() -> None:
    parts = trim(answered(insert("Kuka tuo kahvit?", "Minä tuon.")), is_forward=True)
    assert with_typed_in(parts, SENT) == parts


def test_an_older_mail_is_known_as_well() -> None:
    newer = f"Liisa Ek · 5.3.2026 klo 8.00\n\nKiitos Annalle, tiistai käy.\n\n{FOOTER}\n{FOOT}"
    assert typed(answered(insert("Kuka tuo kahvit?", "Minä tuon.")), [newer, *SENT]) == ["Minä tuon."]


def test_what_stands_below_the_footer_is_shown_as_ever() -> None:
    text = answered(insert("Kuka tuo kahvit?", "Minä.") + "\n\nJa Liisa tuo pullat.\n")
    after = with_typed_in(trim(text), SENT)
    assert [part.kind for part in after] == ["own", "quote", "own", "quote", "own"]
    assert "pullat" in after[-1].text


MARKDOWN = """Hej alla! Tervetuloa **mukaan**.

Katso [ohjelma](https://yhdistys.example/ohjelma) ja vastaa:

1. Kuka tuo kahvit?
1. Montako teitä *tulee*?

- yksi
- kaksi

| Päivä | Sopii |
|---|---|
| tiistai | |
| torstai | |

Lisää: https://yhdistys.example/lisää tai anna@yhdistys.example

> Näin Liisa kysyi.

Kiitos!
Anna"""
OUTLOOKS_BORDER = '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'


def written(language: str) -> tuple[str, str]:
    """Our mail's text and HTML, as they go out."""
    writer = Writer(Addresses("lists.example.org", Tokens(["secret"])), "https://parvi.example.org", None)
    sent_at, html = datetime(2026, 3, 4, 8, 12, tzinfo=UTC), from_markdown(MARKDOWN)
    head = (12, "viestijat", "Viestijät", False, "Syyspäivä", 1, "Anna Virtanen", "Yhdistys ry", "fi", sent_at)
    post = PostMail(*head, MARKDOWN, html, "<1@lists.example.org>", [], "")
    rendered = writer.post(post, language)
    mail = message_from_bytes(b"".join(rendered.headers) + b"\r\n" + rendered.body, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain
    assert rich
    return plain.get_content().replace("\r\n", "\n"), rich.get_content()


EVERY_FORM = [
    form for language in ("fi", "sv", "en") for plain, html in [written(language)] for form in (plain, to_text(html))
]


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize("form", ["text", "HTML", "HTML as text"])
def test_what_we_write_is_known_when_it_is_quoted(language: str, form: str) -> None:
    plain, html = written(language)
    inner = html.partition("<body")[2].partition(">")[2].partition("</body>")[0]
    header = "<br>".join(OUTLOOK.strip("_\n").replace("<", "&lt;").splitlines())
    whole = f"<p>Moi, tässä.</p>{OUTLOOKS_BORDER}<p>{header}</p></div>{inner}"
    texts = {"text": answered(plain), "HTML": to_text(whole), "HTML as text": answered(to_text(html))}
    parts = trim(texts[form])
    assert [part.kind for part in parts] == ["own", "quote"]
    assert with_typed_in(parts, EVERY_FORM) == parts
    answer = re.sub(r"(?m)^(> |)(Kiitos!) *$", r"\1\2\n\1Kiitos itsellesi", texts[form])
    answer = re.sub(r"(?m)(kahvit\?) *$", r"\1 Minä.", answer)
    assert [each.strip("> ") for each in typed(answer, EVERY_FORM)] == ["1. Kuka tuo kahvit? Minä.", "Kiitos itsellesi"]


SWEDISH = f"""Anna Ek, Föreningen rf · den 4 mars 2026 kl. 10.12

Hej alla!

Vem kokar kaffe på höstdagen?
Kommer ni med tåg eller bil?

{FOOTER}
När du svarar på det här mejlet går ditt svar till diskussionen, till alla i Kommunikatörerna.
Diskussionen: https://parvi.example.org/p/13
Du får det här mejlet för att du är medlem i Kommunikatörerna."""
ENGLISH = f"""Anna Ek, The Society · 4 March 2026, 10:12

Who makes the coffee?
Shall we meet on Tuesday at two, or on Wednesday at nine?

{FOOTER}
Answer this mail and your answer goes to the discussion, for everyone in Communicators.
The discussion: https://parvi.example.org/p/14"""


def test_answers_in_swedish() -> None:
    quoted = insert("tåg eller bil?", "Tåg!", insert("på höstdagen?", "Jag gör det gärna.", SWEDISH))
    assert typed(answered(quoted, "Hej,\n\n", OWA_SV), [SWEDISH]) == ["Jag gör det gärna.", "Tåg!"]


def test_answers_in_english_below_apples_line() -> None:
    heading = "On 4 Mar 2026, at 10.12, Anna Ek, Communicators <c@lists.example.org> wrote:\n\n"
    quoted = insert("Wednesday at nine?", "Tuesday at two", insert("the coffee?", "I do.", ENGLISH))
    assert typed(answered(quoted, "See between the lines.\n\n", heading), [ENGLISH]) == ["I do.", "Tuesday at two"]


def test_a_table_of_questions() -> None:
    post = "| Kysymys | Vastaus |\n|---|---|\n| Montako teitä tulee mukaan? | |\n| Mitä syötte päivällä? | |\n"
    sent = f"{HEAD}\n\n{post}\n{FOOTER}\n{FOOT}"
    quoted = f"{HEAD}\n\nKysymys  Vastaus\nMontako teitä tulee mukaan?  Kolme\nMitä syötte päivällä?  Kasvista\n\n{FOOTER}\n{FOOT}"
    assert typed(answered(quoted), [sent]) == ["Montako teitä tulee mukaan?  Kolme\nMitä syötte päivällä?  Kasvista"]


def test_questions_that_end_alike() -> None:
    """Each "Vastauksesi tähän:" is known in its own place."""
    rows = "".join(f"Kysymys numero {n}, mitä mieltä?\nVastauksesi tähän kohtaan:\n" for n in range(30))
    sent = f"{HEAD}\n\n{rows}\n{FOOTER}\n{FOOT}"
    quoted = re.sub(r"(kohtaan:\n)", r"\1kyllä\n", sent)
    assert typed(answered(quoted), [sent]) == ["kyllä"] * 30


@pytest.mark.parametrize("own", ["Vastaukseni alla punaisella.", "Moi, tässä."])
def test_outlooks_html(own: str) -> None:
    html = (
        f'<div class="WordSection1"><p class="MsoNormal">{own}</p><p class="MsoNormal">&nbsp;</p>'
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">'
        "<b>Lähettäjä:</b> Anna &lt;viestijat@lists.example.org&gt;<br><b>Lähetetty:</b> ke 4.3.2026 10.12<br>"
        "<b>Vastaanottaja:</b> Matti<br><b>Aihe:</b> Syyspäivä</p></div>"
        "<p><strong>Anna Virtanen</strong>, Yhdistys ry &middot; 4.3.2026 klo 10.12</p><p>Hei kaikki!</p>"
        "<p>Syyspäivä on lokakuussa, ja päivä pitäisi lyödä lukkoon tällä viikolla.</p><ol><li>Kuka tuo kahvit?"
        '<span style="color:red"> Minä.</span></li><li>Sopiiko teille tiistai 12.10. klo 14 vai keskiviikko 13.10. klo 9?</li>'
        '</ol><p class="MsoNormal" style="color:red">Tiistai sopii.</p><p>3. Tuletko junalla?</p><p>Anna</p>'
        '<p><a href="https://parvi.example.org/p/12">Avaa keskustelu</a>. Kun vastaat tähän viestiin, vastauksesi tulee '
        "keskusteluun kaikille verkostossa Viestijät.</p></div>"
    )
    raw = f"From: matti@yhdistys.example\nSubject: VS: Syyspäivä\nContent-Type: text/html; charset=utf-8\n\n{html}"
    parts = read(raw.encode()).parts
    after = with_typed_in(parts, SENT)
    assert [part.text.strip("> \n") for part in after if part.kind == "own"][1:] == [
        "1. Kuka tuo kahvit? Minä.",
        "Tiistai sopii.",
    ]
    text = shown(parts, SENT)
    assert text.startswith(own)
    assert text.rstrip().endswith("klo 9?\n\nTiistai sopii.")
    assert "VAIMENNA" not in text
    assert "\n>\n" not in text


def test_who_says_so_has_only_answers_and_questions_shown() -> None:
    """Trimming folds nothing then, and our header block and footer would be shown to everybody."""
    parts = trim(answered(insert("Kuka tuo kahvit?", "Minä."), own="Vastaukset alla.\n\n"))
    assert "VAIMENNA" in own_text(parts)
    text = shown(parts, SENT)
    assert text.strip() == "Vastaukset alla.\n\n> 1. Kuka tuo kahvit?\n\nMinä."
    assert "VAIMENNA" in folded_text(with_typed_in(parts, SENT))


def test_a_mail_without_a_word_above_the_quote() -> None:
    parts = trim(OUTLOOK + insert("Kuka tuo kahvit?", "Minä."))
    assert shown(parts, SENT).strip() == "> 1. Kuka tuo kahvit?\n\nMinä."


def test_each_answer_is_shown_below_its_question() -> None:
    quoted = insert("Tuletko junalla?", "\nEn, autolla.\n", insert("Kuka tuo kahvit?", "Minä."))
    assert shown(trim(answered(quoted)), SENT).strip() == (
        "Moi, tässä.\n\n> 1. Kuka tuo kahvit?\n\nMinä.\n\n"
        "> 2. Sopiiko teille tiistai 12.10. klo 14 vai keskiviikko 13.10. klo 9?\n> 3. Tuletko junalla?\n\nEn, autolla."
    )


def test_everything_is_shown_or_folded() -> None:
    parts = trim(answered(insert("Kuka tuo kahvit?", "Minä.")))
    after = with_typed_in(parts, SENT)
    assert len(own_text(after)) + len(folded_text(after)) == sum(len(part.text) for part in parts)


PIECES = [*MAILED.splitlines(), *OUTLOOK.splitlines(), "", "> Kuka tuo kahvit?", "Minä tuon.", "Kyllä", "3", "> Kyllä",
          ">> syvempi", "Lähetetty iPhonesta", "-- ", "Terveisin", "Vastaukset alla", "ke 4.3.2026 klo 10.12 M <m@e.org> kirjoitti:",
          "---------- Forwarded message ---------", "[EXTERNAL]", "https://parvi.example.org/p/12", "kuka tuo"]  # fmt: skip


@settings(deadline=None, max_examples=600)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("\n".join), st.booleans())
def test_joined_the_parts_stay_the_text(text: str, is_below: bool) -> None:
    whole = answered(text) if is_below else text
    parts = trim(whole)
    after = with_typed_in(parts, SENT)
    assert "".join(part.text for part in after) == whole
    assert all(part.text for part in after)
    assert own_text(after).strip() or not own_text(parts).strip()
    shown(parts, SENT)


KINDS = st.sampled_from(["own", "quote", "signature", "forward"])
SNIPPETS = st.text(max_size=60) | st.sampled_from([line + "\n" for line in PIECES])


@settings(deadline=None, max_examples=300)
@given(st.lists(st.builds(Part, KINDS, SNIPPETS), max_size=20).map(tuple), st.lists(st.text(max_size=100), max_size=3))
def test_any_parts_and_any_texts_will_do(parts: tuple[Part, ...], sent: list[str]) -> None:
    whole = "".join(part.text for part in parts)
    for texts in (sent, SENT, [whole]):
        assert "".join(part.text for part in with_typed_in(parts, texts)) == whole
        shown(parts, texts)


SLOW = {
    "one word": ("a " * 50_000, "a " * 50_000),
    "one word a line": ("a\n" * 9_000, "a\n" * 9_000),
    "one line": ("kuka tuo kahvit\n" * 6_000, "kuka tuo kahvit\n" * 6_000),
    "other ends": ("a a a a a b\n" * 6_000, "a a a a a c\n" * 6_000),
    "backwards": (
        "".join(f"rivi numero {n} tässä\n" for n in range(6_000)),
        "".join(f"rivi numero {n} tässä\n" for n in range(6_000, 0, -1)),
    ),
    "every other": (
        "".join(f"rivi {n}\n" for n in range(9_000)),
        "".join(f"rivi {n}\nkyllä\n" for n in range(9_000)),
    ),
    "links": ("https://a.example/b " * 5_000, "https://a.example/c " * 5_000),
    "brackets": ("<https://" * 12_000, "[cid:" * 20_000),
    "targets": ("a\n" * 2_000 + "<https://a> " * 20_000, " " * 200_000 + "<https://a> " * 20_000),
    "blank": ("a\n\n" * 5_000, "\n" * 15_000 + "a"),
    "headings": (OUTLOOK * 400, OUTLOOK * 400),
}


@pytest.mark.parametrize("name", SLOW)
def test_looking_is_quick_on_hostile_text(name: str) -> None:
    sent, quoted = SLOW[name]
    parts = (Part("own", "Moi.\n"), Part("quote", OUTLOOK + "kuka tuo kahvit tänne tänään\n" * 3 + quoted))
    # A third of that on a quiet machine.
    assert cpu_s(lambda: with_typed_in(parts, ["kuka tuo kahvit tänne tänään\n" * 3 + sent])) < 3


@pytest.mark.parametrize("name", ["one line", "other ends", "backwards", "every other", "one word", "headings"])
def test_looking_is_linear(name: str) -> None:
    def look(share: int) -> float:
        sent, quoted = (text[: len(text) // share] for text in SLOW[name])
        parts = (Part("own", "Moi.\n"), Part("quote", OUTLOOK + quoted))
        return cpu_s(lambda: with_typed_in(parts, [sent]))

    assert look(1) < look(8) * 24 + 0.05


DAMAGED = """\
Minä eroan hallituksesta (c) heti, kuten lupasin.

Yhdys\u00adsanat ja \U0001f389 juhlat ovat torstaina kello kuusi.
"""


@pytest.mark.parametrize(
    ("ours", "changed"),
    [
        ("(c)", "©"),
        ("\U0001f389", "?"),
        ("Yhdys\u00adsanat", "Yhdys-sanat"),
        ("torstaina", "torstai"),
    ],
)
def test_what_a_program_damaged_is_not_put_into_the_repliers_mouth(ours: str, changed: str) -> None:
    sent = f"{HEAD}\n\n{DAMAGED}\nTervetuloa mukaan kaikki!\n\n{FOOTER}\n{FOOT}"
    assert ours in sent
    text = sent.replace(ours, changed).replace("kaikki!", "kaikki!\nKiitos, tulen.")
    assert typed(answered(text), [sent]) == ["Kiitos, tulen."]
