"""What mail programs mean by their HTML: here begins a quote, this is a signature, this is not to be seen."""

import re
from enum import Enum, auto
from typing import Any


class Mark(Enum):
    """A quote ends with its element; another's mail BELOW goes on to the end."""

    QUOTE = auto()
    BELOW = auto()
    SIGNATURE = auto()


# Programs that pass a mail on put "x_" before the names of the one before; those stand inside a quote already.
_QUOTE_CLASSES = {
    "gmail_attr",  # "On ... wrote:" of Gmail; its gmail_quote is no mark, since answers between the lines stand in it
    "moz-cite-prefix",  # Thunderbird
    "yahoo_quoted",
    "zmail_extra",  # Zoho
    "hs_reply",  # HubSpot
    "outlookmessageheader",
}
_QUOTE_IDS = {"olk_src_body_section", "reply-intro", "replybody", "isreplycontent", "orig-email"}
_QUOTE_NAMES = {"messagereplysection", "quoted-content"}
_BELOW_IDS = {
    "divrplyfwdmsg",  # Outlook on the web
    "appendonsend",
    "mail-editor-reference-message-container",
    "ms-outlook-mobile-body-separator-line",
    "zwchr",  # Zimbra
    "stopspelling",  # Hotmail
    "replysplit",  # AOL
}
_BELOW_DATA = {"__divider__", "__headers__", "__quoted_text__"}
_SIGNATURE_CLASSES = {"gmail_signature", "moz-signature", "protonmail_signature_block", "tutanota_signature", "mb_sig"}
_SIGNATURE_IDS = {"signature", "composer_signature", "applemailsignature", "linebreakatbeginningofsignature",
                  "ms-outlook-mobile-signature", "divtagdefaultwrapper_signature", "signature_block"}  # fmt: skip
_OUTLOOKS_BORDER = re.compile(
    r"border-top:\s?solid\s?(?:#[be]\w{5}|#b5c4df|windowtext)\s[\d.]+pt;\s?padding:\s?3(?:\.0)?pt", re.I
)
_SHOWN = ("http://", "https://")


def mark_of(element: Any) -> Mark | None:
    tag = element.tag
    if tag == "blockquote":
        return None if _is_indentation(element) else Mark.QUOTE
    attributes = element.attrib
    if not attributes or tag in {"a", "span", "td", "img", "font"}:
        return None
    identity = str(attributes.get("id", "")).lower()
    classes = set(str(attributes.get("class", "")).lower().split())
    if identity in _BELOW_IDS or str(attributes.get("data-marker", "")).lower() in _BELOW_DATA:
        return Mark.BELOW
    if identity in _QUOTE_IDS or classes & _QUOTE_CLASSES or str(attributes.get("name", "")).lower() in _QUOTE_NAMES:
        return Mark.QUOTE
    if identity in _SIGNATURE_IDS or classes & _SIGNATURE_CLASSES:
        return Mark.SIGNATURE
    return Mark.BELOW if _OUTLOOKS_BORDER.search(str(attributes.get("style", ""))[:500]) else None


def _is_indentation(element: Any) -> bool:
    """Gmail's and Outlook's "increase indent" is a blockquote without a line at its side."""
    if element.get("type") == "cite" or element.get("class"):
        return False
    style = str(element.get("style") or "").lower().replace(" ", "")
    return "border:none" in style or "border:medium" in style


def is_hidden(element: Any) -> bool:
    style = element.get("style") if element.attrib else None
    return bool(style) and "display:none" in str(style)[:500].lower().replace(" ", "")


def is_tight(element: Any) -> bool:
    """Outlook's paragraphs are lines; empty ones stand between them."""
    return element.tag == "p" and str(element.get("class") or "").startswith(("Mso", "x_Mso"))


def is_worth_showing(target: str, text: str) -> bool:
    """The address of a link whose text is not that address already."""
    if not target.startswith(_SHOWN) or len(target) > 2_000:
        return False
    bare = target.partition("://")[2].rstrip("/").lower()
    return text.lower().removeprefix("https://").removeprefix("http://").rstrip("/…. ") not in {
        bare,
        bare.removeprefix("www."),
    }
