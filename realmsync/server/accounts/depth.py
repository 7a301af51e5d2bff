"""How deeply values are nested: what strangers send must not decide how deep others recurse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_deeper(value: Any, limit: int) -> bool:
    """Whether dictionaries and lists are nested deeper than `limit`."""
    level = [value]
    for _ in range(limit + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []
