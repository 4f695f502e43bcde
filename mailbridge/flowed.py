"""Plain text as format=flowed, so that it wraps on a phone and is still 78 columns elsewhere (RFC 3676). Pure."""

import re

WIDTH = 74


def flow(text: str) -> str:
    """Long lines broken with a space at their end, which a reader joins again; lines end with CRLF."""
    return "\r\n".join(piece for line in text.splitlines() for piece in _flow_line(line.rstrip())) + "\r\n"


def _flow_line(line: str) -> list[str]:
    quote = re.match(r">[> ]*", line)
    if quote:
        depth = quote[0].count(">")
        return [">" * depth + " " + piece for piece in _wrap(line[len(quote[0]) :])]
    return [_stuffed(piece) for piece in _wrap(line)]


def _stuffed(line: str) -> str:
    """4.4: a line that begins with a space, "From " or ">" gets a space that the reader takes away again."""
    return " " + line if line.startswith((" ", "From ", ">")) else line


def _wrap(line: str) -> list[str]:
    """Never after so few letters that a line could be "-- ", which begins a signature (4.3)."""
    out, rest = [], line
    while len(rest) > WIDTH and (cut := rest.rfind(" ", 3, WIDTH)) > 0:
        out.append(rest[:cut] + " ")
        rest = rest[cut + 1 :]
    return [*out, rest]
