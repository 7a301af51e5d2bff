"""Counters (data-model.md 13): what they do, what they refuse, what is recorded."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import realmsync
from realmsync import Counter, Realm, errors

Last = Callable[[Realm], list[dict[str, Any]]]


class Stats(realmsync.EmbeddedObject):
    clicks: Counter = 0  # type: ignore[assignment]  # the first value


class Page(realmsync.Object):
    _id: int = realmsync.primary_key()
    hits: Counter
    likes: Counter | None
    shares: Counter = realmsync.property(default=3, map_to="shared")
    plain: int = 0
    any: Any
    stats: Stats | None


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Realm]:
    with Realm(path=tmp_path / "r.realm", schema=[Page, Stats]) as realm:
        yield realm


@pytest.fixture
def page(opened: Realm) -> Page:
    with opened.write():
        return opened.create(Page, {"_id": 1, "hits": 5, "stats": {"clicks": 7}})


def test_values_and_records(opened: Realm, page: Page, last: Last) -> None:
    assert (page.hits, page.likes, page.shares, page.stats and page.stats.clicks) == (5, None, 3, 7)
    with opened.write():
        page.hits.increment()
        page.hits.decrement(3)
        page.hits.increment(-4)
        page.hits.set(10)
        page.shares.increment(0)
        assert page.stats is not None
        page.stats.clicks.increment(2)
    recorded = [(i["op"], i.get("value"), i["path"]) for i in last(opened) if "path" in i]
    assert [op for op, _, _ in recorded] == [
        "AddInteger",
        "AddInteger",
        "AddInteger",
        "Update",
        "AddInteger",
        "AddInteger",
    ]
    assert [value for op, value, _ in recorded if op == "AddInteger"] == [1, -3, -4, 0, 2]
    assert (page.hits.value, page.shares.value, page.stats.clicks.value) == (10, 3, 9)


def test_first_values_of_another_counter_and_none(opened: Realm, page: Page) -> None:
    with opened.write():
        other = opened.create(
            Page, {"_id": 2, "hits": page.hits, "likes": 1, "stats": {"clicks": page.hits}}
        )
        opened.create_many(Page, {"_id": [3, 4], "hits": numpy.array([1, 2])})
        page.likes = other.hits
    assert other.stats is not None
    assert (other.hits, other.likes, other.stats.clicks, page.likes) == (5, 1, 5, 5)
    assert [int(p.hits) for p in opened.objects(Page)] == [5, 5, 1, 2]


def test_null_transitions(opened: Realm, page: Page) -> None:
    with opened.write():
        page.likes = 4  # type: ignore[assignment]
        likes = page.likes
        assert likes is not None
        with pytest.raises(errors.IllegalOperationError, match=r"'Page\.likes' is a counter"):
            page.likes = 5
        page.likes = None
        for change in (likes.increment, likes.decrement, lambda: likes.set(1)):
            with pytest.raises(errors.IllegalOperationError, match=r"'Page\.likes' is None"):
                change()
        with pytest.raises(errors.IllegalOperationError, match="is None"):
            _ = likes.value
        page.likes = 0
        likes.increment()
    assert page.likes == 1


WRONG: list[tuple[str, type[Exception], str]] = [
    ("setattr(page, 'hits', 1)", errors.IllegalOperationError, r"'Page\.hits' is a counter"),
    ("setattr(page, 'hits', None)", errors.IllegalOperationError, "is a counter"),
    ("setattr(page.stats, 'clicks', 1)", errors.IllegalOperationError, r"'Stats\.clicks'"),
    ("setattr(page, 'plain', page.hits)", errors.PropertyTypeError, "to be int, got Counter"),
    ("setattr(page, 'any', page.hits)", errors.RealmError, r"'Page\.any'"),
    ("operator.iadd(page.hits, 1)", errors.IllegalOperationError, r"increment\(by\)"),
    ("operator.isub(page.hits, 1)", errors.IllegalOperationError, r"decrement\(by\)"),
    ("page.hits.increment(1.5)", TypeError, r"'Page\.hits': expected a whole number, got 1\.5"),
    ("page.hits.increment('1')", TypeError, "whole number"),
    ("page.hits.decrement(True)", TypeError, "whole number"),
    ("page.hits.set(None)", TypeError, "whole number"),
    ("page.hits.set(2**63)", errors.InvalidArgumentError, "beyond 64 bits"),
    ("hash(page.hits)", TypeError, "unhashable"),
    ("page.hits < 'x'", TypeError, "not supported"),
    ("opened.create(Page, {'_id': 1, 'hits': 9}, 'all')", errors.IllegalOperationError, "counter"),
    (
        "opened.create(Page, {'_id': 1, 'hits': 9}, 'modified')",
        errors.IllegalOperationError,
        "counter",
    ),
    ("opened.objects(Page).update(hits=9)", errors.IllegalOperationError, "counter"),
    (
        "opened.create_many(Page, {'_id': [1], 'hits': numpy.array([9])}, mode='all')",
        errors.IllegalOperationError,
        "counter",
    ),
    ("opened.objects(Page).filtered('plain == $0', page.hits)", errors.RealmError, r"value"),
    ("opened.create(Page, {'_id': 9, 'hits': 'x'})", errors.PropertyTypeError, "to be int"),
]


@pytest.mark.parametrize(("statement", "error", "text"), WRONG)
def test_what_is_refused(
    opened: Realm, page: Page, statement: str, error: type[Exception], text: str
) -> None:
    names = {"opened": opened, "page": page, "Page": Page, "operator": operator, "numpy": numpy}
    before = page.to_dict() | {"hits": page.hits.value}
    with opened.write():
        with pytest.raises(error, match=text):
            eval(statement, names)
        assert page.to_dict() | {"hits": page.hits.value} == before
        page.hits.increment()
    assert page.hits == 6


def test_outside_of_a_transaction(page: Page) -> None:
    with pytest.raises(errors.WrongTransactionStateError):
        page.hits.increment()


def test_same_value_by_modified_changes_nothing(opened: Realm, page: Page) -> None:
    with opened.write():
        opened.create(Page, {"_id": 1, "hits": 5, "plain": 2}, "modified")
        opened.create_many(Page, {"_id": [1], "hits": numpy.array([5])}, mode="modified")
    assert (page.hits, page.plain) == (5, 2)


def test_as_a_number(opened: Realm, page: Page) -> None:
    hits = page.hits
    assert int(hits) == 5 and float(hits) == 5.0 and bool(hits) and repr(hits) == "Counter(5)"
    assert 4 < hits < 6 and hits <= 5 and hits >= 5 and hits == page.hits and hits != 4
    assert page.shares < hits and hits > page.shares and hits != "5"
    assert "hits=Counter(5)" in repr(page)
    with opened.write():
        hits.set(0)
    assert not hits
    assert isinstance(page.plain, int) and not isinstance(page.plain, Counter)
    assert list(opened.objects(Page).where(Page.hits == 0)) == [page]


INT64 = st.integers(-(2**63), 2**63 - 1)


@given(steps=st.lists(st.tuples(st.sampled_from(["increment", "decrement", "set"]), INT64)))
def test_arithmetic_is_modulo_two_to_the_64(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("counter") / "r.realm"
    with Realm(path=path, schema=[Page, Stats]) as realm, realm.write():
        hits = realm.create(Page, {"_id": 1, "hits": 0}).hits
        expected = 0
        for operation, amount in steps:
            getattr(hits, operation)(amount)
            if operation == "set":
                expected = amount
            else:
                expected += amount if operation == "increment" else -amount
            expected = (expected + 2**63) % 2**64 - 2**63
            assert hits == expected


def test_dictionary_schemas(tmp_path: Path) -> None:
    declared = {
        "name": "Page",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "hits": "counter",
            "likes": "counter?",
            "more": {"type": "int", "presentation": "counter", "default": 2},
        },
    }
    with Realm(path=tmp_path / "r.realm", schema=[declared]) as realm, realm.write():
        page = realm.create("Page", {"_id": 1, "hits": 0})
        page.hits.increment(2)
        assert (page.hits, page.likes, page.more) == (2, None, 2)
        properties = realm.schema[0]["properties"]
        assert [properties[n].get("presentation") for n in ("_id", "hits")] == [None, "counter"]
        assert properties["hits"]["type"] == "int"
    with Realm(path=tmp_path / "r.realm") as realm:  # the file has ints
        assert realm.objects("Page")[0].hits == 2


@pytest.mark.parametrize(
    ("declaration", "text"),
    [
        ("counter[]", "a collection cannot have counters"),
        ("counter{}", "a collection cannot have counters"),
        ({"type": "counter"}, "an int with the presentation"),
        ({"type": "string", "presentation": "counter"}, "of an int"),
        ({"type": "int", "presentation": "gauge"}, "the one presentation"),
        ({"type": "list", "objectType": "int", "presentation": "counter"}, "of an int"),
        ({"type": "int", "presentation": "counter", "indexed": "full-text"}, "full-text index"),
    ],
)
def test_declarations_that_are_refused(tmp_path: Path, declaration: Any, text: str) -> None:
    schema = [{"name": "Page", "properties": {"hits": declaration}}]
    with pytest.raises(errors.SchemaValidationError, match=text):
        Realm(path=tmp_path / "r.realm", schema=schema)


@pytest.mark.parametrize(
    ("key", "text"), [("counter", "cannot be the primary key"), ("counter?", "cannot be the")]
)
def test_no_primary_key(tmp_path: Path, key: str, text: str) -> None:
    schema = [{"name": "Page", "primaryKey": "k", "properties": {"k": key}}]
    with pytest.raises(errors.SchemaValidationError, match=text):
        Realm(path=tmp_path / "r.realm", schema=schema)
