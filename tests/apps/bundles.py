"""Configurations made by hand, for tests of what is read from them."""

from __future__ import annotations

from typing import Any

from realmsync.apps.bundle import Bundle, CollectionBundle, ServiceBundle, Source
from realmsync.apps.model import Class, ClassKind, Property

SERVICE = "mongodb-atlas"
SYNC_PATH = "sync/config.json"
DEFAULT_PATH = "data_sources/mongodb-atlas/default_rule.json"


def rules_path(collection: str) -> str:
    return f"data_sources/mongodb-atlas/d/{collection}/rules.json"


def schema_path(collection: str) -> str:
    return f"data_sources/mongodb-atlas/d/{collection}/schema.json"


def role(name: str = "r", **keys: Any) -> dict[str, Any]:
    """A role that may do everything, changed by keys; those that are `...` are left out."""
    whole = {
        "name": name,
        "apply_when": {},
        "document_filters": {"read": True, "write": True},
        "read": True,
        "write": True,
        **keys,
    }
    return {key: value for key, value in whole.items() if value is not ...}


def bundle(
    sync: dict[str, Any],
    rules: dict[str, list[Any]] | None = None,
    default: list[Any] | None = None,
    collections: tuple[str, ...] = ("things",),
) -> Bundle:
    """A configuration with rule files by collection, in the database "d"."""
    service = ServiceBundle(Source("data_sources/mongodb-atlas/config.json", {}))
    for name in {*collections, *(rules or {})}:
        files = CollectionBundle(schema=Source(schema_path(name), {"title": name.title()}))
        if rules is not None and name in rules:
            content = {"database": "d", "collection": name, "roles": rules[name]}
            files.rules = Source(rules_path(name), content)
        service.collections["d", name] = files
    if default is not None:
        service.default_rule = Source(DEFAULT_PATH, {"roles": default})
    root = Source("root_config.json", {"name": "made"})
    return Bundle(root, sync=Source(SYNC_PATH, sync), services={SERVICE: service})


def top_class(name: str, **types: str) -> Class:
    """A class with _id and other properties; "list string" is a list of strings."""
    properties = [Property("_id", "string", nullable=False)]
    for key, type_ in types.items():
        collection, _, element = type_.rpartition(" ")
        properties.append(Property(key, element, True, collection or None))
    return Class(name, ClassKind.TOP, tuple(properties), "_id", "d", name.lower())
