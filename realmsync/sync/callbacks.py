"""How the application is called back: on the event loop on which it registered, in order.

Without a running loop at registration the callback runs on the sync client's own thread; it must
not block there.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger("realmsync.sync")


@dataclass(frozen=True)
class Progress:
    """Bytes transferred, bytes in all, and an estimate from 0.0 to 1.0."""

    transferred: int
    transferable: int
    estimate: float


def current_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that is running here, if one is."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Callback:
    """A callback with the loop that registered it."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function
        self.loop = current_loop()

    def __call__(self, *arguments: Any) -> None:
        if self.loop is None:
            try:
                self.function(*arguments)
            except Exception:
                logger.exception("callback failed")
            return
        try:
            self.loop.call_soon_threadsafe(self.function, *arguments)
        except RuntimeError:  # the loop is closed: nobody listens any more
            logger.debug("a callback's event loop is closed")


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
