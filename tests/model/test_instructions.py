"""What local writes record: the recorded SDK's uploads re-created, and each row of
changeset-format.md section 11."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest

import realmsync
from realmsync import _testbed
from realmsync.inspect import decode_changeset, decode_message

Last = Callable[[realmsync.Realm], list[dict[str, Any]]]


def uploads(path: Path) -> list[list[dict[str, Any]]]:
    """The instructions of each changeset that the SDK uploaded."""
    result = []
    for line in path.read_text().splitlines():
        frame = json.loads(line)
        if frame["t"] != "c2s" or not bytes.fromhex(frame["hex"]).startswith(b"upload"):
            continue
        message = decode_message(bytes.fromhex(frame["hex"]), from_client=True)
        for entry in message["entries"]:
            changeset = entry["changeset"]
            result.append(
                decode_changeset(changeset) if isinstance(changeset, bytes) else changeset
            )
    return result


def ours(realm: realmsync.Realm) -> list[list[dict[str, Any]]]:
    return [
        decode_changeset(e["changeset"]) for e in _testbed.history(realm._file) if e["changeset"]
    ]


def test_first_open_and_writes_of_seed_page(realm: realmsync.Realm, vectors: Path) -> None:
    with realm.write():
        realm.create("Dog", {"_id": 1, "name": "Fido", "age": 2})
    with realm.write():
        realm.create("Dog", {"_id": 2, "name": "Maui", "age": 3})
    assert ours(realm) == uploads(vectors / "wire" / "seed_page.jsonl")


def test_every_write_of_all_types(realm: realmsync.Realm, vectors: Path) -> None:
    with realm.write():
        ann = realm.create(
            "Person",
            {
                "_id": 1,
                "name": "Ann",
                "addr": {"street": "S", "no": 1},
                "pts": [1, 2, 3],
                "houses": [{"street": "a", "no": 1}, {"street": "b", "no": 2}],
            },
        )
        dog = realm.create(
            "Dog",
            {
                "_id": 1,
                "name": "Ré 🐕",
                "age": -5,
                "tags": ["x", "", "y"],
                "scores": {"k": 1, "l": -2},
                "u": [3, 1, 2],
                "any": bson.ObjectId("64b7f0c2e1a2b3c4d5e6f708"),
                "owner": ann,
                "weight": 1.5e300,
                "born": datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, datetime.timezone.utc),
                "raw": b"\x00\x01\xff",
                "uid": uuid.UUID("3b241101-e2bb-4255-8caf-4136c566a962"),
                "oid": bson.ObjectId("64b7f0c2e1a2b3c4d5e6f709"),
                "money": bson.Decimal128("12345678901234567890.123456"),
                "f": 1.25,
                "b": True,
            },
        )
        ann.dogs.append(dog)
        ann.byName["one"] = dog
    with realm.write():
        dog.any = [1.0, "two", {"three": 3.0, "nested": [True, None]}]
        del dog.tags[1]
        dog.tags.append("z")
        dog.scores["k"] = 9
        del dog.scores["l"]
        dog.u.add(7)
        dog.u.discard(1)
        dog.age = None
    with realm.write():
        dog.any = {"a": 1.0, "b": {"c": [1.0, 2.0, {"d": "e"}]}}
        ann.addr = None
        del ann.pts[1]
        del ann.pts[0]
        ann.pts.insert(0, 42)
        del ann.houses[0]
        ann.addr = {"street": "new"}
    with realm.write():
        dog.any["b"]["c"].append("f")
        dog.any["b"]["c"][0] = 100.0
        dog.any["z"] = None
    recorded = uploads(vectors / "wire" / "all_types.jsonl")
    assert ours(realm) == recorded[: len(ours(realm))]
    assert len(ours(realm)) == 5


def make(realm: realmsync.Realm) -> tuple[Any, Any]:
    with realm.write():
        ann = realm.create("Person", {"_id": 1, "name": "Ann"})
        dog = realm.create("Dog", {"_id": 1, "name": "Rex", "owner": ann})
    return ann, dog


def short(instructions: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Operation, field, path and the rest that matters."""
    result = []
    for i in instructions:
        value = i.get("value")
        shown = value.get("v", value["t"]) if isinstance(value, dict) else value
        extra = i.get("prior_size", i.get("collection"))
        entry = (i["op"], i.get("field"), tuple(i.get("path", ())), shown, extra)
        result.append(entry + ((i["ndx_2"],) if "ndx_2" in i else ()))
    return result


