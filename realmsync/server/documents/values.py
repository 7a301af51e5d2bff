"""Values of documents: what equals what, where a dotted path leads, and how much work that may be.

As MongoDB has it: numbers are equal by value whatever their type, and nothing else is equal to a
value of another type; true is not 1. Documents are what realmsync.ejson decodes to. Whatever comes
from a function is read through taken() first, as clients choose its arguments. Specification:
app-configuration.md 6.6.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Hashable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Binary, Decimal128, ObjectId

from realmsync import ejson
from realmsync.server.extent import require_extent

# Of what functions give: dictionaries and lists in each other, and bytes of extended JSON.
DEPTH = 50
BYTES = 1 << 20
# Steps that all filters and updates of one call may take, each of a microsecond or so.
STEPS = 200_000
_TEXT_STEP = 256  # characters that count as one step

Path = tuple[str, ...]

# A value as others are compared with it: its kind, and what is equal within the kind.
Comparable = tuple[str, Hashable]
NULL: Comparable = ("null", None)
ORDERED = frozenset({"number", "text", "date", "ObjectId"})


class Missing:
    """Where a path leads nowhere."""


MISSING = Missing()


class Work:
    """What is left of the work that one call may cause."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Raises ValueError when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise ValueError("the filter or update is too much work: make it simpler")


def taken(value: Any, what: str) -> dict[str, Any]:
    """A document from a function as one that is stored would read. Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is no document")
    require_extent(value, what, DEPTH)
    try:
        text = ejson.dumps(value)
        if len(text) > BYTES:
            raise ValueError(f"{what} has more than {BYTES} bytes")
        document: dict[str, Any] = ejson.loads(text)
    except (TypeError, ArithmeticError) as error:
        raise ValueError(f"{what} is no document: {error}") from None
    return document


def path_of(text: str) -> Path:
    """The parts of a dotted path. Raises ValueError."""
    parts = tuple(text.split("."))
    if not all(parts) or len(parts) > DEPTH:
        raise ValueError(f"'{text[:100]}' is no path of a field")
    if any(part.startswith("$") for part in parts):
        raise ValueError(f"'{text[:100]}' is not offered by this server")
    return parts


def comparable(value: Any, work: Work) -> Comparable:
    """The form in which a value is equal to others, also as a key of sets."""
    work.spend()
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, int | float | Decimal128):
        return _number(value)
    if isinstance(value, str):
        work.spend(len(value) // _TEXT_STEP)
        return "text", str(value)
    if isinstance(value, datetime.datetime):
        return "date", value
    if isinstance(value, ObjectId):
        return "ObjectId", value
    if isinstance(value, list):
        return "list", tuple(comparable(item, work) for item in value)
    if isinstance(value, dict):
        return "document", tuple((key, comparable(item, work)) for key, item in value.items())
    if isinstance(value, UUID):
        return "binary", (4, value.bytes)
    if isinstance(value, bytes):
        work.spend(len(value) // _TEXT_STEP)
        return "binary", (value.subtype if isinstance(value, Binary) else 0, bytes(value))
    return "unknown", (type(value).__name__, ejson.dumps(value))


def _number(value: float | Decimal128) -> Comparable:
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    is_nan = number.is_nan() if isinstance(number, Decimal) else math.isnan(number)
    return ("NaN", None) if is_nan else ("number", number)


def at(value: Any, path: Path, work: Work) -> Iterator[Any]:
    """Where a path leads: to several places where it crosses arrays, or to MISSING.

    An array on the way is looked into by position, and each document in it by name.
    """
    work.spend()
    if not path:
        yield value
    elif isinstance(value, dict):
        if path[0] in value:
            yield from at(value[path[0]], path[1:], work)
        else:
            yield MISSING
    elif isinstance(value, list):
        position = position_of(path[0])
        if position is not None and position < len(value):
            yield from at(value[position], path[1:], work)
        for item in value:
            if isinstance(item, dict):
                yield from at(item, path, work)
            else:
                work.spend()
    else:
        yield MISSING


def position_of(part: str) -> int | None:
    """The position in an array that a part of a path may mean."""
    is_position = part.isascii() and part.isdigit() and len(part) < 10
    return int(part) if is_position else None
