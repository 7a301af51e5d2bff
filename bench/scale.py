"""How much a benchmark does: all of it, or as little as shows that it runs.

REALMSYNC_BENCH=small makes it little, as `make test` does: then nothing is measured.
"""

from __future__ import annotations

import os

IS_SMALL = os.environ.get("REALMSYNC_BENCH") == "small"


def scaled(full: int, *, least: int = 1) -> int:
    """A number of objects, sessions or rounds; small ones keep their order where it matters."""
    return max(full // 250, least) if IS_SMALL else full
