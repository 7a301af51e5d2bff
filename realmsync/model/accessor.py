"""What live objects, collections and results know of their realm.

Objects and collections hold a Place of the core besides, through which they read and write; it has
the realm make what it finds. The realm itself is in realm.py, which knows all kinds of accessors;
here none is known.
"""

from __future__ import annotations

import operator
from typing import Any, Protocol

from realmsync import _core
from realmsync.errors import ArgumentTypeError, OutOfBoundsError
from realmsync.model.live import LiveQueries
from realmsync.model.schema import ClassSchema


class AccessedRealm(Protocol):
    """A realm, to its accessors."""

    _core: _core.RealmHandle
    _classes: list[ClassSchema]
    _live: LiveQueries
    _observed: Any  # ObjectHub, once somebody listens to an object
    _models: list[Any]  # their Python classes

    @property
    def subscriptions(self) -> Any: ...
    @property
    def is_closed(self) -> bool: ...
    @property
    def path(self) -> str: ...
    def objects(self, cls: str) -> Any: ...
    def _require_open(self) -> None: ...


NO_LISTENERS = dict.fromkeys(
    ("add_listener", "addListener", "observe"),
    "objects and results alone have listeners yet: write dog.add_listener(callback)",
)


def show_gone(accessor: object, realm: AccessedRealm) -> str:
    """The repr of an accessor that leads nowhere any more."""
    why = "closed realm" if realm.is_closed else "deleted"
    return f"<{type(accessor).__name__}: {why}>"


def position_of(index: Any) -> int:
    """An index as an int; ArgumentTypeError for what is none, OutOfBoundsError beyond 64 bits."""
    try:
        position = operator.index(index)
        if not -(2**63) < position < 2**63 - 1:
            raise OutOfBoundsError(f"index {position} is out of range")
        return position
    except TypeError:
        raise ArgumentTypeError(f"positions are int or slice, not {type(index).__name__}") from None
