"""The line before what few calls can have at once: processes of JavaScript, threads of Python.

A user has at most a part of it, so that his slow functions keep only himself waiting; all others
have their turns beside him. Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from realmsync.server.connections import decrement
from realmsync.server.functions.port import FunctionFailed

# Calls that wait, in all and of one user.
_WAITING = 100
_WAITING_PER_USER = 25


class Turns:
    """Turns for `places` calls at once, of which one user may have `per_user`."""

    def __init__(self, places: int, per_user: int) -> None:
        self._places = places
        self._per_user = per_user
        self._running: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        # In the order of their coming; who is passed over has as many places as he may have.
        self._line: dict[asyncio.Future[None], str] = {}

    @asynccontextmanager
    async def of(self, user: str) -> AsyncIterator[None]:
        """A turn of a user. Raises FunctionFailed when too many wait."""
        await self.take(user)
        try:
            yield
        finally:
            self.give_back(user)

    async def take(self, user: str) -> None:
        """Begins a turn, as `of` does; `give_back` ends it."""
        if self._may_run(user):
            self._running[user] += 1
            return
        if len(self._line) >= _WAITING or self._waiting[user] >= _WAITING_PER_USER:
            raise FunctionFailed("too many functions run at once, try again later")
        turn = asyncio.get_running_loop().create_future()
        self._line[turn] = user
        self._waiting[user] += 1
        try:
            await turn
        except asyncio.CancelledError:
            if self._line.pop(turn, None) is None:  # it was given its turn, and leaves all the same
                self.give_back(user)
            raise
        finally:
            decrement(self._waiting, user)

    def give_back(self, user: str) -> None:
        """Ends a turn: the next ones who may begin theirs."""
        decrement(self._running, user)
        for turn, waiting in list(self._line.items()):
            if not turn.done() and self._may_run(waiting):  # done: given up, and about to leave
                del self._line[turn]
                self._running[waiting] += 1
                turn.set_result(None)

    def _may_run(self, user: str) -> bool:
        return self._running.total() < self._places and self._running[user] < self._per_user
