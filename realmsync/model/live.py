"""Live results: who listens to a query, on which event loop, and the threads that look.

What a query selects and how that differs from before is found in the core (`_core.LiveQuery`), on
threads of this module, without the GIL. A listener is told of one change at a time: only when it
has been told does the core look again, so however slow a listener is, what it missed becomes one
change.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from realmsync import _core
from realmsync.callbacks import Callback
from realmsync.errors import IllegalOperationError
from realmsync.process import tell_forks

logger = logging.getLogger("realmsync.sdk")

T = TypeVar("T")
C = TypeVar("C")  # a kind of change

THREADS = 2  # that look, for all realms: a query that takes long holds up one of them


@dataclass(frozen=True)
class CollectionChanges(Generic[T]):
    """How results differ from those that were told before, by positions.

    To keep a list in step: take the deletions away, from behind, then put in the insertions, from
    the front. An object that moves is deleted and inserted. Modified are objects that were written
    and stay where they are: at `modifications_old` before, at `modifications_new` now, in pairs.
    """

    deletions: tuple[int, ...]  # among those before
    insertions: tuple[int, ...]  # among those now
    modifications_old: tuple[int, ...]
    modifications_new: tuple[int, ...]
    is_initial: bool  # the first one, in which nothing has changed yet
    results: Sequence[T] = field(compare=False, repr=False)
    """The objects now, as `snapshot()` gives them: what the positions belong to."""


class Sink(Protocol):
    """Who is told; from threads that look."""

    def deliver(self, changes: Any, is_last: bool = False) -> None: ...
    def fail(self, error: Exception) -> None: ...
    def end(self) -> None: ...


class Looking(Protocol):
    """What looks whether something has changed, on a thread that looks."""

    def look(self) -> None: ...
    def nudge(self) -> None: ...
    def close(self) -> None: ...


class Told(Protocol):
    """A listener's side of it: one change at a time, each after arm()."""

    def arm(self) -> None: ...
    def close(self) -> None: ...


class LiveQueries:
    """What of one realm somebody listens to. They end with it."""

    def __init__(self) -> None:
        self._all: set[Looking] = set()

    def add(self, one: Looking) -> None:
        self._all.add(one)

    def discard(self, one: Looking) -> None:
        self._all.discard(one)

    def nudge(self) -> None:
        """Perhaps another process has written."""
        for one in list(self._all):
            one.nudge()

    def close(self) -> None:
        """Ends all; waits for looks under way, which end soon."""
        for one in list(self._all):
            one.close()


class Listening:
    """A query that one listener is told of, until it is closed."""

    def __init__(
        self,
        owner: LiveQueries,
        sink: Sink,
        keep: Callable[[_core.Selection], Sequence[Any]],
        **query: Any,
    ) -> None:
        self._owner, self._sink, self._keep = owner, sink, keep
        number, queue = join_lookers(self)
        self._query = _core.LiveQuery(queue=queue, number=number, **query)
        owner.add(self)

    def arm(self) -> None:
        """The listener can be told of something."""
        self._query.arm()

    def nudge(self) -> None:
        self._query.nudge()

    def look(self) -> None:
        """On a thread that looks."""
        try:
            news = self._query.look()
        except Exception as error:
            self._sink.fail(error)
            self.close()
            return
        if news is None:
            self._query.arm()
        else:
            selection, gone, new, written_old, written_new, is_first = news
            results = self._keep(selection)
            self._sink.deliver(
                CollectionChanges(gone, new, written_old, written_new, is_first, results)
            )

    def close(self) -> None:
        """The listener is told of nothing any more. Idempotent."""
        self._owner.discard(self)
        self._sink.end()
        self._query.close()


class Listener(Callback):
    """A callback with two arguments: the results, and what has changed."""

    listening: Told

    def deliver(self, changes: Any, is_last: bool = False) -> None:
        self(changes.results, changes)

    def here(self, *arguments: Any) -> None:
        try:
            super().here(*arguments)
        finally:
            self.listening.arm()

    def fail(self, error: Exception) -> None:
        if self._loop is None:
            logger.error("a live query has failed", exc_info=error)
            return
        context = {"message": "a live query has failed", "exception": error}
        _tell(self._loop, self._loop.call_exception_handler, context)


class Changes(Generic[C]):
    """What `async for` goes through: the initial change, then one after the other.

    Ends when the realm is closed, or the object is gone. Dropped or closed, it listens no more.
    """

    def __init__(self, listen: Callable[[Sink], Told]) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise IllegalOperationError(
                "changes() is for `async for`, and no event loop is running: add_listener calls"
                " back without one"
            ) from None
        self._arrived = asyncio.Event()
        self._news: C | None = None
        self._error: Exception | None = None
        self._is_over = False
        self._is_asked = True
        self._listening = listen(_ToIterator(self))
        self._listening.arm()

    def __aiter__(self) -> Changes[C]:
        return self

    async def __anext__(self) -> C:
        while self._news is None:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self._is_over:
                raise StopAsyncIteration
            if not self._is_asked:
                self._is_asked = True
                self._listening.arm()
            self._arrived.clear()
            await self._arrived.wait()
        news, self._news, self._is_asked = self._news, None, False
        return news

    async def aclose(self) -> None:
        """Ends it. Idempotent."""
        self._listening.close()

    def __del__(self) -> None:
        if hasattr(self, "_listening"):
            self._listening.close()

    def _arrive(
        self,
        news: C | None = None,
        error: Exception | None = None,
        is_over: bool = False,
    ) -> None:
        self._news = news or self._news
        self._error = error or self._error
        self._is_over |= is_over
        self._arrived.set()


class _ToIterator:
    """Keeps no iterator alive: one that is dropped ends."""

    def __init__(self, changes: Changes[Any]) -> None:
        self._changes = weakref.ref(changes)

    def deliver(self, changes: Any, is_last: bool = False) -> None:
        self._arrive(changes, None, is_last)

    def fail(self, error: Exception) -> None:
        self._arrive(None, error, True)

    def end(self) -> None:
        self._arrive(None, None, True)

    def _arrive(self, *what: Any) -> None:
        changes = self._changes()
        if changes is not None:
            _tell(changes._loop, changes._arrive, *what)


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *what: Any) -> None:
    try:
        loop.call_soon_threadsafe(call, *what)
    except RuntimeError:
        logger.debug("a listener's event loop is closed")


class _Lookers:
    """The threads that look, and what they look for. They live as long as the process."""

    def __init__(self) -> None:
        self.queue = _core.LiveQueue()
        self.listening: weakref.WeakValueDictionary[int, Looking] = weakref.WeakValueDictionary()
        for _ in range(THREADS):
            threading.Thread(target=self._work, name="realmsync-live", daemon=True).start()
        tell_forks(self)

    def _on_fork(self) -> None:
        global _all_lookers
        _all_lookers = None

    def _work(self) -> None:
        while True:
            one = self.listening.get(self.queue.pop())
            if one is not None:
                one.look()
            del one  # nothing is kept alive by waiting


_numbers = itertools.count(1)
_all_lookers: _Lookers | None = None
_making = threading.Lock()


def _lookers() -> _Lookers:
    global _all_lookers
    with _making:
        if _all_lookers is None:
            _all_lookers = _Lookers()
        return _all_lookers


def join_lookers(one: Looking) -> tuple[int, _core.LiveQueue]:
    """The number under which it is asked to look, and the queue for that number."""
    lookers = _lookers()
    number = next(_numbers)
    lookers.listening[number] = one
    return number, lookers.queue
