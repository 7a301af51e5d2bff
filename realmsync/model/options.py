"""What stands beside the annotation of a property: `primary_key()` and `property()`.

`property` has the name of a builtin. It is meant to be written `realmsync.property`, and is not
among the names that `from realmsync import *` gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PropertyOptions:
    """What `primary_key()` and `property()` leave at a class attribute until it is read."""

    default: Any = None
    has_default: bool = False
    indexed: bool | str = False
    map_to: str = ""
    is_primary_key: bool = False


_MISSING: Any = object()


def primary_key(*, default: Any = _MISSING, map_to: str = "") -> Any:
    """Marks the property as the class's primary key.

    `default` is a value or a function without arguments, called once per object.
    """
    given = default is not _MISSING
    return PropertyOptions(default if given else None, given, True, map_to, True)


def property(*, default: Any = _MISSING, indexed: bool | str = False, map_to: str = "") -> Any:
    """Options of a property.

    `default`: value or function without arguments, used when an object is created without a value.
    `indexed`: True or "full-text". `map_to`: the name in the file and on the wire.
    """
    given = default is not _MISSING
    return PropertyOptions(default if given else None, given, indexed, map_to)
