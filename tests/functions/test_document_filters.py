"""Filters of documents: what matches, as MongoDB has it, and what is refused.

Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import datetime
import re
from typing import Any
from uuid import UUID

import pytest
from bson import Decimal128, Int64, ObjectId, Regex
from hypothesis import given
from hypothesis import strategies as st

from realmsync import ejson
from realmsync.server.documents.filter import Filter
from realmsync.server.documents.search import Search
from realmsync.server.documents.values import DEPTH, Work, taken

OID = ObjectId("65f000000000000000000001")
DAY = datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)


def matches(filter: dict[str, Any], document: dict[str, Any]) -> bool:
    work = Work()
    return Filter(taken(filter, "the filter"), work).matches(document, work)


@pytest.mark.parametrize(
    ("filter", "document", "expected"),
    [
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": Int64(1)}, True),
        ({"a": 1}, {"a": Decimal128("1.00")}, True),
        ({"a": 0.1}, {"a": Decimal128("0.1")}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": float("nan")}, {"a": float("nan")}, True),
        ({"a": {"$gte": 0}}, {"a": float("nan")}, False),
        ({"a": str(OID)}, {"a": OID}, False),
        ({"a": OID}, {"a": OID}, True),
        ({"a": UUID(int=7)}, {"a": UUID(int=7)}, True),
        ({"a": b"x"}, {"a": "x"}, False),
        ({"a": None}, {}, True),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {"a": 0}, False),
        ({"a": {"$ne": None}}, {}, False),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}, False),
        ({"a": {}}, {"a": {}}, True),
        ({"a": 1}, {"a": [2, 1]}, True),
        ({"a": [2, 1]}, {"a": [2, 1]}, True),
        ({"a": [2, 1]}, {"a": [[2, 1]]}, True),
        ({"a": [1]}, {"a": 1}, False),
        ({"a.b": 1}, {"a": {"b": 1}}, True),
        ({"a.b": 1}, {"a": [{"b": 2}, {"b": 1}]}, True),
        ({"a.b": 1}, {"a": [[{"b": 1}]]}, False),
        ({"a.1": 5}, {"a": [4, 5]}, True),
        ({"a.1.b": 5}, {"a": [4, {"b": 5}]}, True),
        ({"a.b": None}, {"a": 4}, True),
        ({"a.b": None}, {"a": []}, False),
        ({"a.b": None}, {"a": [{"b": 3}, {}]}, True),
        ({"a.b": None}, {"a": [{"b": 3}]}, False),
        ({"a.b": {"$exists": False}}, {"a": []}, True),
        ({"a": {"$exists": True}}, {"a": None}, True),
        ({"a": {"$exists": 0}}, {"a": None}, False),
        ({"a": {"$gt": 1}}, {"a": "x"}, False),
        ({"a": {"$gt": 1}}, {"a": [0, 2]}, True),
        ({"a": {"$gt": 1, "$lt": 2}}, {"a": [0, 3]}, True),
        ({"a": {"$lt": "b"}}, {"a": "a"}, True),
        ({"a": {"$lte": DAY}}, {"a": DAY}, True),
        ({"a": {"$gt": DAY.replace(tzinfo=None)}}, {"a": DAY}, False),
        ({"a": {"$lt": 1}}, {"a": True}, False),
        ({"a": {"$lt": 1}}, {}, False),
        ({"a": {"$in": [1, "x"]}}, {"a": ["x"]}, True),
        ({"a": {"$in": []}}, {"a": 1}, False),
        ({"a": {"$in": [None]}}, {}, True),
        ({"a": {"$nin": [None]}}, {}, False),
        ({"a": {"$nin": [1]}}, {"a": [1, 2]}, False),
        ({"a": {"$ne": 1}}, {"a": [1, 2]}, False),
        ({"a": {"$not": {"$gt": 1}}}, {"a": "x"}, True),
        ({"a": {"$not": {"$gt": 1}}}, {"a": [0, 5]}, False),
        ({"$or": [{"a": 1}, {"b": 1}]}, {"b": 1}, True),
        ({"$nor": [{"a": 1}, {"b": 1}]}, {"b": 1}, False),
        ({"$and": [{"a": 1}, {"b": 1}], "c": 1}, {"a": 1, "b": 1}, False),
        ({"a": "x"}, {"a": Regex("x")}, False),
    ],
)
def test_what_matches(filter: dict[str, Any], document: dict[str, Any], expected: bool) -> None:
    assert matches(filter, document) == expected


def nested(levels: int) -> dict[str, Any]:
    filter: dict[str, Any] = {"a": 1}
    for _ in range(levels):
        filter = {"$and": [filter]}
    return filter


@pytest.mark.parametrize(
    ("filter", "reason"),
    [
        ({"a": {"$regex": "^(a+)+$"}}, r"\$regex is not offered|Regex is not offered"),
        ({"a": re.compile("x")}, "Regex is not offered"),
        ({"a": {"$in": [Regex("x")]}}, "Regex is not offered"),
        ({"a": {"$elemMatch": {"b": 1}}}, r"\$elemMatch is not offered"),
        ({"$where": "true"}, r"\$where is not offered"),
        ({"$expr": True}, r"\$expr is not offered"),
        ({"a": {"$gt": 1, "b": 2}}, "mixed"),
        ({"a": {"$gt": {"b": 1}}}, "takes a number, a text"),
        ({"a": {"$gt": None}}, "takes a number, a text"),
        ({"a": {"$in": 1}}, "takes an array"),
        ({"a": {"$exists": "x"}}, "takes true or false"),
        ({"a": {"$not": 1}}, "takes a document of operators"),
        ({"$or": []}, "takes an array with filters"),
        ({"$or": {"a": 1}}, "takes an array with filters"),
        ({"$and": [1]}, "a filter is a document"),
        ({"a..b": 1}, "is no path"),
        ({"": 1}, "is no path"),
        ({".".join("a" * (DEPTH + 1)): 1}, "is no path"),
        ({"a": object()}, "is no document"),
        (nested(DEPTH), "nested deeper"),
        ({"a": "x" * (2 << 20)}, "more than"),
        ({"$and": [{}] * 240_000}, "more than 100,000 values"),
        ([], "is no document"),
        (5, "is no document"),
    ],
    ids=range(24),
)
def test_what_is_refused(filter: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        matches(filter, {"a": 1})


@pytest.mark.parametrize(
    ("filter", "document"),
    [
        ({"$or": [{"a": n} for n in range(1000)]}, {"a": ["x"] * 1000}),
        ({".".join("a" * 40): 1}, {"a": [{"a": [{"a": [0] * 50}] * 50}] * 200}),
        ({"$or": [{"a": {"x": n}} for n in range(1000)]}, {"a": {str(n): n for n in range(1000)}}),
        ({"$or": [{"a": "x" * 999}] * 100}, {"a": "x" * 4_000_000}),
    ],
)
def test_work_is_bounded(filter: dict[str, Any], document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="too much work"):
        matches(filter, document)


NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, -0.0, Int64(2), Decimal128("1"), 1e300])
SCALARS = NUMBERS | st.sampled_from([None, True, False, "", "a", "b", OID, DAY, b"a"])
NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(NAMES, v, max_size=3), max_leaves=6
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=3)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "0"]), min_size=1, max_size=3).map(".".join)


@given(document=DOCUMENTS, path=PATHS, values=st.lists(VALUES, max_size=3))
def test_operators_agree_with_each_other(
    document: dict[str, Any], path: str, values: list[Any]
) -> None:
    def ask(condition: Any) -> bool:
        return matches({path: condition}, document)

    equal = [ask({"$eq": value}) for value in values]
    assert equal == [not ask({"$ne": value}) for value in values]
    assert equal == [not ask({"$not": {"$eq": value}}) for value in values]
    assert ask({"$in": values}) == any(equal)
    assert ask({"$nin": values}) == (not any(equal))
    if values:
        alternatives = [{path: {"$eq": value}} for value in values]
        assert matches({"$or": alternatives}, document) == any(equal)
        assert matches({"$and": alternatives}, document) == all(equal)
        assert matches({"$nor": alternatives}, document) == (not any(equal))
    if any(value is not None for value, is_equal in zip(values, equal, strict=True) if is_equal):
        assert ask({"$exists": True})


@given(document=DOCUMENTS, path=PATHS, bound=NUMBERS | st.sampled_from(["a", DAY, OID]))
def test_orders_agree_with_equality(document: dict[str, Any], path: str, bound: Any) -> None:
    def ask(operator: str) -> bool:
        return matches({path: {operator: bound}}, document)

    assert ask("$gte") == (ask("$gt") or ask("$eq"))
    assert ask("$lte") == (ask("$lt") or ask("$eq"))


@given(document=DOCUMENTS, path=st.sampled_from("abc"))
def test_a_value_matches_where_it_stands(document: dict[str, Any], path: str) -> None:
    value = document.get(path)
    assert matches({path: {"$eq": value}}, document)
    if isinstance(value, list):
        assert all(matches({path: {"$eq": item}}, document) for item in value)


@given(
    filter=st.recursive(
        SCALARS,
        lambda v: (
            st.dictionaries(
                st.sampled_from(
                    ["a", "a.b", "$and", "$or", "$gt", "$in", "$not", "$exists", "$x", "$oid"]
                ),
                v,
            )
            | st.lists(v)
        ),
    ),
    document=DOCUMENTS,
)
def test_whatever_is_given_is_a_filter_or_a_value_error(
    filter: Any, document: dict[str, Any]
) -> None:
    try:
        result = matches(filter, document)
    except ValueError:
        return
    assert isinstance(result, bool)


@given(document=DOCUMENTS, path=PATHS, value=VALUES)
def test_a_search_finds_what_matches(document: dict[str, Any], path: str, value: Any) -> None:
    """What it looks over without decoding is none of it."""
    search = Search({path: value} if not isinstance(value, dict) else {path: {"$eq": value}})
    search.look_through([(1, ejson.dumps(document))])
    stored = ejson.loads(ejson.dumps(document))
    assert [found.document for found in search.found] == (
        [stored] if matches({path: {"$eq": value}}, stored) else []
    )
