"""Which mails no person wrote."""

import pytest

from mailbridge.auto import reason
from mailbridge.read.mime import Headers


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("Auto-Submitted", "auto-replied", "auto-submitted"),
        ("Auto-Submitted", "auto-generated; owner-email=x", "auto-submitted"),
        ("Auto-Submitted", "no", ""),
        ("Auto-Submitted", "No (a person)", ""),
        ("X-Autoreply", "yes", "auto-reply header"),
        ("X-Autorespond", "1", "auto-reply header"),
        ("X-Auto-Response-Suppress", "OOF", ""),
        ("Precedence", "auto_reply", "precedence auto_reply"),
        ("Precedence", "Junk", "precedence junk"),
        ("Precedence", "list", ""),
        ("Precedence", "normal", ""),
        ("List-Id", "<x.example>", ""),
        ("Content-Type", "multipart/report; report-type=disposition-notification", "read receipt"),
    ],
)
def test_header_decides(name: str, value: str, why: str) -> None:
    assert reason(Headers([(name, value)]), "Kevätkokous") == why


def test_other_list_is_no_person() -> None:
    fields = [("Precedence", "list"), ("List-Id", "<x.example>"), ("List-Unsubscribe", "<mailto:x@example>")]
    assert reason(Headers(fields), "Kevätkokous") == "mailing list"


@pytest.mark.parametrize(
    "subject",
    [
        "Automaattinen vastaus: x",
        "AUTOMAATTINEN VASTAUS",
        "Poissa: x",
        "Olen lomalla",
        "Olen vuosilomalla 1.7.-31.7. asti",
        "Poissaoloilmoitus",
        "Autosvar: x",
        "Frånvaro",
        "Jag är på semester till 5.8.",
        "Automatic reply: x",
        "Out of office",
        "Out of Office Re: x",
        "Automatische Antwort: x",
        "I'm on vacation",
    ],
)
def test_absence_is_known(subject: str) -> None:
    assert reason(Headers([]), subject) == "out of office"


@pytest.mark.parametrize(
    "subject",
    [
        "Olen poissa kokouksesta",
        "Lomalista",
        "Semesterplanering",
        "Re: Automaattinen vastaus puhelimeen",
        "Poissaolot 2026",
        "Frånvaro i skolan",
        "Vacation plans",
        "",
    ],
)
def test_people_write_about_holidays_too(subject: str) -> None:
    assert reason(Headers([]), subject) == ""
