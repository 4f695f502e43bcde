"""Every sentence of pages and refusals in all three languages, with the same facts in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from forum import TEMPLATES
from forum.i18n import LOCALE

FORUM = LOCALE.parent
JINJA = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
PAGES = [path for path in sorted(TEMPLATES.rglob("*.html")) if "mail" not in path.relative_to(TEMPLATES).parts]
CODE = [*sorted((FORUM / "web").glob("*.py")), FORUM / "errors.py"]


def sentences() -> Iterator[str]:
    for path in [*PAGES, *CODE]:
        yield from (found if isinstance(found, str) else found[0] for found in _in_file(path))


def _in_file(path: Path) -> Iterator[str | tuple[str, ...]]:
    method, options = ("python", {}) if path.suffix == ".py" else ("jinja2.ext:babel_extract", JINJA)
    with open(path, "rb") as file:
        for _, message, _, _ in extract(method, file, keywords=KEYWORDS, options=options):
            if message:
                yield message


def facts(sentence: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", sentence))


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_every_sentence_is_translated(language: str) -> None:
    with open(LOCALE / f"{language}.po", "rb") as file:
        catalogue = read_po(file)
    for sentence in sentences():
        message = catalogue.get(sentence)
        assert message is not None, sentence
        forms = message.string if isinstance(message.string, tuple | list) else [message.string]
        for form in forms:
            assert form, sentence
            assert facts(form) == facts(sentence)


@pytest.mark.parametrize("language", ["fi", "sv"])
def test_nothing_is_translated_that_nobody_says(language: str) -> None:
    said = set(sentences())
    with open(LOCALE / f"{language}.po", "rb") as file:
        for message in read_po(file):
            one = message.id[0] if isinstance(message.id, tuple | list) else message.id
            assert not one or one in said
