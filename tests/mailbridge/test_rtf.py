"""Outlook's compressed RTF, unpacked and read: HTML, text, charsets; nothing raises, stalls or swells."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailbridge.quotes import own_text
from mailbridge.read import read, rtf
from mailbridge.read.rtf import decompressed, text_of
from tests.timing import cpu_s

HTML = (
    rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fswiss\fcharset204 Arial;}}"
    rb"{\colortbl\red0\green0\blue0;}\uc1\pard\plain\deftab360 \f0\fs24 "
    rb"{\*\htmltag19 <html>}{\*\htmltag50 <body>}\htmlrtf \lang1035 \htmlrtf0 "
    rb"{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Hyv\'e4\'e4 p\'e4iv\'e4\'e4 {\*\htmltag84 &lt;}\htmlrtf <\htmlrtf0  "
    rb"\{Liisa\} \u8211?\u-10179?\u-8704? \htmlrtf {\f1 \htmlrtf0 \'cf\'f0\'e8\htmlrtf }\htmlrtf0 "
    rb"{\*\mhtmltag84 <a href=x>}{\*\htmltag72 </p>}\htmlrtf }\htmlrtf0 "
    b"{\\*\\htmltag58 </body>}\r\n{\\*\\htmltag27 </html>}}"
)


def packed(text: bytes, kind: bytes = b"LZFu") -> bytes:
    """The longest match in the window for each place; slow, and only meant for short texts."""
    body = _lzfu(text) if kind == b"LZFu" else text
    return struct.pack("<II4sI", len(body) + 12, len(text), kind, 0) + body


def _lzfu(text: bytes) -> bytes:
    known = rtf._KNOWN
    window, tokens, at = known + text, [], len(known)
    while at < len(window):
        length = next(
            (n for n in range(17, 1, -1) if (found := window.find(window[at : at + n], 0, at + n - 1)) >= 0), 0
        )
        if length > 1 and at + length <= len(window):
            tokens.append(struct.pack(">H", found % 4096 << 4 | length - 2))
            at += length
        else:
            tokens.append(window[at : at + 1])
            at += 1
    tokens.append(struct.pack(">H", at % 4096 << 4))
    groups = [tokens[n : n + 8] for n in range(0, len(tokens), 8)]
    return b"".join(bytes([sum((len(t) > 1) << n for n, t in enumerate(g))]) + b"".join(g) for g in groups)


def winmail(*properties: tuple[int, int, bytes]) -> bytes:
    """A mail of nothing but a winmail.dat with these MAPI properties: kind, tag, value."""
    value = struct.pack("<I", len(properties))
    for kind, tag, content in properties:
        value += struct.pack("<HHII", kind, tag, 1, len(content)) + content + bytes(-len(content) % 4)
    tnef = struct.pack("<IH", 0x223E9F78, 1) + struct.pack("<BII", 1, 0x69003, len(value)) + value + b"\0\0"
    return b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n" + tnef


@pytest.mark.parametrize("kind", [b"LZFu", b"MELA"])
@pytest.mark.parametrize("text", [b"{\\rtf1 Hei}", HTML, b"{\\rtf1 " + b"ab" * 900 + b"}", b""])
def test_what_was_packed_is_unpacked(text: bytes, kind: bytes) -> None:
    assert decompressed(packed(text, kind)) == text


def test_it_packs_indeed() -> None:
    assert len(packed(b"{\\rtf1\\ansi " + b"x" * 1_700)) < 300


def test_html_in_rtf_is_html_again() -> None:
    text, is_html = text_of(HTML)
    assert is_html
    assert text == ("<html><body><p>Hyvää päivää &lt; {Liisa} –😀 При</p></body></html>")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (rb"{\rtf1\ansi\ansicpg1252\fromtext {\fonttbl{\f0 Courier;}}\f0 Hei\par\par K\'e4yk\'f6?}", "Hei\n\nKäykö?"),
        (rb"{\rtf1\ansi\ansicpg1251 \'c4\'e0}", "Да"),
        (rb"{\rtf1\ansi\ansicpg932 \'93\'fa\'96{}{}\'7b}", "日本"),
        (rb"{\rtf1\ansi\uc2 \u228ab, \u246\'3f\'3f!}", "ä, ö!"),
        (rb"{\rtf1\ansi{\*\generator Msftedit;}{\info{\author Anna}}{\b Lihava} teksti\line rivi\tab sarake}",
         "Lihava teksti\nrivi\tsarake"),
        (rb"{\rtf1\ansi a{\pict\bin3 }}}}b}", "ab"),
        (rb'{\rtf1 {\field{\*\fldinst{HYPERLINK "https://example.org/x"}}{\fldrslt{\ul t\'e4\'e4ll\'e4}}}.}',
         "täällä (https://example.org/x)."),
        (rb"{\rtf1 \ldblquote Hei\rdblquote  \endash  5\~000\bullet}", "“Hei” – 5\xa0000•"),
    ],
)  # fmt: skip
def test_rtf_is_read_as_text(source: bytes, wanted: str) -> None:
    assert text_of(source) == (wanted, False)


def test_what_is_no_rtf_has_no_text() -> None:
    assert text_of(b"Hei") == ("", False)
    assert decompressed(b"{\\rtf1 Hei}") == decompressed(b"") == b""


def test_a_mail_of_nothing_but_compressed_rtf_has_its_text() -> None:
    letter = read(winmail((0x102, 0x1009, packed(HTML))))
    assert own_text(letter.parts) == "Hyvää päivää < {Liisa} –😀 При"
    assert letter.files == ()


def test_plain_text_beside_the_rtf_is_preferred() -> None:
    mail = winmail((0x1F, 0x1000, "Päivää".encode("utf-16-le")), (0x102, 0x1009, packed(HTML)))
    assert own_text(read(mail).parts) == "Päivää"


def test_html_kept_as_such_is_read() -> None:
    assert own_text(read(winmail((0x102, 0x1013, b"<p>Hei <b>Liisa</b></p>"))).parts) == "Hei Liisa"


def beside(text: str) -> bytes:
    body = f"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n{text}\r\n--x\r\n".encode()
    return body + winmail((0x102, 0x1009, packed(HTML))) + b"\r\n--x--\r\n"


def test_the_same_text_beside_a_winmail_is_shown_once() -> None:
    once = own_text(read(beside("Hyvää päivää < {Liisa} –😀 При")).parts)
    assert once.count("Hyvää") == 1


def test_another_text_beside_a_winmail_hides_nothing() -> None:
    both = own_text(read(beside("Postituslistan tiedote")).parts)
    assert "tiedote" in both
    assert "Hyvää päivää" in both


def test_a_stream_cut_anywhere_gives_its_beginning() -> None:
    whole = packed(HTML)
    for end in range(len(whole)):
        assert HTML.startswith(decompressed(whole[:end]))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=600))
def test_any_bytes_are_unpacked_and_read(data: bytes) -> None:
    head = struct.pack("<II4sI", len(data) + 12, 2**31, b"LZFu", 0)
    assert len(decompressed(head + data)) <= 20 * len(data)
    text_of(b"{\\rtf1" + data)


PIECES = [b"{", b"}", b"\\", b"\\u", b"\\u228", b"\\'e4", b"\\'", b"\\uc9999", b"\\bin99", b"\\*", b"\\htmltag", b"?", b"ab",
          b"\\fonttbl", b"\\f1", b"\\fcharset128", b"\\ansicpg65001", b"\\ansicpg1", b"\\htmlrtf", b"\\htmlrtf0", b"\r\n",
          b"\\fldinst", b"\\fldrslt", b'HYPERLINK "https://a"', b"\\u-10179", b"\xff"]  # fmt: skip


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=60), st.booleans())
def test_any_pieces_of_rtf_are_read(pieces: list[bytes], is_html: bool) -> None:
    text_of(b"{\\rtf1" + b"\\fromhtml1" * is_html + b"".join(pieces))


BOMBS = {
    "braces": b"{" * 4_000_000,
    "groups": b"{}" * 2_000_000,
    "words": b"\\b" * 2_000_000,
    "fonts": b"\\f1a\\f2b" * 500_000,
    "letters": b"\\u228?" * 700_000,
    "links": b'{\\field{\\*\\fldinst HYPERLINK "https://a"}{\\fldrslt}}' * 80_000,
    "one link": b"https://a" * 100_000 + b'{\\field{\\*\\fldinst HYPERLINK "https://a"}{\\fldrslt}}' * 80_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_rtf_is_read_in_bounded_time(name: str) -> None:
    source = (b"{\\rtf1 " + BOMBS[name])[: rtf.RTF]
    assert cpu_s(lambda: text_of(source)) < 3


def test_a_bomb_swells_to_a_bound() -> None:
    body = (b"\xff" + b"\x0c\xff" * 8) * 200_000
    bomb = struct.pack("<II4sI", len(body) + 12, 2**32 - 1, b"LZFu", 0) + body
    assert len(decompressed(bomb)) <= rtf.RTF
    assert cpu_s(lambda: decompressed(bomb)) < 2


def test_many_bombs_take_no_longer_than_a_few() -> None:
    """In one winmail.dat or in one each. Of nothing but braces, so that there is no text after the first one."""
    one = winmail((0x102, 0x1009, packed(b"{\\rtf1 " + b"{}" * 100_000, b"MELA")))
    head, _, tnef = one.partition(b"\r\n\r\n")
    begin, attributes = tnef[:6], tnef[6:]
    apart = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + (b"--x\r\n" + one + b"\r\n") * 30 + b"--x--\r\n"
    for many in (head + b"\r\n\r\n" + begin + attributes * 30, apart):
        assert cpu_s(lambda: read(many)) < 8 * cpu_s(lambda: read(one)) + 0.5  # noqa: B023
