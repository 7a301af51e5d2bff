"""Migrations of local realms, row by row of data-model.md 15.5."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync import Configuration, Realm
from realmsync.errors import (
    ArgumentTypeError,
    ClosedRealmError,
    IllegalOperationError,
    InvalidArgumentError,
    InvalidSchemaChangeError,
    MigrationFailedError,
    NoSuchTableError,
    PropertyTypeError,
    RealmError,
    SchemaMismatchError,
    WrongTransactionStateError,
)

Callback = Callable[[Realm, Realm], object]


def cls(name: str, key: str | None = None, /, *, embedded: bool = False, **properties: Any) -> Any:
    declared = {"name": name, "properties": properties, "embedded": embedded}
    return declared if key is None else {**declared, "primaryKey": key}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.realm"


def fill(path: Path, schema: list[Any], version: int = 0, **objects: list[dict[str, Any]]) -> None:
    with Realm(path=path, schema=schema, schema_version=version) as realm, realm.write():
        for name, values in objects.items():
            for each in values:
                realm.create(name, each)


def migrated(
    path: Path, schema: list[Any], callback: Callback | None = None, version: int = 1, **more: Any
) -> Realm:
    return Realm(path=path, schema=schema, schema_version=version, on_migration=callback, **more)


def plain(value: Any) -> Any:
    """A value of a realm as Python's own; objects by their properties, links by their keys."""
    if isinstance(value, realmsync.Object):
        return f"<{type(value).__name__} {value._key}>"
    if isinstance(value, realmsync.EmbeddedObject):
        return {name: plain(item) for name, item in value.to_dict().items()}
    if isinstance(value, realmsync.Dictionary):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, realmsync.List):
        return [plain(item) for item in value]
    if isinstance(value, realmsync.Set):
        return {plain(item) for item in value}
    return value


def rows(realm: Realm, name: str) -> list[dict[str, Any]]:
    return [{n: plain(v) for n, v in o.to_dict().items()} for o in realm.objects(name)]


def dump(path: Path) -> list[str]:
    """All that the file holds."""
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


PERSON = cls("Person", "_id", _id="int", name="string", age="int?", ratio="double")
BOB = {"_id": 1, "name": "Bob", "age": 40, "ratio": 0.5}
EVE = {"_id": 2, "name": "Eve", "age": None, "ratio": 1.5}


# When it is called, and with what.


def test_when_the_callback_is_called(path: Path) -> None:
    calls: list[tuple[int, int]] = []

    def callback(old: Realm, new: Realm) -> None:
        calls.append((old.schema_version, new.schema_version))

    migrated(path, [PERSON], callback, 3).close()  # created
    migrated(path, [PERSON], callback, 3).close()
    assert not calls
    migrated(path, [PERSON], callback, 7).close()  # without a difference
    assert calls == [(3, 7)]
    with migrated(path, [PERSON], callback, 7) as realm:
        assert calls == [(3, 7)] and realm.schema_version == 7


def test_a_file_that_was_filled_without_a_version_has_0(path: Path) -> None:
    Realm(path=path, schema=[PERSON]).close()
    calls = []
    migrated(path, [PERSON], lambda old, new: calls.append(old.schema_version)).close()
    assert calls == [0] and Realm.get_schema_version(path) == 1


def test_the_two_realms(path: Path) -> None:
    fill(path, [PERSON], Person=[BOB, EVE])
    kept: list[Any] = []

    class Person(realmsync.Object):
        _id: int = realmsync.primary_key()
        full_name: str
        age: int | None

    def callback(old: Realm, new: Realm) -> None:
        kept.extend([old, new, old.objects("Person")[0], new.objects("Person")[0]])
        assert [c["name"] for c in old.schema] == ["Person"]
        assert set(old.schema[0]["properties"]) == {"_id", "name", "age", "ratio"}
        assert set(new.schema[0]["properties"]) == {"_id", "full_name", "age"}
        assert new.is_in_migration and not old.is_in_migration
        assert new.is_in_transaction and not old.is_in_transaction
        assert len(old.objects(Person)) == len(new.objects(Person)) == 2
        for was, now in zip(old.objects("Person"), new.objects(Person), strict=True):
            assert now.full_name == ""
            now.full_name = f"{was.name} {was.ratio}"
            assert was._id == now._id
        assert new.create(Person, {"_id": 9, "full_name": "Zoe", "age": 1}).age == 1
        assert old.object_for_primary_key("Person", 9) is None
        assert new.objects(Person).filtered("full_name BEGINSWITH 'Z'")[0]._id == 9
        with pytest.raises(WrongTransactionStateError):
            old.begin_transaction()
        with pytest.raises(WrongTransactionStateError):
            old.objects("Person")[0].age = 5
        for end in (new.commit_transaction, new.cancel_transaction, new.begin_transaction):
            with pytest.raises(WrongTransactionStateError):
                end()

    with migrated(path, [Person], callback) as realm:
        assert not realm.is_in_migration
        assert rows(realm, "Person") == [
            {"_id": 1, "full_name": "Bob 0.5", "age": 40},
            {"_id": 2, "full_name": "Eve 1.5", "age": None},
            {"_id": 9, "full_name": "Zoe", "age": 1},
        ]
        assert isinstance(realm.objects(Person)[0], Person)
    old, new, was, now = kept
    assert old.is_closed and new.is_closed and not was.is_valid and not now.is_valid
    with pytest.raises(ClosedRealmError):
        old.objects("Person")
    with pytest.raises(ClosedRealmError):
        now.full_name = "x"


