"""Wait: who waits for a transfer or the end of a session, and how he hears of the outcome.

When a wait is over is decided in csrc/client/waits.hpp. Specification: client-session.md 5.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
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


class Waits:
    """The waits of one session. Wants its lock, but for those that have failed."""

    def __init__(self) -> None:
        self.for_release: list[Wait] = []  # of the file, by a session that stops
        self._transfers: dict[int, Wait] = {}  # by the engine's number
        self._failed: list[tuple[Wait, int, str]] = []  # on the sync client's thread

    def add(self, number: int, wait: Wait) -> None:
        """For a transfer."""
        self._transfers[number] = wait

    def take(self, number: int) -> Wait | None:
        """It is over; None when nobody waits any more."""
        return self._transfers.pop(number, None)

    @property
    def has_openings(self) -> bool:
        """Whether one is for a realm that is being opened."""
        return any(wait.to_open for wait in self._transfers.values())

    def end_openings(self, error: RealmError) -> None:
        """Nothing is opened any more; the others go on."""
        for number, wait in list(self._transfers.items()):
            if wait.to_open:
                del self._transfers[number]
                wait.resolve(error)

    def end(self, error: RealmError) -> None:
        """Nothing is transferred any more."""
        waits, self._transfers = self._transfers, {}
        for wait in waits.values():
            wait.resolve(error)

    def resolve_release(self, error: RealmError | None) -> None:
        """The file is free, or will not be."""
        waits, self.for_release = self.for_release, []
        for wait in waits:
            wait.resolve(error)

    def fail_later(self, wait: Wait, status: int, message: str) -> None:
        """Until `fail` knows what to say."""
        self._failed.append((wait, status, message))

    def fail(self, error_of: Callable[[int, str], RealmError]) -> None:
        """Tells those that have failed."""
        failed, self._failed = self._failed, []
        for wait, status, message in failed:
            wait.resolve(error_of(status, message))
