"""Columns for `Realm.create_many`: takes apart what NumPy, Arrow and pandas hand over.

Nothing here looks at single values: that is csrc/bindings/values. None of these libraries is
imported; their objects are known by their protocols and attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from realmsync import _core
from realmsync.errors import ArgumentTypeError, InvalidArgumentError, InvalidPropertyError
from realmsync.model.schema import ClassSchema, Property
from realmsync.naming import no_property, shown

# NumPy's units of datetime64 as ticks per second, and those that become seconds.
_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_COARSE = ("Y", "M", "W", "D", "h", "m")
_ARROW = ("__arrow_c_array__", "__arrow_c_stream__")

Column = tuple[Any, ...]


def read_rows(rows: Any, schema: ClassSchema) -> list[Column] | None:
    """The columns for RealmHandle.create_columns, or None for an iterable of mappings."""
    columns = _columns_of(rows, schema)
    if columns is None:
        if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
            raise ArgumentTypeError(
                f"Expected rows or columns for '{schema.name}', got {shown(rows)}"
            )
        return None
    numbers = {p.name: (i, p) for i, p in enumerate(schema.stored)}
    result = []
    for name, column in columns.items():
        if name not in numbers:
            stored = {p.name: p.persisted for p in schema.stored}
            raise InvalidPropertyError(no_property(schema.name, name, stored))
        number, declared = numbers[name]
        result.append((number, *_column(declared, column)))
    if not result:
        raise InvalidArgumentError(f"no columns for '{schema.name}'")
    return result


def _columns_of(rows: Any, schema: ClassSchema) -> dict[str, Any] | None:
    if isinstance(rows, Mapping):
        return dict(rows)
    if _is_pandas(rows) and hasattr(rows, "columns"):
        return _frame(rows, schema)
    if any(hasattr(rows, name) for name in _ARROW):
        columns: dict[str, Any] = _core.arrow_columns(rows)
        return columns
    names = getattr(getattr(rows, "dtype", None), "names", None)
    return {name: rows[name] for name in names} if names else None  # a structured array


def _is_pandas(value: Any) -> bool:
    return hasattr(value, "iloc") and hasattr(value, "isna")


def _frame(frame: Any, schema: ClassSchema) -> dict[str, Any]:
    """The columns of a data frame, and the levels of its index that have a property's name."""
    names = [p.name for p in schema.stored]
    columns = {
        name: frame.index.get_level_values(name) for name in frame.index.names if name in names
    }
    for name in frame.columns[frame.columns.duplicated()]:
        raise InvalidArgumentError(f"more than one column is named {name!r}")
    return columns | {name: frame[name] for name in frame.columns}


def _column(declared: Property, column: Any) -> Column:
    """What RealmHandle.create_columns takes behind the number of the property."""
    if isinstance(column, _core.ArrowColumn):
        return (column,)
    if hasattr(column, "isna") and hasattr(column, "to_numpy"):  # of a data frame, or its index
        return _array(declared, *_series(column))
    if any(hasattr(column, name) for name in _ARROW):
        return (_core.arrow_column(column),)
    if hasattr(getattr(column, "dtype", None), "kind"):
        return _array(declared, column, None)
    if isinstance(column, str | bytes | Mapping) or not isinstance(column, Iterable):
        raise ArgumentTypeError(
            f"column '{declared.name}' needs a value for each object, got {shown(column)}"
        )
    return (column, None, 0)


def _array(declared: Property, array: Any, mask: Any) -> Column:
    """A NumPy array; `mask` is true where there is null."""
    if hasattr(array, "mask") and hasattr(array, "filled"):  # numpy.ma
        mask = array.mask if getattr(array.mask, "ndim", 0) else mask
        array = array.data
    kind = array.dtype.kind
    if kind == "m":
        raise ArgumentTypeError(
            f"column '{declared.name}': Realm has no durations, make numbers of timedelta64"
        )
    if declared.collection is None and kind in "biufM":
        if kind == "M":
            return _times(declared, array, mask)
        if kind == "f" and array.dtype.itemsize not in (4, 8):
            array = array.astype("float64")
        return (array.astype(array.dtype.newbyteorder("="), copy=False), mask, 0)
    if mask is not None and mask.any():
        array = array.astype(object)  # a copy
        array[mask] = None
    return (array.tolist(), None, 0)


def _times(declared: Property, array: Any, mask: Any) -> Column:
    unit = str(array.dtype).partition("[")[2].rstrip("]")
    if unit in _COARSE:
        array, unit = array.astype("datetime64[s]"), "s"
    if unit not in _TICKS:
        raise InvalidArgumentError(
            f"column '{declared.name}': datetime64 needs a unit from years to ns, not {unit!r}"
        )
    return (array.astype(f"<M8[{unit}]", copy=False).view("int64"), mask, _TICKS[unit])


def _series(series: Any) -> tuple[Any, Any]:
    """A column of a data frame as a NumPy array and a mask of what is missing."""
    dtype = series.dtype
    if hasattr(dtype, "newbyteorder"):  # NumPy's own
        array = series.to_numpy()
        return array, (_missing(series) if dtype.kind == "O" else None)
    mask = _missing(series)
    if dtype.kind in "biu":
        return series.to_numpy(dtype=dtype.numpy_dtype, na_value=0), mask
    if dtype.kind == "f":
        return series.to_numpy(dtype=dtype.numpy_dtype, na_value=float("nan")), mask
    if dtype.kind == "M":  # with a time zone: as UTC
        return series.to_numpy(dtype=f"datetime64[{getattr(dtype, 'unit', 'ns')}]"), mask
    return series.astype(object).to_numpy(), mask


def _missing(series: Any) -> Any:
    missing = series.isna()  # of an index an array already
    return missing.to_numpy() if hasattr(missing, "to_numpy") else missing
