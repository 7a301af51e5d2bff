"""Threads for Python functions of an application that are no coroutine functions.

One cannot be stopped: a thread whose call has run out of time is its user's until it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from realmsync.server.functions.port import FunctionFailed
from realmsync.server.functions.turns import Turns

_THREADS = 8


class Threads:
    """The threads of one application, of which a user has at most half."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="realmsync-functions")
        self._turns = Turns(_THREADS, _THREADS // 2)

    def close(self) -> None:
        """What has begun goes on to its end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def begin(self, user: str, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Begins work when it is the user's turn. Raises FunctionFailed."""
        await self._turns.take(user)
        loop = asyncio.get_running_loop()

        def ended(_: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._turns.give_back, user)

        try:
            running = self._pool.submit(copy_context().run, work)
        except RuntimeError:
            self._turns.give_back(user)
            raise FunctionFailed("the server stops") from None
        running.add_done_callback(ended)
        return asyncio.wrap_future(running)
