"""Live lists, sets and dictionaries: accessors of collections inside objects.

They hold a place, no data: every read gives what is there now. An accessor of a collection inside
a mixed value or an embedded object stays at its position in the surrounding collection. Iteration
runs over a copy taken at its start.
"""

from __future__ import annotations

from collections.abc import (
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
)
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any, SupportsIndex, overload

from realmsync import _core
from realmsync.errors import (
    ArgumentTypeError,
    IllegalOperationError,
    OutOfBoundsError,
    RealmError,
)
from realmsync.model.accessor import NO_LISTENERS, AccessedRealm, position_of, show_gone
from realmsync.model.expressions import ConditionLike, Field
from realmsync.model.objects import Object
from realmsync.model.query import KeyPathMapping, SortKey
from realmsync.model.results import Results
from realmsync.naming import Explained


class Collection(Explained):
    """What the three kinds share."""

    __slots__ = ("__weakref__", "_place", "_realm")
    _not_there = {
        **dict.fromkeys(("filter", "query"), "write filtered('age > 3') or where(Dog.age > 3)"),
        **dict.fromkeys(
            ("filtered", "where", "sorted", "distinct", "limit", "min", "max", "sum", "avg"),
            "lists and sets have it",
        ),
        **NO_LISTENERS,
        "push": "lists have append",
    }

    def __init__(self, realm: AccessedRealm, place: _core.Place) -> None:
        self._realm = realm
        self._place = place

    def __len__(self) -> int:
        return self._place.size()

    def _items(self) -> list[Any]:
        return self._place.items()

    def clear(self) -> None:
        """Removes all elements; linked objects stay, embedded ones go."""
        self._place.clear()

    def __repr__(self) -> str:
        return _show(self) if self.is_valid else show_gone(self, self._realm)

    @property
    def is_valid(self) -> bool:
        """Whether the collection still exists and the realm is open."""
        try:
            self._place.size()
        except RealmError:
            return False
        return True


class Queried(Collection):
    """Lists and sets, which can be asked for the objects that they hold.

    The results are live, stay within the collection, and come in its order unless sorted.
    """

    __slots__ = ()

    def filtered(
        self, query: str, *arguments: Any, mapping: KeyPathMapping | None = None
    ) -> Results[Any]:
        """The objects in it that match a query, as Results.filtered.

        IllegalOperationError for a collection of other values, or of embedded objects.
        """
        return self._results().filtered(query, *arguments, mapping=mapping)

    def where(self, *conditions: ConditionLike) -> Results[Any]:
        """The objects in it that fulfil all conditions, as Results.where."""
        return self._results().where(*conditions)

    def sorted(self, *keys: SortKey | list[SortKey], reverse: bool = False) -> Results[Any]:
        """The objects in it in the order of properties, as Results.sorted."""
        return self._results().sorted(*keys, reverse=reverse)

    def distinct(self, *keys: str | Field[Any]) -> Results[Any]:
        """The first object in it of each value of properties, as Results.distinct."""
        return self._results().distinct(*keys)

    def limit(self, count: int) -> Results[Any]:
        """The first objects in it, as Results.limit."""
        return self._results().limit(count)

    def min(self, property: str | Field[Any] | None = None) -> Any:
        """The least value of a property of its objects, as Results.min, and so the three below."""
        return self._aggregate("min", property)

    def max(self, property: str | Field[Any] | None = None) -> Any:
        """The greatest value of a property of its objects."""
        return self._aggregate("max", property)

    def sum(self, property: str | Field[Any] | None = None) -> Any:
        """The sum of a property of its objects."""
        return self._aggregate("sum", property)

    def avg(self, property: str | Field[Any] | None = None) -> Any:
        """The mean of a property of its objects."""
        return self._aggregate("avg", property)

    def _aggregate(self, operation: str, property: str | Field[Any] | None) -> Any:
        if property is None:
            own = "statistics.mean" if operation == "avg" else operation
            raise ArgumentTypeError(
                f"of objects, {operation} takes a property; of values, write {own}(collection)"
            )
        return self._results()._aggregate(operation, property)

    def _results(self) -> Results[Any]:
        cls = self._place.members_class
        if cls < 0:
            raise IllegalOperationError(
                "only collections of objects with a class of their own can be asked: ask for the"
                " owner, or use what Python has, [x for x in collection if …], sorted(collection)"
            )
        return Results(self._realm, cls, members=self._place)


