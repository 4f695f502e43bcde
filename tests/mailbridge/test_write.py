"""What we send: every header right, in three languages, and sane however odd the names are."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum import i18n
from forum.members import Recipient
from forum.tokens import Tokens
from mailbridge.addresses import Addresses
from mailbridge.quotes.footers import markers_in
from mailbridge.read import read
from mailbridge.write import Enclosure, PostMail, Writer

ADDRESSES = Addresses("lists.example.org", Tokens(["secret"]))
WRITER = Writer(ADDRESSES, "http://forum.example.org", None)
ANNA = Recipient("anna@example.org", "Anna Virtanen", "fi", 7)
NOW = datetime(2026, 11, 23, 6, 9, tzinfo=UTC)
MAIL = PostMail(
    post_id=42,
    slug="viestijat",
    network="Järjestöviestijät",
    tags_subject=True,
    subject="Hiljainen tieto",
    number=2,
    author="Ville Mäkinen",
    organisation="Omaiset ry",
    language="fi",
    sent_at=NOW,
    text="Miten te sen teette?\n\nMeillä " + "on pitkiä rivejä " * 20,
    html="<p>Miten te sen teette?</p>",
    message_id="<two@example.org>",
    references=["<zero@example.org>", "<one@example.org>"],
    thread_index="AQAAAAAA",
)


def test_no_line_that_is_quoted_in_a_notice_passes_for_ours() -> None:
    facts = {
        "sentence": "No.",
        "instead": "Ask.",
        "sent_to": "v@x",
        "about": "x",
        "quoted": "One\nTwo\n\nhttps://evil.example/\u2028Four",
    }
    written = WRITER.notice("refused", facts, replace(ANNA, language="en"), "<q@lists.example.org>", NOW)
    message = message_from_bytes(b"".join(written.headers) + b"\r\n" + written.body, policy=policy.default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(("plain",))
    assert part
    lines = part.get_content().splitlines()
    for quoted in ("One", "Two", "https://evil.example/", "Four"):
        [line] = [line for line in lines if quoted in line]
        assert line.startswith("  ")


ODD_NAMES = [
    "Anna Virtanen",
    "Virtanen, Anna",
    'Anna "Ansa" Virtanen',
    "Anna\\",
    "Åsa Öhman",
    "<victim@example.com>",
    "victim@example.com, Anna",
    "Anna (tiedotus); ryhmä: kaikki",
    "=?utf-8?q?hei?=",
    "Very long name, with a comma and " + "many more words " * 5,
    "Ö" * 100,
    "x" * 100,
    "😀" * 40,
    "محمد",
]


def copy(mail: PostMail = MAIL, to: Recipient = ANNA, writer: Writer = WRITER) -> bytes:
    rendered = writer.post(mail, to.language)
    return writer.address(rendered, writer.personal(to, mail.slug, mail.post_id, "token")) + rendered.body


def parsed(raw: bytes) -> EmailMessage:
    """By the standard library, which has nothing to complain about."""
    message = message_from_bytes(raw, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
        assert not [value.defects for value in part.values() if getattr(value, "defects", ())]
    return message


def shown(raw: bytes, name: str) -> str:
    """A header as a mail program shows it."""
    return str(make_header(decode_header(message_from_bytes(raw)[name])))


def check_lines(raw: bytes) -> None:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert all(len(line) <= 78 for line in body.split(b"\r\n"))
    assert all(re.match(rb"[A-Za-z0-9-]+: ?|[ \t]+\S", line) for line in head.split(b"\r\n"))


def blocks(raw: bytes) -> tuple[str, str]:
    """Text and HTML, decoded."""
    message = parsed(raw)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text
    assert html
    return text.get_content(), html.get_content()


def test_a_post_has_every_header_it_needs() -> None:
    reply = ADDRESSES.reply("viestijat", 7, 42)
    headers = {name: str(value) for name, value in parsed(copy()).items() if name != "Content-Type"}
    assert headers == {
        "To": "Anna Virtanen <anna@example.org>",
        "Reply-To": reply,
        "List-Unsubscribe": "<http://forum.example.org/u/token>, <mailto:viestijat+leave@lists.example.org>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "From": '"Ville Mäkinen, Järjestöviestijät" <viestijat@lists.example.org>',
        "Message-ID": "<two@example.org>",
        "In-Reply-To": "<one@example.org>",
        "References": "<zero@example.org> <one@example.org>",
        "Subject": "Re: [viestijat] Hiljainen tieto",
        "Date": "Mon, 23 Nov 2026 06:09:00 +0000",
        "Thread-Index": MAIL.thread_index,
        "List-Id": "<viestijat.lists.example.org>",
        "List-Post": "<mailto:viestijat@lists.example.org>",
        "List-Help": "<mailto:viestijat+help@lists.example.org>",
        "List-Owner": "<mailto:viestijat+owner@lists.example.org>",
        "List-Archive": "<http://forum.example.org/n/viestijat>",
        "Archived-At": "<http://forum.example.org/p/42>",
        "Precedence": "list",
        "X-Parvi-Loop": "lists.example.org",
        "Feedback-ID": "viestijat:parvi",
        "MIME-Version": "1.0",
        "Content-Language": "fi",
    }


def test_no_header_stands_twice() -> None:
    names = [name.lower() for name in message_from_bytes(copy())]
    assert len(names) == len(set(names))


def test_the_first_post_answers_nothing() -> None:
    message = parsed(copy(replace(MAIL, number=1, references=())))
    assert (message["In-Reply-To"], message["References"]) == (None, None)
    assert message["Subject"] == "[viestijat] Hiljainen tieto"


def test_the_tag_can_be_left_out() -> None:
    assert parsed(copy(replace(MAIL, tags_subject=False)))["Subject"] == "Re: Hiljainen tieto"


def test_every_address_in_a_header_is_read_again() -> None:
    found = re.findall(r"[a-z0-9+.]+@lists\.example\.org", copy().partition(b"\r\n\r\n")[0].decode())
    assert len(found) == 6
    assert all(ADDRESSES.read(address) for address in found)


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_footer_speaks_the_readers_language(language: str) -> None:
    raw = copy(to=replace(ANNA, language=language))
    text, html = blocks(raw)
    english = "Answer this mail and your answer goes to the discussion, for everyone in %(network)s."
    said = i18n.translations(language).gettext(english) % {"network": "Järjestöviestijät"}
    assert said in " ".join(text.split())
    assert f'lang="{language}"' in html
    assert parsed(raw)["Content-Language"] == ("fi" if language == "fi" else f"fi, {language}")
    assert i18n.moment(NOW, language) in text


def test_the_languages_differ() -> None:
    assert len({blocks(copy(to=replace(ANNA, language=language)))[0] for language in ("fi", "sv", "en")}) == 3


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_our_own_quote_is_found_again_by_the_footer(language: str) -> None:
    """Fifteen underscores, then the address of the post, whatever language stands between them."""
    text, _ = blocks(copy(to=replace(ANNA, language=language)))
    footer = text.rpartition("\r\n_______________\r\n" if "\r\n" in text else "\n_______________\n")[2]
    assert "http://forum.example.org/p/42" in footer.partition("/me")[0]
    assert markers_in(footer)[0] == "http://forum.example.org/p/42"


def test_the_text_is_flowed_and_comes_back() -> None:
    letter = read(copy())
    assert MAIL.text.strip().splitlines()[-1].strip() in "".join(part.text for part in letter.parts)
    part = parsed(copy()).get_body(("plain",))
    assert part
    assert part.get_param("format") == "flowed"


@pytest.mark.parametrize("author", ODD_NAMES)
@pytest.mark.parametrize("network", ["Talous", "Omaiset, läheiset"])
def test_any_name_is_one_name_of_one_address(author: str, network: str) -> None:
    raw = copy(replace(MAIL, author=author, network=network), replace(ANNA, name=author))
    message = parsed(raw)
    assert [each.addr_spec for each in message["From"].addresses] == ["viestijat@lists.example.org"]
    assert [each.addr_spec for each in message["To"].addresses] == ["anna@example.org"]
    author_read = read(raw).author
    assert author_read.address == "viestijat@lists.example.org"
    if not author.startswith("=?"):
        assert author_read.name.replace("'", "").strip('" ') == f"{author}, {network}"[:200].strip('" ')
    check_lines(raw)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_list_id_holds_our_name_and_nothing_else(name: str) -> None:
    assert parsed(copy(replace(MAIL, network=name)))["List-Id"].endswith("<viestijat.lists.example.org>")


INJECTIONS = ["x\r\nBcc: v@example.com", "x\nBcc: v@example.com", "x\rBcc: v@example.com", "x\r\n\r\nbody", "x\0y"]


@pytest.mark.parametrize("evil", INJECTIONS)
@pytest.mark.parametrize("field", ["author", "network", "subject", "organisation", "text", "message_id", "language"])
def test_nothing_injects_a_header(field: str, evil: str) -> None:
    """It is written harmlessly or not at all; the nouns let no such thing in, this is the second lock."""
    try:
        raw = copy(replace(MAIL, **{field: evil}))  # type: ignore[arg-type]
    except ValueError:
        return
    head = raw.partition(b"\r\n\r\n")[0].lower()
    assert b"\nbcc:" not in head
    assert b"\rbcc:" not in head
    assert b"dkim" not in head
    assert b"list-help" in head


@pytest.mark.parametrize("evil", INJECTIONS)
def test_no_file_name_injects_a_header(evil: str) -> None:
    try:
        raw = copy(replace(MAIL, enclosures=[Enclosure(evil, "text/plain", 1, "http://x", evil, b"x")]))
    except ValueError:
        return
    assert not re.search(rb"[\r\n]bcc:", raw.lower())


@pytest.mark.parametrize("evil", INJECTIONS)
def test_no_name_of_a_reader_injects_a_header(evil: str) -> None:
    try:
        raw = copy(to=replace(ANNA, name=evil))
    except ValueError:
        return
    assert not re.search(rb"[\r\n]bcc:", raw.lower())


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), min_size=1, max_size=150))
def test_any_subject_comes_back(subject: str) -> None:
    raw = copy(replace(MAIL, subject=" ".join(subject.split()) or "x"))
    check_lines(raw)
    wanted = f"Re: [viestijat] {' '.join(subject.split()) or 'x'}"
    if "=?" not in subject:
        assert "".join(shown(raw, "Subject").split()) == "".join(wanted.split())


def test_a_long_base_url_is_left_whole() -> None:
    """The library would encode a word that fits no line, and no program would find the address in it."""
    url = "https://" + "keskustelut.".join([""] * 8) + "example.org/forum"
    raw = copy(replace(MAIL, slug="a" * 28), writer=Writer(ADDRESSES, url, None))
    message = parsed(raw)
    assert message["Archived-At"] == f"<{url}/p/42>"
    assert message["List-Archive"] == f"<{url}/n/{'a' * 28}>"
    assert message["List-Id"] == f"<{'a' * 28}.lists.example.org>"


def test_many_long_references_are_folded_between_them() -> None:
    ids = [f"<{'x' * 180}{n}@example.org>" for n in range(10)]
    raw = copy(replace(MAIL, references=ids))
    check_lines(raw)
    assert str(message_from_bytes(raw)["References"]).split() == ids


def test_the_body_is_the_same_for_all_of_one_variant() -> None:
    rendered = WRITER.post(MAIL, "fi")
    members = [replace(ANNA, address=f"m{n}@example.net", member_id=n) for n in (1, 2)]
    heads = [WRITER.address(rendered, WRITER.personal(member, "viestijat", 42, "t")) for member in members]
    assert b"m1@example.net" not in rendered.body
    assert parsed(heads[0] + rendered.body)["Reply-To"] != parsed(heads[1] + rendered.body)["Reply-To"]


def test_files_go_along_and_large_ones_are_links() -> None:
    files = [
        Enclosure("muistio.pdf", "application/pdf", 3, "http://forum.example.org/a/1", None, b"pdf"),
        Enclosure("kuva.png", "image/png", 3, "http://forum.example.org/a/2", "cid1@x", b"png"),
        Enclosure("iso.zip", "application/zip", 9_000_000, "http://forum.example.org/a/3"),
    ]
    raw = copy(replace(MAIL, enclosures=files))
    letter = read(raw)
    assert [(file.name, file.data, file.content_id) for file in letter.files] == [
        ("muistio.pdf", b"pdf", None),
        ("kuva.png", b"png", "cid1@x"),
    ]
    text, html = blocks(raw)
    assert "iso.zip: http://forum.example.org/a/3" in text
    assert 'href="http://forum.example.org/a/3"' in html
    assert [part.get_content_disposition() for part in parsed(raw).iter_attachments()] == ["attachment", "inline"]
    assert parsed(raw)["Content-Language"] == "fi"


@pytest.mark.parametrize(
    "media_type", ["message/rfc822", "multipart/mixed", "text/plain", "text/calendar", "image/svg+xml", "x/y"]
)
@pytest.mark.parametrize("name", ["muistio.txt", "äö.txt", 'a"b.txt', "x" * 120, "a;b=c.txt"])
def test_any_file_arrives_as_it_was(media_type: str, name: str) -> None:
    data = b"From: x\r\n\r\n.\n\xff\x00 \t\n"
    raw = copy(replace(MAIL, enclosures=[Enclosure(name, media_type, len(data), "http://x", None, data)]))
    [file] = read(raw).files
    assert file.data == data
    assert file.name == name
    check_lines(raw)


def notice(kind: str, language: str = "fi", **facts: Any) -> bytes:
    to = Recipient("anna@example.org", "Anna", language, 7)
    rendered = WRITER.notice(kind, facts, to, "<notice-1@lists.example.org>", NOW)
    return WRITER.address(rendered, WRITER.to(to)) + rendered.body


NOTICES: dict[str, dict[str, Any]] = {
    "code": {"code": "123456"},
    "alarm": {"what": "failed", "about": "incoming mail failed", "sentence": "It could not be read."},
    "well_again": {"what": "failed", "about": "incoming mail failed"},
    "done": {"what": "mute", "slug": "viestijat", "network": "Viestijät", "about": "Aihe", "answers": "<a@b>"},
    "forwarded": {
        "what": "join",
        "slug": "viestijat",
        "network": "Viestijät",
        "name": "Eero",
        "address": "eero@example.org",
        "about": "Hei",
        "quoted": "Saanko\nliittyä?",
        "command": "parvi member add eero@example.org --network viestijat",
        "reply_to": "eero@example.org",
    },
    "help": {"slug": "viestijat", "network": "Viestijät"},
    "refused": {
        "slug": "viestijat",
        "about": "",
        "sent_to": "viestijat@lists.example.org",
        "sentence": "Ei.",
        "instead": "Näin.",
        "quoted": "<b>Hei</b>",
        "answers": "<a@b>",
    },
    "was_this_you": {
        "slug": "viestijat",
        "about": "Hei",
        "sent_to": "viestijat@lists.example.org",
        "url": "http://forum.example.org/held/x",
        "quoted": "Hei",
    },
}


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize("kind", NOTICES)
def test_a_notice_says_that_a_machine_wrote_it(kind: str, language: str) -> None:
    raw = notice(kind, language, **NOTICES[kind])
    check_lines(raw)
    message = parsed(raw)
    assert message["Auto-Submitted"] == ("auto-replied" if "answers" in NOTICES[kind] else "auto-generated")
    assert message["X-Parvi-Loop"] == "lists.example.org"
    assert message["Content-Language"] == language
    assert message["In-Reply-To"] == NOTICES[kind].get("answers")
    assert message["Message-ID"] == "<notice-1@lists.example.org>"
    assert ADDRESSES.read(message["From"].addresses[0].addr_spec)
    assert message["Subject"]
    text, html = blocks(raw)
    assert "%(" not in text + html
    assert f'lang="{language}"' in html


def test_a_notice_quotes_without_believing() -> None:
    text, html = blocks(notice("refused", **NOTICES["refused"]))
    assert "<b>Hei</b>" in text
    assert "&lt;b&gt;Hei&lt;/b&gt;" in html


def test_an_answer_to_a_notice_goes_where_it_says() -> None:
    assert parsed(notice("forwarded", **NOTICES["forwarded"]))["Reply-To"] == "eero@example.org"


@given(st.text(max_size=300))
def test_no_subject_of_others_breaks_a_notice(about: str) -> None:
    raw = notice("refused", **{**NOTICES["refused"], "about": about, "quoted": about})
    assert b"\nbcc" not in raw.partition(b"\r\n\r\n")[0].lower()
    assert message_from_bytes(raw)["X-Parvi-Loop"] == "lists.example.org"
