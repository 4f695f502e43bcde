"""Whom our front mail server believes, and whose word counts."""

import time

import pytest

from mailbridge.proof import proven

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
