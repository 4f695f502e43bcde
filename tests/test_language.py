"""In which language a text is."""

import pytest

from forum.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hei, meillä on tehty niin, että koodi lähtee jäsenille vasta kokouksen jälkeen.", "fi"),
        ("Lähetetty jäsenkirjeessämme kaikille yhdistyksille", "fi"),
        ("Hej! Vi har samma problem på den svenska sidan, men jag följer mest med hur många som anmäler sig.", "sv"),
        ("Thanks, this is what we do as well: send it to the members after the meeting.", "en"),
        ("> Hei, meillä on tehty niin että se on hyvä\n\nTack, det är bra att veta!", "sv"),
        ("Ok!", "default"),
        ("", "default"),
        ("12345 :-)", "default"),
        ("x" * 100_000, "default"),
    ],
)
def test_detect(text: str, language: str) -> None:
    assert detect(text, "default") == language
