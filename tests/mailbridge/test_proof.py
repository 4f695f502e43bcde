"""Whom our front mail server believes, and whose word counts."""

import time

import pytest

from mailbridge.alignment import aligned, domain_of, organisation
from mailbridge.head import split, without_comments
from mailbridge.proof import proven, sealed, sealed_by, tags, vouched

PASS = "mx.example.org; dmarc=pass header.from=example.org"


@pytest.mark.parametrize(
    ("authentication", "proof"),
    [
        (PASS, "dmarc"),
        ("MX.Example.ORG; DMARC=Pass (p=none dis=none) header.from=Example.ORG", "dmarc"),
        ("mx.example.org 1; dmarc=pass header.from=example.org", "dmarc"),
        ("mx.example.org; dkim=pass header.d=example.org header.s=x", "dkim"),
        ("mx.example.org; dkim=pass header.i=@example.org", "dkim"),
        ("mx.example.org; dkim=pass header.i=anna@example.org", "dkim"),
        ("mx.example.org; spf=pass smtp.mailfrom=anna@example.org", "spf"),
        ("mx.example.org; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org", "dkim"),
        ("mx.example.org; dkim=fail header.d=evil.org; dkim=pass header.d=example.org", "dkim"),
        ("mx.example.org; dmarc=fail header.from=example.org; spf=pass smtp.mailfrom=bounce.evil.org", "none"),
        ("mx.example.org; dmarc=pass header.from=evil.org", "none"),
        ("mx.example.org; dkim=pass header.d=evil.org", "none"),
        ("mx.example.org; dkim=pass header.d=notexample.org", "none"),
        ("mx.example.org; dkim=pass header.d=org", "none"),
        ("mx.example.org; spf=pass smtp.mailfrom=sub.example.org", "spf"),
        ("mx.example.org; spf=softfail smtp.mailfrom=example.org", "none"),
        ("mx.example.org; dmarc=pass", "none"),
        ("mx.example.org; none", "none"),
        ("mx.example.org", "none"),
        ("", "none"),
        (";;;===", "none"),
        ("evil.example.org; dmarc=pass header.from=example.org", "none"),
        ("mx.example.org.evil.org; dmarc=pass header.from=example.org", "none"),
        ("evil.org (mx.example.org); dmarc=pass header.from=example.org", "none"),
        ("mx.example.org; x=y (dmarc=pass header.from=example.org)", "none"),
        ('mx.example.org; spf=pass smtp.mailfrom="; dmarc=pass header.from=example.org;"@evil.org', "none"),
        ('mx.example.org; spf=pass smtp.mailfrom="a b"@example.org', "spf"),
        ('mx.example.org; spf=pass (a " quote) smtp.mailfrom=example.org', "spf"),
        (r'mx.example.org; spf=none reason="\"; dmarc=pass header.from=example.org; \""', "none"),
        (r"mx.example.org; spf=none x=\"; dmarc=pass header.from=example.org; y=\"", "dmarc"),
        (r'mx.example.org; spf=none x=\""; dmarc=pass header.from=example.org; \""', "none"),
        (r'mx.example.org; spf=none x="\\\"; dmarc=pass header.from=example.org; "', "none"),
        (r'mx.example.org; spf=pass smtp.mailfrom="\"a\\"@example.org', "spf"),
        ("mx.example.org; dmarc=pass header.from=example.org; x=" + "y" * 4_000, "none"),
        (r"mx.example.org; spf=none (\); dmarc=pass header.from=example.org;)", "none"),
        ("mx.example.org; dmarc=fail (; dmarc=pass header.from=example.org;) header.from=example.org", "none"),
    ],
)
def test_what_a_result_proves(authentication: str, proof: str) -> None:
    assert proven("anna@example.org", [authentication], "mx.example.org") == proof


def test_a_domain_above_may_sign() -> None:
    assert proven("anna@sub.example.org", ["mx; dkim=pass header.d=example.org"], "mx") == "dkim"


