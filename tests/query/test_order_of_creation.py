"""The order in which objects were created: what their hidden column says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from realmsync import Realm

SCHEMA = [
    {"name": "Task", "primaryKey": "_id", "properties": {"_id": "string", "rank": "int"}},
    {"name": "Note", "primaryKey": "_id", "properties": {"_id": "int", "text": "string"}},
    {"name": "Thing", "properties": {"text": "string"}},
]
LETTERS = "qwertyuiop"


def created(path: Path, cls: str = "Task", column: str = "_id") -> list[Any]:
    """The objects of a closed file by their numbers."""
    with closing(sqlite3.connect(path)) as db:
        return [v for (v,) in db.execute(f'SELECT {column} FROM {cls} ORDER BY "rs$n"')]


def add(realm: Realm, keys: str) -> None:
    with realm.write():
        for key in keys:
            realm.create("Task", {"_id": key, "rank": 0})


def test_over_transactions_and_openings(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    for part in (LETTERS[:3], LETTERS[3:5], LETTERS[5:]):
        with Realm(path=path, schema=SCHEMA) as realm:
            for key in part:
                add(realm, key)
    assert created(path) == list(LETTERS)


def test_within_one_transaction_of_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    with Realm(path=path, schema=SCHEMA) as realm, realm.write():
        realm.create_many("Note", [{"_id": i, "text": "row"} for i in (5, -3, 8)])
        realm.create_many("Note", {"_id": [1, 9], "text": ["column", "column"]})
        realm.create("Note", {"_id": -7, "text": ""})
        for text in LETTERS:
            realm.create("Thing", {"text": text})
    assert created(path, "Note") == [5, -3, 8, 1, 9, -7]
    assert created(path, "Thing", "text") == list(LETTERS)


def test_changes_do_not_move_an_object_and_a_new_one_of_its_key_stands_last(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    with Realm(path=path, schema=SCHEMA) as realm:
        add(realm, "cab")
        with realm.write():
            realm.create("Task", {"_id": "c", "rank": 7}, "all")
        with realm.write():
            realm.delete(realm.object_for_primary_key("Task", "a"))
        add(realm, "a")
    assert created(path) == ["c", "b", "a"]


def test_an_undone_transaction_gives_its_numbers_back(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    with Realm(path=path, schema=SCHEMA) as realm:
        add(realm, "z")
        with pytest.raises(ZeroDivisionError), realm.write():
            realm.create("Task", {"_id": "y", "rank": 0})
            _ = 1 // 0
        add(realm, "xa")
    assert created(path) == ["z", "x", "a"]


def test_a_file_without_the_column_gets_it_when_objects_are_created(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    with Realm(path=path, schema=SCHEMA) as realm:
        add(realm, "cab")
    with closing(sqlite3.connect(path)) as db:
        db.execute('ALTER TABLE Task DROP COLUMN "rs$n"')
        db.commit()
    with Realm(path=path, schema=SCHEMA) as realm:
        with pytest.raises(ZeroDivisionError), realm.write():
            realm.create("Task", {"_id": "y", "rank": 0})
            _ = 1 // 0
        add(realm, "zd")
    assert created(path)[-2:] == ["z", "d"]
    assert sorted(created(path)[:-2]) == ["a", "b", "c"]


def test_a_copy_goes_on_behind_what_was_copied(tmp_path: Path) -> None:
    with Realm(path=tmp_path / "a.realm", schema=SCHEMA) as realm:
        for key in LETTERS:
            add(realm, key)
        realm.write_copy_to(path=tmp_path / "b.realm")
    with Realm(path=tmp_path / "b.realm", schema=SCHEMA) as realm:
        add(realm, "a")
        realm.write_copy_to(path=tmp_path / "c.realm")
    with Realm(path=tmp_path / "c.realm", schema=SCHEMA) as realm:
        add(realm, "Z")
    assert created(tmp_path / "c.realm") == [*LETTERS, "a", "Z"]
