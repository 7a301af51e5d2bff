"""Waiting in an event loop for the turn to write: no thread waits, every wait can be cancelled.

The queue itself is the core's, one per file in the process (csrc/realm/writer_queue.hpp). It
signals a descriptor when the turn of a ticket has come; other processes' writes are waited for by
looking again after a pause.
"""

from __future__ import annotations

import asyncio
import contextlib

from realmsync import _core
from realmsync.errors import (
    ClosedRealmError,
    WriteTimeoutError,
    WrongTransactionStateError,
)

_FIRST_PAUSE = 0.001  # seconds between two looks at another process that writes
_LONGEST_PAUSE = 0.05


class Waiting:
    """One place in the queue; `end` gives it up."""

    def __init__(self, turns: Turns, ticket: _core.WriteTicket, *, is_writer: bool) -> None:
        self.ticket = ticket
        self.is_writer = is_writer
        self.is_late = False
        self.woken = asyncio.Event()
        self.timer: asyncio.TimerHandle | None = None
        self._turns = turns
        self._pause = _FIRST_PAUSE

    def expire(self) -> None:
        """The time is over."""
        self.is_late = True
        self.woken.set()

    async def granted(self) -> None:
        """Waits for the turn. WriteTimeoutError, ClosedRealmError."""
        while not self.ticket.granted:
            self._check()
            self.woken.clear()
            await self.woken.wait()

    async def pause(self) -> None:
        """In its turn: gives another process time to end its writing."""
        self._check()
        timer = asyncio.get_running_loop().call_later(self._pause, self.woken.set)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self.woken.clear()
        try:
            await self.woken.wait()
        finally:
            timer.cancel()

    def _check(self) -> None:
        if self.is_late:
            raise WriteTimeoutError("The file's other writers took longer than allowed")
        if self.is_writer and self._turns.is_closed:
            raise ClosedRealmError("Cannot access realm that has been closed.")

    def end(self) -> None:
        self.ticket.cancel()
        if self.timer is not None:
            self.timer.cancel()
        self._turns.forget(self)


class Turns:
    """The places that one Realm has in its file's queue."""

    def __init__(self) -> None:
        self._wake: _core.WakeUp | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # that listens to it
        self._waiting: dict[Waiting, None] = {}  # in the order of the queue
        self.writers = 0
        self.is_closed = False

    def request(
        self, file: _core.RealmFile, timeout: float | None = None, *, is_writer: bool = True
    ) -> Waiting:
        """A place behind all others. `timeout` in seconds."""
        loop = asyncio.get_running_loop()
        wake = self._listen(loop)
        waiting = Waiting(self, _core.WriteTicket(file, wake), is_writer=is_writer)
        self._waiting[waiting] = None
        self.writers += is_writer
        if timeout is not None:
            waiting.timer = loop.call_later(max(timeout, 0), waiting.expire)
        return waiting

    def forget(self, waiting: Waiting) -> None:
        if waiting not in self._waiting:
            return
        del self._waiting[waiting]
        self.writers -= waiting.is_writer
        if not self._waiting and self._loop is not None and self._wake is not None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed
                self._loop.remove_reader(self._wake.fileno())
            self._loop = None

    def close(self) -> None:
        """Ends the waits of writers with ClosedRealmError."""
        self.is_closed = True
        for waiting in self._waiting:
            with contextlib.suppress(RuntimeError):
                waiting.woken.set()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> _core.WakeUp:
        if self._wake is None:
            self._wake = _core.WakeUp()
        if self._loop is None or self._loop.is_closed():
            loop.add_reader(self._wake.fileno(), self._look)
            self._loop = loop
        elif self._loop is not loop:
            raise WrongTransactionStateError("Writers of another event loop wait for this Realm")
        return self._wake

    def _look(self) -> None:
        assert self._wake is not None
        self._wake.reset()
        for waiting in self._waiting:
            if waiting.ticket.granted:
                waiting.woken.set()
                return
