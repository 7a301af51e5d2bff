"""The schema of the recorded SDK conversations, and a realm of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync.inspect import decode_changeset

SDK_SCHEMA: list[dict[str, Any]] = [
    {
        "name": "Dog",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "name": "string",
            "age": "int?",
            "tags": "string[]",
            "scores": "int{}",
            "u": "int<>",
            "any": "mixed",
            "owner": "Person",
            "weight": "double?",
            "born": "date?",
            "raw": "data?",
            "uid": "uuid?",
            "oid": "objectId?",
            "money": "decimal128?",
            "f": "float?",
            "b": "bool?",
        },
    },
    {
        "name": "Person",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "name": "string",
            "dogs": "Dog[]",
            "addr": "Address",
            "pts": "int[]",
            "houses": "Address[]",
            "byName": "Dog{}",
        },
    },
    {"name": "Address", "embedded": True, "properties": {"street": "string?", "no": "int?"}},
]


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[realmsync.Realm]:
    with realmsync.Realm(path=tmp_path / "r.realm", schema=SDK_SCHEMA) as opened:
        yield opened


@pytest.fixture
def last() -> Callable[[realmsync.Realm], list[dict[str, Any]]]:
    """The instructions of the newest commit."""

    def instructions(realm: realmsync.Realm) -> list[dict[str, Any]]:
        return decode_changeset(realm._file.history()[-1]["changeset"])

    return instructions