def test_lists(realm: realmsync.Realm, last: Last) -> None:
    _, dog = make(realm)
    with realm.write():
        dog.tags.clear()  # empty: nothing
        dog.tags = ["a", "b"]
        dog.tags[1] = "c"
        dog.tags.append("d")
        dog.tags.move(0, 2)
        dog.tags.move(1, 1)
        del dog.tags[0]
        dog.tags = dog.tags  # itself: nothing
        dog.tags.clear()
    assert short(last(realm)) == [
        ("ArrayInsert", "tags", (0,), "a", 0),
        ("ArrayInsert", "tags", (1,), "b", 1),
        ("Update", "tags", (1,), "c", 2),
        ("ArrayInsert", "tags", (2,), "d", 2),
        ("ArrayMove", "tags", (0,), None, 3, 2),
        ("ArrayErase", "tags", (0,), None, 3),
        ("Clear", "tags", (), None, 1),
    ]


def test_embedded_objects(realm: realmsync.Realm, last: Last) -> None:
    ann, _ = make(realm)
    with realm.write():
        ann.addr = {"street": "a"}
        ann.addr = {"no": 1}
        ann.addr.street = "b"
        ann.houses.append({"no": 2})
        ann.houses[0] = {"no": 3}
        ann.houses[0].street = "c"
        realm.delete(ann.houses[0])
        realm.delete(ann.addr)
    assert short(last(realm)) == [
        ("Update", "addr", (), "object_value", None),
        ("Update", "addr", ("street",), "a", None),
        ("Update", "addr", (), "null", None),
        ("Update", "addr", (), "object_value", None),
        ("Update", "addr", ("no",), 1, None),
        ("Update", "addr", ("street",), "b", None),
        ("ArrayInsert", "houses", (0,), "object_value", 0),
        ("Update", "houses", (0, "no"), 2, None),
        ("ArrayErase", "houses", (0,), None, 1),
        ("ArrayInsert", "houses", (0,), "object_value", 0),
        ("Update", "houses", (0, "no"), 3, None),
        ("Update", "houses", (0, "street"), "c", None),
        ("ArrayErase", "houses", (0,), None, 1),
        ("Update", "addr", (), "null", None),
    ]
    assert ann.addr is None
    assert len(ann.houses) == 0


def test_dictionaries_and_sets(realm: realmsync.Realm, last: Last) -> None:
    _, dog = make(realm)
    with realm.write():
        dog.scores.clear()
        dog.scores["a"] = 1
        dog.scores["a"] = 2
        dog.scores.pop("missing", None)
        del dog.scores["a"]
        dog.u.clear()
        dog.u.add(1)
        dog.u.add(1)
        dog.u.discard(2)
        dog.u.remove(1)
        dog.u.add(3)
        dog.u.clear()
    assert short(last(realm)) == [
        ("Update", "scores", ("a",), 1, None),
        ("Update", "scores", ("a",), 2, None),
        ("Update", "scores", ("a",), "erased", None),
        ("SetInsert", "u", (), 1, None),
        ("SetErase", "u", (), 1, None),
        ("SetInsert", "u", (), 3, None),
        ("Clear", "u", (), None, 3),
    ]


