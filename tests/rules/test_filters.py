"""Filters of documents: what queries they become for a user, and what these let through.

Specification: app-configuration.md 6.5.
"""

from __future__ import annotations

from typing import Any

import pytest

from clinic import ID, SCHEMA, UUID, matches, text
from realmsync._core import AppSchema, ClassRights, Expression, ExpressionContext, Role
from realmsync.errors import ExpressionError, SchemaValidationError

TEXTS: list[tuple[Any, str]] = [
    (True, "TRUEPREDICATE"),
    ({}, "TRUEPREDICATE"),
    ("%%false", "FALSEPREDICATE"),
    ({"s": "x"}, 's == "x"'),
    ({"s": {"$eq": "x"}}, 's == "x"'),
    ({"s": "%%user.id"}, f's == "{ID}"'),
    ({"s": "%%user.custom_data.mark"}, 's == B64"YSJi"'),
    ({"s": "%%user.custom_data.teams"}, 's IN {"blue", "red"}'),
    ({"s": None}, "s == NULL"),
    ({"s": {"$ne": None}}, "s != NULL"),
    ({"s": {"$ne": "x"}}, 's != "x"'),
    ({"s": {"$gt": "x"}}, 's > "x"'),
    ({"s": {"$lt": "x"}}, 's != NULL and s < "x"'),
    ({"s": {"$in": ["x", "y", 5]}}, 's IN {"x", "y"}'),
    ({"s": {"$in": []}}, "FALSEPREDICATE"),
    ({"s": {"$in": "x"}}, "FALSEPREDICATE"),
    ({"s": {"$nin": ["x", "y"]}}, '!(s IN {"x", "y"})'),
    ({"s": {"$nin": []}}, "TRUEPREDICATE"),
    ({"s": {"$nin": [5]}}, "TRUEPREDICATE"),
    ({"s": {"$all": ["x", "x"]}}, 's == "x"'),
    ({"s": {"$exists": True}}, "s != NULL"),
    ({"s": {"$exists": False}}, "s == NULL"),
    ({"s": 5}, "FALSEPREDICATE"),
    ({"s": {"$ne": 5}}, "TRUEPREDICATE"),
    ({"s": {"$gt": 5}}, "FALSEPREDICATE"),
    ({"s": "%%user.custom_data.absent"}, "FALSEPREDICATE"),
    ({"s": {"$ne": "%%user.custom_data.absent"}}, "FALSEPREDICATE"),
    ({"s": {"$nin": ["%%user.custom_data.absent", "x"]}}, "FALSEPREDICATE"),
    ({"s": {"$in": ["%%user.custom_data.absent", "x"]}}, 's == "x"'),
    ({"b": True}, "b == true"),
    ({"b": 1}, "FALSEPREDICATE"),
    ({"i": 5}, "i == 5"),
    ({"i": {"$numberDouble": "5"}}, "i == 5"),
    ({"i": {"$numberDecimal": "5.0"}}, "i == 5"),
    ({"i": 2.5}, "FALSEPREDICATE"),
    ({"i": {"$gt": 2.5}}, "i > 2.5"),
    ({"i": {"$in": "%%user.custom_data.numbers"}}, "i IN {1, 3}"),
    ({"i": {"$gt": "%%values.limit"}}, "i > 4"),
    ({"o": {"$oid": ID}}, f"o == oid({ID})"),
    ({"o": {"%stringToOid": "%%user.id"}}, f"o == oid({ID})"),
    ({"o": "%%user.id"}, "FALSEPREDICATE"),
    ({"u": {"%stringToUuid": "%%user.custom_data.ref"}}, f"u == uuid({UUID})"),
    ({"t": {"$date": "1970-01-01T00:00:01Z"}}, "t == T1:0"),
    ({"t": {"$gt": {"$date": "1970-01-01T00:00:01Z"}}}, "t > T1:0"),
    ({"n": {"$numberDecimal": "1.5"}}, "n == 1.5"),
    ({"ls": "x"}, 'ANY ls == "x"'),
    ({"ls": ["x", "y"]}, 'ls == {"x", "y"}'),
    ({"ls": []}, "ls.@size == 0"),
    ({"ls": None}, "ls.@size == 0"),
    ({"ls": {"$ne": None}}, "ls.@size > 0"),
    ({"ls": {"$exists": True}}, "ls.@size > 0"),
    ({"ls": {"$ne": "x"}}, '!(ANY ls == "x")'),
    ({"ls": {"$gt": "x"}}, 'ANY ls > "x"'),
    ({"ls": {"$in": ["x", "y"]}}, 'ANY ls == ANY {"x", "y"}'),
    ({"ls": {"$all": ["x", "y"]}}, 'ANY ls == "x" and ANY ls == "y"'),
    ({"ls": 5}, "FALSEPREDICATE"),
    ({"dict": "x"}, "FALSEPREDICATE"),
    ({"doctors": {"$ne": "x"}}, "FALSEPREDICATE"),
    ({"doctor": None}, "doctor == NULL"),
    ({"doctor": {"$oid": ID}}, f'doctor == obj("class_Doctor",oid({ID}))'),
    ({"place": {"$exists": True}}, "place != NULL"),
    ({"other": "x"}, "FALSEPREDICATE"),
    ({"other": None}, "TRUEPREDICATE"),
    ({"other": {"$ne": "x"}}, "TRUEPREDICATE"),
    ({"%%user.custom_data.level": {"$gte": 3}}, "TRUEPREDICATE"),
    ({"%%user.custom_data.teams": "green"}, "FALSEPREDICATE"),
    ({"i": 1, "s": "x"}, 'i == 1 and s == "x"'),
    ({"$or": [{"i": 1}, {"s": "x"}]}, '(i == 1 or s == "x")'),
    ({"$and": [{"i": 1}, {"$and": [{"s": "x"}, {"i": 1}]}, True]}, 'i == 1 and s == "x"'),
    ({"$or": [{"i": 1}, "%%true"]}, "TRUEPREDICATE"),
    ({"$or": [{"i": 1}, {"s": 5}]}, "i == 1"),
    ({"$not": {"$not": {"i": {"$gt": 1}}}}, "i > 1"),
    ({"$not": {"i": 1}}, "i != 1"),
    ({"$nor": [{"i": 1}, {"s": "x"}]}, '!((i == 1 or s == "x"))'),
    ({"i": {"%or": [{"$lt": 3}, {"$gt": 4}], "%not": {"$in": [7]}}}, "i != 7 and (i < 3 or i > 4)"),
]


