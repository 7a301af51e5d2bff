"""Write transactions of one Realm: the `with` and `async with` forms, and group commit.

Asynchronous writers queue in order. A commit that sees others waiting leaves the fsync to the last
of them (at most GROUP together), so that many small transactions share one; each of them returns
when it is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType

from realmsync import _core
from realmsync.errors import WrongTransactionStateError

GROUP = 20  # commits in one fsync, as the reference groups them
EPOCH_2015 = 1_420_070_400_000  # timestamps of changesets count milliseconds from here

# Which thread writes to which file: a thread that would wait for itself gets an error instead.
_holders: dict[str, int] = {}


def now() -> int:
    """Milliseconds since 2015-01-01, as changesets count them."""
    return time.time_ns() // 1_000_000 - EPOCH_2015


class WriteQueue:
    """The transactions of one Realm."""

    def __init__(self, core: _core.RealmHandle, file: _core.RealmFile) -> None:
        self._core = core
        self._path = str(file.path)
        self._lock: asyncio.Lock | None = None
        self._waiting = 0  # asynchronous writers that have not begun
        self._unflushed: list[tuple[int, asyncio.Future[None]]] = []
        self._flushing: set[asyncio.Task[None]] = set()

    # Synchronous.

    def begin(self) -> None:
        """Blocks until this is the file's only writer."""
        if self._core.writing:
            raise WrongTransactionStateError("The Realm is already in a write transaction")
        if not self._core.try_begin():
            if _holders.get(self._path) == threading.get_ident():
                raise WrongTransactionStateError(
                    "This thread is already in a write transaction of the same file"
                )
            self._core.begin()
        _holders[self._path] = threading.get_ident()

    def commit(self, timestamp: int) -> None:
        """Commits, durable on return."""
        self._require()
        _holders.pop(self._path, None)
        self._core.commit(timestamp, False)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[Callable[[], AbstractContextManager[None]]]:
        """Gives transactions that share fsyncs; all are durable when the block is left."""
        tickets: list[int] = []

        @contextlib.contextmanager
        def transaction() -> Iterator[None]:
            self.begin()
            try:
                yield
            except BaseException:
                self.cancel()
                raise
            _holders.pop(self._path, None)
            tickets.append(self._core.commit(now(), True)[1])
            if len(tickets) == GROUP:
                self._core.file.flush(tickets[-1])
                tickets.clear()

        try:
            yield transaction
        finally:
            if tickets:
                self._core.file.flush(tickets[-1])

    def cancel(self) -> None:
        """Undoes everything since begin()."""
        self._require()
        _holders.pop(self._path, None)
        self._core.rollback()

    def _require(self) -> None:
        if not self._core.writing:
            raise WrongTransactionStateError("The Realm is not in a write transaction")

    def forget(self) -> None:
        """The realm is being closed: a transaction is rolled back by the core."""
        if self._core.writing:
            _holders.pop(self._path, None)

    # Asynchronous.

    async def begin_async(self) -> None:
        """Waits for its turn without blocking the event loop."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            if self._core.writing:
                raise WrongTransactionStateError("The Realm is already in a write transaction")
            if not self._core.try_begin():
                await self._begin_in_thread()
        except BaseException:
            self._lock.release()
            self._flush_when_due()
            raise
        _holders[self._path] = threading.get_ident()

    async def _begin_in_thread(self) -> None:
        begun = asyncio.get_running_loop().run_in_executor(None, self._core.begin)
        try:
            await asyncio.shield(begun)
        except asyncio.CancelledError:
            # The thread cannot be called back: let it have its turn and give it up again.
            with contextlib.suppress(Exception):
                await begun
                self._core.rollback()
            raise

    async def commit_async(self, timestamp: int) -> None:
        """Commits; durable when it returns."""
        assert self._lock is not None
        self._require()
        _holders.pop(self._path, None)
        try:
            _, ticket = self._core.commit(timestamp, True)
            durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._unflushed.append((ticket, durable))
        finally:
            self._lock.release()
            self._flush_when_due()
        await asyncio.shield(durable)

    def cancel_async(self) -> None:
        """Undoes everything since begin_async()."""
        assert self._lock is not None
        try:
            if self._core.writing:
                self.cancel()
        finally:
            self._lock.release()
            self._flush_when_due()

    def _flush_when_due(self) -> None:
        if self._unflushed and (self._waiting == 0 or len(self._unflushed) >= GROUP):
            group, self._unflushed = self._unflushed, []
            task = asyncio.get_running_loop().create_task(_flush(self._core.file, group))
            self._flushing.add(task)
            task.add_done_callback(self._flushing.discard)

    async def drain(self) -> None:
        """Waits until everything committed is durable."""
        while self._flushing:
            await asyncio.wait(self._flushing)


async def _flush(file: _core.RealmFile, group: list[tuple[int, asyncio.Future[None]]]) -> None:
    loop = asyncio.get_running_loop()
    try:
        await loop.run_in_executor(None, file.flush, group[-1][0])
    except Exception as error:
        for _, durable in group:
            if not durable.done():
                durable.set_exception(error)
    else:
        for _, durable in group:
            if not durable.done():
                durable.set_result(None)


class WriteBlock:
    """One transaction as a context manager; leaving with an exception undoes it."""

    def __init__(self, queue: WriteQueue) -> None:
        self._queue = queue

    def __enter__(self) -> None:
        self._queue.begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._queue.commit(now())
        elif self._queue._core.writing:  # not when the realm was closed inside
            self._queue.cancel()

    async def __aenter__(self) -> None:
        await self._queue.begin_async()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            await self._queue.commit_async(now())
        else:
            self._queue.cancel_async()
