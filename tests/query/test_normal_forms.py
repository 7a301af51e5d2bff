"""Which queries have one normal form, and which must not (query-language.md 8, 9 and 19.3)."""

from __future__ import annotations

import pytest

from query.lab import Lab


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


def assert_same(lab: Lab, *queries: str) -> None:
    first = lab.bind(queries[0])
    for query in queries[1:]:
        bound = lab.bind(query)
        assert sorted(bound.select()) == sorted(first.select()), query
        assert bound.canonical == first.canonical, query


@pytest.mark.parametrize(
    "queries",
    [
        ("age = 1 AND rank = 2", "rank = 2 AND age = 1", "rank = 2 && (age = 1 && rank = 2)"),
        ("age = 1 OR age = 30", "age IN {30, 1}", "NOT (age != 1 AND age != 30)"),
        ("age IN {1, 30, 1}", "30 = age OR 1 = age"),
        ("NOT age IN {1, 30}", "age != 1 AND age != 30", "NOT age = 30 AND NOT age = 1"),
        ("age IN {1, 2} OR age IN {2, 3} OR age = 4", "age IN {4, 3, 2, 1}"),
        ("age = 1 AND TRUEPREDICATE", "age = 1 OR FALSEPREDICATE", "NOT age != 1", "age IN {1}"),
        ("TRUEPREDICATE", "NOT FALSEPREDICATE", "age = 1 OR TRUEPREDICATE"),
        ("age >= 30", "age > 29", "NOT NOT age > 29"),
        ("boss.age >= 30", "boss.age > 29"),
        ("age BETWEEN {3, 30}", "age > 2 AND age <= 30", "age < 31 AND age >= 3"),
        ("rank < 3", "NOT rank >= 3", "NOT rank > 2", "rank <= 2", "3 > rank"),
        ("name < 'b'", "NOT name >= 'b'"),
        ("name = NULL", "NOT name != NULL"),
        ("NOT (age = 1 OR rank = 2)", "age != 1 AND rank != 2"),
        ("tags = 'red' OR tags = 'blue'", "ANY tags IN {'blue', 'red'}"),
        ("ANY tags = ANY {'red', 'blue'}", "ANY tags IN {'blue', 'red'}"),
        ("NONE tags = 'red'", "NOT ANY tags = 'red'", "NOT SOME tags = 'red'"),
        ("boss.name IN {'a', 'b'}", "boss.name = 'b' OR boss.name = 'a'"),
        ("val IN {1, 'a'}", "val = 'a' OR val = 1"),
        ("score = 1", "score = 1.0"),
        ("score > 1", "score > 1.0"),
        ("age = rank", "rank = age"),
        (
            "SUBQUERY(friends, $x, $x.age = 1 AND $x.rank = 2).@count > 0",
            "SUBQUERY(friends, $y, $y.rank = 2 AND $y.age = 1).@size > 0",
        ),
    ],
)
def test_what_means_the_same_has_one_form(lab: Lab, queries: tuple[str, ...]) -> None:
    assert_same(lab, *queries)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NOT age < 30", "age >= 30"),  # null is neither
        ("NOT score < 1.5", "score >= 1.5"),  # nor is NaN
        ("score < 1", "score < 1.0"),  # the integer selects NaN
        ("NONE friends.nums = 1", "NOT ANY friends.nums = 1"),  # collection by collection
        ("boss.shop.@count = 0", "NOT boss.shop.@count != 0"),  # there may be no value
        ("nums = {1, 2}", "nums = {2, 1}"),  # in order
        ("ANY tags != 'red'", "NOT ANY tags = 'red'"),
        ("ALL tags = 'red'", "ALL tags IN {'red', 'green'}"),
    ],
)
def test_what_differs_for_some_object_does_not(lab: Lab, one: str, other: str) -> None:
    assert lab.bind(one).canonical != lab.bind(other).canonical


def test_stages_without_clauses_are_one(lab: Lab) -> None:
    ordered = lab.bind("age > 1 SORT(age ASC)")
    assert ordered.canonical != lab.bind("age > 1").canonical
    assert ordered.canonical != lab.bind("age > 1 SORT(age DESC)").canonical


def test_the_format_comes_first(lab: Lab) -> None:
    assert lab.bind("age > 1").canonical[0] == 1


def test_long_lists_are_one_form(lab: Lab) -> None:
    numbers = range(20_000)
    chain = " OR ".join(f"rank = {n}" for n in reversed(numbers))
    listed = ", ".join(map(str, numbers))
    assert lab.bind(chain).canonical == lab.bind(f"rank IN {{{listed}}}").canonical


def test_needs_of_paths(lab: Lab) -> None:
    needs = lab.bind("boss.pets.name = 'a' AND @links.Dog.owner.age > 1 SORT(rank ASC)").needs()
    assert needs["properties"] == {
        "Person": {"boss", "pets", "rank"},
        "Dog": {"name", "age"},
    }
    assert needs["backlinks"] == {"Dog.owner"}
    assert needs["follows_links"] and not needs["totals_backlinks"] and not needs["follows_mixed"]


def test_needs_of_the_object_alone(lab: Lab) -> None:
    needs = lab.bind("age > 1 AND addr.street = 'a' AND attrs.color = 'red'").needs()
    assert needs["properties"] == {"Person": {"age", "addr", "attrs"}, "Address": {"street"}}
    assert not needs["follows_links"] and not needs["follows_mixed"]


def test_needs_of_what_is_not_known_before(lab: Lab) -> None:
    assert lab.bind("@links.@count > 1").needs()["totals_backlinks"]
    assert lab.bind("attrs.friend.name = 'a'").needs()["follows_mixed"]
    assert lab.bind("boss = NULL").needs()["follows_links"]


def test_needs_of_subqueries_regions_and_aggregates(lab: Lab) -> None:
    needs = lab.bind(
        "SUBQUERY(pets, $d, $d.age > 1).@count > 0 AND friends.@max.score > 1"
        " AND homes.geo GEOWITHIN geoBox([0.0, 0.0], [9.0, 9.0])"
    ).needs()
    assert needs["properties"] == {
        "Person": {"pets", "friends", "score", "homes"},
        "Dog": {"age"},
        "Address": {"geo"},
        "Place": {"type", "coordinates"},
    }
