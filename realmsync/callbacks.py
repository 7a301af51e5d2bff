"""How the application is called back: on the event loop on which it registered, in order.

Without a running loop at registration the callback runs on the sync client's own thread; it must
not block there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("realmsync.sync")


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


Listener = Callable[[], object]


class Listeners:
    """Callbacks without arguments, each called on the event loop that registered it."""

    def __init__(self) -> None:
        self._callbacks: dict[Listener, asyncio.AbstractEventLoop | None] = {}

    def add(self, callback: Listener) -> None:
        if callback in self._callbacks:
            raise ValueError("Remove callback before adding it again")
        try:
            self._callbacks[callback] = asyncio.get_running_loop()
        except RuntimeError:
            self._callbacks[callback] = None

    def remove(self, callback: Listener) -> None:
        self._callbacks.pop(callback, None)

    def clear(self) -> None:
        self._callbacks.clear()

    def notify(self) -> None:
        for callback, loop in list(self._callbacks.items()):
            if loop is None:
                callback()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(callback)
