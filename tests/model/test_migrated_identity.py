"""Migrations that change primary keys, links to them, kinds of classes (data-model.md 15.5)."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from realmsync import MigrationOptions, Realm
from realmsync.errors import MigrationFailedError
from test_migrations import cls, dump, fill, migrated, path, plain, rows

__all__ = ["path"]  # a fixture

LENIENT = MigrationOptions(resolve_embedded_constraints=True)


def linked(path: Path, *, key: str | None, kind: str, keys: list[Any]) -> None:
    """Objects of a class, and links of every kind to them."""
    dog = cls("Dog", key, _id=kind, name="string")
    with Realm(path=path, schema=[dog, OWNER, BOX], schema_version=0) as realm, realm.write():
        dogs = [realm.create("Dog", {"_id": k, "name": f"dog {i}"}) for i, k in enumerate(keys)]
        realm.create(
            "Owner",
            {
                "_id": 1,
                "one": dogs[0],
                "many": [dogs[1], dogs[0], dogs[1]],
                "some": [dogs[2], dogs[0]],
                "named": {"a": dogs[1], "none": None},
                "any": dogs[2],
                "all": [dogs[0], 5, {"deep": [dogs[1]]}],
                "box": {"dog": dogs[2], "dogs": [dogs[0]]},
                "boxes": [{"dog": None, "dogs": [dogs[1], dogs[1]]}],
            },
        )
        realm.create("Owner", {"_id": 2})


OWNER = cls(
    "Owner",
    "_id",
    _id="int",
    one="Dog",
    many="Dog[]",
    some="Dog<>",
    named="Dog{}",
    any="mixed",
    all="mixed[]",
    box="Box",
    boxes="Box[]",
)
BOX = cls("Box", embedded=True, dog="Dog", dogs="Dog[]")


def names(value: Any) -> Any:
    """What links lead to, by the names of the dogs."""
    if value is None or isinstance(value, int | str):
        return value
    if hasattr(value, "name"):
        return value.name
    if hasattr(value, "dogs"):
        return {"dog": names(value.dog), "dogs": names(value.dogs)}
    if hasattr(value, "items"):
        return {k: names(v) for k, v in value.items()}
    found = [names(v) for v in value]
    return set(found) if type(value).__name__ == "Set" else found


LINKS = {
    "one": "dog 0",
    "many": ["dog 1", "dog 0", "dog 1"],
    "some": {"dog 2", "dog 0"},
    "named": {"a": "dog 1", "none": None},
    "any": "dog 2",
    "all": ["dog 0", 5, {"deep": ["dog 1"]}],
    "box": {"dog": "dog 2", "dogs": ["dog 0"]},
    "boxes": [{"dog": None, "dogs": ["dog 1", "dog 1"]}],
}


def require_links(realm: Realm) -> None:
    owner = realm.object_for_primary_key("Owner", 1)
    assert {name: names(getattr(owner, name)) for name in LINKS} == LINKS
    dog = owner.one
    assert [o._id for o in realm.objects("Owner").filtered("one == $0", dog)] == [1]
    assert [o._id for o in realm.objects("Owner").filtered("ANY many.name == 'dog 1'")] == [1]
    with realm.write():  # the links are those of the class
        owner.one = owner.many[0]
        owner.many.append(dog)
    assert owner.one.name == "dog 1" and owner.many[-1] == dog


KEYS: dict[str, list[Any]] = {
    "int": [3, -5, 7],
    "string": ["b", "", "a\0c"],
    "objectId": [ObjectId(), ObjectId("0" * 24), ObjectId()],
    "uuid": [uuid.uuid4(), uuid.UUID(int=0), uuid.uuid4()],
    "int?": [None, 0, 7],
    "string?": ["x", None, ""],
}


@pytest.mark.parametrize("was", [None, *KEYS])
@pytest.mark.parametrize("now", [None, *KEYS])
def test_another_primary_key(path: Path, was: str | None, now: str | None) -> None:
    linked(path, key=was and "_id", kind=was or "int", keys=KEYS[was or "int"])
    dog = cls("Dog", now and "_id", _id=now or was or "int", name="string")

    def callback(old: Realm, new: Realm) -> None:
        pairs = list(zip(old.objects("Dog"), new.objects("Dog"), strict=True))
        assert all(a.name == b.name for a, b in pairs)
        for _, changed in pairs:
            changed._id = KEYS[now or was or "int"][int(changed.name[-1])]

    with migrated(path, [dog, OWNER, BOX], callback) as realm:
        expected = {f"dog {i}": key for i, key in enumerate(KEYS[now or was or "int"])}
        assert {d.name: d._id for d in realm.objects("Dog")} == expected
        if now is not None:
            for name, key in expected.items():
                assert realm.object_for_primary_key("Dog", key).name == name
        require_links(realm)


def test_another_property_is_the_primary_key(path: Path) -> None:
    linked(path, key="_id", kind="int", keys=[1, 2, 3])
    with migrated(path, [cls("Dog", "name", _id="int", name="string"), OWNER, BOX]) as realm:
        assert realm.object_for_primary_key("Dog", "dog 1")._id == 2
        require_links(realm)


def test_a_renamed_primary_key(path: Path) -> None:
    linked(path, key="_id", kind="int", keys=[1, 2, 3])
    dog = cls("Dog", "number", number="int", name="string")
    with migrated(
        path, [dog, OWNER, BOX], lambda _, new: new.rename_property("Dog", "_id", "number")
    ) as realm:
        assert realm.object_for_primary_key("Dog", 2).name == "dog 1"
        require_links(realm)


def test_keys_that_change_places(path: Path) -> None:
    """They are compared at the end, not while the callback is about it."""
    linked(path, key="_id", kind="int", keys=[1, 2, 3])

    def callback(_old: Realm, new: Realm) -> None:
        for dog in new.objects("Dog"):
            dog._id = dog._id % 3 + 1
        new.create("Dog", {"_id": 10, "name": "new"})

    dog = cls("Dog", "_id", _id="int", name="string")
    with migrated(path, [dog, OWNER, BOX], callback) as realm:
        assert {d.name: d._id for d in realm.objects("Dog")} == {
            "dog 0": 2,
            "dog 1": 3,
            "dog 2": 1,
            "new": 10,
        }
        require_links(realm)


@pytest.mark.parametrize("was", ["_id", None])
def test_duplicate_keys(path: Path, was: str | None) -> None:
    fill(path, [cls("Dog", was, _id="int")], Dog=[{"_id": 1}, {"_id": 2}, {"_id": 3}])
    before = dump(path)

    def callback(_old: Realm, new: Realm) -> None:
        new.objects("Dog").filtered("_id == 3")[0]._id = 1

    text = r"^Primary key property 'Dog\._id' has duplicate values after migration\.$"
    with pytest.raises(MigrationFailedError, match=text) as raised:
        migrated(path, [cls("Dog", "_id", _id="int")], callback)
    assert raised.value.code == 2020
    assert dump(path) == before
    with pytest.raises(MigrationFailedError, match="'Dog.key' has duplicate values"):
        migrated(path, [cls("Dog", "key", _id="int", key="string")])  # all of them ""
    with migrated(path, [cls("Dog", "key", _id="int", key="string?")], fill_key) as realm:
        assert {d.key for d in realm.objects("Dog")} == {None, "2", "3"}


def fill_key(_old: Realm, new: Realm) -> None:
    for dog in new.objects("Dog"):
        dog.key = str(dog._id) if dog._id > 1 else None


def test_links_of_classes_that_are_not_in_the_schema(path: Path) -> None:
    linked(path, key="_id", kind="int", keys=[1, 2, 3])
    with migrated(path, [cls("Dog", "name", name="string")]) as realm:
        assert realm.object_for_primary_key("Dog", "dog 2") is not None
    dog = cls("Dog", "name", name="string")
    with Realm(path=path, schema=[dog, OWNER, BOX], schema_version=1) as realm:
        require_links(realm)


# Classes that become embedded.

PART = {"a": "int", "tags": "string[]", "inner": "Inner", "friend": "Friend"}
INNER = cls("Inner", embedded=True, x="int?")
FRIEND = cls("Friend", "_id", _id="int")


def holders(path: Path, part: Any, holder: Any, links: list[Any]) -> None:
    """Two parts, and holders that link to those with these numbers."""
    with (
        Realm(path=path, schema=[part, holder, INNER, FRIEND], schema_version=0) as realm,
        realm.write(),
    ):
        friend = realm.create("Friend", {"_id": 7})
        parts = [
            realm.create(
                "Part", {"_id": i, "a": i, "tags": ["t"], "inner": {"x": i}, "friend": friend}
            )
            for i in range(3)
        ]

        def linked(value: Any) -> Any:
            if isinstance(value, list):
                return [parts[i] for i in value]
            if isinstance(value, dict):
                return {k: None if i is None else parts[i] for k, i in value.items()}
            return parts[value] if value is not None else None

        for i, value in enumerate(links):
            realm.create("Holder", {"_id": i, "part": linked(value)})
        for unused in parts[2:]:
            realm.delete(unused)


def part_of(number: int) -> dict[str, Any]:
    return {"a": number, "tags": ["t"], "inner": {"x": number}, "friend": "<Friend 7>"}


WAS = cls("Part", "_id", _id="int", **PART)
NOW = cls("Part", embedded=True, **PART)


@pytest.mark.parametrize(
    "kind, links, expected",
    [
        ("Part", [0, 1, None], [part_of(0), part_of(1), None]),
        ("Part[]", [[1, 0], []], [[part_of(1), part_of(0)], []]),
        ("Part{}", [{"a": 1, "b": 0, "c": None}], [{"a": part_of(1), "b": part_of(0), "c": None}]),
    ],
)
@pytest.mark.parametrize("key", ["_id", None])
def test_a_class_becomes_embedded(
    path: Path, kind: str, links: list[Any], expected: list[Any], key: str | None
) -> None:
    holder = cls("Holder", "_id", _id="int", part=kind)
    holders(path, cls("Part", key, _id="int", **PART), holder, links)

    def callback(old: Realm, new: Realm) -> None:
        assert len(old.objects("Part")) == len(new.objects("Part")) == 2
        assert {p.a for p in new.objects("Part")} == {0, 1}

    with migrated(path, [NOW, holder, INNER, FRIEND], callback) as realm:
        assert [h["part"] for h in rows(realm, "Holder")] == expected
        with realm.write():
            realm.create("Holder", {"_id": 100})
            realm.delete(realm.objects("Holder")[0])
        assert len(realm.objects("Holder")) == len(links)
    with Realm(path=path) as realm:
        assert next(c for c in realm.schema if c["name"] == "Part")["embedded"]


@pytest.mark.parametrize(
    "links, text, expected",
    [
        ([0], "has no incoming links and would be deleted", [part_of(0)]),
        ([None], "has no incoming links and would be deleted", [None]),
        ([0, 1, 0], "has more than one incoming link", [part_of(0), part_of(1), part_of(0)]),
    ],
)
def test_objects_that_cannot_be_embedded(
    path: Path, links: list[Any], text: str, expected: list[Any]
) -> None:
    holder = cls("Holder", "_id", _id="int", part="Part")
    holders(path, WAS, holder, links)
    before = dump(path)
    with pytest.raises(
        MigrationFailedError, match=rf"^Cannot convert 'Part' to embedded: .*{text}"
    ):
        migrated(path, [NOW, holder, INNER, FRIEND])
    assert dump(path) == before
    with migrated(path, [NOW, holder, INNER, FRIEND], migration_options=LENIENT) as realm:
        assert [h["part"] for h in rows(realm, "Holder")] == expected


def test_the_callback_gives_each_object_its_owner(path: Path) -> None:
    holder = cls("Holder", "_id", _id="int", part="Part")
    holders(path, WAS, holder, [0, 0])

    def callback(_old: Realm, new: Realm) -> None:
        new.objects("Holder")[1].part = new.objects("Part").filtered("a == 1")[0]

    with migrated(path, [NOW, holder, INNER, FRIEND], callback) as realm:
        assert [h["part"] for h in rows(realm, "Holder")] == [part_of(0), part_of(1)]


def test_links_in_mixed_values_cannot_be_embedded(path: Path) -> None:
    holder = cls("Holder", "_id", _id="int", part="Part", any="mixed[]")
    holders(path, WAS, holder, [0, 1])
    schema = [WAS, holder, INNER, FRIEND]
    with Realm(path=path, schema=schema, schema_version=0) as realm, realm.write():
        realm.objects("Holder")[0].any = [realm.objects("Part")[0]]
    text = "there is an incoming link from the Mixed property 'Holder.any'"
    with pytest.raises(MigrationFailedError, match=text):
        migrated(path, [NOW, holder, INNER, FRIEND], migration_options=LENIENT)


def test_embedded_in_what_becomes_embedded(path: Path) -> None:
    leaf, node = {"x": "int"}, {"leaf": "Leaf", "n": "int"}
    root = cls("Root", "_id", _id="int", node="Node")
    with (
        Realm(
            path=path, schema=[cls("Leaf", **leaf), cls("Node", **node), root], schema_version=0
        ) as realm,
        realm.write(),
    ):
        realm.create("Root", {"_id": 1, "node": {"n": 2, "leaf": {"x": 3}}})
    now = [cls("Leaf", embedded=True, **leaf), cls("Node", embedded=True, **node), root]
    with migrated(path, now) as realm:
        assert rows(realm, "Root") == [{"_id": 1, "node": {"n": 2, "leaf": {"x": 3}}}]


@pytest.mark.parametrize("key", [None, "a"])
def test_an_embedded_class_gets_rows_of_its_own(path: Path, key: str | None) -> None:
    root = cls("Root", "_id", _id="int", one="Part", many="Part[]", named="Part{}")
    properties = {"a": "int", "inner": "Inner"}

    def value(n: int) -> dict[str, Any]:
        return {"a": n, "inner": {"x": n}}

    fill(
        path,
        [root, cls("Part", embedded=True, **properties), INNER],
        Root=[
            {"_id": 1, "one": value(1), "many": [value(2), value(3)], "named": {"k": value(4)}},
            {"_id": 2, "many": [value(5)]},
        ],
    )

    def callback(_old: Realm, new: Realm) -> None:
        assert sorted(p.a for p in new.objects("Part")) == [1, 2, 3, 4, 5]
        new.objects("Root")[0].one.a = 10

    with migrated(path, [root, cls("Part", key, **properties), INNER], callback) as realm:
        first, second = realm.objects("Root")
        assert [plain(p.inner) for p in first.many] == [{"x": 2}, {"x": 3}]
        assert (first.one.a, first.named["k"].a, second.many[0].a) == (10, 4, 5)
        assert second.one is None and len(realm.objects("Part")) == 5
        if key is not None:
            assert realm.object_for_primary_key("Part", 10) == first.one
