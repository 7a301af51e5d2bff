"""Texts that are made to hurt: they end in a result or in an error, and need no stack and no time
that grows faster than they do. What took too long would run into the limit of every test.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from realmsync._testbed import parse_query
from realmsync.errors import QueryLimitError, QuerySyntaxError

WIDE = 50_000
DEEP = 100_000

NESTS: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "a == 1" + ")" * n,
    "operands": lambda n: "(" * n + "a" + ")" * n + " == 1",
    "right operands": lambda n: "a == " + "(" * n + "1" + ")" * n,
    "sums": lambda n: "a == " + "(1 + " * n + "1" + ")" * n,
    "left sums": lambda n: "(" * n + "a" + " + 1)" * n + " == 1",
    "negations": lambda n: "!" * n + "a == 1",
    "negated parentheses": lambda n: "NOT (" * (n // 2) + "a == 1" + ")" * (n // 2),
    "alternating": lambda n: "(a == 1 AND (b == 1 OR " * (n // 2) + "c == 1" + "))" * (n // 2),
    "subqueries": lambda n: "SUBQUERY(a, $x, " * n + "a == 1" + ").@count > 0" * n,
    "left subqueries": lambda n: (
        "(SUBQUERY(a, $x, " * (n // 2) + "a == 1" + ").@count + 1) > 0" * (n // 2)
    ),
    "unclosed": lambda n: "(" * n,
    "unclosed subqueries": lambda n: "SUBQUERY(a, $x, " * n,
    "arithmetic": lambda n: "a == 1" + " + 1" * n,
    "mixed arithmetic": lambda n: "a == 1" + " + 2 * 1" * (n - 1),
}


@pytest.mark.parametrize("nest", NESTS)
def test_depth_is_bounded(nest: str) -> None:
    with pytest.raises(QueryLimitError):
        parse_query(NESTS[nest](DEEP))
    with pytest.raises(QueryLimitError):
        parse_query(NESTS[nest](210))


@pytest.mark.parametrize("nest", [nest for nest in NESTS if not nest.startswith("unclosed")])
def test_a_hundred_levels_are_not_too_many(nest: str) -> None:
    assert parse_query(NESTS[nest](100))


def test_what_is_printed_may_be_deeper() -> None:
    """Serialisers put parentheses around what NOT denies and around disjunctions."""
    assert parse_query("!(" * 100 + "(a == 1 or b == 2)" + ")" * 100, is_subscription=True)
    for nest in NESTS:
        with pytest.raises(QueryLimitError):
            parse_query(NESTS[nest](DEEP), is_subscription=True)


def test_depth_counts_along_one_branch() -> None:
    """Many nests beside each other are as deep as the deepest."""
    nests = [NESTS[nest](100) for nest in NESTS if not nest.startswith("unclosed")]
    assert parse_query(" OR ".join(nests * 50))


def test_arithmetic_of_subqueries_counts_through_them() -> None:
    """A subquery is an operand: what is inside stands within what is outside."""
    inner = "a" + " + 1" * 60 + " == 1"
    assert parse_query(f"SUBQUERY(a, $x, {inner}).@count > 0 AND {inner}")
    with pytest.raises(QueryLimitError):
        parse_query(f"SUBQUERY(a, $x, {inner}).@count" + " + 1" * 60 + " > 0")


@pytest.mark.parametrize("word", ["AND", "OR"])
def test_chains_are_as_long_as_one_likes(word: str) -> None:
    text = f" {word} ".join(f"a == {i}" for i in range(WIDE))
    assert parse_query(text).count("(== a ") == WIDE
    assert parse_query(f"NOT ({text})").count("(== a ") == WIDE
    mixed = text.replace(f" {word} ", f" {word} NOT ")
    assert parse_query(mixed).count("(not ") == WIDE - 1


def test_everything_that_repeats_may_be_long() -> None:
    numbers = ", ".join(map(str, range(WIDE)))
    assert parse_query(f"a IN {{{numbers}}}").count("natural") == WIDE
    path = "a" + ".b[0]" * WIDE
    assert parse_query(f"{path} == 1").count(".b[0]") == WIDE
    keys = ", ".join(f"a{i} ASC" for i in range(WIDE))
    assert parse_query(f"TRUEPREDICATE SORT({keys})").count(" asc") == WIDE
    assert parse_query("TRUEPREDICATE" + " LIMIT(1)" * WIDE).count("limit") == WIDE
    ring = ", ".join(["[0, 1]"] * WIDE)
    assert parse_query(f"a GEOWITHIN geoPolygon({{{ring}}})").count("[") == WIDE
    rings = ", ".join(["{[0, 1]}"] * WIDE)
    assert parse_query(f"a GEOWITHIN geoPolygon({rings})").count("[") == WIDE


def test_terms_are_bounded() -> None:
    """Predicates, constants and names, each, wherever they stand."""
    within = {
        "a == 1 OR b == 1 AND c == 1": 9,
        "a IN {1, 2, 3}": 5,
        "a.b[0].c == 1": 6,
        "TRUEPREDICATE SORT(a ASC, b.c ASC) DISTINCT(d) LIMIT(1)": 8,
        "NOT !TRUEPREDICATE": 3,
        "a GEOWITHIN geoCircle([0, 1], 2)": 5,
        "SUBQUERY(a, $x, $x.b == 1).@count > 0": 7,
        "a.@max.b == binary('x')": 3,
        "a == obj('C', 1)": 3,
    }
    for text, terms in within.items():
        assert parse_query(text, terms=terms)
        with pytest.raises(QueryLimitError):
            parse_query(text, terms=terms - 1)
    with pytest.raises(QueryLimitError):
        parse_query("a IN {" + "1," * 1_000_000 + "1}")
    with pytest.raises(QueryLimitError):
        parse_query("a==1 OR " * 400_000 + "a==1")


def test_bytes_are_bounded() -> None:
    assert parse_query("a == 'ä'", bytes=9)
    with pytest.raises(QueryLimitError):
        parse_query("a == 'ä'", bytes=8)
    with pytest.raises(QueryLimitError):
        parse_query(" " * (16 << 20) + "a == 1")


LONG = 15 << 20


@pytest.mark.parametrize(
    "text",
    [
        "a == '" + "x" * LONG + "'",
        "a == '" + "\\n" * (LONG // 2) + "'",
        'a == B64"' + "A" * LONG + '"',
        "a" * LONG + " == 1",
        "a\\ " * (LONG // 3) + " == 1",
        "名" * (LONG // 3) + " == 1",
        "a == " + "9" * LONG,
        "a == 1." + "9" * LONG + "e" + "9" * 1000,
        "a == 0x" + "f" * LONG,
        "a == T" + "9" * LONG + ":0",
        "a == " + "1" * LONG + "-1-1@1:1:1",
        " " * LONG + "a == 1",
        "a == $" + "9" * LONG,
        "a[" + "7" * LONG + "] == 1",
        "a LIKE '" + "*" * LONG + "'",
        "a == obj('" + "C" * LONG + "', 1)",
    ],
    ids=lambda text: text[:12],
)
def test_words_may_be_long(text: str) -> None:
    assert parse_query(text)


@pytest.mark.parametrize(
    "text",
    [
        "a == '" + "x" * LONG,
        "a == " + "'x" * (LONG // 2),
        'a == B64"' + "A" * LONG,
        'a == B64"AAAA!' * (LONG // 14),
        "a == " + "1-1" * (LONG // 3),
        "a == " + "T1" * (LONG // 2) + ":",
        "-" * LONG,
        "." * LONG,
        "@" * LONG,
        "[c]" * (LONG // 3),
        "a == 1" + ")" * LONG,
        "\\" * LONG,
        "a == uuid(" * (LONG // 10),
    ],
    ids=lambda text: text[:12],
)
def test_faults_may_be_long(text: str) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse_query(text)
    assert len(caught.value.message) < 10_000
    assert len(str(caught.value)) < 20_000
