"""What the writer wrote, apart from what he answers to: a mail's text -> parts. Folds, never throws away. Pure."""

from mailbridge.quotes.trimming import Trimmed, folded_text, own_text, trim, trimmed

__all__ = ["Trimmed", "folded_text", "own_text", "trim", "trimmed"]
