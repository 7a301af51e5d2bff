"""What progress callbacks are given, and in which form they want it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Bytes transferred, bytes in all, and an estimate from 0.0 to 1.0."""

    transferred: int
    transferable: int
    estimate: float


def progress_function(callback: Callable[..., object]) -> Callable[[Progress], object]:
    """Callables with two required parameters get (transferred, transferable)."""
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):  # built-in callables without a signature
        return callback
    positional = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    if len(positional) != 2:
        return callback
    return lambda p: callback(p.transferred, p.transferable)
