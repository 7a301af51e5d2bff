"""What a session tells one `async for`: values in order, and an end with or without an error."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Generic, TypeVar

logger = logging.getLogger("realmsync.sync.client.session")

T = TypeVar("T")


class Stream(Generic[T]):
    """Belongs to the loop on which it was made. Of more than `limit` values the oldest make way."""

    def __init__(self, limit: int | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._values: deque[T] = deque(maxlen=limit)
        self._arrived = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    @property
    def is_empty(self) -> bool:
        """Whether everything that has come was taken."""
        return not self._values

    def put(self, value: T) -> None:
        """Called on its loop."""
        self._values.append(value)
        self._arrived.set()

    def end(self, error: Exception | None = None) -> None:
        """Nothing follows; with an error that is raised. From any thread; the first end counts."""
        try:
            self._loop.call_soon_threadsafe(self._end, error)
        except RuntimeError:
            logger.debug("the event loop of an iterator is closed")

    def _end(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended, self._error = True, error
            self._arrived.set()

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        while not self._values:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._values.popleft()


class Streams:
    """Those of one session. Wants its lock, but to discard one."""

    def __init__(self) -> None:
        self._open: set[Stream[Any]] = set()

    def add(self, stream: Stream[Any]) -> None:
        """It ends with the others."""
        self._open.add(stream)

    def discard(self, stream: Stream[Any]) -> None:
        """Nobody reads it any more."""
        self._open.discard(stream)

    def end(self, error: Exception | None = None) -> None:
        """Ends all that are open."""
        streams, self._open = self._open, set()
        for stream in streams:
            stream.end(error)
