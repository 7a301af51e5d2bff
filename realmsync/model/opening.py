"""Something that is being opened, for one who awaits it and may give up meanwhile.

A coroutine to event loops and task groups, but begun at once, with a task of its own. What is
opened, and how, is for the subclass.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Coroutine, Generator
from typing import Any, Protocol, TypeVar

from realmsync.errors import OpenCancelledError
from realmsync.naming import Explained


class Closable(Protocol):
    """What can be opened: it is closed at once, or as a context is left."""

    def close(self) -> None: ...
    async def __aexit__(self, *raised: object) -> None: ...


T = TypeVar("T", bound=Closable)


class Opening(Explained, Coroutine[Any, Any, T]):
    """Begins at once where an event loop is running, else when it is awaited."""

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None
        self._cancelled = False
        self._taken = False  # somebody has got what was opened
        self._awaited: Coroutine[Any, Any, T] | None = None  # as a coroutine
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            self._begin()

    def cancel(self) -> None:
        """Gives up: awaiting raises OpenCancelledError. Nothing when it is open."""
        if self._task is None or not self._task.done():
            self._cancelled = True
            if self._task is not None:
                self._task.cancel()

    def _begin(self) -> asyncio.Task[T]:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
            if self._cancelled:
                self._task.cancel()
        return self._task

    @abstractmethod
    async def _run(self) -> T:
        """Opens. Cancelled, it leaves nothing open."""

    async def _join(self) -> T:
        task = self._begin()
        try:
            await asyncio.wait([task])
        except BaseException as reason:
            self._give_up()
            if isinstance(reason, asyncio.CancelledError):
                await asyncio.wait([task])
            raise
        if task.cancelled() and self._cancelled:
            raise OpenCancelledError("Async open canceled")
        opened = task.result()
        self._taken = True
        return opened

    def _give_up(self) -> None:
        task = self._begin()
        if task.cancel() or task.cancelled() or task.exception() is not None:
            return
        if not self._taken:
            task.result().close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._join().__await__()

    # As a coroutine, which is awaited once.

    def _coroutine(self) -> Coroutine[Any, Any, T]:
        if self._awaited is None:
            self._awaited = self._join()
        return self._awaited

    def send(self, value: Any) -> Any:
        """Goes on, as event loops do it."""
        return self._coroutine().send(value)

    def throw(self, *error: Any) -> Any:
        """Goes on with an exception, as event loops do it."""
        if self._awaited is None:
            self._give_up()
        return self._coroutine().throw(*error)

    def close(self) -> None:
        """Gives up without waiting, as event loops do it."""
        self._coroutine().close()
        if self._task is not None:
            self._give_up()

    async def __aenter__(self) -> T:
        return await self

    async def __aexit__(self, *raised: object) -> None:
        await self._begin().result().__aexit__(*raised)
