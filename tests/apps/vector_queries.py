"""Queries of the vectors in the query language, asked of a realm with the folder's class.

The realm holds the folder's objects and random ones made of the values that stand in them, in the
query and in the users: what an equivalent query selects of all these is the same. Properties that
hold objects are left out.
"""

from __future__ import annotations

import random
import re
import tempfile
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import Decimal128, ObjectId

from realmsync import Realm
from realmsync.apps.model import Class
from vector_case import Case

_COUNT = 200  # of random objects
_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "double": (float,),
    "float": (float,),
    "decimal128": (Decimal128,),
    "string": (str,),
    "data": (bytes,),
    "date": (datetime,),
    "objectId": (ObjectId,),
    "uuid": (uuid.UUID,),
    "mixed": (bool, int, float, Decimal128, str, datetime, ObjectId, uuid.UUID),
}


def objects_that_match(case: Case, cls: str, query: str) -> tuple[list[dict[str, Any]], list[bool]]:
    """Objects of a class, and whether the query selects each."""
    declared = case.app.classes[cls]
    there = case.objects.get(cls, [])
    objects = [*there, *_random_objects(case, declared, query, len(there))]
    properties = _properties(declared)
    schema = [{"name": cls, "primaryKey": "_id", "properties": properties}]
    with (
        tempfile.TemporaryDirectory() as folder,
        Realm(path=Path(folder) / "vectors.realm", schema=schema) as realm,
    ):
        with realm.write():
            for document in objects:
                kept = properties.keys() & document.keys()
                realm.create(cls, {name: document[name] for name in kept})
        selected = {found._id for found in realm.objects(cls).filtered(query)}
    return objects, [document["_id"] in selected for document in objects]


def _properties(cls: Class) -> dict[str, Any]:
    """All are nullable: an object of the vectors may lack what is required."""
    properties: dict[str, Any] = {}
    for p in cls.properties:
        if p.type in _TYPES and p.collection is None:
            properties[p.name] = {"type": p.type, "optional": p.name != "_id" or p.nullable}
        elif p.type in _TYPES:
            properties[p.name] = {"type": p.collection, "objectType": p.type, "optional": True}
    return properties


def _random_objects(case: Case, cls: Class, query: str, first: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(7)
    values = [*_values(query, case.objects.get(cls.name, []), list(case.users.values()))]
    for place in range(first, first + _COUNT):
        document: dict[str, Any] = {"_id": _key(cls, place)}
        for p in cls.properties:
            fitting = [v for v in values if type(v) in _TYPES.get(p.type, ())]
            if p.name == "_id" or p.type not in _TYPES or p.collection == "dictionary":
                continue
            if p.collection is not None:
                document[p.name] = chance.sample(fitting, min(len(fitting), chance.randrange(3)))
            else:
                document[p.name] = chance.choice([None, *fitting])
        yield document


def _key(cls: Class, place: int) -> Any:
    key_type = next(p.type for p in cls.properties if p.name == "_id")
    keys: dict[str, Any] = {
        "int": 1_000_000 + place,
        "string": f"random {place}",
        "objectId": ObjectId(place.to_bytes(12, "big")),
        "uuid": uuid.UUID(int=place),
    }
    return keys[key_type]


def _values(query: str, objects: list[dict[str, Any]], users: list[Any]) -> list[Any]:
    """Every scalar that stands in any of them, each once."""
    found: dict[tuple[type, Any], None] = {(bool, True): None, (bool, False): None}
    waiting: list[Any] = [*re.findall(r'"([^"]*)"', query), 0, 1, 2.5]
    waiting += [*objects, *(u.id for u in users), *(u.custom_data for u in users)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif value is not None:
            kind = int if isinstance(value, int) and not isinstance(value, bool) else type(value)
            found.setdefault((kind, kind(value) if kind is int else value))
    return [value for _, value in found]
