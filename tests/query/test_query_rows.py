"""Queries over the rows of a file: SQL and the evaluator agree, indexes are used."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import bson
import pytest

import test_properties_of_queries as random_queries
from realmsync import IllegalOperationError, Realm, RealmError, Timestamp, _core, _testbed
from realmsync.geo import GeoPoint, Region
from recorded_realm import RecordedRealm
from recorded_values import decode

TASK = {
    "name": "Task",
    "primaryKey": "_id",
    "properties": {
        "_id": "int",
        "rank": {"type": "int", "indexed": True, "optional": True},
        "name": {"type": "string", "indexed": True, "optional": True},
        "done": {"type": "bool", "indexed": True},
        "due": {"type": "date", "indexed": True},
        "code": {"type": "objectId", "indexed": True},
        "value": {"type": "mixed", "indexed": True},
        "plain": "int",
        "weight": "double",
        "next": "Task",
        "tags": "string[]",
    },
}


def task(number: int, **values: Any) -> dict[str, Any]:
    return {
        "_id": number,
        "rank": number % 7,
        "name": f"name {number % 10}",
        "done": number % 2 == 0,
        "due": datetime(2020, 1, 1 + number % 28, tzinfo=timezone.utc),
        "code": bson.ObjectId(f"{number:024x}"),
        "value": number,
        "plain": number,
        "weight": number / 4,
        "tags": ["even" if number % 2 == 0 else "odd"],
        **values,
    }


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[Realm]:
    with Realm(path=tmp_path / "a.realm", schema=[TASK]) as opened:
        with opened.write():
            opened.create_many("Task", [task(i) for i in range(100)])
        yield opened


def compiled(
    realm: Realm, text: str, *arguments: Any, cls: str = "Task", base: _core.Query | None = None
) -> _core.Query:
    return realm._core.query(realm._index[cls], base, text, list(arguments), [])


def run(realm: Realm, query: _core.Query) -> list[Any]:
    selection = realm._core.select(query)
    return selection.keys(0, len(selection))


def keys(realm: Realm, text: str, *arguments: Any, cls: str = "Task") -> list[Any]:
    return run(realm, compiled(realm, text, *arguments, cls=cls))


def plan(realm: Realm, text: str, *arguments: Any) -> str:
    query = compiled(realm, text, *arguments)
    return "\n".join(_testbed.explain_query(realm._core, query))


# The two evaluators.


def test_sql_and_the_evaluator_select_the_same(vectors: Path, tmp_path: Path) -> None:
    folder = vectors / "queries"
    dataset = json.loads((folder / "dataset.json").read_text())
    with RecordedRealm(dataset, tmp_path).open() as realm:
        for line in (folder / "queries.jsonl").read_text().splitlines():
            recorded = json.loads(line)
            given = [decode(a, realm.object_for_primary_key) for a in recorded.get("args", [])]
            if not recorded["ok"] or "mapping" in recorded or any(map(is_region, given)):
                continue
            query = compiled(realm, recorded["query"], *given, cls=recorded["class"])
            found = run(realm, query)
            assert found == _testbed.select_by_evaluator(realm._core, query), recorded["id"]


def is_region(argument: Any) -> bool:
    return isinstance(argument, Region | GeoPoint)


INDEXABLE = {"int", "bool", "string", "timestamp", "objectid", "uuid", "mixed"}


@pytest.mark.parametrize("seed", range(70, 73))
def test_random_queries_of_indexed_columns(seed: int, tmp_path: Path, scale: int) -> None:
    world = random_queries.world_of(seed, 150 * scale)
    dataset = world.data.encoded()
    for cls in dataset["classes"]:
        for p in cls["properties"]:
            if p["type"] in INDEXABLE and "collection" not in p and p["name"] != cls.get("pk"):
                p.setdefault("index", True)
    with RecordedRealm(dataset, tmp_path).open() as realm:
        file = random_queries.File(realm, world.data)
        for query in world.queries:
            found = file.select(query.cls, file.compiled(query))
            assert found == world.bind(query).select(), query.text()


# Indexes.


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("rank == 3", ()),
        ("3 == rank", ()),
        ("rank IN {1, 2, 5}", ()),
        ("rank == 1 OR rank == 2", ()),
        ("rank > 5", ()),
        ("rank >= 1 AND rank < 2", ()),
        ("rank BETWEEN {2, 3}", ()),
        ("rank == NULL", ()),
        ("rank == 2.0", ()),
        ("name == 'name 3'", ()),
        ("name BEGINSWITH 'name 3'", ()),
        ("name IN {'name 3', 'name 4'}", ()),
        ("name > 'name 7'", ()),
        ("done == true AND plain < 3", ()),
        ("due == $0", (datetime(2020, 1, 3, tzinfo=timezone.utc),)),
        ("code == $0", (bson.ObjectId(f"{7:024x}"),)),
        ("value == 'x'", ()),
        ("rank == 3 AND ANY tags == 'odd'", ()),
        ("rank == 3 AND name LIKE '*3'", ()),
        ("rank == 3 OR name == 'name 4'", ()),
    ],
)
def test_an_index_is_used(realm: Realm, text: str, arguments: tuple[Any, ...]) -> None:
    steps = plan(realm, text, *arguments)
    assert re.search(r"SEARCH t USING (COVERING )?INDEX rs\$index", steps), steps
    assert "SCAN t" not in steps


@pytest.mark.parametrize(
    "text", ["_id == 5", "_id IN {5, 6}", "_id > 90", "_id BETWEEN {4, 9} AND plain != 5"]
)
def test_the_primary_key_is_an_index(realm: Realm, text: str) -> None:
    assert "SEARCH t USING INTEGER PRIMARY KEY" in plan(realm, text)


def test_an_index_of_equal_values_is_in_natural_order_and_has_all_that_is_read(
    realm: Realm,
) -> None:
    assert "SEARCH t USING COVERING INDEX" in plan(realm, "rank == 3")
    assert keys(realm, "rank == 3") == list(range(3, 100, 7))


def test_the_first_of_a_sort_come_out_of_the_index(realm: Realm) -> None:
    steps = plan(realm, "TRUEPREDICATE SORT(rank ASC) LIMIT(3)")
    assert "USING COVERING INDEX" in steps and "USE TEMP B-TREE FOR ORDER BY" not in steps
    assert keys(realm, "TRUEPREDICATE SORT(rank ASC) LIMIT(3)") == [0, 7, 14]


def indexes(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'index'")
        return {n.removeprefix("rs$index ") for (n,) in names if n.startswith("rs$index ")}


def test_indexes_are_made_and_dropped_as_they_are_declared(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"

    def opened(**indexed: Any) -> None:
        properties = {
            "_id": "int",
            "a": {"type": "int", "indexed": indexed.get("a", False)},
            "b": {"type": "string", "indexed": indexed.get("b", False)},
        }
        schema = {"name": "Task", "primaryKey": "_id", "properties": properties}
        Realm(path=path, schema=[schema]).close()

    opened()
    assert indexes(path) == set()
    opened(a=True)
    assert indexes(path) == {"Task.a"}
    opened(b=True)
    assert indexes(path) == {"Task.b"}
    with Realm(path=path) as realm:  # what the file has
        assert realm.schema[0]["properties"]["b"]["indexed"]
        realm.write_copy_to(path=tmp_path / "b.realm")
    assert indexes(path) == indexes(tmp_path / "b.realm") == {"Task.b"}
    opened()
    assert indexes(path) == set()


# Statements.


def test_constants_are_parameters_so_that_statements_are_prepared_once(realm: Realm) -> None:
    def statement(text: str, *arguments: Any) -> str:
        return _testbed.query_statement(realm._core, compiled(realm, text, *arguments))

    assert statement("rank == 3 AND name == 'a'") == statement("rank == $0 AND name == $1", 4, "b")
    evil = "'; DROP TABLE Task; --\""
    assert evil not in statement("name == $0 OR value == $0", evil)
    assert keys(realm, "name == $0", evil) == []


@pytest.mark.parametrize(
    ("text", "condition", "residual"),
    [
        ("rank == 3", 't."rank" = $1', 0),
        ("rank != 3 AND plain < 4", '(t."rank" = $1) IS NOT TRUE AND t."plain" < $2', 0),
        ("NOT (done == true OR name == NULL)", None, 0),
        ("name > 'a' AND weight > 1.5", 't."name" > $1', 1),
        ("rank IN {1, NULL}", '(t."rank" IN ($1) OR t."rank" IS NULL)', 0),
        ("rank == plain", 't."rank" IS NOT DISTINCT FROM t."plain"', 0),
        ("value == 1 OR rank == 2", "TRUE", 1),
        ("TRUEPREDICATE", "TRUE", 0),
    ],
)
def test_postgresql_is_asked_what_it_says_exactly(
    realm: Realm, text: str, condition: str | None, residual: int
) -> None:
    made = _testbed.postgresql_condition(realm._core, compiled(realm, text))
    assert made[1] == residual
    assert condition in (None, made[0])
    assert "?" not in made[0]


def test_names_are_quoted(tmp_path: Path) -> None:
    properties = {"_id": "int", 'a"b': "int", "c';--": "string?", "select": "int"}
    schema = {"name": "T\"a'b", "primaryKey": "_id", "properties": properties}
    with Realm(path=tmp_path / "a.realm", schema=[schema]) as realm:
        with realm.write():
            realm.create("T\"a'b", {"_id": 1, 'a"b': 2, "c';--": None, "select": 3})
        assert keys(realm, "select == 3", cls="T\"a'b") == [1]
        assert keys(realm, "$K0 == 2 AND $K1 == NULL", 'a"b', "c';--", cls="T\"a'b") == [1]


def test_many_constants_and_long_chains(realm: Realm) -> None:
    many = list(range(3, 60_000, 5))
    expected = [i for i in many if i < 100]
    assert keys(realm, "plain IN $0", many) == expected
    assert keys(realm, "plain IN $0", [*many, *range(100_000, 140_000)]) == expected
    for count in (10, 700, 5_000):
        chain = " OR ".join(f"plain == {i} OR weight == {i}.125" for i in many[:count])
        assert keys(realm, chain) == [i for i in many[:count] if i < 100]
    assert keys(realm, " AND ".join(f"plain != {i}" for i in range(1, 3_000))) == [0]


# What is exact in SQL although columns have forms of their own.

NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.5, float("nan"), float("inf"), float("-inf"), 2.0**53, 5e-324]
DATES = [
    datetime(1, 1, 1, tzinfo=timezone.utc),
    datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=timezone.utc),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc),
    datetime(2020, 2, 29, tzinfo=timezone.utc),
]
FORMS = {
    "name": "Form",
    "primaryKey": "_id",
    "properties": {
        "_id": "string?",
        "real": "double?",
        "small": "float?",
        "date": "date?",
        "text": "string?",
        "data": "data?",
        "value": "mixed",
        "other": "string?",
        "link": "Form",
    },
}


@pytest.fixture
def forms(tmp_path: Path) -> Iterator[Realm]:
    dates = [*DATES, Timestamp(-(10**12), -5), Timestamp(10**12, 5), None]
    texts = ["", "a", "a\0b", "b", "é", "𝄞", "a\U0010ffff", None]
    anys: list[Any] = [*NUMBERS, *texts, 1, 2**60, True, b"a", bson.Decimal128("1.0"), DATES[3]]
    with Realm(path=tmp_path / "a.realm", schema=[FORMS]) as realm:
        with realm.write():
            first = None
            for i in range(60):
                text = texts[i % len(texts)]
                first = realm.create(
                    "Form",
                    {
                        "_id": None if i == 13 else f"{i:02}",
                        "real": [*NUMBERS, None][i % 11],
                        "small": [*NUMBERS[:-2], None][i % 9],
                        "date": dates[i % len(dates)],
                        "text": text,
                        "data": None if text is None else text.encode(),
                        "value": anys[i % len(anys)],
                        "other": texts[i // 3 % len(texts)],
                        "link": first if i % 3 else None,
                    },
                )
        yield realm


CONSTANTS = {
    "real": ["NULL", "0", "0.0", "1.0", "-1", "0.5", "1e400", "-inf", "9007199254740993", "nan"],
    "small": ["NULL", "0", "0.5", "-1.0", "inf"],
    "date": [
        "NULL",
        "T0:0",
        "1969-12-31@23:59:59:0",
        "T-1:0",
        "T-1000000000000:-5",
        "T1582934400:0",
    ],
    "text": ["NULL", "''", "'a'", "'b'", "'é'"],
    "data": ["NULL", "binary('')", "binary('a')", "binary('b')"],
    "value": ["NULL", "0", "1.0", "'a'", "''", "true", "T1582934400:0", "1152921504606846976"],
    "_id": ["NULL", "'13'", "'05'"],
    "other": ["text"],
    "link.text": ["NULL", "'a'", "'b'"],
    "link._id": ["NULL", "'05'"],
    "link.real": ["NULL", "0.0", "1"],
    "link.date": ["NULL", "T0:0"],
}


@pytest.mark.parametrize("path", CONSTANTS)
def test_every_form_of_a_column_meets_every_operator(forms: Realm, path: str) -> None:
    operators = ["==", "!=", "<", "<=", ">", ">="]
    if path not in ("real", "small", "date", "link.real", "link.date", "data"):
        operators.append("BEGINSWITH")
    for constant in CONSTANTS[path]:
        for op in operators:
            if op == "BEGINSWITH" and not constant.startswith("'"):
                continue
            for text in (f"{path} {op} {constant}", f"NOT {path} {op} {constant}"):
                both_agree(forms, text)


def both_agree(realm: Realm, text: str) -> None:
    query = compiled(realm, text, cls="Form")
    assert run(realm, query) == _testbed.select_by_evaluator(realm._core, query), text


@pytest.mark.parametrize("low", ["0.0", "-inf", "0.5"])
def test_between_and_groups_of_forms(forms: Realm, low: str) -> None:
    for text in (
        f"real BETWEEN {{{low}, 1.0}}",
        f"NOT real BETWEEN {{{low}, 1.0}}",
        f"real > {low} OR date > T0:0 AND text != 'a'",
        f"NOT (real > {low} OR NOT (date > T0:0 AND text <= 'a'))",
        f"NOT (value == {low} OR text == NULL)",
        f"(value >= {low} OR link.text CONTAINS 'a') AND NOT text IN {{'a', NULL}}",
    ):
        both_agree(forms, text)


@pytest.mark.parametrize("column", ["real", "small", "date", "text", "data", "value", "_id"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_sorts(forms: Realm, column: str, direction: str) -> None:
    for text in (
        f"TRUEPREDICATE SORT({column} {direction})",
        f"TRUEPREDICATE SORT({column} {direction}) LIMIT(7)",
        f"link != NULL SORT({column} {direction}, text ASC) DISTINCT(text) LIMIT(4)",
        f"text CONTAINS 'a' LIMIT(9) SORT({column} {direction}) LIMIT(4)",
        f"TRUEPREDICATE SORT(text DESC) SORT({column} {direction}) LIMIT(5)",
    ):
        both_agree(forms, text)


def test_queries_of_queries(realm: Realm) -> None:
    cut = compiled(realm, "rank < 3 SORT(name DESC) LIMIT(20)")
    expected = sorted(
        (i for i in range(100) if i % 7 < 3), key=lambda i: f"name {i % 10}", reverse=True
    )[:20]

    def narrowed(*texts: str) -> list[Any]:
        query = cut
        for text in texts:
            query = compiled(realm, text, base=query)
        assert run(realm, query) == _testbed.select_by_evaluator(realm._core, query)
        return run(realm, query)

    assert narrowed() == expected
    assert narrowed("done == true") == [i for i in expected if i % 2 == 0]
    assert narrowed("done == true SORT(plain ASC)", "plain > 20") == [
        i for i in sorted(expected) if i % 2 == 0 and i > 20
    ]
    assert narrowed("TRUEPREDICATE DISTINCT(name)", "TRUEPREDICATE LIMIT(2)") == [
        next(i for i in expected if i % 10 == digit) for digit in (9, 8)
    ]


# Time.


def test_a_transaction_sees_what_it_has_written(realm: Realm) -> None:
    text = "rank == 3 AND done == true SORT(_id ASC)"
    before = keys(realm, text)
    with pytest.raises(ZeroDivisionError), realm.write():
        realm.create("Task", task(1000, rank=3))
        assert keys(realm, text) == [*before, 1000]
        realm.object_for_primary_key("Task", before[0]).rank = 4
        assert keys(realm, text) == [*before[1:], 1000]
        _ = 1 // 0
    assert keys(realm, text) == before
    with realm.write():
        realm.delete(realm.object_for_primary_key("Task", before[0]))
    assert keys(realm, text) == before[1:]


def test_a_selection_is_current_until_something_is_written(realm: Realm, tmp_path: Path) -> None:
    query = compiled(realm, "rank == 3")
    selection = realm._core.select(query)
    assert selection.is_current()
    with Realm(path=realm.path, schema=[TASK]) as other:
        assert selection.is_current()
        with other.write():
            other.create("Task", task(200))
    assert not selection.is_current()
    selection = realm._core.select(query)
    assert selection.is_current()
    with realm.write():
        selection = realm._core.select(query)
        assert selection.is_current()
        realm.create("Task", task(201))
        assert not selection.is_current()
        selection = realm._core.select(query)
        assert selection.is_current()
    assert not selection.is_current()


def test_pages_and_positions(realm: Realm) -> None:
    selection = realm._core.select(compiled(realm, "rank == 3 SORT(_id DESC)"))
    expected = [i for i in reversed(range(100)) if i % 7 == 3]
    assert len(selection) == len(expected)
    assert [k for first in range(0, 20, 4) for k in selection.keys(first, 4)] == expected
    assert selection.keys(len(expected), 5) == [] == selection.keys(10**9, 10**9)
    assert [selection.position(k) for k in expected] == list(range(len(expected)))
    assert selection.position(4) == -1


def test_aggregates(realm: Realm) -> None:
    names = [p.name for p in realm._classes[realm._index["Task"]].stored]

    def aggregate(operation: str, name: str, text: str = "rank == 3") -> Any:
        selection = realm._core.select(compiled(realm, text))
        return selection.aggregate(operation, names.index(name))

    numbers = range(3, 100, 7)
    assert (aggregate("min", "plain"), aggregate("max", "plain")) == (3, numbers[-1])
    assert aggregate("sum", "plain") == sum(numbers)
    assert aggregate("avg", "weight") == sum(numbers) / 4 / len(numbers)
    assert aggregate("max", "due") == max(task(i)["due"] for i in numbers)
    nothing = [aggregate(operation, "plain", "FALSEPREDICATE") for operation in ("min", "sum")]
    assert nothing == [None, 0]
    for operation, name in (("sum", "due"), ("min", "name"), ("max", "tags")):
        with pytest.raises(IllegalOperationError):
            aggregate(operation, name)


def test_a_signal_ends_a_long_query_and_cannot_read_meanwhile(tmp_path: Path) -> None:
    schema = {"name": "Text", "properties": {"text": "string"}}
    refused: list[RealmError] = []

    class Ended(Exception):
        pass

    with Realm(path=tmp_path / "a.realm", schema=[schema]) as realm:
        with realm.write():
            realm.create_many("Text", [{"text": "ab" * 5_000}] * 3_000)
        pattern = "*" + "*".join("ba" * 2_000) + "*c"

        def end(*_: object) -> None:
            try:
                len(realm.objects("Text"))
            except IllegalOperationError as error:
                refused.append(error)
                raise Ended from None
            signal.setitimer(signal.ITIMER_REAL, 0.01)  # the query has not begun

        previous = signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        try:
            with pytest.raises(Ended):
                keys(realm, "text LIKE $0", pattern, cls="Text")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        assert len(refused) == 1
        assert len(keys(realm, "text BEGINSWITH 'ab'", cls="Text")) == 3_000
