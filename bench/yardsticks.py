"""What our figures are compared with: everyday work of well-known libraries, timed in the same run.

Absolute times depend on the machine and on its neighbours; only the ratio to a yardstick that ran
moments before and after is read.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from typing import Any

from scale import IS_SMALL


def best_of(run: Callable[[], object], rounds: int = 50, warm_up: int = 3) -> float:
    """Shortest time of one call in seconds: what the work costs when nobody disturbs."""
    if IS_SMALL:
        rounds, warm_up = 1, 0
    for _ in range(warm_up):
        run()
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def benchmarked(benchmark: Any, run: Callable[[], object], rounds: int) -> float:
    """The same of pytest-benchmark, which reports all rounds; it is disabled in small runs."""
    benchmark.pedantic(run, rounds=rounds, warmup_rounds=3)
    return best_of(run) if benchmark.disabled else float(benchmark.stats.stats.min)


def zlib_decompress(data: bytes) -> Callable[[], object]:
    """Inflating `data` that was compressed at level 6."""
    compressed = zlib.compress(data, 6)
    return lambda: zlib.decompress(compressed)
