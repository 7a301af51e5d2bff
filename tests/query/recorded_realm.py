"""The data set of the recorded queries as a realm, made through the public API.

Links to objects that do not exist come from other devices in life. Here their targets are created
and linked, and then taken out of the file behind the realm's back.
"""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import bson

from realmsync import Realm, Timestamp
from recorded_values import dangling_links, decode, holds_links

_TYPES = {
    "binary": "data",
    "timestamp": "date",
    "decimal": "decimal128",
    "objectid": "objectId",
}


def declarations(classes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The classes as Realm's dictionaries."""
    declared = []
    for cls in classes:
        properties = {p["name"]: _declaration(p) for p in cls["properties"]}
        entry: dict[str, Any] = {"name": cls["name"], "properties": properties}
        if cls.get("embedded"):
            entry["embedded"] = True
        if cls.get("pk"):
            entry["primaryKey"] = cls["pk"]
        declared.append(entry)
    return declared


def _declaration(p: dict[str, Any]) -> dict[str, Any]:
    element = p.get("target") or _TYPES.get(p["type"], p["type"])
    collection = p.get("collection")
    result: dict[str, Any] = {"type": element}
    if collection:
        result = {"type": collection, "objectType": element}
    elif p.get("target"):
        result = {"type": "object", "objectType": element}
    if p.get("nullable") and not (p.get("target") and collection in ("list", "set")):
        result["optional"] = True
    if p.get("index"):
        result["indexed"] = "full-text" if p["index"] == "fulltext" else True
    return result


class RecordedRealm:
    """The realm of a data set; `open()` opens it again."""

    def __init__(self, dataset: dict[str, Any], folder: Path) -> None:
        self._schema = declarations(dataset["classes"])
        self._keys = {c["name"]: c["pk"] for c in dataset["classes"] if c.get("pk")}
        self._path = folder / "recorded.realm"
        with self.open() as realm:
            with realm.write():
                self._create(realm, dataset["objects"])
            missing = self._create_missing(realm, dataset["objects"])
            with realm.write():
                self._link(realm, dataset["objects"])
        self._remove(missing)

    def open(self) -> Realm:
        return Realm(path=self._path, schema=self._schema)

    def key_of(self, found: Any) -> Any:
        """The primary key as `pks` of a recorded query has it."""
        key = getattr(found, self._keys[type(found).__name__])
        return key if key is None or isinstance(key, int) else str(key)

    def _create(self, realm: Realm, objects: dict[str, Any]) -> None:
        """All objects in their order, without links."""
        for name, given in objects.items():
            for values in given:
                plain = {p: v for p, v in values.items() if not holds_links(v)}
                realm.create(name, {p: decode(v, _find_nothing) for p, v in plain.items()})

    def _link(self, realm: Realm, objects: dict[str, Any]) -> None:
        def find(name: str, key: Any) -> Any:
            found = realm.object_for_primary_key(name, key)
            assert found is not None, (name, key)
            return found

        for name, given in objects.items():
            for values in given:
                source = find(name, decode(values[self._keys[name]], find))
                for property_name, value in values.items():
                    if holds_links(value):
                        setattr(source, property_name, decode(value, find))

    def _create_missing(self, realm: Realm, objects: dict[str, Any]) -> list[tuple[str, Any]]:
        """Targets of dangling links; their classes and keys as they lie in the file."""
        found = []
        for name, encoded in {repr(link): link for link in dangling_links(objects)}.values():
            before = self._keys_of(name)
            required = _zeros(next(c for c in self._schema if c["name"] == name))
            with realm.write():
                key = {self._keys[name]: decode(encoded, _find_nothing)}
                realm.create(name, required | key)
            [stored] = self._keys_of(name) - before
            found.append((name, stored))
        return found

    def _keys_of(self, name: str) -> set[Any]:
        with closing(sqlite3.connect(self._path)) as file:
            rows = file.execute(f'SELECT "{self._keys[name]}" FROM "{name}"')
            return {key for (key,) in rows}

    def _remove(self, objects: list[tuple[str, Any]]) -> None:
        with closing(sqlite3.connect(self._path)) as file, file:
            # Full-text indexes ask for the tokens of texts; those of these objects are null.
            file.create_function("rs_tokens", 1, lambda _: "")
            for name, key in objects:
                file.execute(f'DELETE FROM "{name}" WHERE "{self._keys[name]}" = ?', (key,))


def _find_nothing(name: str, key: Any) -> Any:
    raise AssertionError(f"a link to {name} {key} among values without links")


_ZEROS: dict[str, Any] = {
    "int": 0,
    "bool": False,
    "string": "",
    "data": b"",
    "float": 0.0,
    "double": 0.0,
    "decimal128": bson.Decimal128("0"),
    "date": Timestamp(0, 0),
    "objectId": bson.ObjectId("0" * 24),
    "uuid": uuid.UUID(int=0),
}


def _zeros(cls: dict[str, Any]) -> dict[str, Any]:
    """Values for what an object cannot be without."""
    return {
        name: _ZEROS[p["type"]]
        for name, p in cls["properties"].items()
        if not p.get("optional") and p["type"] in _ZEROS
    }
