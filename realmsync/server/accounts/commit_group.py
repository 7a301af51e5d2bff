"""Who waits for the same fsync: changes of the file of users that come while another is stored.

A change alone is stored at once. Those that come meanwhile share the next transaction, so that a
thousand log-ins wait for a few fsyncs and not for a thousand. What a change does is the matter of
file/.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Result = TypeVar("Result")
Work = Callable[[], Any]

# Changes in one transaction: some 20 ms, for which other processes have to wait.
_AT_ONCE = 256


class CommitGroup:
    """Changes in the order in which they came. `store` does some on a thread, in one transaction.

    It gives what each returned or raised, or raises what all of them failed with.
    """

    def __init__(self, store: Callable[[Sequence[Work]], asyncio.Future[list[Any]]]) -> None:
        self._store = store
        self._waiting: deque[tuple[Work, asyncio.Future[Any]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def do(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """What `work` returns, when it is durable, or what it raises, or sqlite3.Error.

        Cancelled before its turn nothing is done.
        """
        outcome: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, outcome))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return outcome

    async def settle(self) -> None:
        """Waits until everything is done."""
        while self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _AT_ONCE))]
                await self._store_all([job for job in group if not job[1].done()])
        finally:
            self._task = None

    async def _store_all(self, group: list[tuple[Work, asyncio.Future[Any]]]) -> None:
        results: list[Any]
        try:
            results = await self._store([work for work, _ in group])
        except Exception as error:
            results = [error] * len(group)
        for (_, outcome), result in zip(group, results, strict=True):
            if outcome.done():  # who waited for it has gone
                continue
            if isinstance(result, Exception):
                outcome.set_exception(result)
            else:
                outcome.set_result(result)
