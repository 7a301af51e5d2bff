"""Waiting for what is bound to happen on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from realmsync.errors import InvalidatedObjectError


async def eventually(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """The condition may read objects: a download takes them away between two reads of it."""
    for _ in range(int(seconds * 100)):
        try:
            if condition():
                return
        except InvalidatedObjectError:
            pass
        await asyncio.sleep(0.01)
    assert condition()