@pytest.mark.parametrize(("expression", "expected"), TEXTS, ids=str)
def test_queries_of_filters(expression: Any, expected: str) -> None:
    assert text(expression) == expected


MATCHES: list[tuple[Any, Any, bool]] = [
    ({"s": {"$lt": "x"}}, {}, False),
    ({"s": {"$not": {"$lt": "x"}}}, {}, True),
    ({"d": 2}, {"d": {"$numberDouble": "2"}}, True),
    ({"d": 2}, {"d": 2}, True),
    ({"d": {"$numberDecimal": "0.1"}}, {"d": 0.1}, True),
    ({"f": 0.5}, {"f": 0.5}, True),
    ({"f": 0.1}, {"f": 0.1}, False),  # which no float is
    ({"f": {"$gt": 0.1}}, {"f": 0.1}, True),  # the nearest one is above it
    ({"n": 0.1}, {"n": {"$numberDecimal": "0.1"}}, True),
    ({"n": 2}, {"n": {"$numberDecimal": "2.00"}}, True),
    ({"d": {"$numberDouble": "NaN"}}, {"d": {"$numberDouble": "NaN"}}, False),
    ({"d": {"$ne": {"$numberDouble": "NaN"}}}, {"d": 1}, True),
    ({"d": {"$lt": 5}}, {"d": {"$numberDouble": "NaN"}}, False),
    ({"i": {"$lt": {"$numberDouble": "Infinity"}}}, {"i": 5}, True),
    (
        {"x": {"$binary": {"base64": "AAE=", "subType": "00"}}},
        {"x": {"$binary": {"base64": "AAE=", "subType": "00"}}},
        True,
    ),
    ({"m": "x"}, {"m": "x"}, True),
    ({"m": {"$in": ["x", 5.0]}}, {"m": 5}, True),
    ({"m": {"$gt": 1}}, {"m": "x"}, False),
    ({"m": {"$ne": 1}}, {"m": "x"}, True),
    ({"lm": {"$in": [None]}}, {"lm": [1, None]}, True),
    ({"lm": {"$in": [None]}}, {"lm": []}, False),
    ({"lm": {"$all": [None, "x"]}}, {"lm": ["x", None]}, True),
    ({"lm": "%%user.custom_data.mixed"}, {"lm": ["red", 1, None, {"$oid": ID}]}, True),
    ({"ld": {"$all": [1, 2]}}, {"ld": [2, 1]}, True),
    ({"li": {"$in": [1.0, 2.5]}}, {"li": [1]}, True),
    ({"li": {"$gte": 2}}, {"li": [1, 2]}, True),
    ({"ls": {"$in": [["a", "b"], "c"]}}, {"ls": ["a", "b"]}, True),
    ({"ls": {"$in": [["a", "b"], "c"]}}, {"ls": ["b", "a"]}, False),
    ({"s": {"$in": [["a", "b"], "c"]}}, {"s": "b"}, True),
    ({"ss": ["b", "a"]}, {"ss": ["a", "b", "a"]}, True),
    ({"ss": "b"}, {"ss": ["a", "b"]}, True),
    ({"lo": {"%stringToOid": "%%user.id"}}, {"lo": [{"$oid": ID}]}, True),
    ({"doctor": {"%stringToOid": "%%user.id"}}, {"doctor": {"$oid": ID}}, True),
    ({"doctor": {"$in": [{"$oid": ID}]}}, {"doctor": {"$oid": UUID[:8] + "0" * 16}}, False),
    ({"doctor": {"$exists": True}}, {"doctor": {"$oid": ID}}, True),
    ({"place": {"$exists": True}}, {"place": {"city": "X"}}, True),
    ({"place": None}, {}, True),
    ({"s": {"$all": []}}, {"s": "x"}, False),
    ({"s": "x"}, {"s": 5}, False),  # a document that is not as its class says
    ({"s": None}, {"s": 5}, True),
]


