"""A client with an older schema could not create once another had added a required property."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import realmsync

OLD: list[dict[str, Any]] = [
    {
        "name": "T",
        "primaryKey": "_id",
        "properties": {"_id": "int", "title": "string", "part": "P"},
    },
    {"name": "P", "embedded": True, "properties": {"n": "int"}},
]
# Every kind of required property, and some that take null.
ADDED = {
    "i": "int",
    "b": "bool",
    "s": "string",
    "raw": "data",
    "at": "date",
    "f": "float",
    "d": "double",
    "money": "decimal128",
    "oid": "objectId",
    "uid": "uuid",
    "list": "int[]",
    "map": "string{}",
    "set": "int<>",
    "any": "mixed",
    "maybe": "int?",
    "peer": "T",
    "second": "P",
}
NEW = [
    {**OLD[0], "properties": {**OLD[0]["properties"], **ADDED}},
    {**OLD[1], "properties": {"n": "int", "s": "string", "oid": "objectId"}},
]


def _zeros(realm: realmsync.Realm) -> list[tuple[Any, ...]]:
    rows = []
    for o in sorted(realm.objects("T"), key=lambda o: o._id):
        values = [
            getattr(o, name)
            for name in ("i", "b", "s", "raw", "f", "d", "any", "maybe", "peer", "second")
        ]
        texts = [str(getattr(o, name)) for name in ("money", "oid", "uid")]
        rows.append((*values, *texts, o.at.timestamp(), len(o.list), len(o.map), len(o.set)))
    return rows


ZERO = (0, False, "", b"", 0.0, 0.0, None, None, None, None)
ZEROS = (*ZERO, "0", "0" * 24, "00000000-0000-0000-0000-000000000000", 0.0, 0, 0, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "r.realm"
    realmsync.Realm(path=path, schema=NEW).close()
    return path


def test_every_way_to_create(path: Path) -> None:
    with realmsync.Realm(path=path, schema=OLD) as old, old.write():
        old.create("T", {"_id": 1, "title": "a"})
        old.create("T", {"_id": 2, "title": "b", "part": {"n": 1}})
        old.create_many("T", [{"_id": 3, "title": "c"}, {"_id": 4, "title": "d"}])
        old.create_many("T", {"_id": [5, 6], "title": ["e", "f"]})
        old.create("T", {"_id": 7, "title": "g"}, "all")
    with realmsync.Realm(path=path, schema=NEW) as new:
        assert _zeros(new) == [ZEROS] * 7
        assert new.object_for_primary_key("T", 2).part.s == ""


def test_a_schema_that_grows_while_the_realm_is_open(tmp_path: Path) -> None:
    path = tmp_path / "grows.realm"
    with realmsync.Realm(path=path, schema=OLD) as old:
        with old.write():
            old.create("T", {"_id": 1, "title": "a"})
        with realmsync.Realm(path=path, schema=NEW) as new:
            with old.write():
                old.create("T", {"_id": 2, "title": "b"})
            assert _zeros(new) == [ZEROS] * 2