def test_only_the_topmost_result_of_ours_counts() -> None:
    """Ours is put on top; below it stands what the sender wrote."""
    ours = "mx.example.org; dmarc=fail header.from=example.org"
    assert proven("anna@example.org", [ours, PASS], "mx.example.org") == "none"
    assert proven("anna@example.org", ["other.net; spf=fail", PASS], "mx.example.org") == "dmarc"


@pytest.mark.parametrize(
    ("author", "trusted"), [("anna@example.org", ""), ("", "mx.example.org"), ("anna", "mx.example.org")]
)
def test_nobody_trusted_or_nobody_there_proves_nothing(author: str, trusted: str) -> None:
    assert proven(author, [PASS], trusted) == "none"


@pytest.mark.parametrize("bomb", ["(" * 100_000, "()" * 50_000, "(" * 2_000 + ")" * 2_000, ";" * 100_000])
def test_no_comment_takes_long(bomb: str) -> None:
    began = time.perf_counter()
    proven("anna@example.org", [f"mx.example.org; {bomb}"], "mx.example.org")
    assert time.perf_counter() - began < 1


# More of RFC 8601


@pytest.mark.parametrize(
    ("results", "proof"),
    [
        ("dmarc / 1 = pass header . from = example.org", "dmarc"),
        ("DMARC=PASS HEADER.FROM=EXAMPLE.ORG", "dmarc"),
        ('dmarc=pass reason="all; is=well" header.from=example.org', "dmarc"),
        ('dmarc=pass header.from="example.org"', "dmarc"),
        ("dmarc=pass (a (nested; dmarc=fail) comment) header.from=example.org", "dmarc"),
        ("\r\n\tspf=fail smtp.mailfrom=x@evil.org;\r\n\tdmarc=pass\r\n\theader.from=example.org", "dmarc"),
        ("dkim=fail header.d=example.org; dkim=neutral header.d=example.org; dkim=pass header.d=example.org", "dkim"),
        ("dkim=pass header.d=mail.example.org", "dkim"),
        ("spf=pass smtp.mailfrom=bounce+anna=example.net@mail.example.org", "spf"),
        ("dmarc=none header.from=example.org; dkim=pass header.d=example.org", "dkim"),
        ("dmarc=temperror header.from=example.org; spf=pass smtp.mailfrom=example.org", "spf"),
        # Only what the domain itself asked for counts where it asked for something
        ("dmarc=fail header.from=example.org; dkim=pass header.d=mail.example.org", "none"),
        ("dmarc=fail; dkim=pass header.d=example.org", "none"),
        ("dmarc=pass header.from=example.org; dmarc=fail header.from=example.org", "none"),
        ("dmarc=pass header.from=mail.example.org", "none"),
        ("dmarc/2=pass header.from=example.org", "none"),
        ("dmarc=bestguesspass header.from=example.org", "none"),
        ("x-dmarc=pass header.from=example.org", "none"),
        ("dmarc=pass smtp.mailfrom=example.org", "none"),
        ("dkim=pass header.from=example.org", "none"),
        ("dkim=pass header.b=example.org", "none"),
        ("spf=pass smtp.helo=example.org", "none"),
        ("spf=pass smtp.mailfrom=", "none"),
        ("dkim=pass header.d=", "none"),
        ("dkim=pass header.d=evil.org header.i=@example.org", "none"),
        ("spf=pass smtp.mailfrom=example.org@evil.org", "none"),
        ('dmarc=pass header.from="example.org', "none"),
        ("dmarc=pass (header.from=example.org", "none"),
        ("dmarc=pass) header.from=example.org", "none"),
    ],
)
def test_what_the_results_of_one_header_prove(results: str, proof: str) -> None:
    assert proven("anna@example.org", [f"mx.example.org; {results}"], "mx.example.org") == proof


