"""Large and strange queries behind the parser: bound, printed, read back, normalised and asked in
memory. What took time that grows faster than the text would run into the limit of every test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import Lab
from realmsync._testbed import LabQuery
from realmsync.errors import QueryError

WIDE = 50_000


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


def is_well_understood(query: LabQuery) -> bool:
    """Whether every stage takes a query, and finds what it finds as it is."""
    found = query.select()
    assert query.needs()
    assert len(query.text) > 0
    assert query.reread().select() == found
    normalized = query.normalized()
    assert normalized.canonical == query.canonical
    return normalized.select() == found


CHAINS: dict[str, Callable[[int], str]] = {
    "equalities": lambda i: f"age == {i}",
    "inequalities": lambda i: f"age != {i}",
    "pairs": lambda i: f"age == {i} AND rank != {i}",
    "strings": lambda i: f"name BEGINSWITH[c] 'a{i}'",
    "decimals": lambda i: f"money > {i}.5",
    "paths": lambda i: f"boss.name == 'b{i}'",
    "quantified": lambda i: f"ALL nums > {i}",
    "negations": lambda i: f"NOT (age == {i} AND NOT rank == {i})",
    "lists": lambda i: f"name IN {{'a{i}', 'b{i}'}}",
}


@pytest.mark.parametrize("chain", CHAINS)
def test_long_chains(lab: Lab, chain: str) -> None:
    members = [CHAINS[chain](i) for i in range(WIDE // 10)]
    assert is_well_understood(lab.bind(" OR ".join(members)))
    assert is_well_understood(lab.bind("NOT (" + " OR ".join(members) + ")"))
    assert is_well_understood(lab.bind(" AND ".join(f"({member})" for member in members)))


def test_fifty_thousand_terms(lab: Lab) -> None:
    text = " OR ".join(f"age == {i}" for i in range(WIDE))
    assert lab.selects(text) == lab.selects(f"age >= 0 AND age < {WIDE}")
    assert lab.bind(text).text.count(" == ") == WIDE
    assert is_well_understood(lab.bind(text))


LISTS: dict[str, tuple[str, Callable[[int], str]]] = {
    "integers": ("age", str),
    "decimals": ("money", lambda i: f"{i}.5"),
    "doubles": ("score", lambda i: f"{i}.5"),
    "strings": ("name", lambda i: f"'a{i}'"),
    "mixed": ("val", str),
    "links": ("boss", lambda i: f"obj('Person', {i})"),
    "through a link": ("boss.age", str),
    "types": ("val.@type", lambda _: "'int'"),
    "elements": ("ANY nums", str),
    "sequences": ("nums", str),
}


@pytest.mark.parametrize("kind", LISTS)
def test_long_lists(lab: Lab, kind: str) -> None:
    path, member = LISTS[kind]
    members = ", ".join(map(member, range(WIDE)))
    assert is_well_understood(lab.bind(f"{path} IN {{{members}}}"))
    assert is_well_understood(lab.bind(f"NOT {path} == {{{members}}}"))


def test_a_list_of_nearly_a_million(lab: Lab) -> None:
    members = ",".join(map(str, range(900_000)))
    assert lab.selects(f"age IN {{{members}}}") == lab.selects("age >= 0 AND age < 900000")


def test_patterns(lab: Lab) -> None:
    """Many stars must not multiply."""
    for pattern in ("*a" * WIDE, "*" * WIDE + "#", "*?" * WIDE, "?*" * 20 + "é", "*l*i*" * 1000):
        for case in ("", "[c]"):
            assert lab.selects(f"name LIKE{case} '{pattern}'") == []
    assert lab.selects("name LIKE '" + "*" * WIDE + "'") == lab.selects("name LIKE '*'")


def test_needles(lab: Lab) -> None:
    for operator in ("CONTAINS", "BEGINSWITH", "ENDSWITH", "==", "<"):
        case = "" if operator == "<" else "[c]"
        assert is_well_understood(lab.bind(f"name {operator}{case} '{'a' * WIDE}'"))
    words = " ".join(f"w{i} -x{i}" for i in range(WIDE // 10))
    assert lab.selects(f"bio TEXT '{words}'") == []


def test_numbers(lab: Lab) -> None:
    digits = "1" * WIDE
    for column in ("age", "score", "ratio", "money", "val", "name", "boss.age"):
        for number in (digits, f"-{digits}.5", f"0.{digits}", f"1e{digits}", f"0x{digits}"):
            try:
                assert is_well_understood(lab.bind(f"{column} != {number}"))
            except QueryError as error:
                assert error.message


NESTS: dict[str, Callable[[int], str]] = {
    "negations": lambda n: "!" * n + "(age == 1)",
    "alternating": lambda n: (
        "(age == 1 AND (rank == 2 OR " * (n // 2) + "age == 3" + "))" * (n // 2)
    ),
    "negated": lambda n: (
        "NOT (age == 1 AND NOT (rank == 2 OR " * (n // 4) + "age == 3" + "))" * (n // 4)
    ),
    "sums": lambda n: "age == rank" + " + age" * n,
    "products": lambda n: "age == " + "(1 + age * " * (n // 2) + "2" + ")" * (n // 2),
    "constants": lambda n: "age == 1" + " + 1" * n,
    "aggregates": lambda n: "age > nums.@sum" + " + nums.@sum" * n,
    "bosses": lambda n: "boss." * (n - 1) + "age == NULL",
    "steps": lambda n: "val" + "['a'][0]" * (n // 2 - 1) + " == 1",
}


@pytest.mark.parametrize("nest", NESTS)
def test_deep_queries(lab: Lab, nest: str) -> None:
    assert is_well_understood(lab.bind(NESTS[nest](45)))


def test_deep_subqueries(lab: Lab) -> None:
    """Not asked: objects that are reached in many ways are asked for each of them."""
    text = "age > 1"
    for depth in range(45):
        text = f"SUBQUERY(shop.staff, $x{depth}, {text}).@count > 0"
    assert lab.bind(text).reread().tree == lab.bind(text).tree


def test_clauses(lab: Lab) -> None:
    """Sorts in a row are one; others are done one after the other."""
    every = lab.selects("TRUEPREDICATE SORT(name ASC)")
    assert lab.selects("TRUEPREDICATE" + " SORT(name ASC)" * WIDE) == every
    assert lab.selects("TRUEPREDICATE SORT(" + "name ASC, " * WIDE + "name ASC)") == every
    forty = lab.selects("TRUEPREDICATE LIMIT(40)")
    assert lab.selects("TRUEPREDICATE" + " LIMIT(40)" * WIDE) == forty
    assert lab.selects("TRUEPREDICATE" + " SORT(name ASC) DISTINCT(_id)" * 500) == every


def test_sorts_in_a_row(lab: Lab) -> None:
    text = "TRUEPREDICATE SORT(name ASC, age DESC) SORT(rank ASC, score ASC) LIMIT(1) SORT(_id ASC)"
    assert lab.bind(text).text == (
        "TRUEPREDICATE SORT(rank ASC, score ASC, name ASC, age DESC) LIMIT(1) SORT(_id ASC)"
    )
