"""Declared classes as the native module takes and gives them.

What a declaration may say is in schema.py.
"""

from __future__ import annotations

from realmsync import _core
from realmsync.model.schema import ClassSchema, Property, make_property

TYPES = {
    "mixed": _core.Type.mixed,
    "int": _core.Type.integer,
    "bool": _core.Type.boolean,
    "string": _core.Type.string,
    "data": _core.Type.binary,
    "date": _core.Type.timestamp,
    "float": _core.Type.float32,
    "double": _core.Type.float64,
    "decimal128": _core.Type.decimal,
    "object": _core.Type.link,
    "objectId": _core.Type.object_id,
    "uuid": _core.Type.uuid,
}
TYPE_NAMES = {native: name for name, native in TYPES.items()}
COLLECTIONS = {
    None: _core.CollectionKind.single,
    "list": _core.CollectionKind.list,
    "dictionary": _core.CollectionKind.dictionary,
    "set": _core.CollectionKind.set,
}
COLLECTION_NAMES = {native: name for name, native in COLLECTIONS.items()}
MODES = {
    "never": _core.OnExisting.refuse,
    "modified": _core.OnExisting.update_changed,
    "all": _core.OnExisting.update_all,
}


def native_class(c: ClassSchema) -> _core.DeclaredClass:
    key = next((i for i, p in enumerate(c.stored) if p.name == c.primary_key), -1)
    properties = [native_property(p) for p in c.stored]
    return _core.DeclaredClass(
        name=c.name, embedded=c.embedded, key=key, properties=properties, asymmetric=c.asymmetric
    )


def native_property(p: Property) -> _core.DeclaredProperty:
    return _core.DeclaredProperty(
        name=p.persisted,
        attribute=p.name,
        type=TYPES[p.type],
        collection=COLLECTIONS[p.collection],
        optional=p.optional,
        target=p.target or "",
        has_default=p.has_default,
        default=p.default,
        full_text=p.indexed == "full-text",
        indexed=p.indexed is True,
        counter=p.is_counter,
    )


def schema_of_file(classes: list[_core.DeclaredClass]) -> dict[str, ClassSchema]:
    """What a file holds, as a declaration (a realm opened without schema)."""
    result = {}
    for c in classes:
        parsed: list[Property] = []
        for p in c.properties:
            element = p.target if p.type == _core.Type.link else TYPE_NAMES[p.type]
            optional = True if p.optional else None
            collection = COLLECTION_NAMES[p.collection]
            indexed: bool | str = "full-text" if p.full_text else p.indexed
            indexed = indexed or len(parsed) == c.key
            parsed.append(make_property(p.name, element, collection, optional, indexed=indexed))
        primary_key = parsed[c.key].name if c.key >= 0 else None
        result[c.name] = ClassSchema(c.name, tuple(parsed), primary_key, c.embedded, c.asymmetric)
    return result