# Properties.


@pytest.mark.parametrize(
    "was, value, now, expected",
    [
        ("int", 5, "int?", 5),
        ("string", "a", "string?", "a"),
        ("int?", 5, "int", 0),  # all values are discarded, not the missing ones alone
        ("string?", None, "string", ""),
        ("int", 5, "string", ""),
        ("int", 5, "int[]", []),
        ("int[]", [1, 2], "int", 0),
        ("int[]", [1, 2], "int<>", set()),
        ("int[]", [1, 2], "int?[]", [1, 2]),
        ("int?[]", [1, None], "int[]", []),
        ("string{}", {"a": "b"}, "string?{}", {"a": "b"}),
        ("mixed", "a", "string", ""),
        ("string", "a", "mixed", None),
        ("double", float("-inf"), "double?", float("-inf")),
        ("bool", True, "bool", True),
        ("Part", {"a": 1, "b": "x"}, "Part[]", []),
        ("Part[]", [{"a": 1, "b": "x"}], "Part[]", [{"a": 1, "b": "x"}]),
    ],
)
@pytest.mark.parametrize("holder", ["top-level", "embedded", "keyless"])
def test_what_becomes_of_a_value(
    path: Path, was: Any, value: Any, now: Any, expected: Any, holder: str
) -> None:
    part = cls("Part", embedded=True, a="int", b="string")

    def schema(kind: Any) -> list[Any]:
        if holder == "embedded":
            inner = cls("Inner", embedded=True, p=kind, beside="int?", more="string")
            return [cls("Top", "_id", _id="int", inner="Inner"), inner, part]
        key = None if holder == "keyless" else "_id"
        return [cls("Top", key, _id="int", p=kind, beside="int?", more="string"), part]

    values = {"p": value, "beside": 7, "more": "m"}
    top = {"_id": 1, "inner": values} if holder == "embedded" else {"_id": 1, **values}
    fill(path, schema(was), Top=[top])
    if was == now:
        migrated(path, schema(now)).close()
    else:
        with pytest.raises(SchemaMismatchError):
            migrated(path, schema(now), version=0)
        migrated(path, schema(now)).close()
    with Realm(path=path, schema=schema(now), schema_version=1) as realm:
        found = rows(realm, "Top")[0]
        found = found["inner"] if holder == "embedded" else found
        assert found["p"] == expected and (found["beside"], found["more"]) == (7, "m")


def test_a_property_that_was_never_written_keeps_its_zero(path: Path) -> None:
    """Made optional, it is 0 still and not None."""
    inner = cls("Inner", embedded=True, a="int")
    fill(path, [cls("Top", "_id", _id="int", i="Inner"), inner], Top=[{"_id": 1, "i": {"a": 1}}])
    more = cls("Inner", embedded=True, a="int", b="int")
    migrated(path, [cls("Top", "_id", _id="int", i="Inner"), more]).close()
    optional = cls("Inner", embedded=True, a="int", b="int?")
    with migrated(path, [cls("Top", "_id", _id="int", i="Inner"), optional], version=2) as realm:
        assert rows(realm, "Top")[0]["i"] == {"a": 1, "b": 0}


