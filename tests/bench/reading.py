"""A million generated mails read: whether one raises, loses text or takes longer than its length allows."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing import get_context

from mailbridge.letter import Letter
from mailbridge.read import read
from mailbridge.read.bodies import gather
from mailbridge.read.mime import split
from tests.bench.generated import mail, ordinary

BATCH = 2_000
# Linear, with room for a noisy machine: what a mail costs at all, each byte, and each line that trimming walks down.
_ALLOWED_S, _ALLOWED_S_A_BYTE, _ALLOWED_S_A_LINE = 0.05, 0.5e-6, 15e-6


@dataclass
class Result:
    """`raised`, `torn` and `slow` hold the numbers of mails, which `generated.mail` makes again."""

    count: int = 0
    size: int = 0
    cpu_s: float = 0.0
    slowest: tuple[float, int] = (0.0, -1)  # seconds, number
    raised: list[int] = field(default_factory=list)
    torn: list[int] = field(default_factory=list)
    slow: list[int] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        self.count += other.count
        self.size += other.size
        self.cpu_s += other.cpu_s
        self.slowest = max(self.slowest, other.slowest)
        self.raised += other.raised
        self.torn += other.torn
        self.slow += other.slow


def read_all(count: int, first: int = 0) -> Result:
    """On all cores we may use; they share nothing."""
    total = Result()
    batches = [range(at, min(at + BATCH, first + count)) for at in range(first, first + count, BATCH)]
    with get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool:
        for result in pool.imap_unordered(read_some, batches):
            total.add(result)
    return total


def read_some(numbers: Iterable[int]) -> Result:
    result = Result()
    for number in numbers:
        raw = mail(number)
        result.count += 1
        result.size += len(raw)
        try:
            took, letter = timed(raw)
            whole = text_of(raw)
        except Exception:  # noqa: BLE001  which is what is looked for
            result.raised.append(number)
            continue
        result.cpu_s += took
        result.slowest = max(result.slowest, (took, number))
        if "".join(part.text for part in letter.parts) != whole:
            result.torn.append(number)
        if took > allowed_s(raw) and min(timed(raw)[0] for _ in range(3)) > allowed_s(raw):
            result.slow.append(number)
    return result


def text_of(raw: bytes) -> str:
    """The whole text of a mail, before anything is folded in it."""
    return gather(split(raw)).text()


def allowed_s(raw: bytes) -> float:
    return _ALLOWED_S + len(raw) * _ALLOWED_S_A_BYTE + raw.count(b"\n") * _ALLOWED_S_A_LINE


def timed(raw: bytes) -> tuple[float, Letter]:
    """Seconds of CPU."""
    began = time.process_time()
    letter = read(raw)
    return time.process_time() - began, letter


def ordinary_s() -> tuple[float, float]:
    """CPU seconds and bytes of one ordinary answer: two hundred of them, the best of five rounds."""
    raws = [ordinary(number) for number in range(200)]
    rounds = [sum(timed(raw)[0] for raw in raws) for _ in range(5)]
    return min(rounds) / len(raws), sum(map(len, raws)) / len(raws)
