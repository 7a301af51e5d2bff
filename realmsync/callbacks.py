"""How the application is called back, whoever does it: one rule for every kind of callback.

A callback runs on the event loop that was running where it was registered, in the order of the
calls; what it raises goes to that loop's exception handler. Without a running loop it runs at once
on the thread that has the news, must not block there, and what it raises is logged. When its loop
is closed nobody listens any more, and nothing happens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("realmsync.sync")  # the client's

Listener = Callable[[], object]


class Callback:
    """A callback with the loop that registered it."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def __call__(self, *arguments: Any) -> None:
        if self._loop is None:
            try:
                self.function(*arguments)
            except Exception:
                logger.exception("callback failed")
            return
        try:
            self._loop.call_soon_threadsafe(self.function, *arguments)
        except RuntimeError:
            logger.debug("a callback's event loop is closed")


class Listeners:
    """Callbacks without arguments, known by their functions."""

    def __init__(self) -> None:
        self._callbacks: dict[Listener, Callback] = {}

    def add(self, listener: Listener) -> None:
        """Registers a listener. ValueError when it is one already."""
        if listener in self._callbacks:
            raise ValueError("Remove callback before adding it again")
        self._callbacks[listener] = Callback(listener)

    def remove(self, listener: Listener) -> None:
        """Undoes `add`; unknown ones are ignored."""
        self._callbacks.pop(listener, None)

    def clear(self) -> None:
        """Removes all."""
        self._callbacks.clear()

    def notify(self) -> None:
        """Calls all, in the order in which they came."""
        for callback in list(self._callbacks.values()):
            callback()
