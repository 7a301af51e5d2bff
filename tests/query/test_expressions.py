"""Expressions of Python write the text of the language, with their values as arguments."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync import (
    ArgumentTypeError,
    Field,
    GeoCircle,
    InvalidArgumentError,
    InvalidPropertyError,
    QueryLimitError,
    Realm,
    backlinks,
)
from realmsync.model.expressions import Condition, condition
from realmsync.model.objects import schema_of
from realmsync.model.query_text import QueryText


class Place(realmsync.EmbeddedObject):
    street: Field[str]
    type: Field[str] = realmsync.property(default="Point")
    coordinates: Field[list[float]]


class Person(realmsync.Object):
    _id: Field[int] = realmsync.primary_key()
    name: Field[str | None] = realmsync.property(indexed="full-text")
    age: int
    active: bool
    any: int  # a word of the language
    count: int  # a method of fields
    kept: Field[int] = realmsync.property(map_to="stored", default=1)
    boss: "Person | None"  # noqa: UP037  # as it is written without the import above
    friends: Field[list[Person]]
    nums: list[int]
    tags: set[str]
    attrs: dict[str, object]
    contacts: dict[str, Person | None]
    home: Place | None
    val: object


class Employee(Person):
    salary: float


class Dog(realmsync.Object):
    _id: int = realmsync.primary_key()
    owner: Person | None


P: Any = Person  # its attributes are fields, which annotations without Field do not say


def written(given: Any, model: type[Any] = Person) -> tuple[str, list[Any]]:
    return QueryText.of(condition(given).write, model)


PERSON = GeoCircle((1, 2), 0.5)
TEXTS: list[tuple[Callable[[], Any], str, list[Any]]] = [
    (lambda: P.age > 3, "age > $0", [3]),
    (lambda: P.age < 3, "age < $0", [3]),
    (lambda: P.age >= 3, "age >= $0", [3]),
    (lambda: P.age <= 3, "age <= $0", [3]),
    (lambda: P.age != 3, "age != $0", [3]),
    (lambda: P.age == 3, "age == $0", [3]),
    (lambda: P.age > 3, "age > $0", [3]),
    (lambda: P.name == None, "name == NULL", []),  # noqa: E711
    (lambda: P.name.is_null(), "name == NULL", []),
    (lambda: P.name == 'it\'s "so"', "name == $0", ['it\'s "so"']),
    (lambda: P.name.equals("x", ignore_case=True), "name ==[c] $0", ["x"]),
    (lambda: P.name.begins_with("x"), "name BEGINSWITH $0", ["x"]),
    (lambda: P.name.ends_with("x", ignore_case=True), "name ENDSWITH[c] $0", ["x"]),
    (lambda: P.name.contains("x"), "name CONTAINS $0", ["x"]),
    (lambda: P.name.like("x*"), "name LIKE $0", ["x*"]),
    (lambda: P.name.text("fox -dog"), "name TEXT $0", ["fox -dog"]),
    (lambda: P.name.in_(["a", None]), "name IN $0", [["a", None]]),
    (lambda: P.name.in_(x for x in "ab"), "name IN $0", [["a", "b"]]),
    (lambda: P.age.in_(P.nums), "age IN nums", []),
    (lambda: P.age.between(1, 5), "age BETWEEN {$0, $1}", [1, 5]),
    (lambda: P.friends.count().between(1, 5), "friends.@count BETWEEN {$0, $1}", [1, 5]),
    (
        lambda: ~(P.age + 1).between(1, 5),
        "NOT (((age + $0) >= $1 AND (age + $2) <= $3))",
        [1, 1, 1, 5],
    ),
    (lambda: P.nums.any().in_([1, 2]), "ANY nums IN $0", [[1, 2]]),
    (lambda: P.active, "active == $0", [True]),
    (lambda: ~P.active, "NOT (active == $0)", [True]),
    (lambda: ~~P.active, "active == $0", [True]),
    (lambda: (P.age > 1) & P.active, "age > $0 AND active == $1", [1, True]),
    (lambda: P.active | (P.age > 1), "active == $0 OR age > $1", [True, 1]),
    (
        lambda: ((P.age > 1) | (P.age < 0)) & (P.name == "x") & ~(P.age == 2),
        "(age > $0 OR age < $1) AND name == $2 AND NOT (age == $3)",
        [1, 0, "x", 2],
    ),
    (lambda: P.age > P.boss.age, "age > boss.age", []),
    (lambda: P.age + 1 > P.boss.age * 2, "(age + $0) > (boss.age * $1)", [1, 2]),
    (lambda: 10 - P.age / 2 == 1, "($0 - (age / $1)) == $2", [10, 2, 1]),
    (
        lambda: 2 * (1 + P.age) - 1 < 2 / P.age,
        "(($0 * ($1 + age)) - $2) < ($3 / age)",
        [2, 1, 1, 2],
    ),
    (lambda: P.boss.boss.name == "x", "boss.boss.name == $0", ["x"]),
    (lambda: P.home.street == "x", "home.street == $0", ["x"]),
    (lambda: P.boss["count"] == 1, "boss.count == $0", [1]),
    (lambda: P.any == 1, "$K0 == $1", ["any", 1]),
    (lambda: P.boss["any"] == 1, "$K0 == $1", ["boss.any", 1]),
    (lambda: P.kept == 1, "kept == $0", [1]),
    (lambda: P.nums.any() == 1, "ANY nums == $0", [1]),
    (lambda: P.friends.all().age > 1, "ALL friends.age > $0", [1]),
    (lambda: P.friends.age.none() > 1, "NONE friends.age > $0", [1]),
    (lambda: P.tags.any().contains("a"), "ANY tags CONTAINS $0", ["a"]),
    (lambda: P.nums[0] == 1, "nums[0] == $0", [1]),
    (lambda: P.nums[-1] == 1, "nums[LAST] == $0", [1]),
    (lambda: P.friends[0].age == 1, "friends[0].age == $0", [1]),
    (lambda: P.attrs["a'b"] == 1, "attrs[$0] == $1", ["a'b", 1]),
    (lambda: P.attrs.color == "red", "attrs.color == $0", ["red"]),
    (lambda: P.val["a"][0]["b"] == 1, "val[$0][0].b == $1", ["a", 1]),
    (lambda: P.val.any() == 1, "ANY val[*] == $0", [1]),
    (lambda: P.val.any().all() == 1, "ALL val[*] == $0", [1]),
    (lambda: P.val["a"].none() == 1, "NONE val[$0][*] == $1", ["a", 1]),
    (lambda: P.val["a"]["b"].all() == 1, "ALL val[$0].b[*] == $1", ["a", 1]),
    (lambda: P.attrs["a"].all() > 1, "ALL attrs[$0][*] > $1", ["a", 1]),
    (lambda: P.attrs.any() == 1, "ANY attrs == $0", [1]),
    (
        lambda: P.contacts["x"].friends.any().age == 1,
        "ANY contacts[$0].friends.age == $1",
        ["x", 1],
    ),
    (lambda: P.attrs.keys().any() == "a", "ANY attrs.@keys == $0", ["a"]),
    (lambda: P.attrs.values().any() == "a", "ANY attrs.@values == $0", ["a"]),
    (lambda: P.contacts["x"].age == 1, "contacts[$0].age == $1", ["x", 1]),
    (lambda: P.friends.count() > 2, "friends.@count > $0", [2]),
    (lambda: P.name.size() > 2, "name.@size > $0", [2]),
    (lambda: P.val.type() == "string", "val.@type == $0", ["string"]),
    (lambda: P.nums.max() > 2, "nums.@max > $0", [2]),
    (lambda: P.friends.age.min() > 2, "friends.@min.age > $0", [2]),
    (lambda: P.friends.sum("age") > 2, "friends.@sum.age > $0", [2]),
    (lambda: P.friends.avg(P.age) > 2, "friends.@avg.age > $0", [2]),
    (lambda: P.boss.nums.avg() > 2, "boss.nums.@avg > $0", [2]),
    (
        lambda: P.friends.count((P.age > 3) & (P.friends.count(P.name == "x") == 1)) >= 2,
        "SUBQUERY(friends, $x0, age > $0 AND SUBQUERY(friends, $x1, name == $1).@count == $2)"
        ".@count >= $3",
        [3, "x", 1, 2],
    ),
    (lambda: backlinks(P.friends).count() > 2, "@links.Person.friends.@count > $0", [2]),
    (lambda: backlinks(P.boss).any().name == "x", "ANY @links.Person.boss.name == $0", ["x"]),
    (lambda: P.home.geo_within(PERSON), "home GEOWITHIN $0", [PERSON]),
]


@pytest.mark.parametrize(("make", "text", "arguments"), TEXTS, ids=[text for _, text, _ in TEXTS])
def test_expressions_are_text_with_arguments(
    make: Callable[[], Any], text: str, arguments: list[Any]
) -> None:
    assert written(make()) == (text, arguments)


def test_every_text_is_one_of_the_language(tmp_path: Path) -> None:
    with Realm(path=tmp_path / "x.realm", schema=[Place, Person]) as realm:
        people = realm.objects(Person)
        for make, text, arguments in TEXTS:
            asked = people.where(make())
            assert len(asked) == 0
            assert asked.description == people.filtered(text, *arguments).description


def test_a_class_derived_from_the_one_that_is_asked_has_its_fields() -> None:
    employee: Any = Employee
    assert written((P.age > 3) & (employee.salary > 1), Employee)[0] == "age > $0 AND salary > $1"


MISTAKES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: bool(P.age > 3), ArgumentTypeError, "write & for `and`"),
    (lambda: P.age > 3 and P.age < 5, ArgumentTypeError, "write & for `and`"),
    (lambda: 1 < P.age < 5, ArgumentTypeError, "between"),
    (lambda: not P.active, ArgumentTypeError, "has no value by itself"),
    (lambda: 3 in P.nums, ArgumentTypeError, "any() == value"),
    (lambda: list(P.nums), TypeError, "not iterable"),
    (lambda: P.age in [1, 2], ArgumentTypeError, "in_(values)"),
    (lambda: P.name.in_("abc"), ArgumentTypeError, "several values"),
    (lambda: P.name.beginswith("a"), InvalidPropertyError, "Did you mean 'begins_with'?"),
    (lambda: P.name.startswith("a"), InvalidPropertyError, "write begins_with(text)"),
    (lambda: P.age > 3 & P.age, ArgumentTypeError, "which need parentheses"),
    (lambda: P.age > 3 | P.age, ArgumentTypeError, "which need parentheses"),
    (lambda: P.tags.in_(["a"]), InvalidArgumentError, "any().in_(values)"),
    (lambda: condition(P.age), ArgumentTypeError, "compare it"),
    (lambda: condition(P.friends.count(P.age > 3)), ArgumentTypeError, "compare it"),
    (lambda: P.boss.nmae, InvalidPropertyError, "Did you mean 'name'?"),
    (lambda: P.friends.cuont, InvalidPropertyError, "Did you mean 'count'?"),
    (lambda: P.tags.contains("a"), InvalidArgumentError, "any() == value"),
    (lambda: P.nums[-2], InvalidArgumentError, "count from the beginning"),
    (lambda: P.attrs[None], ArgumentTypeError, "a position, a key or a name"),
    (lambda: P.home.geo_within((1, 2)), ArgumentTypeError, "GeoBox"),
    (lambda: (P.age > 3) & 3, ArgumentTypeError, "Expected a condition"),
    (lambda: condition(P.age is None), ArgumentTypeError, "got False: a comparison by `is`"),
    (lambda: condition("age > 3"), ArgumentTypeError, "filtered"),
    (lambda: backlinks(P.boss.boss), ArgumentTypeError, "a property of a class"),
    (lambda: backlinks("Person.boss"), ArgumentTypeError, "such as Person.dogs"),
    (lambda: written(P.age > 3, Dog), InvalidArgumentError, "begin with Dog"),
    (lambda: written(P.contacts["x"]["any"] > 3), InvalidArgumentError, "cannot spell"),
]


@pytest.mark.parametrize(("make", "kind", "text"), MISTAKES)
def test_mistakes_are_explained(make: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as raised:
        make()
    assert text in str(raised.value)


def test_long_chains_need_no_recursion() -> None:
    chain = functools.reduce(operator.or_, (P.age == i for i in range(100_000)))
    text, arguments = written(chain)
    assert text.count(" OR ") == 99_999
    assert arguments == list(range(100_000))


def test_deep_nesting_is_an_error() -> None:
    nested: Condition = P.age > 0
    for i in range(100_000):
        nested = ~(nested & (P.age > i))
    with pytest.raises(QueryLimitError):
        written(nested)
    assert repr(nested) == "<Condition …>"


def test_expressions_show_what_they_ask() -> None:
    assert repr(P.age > 3) == "<Condition age > 3>"
    assert repr(P.boss.name) == "<Field Person.boss.name>"
    assert repr(P.friends.max("age")) == "<Aggregate friends.@max.age>"
    assert repr((P.any == 1) & P.active) == "<Condition any == 1 AND active == True>"


def test_fields_are_keys_of_dictionaries() -> None:
    assert {P.age: 1}[P.age] == 1


def test_annotations_with_and_without_field_declare_the_same() -> None:
    class Plain(realmsync.Object):
        _id: int = realmsync.primary_key()
        name: str | None
        dogs: list[Dog]

    class Typed(realmsync.Object):
        _id: Field[int] = realmsync.primary_key()
        name: realmsync.Field[str | None]
        dogs: Field[list[Dog]]

    assert schema_of(Plain).properties == schema_of(Typed).properties


def test_prompts_complete_methods_and_linked_properties() -> None:
    assert {"begins_with", "in_"} <= set(dir(P.name))
    assert {"boss", "attrs", "count"} <= set(dir(P.boss)) & set(dir(P.friends.any()))
    assert "boss" not in dir(P.name) + dir(P.contacts)


def test_elements_of_lists_in_mixed_values(tmp_path: Path) -> None:
    with Realm(path=tmp_path / "x.realm", schema=[Place, Person]) as realm, realm.write():
        for key, value in enumerate([[1, 2], [2, 3], {"a": [1]}, None]):
            person = {"_id": key, "age": 1, "active": True, "any": 1, "count": 1, "val": value}
            realm.create(Person, person)
        people = realm.objects(Person)
        assert [p._id for p in people.where(P.val.any() == 2)] == [0, 1]
        assert [p._id for p in people.where(P.val["a"].any() == 1)] == [2]
        assert [p._id for p in people.where(P.val.any() == 2, P.val.none() == 1)] == [1]
