"""Extended JSON for the event loop: what is short is converted at once, what is longer on a thread.

What the forms are is ../ejson.py's, how much a value may be extent.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from realmsync import ejson
from realmsync.server.extent import VALUES, is_larger, require_extent

Result = TypeVar("Result")

# What is converted at once, in a tenth of a millisecond: characters, or values.
_SHORT = 4 << 10
_FEW = 50
# Dictionaries and lists in each other: what MongoDB and the readers of JSON take.
DEPTH = 100


async def loads(text: str) -> Any:
    """What a text of extended JSON stands for. Raises ValueError."""
    return await _convert(ejson.loads, text, is_short=len(text) <= _SHORT)


async def decode(value: Any, what: str) -> Any:
    """What a JSON value stands for. Raises ValueError, too, for one that is too deep or large."""
    return await _convert(_decoded, value, what, is_short=not is_larger(value, _FEW))


async def dumps(value: Any, what: str) -> str:
    """Extended JSON of a value. Raises TypeError for what has none, ValueError as `decode`."""
    return await _convert(_dumped, value, what, is_short=not is_larger(value, _FEW))


async def _convert(work: Callable[..., Result], *given: Any, is_short: bool) -> Result:
    return work(*given) if is_short else await asyncio.to_thread(work, *given)


def _decoded(value: Any, what: str) -> Any:
    # A number is two values, a date three in each other.
    require_extent(value, what, DEPTH + 2, 2 * VALUES)
    decoded = ejson.decode(value)
    require_extent(decoded, what, DEPTH)
    return decoded


def _dumped(value: Any, what: str) -> str:
    require_extent(value, what, DEPTH)
    return ejson.dumps(value)
