"""Wait: who waits for a transfer or the end of a session, and how he hears of the outcome.

When a wait is over is decided in csrc/client/waits.hpp; session.py keeps them by number.
"""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple, Protocol

from realmsync.errors import RealmError, SyncTimeoutError

logger = logging.getLogger("realmsync.sync.client.session")


class Awaited(Protocol):
    """The session that is waited for."""

    path: str

    def explain(self) -> str: ...


class Wait(NamedTuple):
    """Who waits: a future, and the loop that it belongs to."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[bool]
    to_open: bool  # a realm, which ends with a log-out: all others wait for the next log-in

    @classmethod
    def here(cls, to_open: bool = False) -> Wait:
        """On the loop that is running."""
        loop = asyncio.get_running_loop()
        return cls(loop, loop.create_future(), to_open)

    async def outcome(self, seconds: float | None, doing: str, session: Awaited) -> bool:
        """True, or raises; SyncTimeoutError after so many seconds."""
        try:
            return await asyncio.wait_for(self.future, seconds)
        except asyncio.TimeoutError:
            explanation = session.explain()  # while it is still waited for
            error = SyncTimeoutError(
                f"Timed out: {doing} did not complete in {round((seconds or 0) * 1000)} ms."
            )
            error.explanation = explanation
            logger.info("%s The session of %s: %s", error, session.path, explanation)
            raise error from None

    def resolve(self, error: RealmError | None) -> None:
        """From any thread."""
        try:
            self.loop.call_soon_threadsafe(self._resolve, error)
        except RuntimeError:
            logger.debug("the event loop of a wait is closed")

    def _resolve(self, error: RealmError | None) -> None:
        if self.future.done():
            return  # nobody waits any more
        if error is None:
            self.future.set_result(True)
        else:
            self.future.set_exception(error)
