"""The bridge's addresses, made and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forum.networks import MAX_SLUG
from forum.tokens import Tokens
from mailbridge.addresses import Addresses, Target

ADDRESSES = Addresses("lists.example.org", Tokens(["secret"]))
REPLY = ADDRESSES.reply("viestijat", 7, 42)
slugs = st.from_regex(r"[a-z][a-z0-9-]{0,26}[a-z0-9]", fullmatch=True)


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("viestijat@lists.example.org", Target("network", "viestijat")),
        ("Viestijat@LISTS.Example.ORG", Target("network", "viestijat")),
        ("viestijat+join@lists.example.org", Target("join", "viestijat")),
        ("viestijat+leave@lists.example.org", Target("leave", "viestijat")),
        ("viestijat+HELP@lists.example.org", Target("help", "viestijat")),
        ("viestijat+owner@lists.example.org", Target("owner", "viestijat")),
        ("postmaster@lists.example.org", Target("operator")),
        ("Postmaster", Target("operator")),
        ("abuse@lists.example.org", Target("operator")),
        (REPLY, Target("reply", "viestijat", (7, 42))),
        (REPLY.upper(), Target("reply", "viestijat", (7, 42))),
        (ADDRESSES.answer("viestijat", 9), Target("answer", "viestijat", (9,))),
        (ADDRESSES.bounce(12345), Target("bounce", "", (12345,))),
    ],
)
def test_what_an_address_stands_for(address: str, target: Target) -> None:
    assert ADDRESSES.read(address) == target


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "viestijat",
        "@lists.example.org",
        "+join@lists.example.org",
        "+r." + REPLY.partition("+r.")[2],
        "viestijat@example.org",
        "viestijat@lists.example.org.evil.org",
        "viestijat@evil-lists.example.org",
        "postmaster@example.org",
        "viestijat+nonsense@lists.example.org",
        "viestijat+@lists.example.org",
        "viestijat+r.@lists.example.org",
        "viestijat+r.aaaa@lists.example.org",
        "b+@lists.example.org",
        "b+aaaa@lists.example.org",
        REPLY.replace("+r.", "+a."),
        REPLY.replace("viestijat+r.", "b+"),
        ADDRESSES.bounce(1).replace("b+", "viestijat+r."),
    ],
)
def test_what_we_never_made_is_none(address: str) -> None:
    assert ADDRESSES.read(address) is None


@given(slugs, st.integers(1, 2**28 - 1), st.integers(1, 2**35 - 1))
def test_a_reply_address_fits_and_comes_back(slug: str, member_id: int, post_id: int) -> None:
    """64 octets (RFC 5321 4.5.3.1.1), for a quarter of a thousand million members and 34 thousand million posts."""
    address = ADDRESSES.reply(slug, member_id, post_id)
    assert len(slug) <= MAX_SLUG
    assert len(address.partition("@")[0]) <= 64
    assert ADDRESSES.read(address) == Target("reply", slug, (member_id, post_id))


@given(slugs)
def test_every_word_we_put_in_a_header_is_read_again(slug: str) -> None:
    for word in ("join", "leave", "help", "owner"):
        target = ADDRESSES.read(ADDRESSES.word(slug, word))
        assert target
        assert (target.kind, target.slug) == (word, slug)


@given(st.text(max_size=80))
def test_no_local_part_raises(local: str) -> None:
    ADDRESSES.read(f"{local}@lists.example.org")
