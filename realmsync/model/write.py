"""Write transactions of one Realm: the `with` and `async with` forms, and group commit.

Writers of a file queue in order, in threads and in event loops alike (turns.py). A commit that sees
others of its Realm waiting leaves the fsync to the last of them (at most GROUP together), so that
many small transactions share one; each of them returns when it is durable. Commits that wait for
the disk run on threads of their own: those of the application's executor may be waiting for us.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar

from realmsync import _core
from realmsync.errors import ClosedRealmError, StorageError, WrongTransactionStateError
from realmsync.model.turns import Turns

R = TypeVar("R")
GROUP = 20  # commits in one fsync, as the reference groups them
EPOCH_2015 = 1_420_070_400_000  # timestamps of changesets count milliseconds from here
Deferred = tuple[int, asyncio.Future[None]]  # a commit's ticket, and who waits for it
_DISK_THREADS = 8  # each waits for one fsync, never for a turn


def now() -> int:
    """Milliseconds since 2015-01-01, as changesets count them; 0 when the clock is before that."""
    return max(0, time.time_ns() // 1_000_000 - EPOCH_2015)


@functools.cache
def _disk() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_DISK_THREADS, thread_name_prefix="realmsync-commit")


def on_disk_thread(function: Callable[..., R], *arguments: Any) -> asyncio.Future[R]:
    """Runs what waits for the disk, and for nobody's turn, without blocking the event loop."""
    return asyncio.get_running_loop().run_in_executor(_disk(), function, *arguments)


class WriteQueue:
    """The transactions of one Realm. A transaction is known by a number, never 0."""

    def __init__(self, core: _core.RealmHandle, file: _core.RealmFile) -> None:
        self._core = core
        self._file: _core.RealmFile | None = file  # None when the realm is closed
        self._turns = Turns()
        self._unflushed: list[Deferred] = []
        self._flushing: set[asyncio.Task[None]] = set()

    # Synchronous.

    def begin(self, timeout: float | None = None) -> int:
        """Blocks until this is the file's only writer, at most `timeout` seconds."""
        return self._core.begin(timeout)

    def commit(self) -> None:
        """Commits, durable on return."""
        self._core.commit(self._timestamp(), False)

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
            tickets.append(self._core.commit(self._timestamp(), True))
            if len(tickets) == GROUP:
                self._core.file.flush(tickets)
                tickets.clear()

        try:
            yield transaction
        finally:
            if tickets:
                self._core.file.flush(tickets)

    def cancel(self) -> None:
        """Undoes everything since the beginning."""
        self._core.rollback()

    def resume(self, number: int) -> bool:
        """Before the end of a block, which may be left by another task or thread than entered it.

        Whether its transaction is still open.
        """
        return self._core.adopt(number)

    def _timestamp(self) -> int:
        try:
            return now()
        except BaseException:
            self.cancel()
            raise

    def close(self) -> None:
        """The realm is being closed: nobody waits for it any more."""
        if self._unflushed:
            self._flush_now()
        self._file = None
        self._turns.close()

    # Asynchronous.

    async def begin_async(self, timeout: float | None = None) -> int:
        """Waits for its turn without blocking the event loop, at most `timeout` seconds."""
        if number := self._core.try_begin():
            return number
        self._core.refuse_nested()
        waiting = self._turns.request(self._core.file, timeout)
        try:
            while True:
                await waiting.granted()
                if number := self._core.begin_granted(waiting.ticket):
                    return number
                await waiting.pause()
        finally:
            waiting.end()
            if not self._core.writing:
                self.flush_when_due()

    async def commit_async(self) -> None:
        """Commits; durable when it returns."""
        if self._turns.writers and len(self._unflushed) + 1 < GROUP:
            await asyncio.shield(self._commit_deferred())
            return
        timestamp = self._timestamp()
        pending = self._core.take_commit()
        group, self._unflushed = self._unflushed, []
        await asyncio.shield(self._spawn(self._commit_with(pending, timestamp, group)))

    async def _commit_with(
        self, pending: _core.PendingCommit, timestamp: int, group: list[Deferred]
    ) -> None:
        file = self._core.file
        try:
            await on_disk_thread(pending.run, timestamp)
        except Exception:
            if group:  # they may be whole all the same
                self._flush_soon(group)
            raise
        _tell(group, file)

    @contextlib.asynccontextmanager
    async def deferred_async(
        self,
    ) -> AsyncIterator[Callable[[], AbstractAsyncContextManager[None]]]:
        """As deferred(), for an event loop."""
        durable: list[asyncio.Future[None]] = []

        @contextlib.asynccontextmanager
        async def transaction() -> AsyncIterator[None]:
            number = await self.begin_async()
            try:
                yield
            except BaseException:
                if self.resume(number):
                    self.cancel()
                raise
            durable.append(self._commit_deferred())
            if len(self._unflushed) >= GROUP:
                self._flush_now()

        try:
            yield transaction
        finally:
            self.flush_when_due()
            if durable:
                await asyncio.wait([asyncio.shield(one) for one in durable])
        for one in durable:
            one.result()

    def _commit_deferred(self) -> asyncio.Future[None]:
        ticket = self._core.commit(self._timestamp(), True)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unflushed.append((ticket, durable))
        return durable

    def _flush_now(self) -> None:
        group, self._unflushed = self._unflushed, []
        self._flush_soon(group)

    def _flush_soon(self, group: list[Deferred]) -> None:
        if self._file is None:
            _fail(group, ClosedRealmError("Cannot access realm that has been closed."))
            return
        with contextlib.suppress(RuntimeError):  # no loop runs: nobody waits; the core keeps them
            self._spawn(self._flush(self._file, group))

    def flush_when_due(self) -> None:
        """Makes durable what waits for a commit that does not come any more."""
        if self._unflushed and not self._turns.writers:
            self._flush_now()

    async def _flush(self, file: _core.RealmFile, group: list[Deferred]) -> None:
        waiting = self._turns.request(file, is_writer=False)
        try:
            await waiting.granted()
            flush = waiting.ticket.take_flush(group[-1][0])
            failure = None
            try:
                await on_disk_thread(flush.run)
            except StorageError as error:
                failure = error
            _tell(group, file, failure)
        except Exception as error:
            _fail(group, error)
        finally:
            waiting.end()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        try:
            task = asyncio.get_running_loop().create_task(work)
        except RuntimeError:
            work.close()
            raise
        self._flushing.add(task)
        task.add_done_callback(self._flushing.discard)
        return task

    async def drain(self) -> None:
        """Waits until everything committed is durable."""
        while self._flushing:
            await asyncio.wait(self._flushing)


