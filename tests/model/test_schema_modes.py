"""Table 15.2 of data-model.md row by row: differences by mode; schema versions."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync import Configuration, Realm
from realmsync.errors import (
    ArgumentTypeError,
    InvalidArgumentError,
    InvalidSchemaChangeError,
    InvalidSchemaVersionError,
    MismatchedConfigError,
    RealmError,
    SchemaMismatchError,
)

AUTOMATIC = "Migration is required due to the following errors:"
ADDITIVE = "The following changes cannot be made in additive-only schema mode:"
EXTERNAL = "Unsupported schema changes were made by another client or process:"

OWNER = {
    "name": "Owner",
    "primaryKey": "_id",
    "properties": {"_id": "int", "name": "string", "age": "int?", "pets": "Pet[]", "pet": "Pet"},
}
PET = {"name": "Pet", "properties": {"name": "string", "tags": "string[]"}}
PART = {"name": "Part", "embedded": True, "properties": {"size": "int"}}
BASE = [OWNER, PET, PART]


def changed(cls: str, name: str, kind: Any) -> list[dict[str, Any]]:
    """The schema with another declaration of a property; None: without it."""
    classes = copy.deepcopy(BASE)
    properties: Any = next(c for c in classes if c["name"] == cls)["properties"]
    if kind is None:
        del properties[name]
    else:
        properties[name] = kind
    return classes


def with_class(**fields: Any) -> list[dict[str, Any]]:
    """The schema with other fields of one class; None: without that."""
    found = copy.deepcopy(next(c for c in BASE if c["name"] == fields["name"]))
    for name, value in fields.items():
        if value is None:
            del found[name]
        else:
            found[name] = value
    return [found if c["name"] == found["name"] else c for c in copy.deepcopy(BASE)]


NOTHING: tuple[str, ...] = ()
# What differs, the lines of automatic mode, those of additive mode, those after an outer change.
ROWS: list[tuple[list[dict[str, Any]], tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
    # class added, class missing
    ([*BASE, {"name": "New", "properties": {"a": "int"}}], NOTHING, NOTHING, NOTHING),
    ([OWNER, PET], NOTHING, NOTHING, ("Class 'Part' has been removed.",)),
    # property added, property missing
    (
        changed("Owner", "more", "int"),
        ("Property 'Owner.more' has been added.",),
        NOTHING,
        NOTHING,
    ),
    (
        changed("Owner", "age", None),
        ("Property 'Owner.age' has been removed.",),
        NOTHING,
        ("Property 'Owner.age' has been removed.",),
    ),
    # type, kind of collection, target
    *(
        (changed(cls, name, kind), (line,), (line,), (line,))
        for cls, name, kind, line in [
            (
                "Owner",
                "name",
                "int",
                "Property 'Owner.name' has been changed from 'string' to 'int'.",
            ),
            (
                "Owner",
                "pets",
                "Pet{}",
                "Property 'Owner.pets' has been changed from 'array<<Pet>>' to"
                " 'dictionary<string, <Pet>>'.",
            ),
            (
                "Pet",
                "tags",
                "string<>",
                "Property 'Pet.tags' has been changed from 'array<string>' to 'set<string>'.",
            ),
            (
                "Pet",
                "tags",
                "int[]",
                "Property 'Pet.tags' has been changed from 'array<string>' to 'array<int>'.",
            ),
            (
                "Owner",
                "pet",
                "Owner",
                "Property 'Owner.pet' has been changed from '<Pet>' to '<Owner>'.",
            ),
            (
                "Part",
                "size",
                "mixed",
                "Property 'Part.size' has been changed from 'int' to 'mixed'.",
            ),
            ("Owner", "name", "string?", "Property 'Owner.name' has been made optional."),
            ("Owner", "age", "int", "Property 'Owner.age' has been made required."),
            ("Pet", "tags", "string?[]", "Property 'Pet.tags' has been made optional."),
        ]
    ),
    # primary key
    *(
        (with_class(**fields), (line,), (line,), (line,))
        for fields, line in [
            (
                {"name": "Owner", "primaryKey": "name"},
                "Primary Key for class 'Owner' has changed from '_id' to 'name'.",
            ),
            (
                {"name": "Owner", "primaryKey": None},
                "Primary Key for class 'Owner' has been removed.",
            ),
            ({"name": "Pet", "primaryKey": "name"}, "Primary Key for class 'Pet' has been added."),
        ]
    ),
    # kind of class
    *(
        (with_class(**fields), (line,), (line,), (line,))
        for fields, line in [
            (
                {"name": "Pet", "embedded": True},
                "Class 'Pet' has been changed from TopLevel to Embedded.",
            ),
            (
                {"name": "Part", "embedded": False},
                "Class 'Part' has been changed from Embedded to TopLevel.",
            ),
        ]
    ),
    # index added
    (changed("Owner", "name", {"type": "string", "indexed": True}), NOTHING, NOTHING, NOTHING),
    (
        changed("Owner", "name", {"type": "string", "indexed": "full-text"}),
        NOTHING,
        NOTHING,
        NOTHING,
    ),
    # order of properties, linking objects, default, public name
    (with_class(name="Pet", properties={"tags": "string[]", "name": "string"}), *3 * (NOTHING,)),
    (
        changed(
            "Pet", "owners", {"type": "linkingObjects", "objectType": "Owner", "property": "pet"}
        ),
        *3 * (NOTHING,),
    ),
    (changed("Owner", "age", {"type": "int", "optional": True, "default": 5}), *3 * (NOTHING,)),
    (
        with_class(
            name="Pet", properties={"n": {"type": "string", "mapTo": "name"}, "tags": "string[]"}
        ),
        *3 * (NOTHING,),
    ),
    # a stored property becomes linking objects
    (
        changed(
            "Pet", "tags", {"type": "linkingObjects", "objectType": "Owner", "property": "pet"}
        ),
        ("Property 'Pet.tags' has been removed.",),
        NOTHING,
        ("Property 'Pet.tags' has been removed.",),
    ),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.realm"


def told(error: BaseException) -> tuple[str, tuple[str, ...]]:
    heading, *lines = str(error).split("\n- ")
    return heading, tuple(lines)


@pytest.mark.parametrize("declared, lines, _additive, _external", ROWS)
def test_automatic_at_the_same_version(
    path: Path, declared: Any, lines: tuple[str, ...], _additive: Any, _external: Any
) -> None:
    Realm(path=path, schema=BASE, schema_version=1).close()
    if not lines:
        Realm(path=path, schema=declared, schema_version=1).close()
        return
    with pytest.raises(SchemaMismatchError) as raised:
        Realm(path=path, schema=declared, schema_version=1)
    assert told(raised.value) == (AUTOMATIC, lines) and raised.value.code == 2017
    with Realm(path=path, schema=BASE, schema_version=1) as realm:  # nothing has changed
        assert realm.schema_version == 1


@pytest.mark.parametrize("declared, _automatic, lines, _external", ROWS)
def test_additive_without_a_version(
    path: Path, declared: Any, _automatic: Any, lines: tuple[str, ...], _external: Any
) -> None:
    Realm(path=path, schema=BASE).close()
    if not lines:
        Realm(path=path, schema=declared).close()
        return
    with pytest.raises(InvalidSchemaChangeError) as raised:
        Realm(path=path, schema=declared)
    assert told(raised.value) == (ADDITIVE, lines) and raised.value.code == 2019


def test_all_differences_in_one_error(path: Path) -> None:
    Realm(path=path, schema=BASE, schema_version=0).close()
    declared = [
        {"name": "Owner", "properties": {"_id": "string", "name": "string?", "new": "int"}},
        PART,
    ]
    with pytest.raises(SchemaMismatchError) as raised:
        Realm(path=path, schema=declared, schema_version=0)
    assert told(raised.value)[1] == (
        "Primary Key for class 'Owner' has been removed.",
        "Property 'Owner._id' has been changed from 'int' to 'string'.",
        "Property 'Owner.name' has been made optional.",
        "Property 'Owner.new' has been added.",
        "Property 'Owner.age' has been removed.",
        "Property 'Owner.pets' has been removed.",
        "Property 'Owner.pet' has been removed.",
    )


def test_what_a_file_has_for_a_version(path: Path) -> None:
    assert Realm.get_schema_version(path) == -1 and not path.exists()
    Realm(path=path).close()
    assert Realm.get_schema_version(path) == -1  # new: it has nothing
    Realm(path=path, schema=BASE).close()
    assert Realm.get_schema_version(str(path)) == 0  # filled without a version
    with Realm(path=path, schema=BASE, schema_version=0) as realm:
        assert realm.schema_version == 0
    with Realm(Configuration(path=path, schema=BASE, schema_version=2**63 - 1)) as realm:
        assert realm.schema_version == Realm.get_schema_version(path) == 2**63 - 1
    with Realm(path=path) as dynamic:
        assert dynamic.schema_version == 2**63 - 1
    with Realm(path=path, schema=BASE) as additive:  # says nothing of it
        assert additive.schema_version == 2**63 - 1


def test_a_lower_version(path: Path) -> None:
    Realm(path=path, schema=BASE, schema_version=5).close()
    with pytest.raises(InvalidSchemaVersionError) as raised:
        Realm(path=path, schema=changed("Owner", "more", "int"), schema_version=4)
    assert str(raised.value) == "Provided schema version 4 is less than last set version 5."
    assert raised.value.code == 2018
    assert Realm.get_schema_version(path) == 5


def test_openers_have_one_version(path: Path) -> None:
    with Realm(path=path, schema=BASE, schema_version=1):
        for version, what in [(2, "version"), (0, "version"), (None, "mode")]:
            with pytest.raises(MismatchedConfigError, match="already opened with") as raised:
                Realm(path=path, schema=BASE, schema_version=version)
            assert str(raised.value).endswith(f"already opened with different schema {what}.")
            assert str(path) in str(raised.value)
        with Realm(path=path, schema=[PART], schema_version=1), Realm(path=path):
            pass
    text = r"different schema mode\.$"
    with (
        Realm(path=path, schema=BASE),
        Realm(path=path, schema=[PART]),
        pytest.raises(MismatchedConfigError, match=text),
    ):
        Realm(path=path, schema=BASE, schema_version=1)
    with Realm(path=path, schema=BASE, schema_version=2):  # nobody has another one any more
        pass


def test_a_refused_opening_leaves_no_version(path: Path) -> None:
    Realm(path=path, schema=BASE, schema_version=1).close()
    with pytest.raises(SchemaMismatchError) as raised:
        Realm(path=path, schema=changed("Owner", "age", None), schema_version=1)
    assert raised.value.__traceback__ is not None  # held, and yet:
    Realm(path=path, schema=BASE, schema_version=2).close()


async def test_opening_beside_an_event_loop(path: Path) -> None:
    async with Realm.open(path=path, schema=BASE, schema_version=3) as realm:
        assert realm.schema_version == 3
    with pytest.raises(InvalidSchemaVersionError):
        await Realm.open(path=path, schema=BASE, schema_version=2)
    opened = await asyncio.gather(
        *(Realm.open(path=path, schema=BASE, schema_version=v) for v in (3, 3, 2)),
        return_exceptions=True,
    )
    for realm_or_error in opened:
        if isinstance(realm_or_error, Realm):
            realm_or_error.close()
    assert sum(isinstance(o, Realm) for o in opened) == 2


OUTSIDE = """
import json, sys
from realmsync import Realm
Realm(path=sys.argv[1], schema=json.loads(sys.argv[2]), schema_version=int(sys.argv[3])).close()
"""


def change_outside(path: Path, declared: Any, version: int) -> None:
    """Another process opens the file."""
    subprocess.run(
        [sys.executable, "-c", OUTSIDE, str(path), json.dumps(declared), str(version)],
        check=True,
        timeout=60,
    )


def test_additions_of_another_process_are_not_seen(path: Path) -> None:
    with Realm(path=path, schema=[PART], schema_version=1) as realm, Realm(path=path) as dynamic:
        change_outside(path, BASE, 1)
        with pytest.raises(realmsync.NoSuchTableError):
            realm.objects("Pet")
        assert [c["name"] for c in realm.schema] == ["Part"]
        with realm.write():
            pass
        assert dynamic.is_empty


@pytest.mark.parametrize(
    "fields, error, message",
    [
        ({"schema_version": True}, ArgumentTypeError, "to be an int, got True"),
        ({"schema_version": 1.0}, ArgumentTypeError, "to be an int"),
        ({"schema_version": -1}, InvalidArgumentError, "counts from 0"),
        ({"schema_version": 2**63}, InvalidArgumentError, "below 2"),
    ],
)
def test_versions_that_are_none(
    path: Path, fields: dict[str, Any], error: type[RealmError], message: str
) -> None:
    with pytest.raises(error, match=message):
        Realm(path=path, schema=BASE, **fields)
    with pytest.raises(error, match=message):
        Realm(Configuration(path=path, schema=BASE, **fields))
    assert not path.exists()
