"""SORT, DISTINCT and LIMIT, rule by rule: query-language.md section 15."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from query.things import Float, Link, Things

WORLD = Things(
    {
        "e": {"n": 2, "s": "x", "to": Link("a")},
        "d": {"n": 1, "s": None, "to": Link("b")},
        "c": {"n": None, "s": "x", "to": Link("gone")},
        "b": {"n": 1, "s": "y"},
        "a": {"n": 2, "s": "x", "to": Link("d"), "xd": {"k": 5}},
    }
)
ALL = "TRUEPREDICATE"


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("", "edcba"),
        ("SORT(n ASC)", "cdbea"),  # stable, null first
        ("SORT(n DESC)", "eadbc"),
        ("SORT(n ASC, _id ASC)", "cbdae"),
        ("SORT(n DESC, _id ASC)", "aebdc"),
        ("SORT(_id ASC) SORT(n ASC)", "cbdae"),  # the later one has priority
        ("SORT(n ASC) SORT(_id ASC)", "abcde"),
        ("LIMIT(2)", "ed"),
        ("LIMIT(0)", ""),
        ("LIMIT(99)", "edcba"),
        ("SORT(_id ASC) LIMIT(2)", "ab"),
        ("LIMIT(2) SORT(_id ASC)", "de"),
        ("LIMIT(3) LIMIT(1)", "e"),
        ("SORT(_id ASC) LIMIT(3) SORT(n ASC) LIMIT(2)", "cb"),
        ("DISTINCT(n)", "edc"),  # null is a value
        ("DISTINCT(n, s)", "edcb"),
        ("SORT(_id ASC) DISTINCT(n)", "abc"),
        ("DISTINCT(n) SORT(_id ASC)", "cde"),
        ("DISTINCT(s) LIMIT(1)", "e"),
        ("LIMIT(4) DISTINCT(s)", "edb"),
        # Objects that a null or dangling link leads away from come last, or first if descending.
        ("SORT(to.n ASC)", "daecb"),
        ("SORT(to.n DESC)", "cbeda"),
        ("DISTINCT(to.n)", "ed"),  # those are dropped
        ("DISTINCT(to.s)", "eda"),
        ("SORT(xd.k ASC)", "edcba"),  # a missing key is null
        ("SORT(xd.k DESC)", "aedcb"),
    ],
)
def test_clauses(clauses: str, expected: str) -> None:
    assert "".join(WORLD(f"{ALL} {clauses}")) == expected


def test_clauses_come_after_the_filter() -> None:
    assert WORLD("n == 2 SORT(_id ASC)") == ["a", "e"]
    assert WORLD("n == 2 LIMIT(1)") == ["e"]
    assert WORLD("s == 'x' DISTINCT(n) LIMIT(5)") == ["e", "c"]


def test_numbers_of_different_kinds_are_not_distinct() -> None:
    world = Things(
        {
            "int": {"x": 1},
            "double": {"x": 1.0},
            "decimal": {"x": Decimal("1.00")},
            "float": {"x": Float(1)},
            "text": {"x": "1"},
            "true": {"x": True},
        }
    )
    assert world(f"{ALL} DISTINCT(x)") == ["int", "text", "true"]


def test_nan_is_sorted_below_numbers_and_above_null() -> None:
    world = Things({"one": {"d": 1.0}, "nan": {"d": math.nan}, "null": {}, "least": {"d": -1e9}})
    assert world(f"{ALL} SORT(d ASC)") == ["null", "nan", "least", "one"]


def test_many_objects_are_sorted_stably() -> None:
    world = Things({str(i): {"n": i * 7919 % 10} for i in range(2_000)})
    expected = sorted(range(2_000), key=lambda i: i * 7919 % 10)
    assert world(f"{ALL} SORT(n ASC)") == [str(i) for i in expected]
    assert world(f"{ALL} DISTINCT(n)") == [str(i) for i in range(10)]