class List(Queried, MutableSequence[Any]):
    """A list property, or a list inside a mixed value."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # mutable, like every list

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._items()[index]
        return self._place.item(position_of(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, slice):
            self._place.list_set(self._position(index), value)
            return
        values = _elements(value)
        positions = range(*index.indices(len(self)))
        if positions.step != 1 and len(positions) != len(values):
            raise ValueError(
                f"attempt to assign sequence of size {len(values)} "
                f"to extended slice of size {len(positions)}"
            )
        self._place.list_replace(positions.start, positions.step, len(positions), values)

    def __delitem__(self, index: int | slice) -> None:
        if not isinstance(index, slice):
            self._place.list_erase(self._position(index))
            return
        positions = range(*index.indices(len(self)))
        if positions.step < 0:
            positions = positions[::-1]
        self._place.list_replace(positions.start, positions.step, len(positions), [])

    def append(self, value: Any) -> None:
        self._place.list_append(value)

    def insert(self, index: SupportsIndex, value: Any) -> None:
        size = len(self)
        position = position_of(index)
        if position < 0:
            position = max(0, position + size)
        self._place.list_insert(min(position, size), value)

    def extend(self, values: Iterable[Any]) -> None:
        """Appends all of them, or none if one of them cannot be an element."""
        self._place.list_extend(_elements(values))

    def move(self, source: int, target: int) -> None:
        """Moves an element so that it ends at index `target`."""
        self._place.list_move(self._position(source), self._position(target))

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        """Replaces the content by the sorted one."""
        self[:] = sorted(self._items(), key=key, reverse=reverse)

    def _position(self, index: int) -> int:
        size = len(self)
        given = position_of(index)
        position = given + size if given < 0 else given
        if not 0 <= position < size:
            raise OutOfBoundsError(f"index {index} is out of range: there are {size} elements")
        return position

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    def __reversed__(self) -> Iterator[Any]:
        return iter(self._items()[::-1])

    def __contains__(self, value: object) -> bool:
        return value in self._items()

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        items = self._items()
        return items.index(value, start, len(items) if stop is None else stop)

    def count(self, value: Any) -> int:
        return self._items().count(value)

    def copy(self) -> list[Any]:
        """A plain list of its elements."""
        return self._items()

    def __add__(self, other: list[Any] | List) -> list[Any]:
        return self._items() + _plain(other) if isinstance(other, list | List) else NotImplemented

    def __radd__(self, other: list[Any]) -> list[Any]:
        return other + self._items() if isinstance(other, list) else NotImplemented

    def __mul__(self, count: int) -> list[Any]:
        return self._items() * count

    __rmul__ = __mul__

    def __imul__(self, count: int) -> List:
        self[:] = self._items() * count
        return self

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str | bytes):
            return self._items() == list(other)
        return NotImplemented

    def __lt__(self, other: list[Any] | List) -> bool:
        return self._items() < _plain(other) if isinstance(other, list | List) else NotImplemented

    def __le__(self, other: list[Any] | List) -> bool:
        return self._items() <= _plain(other) if isinstance(other, list | List) else NotImplemented

    def __gt__(self, other: list[Any] | List) -> bool:
        return self._items() > _plain(other) if isinstance(other, list | List) else NotImplemented

    def __ge__(self, other: list[Any] | List) -> bool:
        return self._items() >= _plain(other) if isinstance(other, list | List) else NotImplemented


class Set(Queried, MutableSet[Any]):
    """A set property. Elements come in the order of Realm's values (data-model.md 2.2)."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # mutable, like every set

    def add(self, value: Any) -> None:
        self._place.set_insert(value)

    def discard(self, value: Any) -> None:
        self._place.set_erase(value)

    def __contains__(self, value: object) -> bool:
        return value in self._items()

    def update(self, *others: Iterable[Any]) -> None:
        """Adds all elements of others, or none if one of them cannot be an element."""
        self._place.set_change([*chain(*map(_elements, others))], [])

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Removes the elements of others."""
        self._become(self.difference(*others))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Keeps the elements that all others have."""
        self._become(self.intersection(*others))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        """Keeps what it or the other has, but not both."""
        self._become(self.symmetric_difference(other))

    def __ior__(self, other: AbstractSet[Any]) -> Set:  # type: ignore[misc]  # "|" gives a plain one
        self.update(other)
        return self

    def __iand__(self, other: AbstractSet[Any]) -> Set:
        self.intersection_update(other)
        return self

    def __isub__(self, other: AbstractSet[Any]) -> Set:
        self.difference_update(other)
        return self

    def __ixor__(self, other: AbstractSet[Any]) -> Set:  # type: ignore[misc]  # as above
        self.symmetric_difference_update(other)
        return self

    def _become(self, wanted: set[Any]) -> None:
        now = set(self._items())
        self._place.set_change([*(wanted - now)], [*(now - wanted)])

    # What plain sets have: with any iterable, and giving plain sets.
    def copy(self) -> set[Any]:
        """A plain set of its elements."""
        return set(self._items())

    def union(self, *others: Iterable[Any]) -> set[Any]:
        """A plain set of what it or one of the others has."""
        return self.copy().union(*others)

    def intersection(self, *others: Iterable[Any]) -> set[Any]:
        """A plain set of what it and all others have."""
        return self.copy().intersection(*others)

    def difference(self, *others: Iterable[Any]) -> set[Any]:
        """A plain set of what it has and none of the others."""
        return self.copy().difference(*others)

    def symmetric_difference(self, other: Iterable[Any]) -> set[Any]:
        """A plain set of what it or the other has, but not both."""
        return self.copy().symmetric_difference(other)

    def issubset(self, other: Iterable[Any]) -> bool:
        """Whether the other has all its elements."""
        return self.copy().issubset(other)

    def issuperset(self, other: Iterable[Any]) -> bool:
        """Whether it has all elements of the other."""
        return self.copy().issuperset(other)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    @classmethod
    def _from_iterable(cls, values: Iterable[Any]) -> set[Any]:
        return set(values)  # results of algebra are plain sets

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AbstractSet):
            return set(self._items()) == set(other)
        return NotImplemented


