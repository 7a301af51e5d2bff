"""Comparison and operators, rule by rule: numbers and NaN (query-language.md 8.2, 8.3), the order
across types (8.4), membership (10.3), string operators (10.4 to 10.6) and arithmetic (12)."""

from __future__ import annotations

import math
import uuid
from decimal import Decimal
from typing import Any

import pytest

from query.things import Float, Instant, Link, ObjectId, Things

NAN = math.nan


def names(**values: Any) -> Things:
    """Things that hold each value in `x`, a Mixed."""
    return Things({name: {"x": value} for name, value in values.items()})


def test_integers_are_not_rounded_to_doubles() -> None:
    world = Things({"even": {"n": 2**53}, "odd": {"n": 2**53 + 1}, "big": {"n": 2**63 - 1}})
    assert world("n == 9007199254740992.0") == ["even"]
    assert world("n > 9007199254740992.0") == ["odd", "big"]
    assert world("n < $0", 2.0**63) == ["even", "odd", "big"]
    assert world("n == $0", 2.0**63) == []
    assert world("n > $0", -1e300) == ["even", "odd", "big"]


def test_two_columns_of_numbers_compare_exactly() -> None:
    world = Things(
        {
            "above": {"n": 2**53 + 1, "d": 2.0**53},
            "equal": {"n": 2**53, "d": 2.0**53},
            "half": {"n": 1, "d": 1.5},
            "nan": {"n": -5, "d": NAN},
        }
    )
    assert world("n > d") == ["above", "nan"]
    assert world("n == d") == ["equal"]
    assert world("d > n") == ["half"]
    assert world("n >= d") == ["above", "equal", "nan"]


def test_floats_are_widened_among_doubles() -> None:
    world = Things({"tenth": {"f": 0.1, "d": 0.1}, "half": {"f": 0.5, "d": 0.5}})
    assert world("f == d") == ["half"]
    assert world("f > d") == ["tenth"]


def test_decimals_among_other_numbers() -> None:
    """Doubles count with 15 digits there, floats with 7."""
    world = Things({"a": {"m": Decimal("0.1"), "d": 0.1, "f": 0.1, "n": 0}})
    assert world("m == d") == ["a"]
    assert world("m == f") == ["a"]
    assert world("m > n") == ["a"]
    assert world("m == 0.1") == ["a"]
    assert world("m == 0.1000000000000001") == []
    assert world("m == $0", 0.30000000000000004 - 0.2) == ["a"]


FLOATING = Things(
    {
        "nan": {"d": NAN, "f": NAN, "m": Decimal("NaN"), "x": NAN, "ds": [NAN]},
        "one": {"d": 1.0, "f": 1.0, "m": Decimal(1), "x": 1.0, "ds": [1.0]},
        "inf": {"d": math.inf, "f": math.inf, "m": Decimal("Infinity"), "x": math.inf},
        "null": {},
    }
)


@pytest.mark.parametrize("column", ["d", "f"])
def test_nan_of_a_column_is_in_no_order(column: str) -> None:
    """8.3, first row: a constant of the column's own type."""
    constant = "1.5f" if column == "f" else "1.5"
    assert FLOATING(f"{column} < {constant}") == ["one"]
    assert FLOATING(f"{column} >= {constant}") == ["inf"]
    assert FLOATING(f"{column} == nan") == []
    assert FLOATING(f"{column} != nan") == ["nan", "one", "inf", "null"]
    for op in ("<", "<=", ">", ">="):
        assert FLOATING(f"{column} {op} nan") == []
    assert FLOATING(f"{column} == inf") == ["inf"]
    assert FLOATING(f"NOT {column} < {constant}") == ["nan", "inf", "null"]


def test_nan_of_a_column_is_below_integers() -> None:
    """8.3, second row."""
    assert FLOATING("d < 2") == ["nan", "one"]
    assert FLOATING("d < 2.0") == ["one"]
    assert FLOATING("d <= 1") == ["nan", "one"]
    assert FLOATING("d > 0") == ["one", "inf"]