def _tell(
    group: list[Deferred], file: _core.RealmFile, failure: StorageError | None = None
) -> None:
    """Each whether it is durable: one may be lost that was deferred before a failure of the disk,
    and another kept that came behind it."""
    for ticket, durable in group:
        if durable.done():
            continue
        try:
            file.require_kept(ticket)
        except StorageError as error:
            durable.set_exception(failure or error)
        else:
            durable.set_result(None)


def _fail(group: list[Deferred], error: Exception) -> None:
    for _, durable in group:
        if not durable.done():
            durable.set_exception(error)


class WriteBlock:
    """One transaction as a context manager; leaving with an exception undoes it."""

    def __init__(self, queue: WriteQueue, timeout: float | None = None) -> None:
        self._queue = queue
        self._timeout = timeout
        self._number = 0

    def __enter__(self) -> None:
        self._number = self._queue.begin(self._timeout)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_open(kind):
            if kind is None:
                self._queue.commit()
            else:
                self._queue.cancel()

    async def __aenter__(self) -> None:
        self._number = await self._queue.begin_async(self._timeout)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._is_open(kind):
                if kind is None:
                    await self._queue.commit_async()
                else:
                    self._queue.cancel()
        finally:
            self._queue.flush_when_due()

    def __del__(self) -> None:
        # Ctrl-C can come between entering and leaving a block and the code that does it.
        if self._number and self._queue.resume(self._number):
            self._queue.cancel()

    def _is_open(self, kind: type[BaseException] | None) -> bool:
        """False when it ended inside of the block, which is an error unless there is one."""
        number, self._number = self._number, 0
        if self._queue.resume(number):
            return True
        if kind is None:
            raise WrongTransactionStateError("The Realm is not in a write transaction")
        return False