@pytest.mark.parametrize(("expression", "document", "expected"), MATCHES, ids=str)
def test_documents_that_filters_let_through(expression: Any, document: Any, expected: bool) -> None:
    assert matches(expression, document) is expected


def test_long_lists_are_looked_up() -> None:
    many = {"teams": [f"team {i}" for i in range(50_000)], "marks": [i / 7 for i in range(50_000)]}
    user = ExpressionContext(user={"custom_data": many})
    schema = AppSchema(
        [
            (
                "A",
                "top",
                "_id",
                [
                    ("_id", "int", False, None, None),
                    ("team", "string", True, None, None),
                    ("teams", "string", False, "list", None),
                    ("mark", "double", True, None, None),
                ],
            )
        ]
    )
    everything = {f: {"%in": f"%%user.custom_data.{f}s"} for f in ("team", "mark")}
    everything["teams"] = {"%in": "%%user.custom_data.teams"}
    reader = Role(read_filter=everything, write_filter=False, read=True)
    made = ClassRights(schema, "A", reader, user)
    document = {"_id": 1, "team": "team 49999", "mark": 49_999 / 7, "teams": ["x"] * 10_000}
    assert not made.rights_on(document).is_visible
    document["teams"] = ["x"] * 10_000 + ["team 1"]
    for _ in range(200):
        assert made.rights_on(document).is_visible
    left = {"%%user.custom_data.marks": {"%nin": "%%user.custom_data.teams"}}
    assert Expression(left, "apply_when").evaluate(user)


def test_filters_that_become_too_large() -> None:
    user = ExpressionContext(user={"custom_data": {"l": ["x" * 100] * 10_000}})
    json = {"$or": [{"ls": {"$all": "%%user.custom_data.l"}}] * 200}
    with pytest.raises(ExpressionError, match="too long"):
        ClassRights(SCHEMA, "Patient", Role(read_filter=json, write_filter=False), user)


def nested(levels: int, inner: Any) -> Any:
    for _ in range(levels):
        inner = {"%not": inner}
    return inner


def test_depth_and_size_are_bounded() -> None:
    Expression(nested(90, {"s": 1}), "filter")
    for hostile in (nested(101, True), {"s": {"%in": nested_list(100)}}, [True]):
        with pytest.raises(ExpressionError):
            Expression(hostile, "filter")
    Expression({"s": {"%in": ["x"] * 99_000}}, "filter")
    with pytest.raises(ExpressionError, match="100000 parts"):
        Expression({"s": {"%in": ["x"] * 100_001}}, "filter")
    with pytest.raises(ExpressionError, match="levels"):
        ExpressionContext(values={"v": nested_list(101)})
    with pytest.raises(ExpressionError, match="too long"):
        Expression({"s": "%%user" + ".a" * 101}, "filter")


def nested_list(levels: int) -> Any:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def test_comparisons_that_take_too_long() -> None:
    user = ExpressionContext(values={"a": ["x"] * 50_000, "b": [{"k": 1}] * 50_000})
    made = Expression({"%%values.a": {"%in": ["y"] * 5}, "%%values.b": [1]}, "apply_when")
    assert not made.evaluate(user)
    with pytest.raises(ExpressionError, match="too long"):
        Expression({"%%values.b": {"%in": "%%values.c"}}, "apply_when").evaluate(
            ExpressionContext(values={"b": [{"k": 1}] * 50_000, "c": [{"k": 2}] * 50_000})
        )


BAD_SCHEMAS: list[Any] = [
    [("", "top", None, [])],
    [("A" * 58, "top", None, [])],
    [("A", "other", None, [])],
    [("A", "top", "_id", [])],
    [("A", "top", "x", [("x", "double", False, None, None)])],
    [("A", "top", None, [("x", "int", False, None, None)] * 2)],
    [("A", "top", None, [("x", "integer", False, None, None)])],
    [("A", "top", None, [("x", "int", False, "bag", None)])],
    [("A", "top", None, [("x", "link", True, None, None)])],
    [("A", "top", None, [("x", "int", True, None, "A")])],
    [("A", "top", None, [("x", "link", True, None, "B")])],
    [("A", "top", None, [("x", "embedded", True, None, "A")])],
    [("A", "top", None, [("x" * 64, "int", True, None, None)])],
    [("A", "top", None, [])] * 2,
]


@pytest.mark.parametrize("classes", BAD_SCHEMAS, ids=lambda classes: str(classes)[:60])
def test_schemas_that_cannot_be(classes: Any) -> None:
    with pytest.raises(SchemaValidationError):
        AppSchema(classes)
