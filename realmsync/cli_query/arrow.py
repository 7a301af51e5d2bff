"""Objects as Arrow and Parquet files, by pyarrow, which is loaded when it is asked for.

What Arrow has no type for is text, as in JSON; Mixed values and embedded objects are JSON. Dates
are microseconds; those beyond what 64 bits of them hold are null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

from realmsync.cli_query.columns import Column, as_json, plain
from realmsync.values import Timestamp

BATCH = 10_000  # rows at once


class MissingPackageError(Exception):
    """pyarrow is not installed."""


def write_arrow(stream: BinaryIO, columns: list[Column], found: Iterable[Any]) -> None:
    """The file form of Arrow IPC. MissingPackageError."""
    arrow = _pyarrow()
    schema = _schema(arrow, columns)
    with arrow.ipc.new_file(stream, schema) as writer:
        for batch in _batches(arrow, schema, columns, found):
            writer.write_batch(batch)


def write_parquet(stream: BinaryIO, columns: list[Column], found: Iterable[Any]) -> None:
    """MissingPackageError."""
    arrow = _pyarrow()
    import pyarrow.parquet as parquet

    schema = _schema(arrow, columns)
    with parquet.ParquetWriter(stream, schema) as writer:
        for batch in _batches(arrow, schema, columns, found):
            writer.write_batch(batch)


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise MissingPackageError("this format needs pyarrow: pip install pyarrow") from None
    return pyarrow


def _schema(arrow: Any, columns: list[Column]) -> Any:
    return arrow.schema([(column.title, _type(arrow, column)) for column in columns])


def _type(arrow: Any, column: Column) -> Any:
    types = {
        "int": arrow.int64(),
        "bool": arrow.bool_(),
        "float": arrow.float32(),
        "double": arrow.float64(),
        "data": arrow.binary(),
        "date": arrow.timestamp("us", tz="UTC"),
    }
    element = types.get(column.type, arrow.string())
    if column.declared.collection is None:
        return element
    if column.declared.collection == "dictionary":
        return arrow.map_(arrow.string(), element)
    return arrow.list_(element)


def _batches(arrow: Any, schema: Any, columns: list[Column], found: Iterable[Any]) -> Iterator[Any]:
    objects = iter(found)
    while chosen := list(islice(objects, BATCH)):
        arrays = []
        for column, field in zip(columns, schema, strict=True):
            values = [_value(column.raw(one), column) for one in chosen]
            arrays.append(arrow.array(values, field.type))
        yield arrow.record_batch(arrays, schema=schema)


def _value(value: Any, column: Column) -> Any:
    if value is None or column.declared.collection is None:
        return _element(value, column)
    if isinstance(value, Mapping):
        return [(key, _element(item, column)) for key, item in value.items()]
    return [_element(item, column) for item in value]


def _element(value: Any, column: Column) -> Any:
    if value is None:
        return None
    if column.type == "date":
        return _microseconds(value)
    if column.type in ("mixed", "object"):
        return as_json(plain(value, column.declared))
    return plain(value, column.declared)


def _microseconds(value: datetime | Timestamp) -> int | None:
    exact = value if isinstance(value, Timestamp) else Timestamp.from_datetime(value)
    count = (exact.seconds * 1_000_000_000 + exact.nanoseconds) // 1000
    return count if -(2**63) <= count < 2**63 else None
