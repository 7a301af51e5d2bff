"""From JSON schemas to classes: types, nullability, names, and faults that leave a class out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from realmsync.apps.model import (
    Class,
    ClassKind,
    PartitionConfiguration,
    Property,
    SyncConfiguration,
    SyncMode,
)
from schema_bundles import FLEXIBLE, document, found, read, relationship


def property_of(node: Any) -> tuple[Property, list[tuple[str, str, str, str]]]:
    """The property that a schema makes, not being required, and what was found."""
    schema, findings = read({"c": document("C", p=node)})
    return schema.classes["C"].properties[1], found(findings)


@pytest.mark.parametrize(
    ("bson", "realm"),
    [
        *[("bool", "bool"), ("int", "int"), ("long", "int"), ("double", "double")],
        *[("number", "double"), ("float", "float"), ("decimal", "decimal128")],
        *[("string", "string"), ("binData", "data"), ("date", "date")],
        *[("objectId", "objectId"), ("uuid", "uuid"), ("mixed", "mixed")],
    ],
)
def test_types_alone_and_in_collections(bson: str, realm: str) -> None:
    node = {"bsonType": bson}
    is_mixed = realm == "mixed"
    assert property_of(node) == (Property("p", realm, True), [])
    required, _ = read({"c": document("C", ("_id", "p"), p=node)})
    assert required.classes["C"].properties[1] == Property("p", realm, is_mixed)
    array = {"bsonType": "array", "items": node}
    assert property_of(array)[0] == Property("p", realm, is_mixed, "list")
    assert property_of({**array, "uniqueItems": True})[0] == Property("p", realm, is_mixed, "set")
    dictionary = {"bsonType": "object", "additionalProperties": node}
    assert property_of(dictionary)[0] == Property("p", realm, is_mixed, "dictionary")


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({}, Property("p", "mixed", True)),
        ({"bsonType": None}, Property("p", "mixed", True)),
        ({"bsonType": "array", "items": None}, Property("p", "mixed", True, "list")),
        ({"bsonType": ["string", "null"]}, Property("p", "string", True)),
        ({"bsonType": ["null", "long"]}, Property("p", "int", True)),
        ({"bsonType": ["int", "string"]}, Property("p", "mixed", True)),
        ({"bsonType": ["int"]}, Property("p", "int", True)),
        ({"bsonType": []}, Property("p", "mixed", True)),
        ({"bsonType": "array"}, Property("p", "mixed", True, "list")),
        ({"bsonType": "object"}, Property("p", "mixed", True, "dictionary")),
        ({"bsonType": "object", "properties": {}}, Property("p", "mixed", True, "dictionary")),
        (
            {"bsonType": "object", "additionalProperties": True},
            Property("p", "mixed", True, "dictionary"),
        ),
        (
            {"bsonType": "array", "items": {"bsonType": ["string", "null"]}},
            Property("p", "string", True, "list"),
        ),
        (
            {"bsonType": "object", "additionalProperties": {"bsonType": ["date", "null"]}},
            Property("p", "date", True, "dictionary"),
        ),
    ],
)
def test_forms_of_types(node: dict[str, Any], expected: Property) -> None:
    assert property_of(node) == (expected, [])


def test_null_beside_the_type_of_a_required_property() -> None:
    schema, _ = read({"c": document("C", ("p",), p={"bsonType": ["string", "null"]})})
    assert schema.classes["C"].properties == (
        Property("_id", "objectId", True),
        Property("p", "string", True),
    )


def test_keys_of_json_schema() -> None:
    made, notices = property_of({"type": "boolean", "description": "x", "enum": [1], "default": 2})
    assert made == Property("p", "bool", True)
    assert notices == [
        ("notice", "schema.keyword_ignored", "c/schema.json", "properties.p.enum"),
        ("notice", "schema.keyword_ignored", "c/schema.json", "properties.p.default"),
        ("notice", "schema.type_key", "c/schema.json", "properties.p.type"),
    ]


def test_embedded_objects() -> None:
    leaf = {"title": "Leaf", "bsonType": "object", "properties": {"a": {"bsonType": "double"}}}
    schema, findings = read(
        {
            "c": document(
                "C",
                one=leaf,
                many={"bsonType": "array", "items": leaf, "uniqueItems": True},
                named={"bsonType": "object", "additionalProperties": leaf},
                untitled={"bsonType": "object", "properties": {"x": {"bsonType": "int"}}},
                closed={"title": "Closed", "bsonType": "object", "additionalProperties": False},
            )
        }
    )
    assert schema.classes["C"].properties[1:] == (
        Property("one", "embedded", True, None, "Leaf"),
        Property("many", "embedded", False, "list", "Leaf"),
        Property("named", "embedded", True, "dictionary", "Leaf"),
        Property("untitled", "embedded", True, None, "C_untitled"),
        Property("closed", "embedded", True, None, "Closed"),
    )
    leaf_class = Class("Leaf", ClassKind.EMBEDDED, (Property("a", "double", True),))
    assert schema.classes["Leaf"] == leaf_class
    assert schema.classes["Closed"] == Class("Closed", ClassKind.EMBEDDED, ())
    assert set(schema.classes) == {"C", "Leaf", "C_untitled", "Closed"}
    assert found(findings) == [
        ("notice", "schema.embedded_untitled", "c/schema.json", "properties.untitled")
    ]


def nested(levels: int) -> dict[str, Any]:
    node: dict[str, Any] = {"bsonType": "long"}
    for level in range(levels):
        node = {"title": f"E{level}", "bsonType": "object", "properties": {"p": node}}
    return node


@pytest.mark.parametrize(
    ("content", "code", "key"),
    [
        (document("A", x={"bsonType": "regex"}), "bad_type", "properties.x.bsonType"),
        (document("A", x={"bsonType": ["regex", "null"]}), "bad_type", "properties.x.bsonType"),
        (document("A", x={"type": "integer"}), "bad_type", "properties.x.type"),
        (
            document("A", x={"bsonType": "array", "items": {"bsonType": "array"}}),
            *("bad_type", "properties.x.items"),
        ),
        (
            document("A", x={"bsonType": "array", "items": {"bsonType": "object"}}),
            *("bad_type", "properties.x.items"),
        ),
        (
            document("A", x={"bsonType": "object", "additionalProperties": {"bsonType": "array"}}),
            *("bad_type", "properties.x.additionalProperties"),
        ),
        ({**document("A"), "bsonType": "array"}, "bad_type", "bsonType"),
        ({"title": "A", "bsonType": "object"}, "no_primary_key", "properties"),
        (document("A", _id={"bsonType": "double"}), "primary_key_type", "properties._id"),
        (
            document("A", _id={"bsonType": "array", "items": {"bsonType": "string"}}),
            *("primary_key_type", "properties._id"),
        ),
        (document("A", _id={"bsonType": "mixed"}), "primary_key_type", "properties._id"),
        (document("A", _id={"bsonType": "timestamp"}), "bad_type", "properties._id.bsonType"),
        (document("A", **{"ü" * 32: {}}), "name_too_long", f"properties.{'ü' * 32}"),
        (
            document("A", x={"title": "E" * 58, "bsonType": "object", "properties": {"y": {}}}),
            *("name_too_long", "properties.x.title"),
        ),
        (document("A", **{"\ud800": {}}), "bad_type", "properties.\ud800"),
        (document("A", **{"": {}}), "bad_type", "properties."),
        (document("A", p=nested(101)), "bad_type", "properties.p" + ".properties.p" * 100),
        (document("A", **{f"x{n}": {} for n in range(1990)}), "bad_type", "properties"),
    ],
)
def test_faults_of_a_class(content: dict[str, Any], code: str, key: str) -> None:
    """The class is left out, with its embedded ones, and others are not."""
    schema, findings = read({"a": content, "b": document("B")})
    assert list(schema.classes) == ["B"]
    assert list(schema.not_synced) == ["A"]
    warnings = [f for f in found(findings) if f[0] != "notice"]
    assert warnings == [("warning", f"schema.{code}", "a/schema.json", key)]


def test_names_as_long_as_can_be() -> None:
    name, property_name = "N" * 57, "p" * 63
    schema, findings = read({"a": document(name, **{property_name: {}})})
    assert schema.classes[name].properties[1].name == property_name
    assert found(findings) == []
    schema, findings = read({"a": document(name + "N")})
    assert found(findings) == [("warning", "schema.name_too_long", "a/schema.json", "title")]
    assert list(schema.not_synced) == [name + "N"]


def test_every_fault_of_a_class_is_told() -> None:
    _, findings = read({"a": document("A", x={"bsonType": "regex"}, y={"bsonType": "minKey"})})
    assert [f.key for f in findings] == ["properties.x.bsonType", "properties.y.bsonType"]


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ([], ""),
        ({**document("A"), "title": 1}, "title"),
        ({**document("A"), "required": "_id"}, "required"),
        ({**document("A"), "required": [1]}, "required"),
        ({**document("A"), "properties": []}, "properties"),
        (document("A", x=1), "properties.x"),
        (document("A", x={"bsonType": 1}), "properties.x.bsonType"),
        (document("A", x={"bsonType": [[]]}), "properties.x.bsonType"),
        (document("A", x={"bsonType": "array", "items": []}), "properties.x.items"),
        (document("A", x={"bsonType": "array", "items": True}), "properties.x.items"),
        (document("A", x={"bsonType": "array", "uniqueItems": 1}), "properties.x.uniqueItems"),
        (
            document("A", x={"bsonType": "object", "additionalProperties": 1}),
            "properties.x.additionalProperties",
        ),
        (document("A", x={"bsonType": "object", "properties": 1}), "properties.x.properties"),
    ],
)
def test_values_of_the_wrong_kind(content: Any, key: str) -> None:
    _, findings = read({"a": content})
    errors = [f for f in found(findings) if f[0] == "error"]
    assert errors == [("error", "config.bad_value", "a/schema.json", key)]


def test_titles() -> None:
    untitled = document("")
    schema, findings = read({"a": untitled, "b": {}})
    assert list(schema.classes) == ["a"]
    assert found(findings) == [
        ("warning", "schema.no_title", "a/schema.json", ""),
        ("warning", "schema.empty", "b/schema.json", ""),
    ]


def test_a_title_for_two_collections() -> None:
    two = {"a": document("A"), "b": document("A")}
    schema, findings = read(two)
    assert found(findings) == [("error", "schema.duplicate_title", "b/schema.json", "title")]
    schema, findings = read(two, sync=SyncConfiguration())
    assert found(findings) == [("notice", "schema.duplicate_title", "b/schema.json", "title")]
    assert schema.classes["A"].collection == "a"


def leaf(**properties: Any) -> dict[str, Any]:
    return {"title": "Leaf", "bsonType": "object", "properties": properties}


LONG = {"bsonType": "long"}
KEY = {"bsonType": "objectId"}


@pytest.mark.parametrize(
    "second",
    [
        document("B", x=leaf(n={"bsonType": "string"})),
        document("B", x={**leaf(n=LONG), "required": ["n"]}),
        document("B", x=leaf(n=LONG, m=LONG)),
        document("Leaf", n=LONG),
        document("B", x=leaf(n=leaf(n=LONG))),
        document("B", x={**leaf(n=LONG), "title": "B"}),
    ],
)
def test_one_name_for_two_classes(second: dict[str, Any]) -> None:
    schema, findings = read({"a": document("A", x=leaf(n=LONG)), "b": second})
    assert set(schema.classes) == {"A", "Leaf"}
    assert list(schema.not_synced) == [second["title"]]
    assert found(findings) == [("warning", "schema.embedded_conflict", "b/schema.json", "")]


def test_embedded_classes_that_are_equal() -> None:
    """Relationships belong to the definition, wherever they are declared."""
    documents = {
        "a": document("A", x=leaf(n=KEY, m=LONG)),
        "b": document("B", y={"bsonType": "array", "items": leaf(m=LONG, n=KEY)}),
    }
    both = {"a": {"x.n": relationship("a")}, "b": {"y.[].n": relationship("a")}}
    schema, findings = read(documents, both)
    assert found(findings) == []
    assert set(schema.classes) == {"A", "Leaf", "B"}
    assert schema.classes["Leaf"].properties[0] == Property("n", "link", True, None, "A")
    schema, findings = read(documents, {"a": both["a"]})
    assert found(findings) == [("warning", "schema.embedded_conflict", "b/schema.json", "")]
    assert set(schema.classes) == {"A", "Leaf"}


def test_an_embedded_class_outlives_one_of_its_users() -> None:
    bad = document("A", x=leaf(n=LONG), y={"bsonType": "regex"})
    schema, _ = read({"a": bad, "b": document("B", x=leaf(n=LONG))})
    assert set(schema.classes) == {"B", "Leaf"}


PARTITION = SyncConfiguration(
    mode=SyncMode.PARTITION, partition=PartitionConfiguration("_partition", "long")
)


@pytest.mark.parametrize(
    ("node", "fits"),
    [
        ({"bsonType": "long"}, True),
        ({"bsonType": "int"}, True),
        ({"bsonType": "string"}, False),
        ({"bsonType": "array", "items": {"bsonType": "long"}}, False),
        ({}, False),
    ],
)
def test_the_partition_key(node: dict[str, Any], fits: bool) -> None:
    documents = {"a": document("A"), "b": document("B", _partition=node)}
    schema, findings = read(documents, sync=PARTITION)
    if fits:
        assert found(findings) == []
        assert set(schema.classes) == {"A", "B"}
    else:
        where = ("b/schema.json", "properties._partition")
        assert found(findings) == [("warning", "schema.partition_key", *where)]
        assert list(schema.not_synced) == ["B"]


@pytest.mark.parametrize("name", ["Reading", "readings"])
def test_asymmetric_classes_by_either_name(name: str) -> None:
    documents = {"readings": document("Reading"), "Reading": document("Other")}
    schema, _ = read(documents, sync=replace(FLEXIBLE, asymmetric=(name,)))
    assert schema.classes["Reading"].kind is ClassKind.ASYMMETRIC
    assert schema.classes["Other"].kind is ClassKind.TOP
