"""Which queries can be subscribed to (query-language.md 20.2, app-configuration.md 4.5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from realmsync.apps.model import (
    App,
    Class,
    ClassKind,
    Property,
    QueryableFields,
    SyncConfiguration,
    SyncMode,
)
from realmsync.apps.subscriptions import BadSubscription, Subscriptions

PLACE = Class(
    "Place",
    ClassKind.EMBEDDED,
    (
        Property("type", "string", nullable=False),
        Property("coordinates", "double", nullable=False, collection="list"),
    ),
)
SHOP = Class(
    "Shop",
    ClassKind.TOP,
    (
        Property("_id", "string", nullable=False),
        Property("name", "string", nullable=True),
        Property("size", "int", nullable=True),
        Property("tags", "string", nullable=False, collection="list"),
        Property("marks", "string", nullable=False, collection="set"),
        Property("words", "string", nullable=False, collection="dictionary"),
        Property("mix", "mixed", nullable=True),
        Property("place", "embedded", nullable=True, target="Place"),
        Property("next", "link", nullable=True, target="Shop"),
        Property("near", "link", nullable=False, collection="list", target="Shop"),
        Property("hidden", "int", nullable=True),
        Property("sort", "int", nullable=True),
    ),
    "_id",
)
READING = Class("Reading", ClassKind.ASYMMETRIC, (Property("_id", "string", False),), "_id")
QUERYABLE = ("name", "size", "tags", "marks", "words", "mix", "place", "next", "near")
SYNC = SyncConfiguration(SyncMode.FLEXIBLE, queryable=QueryableFields(everywhere=QUERYABLE))
CLASSES = {cls.name: cls for cls in (PLACE, SHOP, READING)}
APP = App("made-abcde", "made", SYNC, classes=CLASSES)


def refusal(query: str, cls: str = "Shop", app: App = APP) -> str | None:
    """What is said when a query is refused."""
    try:
        assert Subscriptions(app).check({cls: query}) == {}
    except BadSubscription as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "query",
    [
        "TRUEPREDICATE",
        "(TRUEPREDICATE)",
        '(_id == "a")',
        '(name == "a" and size > 2)',
        "(size IN {1, 2, 3})",
        "(size BETWEEN {1, 2})",
        '(ANY tags == "x")',
        '("x" IN tags)',
        "(tags.@size > 2)",
        "(tags.@count == 0)",
        "(size + 1 > 2)",
        "(name != NULL)",
        '(name BEGINSWITH[c] "a")',
        "(place geoWithin geoBox([0.2, 0.2], [0.7, 0.7]))",
        '(next == obj("Shop","a"))',
        "(next == NULL)",
        '((name == "a")) OR (size > 2)',
        '(name == "a or (b")',
    ],
)
def test_what_can_be_subscribed_to(query: str) -> None:
    assert refusal(query) is None


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("(hidden == 1)", '"Shop": key "hidden" is not a queryable field'),
        ("(size > 1 or hidden == 1)", '"Shop": key "hidden" is not a queryable field'),
        ("(sort == 1)", '"Shop": key "sort" is not a queryable field'),  # reserved
        ('(ANY marks == "x")', '"Shop": key "marks" is not a queryable field'),
        ("(words['a'] == 'x')", '"Shop": key "words" is not a queryable field'),
        ("(mix == 1)", '"Shop": key "mix" is not a queryable field'),
        ("(place == NULL)", '"Shop": key "place" is not a queryable field'),
        ('(place.type == "Point")', "a path through place is not supported"),
        ('(next.name == "a")', "a path through next is not supported"),
        ('(ANY near.name == "a")', "a path through near is not supported"),
        ("(near.@count > 1)", "a path through near is not supported"),
        ("(@links.Shop.next.@count > 1)", "@links is not supported"),
        ("(@links.@count > 1)", "@links is not supported"),
        ('(SUBQUERY(near, $x, $x.name == "a").@count > 1)', "SUBQUERY is not supported"),
        ("TRUEPREDICATE SORT(size ASC)", "invalid RQL"),
        ("TRUEPREDICATE LIMIT(1)", "invalid RQL"),
        ("(nothing == 1)", "invalid RQL"),
        ("(name ==", "invalid RQL"),
        ("(name == $0)", "invalid RQL"),
        (f'(name == "{"x" * 262144}")', "at most 262144 bytes"),
    ],
)
def test_what_cannot_be_subscribed_to(query: str, text: str) -> None:
    said = refusal(query)
    assert said is not None
    assert text in said
    assert said.startswith("Invalid query:")


@pytest.mark.parametrize("cls", ["Reading", "Place", "Nowhere"])
def test_classes_without_subscriptions(cls: str) -> None:
    said = refusal("TRUEPREDICATE", cls)
    assert said is not None and f'"{cls}"' in said


INDEXED = replace(
    APP, sync=replace(SYNC, queryable=QueryableFields(everywhere=QUERYABLE, indexed=("name",)))
)


@pytest.mark.parametrize(
    ("query", "is_served"),
    [
        ('(name == "a")', True),
        ('("a" == name)', True),
        ('(name IN {"a", "b"})', True),
        ('(name == "a" and (size > 2 or size < 1))', True),
        ('(size > 2 and (tags.@size > 1 and name == "a"))', True),
        ('(name == "a") OR (name == "b" and size > 2)', True),
        ('(name == "a") OR (size > 2)', False),
        ('(name == "a" or name == "b")', True),
        ('(name == "a" or (size > 2 and name IN {"b", "c"}))', True),
        ('(name == "a" or size > 2)', False),
        ('(name == "a" or name BEGINSWITH "b")', False),
        ('(name BEGINSWITH "a")', False),
        ('(name ==[c] "a")', False),
        ('(name != "a")', False),
        ('(NOT name == "a")', False),
        ("(size > 2)", False),
        ("(name == _id)", False),
        ("(TRUEPREDICATE)", False),
    ],
)
def test_an_indexed_field_stands_at_the_top_of_every_query(query: str, is_served: bool) -> None:
    said = refusal(query, app=INDEXED)
    assert (said is None) is is_served, said
    assert said is None or 'key "name" is an indexed queryable field' in said


def test_development_mode_makes_fields_queryable() -> None:
    sync = replace(SYNC, development_mode=True)
    checker = Subscriptions(replace(APP, sync=sync))
    assert checker.check({"Shop": "(hidden == 1 and size > 2)"}) == {"Shop": frozenset({"hidden"})}
    for query in ("(sort == 1)", "(mix == 1)"):
        with pytest.raises(BadSubscription, match="is not a queryable field"):
            checker.check({"Shop": query})


@pytest.mark.parametrize(
    "query",
    [
        '"' + '\\"' * 120_000,
        '"' + '\\"' * 120_000 + "\\",
        "'\"" * 80_000,
        "(" * 250_000,
        ")(" * 120_000,
        "(a) OR " * 30_000,
        '(name == "a") OR ' * 10_000,
    ],
    ids=range(7),
)
def test_hostile_texts_are_refused(query: str) -> None:
    """Each in time that grows with its length."""
    assert refusal(query) is not None


def test_many_subscriptions_of_one_class() -> None:
    assert refusal(" OR ".join(f'(name == "{number}")' for number in range(500))) is None