@pytest.mark.parametrize(
    "server", ["mx.example.org 2", "mx.example.org x", "mx.example.org=1", "mx.example.org dmarc=pass"]
)
def test_a_server_that_says_it_otherwise_says_nothing(server: str) -> None:
    assert proven("anna@example.org", [f"{server}; dmarc=pass header.from=example.org"], "mx.example.org") == "none"


def test_a_server_may_stand_in_quotes() -> None:
    assert (
        proven("anna@example.org", ['"mx.example.org" (ours) 1 ; ' + PASS.partition(";")[2]], "mx.example.org")
        == "dmarc"
    )


@pytest.mark.parametrize(
    ("value", "rest"),
    [
        ("a (b) c", "a   c"), ("a (b (c) d) e", "a   e"), ('a "(b" c', 'a "(b" c'), (r"a (b \) c) d", "a   d"),
        (r'"a \" (b" c', r'"a \" (b" c'), ("(a", None), ("a)", None), ('"a', None), ('("a) b', "  b"), ("", ""),
    ],
)  # fmt: skip
def test_comments(value: str, rest: str | None) -> None:
    found = without_comments(value)
    assert (found and found.split()) == (rest and rest.split())


@pytest.mark.parametrize(
    ("one", "other", "relaxed", "strict"),
    [
        ("example.org", "example.org", True, True),
        ("mail.example.org", "example.org", True, False),
        ("a.example.org", "b.example.org", True, False),
        ("shop.co.uk", "bank.co.uk", False, False),
        ("co.uk", "bank.co.uk", False, False),
        ("mail.bank.co.uk", "bank.co.uk", True, False),
        ("one.github.io", "two.github.io", False, False),
        ("järjestö.fi", "posti.järjestö.fi", True, False),
        ("järjestö.fi", "xn--jrjest-bua3m.fi", True, True),
        ("EXAMPLE.org.", "example.org", True, True),
        ("org", "org", True, True),
        ("org", "example.org", False, False),
        ("", "", False, False),
        ("", "example.org", False, False),
    ],
)
def test_whose_domains_they_are(one: str, other: str, relaxed: bool, strict: bool) -> None:
    both = domain_of(one), domain_of(other)
    assert (aligned(*both), aligned(*both, strict=True)) == (relaxed, strict)


def test_a_domain_that_cannot_be_is_nobody_s() -> None:
    assert domain_of("anna@" + "ä" * 70 + ".fi") == ""
    assert domain_of("anna@ä\u0000.fi") == ""
    assert organisation("a.b.example.co.uk") == "example.co.uk"


# Where a result stands, and whose From it is about: forgeries


FROM = "From: Anna <anna@example.org>"
RECEIVED = "Received: from relay.example by mx.example.org with ESMTP; Mon, 23 Nov 2026 08:00:00 +0200"
OURS = f"Authentication-Results: {PASS}"
FAILED = "Authentication-Results: mx.example.org; dmarc=fail header.from=example.org"
SPF_ONLY = "Authentication-Results: mx.example.org; spf=none smtp.mailfrom=example.org"
OTHERS = "Authentication-Results: mx.example.net; dmarc=pass header.from=example.org"


def mail(*lines: str, end: str = "\r\n") -> bytes:
    return (end.join(lines) + end * 2 + "Hei" + end).encode()