def test_a_removed_property_does_not_come_back(path: Path) -> None:
    inner = cls("Inner", embedded=True, a="int", b="int")
    less = cls("Inner", embedded=True, a="int")
    top, bare = cls("Top", x="int", i="Inner"), cls("Top", i="Inner")
    fill(path, [top, inner], Top=[{"x": 5, "i": {"a": 1, "b": 2}}])
    migrated(path, [bare, less]).close()
    with migrated(path, [top, inner], version=2) as realm:
        assert rows(realm, "Top") == [{"x": 0, "i": {"a": 1, "b": 0}}]


def test_additions_alone_leave_the_history_whole(path: Path) -> None:
    """The file may begin to synchronise."""
    fill(path, [PERSON], Person=[BOB])

    def callback(old: Realm, new: Realm) -> None:
        new.objects("Person")[0].nick = "B"

    more = cls("Person", "_id", **PERSON["properties"], nick="string")
    with migrated(path, [more, cls("Other", a="int")], callback) as realm:
        assert realm.objects("Person")[0].nick == "B"
        realm._file.partition()
    with migrated(path, [PERSON], version=2) as realm:
        with pytest.raises(IllegalOperationError, match="has left sync"):
            realm._file.partition()
        realm.write_copy_to(path=path.with_name("copy.realm"))
    with Realm(path=path.with_name("copy.realm"), schema=[PERSON], schema_version=2) as copy:
        assert rows(copy, "Person") == [BOB]


