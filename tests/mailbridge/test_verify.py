"""Our own check of senders, against a real name server on loopback that lies, stays silent and answers nonsense."""

import time
from collections.abc import Iterator

import pytest

from mailbridge import resolver as resolving
from mailbridge.resolver import DnsTrouble, Resolver
from mailbridge.verify import Finding, verify
from tests.mailbridge.name_server import NameServer, name_server
from tests.mailbridge.signing import HEADERS, MAIL, ed25519_record, record, rsa_key, sealed, signed, signed_by_hand

AUTHOR, PEER, SENDER = "anna@example.org", "192.0.2.1", "anna@example.org"
SEALERS = {"list.example", "other.example"}


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as server:
        server.text("s1._domainkey.example.org", record())
        server.text("arc._domainkey.list.example", record())
        server.text("arc._domainkey.other.example", record())
        server.set("example.org", "A", "192.0.2.80")
        yield server


@pytest.fixture
def resolver(names: NameServer) -> Resolver:
    return Resolver(names.address)


def check(resolver: Resolver, raw: bytes, *, peer: str = PEER, sender: str = "", author: str = AUTHOR) -> Finding:
    return verify(raw, peer, sender, author, resolver, sealers=SEALERS)


def with_spf(names: NameServer, terms: str = "ip4:192.0.2.0/24 -all", domain: str = "example.org") -> None:
    names.text(domain, "some other text", f"v=spf1 {terms}")


# DKIM


@pytest.mark.parametrize("simple", [True, False])
def test_a_signature_of_the_from_s_domain_is_a_proof(resolver: Resolver, simple: bool) -> None:
    assert check(resolver, signed(simple=simple)) == Finding("dkim", "signed by example.org")


