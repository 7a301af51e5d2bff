"""Results: all objects of a class, live, in the order of their keys. No queries yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from realmsync.errors import OutOfBoundsError
from realmsync.model.accessor import NO_LISTENERS, AccessedRealm, position_of
from realmsync.naming import Explained

T = TypeVar("T")

PAGE = 1000  # keys read at once: iteration holds one page, not the whole class


_QUERIES = "queries are not there yet, loop over the objects and compare in Python"


class Results(Explained, Sequence[T], Generic[T]):
    """The objects of one class as they are now.

    Iteration reads page by page in key order: objects created behind its position while it runs
    are seen, deleted ones are not. Deleting the object at hand is safe. Access by position costs
    the way to it.
    """

    __slots__ = ("_class", "_realm")
    _not_there = {
        **dict.fromkeys(("filter", "filtered", "where", "query", "get"), _QUERIES),
        **dict.fromkeys(("sort", "sorted", "order_by"), "write sorted(results, key=...)"),
        **dict.fromkeys(("min", "max", "sum", "avg"), _QUERIES),
        **NO_LISTENERS,
        "first": "write results[0]",
        "all": "results are all objects already",
        "delete": "write realm.delete(results)",
        "append": "write realm.create(...), which new objects come from",
    }

    def __init__(self, realm: AccessedRealm, cls: int) -> None:
        self._realm = realm
        self._class = cls

    def __len__(self) -> int:
        return self._realm._core.count(self._class)

    def __bool__(self) -> bool:
        return bool(self._realm._core.keys(self._class, ..., 1))

    def __iter__(self) -> Iterator[T]:
        after: Any = ...
        while True:
            keys = self._realm._core.keys(self._class, after, PAGE)
            for key in keys:
                yield self._realm._core.accessor(self._class, key)
            if len(keys) < PAGE:
                return
            after = keys[-1]

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return list(self)[index]
        index = position_of(index)
        position = index if index >= 0 else index + len(self)
        if position >= 0:
            keys = self._realm._core.keys(self._class, ..., position + 1)
            if len(keys) > position:
                found: T = self._realm._core.accessor(self._class, keys[position])
                return found
        raise OutOfBoundsError(f"index {index} is out of range")

    def __repr__(self) -> str:
        state = "closed realm" if self._realm.is_closed else f"{len(self)} objects"
        return f"<Results of {self._realm._classes[self._class].name}: {state}>"
