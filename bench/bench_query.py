"""Queries: what a text costs until it can be asked, and what asking costs.

A text is parsed, its names and types are resolved and it is made ready: 50 µs at most for a typical
one, of which an application may make one for each screen. SQLite preparing the statement that one
would write by hand is shown beside it. Long texts have to grow with their length and no faster.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realmsync._testbed import QueryLab
from scale import scaled

DATASET = Path(__file__).parent.parent / "tests" / "vectors" / "queries" / "dataset.json"
TYPICAL = "age >= 18 AND (name BEGINSWITH[c] 'A' OR boss.name == 'Bob') AND ANY tags == 'a'"
BY_HAND = (
    "SELECT p.id FROM person p LEFT JOIN person b ON b.id = p.boss WHERE p.age >= ? AND (p.name"
    " LIKE ? OR b.name = ?) AND EXISTS (SELECT 1 FROM tag WHERE tag.owner = p.id AND tag.value = ?)"
)
TABLES = """
    CREATE TABLE person(id INTEGER PRIMARY KEY, age INT, name TEXT, boss INT);
    CREATE TABLE tag(owner INT, value TEXT);
"""


@pytest.fixture(scope="module")
def lab() -> QueryLab:
    return QueryLab(json.loads(DATASET.read_text()))


def test_typical_text(lab: QueryLab, yardstick: Callable[..., float], record_ratio: Any) -> None:
    database = sqlite3.connect(":memory:", cached_statements=0)
    database.executescript(TABLES)
    ours = yardstick(lambda: lab.bind("Person", TYPICAL), rounds=2000)
    prepared = yardstick(lambda: database.execute(f"EXPLAIN {BY_HAND}", (18, "A%", "Bob", "a")))
    record_ratio("parse and bind a typical query : 50 µs", ours, 50e-6, 1)
    record_ratio("parse and bind a typical query : SQLite preparing its like", ours, prepared, None)
    database.close()


def chain(length: int) -> str:
    return " OR ".join(f"age == {i} AND name != 'n{i}'" for i in range(length))


def members(length: int) -> str:
    return "age IN {" + ", ".join(map(str, range(length))) + "}"


@pytest.mark.parametrize("shape", [chain, members])
def test_long_texts(
    lab: QueryLab,
    shape: Callable[[int], str],
    yardstick: Callable[..., float],
    record_ratio: Any,
) -> None:
    short, long = shape(scaled(2_500)), shape(scaled(10_000))
    quarter = yardstick(lambda: lab.bind("Person", short), rounds=20)
    whole = yardstick(lambda: lab.bind("Person", long), rounds=5)
    name = f"parse and bind {shape.__name__} of 10,000 : 4 times 2,500"
    record_ratio(name, whole, 4 * quarter, 2)
