"""Wait: who waits for an upload or a download of a session, and how he hears of the outcome.

When a wait is over is decided in csrc/client/waits.hpp; session.py keeps them by number.
"""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from realmsync.errors import SyncError

logger = logging.getLogger("realmsync.sync.client.session")


class Wait(NamedTuple):
    """Who waits: a future, and the loop that it belongs to."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[bool]

    def resolve(self, error: SyncError | None) -> None:
        """From any thread."""
        try:
            self.loop.call_soon_threadsafe(self._resolve, error)
        except RuntimeError:
            logger.debug("the event loop of a wait is closed")

    def _resolve(self, error: SyncError | None) -> None:
        if self.future.done():
            return  # nobody waits any more
        if error is None:
            self.future.set_result(True)
        else:
            self.future.set_exception(error)
