"""How long a piece of work takes.

The fastest of several repeats counts; the others tell what else the machine was doing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

REPEATS = 5


def best(run: Callable[[], object], *, repeats: int = REPEATS) -> float:
    """Processor seconds of the fastest of several repeats, after one that compiles."""
    run()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)