@pytest.mark.parametrize("operand", ["m", "x", "ds", "(d + 0)"])
def test_nan_is_below_numbers_everywhere_else(operand: str) -> None:
    """8.3, third row."""
    assert FLOATING(f"{operand} < 2") == ["nan", "one"]
    assert FLOATING(f"{operand} == nan") == ["nan"]
    assert "nan" not in FLOATING(f"{operand} >= -1000")


def test_nan_of_other_bits_is_unequal() -> None:
    assert FLOATING("m == -nan") == []
    assert FLOATING("m == nan") == ["nan"]


# In the order of 8.4.
ACROSS: dict[str, Any] = {
    "null": None,
    "false": False,
    "true": True,
    "int": 1,
    "double": 1.5,
    "decimal": Decimal(2),
    "float": Float(2.5),
    "string": "a",
    "binary": b"a",
    "timestamp": Instant(1),
    "oid": ObjectId("1" * 24),
    "uuid": uuid.UUID("1" * 32),
    "link": Link("null"),
    "list": [1],
    "dictionary": {"k": 1},
}
MIXED = names(**ACROSS)
LITERALS = {
    "false": "false",
    "int": "1",
    "double": "1.5",
    "string": "'a'",
    "binary": "binary('a')",
    "timestamp": "T1:0",
    "oid": f"oid({'1' * 24})",
    "uuid": f"uuid({uuid.UUID('1' * 32)})",
}
GROUPS = {
    "false": ["false", "true"],
    "int": ["int", "double", "decimal", "float"],
    "double": ["int", "double", "decimal", "float"],
}


def test_the_order_across_types() -> None:
    assert MIXED("TRUEPREDICATE SORT(x ASC)") == list(ACROSS)
    assert MIXED("TRUEPREDICATE SORT(x DESC)") == list(reversed(ACROSS))


@pytest.mark.parametrize("name", LITERALS)
def test_mixed_values_compare_within_their_group(name: str) -> None:
    literal = LITERALS[name]
    group = GROUPS.get(name, [name])
    assert MIXED(f"x == {literal}") == [name]
    assert MIXED(f"x != {literal}") == [other for other in ACROSS if other != name]
    at = group.index(name)
    assert MIXED(f"x < {literal}") == group[:at]
    assert MIXED(f"x <= {literal}") == group[: at + 1]
    assert MIXED(f"x > {literal}") == group[at + 1 :]
    assert MIXED(f"x >= {literal}") == group[at:]


def test_null_of_a_mixed_is_in_order_with_null_only() -> None:
    assert MIXED("x <= NULL") == ["null"]
    assert MIXED("x >= NULL") == ["null"]
    assert MIXED("x == NULL") == ["null"]
    assert MIXED("x < NULL") == []


def test_numbers_of_a_mixed_are_one_group() -> None:
    world = names(int=2, double=2.0, decimal=Decimal("2.0"), float=Float(2.0), text="2")
    assert world("x == 2") == ["int", "double", "decimal", "float"]
    assert world("x IN {2.0}") == ["int", "double", "decimal", "float"]
    assert world("x == '2'") == ["text"]


def test_a_link_column_never_equals_a_link_of_a_mixed() -> None:
    """8.1: only null is equal."""
    world = Things(
        {
            "same": {"to": Link("null"), "x": Link("null")},
            "null": {},
            "link": {"to": Link("null")},
        }
    )
    assert world("to == x") == ["null"]
    assert world("x != to") == ["same", "link"]
    assert world("x == obj('Thing', 'null')") == ["same"]
    assert world("to == obj('Thing', 'null')") == ["same", "link"]


def test_timestamps_and_bytes_are_ordered() -> None:
    world = Things(
        {
            "before": {"t": Instant(-1, -5), "b": b"", "u": uuid.UUID(int=0), "flag": False},
            "after": {"t": Instant(-1), "b": b"\xff", "u": uuid.UUID(int=2**127), "flag": True},
        }
    )
    assert world("t < T-1:-4") == ["before"]
    assert world("t > T-1:-5") == ["after"]
    assert world("b < binary('a')") == ["before"]
    assert world("b > binary('a')") == ["after"]
    assert world("flag > false") == ["after"]
    assert world("u < uuid(80000000-0000-0000-0000-000000000000)") == ["before"]


