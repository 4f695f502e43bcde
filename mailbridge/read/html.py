"""HTML of a mail -> text: links written out, quoting of every client's own markup made visible as "> "."""

from inscriptis import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import html as lxml_html


def to_text(source: str) -> str:
    if not source.strip():
        return ""
    tree = lxml_html.document_fromstring(source[:2_000_000])
    return str(Inscriptis(tree, ParserConfig(display_links=False)).get_text())
