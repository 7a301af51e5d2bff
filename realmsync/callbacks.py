"""How the application is called back, whoever does it: one rule for every kind of callback.

A callback runs on the event loop that was running where it was registered, in the order of the
calls; what it raises goes to that loop's exception handler. Without a running loop it runs at once
on the thread that has the news, must not block there, and what it raises is logged. When its loop
is closed nobody listens any more, and nothing happens.

A callback may be asynchronous: an `async def`, a method or partial of one, an object whose call is
one, or any function that gives a coroutine. It becomes a task of that loop, so the beginnings are
in the order of the calls and a long one does not hold up the next. Where no loop is running there
is none to run it, and registering it is refused.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from realmsync.errors import InvalidArgumentError

logger = logging.getLogger("realmsync.sdk")

Listener = Callable[[], object]

# asyncio holds its tasks weakly: without these a callback might end in the middle.
_running: set[asyncio.Task[Any]] = set()


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling it gives a coroutine, as far as that can be known beforehand."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004 - of the class, as a call takes it
    )


def has_two_parameters(function: Callable[..., object]) -> bool:
    """Whether it wants two arguments: positional parameters without a default are counted."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built-in callables without a signature
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is p.empty for p in parameters) == 2


class Callback:
    """A callback with the loop that registered it.

    Raises InvalidArgumentError for what cannot be called, and for an asynchronous function where
    no event loop is running.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        if not callable(function):
            raise InvalidArgumentError(f"a callback must be callable, got {function!r}")
        self.function = function
        self._is_over = False
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        if self._loop is None and is_async(function):
            raise InvalidArgumentError(
                f"{function!r} is asynchronous, and no event loop is running that could run it"
            )

    def __call__(self, *arguments: Any) -> None:
        """Calls back, from any thread."""
        if self._loop is None:
            try:
                self.here(*arguments)
            except Exception:
                logger.exception("callback failed")
            return
        try:
            self._loop.call_soon_threadsafe(self.here, *arguments)
        except RuntimeError:
            logger.debug("a callback's event loop is closed")

    def end(self) -> None:
        """Nothing is called any more, not even what is on its way to the loop."""
        self._is_over = True

    async def complete(
        self, call: Callable[[Callable[..., Any]], Coroutine[Any, Any, None]]
    ) -> None:
        """Has `call(function)` run where callbacks do, and waits for its end.

        Raises what it does. From another loop than the callback's own; nothing happens when that
        one is closed.
        """
        work = call(self.function)
        if self._loop is None:
            await work
        elif self._loop.is_closed():
            work.close()
            logger.debug("a callback's event loop is closed")
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def here(self, *arguments: Any) -> None:
        """Calls back at once, on this thread: the loop's, if there is one. Raises what it does."""
        if self._is_over:
            return
        outcome = self.function(*arguments)
        if not inspect.iscoroutine(outcome):
            return
        if self._loop is None:
            outcome.close()
            raise InvalidArgumentError(f"{self.function!r} gave a coroutine, and no loop runs it")
        self._start(self._loop, outcome)

    def _start(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> None:
        task = loop.create_task(work)
        _running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        _running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            context = {"message": "callback failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)


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
