"""The text that servers receive, where no recorded query shows it, and the exact text
(query-language.md 19.1 to 19.3).
"""

from __future__ import annotations

import struct

import pytest

from query.lab import Lab, Recorded, recorded_queries
from realmsync._testbed import QueryLab
from realmsync.errors import QueryError


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


def double(number: float) -> Recorded:
    return {"t": "double", "bits": struct.pack(">d", number).hex()}


def float32(number: float) -> Recorded:
    return {"t": "float", "bits": struct.pack(">f", number).hex()}


@pytest.mark.parametrize(
    ("query", "printed"),
    [
        ("age=0 OR age=1 OR age=2 OR age=3", "(age == 3 or age == 2 or age == 0 or age == 1)"),
        ("age=0 AND (age=1 AND age=2)", "age == 0 and age == 1 and age == 2"),
        ("age=0 AND age=1 OR age=2", "(age == 0 and age == 1 or age == 2)"),
        ("NOT (age=0 OR age=1 OR age=2)", "!(((age == 0 or age == 1) or age == 2))"),
        ("NOT (age=0 AND age=1 AND age=2)", "!(age == 0 and age == 1 and age == 2)"),
        ("NOT NOT age=0", "!(!(age == 0))"),
        ("NOT weight IN {1.5,2.5,3.5}", "!((weight == 1.5 or weight == 2.5 or weight == 3.5))"),
        (
            "nick = 'a' AND age BETWEEN {1,2} AND weight BETWEEN {1,2}",
            'weight >= 1 and weight <= 2 and nick == "a" and age between {1, 2}',
        ),
    ],
)
def test_chains(lab: Lab, query: str, printed: str) -> None:
    assert lab.bind(query).text == printed


@pytest.mark.parametrize(
    ("query", "printed"),
    [
        ("val = 1.23456789", "val == 1.23457"),
        ("1.23456789 = val", "1.2345678899999999 == val"),
        ("val + 1.23456789 = 2", "(val + 1.2345678899999999) == 2"),
        ("boss.val = 1.23456789", "boss.val == 1.2345678899999999"),
        ("boss.val IN {1.23456789, 2}", "boss.val == {1.23457, 2}"),
        ("val BETWEEN {1.23456789, 2}", "val >= 1.23457 and val <= 2"),
        ("score BETWEEN {1.23456789, 2}", "score >= 1.2345678899999999 and score <= 2"),
        ("NULL = val OR val = NULL", "(NULL == val or val == null)"),
        ("weight IN {1.5, NULL}", "(weight == 1.5 or weight == nan)"),
    ],
)
def test_digits_and_nulls_depend_on_where_they_stand(lab: Lab, query: str, printed: str) -> None:
    assert lab.bind(query).text == printed


@pytest.mark.parametrize(
    ("query", "printed"),
    [
        ("friends[0].name = 'a'", 'friends[FIRST].name == "a"'),
        ("friends.contacts.home.name = 'a'", "friends.contacts['home'].name == \"a\""),
        ("attrs.a.b[0] = 1", "attrs['a']['b'][FIRST] == 1"),
        ("attrs.@values = 1 AND attrs.@count = 1", "attrs[*] == 1 and attrs[*].@size == 1"),
        ("boss.@links.@size = 1", "boss.@links.@count == 1"),
        ("homes.geo.coordinates.@max > 1", "homes.geo.coordinates.@max > 1"),
        ("boss.friends.@sum.age > 1", "boss.friends.@sum.age > 1"),
        ("@links.Dog.owner.toys[SIZE] = 1", "@links.Dog.owner.toys.@size == 1"),
    ],
)
def test_paths(lab: Lab, query: str, printed: str) -> None:
    assert lab.bind(query).text == printed


def test_variables_are_named_anew(lab: Lab) -> None:
    depth, names = 30, "xyzabcdefghijklmnopqrstuvw"
    query = "$v29.age = 1"
    for level in reversed(range(depth)):
        outer = f"$v{level - 1}." if level else ""
        query = f"SUBQUERY({outer}friends, $v{level}, {query}).@count > 0"
    generated = [f"${name}" for name in names] + [f"$x{name}" for name in names]
    printed = f"{generated[depth - 1]}.age == 1"
    for level in reversed(range(depth)):
        outer = f"{generated[level - 1]}." if level else ""
        printed = f"SUBQUERY({outer}friends, {generated[level]}, {printed}).@count > 0"
    assert lab.bind(query).text == printed


