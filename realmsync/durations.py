"""Time-outs as they are given: numbers of seconds, timedeltas, or none."""

from __future__ import annotations

import math
from datetime import timedelta
from numbers import Real

from realmsync.errors import InvalidArgumentError


def seconds_of(timeout: float | timedelta | None, name: str = "timeout") -> float | None:
    """A time-out in seconds. InvalidArgumentError, with its name, for what is none."""
    if isinstance(timeout, timedelta):
        timeout = timeout.total_seconds()
    if timeout is None:
        return None
    if not isinstance(timeout, Real) or isinstance(timeout, bool) or math.isnan(timeout):
        raise InvalidArgumentError(
            f"{name} must be a number of seconds, a timedelta or None, got {timeout!r}"
        )
    if timeout < 0:
        raise InvalidArgumentError(f"{name} must not be negative, got {timeout!r}")
    return float(timeout)