@pytest.mark.parametrize(
    ("lines", "proof"),
    [
        ([OURS, FROM], "dmarc"),
        ([OURS, RECEIVED, FROM], "dmarc"),
        ([RECEIVED, OURS, FROM], "dmarc"),
        ([RECEIVED, OURS, RECEIVED, FROM], "dmarc"),
        ([SPF_ONLY, OURS, RECEIVED, FROM], "dmarc"),
        ([OTHERS, OURS, FROM], "dmarc"),
        (["Return-Path: <x@y>", "X-Spam: no", OURS.upper().replace("PASS", "pass"), FROM], "dmarc"),
        (["Authentication-Results: mx.example.org;", "\tdmarc=pass", " header.from=example.org", FROM], "dmarc"),
        ([OURS, "from:anna@example.org"], "dmarc"),
        ([OURS, "From: (a comment) anna@example.org (another, x@evil.org)"], "dmarc"),
        ([OURS, 'From: "ville@example.org" <anna@example.org>'], "dmarc"),
        ([OURS, "From: anna@example.org <anna@example.org>"], "dmarc"),
        ([OURS, "From: 'anna@example.org' <Anna@Example.org>"], "dmarc"),
        # Forged results
        ([OTHERS, FROM], "none"),
        ([FAILED, OURS, FROM], "none"),
        ([FAILED, RECEIVED, OURS, FROM], "none"),
        ([FAILED, OURS, RECEIVED, FROM], "none"),
        ([SPF_ONLY, RECEIVED, OURS, FROM], "none"),
        ([SPF_ONLY, OURS, FROM], "none"),
        ([RECEIVED, FAILED, OURS, FROM], "none"),
        ([RECEIVED, SPF_ONLY, OURS, FROM], "none"),
        ([RECEIVED, RECEIVED, OURS, FROM], "none"),
        ([RECEIVED, FROM, RECEIVED, OURS], "none"),
        (["X-" + OURS, FROM], "none"),
        (["Subject: x\r" + OURS, FROM], "none"),
        (["Subject: x", " ", OURS, FROM], "none"),
        (["Authentication-Results : " + PASS, FROM], "none"),
        (["no field at all", OURS, FROM], "none"),
        (["\0" + OURS, FROM], "none"),
        # Forged authors
        ([OURS, FROM, "From: ville@example.org"], "none"),
        ([OURS, FROM, FROM], "none"),
        ([OURS, FROM, "From : ville@example.org"], "none"),
        ([OURS, FROM, "Subject: x\rFrom: ville@example.org"], "none"),
        ([OURS, "From: anna@example.org, ville@example.org"], "none"),
        ([OURS, "From: <anna@example.org> <ville@example.org>"], "none"),
        ([OURS, "From: ville@example.org <anna@example.org>"], "none"),
        ([OURS, "From: <@relay.example:anna@example.org>"], "none"),
        ([OURS, "From: anna@example.org;ville@example.org"], "none"),
        ([OURS, "From: ville@example.org"], "none"),
        ([OURS, "From: anna@example.org.evil.org"], "none"),
        ([OURS, "From: =?utf-8?q?anna=40example.org?="], "none"),
        ([OURS, "Sender: anna@example.org"], "none"),
        ([OURS], "none"),
    ],
)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_forgeries(lines: list[str], proof: str, end: str) -> None:
    assert vouched("anna@example.org", split(mail(*lines, end=end)), "mx.example.org") == proof


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"\r\n\r\n", b"x", b" x", b"From ", b"From x\n", b"\xff\xfe:\0", b":", b"\r\r"]
)
def test_any_bytes_have_a_head(raw: bytes) -> None:
    assert vouched("anna@example.org", split(raw), "mx.example.org") == "none"


def test_an_mbox_line_and_lines_before_the_head_are_passed_over() -> None:
    raw = b"\r\nFrom anna@example.org Mon Nov 23\n" + mail(OURS, FROM)
    assert vouched("anna@example.org", split(raw), "mx.example.org") == "dmarc"


@pytest.mark.parametrize("more", ["X: y\r\n" * 400, "X: " + "y" * 120_000 + "\r\n", "X:\r\n" + " y\r\n" * 30_000])
def test_a_head_that_is_too_large_proves_nothing_and_takes_no_time(more: str) -> None:
    began = time.perf_counter()
    head = split((OURS + "\r\n" + more + FROM + "\r\n\r\nHei").encode())
    assert vouched("anna@example.org", head, "mx.example.org") == "none"
    assert head.trouble == "its head is too large"
    assert time.perf_counter() - began < 0.3