class Dictionary(Collection, MutableMapping[str, Any]):
    """A dictionary property, or a dictionary inside a mixed value. Sorted by the bytes of keys."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # mutable, like every mapping

    def __getitem__(self, key: str) -> Any:
        return self._place.item(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._place.dictionary_set(key, value)

    def __delitem__(self, key: str) -> None:
        self._place.dictionary_erase(key)

    def update(self, other: Any = (), /, **values: Any) -> None:
        """Sets values under keys, all of them or none if one cannot be set."""
        self._place.dictionary_update(dict(other, **values))

    def copy(self) -> dict[str, Any]:
        """A plain dict of its values."""
        return dict(self._items())

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return self.copy() | dict(other) if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(other) | self.copy() if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Mapping[str, Any]) -> Dictionary:
        self.update(other)
        return self

    def __iter__(self) -> Iterator[str]:
        return iter([key for key, _ in self._items()])

    def __reversed__(self) -> Iterator[str]:
        return iter([key for key, _ in self._items()][::-1])


def _elements(values: Iterable[Any]) -> list[Any]:
    """What a list is extended by; a text is no list of its characters."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ArgumentTypeError(f"Expected an iterable of elements, got {values!r}")
    return list(values)


def _plain(values: list[Any] | List) -> list[Any]:
    return values if isinstance(values, list) else values._items()


def _show(value: Any) -> str:
    """Nested accessors as lists and dicts, linked objects by class and key only."""
    if isinstance(value, Dictionary):
        return "{" + ", ".join(f"{key!r}: {_show(item)}" for key, item in value._items()) + "}"
    if isinstance(value, List):
        return "[" + ", ".join(map(_show, value._items())) + "]"
    if isinstance(value, Set):
        return "{" + ", ".join(map(_show, value._items())) + "}" if len(value) else "set()"
    return value._short() if isinstance(value, Object) else repr(value)
