"""What the writer wrote, apart from what he answered to: a mail's text -> parts. Pure."""

from collections.abc import Iterable

from mailbridge.letter import Part


def trim(text: str, is_forward: bool = False) -> tuple[Part, ...]:
    """The text in parts; joined they are the whole text. `is_forward`: the subject said that a mail is passed on."""
    return (Part("own", text),) if text else ()


def own_text(parts: Iterable[Part]) -> str:
    return "".join(part.text for part in parts if part.kind in {"own", "forward"})


def folded_text(parts: Iterable[Part]) -> str:
    return "".join(part.text for part in parts if part.kind in {"quote", "signature"})