def test_indexes_stay_right(path: Path) -> None:
    indexed = {"type": "string", "indexed": True}
    text = {"type": "string", "indexed": "full-text"}
    fill(
        path,
        [cls("A", "_id", _id="int", i=indexed, t=text, gone="int")],
        A=[{"_id": n, "i": f"v{n % 3}", "t": f"word{n} all", "gone": n} for n in range(9)],
    )
    with migrated(path, [cls("A", "_id", _id="int", i=indexed, t=text, new="int")]) as realm:
        assert [a._id for a in realm.objects("A").filtered("i == 'v1'")] == [1, 4, 7]
        assert [a._id for a in realm.objects("A").filtered("t TEXT 'word5'")] == [5]
        with realm.write():
            realm.create("A", {"_id": 10, "i": "v1", "t": "word5 too", "new": 1})
        assert len(realm.objects("A").filtered("t TEXT 'word5'")) == 2
        properties = realm.schema[0]["properties"]
        assert properties["i"]["indexed"] is True
    with closing(sqlite3.connect(path)) as db:
        names = {n for (n,) in db.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'rs$%'")}
        assert names == {"rs$index A.i"}
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_order_of_creation_stays(path: Path) -> None:
    fill(path, [PERSON], Person=[{**BOB, "_id": n} for n in (5, 1, 9, 3)])
    less = cls("Person", "_id", _id="int", name="string")
    with migrated(path, [less]) as realm:
        found = realm.objects("Person").filtered("TRUEPREDICATE")
        assert [p._id for p in found] == [5, 1, 9, 3]


# Renaming.


@pytest.mark.parametrize("was, now", [("int", "int"), ("int", "int?"), ("Part", "Part")])
def test_renaming(path: Path, was: str, now: str) -> None:
    part = cls("Part", embedded=True, a="int")
    value = {"a": 5} if was == "Part" else 5
    fill(path, [cls("Top", "_id", _id="int", x=was), part], Top=[{"_id": 1, "x": value}])

    def callback(old: Realm, new: Realm) -> None:
        new.rename_property("Top", "x", "y")
        assert plain(new.objects("Top")[0].y) == value
        assert plain(old.objects("Top")[0].x) == value

    with migrated(path, [cls("Top", "_id", _id="int", y=now), part], callback) as realm:
        assert rows(realm, "Top") == [{"_id": 1, "y": value}]


def test_renaming_in_embedded_objects(path: Path) -> None:
    top = cls("Top", "_id", _id="int", list="Part[]")
    before = {"_id": 1, "list": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}
    fill(path, [top, cls("Part", embedded=True, a="int", b="string")], Top=[before])

    def callback(_old: Realm, new: Realm) -> None:
        new.rename_property("Part", "a", "c")

    now = cls("Part", embedded=True, c="int", b="string")
    with migrated(path, [top, now], callback) as realm:
        assert rows(realm, "Top")[0]["list"] == [{"c": 1, "b": "x"}, {"c": 2, "b": "y"}]


@pytest.mark.parametrize(
    "names, error, what",
    [
        (("Top", "z", "new"), IllegalOperationError, "'Top.z' to 'new': it does not exist"),
        (("Top", "a", "z"), IllegalOperationError, "the new schema has no such property"),
        (("Top", "_id", "new"), IllegalOperationError, "it is in the new schema, too"),
        (("Top", "s", "new"), IllegalOperationError, "not of the same type"),
        (("Top", "l", "new"), IllegalOperationError, "not of the same type"),
        (("Top", "o", "new"), IllegalOperationError, "from optional to required"),
        (("Pot", "a", "new"), NoSuchTableError, "'Pot' not found"),
        (("Top", "a", 5), ArgumentTypeError, "'new_name' to be a str"),
    ],
)
def test_renaming_that_is_refused(
    path: Path, names: tuple[Any, ...], error: type[Exception], what: str
) -> None:
    fill(
        path,
        [cls("Top", "_id", _id="int", a="int", s="string", l="int[]", o="int?")],
        Top=[{"_id": 1, "a": 5, "s": "", "l": [], "o": 5}],
    )

    def callback(_old: Realm, new: Realm) -> None:
        with pytest.raises(error, match=what):
            new.rename_property(*names)
        new.rename_property("Top", "a", "new")  # goes on

    with migrated(path, [cls("Top", "_id", _id="int", new="int")], callback) as realm:
        assert rows(realm, "Top") == [{"_id": 1, "new": 5}]
        with pytest.raises(IllegalOperationError, match="renamed in on_migration"):
            realm.rename_property("Top", "new", "newer")


# Deleting classes.


def test_classes_that_are_not_in_the_schema_stay(path: Path) -> None:
    fill(path, [PERSON, cls("Cat", a="int")], Person=[BOB], Cat=[{"a": 1}])
    migrated(path, [PERSON]).close()
    with migrated(path, [PERSON, cls("Cat", a="int")]) as realm:
        assert rows(realm, "Cat") == [{"a": 1}]


def test_deleting_a_class(path: Path) -> None:
    cat = cls("Cat", a="int")
    holder = cls("Holder", "_id", _id="int", cat="Cat", any="mixed", all="mixed[]")
    with Realm(path=path, schema=[PERSON, cat, holder], schema_version=0) as realm, realm.write():
        tom = realm.create("Cat", {"a": 1})
        realm.create("Holder", {"_id": 1, "cat": tom, "any": tom, "all": [1, tom, [tom]]})

    def callback(old: Realm, new: Realm) -> None:
        with pytest.raises(IllegalOperationError, match="is in the schema"):
            new.delete_model("Holder")
        with pytest.raises(NoSuchTableError, match="Did you mean 'Cat'"):
            new.delete_model("Cot")
        new.delete_model("Cat")
        new.delete_model("Cat")
        assert rows(old, "Cat") == [{"a": 1}]

    now = cls("Holder", "_id", _id="int", any="mixed", all="mixed[]")
    with migrated(path, [PERSON, now], callback) as realm:
        assert rows(realm, "Holder") == [{"_id": 1, "any": None, "all": [1, None, [None]]}]
    with Realm(path=path) as realm:
        assert [c["name"] for c in realm.schema] == ["Holder", "Person"]


def test_deleting_a_class_that_others_link_to(path: Path) -> None:
    holder = cls("Holder", "_id", _id="int", cat="Cat")
    fill(path, [PERSON, cls("Cat", a="int"), holder], Cat=[{"a": 1}])
    with pytest.raises(MigrationFailedError, match=r"'Cat' cannot be deleted: 'Holder\.cat' links"):
        migrated(path, [PERSON], lambda _, new: new.delete_model("Cat"))
    with migrated(path, [PERSON], version=0) as realm, realm.write():
        with pytest.raises(MigrationFailedError, match="'Holder.cat' links to it"):
            realm.delete_model("Cat")
        realm.delete_model("Holder")
        realm.delete_model("Cat")
        with pytest.raises(NoSuchTableError):
            realm.delete_model("Cat")
    with Realm(path=path) as realm:
        assert [c["name"] for c in realm.schema] == ["Person"]
        with pytest.raises(IllegalOperationError, match="is in the schema"):
            realm.delete_model("Person")


# What fails.


class Stop(Exception):
    pass


def test_an_exception_undoes_everything(path: Path) -> None:
    fill(path, [PERSON, cls("Cat", a="int")], Person=[BOB, EVE], Cat=[{"a": 1}])
    before = dump(path)

    def callback(_old: Realm, new: Realm) -> None:
        new.rename_property("Person", "name", "title")
        new.delete_model("Cat")
        new.objects("Person")[0].title = "x"
        new.objects("Person")[0]._id = 77
        new.delete(new.objects("Person")[1])
        raise Stop

    now = cls("Person", "_id", _id="int", title="string", age="string")
    with pytest.raises(Stop):
        migrated(path, [now], callback)
    assert dump(path) == before
    with migrated(path, [PERSON], version=0) as realm:
        assert rows(realm, "Person") == [BOB, EVE]
    migrated(path, [now]).close()  # and it can be tried again


def test_without_a_callback(path: Path) -> None:
    fill(path, [PERSON], Person=[BOB])
    with migrated(path, [cls("Person", "_id", _id="int", name="int", new="string")]) as realm:
        assert rows(realm, "Person") == [{"_id": 1, "name": 0, "new": ""}]


async def test_beside_an_event_loop(path: Path) -> None:
    """The loop runs on, and the callback is on a thread of its own."""
    fill(path, [PERSON], Person=[BOB])
    seen = threading.Event()

    def callback(_old: Realm, new: Realm) -> None:
        assert threading.current_thread() is not threading.main_thread()
        assert seen.wait(30)  # the loop is not blocked
        new.objects("Person")[0].name = "new"

    less = cls("Person", "_id", _id="int", name="string")
    opening = asyncio.create_task(_open(path, [less], callback))
    await asyncio.sleep(0)
    seen.set()
    async with await opening as realm:
        assert rows(realm, "Person") == [{"_id": 1, "name": "new"}]
        with realm.write():
            realm.objects("Person")[0].name = "newer"


async def _open(path: Path, schema: list[Any], callback: Callback) -> Realm:
    return await Realm.open(path=path, schema=schema, schema_version=1, on_migration=callback)


async def test_an_exception_beside_an_event_loop(path: Path) -> None:
    fill(path, [PERSON], Person=[BOB])
    before = dump(path)

    def callback(_old: Realm, _new: Realm) -> None:
        raise Stop

    with pytest.raises(Stop):
        await _open(path, [cls("Person", "_id", _id="int")], callback)
    assert dump(path) == before


# Who has it open.


def test_a_realm_of_the_old_version_is_open(path: Path) -> None:
    fill(path, [PERSON], Person=[BOB])
    with (
        migrated(path, [PERSON], version=0),
        pytest.raises(realmsync.MismatchedConfigError, match="different schema version"),
    ):
        migrated(path, [cls("Person", "_id", _id="int")])
    migrated(path, [cls("Person", "_id", _id="int")]).close()


def test_a_realm_without_a_schema_sees_what_was_done(path: Path) -> None:
    fill(path, [PERSON, cls("Cat", a="int")], Person=[BOB], Cat=[{"a": 1}])
    with Realm(path=path) as dynamic:
        bob = dynamic.objects("Person")[0]
        assert bob.name == "Bob"
        migrated(path, [cls("Person", "_id", _id="int", name="int", age="int?")]).close()
        text = "Unsupported schema changes were made by another client or process:"
        with pytest.raises(InvalidSchemaChangeError, match=text) as raised:
            _ = bob.name
        assert "- Property 'Person.name' has been changed from 'string' to 'int'." in str(
            raised.value
        )
        assert "- Property 'Person.ratio' has been removed." in str(raised.value)
        with pytest.raises(InvalidSchemaChangeError), dynamic.write():
            bob.name = "x"
    with Realm(path=path) as realm:
        assert rows(realm, "Person") == [{"_id": 1, "name": 0, "age": 40}]


# Configurations.


@pytest.mark.parametrize(
    "fields, error, what",
    [
        ({"on_migration": 5}, ArgumentTypeError, "'on_migration' to be a function"),
        ({"on_migration": asyncio.sleep}, InvalidArgumentError, "cannot be asynchronous"),
        ({"on_migration": print}, InvalidArgumentError, "never called without 'schema_version'"),
        (
            {"on_migration": print, "schema_version": 1, "schema": None},
            InvalidArgumentError,
            "never called without 'schema'",
        ),
        (
            {"on_migration": print, "schema_version": 1, "delete_realm_if_migration_needed": True},
            InvalidArgumentError,
            "options 'on_migration' and 'delete_realm_if_migration_needed' cannot both be defined",
        ),
        ({"delete_realm_if_migration_needed": 1}, ArgumentTypeError, "to be a bool"),
        ({"migration_options": 1}, ArgumentTypeError, "to be MigrationOptions"),
        ({"migration_options": {"resolve": True}}, InvalidArgumentError, "'resolve'"),
        (
            {"migration_options": {"resolve_embedded_constraints": 1}},
            ArgumentTypeError,
            "'resolve_embedded_constraints' to be a bool",
        ),
    ],
)
def test_configurations_that_are_refused(
    path: Path, fields: dict[str, Any], error: type[RealmError], what: str
) -> None:
    config = {"path": path, "schema": [PERSON], **fields}
    with pytest.raises(error, match=what):
        Realm(config)
    with pytest.raises(error, match=what):
        Realm(Configuration(**config))
    assert not path.exists()


# Emptied instead.


@pytest.mark.parametrize("version, is_emptied", [(0, True), (1, False), (2, True), (None, False)])
def test_emptied_where_it_would_be_migrated(
    path: Path, version: int | None, is_emptied: bool
) -> None:
    fill(path, [PERSON, cls("Cat", a="int")], 1, Person=[BOB])
    anew = {"path": path, "schema_version": version, "delete_realm_if_migration_needed": True}
    with Realm(schema=[PERSON], **anew) as realm:
        assert rows(realm, "Person") == ([] if is_emptied else [BOB])
        assert realm.schema_version == (1 if version is None else version)
    with Realm(path=path) as realm:
        assert len(realm.schema) == (1 if is_emptied else 2)
    with Realm(schema=[cls("Person", a="int")], **anew) as realm:
        assert rows(realm, "Person") == []
        realm._file.partition()  # as new: it may be synchronised
        with realm.write():
            realm.create("Person", {"a": 1})
    with Realm(schema=[cls("Person", a="int"), PERSON | {"name": "More"}], **anew) as realm:
        assert rows(realm, "Person") == [{"a": 1}]  # a class more needs no migration


def test_emptied_beside_others(path: Path) -> None:
    fill(path, [PERSON], 1, Person=[BOB])
    anew = {"path": path, "schema_version": 1, "delete_realm_if_migration_needed": True}
    with Realm(schema=[PERSON], **anew) as realm:
        bob = realm.objects("Person")[0]
        with Realm(schema=[cls("Person", "_id", _id="int")], **anew) as other:
            assert len(other.objects("Person")) == 0
        with pytest.raises(InvalidSchemaChangeError):
            _ = bob.name


def test_values_that_cannot_be_keys(path: Path) -> None:
    fill(path, [PERSON], Person=[BOB])

    def callback(_old: Realm, new: Realm) -> None:
        bob = new.objects("Person")[0]
        with pytest.raises(PropertyTypeError):
            bob._id = "x"
        assert bob._id == 1
        bob._id = 5
        assert bob._id == 5 and new.object_for_primary_key("Person", 1) == bob

    with migrated(path, [PERSON], callback) as realm:
        assert [p._id for p in realm.objects("Person")] == [5]
        with pytest.raises(realmsync.ModifyPrimaryKeyError), realm.write():
            realm.objects("Person")[0]._id = 6


def test_files_of_sync_are_not_migrated(path: Path) -> None:
    """Not even by those who open them without sync."""
    Realm(path=path, schema=[PERSON]).close()
    with Realm(path=path) as realm:
        realm._file.claim_partition('"p"')
    before = dump(path)
    less = cls("Person", "_id", _id="int")
    for fields in ({"schema_version": 1}, {"delete_realm_if_migration_needed": True}):
        with pytest.raises(IllegalOperationError, match="is synchronised: classes and properties"):
            Realm(path=path, schema=[less], **fields)
    assert dump(path) == before
    with Realm(path=path, schema=[cls("Cat", a="int")]) as realm:
        realm.begin_transaction()
        with pytest.raises(IllegalOperationError, match="is synchronised"):
            realm.delete_model("Person")
        realm.cancel_transaction()
    with Realm(path=path) as realm:
        assert [c["name"] for c in realm.schema] == ["Cat", "Person"]


@pytest.mark.parametrize(
    "name, value",
    [
        ("on_migration", print),
        ("migration_options", {}),
        ("delete_realm_if_migration_needed", False),
    ],
)
def test_options_that_are_for_local_realms(path: Path, name: str, value: Any) -> None:
    text = f"The realm configuration options '{name}' and 'sync' cannot both be defined."
    with pytest.raises(InvalidArgumentError, match=text):
        Realm({"path": path, "sync": object(), name: value})
    if value:  # a Configuration has the others always
        fields: dict[str, Any] = {"path": path, "sync": object(), name: value}
        with pytest.raises(InvalidArgumentError, match=text):
            Realm(Configuration(**fields))
