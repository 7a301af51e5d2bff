"""Declared schemas: classes and dictionaries mean the same; rules; what a file accepts."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync import _testbed
from realmsync.errors import SchemaMismatchError, SchemaValidationError
from realmsync.model.objects import schema_of
from realmsync.model.schema import parse_class, validate


class Person(realmsync.Object):
    _id: str = realmsync.primary_key()
    name: str
    best: Dog | None
    dogs: list[Dog]
    homes: dict[str, Address | None]
    seen: set[datetime]
    maybe: list[int | None]
    any: Any
    code: uuid.UUID | None = realmsync.property(indexed=True, map_to="codigo")


class Dog(realmsync.Object):
    _id: int = realmsync.primary_key()


class Address(realmsync.EmbeddedObject):
    street: str | None


DECLARED = {
    "name": "Person",
    "primaryKey": "_id",
    "properties": {
        "_id": "string",
        "name": "string",
        "best": "Dog",
        "dogs": "Dog[]",
        "homes": "Address{}",
        "seen": "date<>",
        "maybe": "int?[]",
        "any": "mixed",
        "code": {"type": "uuid", "optional": True, "indexed": True, "mapTo": "codigo"},
    },
}


def test_classes_and_dictionaries_mean_the_same() -> None:
    assert schema_of(Person) == parse_class(DECLARED)
    assert schema_of(Address).embedded
    canonical = schema_of(Person).canonical()["properties"]
    assert canonical["homes"]["objectType"] == "Address"
    assert canonical["homes"]["optional"] is True
    assert canonical["code"]["mapTo"] == "codigo"


@pytest.mark.parametrize(
    "text",
    ["", "?", "[]", "int[]?", "int[][]", "list", "object[]", "linkingObjects", "Dog?[]", "counter"],
)
def test_shorthand_that_is_refused(text: str) -> None:
    with pytest.raises(SchemaValidationError, match=r"'C\.p'"):
        parse_class({"name": "C", "properties": {"p": text}})


def test_all_violations_in_one_error() -> None:
    classes = [
        {"name": "A", "primaryKey": "x", "properties": {"x": "bool", "y": "Missing"}},
        {"name": "E", "embedded": True, "properties": {"s": "int"}},
        {"name": "B", "properties": {"e": "E<>", "f": {"type": "data", "indexed": True}}},
        {"name": "N" * 58, "primaryKey": "_id", "properties": {"_id": "int", "p" * 64: "int"}},
    ]
    with pytest.raises(SchemaValidationError) as caught:
        validate(map(parse_class, classes), synced=True)
    lines = str(caught.value).split("\n- ")[1:]
    assert len(lines) == 8
    for part in (
        "A.x",
        "Missing",
        "'_id' on class 'A'",
        "B.e",
        "B.f",
        "'_id' on class 'B'",
        "57",
        "63",
    ):
        assert part in str(caught.value)


def test_embedded_cycles_and_unreachable_classes() -> None:
    loop = [
        {"name": "A", "primaryKey": "_id", "properties": {"_id": "int", "e": "E"}},
        {"name": "E", "embedded": True, "properties": {"f": "F[]"}},
        {"name": "F", "embedded": True, "properties": {"e": "E"}},
    ]
    with pytest.raises(SchemaValidationError, match="Cycles"):
        validate(map(parse_class, loop), synced=True)
    alone = [{"name": "E", "embedded": True, "properties": {"a": "int"}}]
    with pytest.raises(SchemaValidationError, match="unreachable"):
        validate(map(parse_class, alone), synced=True)
    assert list(validate(map(parse_class, alone), synced=False)) == ["E"]


def test_additions_and_contradictions(tmp_path: Path) -> None:
    path = tmp_path / "s.realm"
    first = {"name": "C", "primaryKey": "_id", "properties": {"_id": "int", "a": "int"}}
    more = {**first, "properties": {**first["properties"], "b": "string"}}
    with realmsync.Realm(path=path, schema=[first]) as realm, realm.write():
        realm.create("C", {"_id": 1, "a": 5})
    with realmsync.Realm(path=path, schema=[more]) as realm:
        assert realm.object_for_primary_key("C", 1).b == ""
        assert _testbed.state(realm._file)["version"] == 4
    with realmsync.Realm(path=path, schema=[first]) as realm:  # fewer: ignored
        assert _testbed.state(realm._file)["version"] == 4
    bad = {
        "name": "C",
        "primaryKey": "_id",
        "properties": {"_id": "int", "a": "string", "b": "string?"},
    }
    with pytest.raises(SchemaMismatchError) as caught:
        realmsync.Realm(path=path, schema=[bad])
    assert "Property 'C.a' has been changed from 'int' to 'string'." in str(caught.value)
    assert "Property 'C.b' has been made optional." in str(caught.value)
    with realmsync.Realm(path=path) as dynamic:
        assert [c["name"] for c in dynamic.schema] == ["C"]
        assert dynamic.objects("C")[0].a == 5
