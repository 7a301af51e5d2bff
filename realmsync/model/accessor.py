"""What live objects, collections and results hold: their realm as they see it, and their place.

They read and write through the realm's core handle and have it make what they find. The realm
itself is in realm.py, which knows all kinds of accessors; here none is known.
"""

from __future__ import annotations

from typing import Any, Protocol

from realmsync import _core
from realmsync.model.schema import ClassSchema

# Positions, keys and names that lead from a property to something inside it.
Path = tuple[int | str, ...]
# Class, primary key and property of the object that something is inside of, and the path there.
Place = tuple[int, Any, int, Path]


class AccessedRealm(Protocol):
    """A realm, to its accessors."""

    _core: _core.RealmHandle
    _classes: list[ClassSchema]

    @property
    def is_closed(self) -> bool: ...
    @property
    def path(self) -> str: ...
    def _make_object(self, cls: int, key: Any) -> Any: ...
