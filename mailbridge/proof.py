"""Whether a mail is from whom it says (RFC 8601): what our own front mail server found out about it. Pure."""

import re
from collections.abc import Sequence


def proven(author: str, authentication: Sequence[str], trusted: str) -> str:
    """ "dmarc", "dkim", "spf" or "none" for this From address. Only the topmost result of the trusted server counts: others may be forged."""
    domain = author.rpartition("@")[2].casefold()
    result = next((value for value in authentication if trusted and _server(value) == trusted.casefold()), None)
    if result is None or not domain:
        return "none"
    methods = [_without_comments(part) for part in result.split(";")[1:]]
    checks = (("dmarc", "header.from"), ("dkim", "header.d"), ("dkim", "header.i"), ("spf", "smtp.mailfrom"))
    return next((method for method, of in checks if any(_passes(part, method, of, domain) for part in methods)), "none")


def _server(value: str) -> str:
    return (_without_comments(value).split(";")[0].split() or [""])[0].casefold()


def _passes(part: str, method: str, of: str, domain: str) -> bool:
    """The method passed for the From domain itself, or for the domain above it that signs for all below."""
    words = dict(word.split("=", 1) for word in part.casefold().split() if "=" in word)
    for_domain = words.get(of, "").strip('"<>').rpartition("@")[2]
    aligned = for_domain == domain or (method == "dkim" and "." in for_domain and domain.endswith("." + for_domain))
    return words.get(method) == "pass" and aligned


def _without_comments(value: str) -> str:
    while (shorter := re.sub(r"\([^()]*\)", " ", value)) != value:
        value = shorter
    return value
