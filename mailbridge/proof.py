"""Whether a mail is from whom it says (RFC 8601): what our own front mail server found out about it. Pure."""

from collections.abc import Sequence


def proven(author: str, authentication: Sequence[str], trusted: str) -> str:
    """ "dmarc", "dkim", "spf" or "none" for this From address.

    Only the topmost result of the trusted server counts: others may be forged.
    """
    domain = author.rpartition("@")[2].casefold()
    result = next((value for value in authentication if trusted and _server(value) == trusted.casefold()), None)
    if result is None or not domain:
        return "none"
    methods = _plain(result).split(";")[1:100]
    checks = (("dmarc", "header.from"), ("dkim", "header.d"), ("dkim", "header.i"), ("spf", "smtp.mailfrom"))
    return next((method for method, of in checks if any(_passes(part, method, of, domain) for part in methods)), "none")


def _server(value: str) -> str:
    return (_plain(value).split(";")[0].split() or [""])[0].casefold()


def _passes(part: str, method: str, of: str, domain: str) -> bool:
    """The method passed for the From domain itself, or for the domain above it that signs for all below."""
    words = dict(word.split("=", 1) for word in part.casefold().split() if "=" in word)
    for_domain = words.get(of, "").strip('"<>').rpartition("@")[2]
    aligned = for_domain == domain or (method == "dkim" and "." in for_domain and domain.endswith("." + for_domain))
    return words.get(method) == "pass" and aligned


def _plain(value: str) -> str:
    """Without comments, and no quoted string looks like more than a word: senders choose what stands in them."""
    out: list[str] = []
    depth, is_quoted, is_escaped = 0, False, False
    for letter in value:
        kept = letter
        if is_escaped or letter == "\\":
            is_escaped, kept = not is_escaped, "_"
        elif letter == '"' and not depth:
            is_quoted = not is_quoted
        elif letter in "()" and not is_quoted:
            depth, kept = max(0, depth + (1 if letter == "(" else -1)), " "
        elif is_quoted and (letter in ";=" or letter.isspace()):
            kept = "_"
        if not depth:
            out.append(kept)
    return "".join(out)