@pytest.mark.parametrize(
    "piece", ["\\", '"', "(", ")", "a@", "<", ";", "=", "dkim=pass ", '"a" ', "a/", "a .", "\t", "()", r"\""]
)
def test_no_header_takes_long(piece: str) -> None:
    value = piece * (90_000 // len(piece))
    began = time.perf_counter()
    head = split(f"Authentication-Results: mx.example.org; {value}\r\n{FROM}\r\n\r\n".encode())
    vouched("anna@example.org", head, "mx.example.org")
    split(f"From: {value}\r\n\r\n".encode()).is_by("anna@example.org")
    assert time.perf_counter() - began < 1


# ARC, told by our own server


def arc_set(number: int = 1, sealer: str = "list.example", found: str = PASS, signer: str = "") -> list[str]:
    return [
        f"ARC-Seal: i={number}; a=rsa-sha256; cv=none; d={sealer}; s=x; b=abc",
        f"ARC-Message-Signature: i={number}; a=rsa-sha256; d={signer or sealer}; s=x; h=from; bh=abc; b=abc",
        f"ARC-Authentication-Results: i={number}; {found}",
    ]


ARC = "Authentication-Results: mx.example.org; dmarc=fail header.from=example.org; arc=pass (as.1.list.example=pass)"


@pytest.mark.parametrize(
    ("lines", "proof"),
    [
        ([ARC, *arc_set()], "dmarc"),
        ([ARC, *arc_set(found="list.example 1; dkim=pass header.d=example.org")], "dkim"),
        ([ARC, *arc_set(2, "other.example", "o; arc=pass; dmarc=fail header.from=example.org"), *arc_set()], "dmarc"),
        ([OTHERS, *arc_set()], "none"),
        ([FAILED, *arc_set()], "none"),
        ([ARC.replace("arc=pass", "arc=fail"), *arc_set()], "none"),
        ([ARC, *arc_set(sealer="evil.example")], "none"),
        ([ARC, *arc_set(signer="evil.example")], "none"),
        ([ARC, *arc_set(2, "evil.example"), *arc_set()], "none"),
        ([ARC, *arc_set(2), *arc_set(1, "evil.example")], "none"),
        ([ARC, *arc_set(found="list.example; dmarc=fail header.from=example.org")], "none"),
        ([ARC, *arc_set(found="list.example; dmarc=pass header.from=evil.org")], "none"),
        ([ARC, *arc_set()[:2]], "none"),
        ([ARC, *arc_set()[1:]], "none"),
        ([ARC, *arc_set(), *arc_set()], "none"),
        ([ARC, *arc_set(2)], "none"),
        ([ARC, *(line for n in range(1, 7) for line in arc_set(n))], "none"),
        ([ARC], "none"),
    ],
)
def test_a_seal_counts_when_its_sealer_is_named_and_our_server_found_it_whole(lines: list[str], proof: str) -> None:
    head = split(mail(*lines, FROM))
    assert vouched("anna@example.org", head, "mx.example.org", {"list.example", "other.example"}) == proof
    assert vouched("anna@example.org", head, "mx.example.org") == "none", "nobody is named"


def test_a_seal_without_anybody_s_word_is_only_a_chain() -> None:
    head = split(mail(*arc_set(), FROM))
    assert sealed_by(head) == ["list.example", "list.example"]
    assert sealed("anna@example.org", head, {"list.example"}) == "dmarc"
    assert sealed("ville@example.net", head, {"list.example"}) == "none"


def test_tags() -> None:
    assert tags(" v=1; d = exa\tmple.org ;b=a b=; x; d=evil.org;") == {
        "v": "1", "d": "example.org", "b": "ab=", "x": "", "": "",
    }  # fmt: skip
