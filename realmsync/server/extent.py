"""How deep values are nested, and how many they are: what strangers send must not decide how deep
others recurse, nor for how long they work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import Any

# Values in each other that are converted to or from extended JSON. One takes some microseconds, and
# while some steps of all of them are taken no other thread has its turn, the event loop's neither:
# 0.1 s for so many.
VALUES = 100_000
_NESTED = (dict, list, tuple, Mapping)


def is_deeper(value: Any, limit: int) -> bool:
    """Whether dictionaries and lists are nested deeper than `limit`."""
    level = [value] if isinstance(value, _NESTED) else []
    for _ in range(limit):
        level = [c for item in level for c in _children(item) if isinstance(c, _NESTED)]
    return bool(level)


def is_larger(value: Any, limit: int = VALUES) -> bool:
    """Whether it is more than `limit` values, itself among them; looks at no more than so many."""
    left, level = limit, [value]
    while level:
        left -= len(level)
        if left < 0:
            return True
        level = list(islice(chain.from_iterable(map(_children, level)), left + 1))
    return False


def require_extent(value: Any, what: str, depth: int, values: int = VALUES) -> None:
    """Raises ValueError for a value that is too deep or too large."""
    if is_larger(value, values):
        raise ValueError(f"{what} has more than {values:,} values")
    if is_deeper(value, depth):
        raise ValueError(f"{what} is nested deeper than {depth}")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
