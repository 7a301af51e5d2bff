"""File descriptors of this process: how many it may have, and has."""

from __future__ import annotations

import resource
from pathlib import Path


def raise_descriptor_limit() -> None:
    """Lets this process open as much as the system allows it, instead of what a shell gives."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems allow less than they say, and go on with what there is.
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        return


def descriptor_limit() -> int:
    """How many descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def descriptors_in_use() -> int:
    """How many it has."""
    return sum(1 for _ in Path("/dev/fd").iterdir())