def test_strings_are_ordered_by_their_bytes() -> None:
    world = Things({text: {"s": text} for text in ("", "Z", "a", "ab", "ä", "漢", "😀")})
    assert world("TRUEPREDICATE SORT(s ASC)") == world.names
    assert world("s > 'a'") == ["ab", "ä", "漢", "😀"]


TEXTS = Things(
    {
        "alice": {"s": "Alice", "b": b"Alice", "x": "Alice", "ss": ["Alice", "Bob"]},
        "lower": {"s": "alice", "b": b"alice", "x": b"alice", "ss": ["alice"]},
        "umlaut": {"s": "Äöü÷ÿ", "x": 5},
        "greek": {"s": "σας"},
        "empty": {"s": "", "b": b"", "x": ""},
        "null": {"ss": [None]},
    }
)


def test_beginnings_endings_and_contents() -> None:
    assert TEXTS("s BEGINSWITH 'Al'") == ["alice"]
    assert TEXTS("s BEGINSWITH[c] 'al'") == ["alice", "lower"]
    assert TEXTS("s ENDSWITH 'CE'") == []
    assert TEXTS("s ENDSWITH[c] 'CE'") == ["alice", "lower"]
    assert TEXTS("s CONTAINS 'lic'") == ["alice", "lower"]
    assert TEXTS("s CONTAINS[c] 'LIC'") == ["alice", "lower"]
    assert TEXTS("'Alice in' BEGINSWITH s") == ["alice", "empty"]
    assert TEXTS("b CONTAINS binary('lic')") == ["alice", "lower"]
    assert TEXTS("b ENDSWITH[c] binary('ICE')") == ["alice", "lower"]


def test_a_long_needle_is_found_where_its_beginning_repeats() -> None:
    needle = "ab" * 20 + "c"
    world = Things({"in": {"s": "ab" * 30 + "c" + "x"}, "out": {"s": "ab" * 30 + "d"}})
    assert world(f"s CONTAINS '{needle}'") == ["in"]
    assert world(f"s CONTAINS[c] '{needle.upper()}'") == ["in"]


def test_case_of_latin_1_is_ignored_and_of_no_other_letters() -> None:
    assert TEXTS("s ==[c] 'äÖÜ÷ÿ'") == ["umlaut"]
    assert TEXTS("s ==[c] 'äÖÜ×ÿ'") == []
    assert TEXTS("s ==[c] 'ΣΑΣ'") == []
    assert TEXTS("s !=[c] 'ALICE'") == ["umlaut", "greek", "empty", "null"]
    assert TEXTS("'ALICE' ==[c] s") == ["alice", "lower"]


def test_strings_and_binary_do_not_meet() -> None:
    assert TEXTS("x CONTAINS 'lic'") == ["alice"]
    assert TEXTS("x CONTAINS binary('lic')") == ["lower"]
    assert TEXTS("x ==[c] 'ALICE'") == ["alice"]
    assert TEXTS("x ==[c] binary('ALICE')") == ["lower"]
    assert TEXTS("x LIKE[c] 'a*'") == ["alice"]
    assert TEXTS("s CONTAINS binary('lic')") == []
    assert TEXTS("x CONTAINS ss") == ["alice"]
    assert TEXTS("b CONTAINS 'lic'") == []


def test_string_operators_of_collections() -> None:
    assert TEXTS("ss BEGINSWITH[c] 'b'") == ["alice"]
    assert TEXTS("ALL ss BEGINSWITH[c] 'a'") == ["lower", "umlaut", "greek", "empty"]
    assert TEXTS("NONE ss LIKE '*lic?'") == ["umlaut", "greek", "empty", "null"]


