"""A mail as a door took it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Arrival:
    """A mail as a door took it."""

    sender: str  # of the envelope; "" for a bounce
    recipients: Sequence[str]
    raw: bytes
    peer: str
    vouched: bool = False  # whether who hands it in answers for its From

    @property
    def by_smtp(self) -> bool:
        """Not by a command, where there may be no envelope at all."""
        return self.peer not in ("inject", "explain")
