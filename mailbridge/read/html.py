"""HTML of a mail -> text: links written out, the clients' own marks of quoting and signing made visible.

One walk over the tree, linear; inscriptis, which was tried first, takes eight seconds for a table of 2 MB.
"""

import re
from collections.abc import Callable
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from mailbridge.read import markup
from mailbridge.read.encoding import CONTROL
from mailbridge.read.markup import Mark

HTML = 4_000_000

_SKIPPED = {"script", "style", "head", "title", "template", "object", "svg", "math", "select", "textarea"}
_PARAGRAPHS = {
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "pre",
    "table",
    "blockquote",
    "dl",
    "article",
    "section",
}
_BLOCKS = {
    "div",
    "tr",
    "li",
    "dt",
    "dd",
    "center",
    "address",
    "header",
    "footer",
    "form",
    "fieldset",
    "figure",
    "main",
    "body",
}
_SPACES = re.compile(r"[ \t\n\r\f\v\xa0]+")
_TAG = re.compile(r"<[^<>]{0,2000}>")
# A comment or a start tag, where a quotation mark is one only after "="; without an end they go on to that of the page.
_START_TAG = re.compile(
    r"<!--(?!-?>)(?:[^-]++|-(?!->))*+|"
    r"<([a-zA-Z][a-zA-Z0-9]*+)((?:[^>\"'=]++|=\s*+\"[^\"]*+\"|=\s*+'[^']*+'|[\"'=])*+)>?"
)
_ATTRIBUTE = re.compile(r"[^\s/=]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|\S*+))?+")
_MOST_ATTRIBUTES = 200
_DEEPEST_QUOTE = 20


def to_text(source: str) -> str:
    """Never raises; what the parser gives up on (nesting of hundreds) is read without its tags."""
    source = source[:HTML]
    if not source.strip():
        return ""
    source = _START_TAG.sub(_with_few_attributes, source)
    try:
        tree = lxml_html.document_fromstring(source.encode(), parser=lxml_html.HTMLParser(encoding="utf-8"))
    except (etree.LxmlError, ValueError):
        return _TAG.sub(" ", source)
    return _walked(tree) or _TAG.sub(" ", source).strip()


def _with_few_attributes(tag: re.Match[str]) -> str:
    """The parser compares each attribute with all before it: 100,000 in one tag take it seventeen seconds."""
    if tag[2] and len(tag[2]) > 2 * _MOST_ATTRIBUTES and len(_ATTRIBUTE.findall(tag[2])) > _MOST_ATTRIBUTES:
        return f"<{tag[1]}>"
    return tag[0]


def _walked(tree: Any) -> str:
    page = _Page()
    for event, element in etree.iterwalk(tree, events=("start", "end", "comment", "pi")):
        if event == "start":
            page.open(element)
        elif event == "end":
            page.close(element)
        else:
            page.write(element.tail)
    return CONTROL.sub("", page.text())  # a page can hold them by number