def test_line_ends_and_blanks_on_the_way_do_no_harm_where_they_may_not(resolver: Resolver) -> None:
    assert check(resolver, signed().replace(b"\r\n", b"\n")).proof == "dkim"
    assert check(resolver, signed().replace(b"Anna  ", b"Anna \t ") + b"\r\n \r\n\r\n").proof == "dkim"
    assert check(resolver, signed(simple=True).replace(b"Anna  ", b"Anna ")).proof == "none"
    assert check(resolver, signed(MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", simple=True)).proof == "dkim"


def test_ed25519(names: NameServer, resolver: Resolver) -> None:
    names.text("s1._domainkey.example.org", ed25519_record())
    raw = signed_by_hand(algorithm="ed25519-sha256")
    assert check(resolver, raw).proof == "dkim"
    assert check(resolver, raw.replace(b"Miten", b"Mitten")).proof == "none"
    assert check(resolver, raw.replace(b"Hiljainen", b"Kovainen")).proof == "none"
    assert check(resolver, signed()).proof == "none", "a key of another kind"


def test_the_key_of_another_kind_for_ed25519(resolver: Resolver) -> None:
    assert check(resolver, signed_by_hand(algorithm="ed25519-sha256")).proof == "none"


def test_signed_by_hand_as_by_the_library(resolver: Resolver) -> None:
    assert check(resolver, signed_by_hand()).proof == "dkim"


@pytest.mark.parametrize(
    "raw",
    [
        MAIL,
        signed().replace(b"Miten te sen", b"Miten me sen"),
        signed().replace(b"Subject: Hiljainen", b"Subject: Puhelias"),
        signed().replace(b"anna@example.org>\r\nTo", b"anna@example.org >\r\nTo").replace(b"Anna V", b"Anne V"),
        signed() + b"PS. Lis\xc3\xa4ys\r\n",
        b"Subject: Toinen\r\n" + signed(),
        b"Content-Type: text/html\r\n" + signed(),
        b"Content-Type: text/html\r\n" + signed(headers=[*HEADERS, b"content-type"]),
        b"In-Reply-To: <a@b>\r\nIn-Reply-To: <c@d>\r\n" + signed(),
        b"From: ville@example.org\r\n" + signed(),
        signed().replace(b"Subject: H", b"From: anna@example.org\r\nSubject: H"),
        b"no field at all\r\n" + signed(),
        signed(length=True) + b"PS. L\xc3\xa4hett\xc3\xa4k\xc3\xa4\xc3\xa4 rahaa.\r\n",
        signed(length=True),
        signed(headers=[b"from", b"to", b"date"]),
        signed_by_hand(headers="to:subject"),
        signed_by_hand(algorithm="rsa-sha1"),
        signed_by_hand(more="t=1000000000; x=1000000001; "),
        signed_by_hand(more="t=9999999999; "),
        signed_by_hand(more="i=anna@evil.org; "),
        signed_by_hand(more="q=dns/other; "),
        signed_by_hand().replace(b"v=1;", b"v=2;"),
        signed_by_hand().replace(b"c=relaxed/relaxed", b"c=loose/loose"),
        signed_by_hand().replace(b"d=example.org;", b"d=example.org; d=example.org;"),
        signed_by_hand().replace(b"a=rsa-sha256", b"a=hmac-md5"),
        signed_by_hand().replace(b" b=", b" b=BBBB"),
        signed_by_hand().replace(b" bh=", b" bh=!"),
        signed_by_hand().replace(b"s=s1", b"s=s1\\"),
        signed_by_hand().replace(b"s=s1", "s=ä".encode()),
        signed(domain="evil.org"),
        signed(domain="org"),
        signed(domain="notexample.org"),
        signed(selector="none"),
        b"DKIM-Signature:\r\n" + MAIL,
        b"DKIM-Signature: d=example.org\r\n" + MAIL,
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s1; h=from:subject; bh=; b=\r\n" + MAIL,
    ],
)  # fmt: skip
def test_what_is_no_proof(names: NameServer, resolver: Resolver, raw: bytes) -> None:
    names.text("s1._domainkey.evil.org", record())
    names.text("s1._domainkey.org", record())
    names.text("s1._domainkey.notexample.org", record())
    found = check(resolver, raw)
    assert (found.proof, found.try_later) == ("none", False)
    assert found.because


def test_a_strange_domain_is_never_asked_about(names: NameServer, resolver: Resolver) -> None:
    check(resolver, signed(domain="evil.org"), sender="x@evil.org")
    assert names.asked == [("_dmarc.example.org", "TXT")]


@pytest.mark.parametrize(
    ("domain", "author", "proof"),
    [
        ("mail.example.org", "anna@example.org", "dkim"),
        ("example.org", "anna@office.example.org", "dkim"),
        ("bank.co.uk", "anna@shop.co.uk", "none"),
        ("co.uk", "anna@shop.co.uk", "none"),
    ],
)
def test_one_organisation_s_domains(
    names: NameServer, resolver: Resolver, domain: str, author: str, proof: str
) -> None:
    names.text(f"s1._domainkey.{domain}", record())
    raw = signed(MAIL.replace(b"anna@example.org>", author.encode() + b">"), domain)
    assert check(resolver, raw, author=author).proof == proof


def test_a_domain_in_other_letters(names: NameServer, resolver: Resolver) -> None:
    names.text("s1._domainkey.xn--jrjest-bua3m.fi", record())
    raw = signed(MAIL.replace(b"anna@example.org>", "anna@järjestö.fi>".encode()), "xn--jrjest-bua3m.fi")
    assert check(resolver, raw, author="anna@järjestö.fi").proof == "dkim"


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "p=", "v=DKIM1; p=", "v=DKIM1; k=rsa; p=AAAA", "v=DKIM2; p=AAAA", "v=DKIM1; k=dsa; p=AAAA",
        record(more="t=y; "), record(more="t=s:y; "), record(rsa_key(1024)), record(more="v=DKIM1; "),
        record() + "A" * 5000, "v=DKIM1; k=ed25519; p=AAAA", "v=DKIM1; p=" + "/" * 800,
    ],
)  # fmt: skip
def test_keys_that_are_none(names: NameServer, resolver: Resolver, text: str) -> None:
    names.text("s1._domainkey.example.org", text)
    names.set("s1._domainkey.example.org", "TXT") if not text else None
    assert check(resolver, signed()).proof == "none"


