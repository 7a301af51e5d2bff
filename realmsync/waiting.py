"""Waiting for what somebody else has written, for a limited time.

Such code may refuse to be cancelled, cancel itself, or never end; none of it reaches who waits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")


async def in_time(awaitable: Awaitable[Result], seconds: float | None) -> Result:
    """What it gives, or raises. `seconds`: None for no limit.

    Raises asyncio.TimeoutError when it takes longer, and does not wait until it lets itself be
    cancelled then, as wait_for() would; RuntimeError when it cancels itself.
    """
    task = asyncio.ensure_future(awaitable)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        raise
    if not done:
        task.cancel()
        raise asyncio.TimeoutError(f"no answer in {seconds} s")
    if task.cancelled():
        raise RuntimeError("it cancelled itself")
    return task.result()
