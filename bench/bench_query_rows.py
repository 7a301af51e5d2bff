"""Queries over 1,000,000 objects of a file, against the SQL that one would write by hand.

What an index answers, ranges and pages of a sort are compared with SELECT statements on a plain
table of the same rows with the same index; a scan that SQL does not have (`[c]`) with one that
fetches the rows and compares in Python.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from realmsync import Realm
from scale import scaled

COUNT = scaled(1_000_000)
SCHEMA = {
    "name": "Row",
    "primaryKey": "_id",
    "properties": {
        "_id": "int",
        "group": {"type": "int", "indexed": True},
        "name": {"type": "string", "indexed": True},
        "rank": "int",
    },
}


def columns() -> dict[str, Any]:
    return {
        "_id": range(COUNT),
        "group": [i * 7919 % 50_000 for i in range(COUNT)],
        "name": [f"name {i * 104_729 % COUNT:07}" for i in range(COUNT)],
        "rank": [i % 1000 for i in range(COUNT)],
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Realm, sqlite3.Connection]]:
    folder = tmp_path_factory.mktemp("rows")
    given = columns()
    with (
        Realm(path=folder / "a.realm", schema=[SCHEMA], durability="process") as realm,
        closing(sqlite3.connect(folder / "plain.sqlite")) as plain,
    ):
        with realm.write():
            realm.create_many("Row", given)
        plain.execute("CREATE TABLE r(_id INTEGER PRIMARY KEY, g INTEGER, name TEXT, rank INTEGER)")
        plain.executemany("INSERT INTO r VALUES(?, ?, ?, ?)", zip(*given.values(), strict=True))
        plain.execute("CREATE INDEX r_g ON r(g)")
        plain.execute("CREATE INDEX r_name ON r(name)")
        plain.commit()
        yield realm, plain


@pytest.mark.parametrize(
    ("what", "text", "argument", "sql", "bound"),
    [
        ("20 equal ones", "group == $0", 1234, "g = ?", 2.0),
        ("one text", "name == $0", "name 0123456", "name = ?", 2.0),
        (
            "20 by prefix",
            "name BEGINSWITH $0",
            "name 01234",
            "name >= ?1 AND name < ?1 || 'z'",
            2.0,
        ),
        ("20,000 of a range", "group < $0", 1000, "g < ?", 2.0),
        ("1,000 without an index", "rank == $0", 7, "rank = ?", 2.0),
        ("scan with [c]", "name CONTAINS[c] $0", "E 00001", "name LIKE '%' || ? || '%'", None),
    ],
)
def test_select(
    files: tuple[Realm, sqlite3.Connection],
    what: str,
    text: str,
    argument: Any,
    sql: str,
    bound: float | None,
    yardstick: Callable[..., float],
    record_ratio: Any,
) -> None:
    realm, plain = files
    query = realm.objects("Row").filtered(text, argument)._query
    statement = f"SELECT _id FROM r WHERE {sql} ORDER BY _id"

    def ours() -> list[int]:
        selection = realm._core.select(query)
        return selection.keys(0, len(selection))

    def theirs() -> list[int]:
        return [key for (key,) in plain.execute(statement, (argument,))]

    assert ours() == theirs()
    rounds = 5 if "scan" in what or "without" in what else 200
    record_ratio(
        f"query of 1,000,000: {what}",
        yardstick(ours, rounds=rounds, warm_up=1),
        yardstick(theirs, rounds=rounds, warm_up=1),
        bound,
    )
