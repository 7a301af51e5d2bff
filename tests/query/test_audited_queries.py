"""Queries that reading the specification has shown to go wrong: what each sentence asks for."""

from __future__ import annotations

import pytest

from query.lab import Lab, Recorded
from realmsync import QueryError


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


@pytest.mark.parametrize(
    ("query", "description", "keys"),
    [
        # 19.1: membership of a link keeps its braces, with one member too; == has none. 9: only
        # behind == is a dangling link of a direct property not null, and it is Person 12's.
        ('boss IN {obj("Person", 7)}', 'boss == {obj("class_Person",7)}', [1, 3, 37]),
        ('ALL boss == {obj("Person", 7)}', 'ALL boss == {obj("class_Person",7)}', [1, 3, 37]),
        ('boss == {obj("Person", 7)}', 'boss == obj("class_Person",7)', [1, 3, 37]),
        ("boss IN {NULL} AND _id == 12", "boss == {NULL} and _id == 12", [12]),
        ("boss == {NULL} AND _id == 12", "boss == NULL and _id == 12", []),
        # 10.7: links are lost from the text of TEXT; the variable of a SUBQUERY is none.
        (
            "SUBQUERY(friends, $f, $f.bio TEXT 'quick').@count == 3",
            'SUBQUERY(friends, $x, $x.bio FULLTEXT "quick").@count == 3',
            [5],
        ),
        # 12: what constants are folded to is Mixed.
        ("age >= 10 + 20 AND _id == 7", "age >= 30 and _id == 7", [7]),
        ("score == 0.1 + 0.2 AND _id == 7", "score == 0.3 and _id == 7", []),
        ("age - (10 - 5) == 25", "(age - 5) == 25", [7]),
        ("name == 1 + 1", "name == 2", []),
        ("age == 'a' + 1 AND _id < 10", "age == NULL and _id < 10", [9]),
    ],
)
def test_descriptions(lab: Lab, query: str, description: str, keys: list[int]) -> None:
    bound = lab.bind(query)
    assert bound.text == description
    assert sorted(lab.keys(bound)) == keys


@pytest.mark.parametrize(
    ("cls", "query", "arguments", "message"),
    [
        # 16: the detail is the one of the grammar.
        (
            "Dog",
            "location geoWithin $0",
            [{"t": "string", "v": "x"}],
            "Invalid syntax in serialized geospatial object at argument 0: 'Invalid predicate: "
            "'x': syntax error, unexpected identifier, expecting geobox or geopolygon or "
            "geocircle or argument'",
        ),
    ],
)
def test_messages(lab: Lab, cls: str, query: str, arguments: list[Recorded], message: str) -> None:
    with pytest.raises(QueryError) as caught:
        lab.bind(query, cls, *arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "query",
    ["age == 0.5 + 0.5", "age == 30.999*9999599999991999f", "age == -0.5 * 0", "age == 7 / 2"],
)
def test_what_was_folded_comes_back_from_its_exact_text(lab: Lab, query: str) -> None:
    bound = lab.bind(query)
    assert bound.reread().tree == bound.tree, bound.exact_text
