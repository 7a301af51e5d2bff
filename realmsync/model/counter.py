"""Counters: ints that devices add to, where a plain int is overwritten by the last one.

Which class has one is known here by name alone: objects.py makes them.
"""

from __future__ import annotations

import operator
from typing import Any, NoReturn, Protocol

from realmsync import _core
from realmsync.errors import ArgumentTypeError, IllegalOperationError, InvalidArgumentError


class _Holder(Protocol):
    """The object that has the counter."""

    _place: _core.Place


class Counter:
    """A live counter of an object: `hits: Counter`, or `hits: Counter | None`.

    What devices add at the same time adds up; `set` overwrites. An object is created with an int,
    or another counter; after that the methods change it, in a transaction. Assigned, also by
    `create` in the modes that update, is only what may be None, from and to None. A property that
    is None has no Counter.

    It equals, and compares as, the int that it has now; so it has no hash: use `value` as a key,
    and in queries. Beyond 64 bits it wraps around.
    """

    __slots__ = ("_index", "_name", "_object")

    __hash__ = None  # type: ignore[assignment]  # equal to a number that changes

    def __init__(self, holder: _Holder, name: str, index: int) -> None:
        self._object = holder
        self._name = name
        self._index = index

    @property
    def value(self) -> int:
        """The number now. IllegalOperationError if the property has become None."""
        value: int | None = self._object._place.get(self._index)
        if value is None:
            raise IllegalOperationError(f"{self._what()} is None")
        return value

    def increment(self, by: int = 1) -> None:
        """Adds a whole number. IllegalOperationError if the property has become None."""
        self._object._place.add(self._index, self._whole(by))

    def decrement(self, by: int = 1) -> None:
        """Subtracts a whole number, as increment."""
        amount = -self._whole(by)
        self._object._place.add(self._index, amount if amount < 2**63 else -(2**63))

    def set(self, value: int) -> None:
        """Overwrites the number. IllegalOperationError if the property has become None."""
        self._object._place.reset(self._index, self._whole(value))

    def _what(self) -> str:
        return f"'{type(self._object).__name__}.{self._name}'"

    def _whole(self, value: Any) -> int:
        try:
            if isinstance(value, bool):
                raise TypeError
            number = operator.index(value)
        except TypeError:
            raise ArgumentTypeError(
                f"{self._what()}: expected a whole number, got {value!r}"
            ) from None
        if not -(2**63) <= number < 2**63:
            raise InvalidArgumentError(f"{self._what()}: {number} is beyond 64 bits")
        return number

    def __int__(self) -> int:
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return self.value != 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Counter | int | float):
            return NotImplemented
        return self.value == _number(other)

    def __lt__(self, other: Counter | float) -> bool:
        if not isinstance(other, Counter | int | float):
            return NotImplemented
        return self.value < _number(other)

    def __le__(self, other: Counter | float) -> bool:
        if not isinstance(other, Counter | int | float):
            return NotImplemented
        return self.value <= _number(other)

    def __gt__(self, other: Counter | float) -> bool:
        if not isinstance(other, Counter | int | float):
            return NotImplemented
        return self.value > _number(other)

    def __ge__(self, other: Counter | float) -> bool:
        if not isinstance(other, Counter | int | float):
            return NotImplemented
        return self.value >= _number(other)

    def __iadd__(self, _by: object) -> NoReturn:
        raise IllegalOperationError(f"{self._what()} is a counter: write increment(by)")

    def __isub__(self, _by: object) -> NoReturn:
        raise IllegalOperationError(f"{self._what()} is a counter: write decrement(by)")

    def __repr__(self) -> str:
        return f"Counter({self.value})"


def _number(value: Counter | float) -> float:
    return value.value if isinstance(value, Counter) else value
