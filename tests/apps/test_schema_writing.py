"""From classes to documents and back again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given

from realmsync.apps import schemas
from realmsync.apps.bundle import Bundle, CollectionBundle, ServiceBundle, Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import Class, ClassKind, Property
from realmsync.apps.schema_writing import SchemaNotWritable, write
from schema_bundles import FLEXIBLE, SERVICE, document
from schema_strategies import classes


def again(made: Mapping[str, Class]) -> dict[str, Class]:
    """What is read of what was written; there must be nothing to say about it."""
    collections = {
        name: CollectionBundle(
            schema=Source("schema.json", json.loads(json.dumps(documents.schema))),
            relationships=Source("relationships.json", documents.relationships),
        )
        for name, documents in write(made, SERVICE).items()
    }
    service = ServiceBundle(Source("config.json", {}), collections=collections)
    bundle = Bundle(Source("realm_config.json", {}), services={SERVICE: service})
    asymmetric = tuple(c.name for c in made.values() if c.kind is ClassKind.ASYMMETRIC)
    findings = Findings()
    schema = schemas.read(bundle, replace(FLEXIBLE, asymmetric=asymmetric), findings)
    assert list(findings) == []
    assert schema.not_synced == {}
    return dict(schema.classes)


@given(classes())
def test_written_and_read_again(made: dict[str, Class]) -> None:
    assert again(made) == made


def top(name: str, *properties: Property, key: str = "objectId") -> Class:
    own = (Property("_id", key, False), *properties)
    return Class(name, ClassKind.TOP, own, "_id", "d", name)


def embedded(name: str, *properties: Property) -> Class:
    return Class(name, ClassKind.EMBEDDED, properties)


def by_name(*all_: Class) -> dict[str, Class]:
    return {cls.name: cls for cls in all_}


TYPES = {
    **{"bool": "bool", "int": "long", "double": "double", "float": "float"},
    **{"decimal128": "decimal", "string": "string", "data": "binData", "date": "date"},
    **{"objectId": "objectId", "uuid": "uuid", "mixed": "mixed"},
}


@pytest.mark.parametrize(("realm", "bson"), TYPES.items())
def test_types(realm: str, bson: str) -> None:
    is_mixed = realm == "mixed"
    made = by_name(
        top(
            "A",
            Property("one", realm, is_mixed),
            Property("maybe", realm, True),
            Property("list", realm, is_mixed, "list"),
            Property("set", realm, is_mixed, "set"),
            Property("dictionary", realm, is_mixed, "dictionary"),
        )
    )
    node = {"bsonType": bson}
    written = write(made, SERVICE)[("d", "A")]
    assert written.schema["required"] == (["_id"] if is_mixed else ["_id", "one"])
    properties = {
        "_id": {"bsonType": "objectId"},
        "one": node,
        "maybe": node,
        "list": {"bsonType": "array", "items": node},
        "set": {"bsonType": "array", "items": node, "uniqueItems": True},
        "dictionary": {"bsonType": "object", "properties": {}, "additionalProperties": node},
    }
    assert written.schema == document("A", tuple(written.schema["required"]), **properties)
    assert again(made) == made


def test_elements_that_may_be_null() -> None:
    made = by_name(top("A", Property("x", "string", True, "list")))
    items = write(made, SERVICE)[("d", "A")].schema["properties"]["x"]["items"]
    assert items == {"bsonType": ["string", "null"]}


def test_links_and_embedded_objects() -> None:
    made = by_name(
        top(
            "A",
            Property("one", "link", True, None, "B"),
            Property("all", "link", False, "list", "B"),
            Property("e", "embedded", False, "list", "E"),
        ),
        top("B", key="int"),
        embedded("E", Property("by_name", "link", True, "dictionary", "A")),
    )
    written = write(made, SERVICE)[("d", "A")]
    refs = {target: f"#/relationship/{SERVICE}/d/{target}" for target in "AB"}
    assert written.relationships == {
        "one": {"ref": refs["B"], "foreign_key": "_id", "is_list": False},
        "all": {"ref": refs["B"], "foreign_key": "_id", "is_list": True},
        "e.[].by_name": {"ref": refs["A"], "foreign_key": "_id", "is_list": True},
    }
    properties = written.schema["properties"]
    assert properties["one"] == {"bsonType": "long"}
    assert properties["e"]["items"]["title"] == "E"
    assert again(made) == made


def chain(length: int, fan: int = 1) -> dict[str, Class]:
    """Embedded classes, each of which holds the next one."""
    made = [top("A", Property("x", "embedded", True, None, "E0"))]
    for n in range(length):
        inside = [Property(f"x{i}", "embedded", True, None, f"E{n + 1}") for i in range(fan)]
        made.append(embedded(f"E{n}", *inside))
    return by_name(*made, embedded(f"E{length}", Property("x", "int", True)))


def test_as_deep_as_can_be_read() -> None:
    made = chain(43)
    assert again(made) == made
    with pytest.raises(SchemaNotWritable, match="nested too deep"):
        write(chain(44), SERVICE)


LINK = Property("x", "link", True, None, "B")
OBJECT = Property("x", "embedded", True, None, "B")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (by_name(replace(top("A"), collection=None)), "no collection"),
        (by_name(top("A"), replace(top("B"), collection="A")), "share the collection"),
        (by_name(top("A", LINK)), "B is none"),
        (by_name(top("A", OBJECT)), "B is none"),
        (by_name(top("A", LINK), embedded("B")), "B is none"),
        (by_name(top("A", OBJECT), top("B")), "B is none"),
        (by_name(top("A", LINK), replace(top("B"), properties=())), "no _id"),
        (by_name(top("A", replace(LINK, name="x.y")), top("B")), "dots"),
        (by_name(top("A", OBJECT), embedded("B", OBJECT)), "circle"),
        (chain(20, fan=2), "more than 200000 properties"),
    ],
)
def test_what_no_folder_can_hold(made: dict[str, Class], text: str) -> None:
    with pytest.raises(SchemaNotWritable, match=text):
        write(made, SERVICE)
