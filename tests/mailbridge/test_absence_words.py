"""When someone is away, as people write it: what is understood, what is not, and that nothing makes it stumble."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailbridge.absence_words import AHEAD, LONGEST, Period, begins, is_back, period

NOVEMBER = date(2026, 11, 23)
JULY = Period(date(2027, 7, 1), date(2027, 7, 31))
TO_JULY = Period(NOVEMBER, date(2027, 7, 31))
NEW_YEAR = Period(date(2026, 12, 20), date(2027, 1, 6))

SAID = [
    ("poissa 1.7.-31.7.", JULY),
    ("”poissa 1.7.–31.7.”", JULY),
    ("*Poissa 1.7.–31.7.*", JULY),
    ("poissa 1.7.–31.7.", JULY),
    ("poissa 1.7. — 31.7.", JULY),
    ("poissa 1.7.−31.7.", JULY),
    ("Poissa 1.7-31.7", JULY),
    ("POISSA 1.7.-31.7.!", JULY),
    ("poissa: 1.7.–31.7.", JULY),
    ("poissa (1.7.–31.7.)", JULY),
    ("- poissa 1.7.–31.7.", JULY),
    ("poissa\u00a01.7.\u00a0–\u00a031.7.", JULY),
    ("poissa 01.07.-31.07.", JULY),
    ("poissa 1.–31.7.", JULY),
    ("poissa 1-31.7.", JULY),
    ("poissa 1. - 31.7.2027", JULY),
    ("poissa 1. 7. - 31. 7. 2027", JULY),
    ("Poissa 1.7.2027–31.7.2027", JULY),
    ("poissa 1.7.27-31.7.27", JULY),
    ("poissa 1.7.-31.7.2027", JULY),
    ("poissa 1.7.2027-31.7.", JULY),
    ("olen poissa 1.7.-31.7.", JULY),
    ("Minä olen lomalla 1.7.-31.7.", JULY),
    ("lomalla 1.7.-31.7.", JULY),
    ("kesälomalla 1.7.-31.7.", JULY),
    ("poissa ke 1.7. - to 31.7.", JULY),
    ("poissa torstaista 1.7. lauantaihin 31.7. asti", JULY),
    ("poissa 1. heinäkuuta - 31. heinäkuuta", JULY),
    ("poissa 1.–31. heinäkuuta 2027", JULY),
    ("poissa heinäkuun 1. - 31.", JULY),
    ("poissa 1.7. alkaen 31.7. asti", JULY),
    ("poissa 1.7. 31.7. saakka", JULY),
    ("poissa 31.7. asti", TO_JULY),
    ("poissa 31.7. saakka", TO_JULY),
    ("poissa 31. heinäkuuta asti", TO_JULY),
    ("poissa 31.7.2027 asti", TO_JULY),
    ("borta 1.7-31.7", JULY),
    ("borta 1/7-31/7", JULY),
    ("borta 1/7 – 31/7 2027", JULY),
    ("borta 1 juli–31 juli", JULY),
    ("borta 1–31 juli", JULY),
    ("borta den 1 juli till den 31 juli", JULY),
    ("borta från 1 juli till 31 juli", JULY),
    ("borta från och med 1 juli till och med 31 juli", JULY),
    ("borta fr.o.m. 1.7 t.o.m. 31.7", JULY),
    ("bortrest 1.7-31.7", JULY),
    ("ledig tors 1.7 - lör 31.7", JULY),
    ("jag är borta 1.7-31.7", JULY),
    ("på semester 1:a juli - 31:a juli", JULY),
    ("borta till 31.7", TO_JULY),
    ("borta till och med 31 juli", TO_JULY),
    ("borta t.o.m. 31 juli", TO_JULY),
    ("borta t.o.m 31.7", TO_JULY),
    ("away 1 July - 31 July", JULY),
    ("away July 1 to 31 July", JULY),
    ("away July 1 to 31", JULY),
    ("away July 1st–31st", JULY),
    ("away 1-31 Jul 2027", JULY),
    ("away from July 1, 2027 to July 31, 2027", JULY),
    ("away Thu 1 July through Sat 31 July", JULY),
    ("I am away 1.7.-31.7.", JULY),
    ("I'm on holiday 1/7/2027 - 31/7/2027", JULY),
    ("I’ll be out of office 1.7.–31.7.", JULY),
    ("on vacation until July 31", TO_JULY),
    ("away until 31 July", TO_JULY),
    ("away till the 31st of July", TO_JULY),
    ("away 2027-07-01 to 2027-07-31", JULY),
    ("away 2027-07-01–2027-07-31", JULY),
    ("poissa 2027-07-01 - 2027-07-31", JULY),
    ("poissa 20.12.-6.1.", NEW_YEAR),
    ("borta 20 december–6 januari", NEW_YEAR),
    ("poissa 20.12.2026-6.1.", NEW_YEAR),
    ("poissa 20.12.-6.1.2027", NEW_YEAR),
    ("poissa 23.11. asti", Period(NOVEMBER, NOVEMBER)),
    ("poissa 1.11.-30.11.", Period(date(2026, 11, 1), date(2026, 11, 30))),
]

UNCLEAR = [
    "", " ", "poissa", "poissa silloin", "poissa heinäkuussa", "poissa 1.7. alkaen", "poissa 1.7.–", "poissa 12.3.",
    "poissa 1.7. 31.7.", "poissa 31.2. asti", "poissa 1.7.-31.6.", "poissa 0.7.-31.7.", "poissa 1.13.-31.13.",
    "poissa 31.7.2027-1.7.2027", "poissa 1.7.2027-2.7.2028", "poissa 1.7.2020 asti", "poissa 1.1.2029-31.1.2029",
    "poissa 2027-07-01 - 2027-06-01", "poissa 9999-12-01 - 9999-12-31", "poissa 0000-00-00 - 0000-00-00",
    "poissa 1.7.-31.7. paitsi 10.7.", "poissa 1.7.-31.7. ja 1.9.-2.9.", "poissa 100.7.-31.7.", "poissa 1..7.-31.7.",
    "poissaolot 1.7.-31.7.", "1.7.-31.7.", "tulen 1.7.-31.7.", "en ole poissa 1.7.-31.7.", "away 7/31-8/15",
    "away games 1.7.-31.7.", "Ledig tjänst 1.7-31.7 i Vasa", "borta bra men hemma bäst", "away ٣.٧.-٤.٧.",
    "poissa " + "1." * 500,
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), SAID, ids=[line for line, _ in SAID])
def test_a_period_is_read(line: str, expected: Period) -> None:
    assert period(line, NOVEMBER) == expected


@pytest.mark.parametrize("line", UNCLEAR)
def test_what_is_not_clear_is_no_period(line: str) -> None:
    assert period(line, NOVEMBER) is None


@pytest.mark.parametrize(
    ("line", "today", "expected"),
    [
        ("poissa 1.7.-31.7.", date(2027, 7, 10), JULY),
        ("poissa 1.7.-31.7.", date(2027, 7, 31), JULY),
        ("poissa 1.7.-31.7.", date(2027, 8, 1), Period(date(2028, 7, 1), date(2028, 7, 31))),
        ("poissa 20.12.-6.1.", date(2027, 1, 2), NEW_YEAR),
        ("poissa 20.12.-6.1.", date(2027, 1, 7), Period(date(2027, 12, 20), date(2028, 1, 6))),
        ("away until 31 July", date(2027, 7, 31), Period(date(2027, 7, 31), date(2027, 7, 31))),
        ("poissa 1.2.-29.2.", NOVEMBER, Period(date(2028, 2, 1), date(2028, 2, 29))),
        ("poissa 1.2.-29.2.", date(2028, 3, 1), None),
    ],
)
def test_a_year_that_is_not_said_is_the_next_one_that_fits(line: str, today: date, expected: Period | None) -> None:
    assert period(line, today) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("poissa", True),
        ("poissa 1.7.-31.7.", True),
        ("Poissa heinäkuussa", True),
        ("poissa ensi viikolla", True),
        ("poissa maanantaina", True),
        ("lomalla 31.2. asti", True),
        ("borta i juli", True),
        ("borta nästa vecka", True),
        ("borta fr.o.m. 1.7", True),
        ("away", True),
        ("away next week", True),
        ("on holiday in July", True),
        ("olen poissa 12.3.", False),
        ("jag är borta 12.3", False),
        ("I am away 12.3.", False),
        ("I'm away 12.3.", False),
        ("poissa silloin", False),
        ("Lomalla luettavaa", False),
        ("Ledig tjänst: kommunikatör", False),
        ("Borta bra men hemma bäst", False),
        ("Away games", False),
        ("poissaolot", False),
        ("Kuka on poissa 1.7.?", False),
        ("", False),
    ],
)
def test_whether_a_line_begins_as_an_absence(line: str, expected: bool) -> None:
    assert begins(line) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        *((line, True) for line in ("takaisin", "Takaisin!", "olen palannut", "Palasin.", "tillbaka", "Jag är tillbaka")),
        *((line, True) for line in ("BACK", "I'm back", "I’m back!", "  i am back.  ")),
        *((line, False) for line in ("", "takaisin töihin?", "back to basics", "takaisinmaksu", "Tillbaka till framtiden")),
    ],
)  # fmt: skip
def test_who_is_back(line: str, expected: bool) -> None:
    assert is_back(line) is expected


WORDS = st.sampled_from(
    [*"0123456789.-–/: ", "poissa", "borta", "away", "till", "asti", "juli", "heinäkuuta", "1.7.", "2027"]
)


@given(
    st.one_of(st.text(), st.lists(WORDS).map("".join), st.lists(WORDS).map(lambda words: f"poissa {' '.join(words)}"))
)
def test_no_text_makes_it_stumble(text: str) -> None:
    begins(text)
    is_back(text)
    if found := period(text, NOVEMBER):
        assert found.first <= found.last
        assert found.last >= NOVEMBER
        assert found.last - found.first <= LONGEST
        assert found.last - NOVEMBER <= AHEAD * timedelta(days=366)


@given(st.dates(date(2025, 1, 1), date(2031, 1, 1)), st.integers(0, 300), st.integers(0, 365))
def test_what_is_written_with_its_years_comes_back_as_it_was(today: date, ahead: int, length: int) -> None:
    wanted = Period(today + timedelta(days=ahead), today + timedelta(days=ahead + length))
    first, last = wanted.first, wanted.last
    assert period(f"away {first} - {last}", today) == wanted
    assert period(f"poissa {first.day}.{first.month}.{first.year}–{last.day}.{last.month}.{last.year}", today) == wanted
    assert period(f"away {first:%-d %B %Y} to {last:%-d %B %Y}", today) == wanted
