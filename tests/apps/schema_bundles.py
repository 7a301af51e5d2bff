"""Bundles of schemas alone, and what reading them finds."""

from __future__ import annotations

from typing import Any

from realmsync.apps import schemas
from realmsync.apps.bundle import Bundle, CollectionBundle, ServiceBundle, Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import SyncConfiguration, SyncMode

SERVICE = "mongodb-atlas"
FLEXIBLE = SyncConfiguration(mode=SyncMode.FLEXIBLE, service=SERVICE)


def document(title: str, required: tuple[str, ...] = ("_id",), **properties: Any) -> dict[str, Any]:
    """A schema of a class with an ObjectId as primary key."""
    return {
        "title": title,
        "bsonType": "object",
        "required": list(required),
        "properties": {"_id": {"bsonType": "objectId"}, **properties},
    }


def relationship(collection: str, is_list: bool = False, **more: Any) -> dict[str, Any]:
    """A relationship to a collection of the database "d"."""
    ref = f"#/relationship/{SERVICE}/d/{collection}"
    return {"ref": ref, "foreign_key": "_id", "is_list": is_list, **more}


def bundle(documents: dict[str, Any], links: dict[str, Any] | None = None) -> Bundle:
    """Schemas and relationships by the collection's name, all in the database "d"."""
    collections = {
        ("d", name): CollectionBundle(
            schema=Source(f"{name}/schema.json", content),
            relationships=Source(f"{name}/relationships.json", (links or {}).get(name, {})),
        )
        for name, content in documents.items()
    }
    service = ServiceBundle(Source("config.json", {}), collections=collections)
    return Bundle(Source("realm_config.json", {}), services={SERVICE: service})


def read(
    documents: dict[str, Any],
    links: dict[str, Any] | None = None,
    sync: SyncConfiguration = FLEXIBLE,
) -> tuple[schemas.Schema, Findings]:
    """The schema of such a bundle, and what was found."""
    findings = Findings()
    return schemas.read(bundle(documents, links), sync, findings), findings


def found(findings: Findings) -> list[tuple[str, str, str, str]]:
    """The findings without their texts: severity, code, path, key."""
    return [(f.severity.value, f.code, f.path, f.key) for f in findings]