def test_a_key_that_is_too_short_or_stands_twice(names: NameServer, resolver: Resolver) -> None:
    small = rsa_key(1024)
    names.text("small._domainkey.example.org", record(small))
    names.text("two._domainkey.example.org", record(), record(small))
    assert check(resolver, signed(selector="two")).proof == "none"
    assert check(resolver, signed(selector="small", key=small)).proof == "dkim", "RFC 8301 3.2: from 1,024 bits on"


def test_at_most_five_signatures_are_tried(names: NameServer, resolver: Resolver) -> None:
    wrong = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=k%d; h=from:subject; bh=AAAA; b=AAAA\r\n"
    strange = b"DKIM-Signature: v=1; a=rsa-sha256; d=evil.org; s=s1; h=from:subject; bh=AAAA; b=AAAA\r\n"
    assert check(resolver, b"".join(wrong % n for n in range(4)) + strange * 100 + signed()).proof == "dkim"
    assert check(resolver, b"".join(wrong % n for n in range(100)) + signed()).proof == "none"
    assert len(names.asked) < 15


# SPF


@pytest.mark.parametrize(
    ("terms", "peer", "proof"),
    [
        ("ip4:192.0.2.0/24 -all", PEER, "spf"),
        ("ip4:192.0.2.0/24 -all", "::ffff:192.0.2.1", "spf"),
        ("ip6:2001:db8::/32 -all", "2001:db8::25", "spf"),
        ("a:mail.example.org -all", "192.0.2.25", "spf"),
        ("a/24 -all", PEER, "spf"),
        ("mx -all", "192.0.2.26", "spf"),
        ("mx:mx.example.org/24 -all", PEER, "none"),
        ("include:_spf.provider.example -all", "198.51.100.7", "spf"),
        ("redirect=_spf.provider.example", "198.51.100.7", "spf"),
        ("exists:%{ir}.%{v}.%{l}._spf.%{d} -all", PEER, "spf"),
        ("exists:%{ir}.%{v}.%{l}._spf.%{d} -all", "192.0.2.2", "none"),
        ("-all", PEER, "none"), ("~all", PEER, "none"), ("?all", PEER, "none"), ("", PEER, "none"),
        ("+all", PEER, "none"), ("include:everybody.example -all", PEER, "none"), ("redirect=everybody.example", PEER, "none"),
        ("ip4:192.0.2.0/24 -all", "192.0.3.1", "none"),
        ("ip4:192.0.2.0/24 -all", "local", "none"),
        ("ip4:192.0.2.0/33", PEER, "none"), ("ip4:192.0.2.1 nonsense", PEER, "none"), ("ip4:192.0.2.1 a:", PEER, "none"),
        ("include:nowhere.example ip4:192.0.2.1", PEER, "none"),
        ("ptr ip4:198.51.100.1", PEER, "none"),
        ("a:void1.example a:void2.example a:void3.example ip4:192.0.2.1", PEER, "none"),
        ("a:void1.example a:void2.example ip4:192.0.2.1", PEER, "spf"),
        (" ".join(["a:mail.example.org"] * 10) + " ip4:192.0.2.1", PEER, "spf"),
        (" ".join(["a:mail.example.org"] * 11) + " ip4:192.0.2.1", PEER, "none"),
        ("include:loop.example ip4:192.0.2.1", PEER, "none"),
        ("mx:many.example ip4:192.0.2.1", PEER, "none"),
    ],
)  # fmt: skip
def test_who_may_send(names: NameServer, resolver: Resolver, terms: str, peer: str, proof: str) -> None:
    with_spf(names, terms)
    with_spf(names, "ip4:198.51.100.0/24 -all", "_spf.provider.example")
    with_spf(names, "+all", "everybody.example")
    with_spf(names, "include:loop.example", "loop.example")
    names.set("mail.example.org", "A", "192.0.2.25")
    names.set("example.org", "MX", "10 mx.example.org.")
    names.set("many.example", "MX", *(f"10 mx{n}.example.org." for n in range(11)))
    names.set("mx.example.org", "A", "192.0.2.26")
    names.set("1.2.0.192.in-addr.anna._spf.example.org", "A", "127.0.0.2")
    found = check(resolver, MAIL, peer=peer, sender=SENDER)
    assert (found.proof, found.try_later) == (proof, False)


