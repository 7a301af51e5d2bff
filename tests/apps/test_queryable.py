"""Queryable fields and asymmetric classes, once the classes are known."""

from __future__ import annotations

import pytest

from realmsync.apps import queryable
from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import QueryableFields, SyncConfiguration, SyncMode
from schema_bundles import document, found, read

STRING = {"bsonType": "string"}


def resolve(
    fields: QueryableFields, asymmetric: tuple[str, ...] = ()
) -> tuple[SyncConfiguration, list[tuple[str, str, str, str]]]:
    classes = read(
        {
            "users": document("user", f=STRING, g={"bsonType": "double"}),
            "Person": document(
                "Animal",
                f=STRING,
                e={"title": "E", "bsonType": "object", "properties": {"x": STRING}},
            ),
            "people": document("Person", f=STRING),
        }
    )[0].classes
    findings = Findings()
    sync = SyncConfiguration(mode=SyncMode.FLEXIBLE, queryable=fields, asymmetric=asymmetric)
    return queryable.resolve(sync, classes, "sync/config.json", findings), found(findings)


def test_by_class_first_then_by_collection() -> None:
    fields = QueryableFields(
        ("f",), by_class={"users": ("g",), "user": ("f",), "Person": ("h",), "Other": ("i",)}
    )
    sync, findings = resolve(fields, ("people", "Other", "Person"))
    assert findings == []
    assert sync.queryable == QueryableFields(
        ("f",), (), {"user": ("g", "f"), "Person": ("h",), "Other": ("i",)}
    )
    assert sync.queryable.of("user") == {"_id", "f", "g"}
    assert sync.asymmetric == ("Person", "Other")


@pytest.mark.parametrize("name", ["Limit", "LIMIT", "and", "NaN", "uuid", "any", "ANY", "B64"])
def test_reserved_names(name: str) -> None:
    sync, findings = resolve(QueryableFields(("f", name), (), {"user": (name, "g")}))
    assert findings == [("warning", "schema.reserved_name", "sync/config.json", name)]
    assert sync.queryable == QueryableFields(("f",), (), {"user": ("g",)})


@pytest.mark.parametrize("name", ["UUID", "Any", "b64", "limits", "Uuid", "In"])
def test_names_that_are_not_reserved(name: str) -> None:
    assert resolve(QueryableFields((name,)))[1] == []


@pytest.mark.parametrize(
    ("name", "everywhere", "count"),
    [("f", ("f",), 0), ("f", (), 1), ("g", ("g",), 3), ("_id", ("_id",), 3)],
)
def test_the_indexed_field(name: str, everywhere: tuple[str, ...], count: int) -> None:
    """It must be queryable, and a property of every class, of a type that can be indexed."""
    _, findings = resolve(QueryableFields(everywhere, (name,)))
    where = ("sync/config.json", "indexed_queryable_fields_names")
    expected = 0 if name == "_id" else count
    assert findings == [("error", "sync.indexed_field", *where)] * expected
