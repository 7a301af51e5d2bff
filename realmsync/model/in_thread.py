"""Work that may block, in a thread of its own, for one who awaits it and may give up meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")


async def in_thread(work: Callable[[], R], discard: Callable[[R], object]) -> R:
    """The result of `work`; one that nobody waits for any more goes to `discard`.

    Not in the executor of the loop: what blocks here may wait for somebody who needs that to go on.
    """
    loop = asyncio.get_running_loop()
    # The result lies in a list until it is taken: the thread, which may end later, and the future,
    # which it knows, keep nothing alive.
    future: asyncio.Future[list[R]] = loop.create_future()

    def deliver(result: list[R]) -> None:
        if future.cancelled():
            discard(result.pop())
        else:
            future.set_result(result)

    def fail(error: BaseException) -> None:
        if not future.cancelled():
            future.set_exception(error)

    def run() -> None:
        try:
            result = [work()]
        except BaseException as error:
            _tell(loop, fail, error)
        else:
            if not _tell(loop, deliver, result):
                discard(result.pop())

    threading.Thread(target=run, name="realmsync-open", daemon=True).start()
    try:
        return (await future).pop()
    except asyncio.CancelledError:
        if future.done() and not future.cancelled() and future.exception() is None:
            discard(future.result().pop())
        raise


def _tell(loop: asyncio.AbstractEventLoop, how: Callable[[Any], None], news: Any) -> bool:
    try:
        loop.call_soon_threadsafe(how, news)
    except RuntimeError:  # the loop is closed
        return False
    return True