@pytest.mark.parametrize(
    ("sender", "proof"),
    [
        ("bounce@mail.example.org", "spf"),
        ("b+anna=x@example.org", "spf"),
        ("", "none"), ("anna@evil.org", "none"), ("anna@example.org@evil.org", "none"),
    ],
)  # fmt: skip
def test_the_envelope_is_of_one_organisation_with_the_from(
    names: NameServer, resolver: Resolver, sender: str, proof: str
) -> None:
    for domain in ("example.org", "mail.example.org", "evil.org"):
        with_spf(names, domain=domain)
    assert check(resolver, MAIL, sender=sender).proof == proof


def test_two_records_are_none(names: NameServer, resolver: Resolver) -> None:
    names.text("example.org", "v=spf1 ip4:192.0.2.1", "v=spf1 -all")
    assert check(resolver, MAIL, sender=SENDER).proof == "none"


# DMARC


@pytest.mark.parametrize(
    ("policy", "signer", "sender", "proof"),
    [
        ("v=DMARC1; p=none", "example.org", "", "dmarc"),
        ("v=DMARC1; p=reject", "mail.example.org", "", "dmarc"),
        ("v=DMARC1; p=reject", "", "x@mail.example.org", "dmarc"),
        ("v=DMARC1; p=reject; adkim=s", "example.org", "", "dmarc"),
        ("v=DMARC1; p=reject; adkim=s", "mail.example.org", "", "none"),
        ("v=DMARC1; p=reject; aspf=s", "", "x@mail.example.org", "none"),
        ("v=DMARC1; p=reject; aspf=s", "", "x@example.org", "dmarc"),
        ("v=DMARC1; p=reject", "", "", "none"),
        ("v=DMARC2; p=reject", "example.org", "", "dkim"),
        ("no policy", "", "x@example.org", "spf"),
    ],
)
def test_what_the_domain_asks_for(
    names: NameServer, resolver: Resolver, policy: str, signer: str, sender: str, proof: str
) -> None:
    names.text("_dmarc.example.org", "another text", policy)
    names.text("s1._domainkey.mail.example.org", record())
    with_spf(names)
    with_spf(names, domain="mail.example.org")
    assert check(resolver, signed(domain=signer) if signer else MAIL, sender=sender).proof == proof


def test_the_organisation_speaks_for_those_below_it(names: NameServer, resolver: Resolver) -> None:
    names.text("_dmarc.example.org", "v=DMARC1; p=reject; adkim=s")
    author, raw = "anna@office.example.org", MAIL.replace(b"anna@example.org>", b"anna@office.example.org>")
    assert check(resolver, signed(raw), author=author).proof == "none"
    names.text("_dmarc.office.example.org", "v=DMARC1; p=none")
    assert check(Resolver(names.address), signed(raw), author=author).proof == "dmarc"


def test_two_policies_are_none(names: NameServer, resolver: Resolver) -> None:
    names.text("_dmarc.example.org", "v=DMARC1; p=none", "v=DMARC1; p=reject")
    assert check(resolver, signed()).proof == "dkim"


# ARC


CHANGED = MAIL.replace(b"Subject: ", b"Subject: [lista] ").replace(b"Anna  \r\n", b"Anna\r\n--\r\nLista\r\n")


