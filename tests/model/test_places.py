"""Live accessors see what is there now, however often they have read before: nothing that was read
is believed after a write, a transaction's end, another realm's commit, or a deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import realmsync
from realmsync import _testbed
from realmsync.errors import (
    ClosedRealmError,
    InvalidatedObjectError,
    OutOfBoundsError,
    StaleAccessorError,
)


class Part(realmsync.EmbeddedObject):
    name: str
    sizes: list[int]


class Thing(realmsync.Object):
    _id: int = realmsync.primary_key()
    numbers: list[int]
    parts: list[Part]
    names: dict[str, str | None]
    marks: set[int]
    others: list[Thing]
    main: Part | None
    any: Any


SCHEMA = [Thing, Part]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "places.realm"


@pytest.fixture
def realm(path: Path) -> Iterator[realmsync.Realm]:
    with realmsync.Realm(path=path, schema=SCHEMA, durability="process") as opened:
        yield opened


@pytest.fixture
def thing(realm: realmsync.Realm) -> Thing:
    with realm.write():
        return realm.create(
            Thing,
            {
                "_id": 1,
                "numbers": range(10),
                "parts": [{"name": str(i), "sizes": [i]} for i in range(3)],
                "names": {"a": "A", "b": "B"},
                "marks": {1, 2},
                "main": {"name": "main"},
                "any": [0, {"k": [1, 2]}],
            },
        )


def seen(thing: Thing) -> list[Any]:
    """Everything, element by element."""
    return [
        [thing.numbers[i] for i in range(len(thing.numbers))],
        [part.name for part in (thing.parts[i] for i in range(len(thing.parts)))],
        {key: thing.names[key] for key in thing.names},
        [thing.marks._place.item(i) for i in range(len(thing.marks))],
        [thing.others[i]._id for i in range(len(thing.others))],
        thing.main.name if thing.main else None,
        thing.any[0],
        [thing.any[1]["k"][i] for i in range(len(thing.any[1]["k"]))],
    ]


BEFORE = [[*range(10)], ["0", "1", "2"], {"a": "A", "b": "B"}, [1, 2], [], "main", 0, [1, 2]]
AFTER = [[9, *range(1, 10)], ["1", "2"], {"a": "A", "b": "!"}, [2], [1], None, "x", [1, 2, 3]]


def change(thing: Thing) -> None:
    thing.numbers[0] = 9
    del thing.parts[0]
    thing.names["b"] = "!"
    thing.marks.discard(1)
    thing.others.append(thing)
    thing.main = None
    thing.any[0] = "x"
    thing.any[1]["k"].append(3)


def test_a_write_is_seen_at_once_and_gone_after_a_rollback(
    realm: realmsync.Realm, thing: Thing
) -> None:
    assert seen(thing) == BEFORE
    realm.begin_transaction()
    assert seen(thing) == BEFORE
    change(thing)
    assert seen(thing) == AFTER
    realm.cancel_transaction()
    assert seen(thing) == BEFORE
    with realm.write():
        change(thing)
        assert seen(thing) == AFTER
    assert seen(thing) == AFTER


WRITES: dict[str, Callable[[realmsync.Realm, Thing], Any]] = {
    "insert": lambda _, t: t.numbers.insert(0, 5),
    "set": lambda _, t: t.numbers.__setitem__(0, 5),
    "erase": lambda _, t: t.numbers.__delitem__(0),
    "move": lambda _, t: t.numbers.move(0, 9),
    "clear": lambda _, t: t.numbers.clear(),
    "assign": lambda _, t: setattr(t, "numbers", [5]),
    "assign itself": lambda _, t: setattr(t, "numbers", (n + 1 for n in t.numbers)),
    "upsert": lambda r, _: r.create(Thing, {"_id": 1, "numbers": [5]}, "all"),
    "upsert what differs": lambda r, _: r.create(Thing, {"_id": 1, "numbers": [5]}, "modified"),
    "delete and create": lambda r, t: (r.delete(t), r.create(Thing, {"_id": 1, "numbers": [5]})),
    "create_many": lambda r, t: (
        r.delete(t),
        r.create_many(Thing, [{"_id": 1, "numbers": [5]}]),
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_every_kind_of_write_is_seen(name: str, realm: realmsync.Realm, thing: Thing) -> None:
    numbers = thing.numbers
    assert [numbers[i] for i in range(10)] == [*range(10)]
    with realm.write():
        assert [numbers[i] for i in range(10)] == [*range(10)]
        WRITES[name](realm, thing)
        now = list(numbers)
        assert now != [*range(10)]
        assert [numbers[i] for i in range(len(numbers))] == now
    assert [numbers[i] for i in range(len(numbers))] == now


def test_a_failed_write_is_not_seen(realm: realmsync.Realm, thing: Thing) -> None:
    with realm.write():
        with pytest.raises(TypeError):
            thing.numbers = [5, "no number"]
        assert seen(thing) == BEFORE
        with pytest.raises(TypeError):
            realm.create(Thing, {"_id": 1, "numbers": [5], "names": {"a": 1}}, "all")
        assert seen(thing) == BEFORE


def test_reading_while_a_write_takes_its_values(realm: realmsync.Realm, thing: Thing) -> None:
    """The values of one list come from the list itself, element by element."""

    def reversed_by_index() -> Iterator[int]:
        for i in range(len(thing.numbers)):
            yield thing.numbers[-1 - i]

    with realm.write():
        thing.numbers = reversed_by_index()
        assert [thing.numbers[i] for i in range(10)] == [*reversed(range(10))]


def test_a_default_reads_in_the_middle_of_a_create(path: Path) -> None:
    found: list[int] = []

    def newest() -> int:
        thing = realm.object_for_primary_key("Counter", 1)
        found.append(thing.numbers[0])
        return len(thing.numbers)

    class Counter(realmsync.Object):
        _id: int = realmsync.primary_key()
        numbers: list[int]
        total: int = realmsync.property(default=newest)
        after: list[int] = realmsync.property(default=lambda: [])

    with realmsync.Realm(path=path, schema=[Counter]) as realm, realm.write():
        counter = realm.create(Counter, {"_id": 1, "numbers": [7, 8], "after": [1]})
        assert (counter.total, found) == (2, [7])
        counter.numbers.append(9)
        assert counter.numbers[2] == 9


def test_the_commit_of_another_realm_is_seen(
    path: Path, realm: realmsync.Realm, thing: Thing
) -> None:
    numbers = thing.numbers
    with realmsync.Realm(path=path, schema=SCHEMA, durability="process") as other:
        theirs = other.object_for_primary_key(Thing, 1)
        assert theirs is not None
        assert theirs == thing
        assert seen(thing) == seen(theirs) == BEFORE
        with other.write():
            change(theirs)
            assert numbers[0] == 0  # not before it is committed
            assert seen(theirs) == AFTER
        assert seen(thing) == seen(theirs) == AFTER
        with other.write():
            other.delete(theirs)
    with pytest.raises(InvalidatedObjectError):
        _ = numbers[0]
    with pytest.raises(InvalidatedObjectError):
        len(numbers)
    assert not thing.is_valid
    assert not numbers.is_valid


def test_a_connection_that_opened_again_is_read_afresh(
    realm: realmsync.Realm, thing: Thing
) -> None:
    """Data versions of different connections say nothing about each other."""
    for round_ in range(3):
        assert thing.numbers[0] == round_
        _testbed.close_idle(realm._file)
        with realm.write():
            thing.numbers[0] = round_ + 1
        _testbed.close_idle(realm._file)


def test_accessors_of_what_is_gone(realm: realmsync.Realm, thing: Thing) -> None:
    part, main, inner = thing.parts[2], thing.main, thing.any[1]["k"]
    assert main is not None
    assert (part.name, part.sizes[0], main.name, inner[1]) == ("2", 2, "main", 2)
    with realm.write():
        del thing.parts[1]
        thing.main = None
        thing.any = 5
    for read in (lambda: part.name, lambda: part.sizes[0], lambda: main.name, lambda: inner[1]):
        with pytest.raises(StaleAccessorError):
            read()
    assert not part.is_valid
    assert not main.is_valid
    assert not inner.is_valid
    with pytest.raises(OutOfBoundsError):
        _ = thing.parts[2]
    with pytest.raises(OutOfBoundsError):
        _ = thing.parts[-3]
    realm.close()
    with pytest.raises(ClosedRealmError):
        _ = thing.numbers[0]
    assert not thing.is_valid


def test_a_link_goes_with_its_target(realm: realmsync.Realm, thing: Thing) -> None:
    with realm.write():
        targets = [realm.create(Thing, {"_id": i}) for i in range(2, 6)]
        thing.others = targets
    others = thing.others
    assert [others[i]._id for i in range(4)] == [2, 3, 4, 5]
    with realm.write():
        realm.delete(targets[1])
        assert [others[i]._id for i in range(len(others))] == [2, 4, 5]
    assert [others[i]._id for i in range(len(others))] == [2, 4, 5]


def test_many_lists_at_once(realm: realmsync.Realm) -> None:
    """More than are remembered, read in turn."""
    with realm.write():
        things = [
            realm.create(Thing, {"_id": i, "numbers": range(i, i + 20)}) for i in range(2, 12)
        ]
    for i in range(20):
        assert [t.numbers[i] for t in things] == [k + i for k in range(2, 12)]


def test_accessors_are_equal_by_their_way(realm: realmsync.Realm, thing: Thing) -> None:
    assert thing.parts[1] == thing.parts[1] != thing.parts[2]
    assert thing.main == thing.main != thing.parts[0]
    assert len({thing.parts[0], thing.parts[0], thing.parts[1], thing.main}) == 3
    assert thing.any[1]["k"]._place == thing.any[1]["k"]._place != thing.any[1]._place


def test_loops_by_index(realm: realmsync.Realm, thing: Thing) -> None:
    with realm.write():
        thing.numbers = range(5000)
        thing.parts = [{"name": str(i), "sizes": [i, i]} for i in range(1000)]
        numbers = thing.numbers
        assert [numbers[i] for i in range(5000)] == [*range(5000)]
    assert [numbers[i] for i in range(5000)] == [*range(5000)]
    assert [thing.numbers[-1 - i] for i in range(5000)] == [*reversed(range(5000))]
    assert [thing.parts[i].sizes[1] for i in range(1000)] == [*range(1000)]
