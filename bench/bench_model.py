"""Reading a list of integers by index, element after element, against reading it whole.

`list(obj.numbers)` decodes the column once and makes every element once. A loop over indexes does
that too, but asks whether the file has changed each time, which costs a statement: it has to grow
with the length and no faster. Attribute reads of objects are compared
with a SELECT of the same column by the same key in plain SQLite. Writing in loops: each append is
compared with an INSERT; a loop that reads and writes an element at a time, and one that appends
embedded objects, with itself at a quarter of the length.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import realmsync
from scale import scaled

LENGTH = scaled(10_000)
QUARTER = LENGTH // 4
READS = scaled(1_000)
APPENDS = scaled(100_000)
PARTS = scaled(2_000)
VALUES = {"_id": 1, "name": "n", "numbers": range(LENGTH), "fewer": range(QUARTER)}


class Part(realmsync.EmbeddedObject):
    x: int


class Thing(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str
    numbers: list[int]
    fewer: list[int]
    parts: list[Part]


@pytest.fixture
def thing(tmp_path: Path) -> Iterator[Thing]:
    with realmsync.Realm(path=tmp_path / "model.realm", schema=[Thing, Part]) as realm:
        with realm.write():
            made = realm.create(Thing, VALUES)
        yield made


def by_index(numbers: Any, length: int) -> None:
    for i in range(length):
        assert numbers[i] == i


def test_list_by_index(thing: Thing, yardstick: Callable[..., float], record_ratio: Any) -> None:
    whole = yardstick(lambda: list(thing.numbers), rounds=20)
    ours = yardstick(lambda: by_index(thing.numbers, LENGTH), rounds=5, warm_up=1)
    quarter = yardstick(lambda: by_index(thing.fewer, QUARTER), rounds=5, warm_up=1)
    record_ratio("list by index, 10,000 : 4 times 2,500", ours, 4 * quarter, 1.5)
    record_ratio("list of 10,000 by index, to reading it whole", ours, whole, None)


def test_attribute(
    thing: Thing, tmp_path: Path, yardstick: Callable[..., float], record_ratio: Any
) -> None:
    plain = sqlite3.connect(tmp_path / "plain.sqlite")
    plain.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)")
    plain.execute("INSERT INTO t VALUES(1, 'n')")
    plain.commit()

    def select() -> None:
        for _ in range(READS):
            assert plain.execute("SELECT name FROM t WHERE id = ?", (1,)).fetchone()[0] == "n"

    def read() -> None:
        for _ in range(READS):
            assert thing.name == "n"

    record_ratio("attribute, to SELECT by key", yardstick(read), yardstick(select), None)
    plain.close()


def test_appends(
    thing: Thing, tmp_path: Path, yardstick: Callable[..., float], record_ratio: Any
) -> None:
    plain = sqlite3.connect(tmp_path / "plain.sqlite", isolation_level=None)
    plain.execute("CREATE TABLE t(i INTEGER)")

    def insert() -> None:
        plain.execute("BEGIN")
        for i in range(APPENDS):
            plain.execute("INSERT INTO t VALUES(?)", (i,))
        plain.execute("COMMIT")

    def append() -> None:
        with thing._realm.write():
            numbers = thing.numbers
            numbers.clear()
            for i in range(APPENDS):
                numbers.append(i)

    ours, theirs = yardstick(append, rounds=3), yardstick(insert, rounds=3)
    record_ratio("append 100,000 : INSERTs", ours, theirs, 3)
    plain.close()


def change_each(thing: Thing, numbers: Any) -> None:
    with thing._realm.write():
        for i in range(len(numbers)):
            numbers[i] += 1


def append_parts(thing: Thing, count: int) -> None:
    with thing._realm.write():
        thing.parts.clear()
        for i in range(count):
            thing.parts.append({"x": i})


def test_loops_that_write(thing: Thing, yardstick: Callable[..., float], record_ratio: Any) -> None:
    ours = yardstick(lambda: change_each(thing, thing.numbers), rounds=3)
    quarter = yardstick(lambda: change_each(thing, thing.fewer), rounds=3)
    record_ratio("change by index, 10,000 : 4 times 2,500", ours, 4 * quarter, 1.5)
    ours = yardstick(lambda: append_parts(thing, PARTS), rounds=3)
    quarter = yardstick(lambda: append_parts(thing, PARTS // 4), rounds=3)
    record_ratio("append embedded, 2,000 : 4 times 500", ours, 4 * quarter, 1.5)
