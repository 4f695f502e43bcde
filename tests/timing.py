"""How long something takes of this machine's time."""

import time
from collections.abc import Callable


def cpu_s(act: Callable[[], object]) -> float:
    """Seconds of CPU, the best of three: whatever else the machine does only ever adds."""
    return min(_once(act) for _ in range(3))


def _once(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began
