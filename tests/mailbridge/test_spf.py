"""SPF in detail: the examples of RFC 7208, its macros, its mistakes."""

import ipaddress
from collections.abc import Iterator

import pytest

from mailbridge.resolver import Resolver
from mailbridge.spf import Check
from tests.mailbridge.name_server import NameServer, name_server

SENDER = "strong-bad@email.example.com"


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


def check(names: NameServer, peer: str = "192.0.2.3", sender: str = SENDER) -> Check:
    return Check(ipaddress.ip_address(peer), sender, Resolver(names.address).questions())


@pytest.mark.parametrize(
    ("spec", "expanded"),
    [
        # 7.4
        ("%{s}", SENDER), ("%{o}", "email.example.com"), ("%{d}", "email.example.com"), ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"), ("%{d2}", "example.com"), ("%{d1}", "com"), ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"), ("%{l}", "strong-bad"), ("%{l-}", "strong.bad"), ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"), ("%{l1r-}", "strong"), ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"), ("%{L}.x", "strong-bad.x"), ("%%%_%-.x", "% %20.x"),
        ("%{p}.x", "unknown.x"), ("%{h}.x", "unknown.x"),
    ],
)  # fmt: skip
def test_macros(names: NameServer, spec: str, expanded: str) -> None:
    assert check(names)._expanded(spec, "email.example.com") == expanded


def test_macros_of_ip6_and_of_what_is_not_ascii(names: NameServer) -> None:
    six = check(names, "2001:db8::cb01", "a=ä@x.example")
    assert six._expanded("%{ir}.%{v}.x", "x.example") == "1.0.b.c" + ".0" * 20 + ".8.b.d.0.1.0.0.2.ip6.x"
    assert six._expanded("%{S}.x", "x.example") == "a%3D%C3%A4%40x.example.x"
    assert check(names, sender="@x.example")._expanded("%{l}.x", "x.example") == "postmaster.x"


def test_a_name_that_became_too_long_loses_labels_on_the_left(names: NameServer) -> None:
    long = check(names, sender=f"{'a.' * 140}a@x.example")._expanded("%{l}.b.example", "x.example")
    assert len(long) <= 253
    assert long.endswith(".a.b.example")


@pytest.mark.parametrize(
    "terms",
    [
        "a b", "all:x", "ip4", "ip4:", "ip4:1.2.3", "ip4:1.2.3.4/", "ip4:1.2.3.4/08", "ip4:1.2.3.4/255.0.0.0", "ip4:::1",
        "ip6:1.2.3.4", "ip6:::1/129", "a:", "a/33", "a//129", "a/01", "a:x.example/", "mx:x..example!", "include", "include:",
        "include:x", "exists", "exists:x.example/24", "ptr:", "redirect=", "redirect=x.example redirect=y.example",
        "exp=x.example exp=y.example", "exists:%{x}.example", "exists:%{d0}.example", "exists:%d.example", "exists:%{d.example",
        "exists:ä.example", "1x=y", "=y", "+redirect=x.example", "unknown:x", "++all", "redirect=%{c}.example",
    ],
)  # fmt: skip
def test_mistakes(names: NameServer, terms: str) -> None:
    names.set("email.example.com", "TXT", '"v=spf1 ip4:192.0.2.3 ' + terms.replace("ä", "\\228") + '"')
    assert check(names).result() == "permerror", "though the first term would match"


@pytest.mark.parametrize("terms", ["unknown=%{c}", "x-y.z=", "exp=x.example", "  ", "A:MAIL.example", "ALL", "moo=%_"])
def test_what_is_passed_over(names: NameServer, terms: str) -> None:
    names.text("email.example.com", f"V=SPF1 IP4:192.0.2.3 {terms}")
    assert check(names).result() == "pass"


@pytest.mark.parametrize("text", ["v=spf10 +all", "v=spf1+all", " v=spf1 ip4:192.0.2.3", "spf2.0/pra ip4:192.0.2.3"])
def test_what_is_no_record(names: NameServer, text: str) -> None:
    names.text("email.example.com", text)
    assert check(names).result() == "none"


@pytest.mark.parametrize(
    "sender", ["x@", "x", "x@localhost", "x@a..b", "x@" + "a" * 64 + ".example", "x@" + "a." * 130 + "b"]
)
def test_domains_that_cannot_be(names: NameServer, sender: str) -> None:
    assert check(names, sender=sender).result() == "none"
    assert names.asked == []


def test_the_order_and_the_signs_decide(names: NameServer) -> None:
    names.text("email.example.com", "v=spf1 -ip4:192.0.2.3 ~ip4:192.0.2.4 ?ip4:192.0.2.5 +ip4:192.0.2.0/24")
    results = [check(names, f"192.0.2.{n}").result() for n in (3, 4, 5, 6)]
    assert (results, check(names, "192.0.3.1").result()) == (["fail", "softfail", "neutral", "pass"], "neutral")


def test_an_include_that_fails_is_no_match(names: NameServer) -> None:
    names.text("email.example.com", "v=spf1 include:x.example ip4:192.0.2.3 -all")
    for terms in ("-all", "~all", "?all", "ip4:198.51.100.1"):
        names.text("x.example", f"v=spf1 {terms}")
        assert check(names).result() == "pass"


def test_redirect_is_not_looked_at_beside_all(names: NameServer) -> None:
    names.text("email.example.com", "v=spf1 redirect=x.example -all")
    assert check(names).result() == "fail"
    names.text("email.example.com", "v=spf1 redirect=x.example")
    assert check(names).result() == "permerror", "where there is no record"
