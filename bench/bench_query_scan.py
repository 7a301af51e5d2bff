"""Queries over 100,000 objects in memory, without an index: every object is asked.

SQLite does the same over a table in memory, in plain SQL that means about the same; its `upper`
knows ASCII alone.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from typing import Any

import pytest

from realmsync._testbed import QueryLab
from scale import IS_SMALL, scaled

COUNT = scaled(100_000)
PROPERTIES = {"_id": "int", "age": "int", "rank": "int", "score": "double", "name": "string"}
# Few objects match, so that what is timed is asking, not listing. Bounds are ratios to SQLite.
QUERIES = [
    ("two integers", "age < 3 AND rank == 1", "age < 3 AND rank = 1", 1.5),
    ("a double", "score > 9990.0", "score > 9990.0", 1.0),
    ("a string", "name == 'Person number 77'", "name = 'Person number 77'", 1.5),
    ("== with [c]", "name ==[c] 'PERSON NUMBER 77'", "upper(name) = 'PERSON NUMBER 77'", 1.0),
    ("CONTAINS[c]", "name CONTAINS[c] 'R 999'", "instr(upper(name), 'R 999') > 0", 1.0),
    ("LIKE", "name LIKE '*7?77'", "name GLOB '*7?77'", 2.0),
    ("a link", "next.age == 500 AND rank == 1", None, None),
    ("a list", "numbers == 500 AND rank == 1", None, None),
]


def row(i: int) -> tuple[int, int, int, float, str]:
    return i, i * 7919 % 1_000, i % 7, i / 10, f"Person number {i}"


def encoded(i: int) -> dict[str, Any]:
    """The same object in the form of tests/vectors/queries."""
    _, age, rank, score, name = row(i)
    return {
        "_id": {"t": "int", "v": i},
        "age": {"t": "int", "v": age},
        "rank": {"t": "int", "v": rank},
        "score": {"t": "double", "bits": struct.pack(">d", score).hex()},
        "name": {"t": "string", "v": name},
        "next": {
            "t": "link",
            "class": "Person",
            "pk": {"t": "int", "v": (i + 1) % COUNT},
        },
        "numbers": {"t": "list", "v": [{"t": "int", "v": age + n} for n in range(10)]},
    }


@pytest.fixture(scope="module")
def lab() -> QueryLab:
    properties: list[dict[str, Any]] = [
        {"name": name, "type": kind} for name, kind in PROPERTIES.items()
    ]
    properties.append({"name": "next", "type": "link", "nullable": True, "target": "Person"})
    properties.append({"name": "numbers", "type": "int", "collection": "list"})
    classes = [{"name": "Person", "pk": "_id", "properties": properties}]
    return QueryLab({"classes": classes, "objects": {"Person": [encoded(i) for i in range(COUNT)]}})


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE person(id INTEGER PRIMARY KEY,"
        " age INTEGER, rank INTEGER, score REAL, name TEXT)"
    )
    connection.executemany("INSERT INTO person VALUES(?, ?, ?, ?, ?)", map(row, range(COUNT)))
    return connection


@pytest.mark.parametrize("name, text, sql, bound", QUERIES, ids=[query[0] for query in QUERIES])
def test_scan(
    lab: QueryLab,
    table: sqlite3.Connection,
    yardstick: Callable[..., float],
    record_ratio: Any,
    name: str,
    text: str,
    sql: str | None,
    bound: float | None,
) -> None:
    query = lab.bind("Person", text)
    select = f"SELECT id FROM person WHERE {sql or 'age < 3 AND rank = 1'}"
    if sql is not None:
        found = sorted(query.select())
        assert found == sorted(key for (key,) in table.execute(select))
        assert found or IS_SMALL
    ours = yardstick(query.select, rounds=10)
    plain = yardstick(lambda: table.execute(select).fetchall(), rounds=10)
    rate = f"{COUNT / ours / 1e6:.1f} million objects/s"
    compared = "" if sql is not None else ", to two integers"
    record_ratio(f"scan, {name}{compared}", ours, plain, bound, note=rate)
