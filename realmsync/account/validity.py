"""How long a token is still good, by clocks that may be wrong.

A token says when it ends by the server's clock. One that this process has received is judged by its
length and by the time since, on a clock that nobody sets. One that an earlier run has stored is
judged by this machine's time of day: if that is wrong, a token is renewed once without need, or the
server has the last word (client-session.md 11.3).
"""

from __future__ import annotations

import time
from typing import NamedTuple

from realmsync.account.http import Claims

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # on macOS they are the same


def steady() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


def time_of_day() -> float:
    """Seconds since 1970, as this machine believes."""
    return time.time()


class Validity(NamedTuple):
    """Of one token, now. Seconds."""

    length: int  # from when it was issued to its end; 0 if it does not say
    left: float  # for which it is good, negative when it no longer is


def validity(claims: Claims, received_at: float | None) -> Validity:
    """`received_at` is when the token was received, by `steady`; None for one of an earlier run."""
    length = max(claims.expires_at - claims.issued_at, 0)
    if received_at is not None and length > 0:
        return Validity(length, received_at + length - steady())
    return Validity(length, claims.expires_at - time_of_day())