def test_wildcards_of_columns() -> None:
    assert TEXTS("s LIKE 'A*e'") == ["alice"]
    assert TEXTS("s LIKE[c] 'a????'") == ["alice", "lower"]
    assert TEXTS("s LIKE '?????'") == ["alice", "lower", "umlaut"]
    assert TEXTS("s LIKE ''") == ["empty"]
    assert TEXTS("s LIKE '**'") == ["alice", "lower", "umlaut", "greek", "empty"]
    assert TEXTS("b LIKE binary('*?ice')") == ["alice", "lower"]
    assert TEXTS("'alice' LIKE[c] s") == ["alice", "lower"]


def test_membership_of_a_column_ignores_case_marks_and_other_types() -> None:
    """10.3."""
    assert TEXTS("s IN[c] {'ALICE'}") == []
    assert TEXTS("s IN {'Alice', 5, NULL}") == ["alice", "null"]
    assert TEXTS("s IN {}") == []
    assert TEXTS("x IN[c] {'ALICE'}") == ["alice"]
    assert TEXTS("'BOB' IN[c] ss") == ["alice"]


ARITHMETIC = Things(
    {
        "small": {"n": 7, "d": 2.5, "f": 0.5, "m": Decimal("1.10"), "x": 3, "ns": [1, 2]},
        "negative": {"n": -7, "d": -2.5, "f": -0.5, "m": Decimal("-1"), "x": "text"},
        "zero": {"n": 0, "d": 0.0, "f": 0.0, "m": Decimal(0), "x": Decimal("0.5"), "ns": [0]},
        "most": {"n": 2**63 - 1, "x": 2**63 - 1},
        "least": {"n": -(2**63), "x": 1.5},
    }
)


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("n / 2", "3", ["small"]),
        ("n / 2", "-3", ["negative"]),  # truncated towards zero
        ("n / 0", "9223372036854775807", ["small", "zero", "most"]),
        ("n / 0", "-9223372036854775808", ["negative", "least"]),
        ("n + 1", "-9223372036854775808", ["most"]),  # wraps
        ("n - 1", "9223372036854775807", ["least"]),
        ("n * 2", "-2", ["most"]),
        ("n * 2", "0", ["zero", "least"]),
        ("n / -1", "-9223372036854775808", ["least"]),
        ("7 - n", "0", ["small"]),
        ("n + d", "9.5", ["small"]),
        ("n * d", "17.5", ["small", "negative"]),
        ("d / 0", "inf", ["small"]),
        ("d / 0", "nan", []),
        ("m + 0.05", "1.15", ["small"]),
        ("m * m", "1.21", ["small"]),
        ("m / 3", "nan", []),
        ("m + f", "1.6", ["small"]),
        ("(n + 1) * 2 - d", "13.5", ["small"]),
        ("n + n * 2", "21", ["small"]),
        ("x + 1", "4", ["small"]),
        ("x + 1", "NULL", ["negative"]),  # no number
        ("x * 2", "1", ["zero"]),
        ("x + d", "NULL", ["negative", "most", "least"]),
        ("x + 1", "-9223372036854775808", ["most"]),
    ],
)
def test_arithmetic(expression: str, value: str, expected: list[str]) -> None:
    assert ARITHMETIC(f"{expression} == {value}") == expected


def test_zero_divided_by_zero() -> None:
    """IEEE: NaN, which is below every number and equals only its own bits."""
    assert "zero" in ARITHMETIC("d / d < -1000")
    assert "zero" in ARITHMETIC("m / m < -1000")


def test_arithmetic_maps_over_many_values() -> None:
    assert ARITHMETIC("ns + 1 == 3") == ["small"]
    assert ARITHMETIC("ALL ns * 2 < 3") == ["negative", "zero", "most", "least"]
    assert ARITHMETIC("n + {1, 2} == 8") == ["small"]
    assert ARITHMETIC("ns * n == 14") == ["small"]


def test_a_long_sum() -> None:
    assert ARITHMETIC("n" + " + 1" * 60 + " == 67") == ["small"]