def test_variables_are_no_names_of_properties() -> None:
    numbers = [{"name": name, "type": "int"} for name in ("$x", "$y")]
    links = {"name": "others", "type": "link", "collection": "list", "target": "A"}
    key = {"name": "_id", "type": "int"}
    cls = {"name": "A", "pk": "_id", "properties": [key, *numbers, links]}
    lab = QueryLab({"classes": [cls], "objects": {"A": []}})
    query = lab.bind("A", "SUBQUERY(others, $a, $a.$x = 1).@count > 0")
    assert query.text == "SUBQUERY(others, $z, $z.$x == 1).@count > 0"


@pytest.mark.parametrize(
    ("query", "exact"),
    [
        ("score < 1.0", "score < 1.0"),
        ("score < 1", "score < 1"),
        ("val = 1.23456789", "val == 1.23456789"),
        ("money = -0.0", "money == -0E-1"),
        ("ratio = 0.1", "ratio == 0.1f"),
        ("weight IN {1.5, NULL} OR age = 1", "(weight IN {1.5, NULL} or age == 1)"),
        ("attrs = 1 OR attrs[*] = 1", "(attrs == 1 or attrs[*] == 1)"),
        ("friends IN {obj('Person', 7)}", 'friends IN {obj("class_Person",7)}'),
        ("age=0 OR age=1 OR age=2 OR age=3", "(age == 0 or age == 1 or age == 2 or age == 3)"),
        ("bio TEXT 'quick'", 'bio TEXT "quick"'),
        ("boss.bio TEXT 'quick'", 'boss.bio TEXT "quick"'),
        ("shop = obj('Shop', 'quote\"d')", "shop == $0"),
        ("photo CONTAINS 'o\\'x'", "photo CONTAINS 'o\\'x'"),
        ('photo CONTAINS "o\'x"', 'photo CONTAINS "o\'x"'),
    ],
)
def test_exact_texts_keep_what_the_others_lose(lab: Lab, query: str, exact: str) -> None:
    bound = lab.bind(query)
    assert bound.exact_text == exact
    assert bound.reread().tree == bound.tree


def test_arguments_stand_for_what_no_text_says(lab: Lab) -> None:
    for query, argument in (("score < $0", float32(1.5)), ("ratio != $0", double(0.1))):
        bound = lab.bind(query, "Person", argument)
        assert bound.reread().tree == bound.tree
    assert lab.bind("score < $0", "Person", float32(1.5)).exact_text == "score < $0"


@pytest.mark.parametrize("name", ["any", "true", "null", "obj", "nan"])
def test_keywords_are_arguments_in_exact_texts(lab: Lab, name: str) -> None:
    bound = lab.bind("$K0 = 1 SORT(_id ASC)", "Odd", {"t": "string", "v": name})
    assert bound.text == f"{name} == 1 SORT(_id ASC)"
    assert bound.exact_text == "$K0 == 1 SORT(_id ASC)"
    assert bound.reread().tree == bound.tree
    with pytest.raises(QueryError):
        lab.bind(bound.text, "Odd")


def test_all_recorded_queries_come_back_from_their_exact_texts(lab: Lab) -> None:
    for query in recorded_queries():
        if query["ok"]:
            bound = lab.bind_recorded(query)
            assert bound.reread().tree == bound.tree, bound.exact_text


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("score < 1", "score < 1.0"),  # Q12
        ("score < 9007199254740993", "score < 9007199254740993"),
        ("weight == nan", "weight IN {NULL}"),  # Q13
        ("(weight == 1.5 or weight == nan)", "weight IN {1.5, NULL}"),
        ("score == nan", "score == nan"),
        (
            "location GEOWITHIN GeoCircle([-45, 1], 2e-05)",
            "location GEOWITHIN geoCircle([-45.0, 1], 0.00002)",
        ),
        ('shop == obj("class_Shop",null)', "shop == $0"),  # Q16
        ('shop == obj("class_Shop",B64"cXVvdGUiZA==")', "shop == obj('Shop', 'quote\"d')"),
    ],
)
def test_servers_read_what_was_meant_by_it(lab: Lab, printed: str, meant: str) -> None:
    cls = "Dog" if "location" in meant else "Person"
    nobody = {"t": "link", "class": "Shop", "pk": {"t": "null"}}
    read = lab.native.bind(cls, printed, is_subscription=True)
    assert read.tree == lab.bind(meant, cls, nobody).tree