class _Page:
    """The lines written so far, and what is open."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = self._skipped = self._preformatted = 0
        self._wants_blank = self._is_below = False
        self._links: list[tuple[str, int]] = []
        self._counters: list[int] = []
        self._signatures: list[tuple[int, int]] = []
        self._marks: dict[Any, Mark] = {}

    def open(self, element: Any) -> None:
        tag = element.tag
        self._skipped += tag in _SKIPPED or markup.is_hidden(element)
        self._begin_block(element)
        if mark := markup.mark_of(element):
            self._begin_mark(element, mark)
        if begin := _BEGIN.get(tag):
            begin(self, element)
        self.write(element.text)

    def close(self, element: Any) -> None:
        tag = element.tag
        if end := _END.get(tag):
            end(self, element)
        if markup.is_tight(element) and not "".join(self._line).strip():
            self._wants_blank = True
        self._begin_block(element)
        if mark := self._marks.pop(element, None):
            self._end_mark(mark)
        self._skipped -= tag in _SKIPPED or markup.is_hidden(element)
        self.write(element.tail)

    def write(self, text: str | None) -> None:
        if not text or self._skipped:
            return
        if self._preformatted:
            first, *others = text.split("\n")
            self._line.append(first)
            for other in others:
                self.end_line()
                self._line.append(other)
        else:
            self._line.append(_SPACES.sub(" ", text))

    def end_line(self) -> None:
        line = "".join(self._line)
        line = line.rstrip() if self._preformatted else _SPACES.sub(" ", line).strip()
        self._line = []
        if self._wants_blank and line and self._lines:
            self._put("")
        self._wants_blank = self._wants_blank and not line
        self._put(line)

    def text(self) -> str:
        self._end_full_line()
        begin = self._last_signature()
        if begin is not None:
            self._lines.insert(begin, "-- ")
        return "\n".join(self._lines).strip("\n")

    def _last_signature(self) -> int | None:
        """Where the last one begins that says anything, unless words stand below it, outside of any quote: those are the
        writer's. One above it has its words below and is not marked either."""
        lines = self._lines
        words_end = next((n for n in range(len(lines), 0, -1) if lines[n - 1] and not lines[n - 1].startswith(">")), 0)
        for begin, end in reversed(self._signatures):
            last = end if end >= 0 else len(lines) - 1  # another was within it
            if words_end <= last and any(lines[begin:last]):
                return begin
        return None

    def _put(self, line: str) -> None:
        marks = "> " * min(self._quotes, _DEEPEST_QUOTE)
        whole = marks + line if line else marks.rstrip()
        if line or not self._lines or self._lines[-1].strip("> "):
            self._lines.append(whole)

    def _end_full_line(self) -> None:
        if "".join(self._line).strip():
            self.end_line()
        self._line = []

    def _begin_block(self, element: Any) -> None:
        if element.tag in _PARAGRAPHS or element.tag in _BLOCKS:
            self._end_full_line()
            self._wants_blank = self._wants_blank or (element.tag in _PARAGRAPHS and not markup.is_tight(element))

    def _begin_mark(self, element: Any, mark: Mark) -> None:
        self._end_full_line()
        if mark is Mark.BELOW and self._is_below:
            return
        if mark is Mark.SIGNATURE and not self._quotes:
            self._signatures.append((len(self._lines), -1))
        self._quotes += mark is not Mark.SIGNATURE
        self._is_below = self._is_below or mark is Mark.BELOW
        self._marks[element] = mark

    def _end_mark(self, mark: Mark) -> None:
        self._end_full_line()
        if mark is Mark.QUOTE:
            self._quotes -= 1
        elif mark is Mark.SIGNATURE and self._signatures and self._signatures[-1][1] < 0:
            self._signatures[-1] = (self._signatures[-1][0], len(self._lines))

    def begin_link(self, element: Any) -> None:
        self._links.append((str(element.get("href") or "").strip(), len(self._line)))

    def end_link(self, _: Any) -> None:
        if not self._links:
            return
        target, start = self._links.pop()
        text = "".join(self._line[start:]).strip()
        if text and not self._skipped and markup.is_worth_showing(target, text):
            self._line.append(f" ({target})")

    def begin_list(self, _: Any) -> None:
        self._counters.append(0)

    def end_list(self, _: Any) -> None:
        if self._counters:
            self._counters.pop()

    def begin_item(self, element: Any) -> None:
        parent = element.getparent()
        if self._counters and parent is not None and parent.tag == "ol":
            self._counters[-1] += 1
            self._line.append(f"{self._counters[-1]}. ")
        else:
            self._line.append("- ")

    def begin_preformatted(self, _: Any) -> None:
        self._preformatted += 1

    def end_preformatted(self, _: Any) -> None:
        self._end_full_line()
        self._preformatted -= 1

    def break_line(self, _: Any) -> None:
        self.end_line()

    def rule(self, _: Any) -> None:
        self._end_full_line()
        self._put("---")

    def end_cell(self, _: Any) -> None:
        if self._line:
            self._line.append("  ")


_BEGIN: dict[str, Callable[[_Page, Any], None]] = {
    "a": _Page.begin_link,
    "ol": _Page.begin_list,
    "ul": _Page.begin_list,
    "li": _Page.begin_item,
    "pre": _Page.begin_preformatted,
    "br": _Page.break_line,
    "hr": _Page.rule,
}
_END: dict[str, Callable[[_Page, Any], None]] = {
    "a": _Page.end_link,
    "ol": _Page.end_list,
    "ul": _Page.end_list,
    "pre": _Page.end_preformatted,
    "td": _Page.end_cell,
    "th": _Page.end_cell,
}
