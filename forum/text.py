"""Markdown and mail text to safe HTML, excerpts, subjects. Pure."""

import html
import re
import unicodedata
from collections.abc import Iterator

import bleach
import nh3
from bleach.css_sanitizer import CSSSanitizer
from linkify_it import LinkifyIt
from markdown_it import MarkdownIt

TAGS = frozenset(
    [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
    ]
)
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align"},
    "abbr": {"title"},
    "code": {"class"},
    "span": {"lang"},
}
SCHEMES = frozenset({"http", "https", "mailto", "tel", "cid"})
MAX_HTML, MAX_DEPTH, MAX_ENTITIES = 2_000_000, 100, 20_000

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": True, "breaks": True}).enable(
    ["table", "strikethrough", "linkify"]
)
_linkify = LinkifyIt(options={"fuzzy_email": True, "fuzzy_link": False})
_cleaner = bleach.Cleaner(
    tags=TAGS,
    attributes={tag: sorted(names) for tag, names in ATTRIBUTES.items()},
    protocols=SCHEMES,
    strip=True,
    css_sanitizer=CSSSanitizer(allowed_css_properties=[]),
)


def from_markdown(text: str) -> str:
    """What a member wrote on the web -> safe HTML. Line ends are kept, as everybody expects who does not know Markdown."""
    return sanitize(_markdown.render(text))


def from_mail(text: str) -> str:
    """Plain text of a mail -> safe HTML: paragraphs, line ends, links, and quotes by their depth. What is longer than anybody
    reads only its line ends: it is made within a transaction, and others wait."""
    if len(text) > MAX_HTML:
        return f"<p>{_escaped(text)}</p>"
    return "".join(_block(depth, lines) for depth, lines in _by_depth(text))


def sanitize(untrusted: str) -> str:
    """The one place where foreign HTML becomes ours. nh3 first: bleach alone keeps the text of <script>, and is quadratic
    in depth and in entities."""
    if len(untrusted) > MAX_HTML:
        return f"<p>{html.escape(untrusted[:MAX_HTML])}</p>"
    cleaned = nh3.clean(
        untrusted,
        tags=set(TAGS),
        attributes={k: set(v) for k, v in ATTRIBUTES.items()},
        url_schemes=set(SCHEMES),
        link_rel="nofollow noopener",
    )
    if _depth(cleaned) > MAX_DEPTH or cleaned.count("&") > MAX_ENTITIES:
        return f"<p>{html.escape(to_text(cleaned))}</p>"
    return _with_rel(str(_cleaner.clean(cleaned)))


def to_text(safe_html: str) -> str:
    """Tags out, entities resolved; for excerpts and for what is nested beyond reason."""
    return html.unescape(re.sub(r"<[^<>]*>", " ", safe_html))


def excerpt(text: str, length: int = 160) -> str:
    """The beginning of a text on one line, cut at a word, without quotes and Markdown's signs."""
    lines = (line for line in text[: length * 20].splitlines() if not line.lstrip().startswith(">"))
    flat = re.sub(r"\s+", " ", re.sub(r"[*_`#\[\]]+|\(https?:[^)\s]{0,500}\)", "", " ".join(lines))).strip()
    return flat if len(flat) <= length else flat[:length].rsplit(" ", 1)[0].rstrip(",.;:–-") + "…"


def one_line(text: str, limit: int = 200) -> str:
    """A subject or a name: no control characters, no line ends (header injection), no direction overrides, at most `limit` long.

    Cut first: a megabyte without a line end takes a second to look at, letter by letter."""
    flat = "".join(
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c
        for c in text.lstrip()[: limit * 4]
        if unicodedata.category(c) not in ("Cf", "Cs")
    )
    return re.sub(r"\s+", " ", flat).strip()[:limit].strip()


def words_of(subject: str) -> str:
    """The words in a thread's address: "Hiljainen tieto!" -> "hiljainen-tieto"."""
    plain = unicodedata.normalize("NFKD", subject.casefold()).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", plain)[:8])[:60].strip("-")


def _depth(cleaned: str) -> int:
    depth = deepest = 0
    for closing in re.findall(r"<(/?)(?!br\b|hr\b|img\b)[a-z]", cleaned):
        depth += -1 if closing else 1
        deepest = max(deepest, depth)
    return deepest


def _with_rel(safe: str) -> str:
    """A link from a message is nobody's endorsement, and opens nothing that can steer our page. bleach dropped nh3's rel."""
    return re.sub(r"<a (?=[^>]*href=)", '<a rel="nofollow noopener" ', safe)


def _by_depth(text: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines with the same number of > in front, those taken away."""
    depth, run = 0, list[str]()
    for line in text.splitlines():
        marks = re.match(r"(?:> ?){0,20}", line)
        here = marks[0].count(">") if marks else 0
        if here != depth and run:
            yield depth, run
            run = []
        depth = here
        run.append(line[len(marks[0]) if marks else 0 :])
    if run:
        yield depth, run


def _block(depth: int, lines: list[str]) -> str:
    paragraphs = (p.strip("\n") for p in re.split(r"\n[ \t]*\n", "\n".join(lines)))
    inner = "".join(f"<p>{_linked(p)}</p>" for p in paragraphs if p.strip())
    return "<blockquote>" * depth + inner + "</blockquote>" * depth if inner else ""


def _linked(text: str) -> str:
    out, at = [], 0
    for match in _linkify.match(text) or [] if _is_linkable(text) else []:
        out += [
            _escaped(text[at : match.index]),
            f'<a rel="nofollow noopener" href="{html.escape(match.url)}">{html.escape(match.text)}</a>',
        ]
        at = match.last_index
    return "".join([*out, _escaped(text[at:])])


def _is_linkable(text: str) -> bool:
    """Most paragraphs have nothing like an address in them; linkify is quadratic in the length of one that goes on and on."""
    has_any = "@" in text or "//" in text
    return has_any and len(text) < 20_000 and max(map(len, text.split()), default=0) <= 1_000


def _escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br>\n")
