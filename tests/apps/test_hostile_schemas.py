"""Whatever stands in schemas and relationships, reading them ends with classes that go together."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from realmsync.apps.model import ClassKind
from realmsync.apps.schema_documents import TYPES
from schema_bundles import SERVICE, document, found, read

NAMES = st.sampled_from(["_id", "a", "b", "[]", "", "title", "a.b", "\ud800", "x" * 70])
TYPE_NAMES = st.sampled_from([*TYPES, "object", "array", "regex", "integer", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TYPE_NAMES | NAMES


def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas of a property, mostly well-formed."""
    keys = {
        "bsonType": TYPE_NAMES | st.lists(TYPE_NAMES, max_size=2),
        "type": SCALARS,
        "title": NAMES,
        "required": st.lists(NAMES, max_size=3),
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "items": inner,
        "additionalProperties": inner,
        "uniqueItems": SCALARS,
        "enum": SCALARS,
    }
    return st.fixed_dictionaries({}, optional=keys)


SCHEMAS = st.recursive(SCALARS, lambda inner: nodes(inner) | st.lists(inner, max_size=2))
COLLECTIONS = st.dictionaries(st.sampled_from("abc"), SCHEMAS, max_size=3)
REFS = st.sampled_from([f"#/relationship/{SERVICE}/d/{name}" for name in "abc"]) | SCALARS
PATHS = st.lists(NAMES, max_size=4).map(".".join)
RELATIONSHIPS = st.dictionaries(
    PATHS,
    SCALARS
    | st.fixed_dictionaries({"ref": REFS}, optional={"is_list": SCALARS, "foreign_key": SCALARS}),
    max_size=4,
)


@given(COLLECTIONS, st.dictionaries(st.sampled_from("abc"), RELATIONSHIPS | SCALARS, max_size=3))
def test_classes_go_together(documents: dict[str, Any], links: dict[str, Any]) -> None:
    schema, _ = read(documents, links)
    for cls in schema.classes.values():
        keys = [p for p in cls.properties if p.name == "_id"]
        if cls.kind is ClassKind.TOP:
            assert cls.primary_key == "_id"
            assert [p.type in ("string", "int", "objectId", "uuid") for p in keys] == [True]
        for made in cls.properties:
            is_embedded = made.target is not None and (
                schema.classes[made.target].kind is ClassKind.EMBEDDED
            )
            assert is_embedded == (made.type == "embedded")
            assert (made.target is not None) == (made.type in ("link", "embedded"))
    assert not set(schema.not_synced) & set(schema.classes)


def test_many_classes_that_lead_to_each_other() -> None:
    """Leaving one out takes one look at the others, not one each."""
    count = 1_000
    documents = {f"c{n:04}": document(f"C{n}", x={"bsonType": "objectId"}) for n in range(count)}
    documents["c0999"] = document("C999", x={"bsonType": "regex"})
    links = {
        f"c{n:04}": {"x": {"ref": f"#/relationship/{SERVICE}/d/c{n + 1:04}"}}
        for n in range(count - 1)
    }
    schema, findings = read(documents, links)
    assert len(schema.classes) == count - 1
    assert [f[1] for f in found(findings)] == ["schema.bad_type", "schema.link_target"]


def test_documents_of_many_levels() -> None:
    node: dict[str, Any] = {"bsonType": "long"}
    for _ in range(900):
        node = {"bsonType": "array", "items": node}
    schema, findings = read({"a": document("A", x=json.loads(json.dumps(node)))})
    assert list(schema.not_synced) == ["A"]
    assert [f[1] for f in found(findings)] == ["schema.bad_type"]