@pytest.mark.parametrize(
    ("raw", "proof"),
    [
        (sealed(CHANGED), "dmarc"),
        (sealed(CHANGED, found="dkim=pass header.d=example.org"), "dkim"),
        (sealed(sealed(CHANGED), "other.example", found="dmarc=fail header.from=example.org"), "dmarc"),
        (sealed(CHANGED, found="dmarc=fail header.from=example.org"), "none"),
        (sealed(CHANGED, found="dmarc=pass header.from=evil.org"), "none"),
        (sealed(CHANGED, "evil.example"), "none"),
        (sealed(sealed(CHANGED), "evil.example"), "none"),
        (sealed(sealed(CHANGED, "evil.example")), "none"),
        (sealed(CHANGED).replace(b"Miten te", b"Miten me"), "none"),
        (sealed(CHANGED).replace(b"dmarc=pass", b"dmarc=PASS"), "none"),
        (sealed(CHANGED, headers=[b"from", b"to"]), "none"),
        (sealed(CHANGED, selector="none"), "none"),
        (b"Subject: x\r\n" + sealed(CHANGED), "none"),
        (sealed(CHANGED).replace(b"ARC-Seal:", b"X-Seal:"), "none"),
        (sealed(CHANGED).replace(b"a=rsa-sha256", b"a=rsa-sha1", 1), "none"),
        (sealed(CHANGED).replace(b"cv=none", b"cv=pass"), "none"),
        (sealed(CHANGED).replace(b"ARC-Message-Signature: i=1", b"ARC-Message-Signature: l=5; i=1"), "none"),
        (b"ARC-Seal: i=1; d=list.example\r\nARC-Message-Signature: i=1; d=list.example; h=from:subject; a=rsa-sha256\r\n"
         b"ARC-Authentication-Results: i=1; list.example; dmarc=pass header.from=example.org\r\n" + MAIL, "none"),
    ],
)  # fmt: skip
def test_seals(names: NameServer, resolver: Resolver, raw: bytes, proof: str) -> None:
    names.text("arc._domainkey.evil.example", record())
    assert check(resolver, raw).proof == proof
    assert verify(raw, PEER, "", AUTHOR, resolver).proof == "none", "nobody is named"
    assert not {name for name, _ in names.asked if "evil" in name}


# DNS in trouble


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"QUERY_S": 0.2, "TRY_S": 0.1, "LEFT_ALONE_S": 0.5}.items():
        monkeypatch.setattr(resolving, name, seconds)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("trouble", ["deaf", "broken", "garbled"])
@pytest.mark.parametrize("name", ["_dmarc.example.org", "s1._domainkey.example.org"])
def test_no_answer_now_may_be_one_later(names: NameServer, trouble: str, name: str) -> None:
    resolver = Resolver(names.address)
    getattr(names, trouble).add(name)
    found = check(resolver, signed())
    assert (found.proof, found.try_later) == ("none", True)
    getattr(names, trouble).clear()
    assert check(resolver, signed()).proof == "dkim"


@pytest.mark.usefixtures("hasty")
def test_trouble_with_one_does_not_matter_when_another_holds(names: NameServer) -> None:
    names.deaf.add("s1._domainkey.example.org")
    with_spf(names)
    assert check(Resolver(names.address), signed(), sender=SENDER) == Finding(
        "spf", "192.0.2.1 may send for example.org"
    )


@pytest.mark.usefixtures("hasty")
def test_a_name_server_that_is_down_is_left_alone_for_a_while(names: NameServer) -> None:
    names.is_down, resolver, raw = True, Resolver(names.address), signed()
    began = time.monotonic()
    assert all(check(resolver, raw).try_later for _ in range(20))
    assert time.monotonic() - began < 1
    names.is_down = False
    time.sleep(0.5)
    assert check(resolver, signed()).proof == "dkim"


def test_nobody_listens_or_there_is_no_name_server() -> None:
    assert check(Resolver("127.0.0.1:1"), signed()).try_later
    nowhere = Resolver("127.0.0.1:1")
    nowhere._dns.nameservers = []
    assert check(nowhere, signed()).try_later


