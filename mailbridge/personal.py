"""Links and addresses in our mails that let their reader act without signing in: taken out of what everyone may read. Pure."""

import re

from forum.tokens import Tokens

_LINKS = {"c": "change", "u": "unsubscribe", "r": "resume", "held": "held"}
_ADDRESSES = {"r": "reply", "a": "held"}
# Mail gateways write "%2F" where they put our address into one of their own.
_LINK = re.compile(r"(?P<slash>/|%2F)(?P<page>c|u|r|held)(?P=slash)(?P<token>[a-z2-7]{16,80})", re.I)
_ADDRESS = re.compile(r"\+(?P<word>[ra])\.(?P<token>[a-z2-7]{16,80})@", re.I)


def without_personal(text: str, tokens: Tokens) -> str:
    """Who answers or forwards a receipt quotes its link; who answers their own sent mail, the address that proves who they are."""

    def link(found: re.Match[str]) -> str:
        is_ours = tokens.read(_LINKS[found["page"].lower()], found["token"])
        return f"{found['slash']}{found['page']}{found['slash']}…" if is_ours else found[0]

    def address(found: re.Match[str]) -> str:
        return "@" if tokens.read(_ADDRESSES[found["word"].lower()], found["token"]) else found[0]

    return _ADDRESS.sub(address, _LINK.sub(link, text))