def test_collections_in_mixed(realm: realmsync.Realm, last: Last) -> None:
    _, dog = make(realm)
    with realm.write():
        dog.any = []
        dog.any.clear()  # an empty one in a mixed value is cleared all the same
        dog.any.append({"k": 1})
        dog.any[0] = [2]
        dog.any = 3
    assert short(last(realm)) == [
        ("Update", "any", (), "list", None),
        ("Clear", "any", (), None, 1),
        ("Clear", "any", (), None, 1),
        ("ArrayInsert", "any", (0,), "dictionary", 0),
        ("Clear", "any", (0,), None, 2),
        ("Update", "any", (0, "k"), 1, None),
        ("Update", "any", (0,), "list", 1),
        ("Clear", "any", (0,), None, 1),
        ("ArrayInsert", "any", (0, 0), 2, 0),
        ("Update", "any", (), 3, None),
    ]


def test_deleting_takes_the_links_first(realm: realmsync.Realm, last: Last) -> None:
    ann, dog = make(realm)
    with realm.write():
        other = realm.create("Dog", {"_id": 2, "name": "Max", "any": [dog, 1]})
        ann.dogs.extend([dog, other, dog])
        ann.byName["one"] = dog
    with realm.write():
        realm.delete(dog)
    assert short(last(realm)) == [
        ("ArrayErase", "any", (0,), None, 2),
        ("ArrayErase", "dogs", (2,), None, 3),
        ("ArrayErase", "dogs", (0,), None, 2),
        ("Update", "byName", ("one",), "null", None),
        ("EraseObject", None, (), None, None),
    ]
    assert list(ann.dogs) == [other]
    assert ann.byName == {"one": None}
    assert not dog.is_valid
    with pytest.raises(realmsync.errors.InvalidatedObjectError), realm.write():
        dog.name = "ghost"


def test_upsert(realm: realmsync.Realm, last: Last) -> None:
    _, dog = make(realm)
    with realm.write():
        realm.create("Dog", {"_id": 1, "name": "Rex", "age": 4, "tags": []}, "modified")
    assert short(last(realm)) == [("Update", "age", (), 4, None)]
    with realm.write():
        realm.create("Dog", {"_id": 1, "name": "Rex"}, "all")
    assert short(last(realm)) == [("Update", "name", (), "Rex", None)]
    assert dog.age == 4


def test_defaults_are_marked(tmp_path: Path, last: Last) -> None:
    class Item(realmsync.Object):
        _id: int = realmsync.primary_key()
        a: int = 5
        b: str = realmsync.property(default=lambda: "made")

    with realmsync.Realm(path=tmp_path / "d.realm", schema=[Item]) as realm:
        with realm.write():
            realm.create(Item, {"_id": 1, "b": "given"})
        assert [(i["op"], i.get("is_default")) for i in last(realm)] == [
            ("CreateObject", None),
            ("Update", True),
            ("Update", False),
        ]


def test_a_failed_create_leaves_nothing(realm: realmsync.Realm, last: Last) -> None:
    bad = [
        ({"_id": 7, "name": 3}, TypeError),
        ({"_id": 7}, TypeError),
        ({"_id": 7, "name": "x", "tags": ["a", 1]}, TypeError),
        ({"_id": 7, "name": "x", "age": 2**63}, ValueError),
        ({"_id": 7, "name": "x", "any": [[{"a.b": 1}]]}, ValueError),
        ({"_id": 7, "name": "x", "owner": {"_id": 9, "name": "y", "dogs": 5}}, TypeError),
        ({"_id": True, "name": "x"}, TypeError),
        ({"name": "x"}, TypeError),
    ]
    with realm.write():
        for values, error in bad:
            with pytest.raises(error, match="Dog|Person"):
                realm.create("Dog", values)
        with pytest.raises(realmsync.errors.IllegalOperationError):
            realm.create("Address", {})
        assert len(realm.objects("Dog")) == 0
        assert len(realm.objects("Person")) == 0
        realm.create("Dog", {"_id": 8, "name": "ok"})
    assert short(last(realm)) == [
        ("CreateObject", None, (), None, None),
        ("Update", "name", (), "ok", None),
    ]