def test_all_questions_together_have_an_end(resolver: Resolver, names: NameServer) -> None:
    ask = resolver.questions(seconds=0)
    with pytest.raises(DnsTrouble, match="too long"):
        ask.texts("example.org")
    assert not names.asked


# Remembering


def test_what_was_answered_is_remembered_while_it_holds(names: NameServer, resolver: Resolver) -> None:
    for _ in range(3):
        assert check(resolver, signed(), sender="x@evil.org").proof == "dkim"
    assert names.asked == [("_dmarc.example.org", "TXT"), ("s1._domainkey.example.org", "TXT")], (
        "also what does not exist"
    )


def test_what_no_longer_holds_is_asked_again() -> None:
    with name_server(ttl=0) as names:
        names.text("s1._domainkey.example.org", record())
        resolver = Resolver(names.address)
        for _ in range(2):
            assert check(resolver, signed()).proof == "dkim"
        assert len(names.asked) == 4


def test_the_memory_is_bounded(names: NameServer, resolver: Resolver) -> None:
    for number in range(resolving.REMEMBERED + 50):
        resolver.questions().texts(f"n{number}.example.org")
    assert len(resolver._dns.cache.data) == resolving.REMEMBERED


def test_a_long_answer_comes_by_tcp(names: NameServer, resolver: Resolver) -> None:
    names.text("s1._domainkey.example.org", record(rsa_key(4096)))
    names.text("example.org", *(f"{n} " + "x" * 200 for n in range(20)))
    assert len(resolver.questions().texts("example.org")) == 20
    assert check(resolver, signed(key=rsa_key(4096))).proof == "dkim"


@pytest.mark.parametrize("name", ["", ".", "a..b", "ä" * 70, "a" * 70 + ".org", "\\", "a b", "\0", "-", "x\\999y"])
def test_names_that_cannot_be_have_no_records(resolver: Resolver, name: str) -> None:
    assert resolver.questions().texts(name) == []


# Hostile mails


@pytest.mark.parametrize(
    "body",
    [
        b" " * 5_000_000,
        b" \t" * 500_000 + b"x",
        b"\r\n" * 2_000_000,
        b"\r" * 100_000,
        b"\n \n" * 1_000_000,
        b"x" * 9_000_000,
    ],
)
@pytest.mark.parametrize("simple", [True, False])
def test_no_body_takes_long(resolver: Resolver, body: bytes, simple: bool) -> None:
    raw = signed(simple=simple) + body
    began = time.perf_counter()
    check(resolver, raw)
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize(
    "bomb", [b" ", b"\t", b"a:", b";", b"a=b;", b"=", b"AAAA", b"from : ", b"\r\n ", b"0", b"b =", b"i="]
)
@pytest.mark.parametrize("name", ["DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"])
def test_no_signature_takes_long(resolver: Resolver, bomb: bytes, name: str) -> None:
    start = b"v=1; i=1; a=rsa-sha256; c=relaxed/relaxed; d=list.example; s=s1; bh=AAAA; b=AAAA; cv=none; h=from:subject"
    field = name.encode() + b": " + start
    bombs = b"".join(field + tag + bomb * (3_900 // len(bomb)) + b"!\r\n" for tag in (b"; b=", b"; x", b":"))
    raw = bombs * 10 + sealed(CHANGED)
    began = time.perf_counter()
    check(resolver, raw)
    check(resolver, raw, author="anna@list.example")
    check(resolver, bombs.replace(b"list.example", b"example.org") + MAIL)
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize(
    "author", ["", "anna", "anna@", "@example.org", "anna@" + "a" * 300 + ".org", "anna@[127.0.0.1]", "anna@ä\0.fi"]
)
def test_authors_that_are_none(resolver: Resolver, author: str) -> None:
    raw = MAIL.replace(b"anna@example.org", author.encode())
    assert check(resolver, raw, author=author, sender=author).proof == "none"
