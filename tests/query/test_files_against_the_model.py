"""Queries over files select what the naive model selects, for texts made at random.

Regions are left out, and arguments that nobody can make: links to what does not exist.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from query.query_generator import Generator
from query.recorded_queries import QUERIES, dataset, outcome
from realmsync import Realm
from recorded_realm import RecordedRealm
from recorded_values import decode


def test_random_texts_over_files(tmp_path: Path, scale: int) -> None:
    data = dataset()
    recorded = RecordedRealm(json.loads((QUERIES / "dataset.json").read_text()), tmp_path)
    generator = Generator(data, 17)
    asked = 0
    with recorded.open() as realm:
        while asked < 500 * scale:
            made = generator.text()
            expected = outcome(data, made.record())
            if "geoWithin" in made.text or "link" in str(made.arguments) or expected.kind:
                continue
            asked += 1
            arguments = (decode(a, no_object) for a in made.arguments)
            found = realm.objects(made.class_name).filtered(made.text, *arguments)
            assert [recorded.key_of(item) for item in found] == expected.keys, made


def no_object(name: str, key: Any) -> Any:
    """No argument is a link."""
    raise AssertionError(f"{name} {key}")


def test_property_named_true(tmp_path: Path) -> None:
    """SQLite takes the word TRUE for the column, if there is one."""
    schema = [{"name": "Odd", "properties": {"_id": "int", "True": "int?"}, "primaryKey": "_id"}]
    with Realm(path=tmp_path / "odd.realm", schema=schema) as realm:
        with realm.write():
            for key in range(3):
                realm.create("Odd", {"_id": key, "True": key or None})
        found = realm.objects("Odd").filtered("_id != 7 AND NOT True == 2")
        assert [item._id for item in found] == [0, 1]
