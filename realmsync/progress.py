"""What progress callbacks are given, and in which form they want it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from realmsync.callbacks import is_async


@dataclass(frozen=True)
class Progress:
    """How far a transfer is: bytes of changes transferred, bytes in all, and an estimate.

    Both numbers count since the file exists, uncompressed, so they do not begin with 0 in a file
    that has synchronised before. `transferable` is what is transferred plus what is known to be
    outstanding: it grows with each write (uploads), and with what others write (downloads).

    `estimate` runs from 0.0 to 1.0 over what was outstanding since the transfer was last complete,
    for downloads since the session started: (transferred - then) / (transferable - then). It is 1.0
    when nothing is outstanding, also before the server has said whether there is anything, and it
    falls when more comes.
    """

    transferred: int
    transferable: int
    estimate: float


def progress_function(callback: Callable[..., Any]) -> Callable[[Progress], object]:
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
    if is_async(callback):

        async def asynchronous(p: Progress) -> None:
            await callback(p.transferred, p.transferable)

        return asynchronous
    return lambda p: callback(p.transferred, p.transferable)
