"""Collections, paths and links, rule by rule: query-language.md sections 7, 11, 13, 14 and 22."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from query.lab import Lab
from query.things import Float, Instant, Link, Things

LISTS = Things(
    {
        "empty": {},
        "one": {"ns": [1], "n": 1, "ss": ["a"]},
        "ones": {"ns": [1, 1], "n": 2, "ss": ["a", "A"]},
        "two": {"ns": [1, 2], "n": 1, "ss": ["a", "b"]},
        "other": {"ns": [3, 4, 5], "n": 5, "ss": ["c", None]},
        "null": {"ns": [None], "ss": [None]},
    }
)


def test_quantifiers() -> None:
    """11.1."""
    for text in ("ns == 1", "ANY ns == 1", "SOME ns == 1", "1 == ns", "1 IN ns"):
        assert LISTS(text) == ["one", "ones", "two"]
    assert LISTS("ALL ns == 1") == ["empty", "one", "ones"]
    assert LISTS("NONE ns == 1") == ["empty", "other", "null"]
    assert LISTS("ns != 1") == ["two", "other", "null"]
    assert LISTS("NOT ns == 1") == ["empty", "other", "null"]
    assert LISTS("ALL ns != 1") == ["empty", "other", "null"]
    assert LISTS("NONE ns != 1") == ["empty", "one", "ones"]


def test_both_sides_quantified() -> None:
    assert LISTS("ANY ns == ANY {2, 3}") == ["two", "other"]
    assert LISTS("ANY ns > ALL {1, 2}") == ["other"]
    assert LISTS("ALL ns > ALL {1, 2}") == ["empty", "other"]
    assert LISTS("ALL ns == ANY {1, 2}") == ["empty", "one", "ones", "two"]
    assert LISTS("NONE ns == ANY {1}") == ["empty", "other", "null"]
    assert LISTS("ANY ns == NONE {1}") == ["two", "other", "null"]
    assert LISTS("ALL ns == NONE {1}") == ["empty", "other", "null"]
    assert LISTS("ANY ns > ALL {}") == ["one", "ones", "two", "other", "null"]
    assert LISTS("ALL ns IN {}") == ["empty"]
    assert LISTS("ANY ns IN {}") == []


def test_a_column_and_a_list() -> None:
    assert LISTS("n IN ns") == ["one", "two", "other", "null"]
    assert LISTS("n == ALL ns") == ["empty", "one", "null"]
    assert LISTS("n > ALL ns") == ["empty", "ones"]
    assert LISTS("n == NONE ns") == ["empty", "ones"]
    assert LISTS("n == {1, 5}") == ["one", "two", "other"]
    assert LISTS("n != {1, 5}") == list(LISTS.names)


def test_quantifiers_of_single_values() -> None:
    """They are read as they are written: NONE of one value is its opposite."""
    assert FRIENDS("ALL to == NULL") == ["hub", "b", "mixed", "alone"]
    assert FRIENDS("NONE to == NULL") == ["a"]  # a dangling link is null here
    assert LISTS("NONE ns.@count == 2") == ["empty", "one", "other", "null"]
    assert LISTS("ALL ns.@count == 2") == ["ones", "two"]
    assert LISTS("n == NONE ns.@count") == ["empty", "two", "other", "null"]


def test_lists_in_order() -> None:
    """11.2."""
    assert LISTS("ns == {1, 2}") == ["two"]
    assert LISTS("ns IN {1, 2}") == ["two"]
    assert LISTS("ns == {2, 1}") == []
    assert LISTS("ns == {}") == ["empty"]
    assert LISTS("ns == {NULL}") == ["null"]
    # True when lengths differ, else when every pair does.
    assert LISTS("ns != {1, 2}") == ["empty", "one", "other", "null"]
    assert LISTS("ns != {2, 1}") == ["empty", "one", "two", "other", "null"]
    assert LISTS("ns < {2, 3}") == ["ones", "two"]
    assert LISTS("ns <= {1, 1}") == ["ones"]
    assert LISTS("ss ==[c] {'A', 'a'}") == ["ones"]
    assert LISTS("ss BEGINSWITH {'a', 'b'}") == ["two"]
    assert LISTS("ANY ns == {1, 2}") == ["one", "ones", "two"]


def test_elements_by_index() -> None:
    """Section 7."""
    assert LISTS("ns[0] == 1") == ["one", "ones", "two"]
    assert LISTS("ns[FIRST] == 3") == ["other"]
    assert LISTS("ns[LAST] == 5") == ["other"]
    assert LISTS("ns[2] == 5") == ["other"]
    # Beyond the end of a list that is not empty there is null; an empty one has nothing.
    assert LISTS("ns[2] == NULL") == ["one", "ones", "two", "null"]
    assert LISTS("ALL ns[2] == NULL") == ["empty", "one", "ones", "two", "null"]
    assert LISTS("ns[0] != 1") == ["other", "null"]
    assert LISTS("ns[*] == 1") == ["one", "ones", "two"]


def test_sizes_of_collections() -> None:
    """11.3."""
    for text in ("ns.@count == 2", "ns.@size == 2", "ns[SIZE] == 2", "ns[size] == 2"):
        assert LISTS(text) == ["ones", "two"]
    assert LISTS("ns[0].@count == 3") == ["other"]  # of the property itself
    assert LISTS("ns.@count > n") == ["two"]
    assert LISTS("ns.@count == ss.@count + 1") == ["other"]


SIZES = Things(
    {
        "full": {
            "s": "häß",
            "b": b"12345",
            "x": {"a": [1, 2], "b": "text"},
            "xd": {"a": [1, 2, 3], "b": 5},
            "nd": {"a": 1},
            "nset": [1, 2, 3],
            "ss": ["a", "bcd", None],
            "to": Link("none"),
            "many": [Link("none"), Link("gone"), Link("full")],
            "links": {"a": Link("full"), "b": None, "c": Link("gone")},
            "part": {"n": 1},
            "parts": [{"n": 1}, {"n": 2}],
        },
        "none": {"x": None, "to": Link("gone")},
        "list": {"x": [1, 2, 3], "to": Link("full")},
        "text": {"x": "abc", "to": Link("list")},
        "number": {"x": 3},
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s.@count == 5", ["full"]),
        ("s.@count == NULL", ["none", "list", "text", "number"]),
        ("b.@size == 5", ["full"]),
        ("nd.@count == 1", ["full"]),
        ("nset.@count == 3", ["full"]),
        ("xd.@count == 2", ["full"]),
        ("xd['a'].@count == 2", ["full"]),
        ("xd.@values.@count == 2", ["full"]),
        ("x.@count == 3", ["list", "text"]),
        ("x.@count == 2", ["full"]),
        ("x.@count == NULL", ["none", "number"]),
        ("x['a'].@count == 2", ["full"]),
        ("x.b.@size == 4", ["full"]),
        ("to.@count == 1", ["full", "list", "text"]),
        ("to.@count == 0", ["none", "number"]),
        ("many.@count == 2", ["full"]),  # without the dangling one
        ("to.many.@count == 3", ["list"]),  # with it
        ("to.to.@count == 1", ["full", "list", "text"]),
        ("to.to.@count == 0", []),
        ("to.many.@count == 0", ["full", "text"]),
        ("to.s.@count == NULL", ["full", "none", "text", "number"]),
        ("to.ns.@count == 0", list(SIZES.names)),
        ("links.@count == 1", ["full"]),  # neither null nor the dangling one
        ("links['a'].@count == 3", ["full"]),  # entries
        ("parts.@count == 2", ["full"]),
        ("part.@count == 1", ["full"]),
        ("ss.length == 3", ["full"]),
        ("ss.length == NULL", ["full"]),
        ("ALL ss.length > 0", ["none", "list", "text", "number"]),
        ("many.many.@count == 3", ["full"]),
        ("many.ns.@count == 0", ["full"]),
    ],
)
def test_sizes(text: str, expected: list[str]) -> None:
    assert SIZES(text) == expected


AGGREGATES = Things(
    {
        "some": {
            "ns": [3, None, 1],
            "ds": [1.5, math.nan, 2.5],
            "ms": [Decimal("0.1"), Decimal("0.2")],
            "xs": [1, "x", None, 2.5, True],
            "nd": {"a": 1, "b": 2},
            "n": 4,
            "t": Instant(3),
            "many": [Link("some"), Link("big"), Link("gone")],
            "to": Link("big"),
        },
        "big": {"ns": [2**63 - 1, 1], "n": 6, "t": Instant(7), "ds": [math.nan]},
        "none": {"ns": [None]},
        "empty": {},
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ns.@min == 1", ["some", "big"]),
        ("ns.@max == 3", ["some"]),
        ("ns.@sum == 4", ["some"]),
        ("ns.@sum == -9223372036854775808", ["big"]),  # wraps
        ("ns.@sum == 0", ["none", "empty"]),
        ("ns.@avg == 2", ["some"]),
        ("ns.@min == NULL", ["none", "empty"]),
        ("ns.@avg == NULL", ["none", "empty"]),
        ("ds.@sum == 4", ["some"]),
        ("ds.@max == 2.5", ["some"]),
        ("ds.@min == NULL", ["big", "none", "empty"]),  # NaN is skipped
        ("ds.@avg == 2", ["some"]),
        ("ms.@sum == 0.3", ["some"]),
        ("ms.@avg == 0.15", ["some"]),
        ("xs.@sum == 3.5", ["some"]),
        ("xs.@avg == 1.75", ["some"]),
        ("xs.@max == 'x'", ["some"]),
        ("xs.@min == true", ["some"]),
        ("nd.@sum == 3", ["some"]),
        ("nd.@max == 2", ["some"]),
        ("nd.a.@max == 2", ["some"]),  # of the property itself, as with sizes
        ("ns[0].@sum == 4", ["some"]),
        ("many.@min.n == 4", ["some"]),
        ("many.@max.n == 6", ["some"]),
        ("many.@sum.n == 10", ["some"]),
        ("many.@avg.n == 5", ["some"]),
        ("many.@max.t == T7:0", ["some"]),
        ("many.@max.n == NULL", ["big", "none", "empty"]),
        ("many.@sum.n == 0", ["big", "none", "empty"]),
        ("to.@max.n == 6", ["some"]),
        ("to.@max.n == NULL", ["big", "none", "empty"]),
        ("many.@max.n - many.@min.n == 2", ["some"]),
        ("many.ns.@max == 3", ["some"]),  # one of each list
        ("many.many.@sum.n == 10", ["some"]),  # one of all objects
        ("many.many.@sum.n != to.ns", ["some"]),  # a single value, and no list
        ("to.ns.@max == 9223372036854775807", ["some"]),
        ("many.@max.n > n", ["some"]),
    ],
)
def test_aggregates(text: str, expected: list[str]) -> None:
    """11.4."""
    assert AGGREGATES(text) == expected


DICTIONARIES = Things(
    {
        "empty": {},
        "plain": {"xd": {"color": "red", "size": 5}, "nd": {"a": 1, "b": 2}},
        "null": {"xd": {"color": None}, "nd": {"b": 1}},
        "nested": {"xd": {"deep": {"list": [1, {"k": "v"}], "color": "blue"}, "both": [1, 2]}},
        "linked": {"xd": {"friend": Link("plain"), "lost": Link("gone")}, "s": "l"},
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xd.color == 'red'", ["plain"]),
        ("xd['color'] == 'red'", ["plain"]),
        ("xd.color == NULL", ["null", "nested", "linked"]),  # not of an empty one
        ("xd.color != 'red'", ["null", "nested", "linked"]),
        ("NOT xd.color == 'red'", ["empty", "null", "nested", "linked"]),
        ("ALL xd.color == 'red'", ["empty", "plain"]),
        ("NONE xd.color == 'red'", ["empty", "null", "nested", "linked"]),
        ("xd == 'red'", ["plain"]),
        ("xd.@values == 5", ["plain"]),
        ("xd[*] == 5", ["plain"]),
        ("xd.@keys == 'size'", ["plain"]),
        ("xd.@keys BEGINSWITH 'co'", ["plain", "null"]),
        ("ALL xd.@keys == 'color'", ["empty", "null"]),
        ("nd.a == 1", ["plain"]),
        ("nd.a == NULL", ["null"]),
        ("nd.a == '1'", []),
        ("nd == {1, 2}", ["plain"]),
        ("nd.a == {1, 7}", ["plain"]),  # a single value: membership
        ("ALL nd > 0", list(DICTIONARIES.names)),
        ("xd.deep.color == 'blue'", ["nested"]),
        ("xd.deep.list[0] == 1", ["nested"]),
        ("xd.deep.list[7] == NULL", []),
        ("xd.deep.list[1].k == 'v'", ["nested"]),
        ("xd['deep']['list'][*].k == 'v'", ["nested"]),
        ("xd.deep.nothing == NULL", ["nested"]),
        ("xd.deep.nothing.further == NULL", []),
        ("xd.both == 1", []),
        ("xd.both[*] == 2", ["nested"]),
        ("xd.both[*] == {1, 2}", ["nested"]),  # a list again: in order
        ("xd.both[*] == {2, 1}", []),
        ("xd.friend.xd.color == 'red'", ["linked"]),
        ("xd.friend.s == NULL", ["linked"]),
        ("xd.friend.nothing == NULL", []),
        ("xd.lost.s == NULL", ["linked"]),
    ],
)
def test_dictionaries(text: str, expected: list[str]) -> None:
    """11.5 and section 7."""
    assert DICTIONARIES(text) == expected


TYPES = Things(
    {
        "null": {"x": None},
        "int": {"x": 1, "xs": [1]},
        "bool": {"x": True, "xs": [1, True]},
        "string": {"x": "a"},
        "binary": {"x": b"a"},
        "float": {"x": Float(1)},
        "double": {"x": 1.0},
        "decimal": {"x": Decimal(1)},
        "link": {"x": Link("int")},
        "list": {"x": [1]},
        "dictionary": {"x": {"k": 1}},
        "through": {"to": Link("string")},
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x.@type == 'INT'", ["int"]),
        ("x.@type == 'numeric'", ["int", "float", "double", "decimal"]),
        ("x.@type == 'byte[]'", ["binary"]),
        ("x.@type == 'objectlink'", ["link"]),
        ("x.@type == 'array'", ["list"]),
        ("x.@type == 'object'", ["dictionary"]),
        ("x.@type == 'collection'", ["list", "dictionary"]),
        ("x.@type == 'null'", ["null", "through"]),
        ("x.@type IN {'bool', 'float'}", ["bool", "float"]),
        ("xs.@type == 'bool'", ["bool"]),
        ("xs.@type != 'bool'", ["int", "bool"]),
        ("ALL xs.@type == 'int'", [name for name in TYPES.names if name != "bool"]),
        ("to.x.@type == 'string'", ["through"]),
        ("to.x.@type == 'null'", [name for name in TYPES.names if name != "through"]),
        ("x.k.@type == 'int'", ["dictionary"]),
        ("x.@type == n.@type", ["int"]),
    ],
)
def test_types(text: str, expected: list[str]) -> None:
    """11.6."""
    assert TYPES(text) == expected


FRIENDS = Things(
    {
        "hub": {"n": 1, "many": [Link("a"), Link("b"), Link("gone")], "linkset": [Link("a")]},
        "a": {"n": 2, "ns": [1, 1], "many": [Link("hub"), Link("hub")], "to": Link("hub")},
        "b": {"n": 3, "ns": [1, 2], "many": [Link("a")], "to": Link("gone")},
        "mixed": {"x": [Link("b")], "links": {"k": Link("a"), "nobody": None}},
        "alone": {"parts": [{"n": 7, "s": "p"}, {"n": 8}]},
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("many.n == 2", ["hub", "b"]),
        ("ALL many.n < 3", ["a", "b", "mixed", "alone"]),
        ("many.many.n == 1", ["hub", "b"]),
        ("many[0].n == 2", ["hub", "b"]),
        ("many[LAST].n == 1", ["a"]),
        ("many[1].n == 3", ["hub"]),
        ("many[5].n == NULL", []),
        ("many == obj('Thing', 'a')", ["hub", "b"]),
        ("ALL many == obj('Thing', 'a')", ["b", "mixed", "alone"]),
        ("obj('Thing', 'hub') IN many", ["a"]),
        ("linkset.n == 2", ["hub"]),
        ("links.n == 2", ["mixed"]),
        ("links.k.n == 2", ["mixed"]),
        ("links.nobody.n == NULL", []),
        ("links.k == obj('Thing', 'a')", ["mixed"]),
        ("parts.n == 8", ["alone"]),
        ("parts.s == NULL", ["alone"]),
        # Each innermost collection is tested by itself, and any success is one (section 22).
        ("ALL many.ns == 1", ["hub", "a", "b", "mixed", "alone"]),
        ("ALL many.ns == 2", ["a", "mixed", "alone"]),
        ("NONE many.ns == 2", ["hub", "a", "b", "mixed", "alone"]),
        ("many.ns == {1, 2}", ["hub"]),
        ("many.n == {2, 3}", ["hub"]),
        ("@links.Thing.many.@count == 2", ["hub", "a"]),  # twice from one object counts twice
        ("@links.Thing.to.@count == 1", ["hub"]),
        ("@links.Thing.to.n == 2", ["hub"]),
        ("@links.Thing.many.@max.n == 3", ["a"]),
        ("@links.Thing.linkset.@count == 1", ["a"]),
        ("@links.Thing.links.@count == 1", ["a"]),
        ("@links.@count == 4", ["a"]),
        ("@links.@count == 3", ["hub"]),
        ("@links.@count == 2", ["b"]),  # one of them inside a Mixed
        ("to.@links.@count == 3", ["a"]),
        ("to.@links.@count == 0", ["hub", "b", "mixed", "alone"]),
        ("SUBQUERY(many, $x, $x.n > 1).@count == 2", ["hub"]),
        ("SUBQUERY(many, $x, $x.n == 1).@count == 2", ["a"]),  # the same object twice
        ("SUBQUERY(many, $x, n == 2).@count == 1", ["hub", "b"]),
        ("SUBQUERY(many.many, $x, $x.n == 1).@count == 2", ["hub", "b"]),
        ("SUBQUERY(to.many, $x, TRUEPREDICATE).@count == 0", ["hub", "b", "mixed", "alone"]),
        ("SUBQUERY(parts, $x, $x.n > 7).@count == 1", ["alone"]),
        ("SUBQUERY(@links.Thing.many, $x, $x.n == 3).@count == 1", ["a"]),
        (
            "SUBQUERY(many, $x, SUBQUERY($x.many, $y, $y.n == 1).@count == 2).@count == 1",
            ["hub", "b"],
        ),
        ("SUBQUERY(many, $x, $x.n > 1).@count == n + 1", ["hub"]),
        ("SUBQUERY(many, $x, $x.n > 1).@count > SUBQUERY(many, $x, $x.n > 2).@count", ["hub", "b"]),
    ],
)
def test_links(text: str, expected: list[str]) -> None:
    """Sections 7, 13 and 14."""
    assert FRIENDS(text) == expected


def test_full_text_where_a_link_leads_nowhere() -> None:
    """10.7: what only excludes takes null, but there is no text behind a null link."""
    lab = Lab()
    has_boss = set(lab.selects("NOT boss IN {NULL}"))
    assert (
        set(lab.selects("boss.bio TEXT '-quick'")) | set(lab.selects("boss.bio TEXT 'quick'"))
        == has_boss
    )
    assert lab.selects("bio TEXT '-quick'")[0] == 1
    assert 9 in lab.selects("bio TEXT '-quick'")  # null
