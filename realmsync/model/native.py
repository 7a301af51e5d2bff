"""Declared classes as the native module takes and gives them: its numbers of types, and tuples.

What a declaration may say is in schema.py.
"""

from __future__ import annotations

from typing import Any

from realmsync import _core
from realmsync.model.schema import ClassSchema, Property, make_property

TYPE_CODES = {
    "mixed": 0,
    "int": 1,
    "bool": 2,
    "string": 3,
    "data": 4,
    "date": 5,
    "float": 6,
    "double": 7,
    "decimal128": 8,
    "object": 9,
    "objectId": 10,
    "uuid": 11,
}
TYPE_NAMES = {code: name for name, code in TYPE_CODES.items()}
COLLECTION_CODES = {None: 0, "list": 1, "dictionary": 2, "set": 3}
COLLECTION_NAMES = {code: name for name, code in COLLECTION_CODES.items()}
MODES = {
    "never": _core.OnExisting.refuse,
    "modified": _core.OnExisting.update_changed,
    "all": _core.OnExisting.update_all,
}


def native_class(c: ClassSchema) -> tuple[Any, ...]:
    key = next((i for i, p in enumerate(c.stored) if p.name == c.primary_key), -1)
    return (c.name, 1 if c.embedded else 0, key, [_native_property(p) for p in c.stored])


def _native_property(p: Property) -> tuple[Any, ...]:
    return (
        p.persisted,
        p.name,
        TYPE_CODES[p.type],
        COLLECTION_CODES[p.collection],
        p.optional,
        p.target or "",
        p.has_default,
        p.default,
    )


def schema_of_file(classes: list[tuple[Any, ...]]) -> dict[str, ClassSchema]:
    """What a file holds, as a declaration (a realm opened without schema)."""
    result = {}
    for name, kind, key, properties in classes:
        parsed = []
        for persisted, code, collection, optional, target in properties:
            element = target if TYPE_NAMES[code] == "object" else TYPE_NAMES[code]
            p = make_property(
                persisted, element, COLLECTION_NAMES[collection], True if optional else None
            )
            parsed.append(p)
        primary_key = parsed[key].name if key >= 0 else None
        result[name] = ClassSchema(name, tuple(parsed), primary_key, kind == 1)
    return result
