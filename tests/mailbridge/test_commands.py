"""Which mails are commands; and above all which are none."""

from dataclasses import replace

import pytest

from mailbridge.commands import said
from mailbridge.letter import File, Letter, Part


def letter(own: str, subject: str = "Hiljainen tieto") -> Letter:
    return Letter(topic=subject, parts=(Part("own", own), Part("quote", "> mute\n")))


@pytest.mark.parametrize(
    ("own", "name"),
    [
        ("mute\n", "mute"),
        ("\n\n  Vaimenna. \n\n", "mute"),
        ("TYSTA!", "mute"),
        ("*Följ*", "follow"),
        ("”Seuraa”", "follow"),
        ("“Seuraa”", "follow"),
        ("Unsubscribe\n\nTerveisin\nAnna Virtanen\nviestintäpäällikkö\n", "leave"),
        ("poistu\n\nAnna\n", "leave"),
        ("Gå  ur", "leave"),
        ("Ohje", "help"),
        ("hjälp\n/Kerstin", "help"),
        ("Liity", "join"),
        ("mute\n\nkiitos!\n", "mute"),
        ("mute\nterveisin anna\n", "mute"),
        ("Mute\n\nKiitos!\n\nAnna Virtanen\n", "mute"),
        ("poistu\n\nanna\nviestintäpäällikkö\np. 040 123 4567\n", "leave"),
        ("KOKO", "whole"),
        ("Koko viesti", "whole"),
        ("ALLT.", "whole"),
        ("ALL\n\nBest regards,\nAnna", "whole"),
    ],
)
def test_a_line_of_its_own_is_a_command(own: str, name: str) -> None:
    found = said(letter(own))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "own",
    [
        "",
        "Hei\n",
        "mute that noise, please",
        "Help!\n\nOur web site is down since this morning, and nobody at the company answers. Who knows somebody?",
        "Kaikki mukaan\n",
        "Kaikki\n\nOvatko jo ilmoittautuneet?\n",
        "Help\nWho can?\n",
        "Follow\n\nThe money. It leads to those who decide.\n",
        "All\n" + "a line\n" * 5,
        "Leave\n" + "x" * 81,
        "mute\n\n1. First of all, we have to ask ourselves what we want\n",
        "mute seuraa",
        "Leave\nthe door open",
        "-- \nmute",
    ],
)
def test_what_only_begins_like_one_is_a_post(own: str) -> None:
    assert said(letter(own)) is None


@pytest.mark.parametrize(
    ("subject", "more", "name"),
    [
        ("unsubscribe", {}, "leave"),
        ("Poistu", {}, "leave"),
        ("help", {}, "help"),
        ("Help with the budget", {}, None),
        ("mute", {"is_reply": True}, None),
        ("help", {"files": (File("a.pdf", "application/pdf", b""),)}, None),
    ],
)
def test_a_mail_without_words_has_its_subject(subject: str, more: dict[str, object], name: str | None) -> None:
    found = said(replace(letter(" \n", subject=subject), **more))  # type: ignore[arg-type]
    assert (found and found.name) == name


def test_a_long_mail_is_read_no_further_than_needed() -> None:
    assert said(letter("mute\n" + "x " * 1_000_000)) is None
