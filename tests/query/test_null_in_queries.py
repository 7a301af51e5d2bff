"""Null, row by row of query-language.md section 9: direct columns, through links, in collections.

`full` has a value everywhere, `none` has null everywhere; `to_full` and `to_none` link to them,
`unlinked` has no link and `dangling` one that leads nowhere.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from query.things import Instant, Link, ObjectId, Things

FULL: dict[str, Any] = {
    "n": 5,
    "d": 5.5,
    "f": 5.5,
    "m": Decimal("5.5"),
    "s": "m",
    "b": b"m",
    "t": Instant(5),
    "flag": False,
    "o": ObjectId("5" * 24),
    "u": uuid.UUID("5" * 32),
    "x": 5,
    "part": {"n": 5, "s": "m"},
    "ns": [5],
    "ss": ["m"],
}
THINGS = Things(
    {
        "full": FULL,
        "none": {"ns": [None], "ss": [None]},
        "to_full": FULL | {"to": Link("full"), "many": [Link("full")]},
        "to_none": FULL | {"to": Link("none"), "many": [Link("none")]},
        "unlinked": FULL,
        "dangling": FULL | {"to": Link("gone"), "many": [Link("gone")]},
    }
)
EVERYTHING = list(THINGS.names)
WITH_VALUE = [name for name in EVERYTHING if name != "none"]

# Of each column: its value, one below it and one above it.
LITERALS = {
    "n": ("5", "4", "6"),
    "d": ("5.5", "4.0", "6.0"),
    "f": ("5.5", "4.0", "6.0"),
    "m": ("5.5", "4", "6"),
    "b": ("binary('m')", "binary('a')", "binary('z')"),
    "t": ("T5:0", "T4:0", "T6:0"),
    "o": (f"oid({'5' * 24})", f"oid({'4' * 24})", f"oid({'6' * 24})"),
    "u": tuple(f"uuid({uuid.UUID(digit * 32)})" for digit in "546"),
    "x": ("5", "4", "6"),
    "part.n": ("5", "4", "6"),
}
ORDERED = sorted(LITERALS)


@pytest.mark.parametrize("column", ORDERED)
def test_a_column_and_a_value(column: str) -> None:
    value, below, above = LITERALS[column]
    assert THINGS(f"{column} == {value}") == WITH_VALUE
    assert THINGS(f"{column} != {value}") == ["none"]
    assert THINGS(f"{column} != {below}") == EVERYTHING
    assert THINGS(f"NOT {column} == {below}") == EVERYTHING
    for op, constant in (("<", above), ("<=", above), (">", below), (">=", below)):
        assert THINGS(f"{column} {op} {constant}") == WITH_VALUE
        assert THINGS(f"NOT {column} {op} {constant}") == ["none"]
    for op, constant in (("<", below), ("<=", below), (">", above), (">=", above)):
        assert THINGS(f"{column} {op} {constant}") == []
    assert THINGS(f"{value} == {column}") == WITH_VALUE
    assert THINGS(f"{below} < {column}") == WITH_VALUE


@pytest.mark.parametrize("column", ORDERED)
def test_a_column_and_null(column: str) -> None:
    assert THINGS(f"{column} == NULL") == ["none"]
    assert THINGS(f"{column} != NULL") == WITH_VALUE
    assert THINGS(f"{column} <= NULL") == ["none"]
    assert THINGS(f"{column} >= NULL") == ["none"]
    assert THINGS(f"{column} < NULL") == []
    assert THINGS(f"{column} > NULL") == []
    assert THINGS(f"NULL == {column}") == ["none"]


@pytest.mark.parametrize("column", ORDERED)
def test_between_and_membership(column: str) -> None:
    value, below, above = LITERALS[column]
    assert THINGS(f"{column} BETWEEN {{{below}, {above}}}") == WITH_VALUE
    assert THINGS(f"{column} BETWEEN {{{above}, {below}}}") == []
    assert THINGS(f"{column} IN {{{value}, NULL}}") == EVERYTHING
    assert THINGS(f"{column} IN {{{below}, NULL}}") == ["none"]
    assert THINGS(f"{column} IN {{{value}}}") == WITH_VALUE
    assert THINGS(f"{column} IN {{}}") == []


def test_null_is_below_every_string_of_a_column() -> None:
    assert THINGS("s < 'a'") == ["none"]
    assert THINGS("s <= ''") == ["none"]
    assert THINGS("s < ''") == ["none"]
    assert THINGS("s > 'a'") == WITH_VALUE
    assert THINGS("'a' > s") == []  # the order is one of the column on the left only
    assert THINGS("s > NULL") == WITH_VALUE
    assert THINGS("s >= NULL") == EVERYTHING
    assert THINGS("s <= NULL") == ["none"]
    assert THINGS("s < NULL") == []
    assert THINGS("s != 'm'") == ["none"]
    assert THINGS("s == NULL") == ["none"]


def test_null_is_no_string_through_a_link() -> None:
    assert THINGS("to.s < 'z'") == ["to_full"]
    assert THINGS("to.s < 'a'") == []
    assert THINGS("to.s > NULL") == []
    assert THINGS("to.s >= NULL") == [name for name in EVERYTHING if name != "to_full"]
    assert THINGS("part.s < 'a'") == []


@pytest.mark.parametrize("column", [*ORDERED, "s"])
def test_a_link_that_is_null_or_dangling_gives_null(column: str) -> None:
    value = LITERALS.get(column, ("'m'",))[0]
    without = [name for name in EVERYTHING if name != "to_full"]
    assert THINGS(f"to.{column} == NULL") == without
    assert THINGS(f"to.{column} != {value}") == without
    assert THINGS(f"to.{column} == {value}") == ["to_full"]
    assert THINGS(f"to.{column} != NULL") == ["to_full"]
    assert THINGS(f"to.to.{column} == NULL") == EVERYTHING


def test_a_dangling_link_is_not_null_to_the_column_itself() -> None:
    null = ["full", "none", "unlinked"]
    assert THINGS("to == NULL") == null
    assert THINGS("to != NULL") == ["to_full", "to_none", "dangling"]
    assert THINGS("NOT to == NULL") == ["to_full", "to_none", "dangling"]


@pytest.mark.parametrize("text", ["NULL == to", "to IN {NULL}", "to.@count == 0"])
def test_a_dangling_link_is_null_to_all_else(text: str) -> None:
    assert THINGS(text) == ["full", "none", "unlinked", "dangling"]


def test_a_link_seen_through_a_link() -> None:
    world = Things(
        {
            "far": {"to": Link("near")},
            "near": {"to": Link("gone")},
            "end": {"to": Link("alone")},
            "alone": {},
        }
    )
    assert world("to.to == NULL") == EVERYTHING_OF_FOUR
    assert world("to.to.@count == 1") == ["far"]  # a dangling one counts there (11.3)


EVERYTHING_OF_FOUR = ["far", "near", "end", "alone"]


def test_null_links_lead_to_no_collection() -> None:
    unreached = ["full", "none", "unlinked", "dangling"]
    assert THINGS("to.ns == 5") == ["to_full"]
    assert THINGS("to.ns == NULL") == ["to_none"]
    assert THINGS("to.ns[0] == NULL") == ["to_none"]
    assert THINGS("to.ns[9] == NULL") == ["to_full", "to_none"]
    assert THINGS("ALL to.ns == 5") == ["full", "none", "to_full", "unlinked", "dangling"]
    assert THINGS("NONE to.ns == 5") == [name for name in EVERYTHING if name != "to_full"]
    assert THINGS("to.xd.key == NULL") == []
    for aggregate in ("@min", "@max", "@avg"):
        assert THINGS(f"to.ns.{aggregate} == NULL") == [
            name for name in EVERYTHING if name != "to_full"
        ]
    assert THINGS("to.ns.@sum == 0") == [*unreached[:2], "to_none", *unreached[2:]]


def test_no_linked_objects() -> None:
    assert THINGS("ANY many.n == 5") == ["to_full"]
    assert THINGS("ALL many.n == 5") == [name for name in EVERYTHING if name != "to_none"]
    assert THINGS("NONE many.n == 5") == [name for name in EVERYTHING if name != "to_full"]
    assert THINGS("many.n == NULL") == ["to_none"]


def test_a_list_equals_null_if_an_element_does() -> None:
    assert THINGS("ns == NULL") == ["none"]
    assert THINGS("ss == NULL") == ["none"]
    assert THINGS("NULL IN ns") == ["none"]
    assert THINGS("ALL ns != NULL") == WITH_VALUE


def test_the_ends_of_integers() -> None:
    """>= and <= at the extremes add no condition, so that null matches, too."""
    assert THINGS("n >= -9223372036854775808") == EVERYTHING
    assert THINGS("n <= 9223372036854775807") == EVERYTHING
    assert THINGS("n >= -9223372036854775807") == WITH_VALUE
    assert THINGS("n > -9223372036854775808") == WITH_VALUE


@pytest.mark.parametrize("expression", ["n + 1", "n * 0", "0 / n", "1 - d", "m / 2"])
def test_arithmetic_with_null_is_null(expression: str) -> None:
    assert THINGS(f"{expression} == NULL") == ["none"]
    assert THINGS(f"{expression} >= -100") == WITH_VALUE
    assert THINGS(f"{expression} != 1234") == EVERYTHING


@pytest.mark.parametrize("operator", ["CONTAINS", "BEGINSWITH", "ENDSWITH"])
@pytest.mark.parametrize("case", ["", "[c]"])
def test_a_null_needle_is_in_every_row_of_a_column(operator: str, case: str) -> None:
    assert THINGS(f"s {operator}{case} NULL") == EVERYTHING
    exception = operator == "CONTAINS" and case == "[c]"
    assert THINGS(f"b {operator}{case} NULL") == (WITH_VALUE if exception else EVERYTHING)
    assert THINGS(f"NULL {operator}{case} s") == []


def test_null_is_like_null() -> None:
    for column in ("s", "b"):
        assert THINGS(f"{column} LIKE NULL") == ["none"]
        assert THINGS(f"NULL LIKE {column}") == ["none"]
    assert THINGS("s LIKE '*'") == WITH_VALUE


def test_null_needles_through_links_and_in_collections() -> None:
    assert THINGS("to.s CONTAINS NULL") == ["to_full"]
    assert THINGS("to.s BEGINSWITH NULL") == []
    assert THINGS("to.s ENDSWITH NULL") == []
    assert THINGS("to.s LIKE NULL") == [name for name in EVERYTHING if name != "to_full"]
    assert THINGS("ss CONTAINS NULL") == WITH_VALUE
    assert THINGS("ss BEGINSWITH NULL") == []
    assert THINGS("ss LIKE NULL") == ["none"]


def test_every_value_contains_null() -> None:
    """Links, too, which contain no text."""
    world = Things(
        {"both": {"to": Link("both"), "ss": [None], "xd": {"k": None}}, "no": {"ss": [None]}}
    )
    assert world("to CONTAINS ss") == ["both"]
    assert world("to CONTAINS xd.k") == ["both"]
    assert world("to CONTAINS 'b'") == []


def test_an_empty_needle_is_in_every_text() -> None:
    for operator in ("CONTAINS", "BEGINSWITH", "ENDSWITH"):
        assert THINGS(f"s {operator} ''") == WITH_VALUE
        assert THINGS(f"b {operator} binary('')") == WITH_VALUE
        assert THINGS(f"to.s {operator} ''") == ["to_full"]
