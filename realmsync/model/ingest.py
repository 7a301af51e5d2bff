"""Columns for `Realm.create_many`: takes apart what NumPy and Arrow hand over.

Nothing here looks at single values: that is csrc/bindings/values. Neither NumPy
nor an Arrow library is imported; their objects are known by their protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realmsync import _core
from realmsync.errors import InvalidArgumentError, InvalidPropertyError
from realmsync.model.schema import ClassSchema

# NumPy's units of datetime64 as ticks per second.
_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

Column = tuple[Any, ...]


def read_rows(rows: Any, schema: ClassSchema) -> list[Column] | None:
    """The columns for RealmHandle.create_columns, or None for an iterable of mappings."""
    if isinstance(rows, Mapping):
        columns = dict(rows)
    elif hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "__arrow_c_array__"):
        columns = _core.arrow_columns(rows)
    else:
        return None
    numbers = {p.name: i for i, p in enumerate(schema.stored)}
    result = []
    for name, column in columns.items():
        if name not in numbers:
            raise InvalidPropertyError(f"'{schema.name}' has no property '{name}'")
        result.append(_column(numbers[name], column))
    if not result:
        raise InvalidArgumentError(f"no columns for '{schema.name}'")
    return result


def _column(number: int, column: Any) -> Column:
    arrow = ("__arrow_c_array__", "__arrow_c_stream__")
    if isinstance(column, _core.ArrowColumn):
        return (number, column)
    if any(hasattr(column, name) for name in arrow):
        return (number, _core.arrow_column(column))
    kind = getattr(getattr(column, "dtype", None), "kind", None)
    if kind is None:
        return (number, column, None, 0)
    mask = None
    if hasattr(column, "mask") and hasattr(column, "filled"):  # numpy.ma
        mask = column.mask if getattr(column.mask, "ndim", 0) else None
        column = column.data
    if kind in "biuf":
        return (number, column, mask, 0)
    if kind == "M":
        unit = str(column.dtype).partition("[")[2].rstrip("]")
        if unit not in _TICKS:
            raise InvalidArgumentError(f"datetime64 columns need a unit of s to ns, not {unit!r}")
        return (number, column.view("int64"), mask, _TICKS[unit])
    values = column.tolist()  # strings and objects
    if mask is not None:
        values = [None if hidden else v for v, hidden in zip(values, mask.tolist(), strict=True)]
    return (number, values, None, 0)
