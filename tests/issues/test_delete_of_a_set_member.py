"""An object that was in any set of links could not be deleted: OutOfBoundsError."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import realmsync
from devices import LIMIT, session_of, world

SCHEMA: list[dict[str, Any]] = [
    {
        "name": "O",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "one": "O?",
            "list": "O[]",
            "set": "O<>",
            "dictionary": "O{}",
            "any": "mixed",
            "anys": "mixed[]",
            "any_set": "mixed<>",
            "any_dictionary": "mixed{}",
            "part": "Part",
            "parts": "Part[]",
            "named": "Part{}",
        },
    },
    {"name": "Part", "embedded": True, "properties": {"set": "O<>", "list": "O[]", "n": "int"}},
]
# How `holder` comes to hold `x` (and `y`, which stays), and what it holds when `x` is gone.
HOLD: dict[str, tuple[Callable[[Any, Any, Any], dict[str, Any]], Callable[[Any], Any], Any]] = {
    "one": (lambda x, y, h: {"one": x}, lambda h: h.one, None),
    "list": (lambda x, y, h: {"list": [x, y, x]}, lambda h: [o._id for o in h.list], [2]),
    "set": (lambda x, y, h: {"set": [y, x, h]}, lambda h: sorted(o._id for o in h.set), [2, 3]),
    "dictionary": (
        lambda x, y, h: {"dictionary": {"a": x, "b": y}},
        lambda h: {k: v and v._id for k, v in h.dictionary.items()},
        {"a": None, "b": 2},
    ),
    "any": (lambda x, y, h: {"any": x}, lambda h: h.any, None),
    "any list": (
        lambda x, y, h: {"any": [x, [x, 1, x], 2]},
        lambda h: (len(h.any), h.any[0][0]),
        (2, 1),
    ),
    "any dictionary": (lambda x, y, h: {"any": {"k": {"l": x}}}, lambda h: h.any["k"]["l"], None),
    "list of anys": (lambda x, y, h: {"anys": [1, x, x, 2]}, lambda h: list(h.anys), [1, 2]),
    "set of anys": (lambda x, y, h: {"any_set": [1, x, "s"]}, lambda h: len(h.any_set), 2),
    "dictionary of anys": (
        lambda x, y, h: {"any_dictionary": {"a": x, "b": [x]}},
        lambda h: (h.any_dictionary["a"], len(h.any_dictionary["b"])),
        (None, 0),
    ),
    "set in an embedded object": (
        lambda x, y, h: {"part": {"set": [x, y], "list": [x, y, x], "n": 1}},
        lambda h: ([o._id for o in h.part.set], [o._id for o in h.part.list]),
        ([2], [2]),
    ),
    "sets in a list": (
        lambda x, y, h: {"parts": [{"set": [x, y], "n": 1}, {"set": [x], "n": 2}]},
        lambda h: [[o._id for o in part.set] for part in h.parts],
        [[2], []],
    ),
    "sets in a dictionary": (
        lambda x, y, h: {"named": {"a": {"set": [x, y], "n": 1}}},
        lambda h: [o._id for o in h.named["a"].set],
        [2],
    ),
}


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[realmsync.Realm]:
    with realmsync.Realm(path=tmp_path / "r.realm", schema=SCHEMA) as opened:
        yield opened


@pytest.mark.parametrize("place", HOLD)
@pytest.mark.parametrize("delete_results", [False, True])
def test_everybody_lets_go(place: str, delete_results: bool, realm: realmsync.Realm) -> None:
    values, read, expected = HOLD[place]
    with realm.write():
        x, y, holder = (realm.create("O", {"_id": n}) for n in (1, 2, 3))
        realm.create("O", {"_id": 3, **values(x, y, holder)}, "all")
    with realm.write():
        realm.delete([x] if delete_results else x)
    assert read(holder) == expected
    assert not x.is_valid


@pytest.mark.parametrize("place", HOLD)
def test_all_go_at_once(place: str, realm: realmsync.Realm) -> None:
    with realm.write():
        objects = [realm.create("O", {"_id": n}) for n in (1, 2, 3)]
        for n, o in enumerate(objects):
            realm.create(
                "O", {"_id": o._id, **HOLD[place][0](o, objects[n - 1], objects[n - 2])}, "all"
            )
    with realm.write():
        realm.delete_all()
    assert len(realm.objects("O")) == 0


@pytest.mark.parametrize("place", HOLD)
async def test_another_device_deletes_it(place: str, tmp_path: Path) -> None:
    values, read, expected = HOLD[place]
    async with world(tmp_path) as at:
        devices = [await at.device(), await at.device()]
        here, there = [await device.open(schema=SCHEMA) for device in devices]
        async with here, there:
            with here.write():
                x, y, holder = (here.create("O", {"_id": n}) for n in (1, 2, 3))
                here.create("O", {"_id": 3, **values(x, y, holder)}, "all")
            assert await session_of(here).upload_all_local_changes(LIMIT)
            assert await session_of(there).download_all_server_changes(LIMIT)
            with there.write():
                there.delete(there.object_for_primary_key("O", 1))
            assert await session_of(there).upload_all_local_changes(LIMIT)
            assert await session_of(here).download_all_server_changes(LIMIT)
            assert not x.is_valid
            assert read(holder) == expected
            assert read(there.object_for_primary_key("O", 3)) == expected
