"""Lines that mail programs and gateways put into a quote by themselves: warnings, pictures' places. Data and two questions."""

import re

from mailbridge.quotes.lines import fold

# What stands above a mail "from outside", by Microsoft's safety tip or an organisation's own rule.
_BANNERS = tuple(
    fold(" ".join(words.split()))
    for words in [
        "\n    [external]",
        " [ext]",
        " external email",
        " external sender",
        " external message",
        " external mail",
        " you don't often get email",
        "\n    don't often get email from",
        " learn why this is important",
        " this email originated from",
        " this message originated from",
        "\n    email from outside",
        " from outside of the organi",
        " from outside the organi",
        " from outside your organi",
        " do not click links",
        "\n    saat harvoin sähköpostia",
        " et saa usein sähköpostia",
        " et saa kovin usein sähköpostia",
        " ei usein tule sähköpostia",
        "\n    eivät saa usein sähköpostia",
        " eivät usein saa sähköpostia",
        " lue, miksi tämä on tärkeää",
        " miksi tämä on tärkeää",
        "\n    ulkoinen viesti",
        " ulkoinen sähköposti",
        " ulkoinen lähettäjä",
        " ulkopuolinen lähettäjä",
        " organisaation ulkopuolelta",
        "\n    organisaatiosi ulkopuolelta",
        " talon ulkopuolelta lähetetty",
        " [ulkoinen]",
        " [ulkopuolinen]",
        " du får inte ofta e-post",
        "\n    du får sällan e-post",
        " får inte ofta e-post från",
        " varför det här är viktigt",
        " varför detta är viktigt",
        "\n    varning: externt",
        " externt mejl",
        " externt meddelande",
        " extern avsändare",
        " extern e-post",
        " [extern]",
        " [externt]",
        "\n    utanför organisationen",
        " utanför din organisation",
        " utanför vår organisation\n    ",
    ]
)
_BRACKETED = re.compile(r"[\[<(](?:cid:|image|inline|bild|kuva|logo|picture|photo|graphic)[^\]>)]{0,500}[\]>)]", re.I)
_PICTURE_FILE = re.compile(r"[\[<(]?[\w .-]{1,100}\.(?:png|jpe?g|gif|bmp|emz|svg)[\]>)]?", re.I)
_DESCRIBED = ("automatically generated", "luotu automaattisesti", "automaattisesti luotu", "automatiskt genererad",
              "genererad automatiskt", "genererats automatiskt")  # fmt: skip


def is_banner(bare: str) -> bool:
    text = fold(bare)
    return any(words in text for words in _BANNERS)


def is_picture(bare: str) -> bool:
    """The place of a picture, or what a program says to be seen on it."""
    if _BRACKETED.fullmatch(bare) or _PICTURE_FILE.fullmatch(bare):
        return True
    return bare[:1] in "[<(" and any(words in fold(bare) for words in _DESCRIBED)
