"""The way back: from classes to the schema and the relationships of each collection.

For exports, the admin API and what development mode added. What is written here and read again by
schemas.py gives the same classes. Specification: app-configuration.md 7.3 to 7.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from realmsync.apps.model import Class, ClassKind, Property
from realmsync.apps.relationships import ELEMENT, reference
from realmsync.apps.schema_documents import PRIMARY_KEY
from realmsync.apps.schema_drafts import CollectionName

# Of one document, so that it can be read again: JSON is read down to 100 levels, and a document may
# stand inside another one. Embedded classes are written wherever they are used, so that few classes
# could make a document without end.
LEVELS = 90
PROPERTIES = 200_000

_TYPES = {
    "bool": "bool",
    "int": "long",
    "double": "double",
    "float": "float",
    "decimal128": "decimal",
    "string": "string",
    "data": "binData",
    "date": "date",
    "objectId": "objectId",
    "uuid": "uuid",
    "mixed": "mixed",
}


class SchemaNotWritable(ValueError):
    """Classes that no folder can hold; says why."""


@dataclass(frozen=True)
class Documents:
    """The files of one collection."""

    schema: dict[str, Any]
    relationships: dict[str, Any] = field(default_factory=dict)


def write(classes: Mapping[str, Class], service: str) -> dict[CollectionName, Documents]:
    """The documents of every class that is not embedded, by (database, collection).

    Raises SchemaNotWritable: a class without a collection, or two with one; a link or an embedded
    object of a class that is not there or is of another kind; embedded classes in a circle, or
    nested too deep or too often.
    """
    written: dict[CollectionName, Documents] = {}
    for cls in classes.values():
        if cls.kind is ClassKind.EMBEDDED:
            continue
        name = _collection_of(cls)
        if name in written:
            raise SchemaNotWritable(f"{cls.name} and another class share the collection {name}")
        written[name] = _Writer(classes, service).write(cls)
    return written


def _collection_of(cls: Class) -> CollectionName:
    if cls.database is None or cls.collection is None:
        raise SchemaNotWritable(f"{cls.name} belongs to no collection")
    return cls.database, cls.collection


class _Writer:
    """Writes one class with its embedded ones."""

    def __init__(self, classes: Mapping[str, Class], service: str) -> None:
        self._classes = classes
        self._service = service
        self._relationships: dict[str, Any] = {}
        self._count = 0

    def write(self, cls: Class) -> Documents:
        return Documents(self._class(cls, (), 1), self._relationships)

    def _class(self, cls: Class, path: tuple[str, ...], level: int) -> dict[str, Any]:
        """`path`: of the relationships in it. `level`: of nesting in JSON."""
        if level > LEVELS:
            raise SchemaNotWritable(
                f"embedded objects are nested too deep, or in a circle, at {cls.name}"
            )
        self._count += len(cls.properties)
        if self._count > PROPERTIES:
            raise SchemaNotWritable(f"more than {PROPERTIES} properties with embedded ones")
        required = [p.name for p in cls.properties if _is_required(p)]
        properties = {p.name: self._property(p, (*path, p.name), level + 2) for p in cls.properties}
        node: dict[str, Any] = {
            "title": cls.name,
            "bsonType": "object",
            "required": required,
            "properties": properties,
        }
        if cls.kind is ClassKind.EMBEDDED and not properties:
            node["additionalProperties"] = False  # else it would be a dictionary
        return node

    def _property(self, made: Property, path: tuple[str, ...], level: int) -> dict[str, Any]:
        if made.collection is None:
            return self._element(made, path, level)
        element = self._element(made, path, level + 1)
        if made.collection == "dictionary":
            return {"bsonType": "object", "properties": {}, "additionalProperties": element}
        node: dict[str, Any] = {"bsonType": "array", "items": element}
        if made.collection == "set":
            node["uniqueItems"] = True
        return node

    def _element(self, made: Property, path: tuple[str, ...], level: int) -> dict[str, Any]:
        """A single value, or one of a collection."""
        if made.type == "embedded":
            inside = (*path, ELEMENT) if made.collection else path
            return self._class(self._target(made, is_embedded=True), inside, level)
        if made.type == "link":
            return {"bsonType": self._link(made, path)}
        kind = _TYPES[made.type]
        if made.collection and made.nullable and made.type != "mixed":
            return {"bsonType": [kind, "null"]}
        return {"bsonType": kind}

    def _target(self, made: Property, is_embedded: bool) -> Class:
        target = self._classes.get(made.target or "")
        if target is None or (target.kind is ClassKind.EMBEDDED) != is_embedded:
            kind = "an embedded class" if is_embedded else "a class with objects of its own"
            raise SchemaNotWritable(f"{made.name} needs {kind}: {made.target} is none")
        return target

    def _link(self, made: Property, path: tuple[str, ...]) -> str:
        """Notes the relationship, and gives the type of the target's primary key."""
        target = self._target(made, is_embedded=False)
        key = next((p for p in target.properties if p.name == PRIMARY_KEY), None)
        if key is None:
            raise SchemaNotWritable(f"{made.name} leads to {target.name}, which has no _id")
        if any("." in name for name in path):
            raise SchemaNotWritable(f"a link in {path}, whose dots mean nesting")
        self._relationships[".".join(path)] = {
            "ref": reference(self._service, _collection_of(target)),
            "foreign_key": PRIMARY_KEY,
            "is_list": made.collection is not None,
        }
        return _TYPES[key.type]


def _is_required(made: Property) -> bool:
    is_single = made.collection is None and made.type not in ("link", "embedded", "mixed")
    return is_single and not made.nullable
