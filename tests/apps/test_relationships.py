"""Relationships: which properties become links, and what keeps one from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from realmsync.apps.model import Property
from schema_bundles import FLEXIBLE, SERVICE, document, found, read, relationship

KEY = {"bsonType": "objectId"}
KEYS = {"bsonType": "array", "items": KEY}


def embedded(**properties: Any) -> dict[str, Any]:
    return {"title": "E", "bsonType": "object", "properties": properties}


def many(node: dict[str, Any]) -> dict[str, Any]:
    return {"bsonType": "array", "items": node}


def named(node: dict[str, Any]) -> dict[str, Any]:
    return {"bsonType": "object", "additionalProperties": node}


def test_links_of_every_kind() -> None:
    links = {
        "one": relationship("b"),
        "list": relationship("b", is_list=True),
        "set": relationship("b", is_list=True),
        "dictionary": relationship("b", is_list=True),
        "must": relationship("a"),
    }
    properties = {
        "one": {"bsonType": "string"},
        "list": many({"bsonType": "string"}),
        "set": {**many({"bsonType": "string"}), "uniqueItems": True},
        "dictionary": named({"bsonType": "string"}),
        "must": KEY,
    }
    documents = {
        "a": document("A", ("_id", "must"), **properties),
        "b": document("B", _id={"bsonType": "string"}),
    }
    schema, findings = read(documents, {"a": links})
    assert found(findings) == []
    assert schema.classes["A"].properties[1:] == (
        Property("one", "link", True, None, "B"),
        Property("list", "link", False, "list", "B"),
        Property("set", "link", False, "set", "B"),
        Property("dictionary", "link", True, "dictionary", "B"),
        Property("must", "link", True, None, "A"),
    )


@pytest.mark.parametrize(
    ("node", "path"),
    [
        (embedded(k=KEY), "x.k"),
        (many(embedded(k=KEY)), "x.[].k"),
        (named(embedded(k=KEY)), "x.[].k"),
        (
            {"title": "Outer", "bsonType": "object", "properties": {"y": many(embedded(k=KEY))}},
            "x.y.[].k",
        ),
    ],
)
def test_paths_into_embedded_objects(node: dict[str, Any], path: str) -> None:
    schema, findings = read({"a": document("A", x=node)}, {"a": {path: relationship("a")}})
    assert found(findings) == []
    assert schema.classes["E"].properties == (Property("k", "link", True, None, "A"),)


def test_old_spellings_and_what_may_be_left_out() -> None:
    ref = f"#/relationship/{SERVICE}/d/a"
    links = {
        "x": {"ref": ref, "foreignKey": "_id", "isList": True, "source_key": "x"},
        "y": {"ref": ref},
        "z": {"ref": ref},
    }
    schema, findings = read({"a": document("A", x=KEYS, y=KEY, z=KEYS)}, {"a": links})
    assert found(findings) == []
    assert [p.type for p in schema.classes["A"].properties[1:]] == ["link"] * 3


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("x", relationship("a", foreign_key="name"), "link_foreign_key"),
        ("x", {"ref": f"#/relationship/{SERVICE}/d/a", "foreignKey": "n"}, "link_foreign_key"),
        ("x", relationship("zzz"), "link_target"),
        ("x", {**relationship("a"), "ref": "#/relationship/other/d/a"}, "link_target"),
        ("x", {**relationship("a"), "ref": "a"}, "link_target"),
        ("x", {**relationship("a"), "ref": ""}, "link_target"),
        ("x", relationship("bad"), "link_target"),
        ("x", relationship("empty"), "link_target"),
        ("s", relationship("a"), "link_type"),
        ("e", relationship("a"), "link_type"),
        ("x", relationship("a", is_list=True), "link_type"),
        ("xs", relationship("a"), "link_type"),
        ("_id", relationship("a"), "link_type"),
        ("no", relationship("a"), "link_field"),
        ("", relationship("a"), "link_field"),
        ("x.y", relationship("a"), "link_field"),
        ("x.[]", relationship("a"), "link_field"),
        ("xs.[]", relationship("a"), "link_field"),
        ("es.k", relationship("a"), "link_field"),
        ("es.[]", relationship("a"), "link_field"),
        ("es[].k", relationship("a"), "link_field"),
        ("e.[].k", relationship("a"), "link_field"),
        ("e.", relationship("a"), "link_field"),
    ],
)
def test_faults_leave_the_property_as_it_is(path: str, body: Any, code: str) -> None:
    documents = {
        "a": document(
            "A",
            **{"x": KEY, "xs": KEYS, "s": {"bsonType": "string"}},
            **{"e": embedded(k=KEY), "es": many(embedded(k=KEY))},
        ),
        "bad": document("Bad", y={"bsonType": "regex"}),
        "empty": {},
    }
    schema, findings = read(documents, {"a": {path: body}})
    links = [f for f in found(findings) if f[2] == "a/relationships.json"]
    assert links == [("warning", f"schema.{code}", "a/relationships.json", path)]
    assert schema.classes["A"].properties[1:] == (
        Property("x", "objectId", True),
        Property("xs", "objectId", False, "list"),
        Property("s", "string", True),
        Property("e", "embedded", True, None, "E"),
        Property("es", "embedded", False, "list", "E"),
    )
    assert schema.classes["E"].properties == (Property("k", "objectId", True),)


@pytest.mark.parametrize(
    "body",
    [
        *(1, {}, {"ref": 1}, {**relationship("a"), "foreign_key": 1}),
        {**relationship("a"), "is_list": "yes"},
    ],
)
def test_values_of_the_wrong_kind(body: Any) -> None:
    schema, findings = read({"a": document("A", x=KEY)}, {"a": {"x": body}})
    assert found(findings) == [("error", "config.bad_value", "a/relationships.json", "x")]
    schema, findings = read({"a": document("A", x=KEY)}, {"a": []})
    assert found(findings) == [("error", "config.bad_value", "a/relationships.json", "")]


def test_a_link_to_a_class_that_falls_out_later() -> None:
    """Whether classes go together is known only when all links are."""
    other = {"title": "A", "bsonType": "object", "properties": {"k": KEY}}
    documents = {"a": document("A", x=KEY), "b": document("B", e=other)}
    schema, findings = read(documents, {"a": {"x": relationship("b")}})
    assert found(findings) == [
        ("warning", "schema.embedded_conflict", "b/schema.json", ""),
        ("warning", "schema.link_target", "a/relationships.json", "x"),
    ]
    assert schema.classes["A"].properties[1] == Property("x", "objectId", True)


def test_circles_of_links() -> None:
    documents = {"a": document("A", x=KEY, y=KEY), "b": document("B", x=KEY)}
    links = {
        "a": {"x": relationship("b"), "y": relationship("a")},
        "b": {"x": relationship("a")},
    }
    schema, findings = read(documents, links)
    assert found(findings) == []
    assert [p.target for p in schema.classes["A"].properties] == [None, "B", "A"]


def test_nothing_leads_to_an_asymmetric_class() -> None:
    documents = {"a": document("A", x=KEY), "b": document("B", x=KEY)}
    links = {"a": {"x": relationship("b")}, "b": {"x": relationship("a")}}
    schema, findings = read(documents, links, replace(FLEXIBLE, asymmetric=("B",)))
    assert found(findings) == [("warning", "schema.link_target", "a/relationships.json", "x")]
    assert schema.classes["B"].properties[1] == Property("x", "link", True, None, "A")


def test_a_path_of_any_length() -> None:
    path = "x." * 100_000
    _, findings = read({"a": document("A", x=KEY)}, {"a": {path: relationship("a")}})
    assert [f.code for f in findings] == ["schema.link_field"]
