"""Queries that outlive what they were made for: objects they name, and indexes of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from realmsync import InvalidQueryError, Realm


def schema(indexed: bool | str = False) -> list[dict[str, Any]]:
    text = {"type": "string", "optional": True, "indexed": indexed}
    properties = {"_id": "string", "text": text, "mate": "Dog"}
    return [{"name": "Dog", "primaryKey": "_id", "properties": properties}]


def test_an_object_that_is_named_may_come_and_go(tmp_path: Path) -> None:
    with Realm(path=tmp_path / "a.realm", schema=schema()) as realm:
        named = realm.objects("Dog").filtered("mate == obj('Dog', 'b')")
        narrowed = named.sorted("_id", reverse=True)

        def keys() -> tuple[list[str], list[str]]:
            return [dog._id for dog in named], [dog._id for dog in narrowed]

        with realm.write():
            a = realm.create("Dog", {"_id": "a"})
        assert keys() == (["a"], ["a"])  # there is no b: as null
        with realm.write():
            b = realm.create("Dog", {"_id": "b", "mate": a})
            for key in ("c", "d"):
                realm.create("Dog", {"_id": key, "mate": b})
            assert keys() == (["c", "d"], ["d", "c"])
        assert keys() == (["c", "d"], ["d", "c"])
        with realm.write():
            realm.delete(b)
        assert keys() == (["a", "c", "d"], ["d", "c", "a"])


def test_an_index_that_is_asked_may_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    with Realm(path=path, schema=schema("full-text")) as realm:
        with realm.write():
            realm.create("Dog", {"_id": "a", "text": "good dog"})
        good = realm.objects("Dog").filtered("text TEXT 'good'")
        assert len(good) == 1
        with Realm(path=path, schema=schema()) as other, other.write():
            other.create("Dog", {"_id": "b", "text": "good, too"})
        with pytest.raises(InvalidQueryError, match="no fulltext index"):
            len(good)
        Realm(path=path, schema=schema("full-text")).close()
        assert len(good) == 2


@pytest.mark.parametrize(
    "name", ["and", "NOT", "true", "obj", "a b", "a'b", 'a"b', "a:b", "1", "é"]
)
def test_names_are_sorted_by_whatever_the_grammar_makes_of_them(tmp_path: Path, name: str) -> None:
    properties = {"_id": "int", name: "int", "mate": "Dog"}
    declared = {"name": "Dog", "primaryKey": "_id", "properties": properties}
    with Realm(path=tmp_path / "a.realm", schema=[declared]) as realm:
        with realm.write():
            first = realm.create("Dog", {"_id": 1, name: 1})
            realm.create("Dog", {"_id": 2, name: 3, "mate": first})
            realm.create("Dog", {"_id": 3, name: 3})
        dogs = realm.objects("Dog")
        assert [dog._id for dog in dogs.sorted(name, reverse=True)] == [2, 3, 1]
        assert [dog._id for dog in dogs.sorted([(name, True), ("_id", True)])] == [3, 2, 1]
        assert [dog._id for dog in dogs.sorted(f"mate.{name}")][0] == 2
        assert [dog._id for dog in dogs.distinct(name, "mate")] == [1, 2, 3]
        assert [dog._id for dog in dogs.distinct(name)] == [1, 2]
