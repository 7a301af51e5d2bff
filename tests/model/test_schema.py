"""Declared schemas: classes and dictionaries mean the same; rules; what a file accepts."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pytest

import realmsync
from realmsync import _testbed
from realmsync.errors import InvalidSchemaChangeError, NoSuchTableError, SchemaValidationError
from realmsync.model.objects import schema_of
from realmsync.model.schema import parse_class
from realmsync.model.schema_rules import validate


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
    [
        "",
        "?",
        "[]",
        "int[]?",
        "int[][]",
        "list",
        "object[]",
        "linkingObjects",
        "Dog?[]",
        "counter[]",
    ],
)
def test_shorthand_that_is_refused(text: str) -> None:
    with pytest.raises(SchemaValidationError, match=r"'C\.p'"):
        parse_class({"name": "C", "properties": {"p": text}})


def test_a_kind_of_index_that_does_not_exist() -> None:
    declared = {"name": "C", "properties": {"p": {"type": "string", "indexed": "fulltext"}}}
    with pytest.raises(SchemaValidationError, match=r"'C\.p'.*'full-text', not 'fulltext'"):
        validate([parse_class(declared)], synced=False)


@pytest.mark.parametrize("indexed", [False, "full-text", None])
def test_the_index_of_a_primary_key_is_no_choice(indexed: Any) -> None:
    declared = {"type": "string", "indexed": indexed}
    with pytest.raises(SchemaValidationError, match=r"'C\.k': a primary key has an index") as e:
        parse_class({"name": "C", "primaryKey": "k", "properties": {"k": declared}})
    assert (e.value.class_name, e.value.property_name) == ("C", "k")
    parse_class(
        {"name": "C", "primaryKey": "k", "properties": {"k": {**declared, "indexed": True}}}
    )


@pytest.mark.parametrize("name", ["int", "mixed", "list", "object", "linkingObjects", "counter"])
def test_no_class_has_the_name_of_a_type(name: str) -> None:
    with pytest.raises(SchemaValidationError, match=f"'{name}' has the name of a type"):
        validate([parse_class({"name": name, "properties": {"p": "int"}})], synced=False)
    named = type(name, (realmsync.Object,), {"__annotations__": {"_id": int}})
    with pytest.raises(SchemaValidationError, match=f"no class can have the name '{name}'"):
        schema_of(of({}, p=named | None))


DEFAULTS_THAT_DO_NOT_FIT = [
    ("int", "1", "to be int, got str"),
    ("int", 2**63, "does not fit 64 bits"),
    ("int", None, "None is no value"),
    ("date", datetime(2020, 1, 1), "needs a time zone"),
    ("mixed", {1}, "using a set as a mixed value"),
    ("int[]", [1, "x"], r"'C\.p\[1\]' to be int, got str"),
    ("int[]", None, "None is no value"),
    ("int[]", iter([1]), "an iterator has its elements once"),
    ("int<>", {"x"}, r"'C\.p\[0\]' to be int, got str"),
    ("int<>", 5, "to be a set, got int"),
    ("int{}", {"a": "x"}, r"'C\.p\[\"a\"\]' to be int, got str"),
    ("int{}", {"$a": 1}, r"may not start with '\$'"),
    ("int{}", [1], "to be a mapping, got list"),
    ("C", 5, "to be a mapping, got int"),
    ("C[]", [None], "None is no value"),
]


@pytest.mark.parametrize(("kind", "default", "why"), DEFAULTS_THAT_DO_NOT_FIT)
def test_defaults_that_do_not_fit(kind: str, default: Any, why: str) -> None:
    as_field = parse_class({"name": "C", "properties": {"p": kind}}).properties[0].canonical()
    del as_field["name"]
    declared = {"name": "C", "properties": {"q": "int", "p": {**as_field, "default": default}}}
    with pytest.raises(
        SchemaValidationError, match=f"The default of 'C.p' does not fit.*{why}"
    ) as e:
        validate([parse_class(declared)], synced=False)
    assert (e.value.class_name, e.value.property_name) == ("C", "p")


def test_defaults_that_fit() -> None:
    class Fitting(realmsync.Object):
        a: int = 5
        b: int | None = None
        c: float = 5
        d: list[int] = [1, 2]
        e: set[str] = {"x"}
        f: dict[str, int | None] = {"x": None}
        g: Any = {"x": [1, {"y": 2}]}
        h: Address | None = realmsync.property(default={"street": "Main"})
        i: str = realmsync.property(default=lambda: "made")
        j: list[int] = ()

    assert list(validate([schema_of(Fitting), schema_of(Address)], synced=False)) == [
        "Address",
        "Fitting",
    ]


def test_where_the_first_violation_is() -> None:
    with pytest.raises(SchemaValidationError) as caught:
        validate([parse_class({"name": "A", "properties": {"p": "Missing"}})], synced=False)
    assert (caught.value.class_name, caught.value.property_name) == ("A", "p")
    with pytest.raises(SchemaValidationError) as caught:
        validate([parse_class({"name": "A", "properties": {"p": "int"}})], synced=True)
    assert (caught.value.class_name, caught.value.property_name) == ("A", None)


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
    with pytest.raises(InvalidSchemaChangeError) as caught:
        realmsync.Realm(path=path, schema=[bad])
    assert "Property 'C.a' has been changed from 'int' to 'string'." in str(caught.value)
    assert "Property 'C.b' has been made optional." in str(caught.value)
    with realmsync.Realm(path=path) as dynamic:
        assert [c["name"] for c in dynamic.schema] == ["C"]
        assert dynamic.objects("C")[0].a == 5
        indexed = {n: p["indexed"] for n, p in dynamic.schema[0]["properties"].items()}
        assert indexed == {"_id": True, "a": False, "b": False}
        with pytest.raises(NoSuchTableError, match="was opened without it: call it 'C'"):
            dynamic.objects(type("C", (realmsync.Object,), {"__annotations__": {"_id": int}}))


def of(body: dict[str, Any], *bases: type, **annotations: Any) -> type:
    """An object class with this body."""
    return type("Made", bases or (realmsync.Object,), {**body, "__annotations__": annotations})


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": None},
        {"name": str},
        {"name": list[str]},
        {"name": "string"},
        {"name": Dog},
        {"name": {"type": "string"}},
        {"name": realmsync.property(default="")},
        {"_id": realmsync.primary_key()},
        {"_id": 0},
        {"_hidden": realmsync.property(default=0)},
    ],
    ids=str,
)
def test_a_property_without_annotation_does_not_vanish(body: dict[str, Any]) -> None:
    name = next(iter(body))
    with pytest.raises(SchemaValidationError, match=rf"'Made\.{name}' has no annotation"):
        of(body)


def test_what_else_a_class_may_have() -> None:
    class Cat(realmsync.Object):
        LIVES: ClassVar[int] = 9
        _cache = 5
        _id: int = realmsync.primary_key()

        class Kind:
            pass

        @property
        def shown(self) -> str:
            return f"cat {self._id}"

        @staticmethod
        def meow() -> str:
            return "meow"

        @cached_property
        def slow(self) -> int:
            return 5

        def double(self) -> int:
            return 2 * self._id

    assert [p.name for p in schema_of(Cat).properties] == ["_id"]
    assert (Cat.LIVES, Cat._cache, Cat.meow()) == (9, 5, "meow")


def test_properties_of_base_classes(tmp_path: Path) -> None:
    class Named(realmsync.Object):
        name: str = "none"

    class Aged(realmsync.Object):
        age: int = 0

    class Ox(Named, Aged):
        _id: int = realmsync.primary_key()

    with realmsync.Realm(path=tmp_path / "r.realm", schema=[Ox]) as realm, realm.write():
        ox = realm.create(Ox, {"_id": 1, "name": "Bo", "age": 5})
        assert (ox._id, ox.name, ox.age) == (1, "Bo", 5)


def test_annotations_of_other_bases_do_not_vanish() -> None:
    class Plain:
        name: str
        shared: ClassVar[int] = 5

    with pytest.raises(SchemaValidationError, match="'name' of 'Plain': derive that"):
        of({}, Plain, realmsync.Object)
    declared = of({}, Plain, realmsync.Object, name=str)
    assert issubclass(declared, realmsync.Object)
    assert [p.name for p in schema_of(declared).properties] == ["name"]


@pytest.mark.parametrize(
    "name", ["is_valid", "to_dict", "object_schema", "_realm", "_place", "_key"]
)
def test_names_that_every_object_has(name: str) -> None:
    with pytest.raises(SchemaValidationError, match=f"'Made.{name}' cannot be a property"):
        of({}, **{name: str})
