"""Listeners of single objects (data-model.md 22): what is told of which write, once, in order."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

import realmsync
from instructions import changeset, create, erase, update
from realmsync import ObjectChanges, _testbed
from realmsync.errors import (
    ClosedRealmError,
    IllegalOperationError,
    WrongTransactionStateError,
)
from realmsync.inspect import decode_changeset
from realmsync.model.live import Changes


class Address(realmsync.EmbeddedObject):
    street: str | None
    lines: list[int]


class Person(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str = realmsync.property(map_to="stored_name")
    age: int | None
    best_friend: Person | None
    friends: list[Person]
    home: Address | None
    homes: list[Address]
    places: dict[str, Address | None]
    numbers: list[int]
    tags: set[str]
    scores: dict[str, int]
    any: Any
    mark: int = 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "listeners.realm"


@pytest.fixture
def realm(path: Path) -> Iterator[realmsync.Realm]:
    with realmsync.Realm(path=path, schema=[Person, Address], durability="process") as opened:
        yield opened


@pytest.fixture
def alice(realm: realmsync.Realm) -> Person:
    with realm.write():
        bob = realm.create(Person, {"_id": 2, "name": "Bob"})
        return realm.create(
            Person,
            {
                "_id": 1,
                "name": "Alice",
                "best_friend": bob,
                "friends": [bob],
                "home": {"street": "s", "lines": [1]},
                "homes": [{"street": "t"}],
                "places": {"a": {"street": "u"}},
                "numbers": [1, 2],
                "tags": {"x"},
                "scores": {"k": 1},
                "any": [[1], {"k": [2]}],
            },
        )


Told = ObjectChanges[Person]


async def following(changes: Changes[Told]) -> Told:
    return await asyncio.wait_for(anext(changes), 20)


async def initial(person: Person) -> Changes[Told]:
    changes = person.changes()
    first = await following(changes)
    assert first.is_initial
    assert first.changed_properties == ()
    assert not first.deleted
    return changes


OWN: dict[str, tuple[Callable[[Person, Person], object], list[str]]] = {
    "a value": (lambda a, b: setattr(a, "name", "Al"), ["name"]),
    "the value that it had": (lambda a, b: setattr(a, "name", "Alice"), ["name"]),
    "two values": (lambda a, b: (setattr(a, "age", 1), setattr(a, "name", "x")), ["name", "age"]),
    "a link": (lambda a, b: setattr(a, "best_friend", a), ["best_friend"]),
    "a linked object": (lambda a, b: setattr(b, "name", "Bobby"), []),
    "one more in a list of links": (lambda a, b: a.friends.append(a), ["friends"]),
    "an embedded object anew": (lambda a, b: setattr(a, "home", {"street": "v"}), ["home"]),
    "no embedded object": (lambda a, b: setattr(a, "home", None), ["home"]),
    "inside of an embedded object": (lambda a, b: setattr(a.home, "street", "v"), []),
    "a list in an embedded object": (lambda a, b: a.home.lines.append(2), []),
    "inside of one in a list": (lambda a, b: setattr(a.homes[0], "street", "v"), []),
    "one more in a list": (lambda a, b: a.homes.append({"street": "v"}), ["homes"]),
    "another one in a list": (lambda a, b: a.homes.__setitem__(0, {"street": "v"}), ["homes"]),
    "inside of one in a dictionary": (lambda a, b: setattr(a.places["a"], "street", "v"), []),
    "one less in a dictionary": (lambda a, b: a.places.pop("a"), ["places"]),
    "an element": (lambda a, b: a.numbers.__setitem__(1, 5), ["numbers"]),
    "an empty list": (lambda a, b: a.numbers.clear(), ["numbers"]),
    "a member of a set": (lambda a, b: a.tags.add("y"), ["tags"]),
    "a value of a dictionary": (lambda a, b: a.scores.__setitem__("k", 2), ["scores"]),
    "deep in a mixed value": (lambda a, b: a.any[1]["k"].append(3), ["any"]),
}


@pytest.mark.parametrize("what", OWN)
async def test_what_is_a_change_of_an_object(
    realm: realmsync.Realm, alice: Person, what: str
) -> None:
    write, changed = OWN[what]
    changes = await initial(alice)
    bob = realm.object_for_primary_key(Person, 2)
    assert bob is not None
    with realm.write():
        write(alice, bob)
    with realm.write():
        alice.mark = 1
    told: set[str] = set()
    while "mark" not in told:
        told.update((await following(changes)).changed_properties)
    assert told - {"mark"} == set(changed)


async def test_names_are_those_of_the_class_in_its_order(
    realm: realmsync.Realm, alice: Person
) -> None:
    changes = await initial(alice)
    with realm.write():
        alice.scores["z"] = 1
        alice.age = 7
        alice.name = "x"
    news = await following(changes)
    assert news.changed_properties == ("name", "age", "scores")
    assert news.object == alice
    assert repr(news) == (
        "ObjectChanges(changed_properties=('name', 'age', 'scores'), deleted=False,"
        " is_initial=False)"
    )


async def test_a_deleted_object_is_told_of_once(realm: realmsync.Realm, alice: Person) -> None:
    changes = await initial(alice)
    with realm.write():
        alice.age = 1
        realm.delete(alice)
    news = await following(changes)
    assert news.deleted
    assert news.changed_properties == ()
    with pytest.raises(StopAsyncIteration):
        await following(changes)


async def test_deleted_and_made_anew_between_two_looks(
    realm: realmsync.Realm, alice: Person
) -> None:
    changes = await initial(alice)
    with realm.write():
        realm.delete(alice)
        realm.create(Person, {"_id": 1, "name": "Another"})
    assert (await following(changes)).deleted


async def test_a_link_is_lost_with_its_target(realm: realmsync.Realm, alice: Person) -> None:
    changes = await initial(alice)
    _testbed.commit_changeset(realm._file, changeset(erase("Person", 2)), 1)
    assert (await following(changes)).changed_properties == ("best_friend", "friends")


async def test_what_nobody_knows_is_compared(realm: realmsync.Realm, alice: Person) -> None:
    """A commit of which only the object is known, as of a bootstrap: it creates what is there."""
    changes = await initial(alice)
    written = [update("Person", 1, "age", 5), update("Person", 1, "stored_name", "Alice")]
    _testbed.commit_changeset(realm._file, changeset(create("Person", 1), *written), 1)
    assert (await following(changes)).changed_properties == ("age",)
    with realm.write():
        alice.name = "Alice"
    assert (await following(changes)).changed_properties == ("name",)


async def test_a_callback_is_told_in_order(realm: realmsync.Realm, alice: Person) -> None:
    told: list[tuple[str, ...]] = []
    arrived = asyncio.Event()

    def take(person: Person, changes: Told) -> None:
        assert person is changes.object
        told.append(changes.changed_properties)
        arrived.set()

    async def heard(count: int) -> None:
        while len(told) < count:
            arrived.clear()
            await asyncio.wait_for(arrived.wait(), 20)

    alice.add_listener(take)
    with pytest.raises(ValueError, match="Remove callback before adding it again"):
        realm.objects(Person)[0].add_listener(take)
    await heard(1)
    with realm.write():
        alice.age = 1
    await heard(2)
    with realm.write():
        alice.name = "x"
    await heard(3)
    assert told == [(), ("age",), ("name",)]
    found = realm.object_for_primary_key(Person, 1)
    assert found is not None
    found.remove_listener(take)  # another accessor of the object
    found.remove_listener(take)
    changes = await initial(alice)
    with realm.write():
        alice.age = 2
    assert (await following(changes)).changed_properties == ("age",)
    assert len(told) == 3


async def test_what_a_slow_listener_misses_becomes_one_change(
    realm: realmsync.Realm, alice: Person
) -> None:
    changes = await initial(alice)
    other = await initial(alice)
    for age in range(20):
        with realm.write():
            alice.age = age
    with realm.write():
        alice.name = "last"
    seen: set[str] = set()
    while "name" not in seen:  # that all have been looked at
        seen.update((await following(other)).changed_properties)
    first = await following(changes)
    assert set(first.changed_properties) <= {"name", "age"}
    rest = first if "name" in first.changed_properties else await following(changes)
    assert "name" in rest.changed_properties


async def test_errors_of_callbacks_go_to_the_loop(realm: realmsync.Realm, alice: Person) -> None:
    reported: list[dict[str, Any]] = []
    enough = asyncio.Event()

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        reported.append(context)
        if len(reported) == 2:
            enough.set()

    asyncio.get_running_loop().set_exception_handler(report)
    bob = realm.object_for_primary_key(Person, 2)
    assert bob is not None

    def fail(person: Person, changes: Told) -> None:
        raise RuntimeError("mine")

    alice.add_listener(fail)
    changes = await initial(bob)
    with realm.write():
        alice.age = 1
        bob.age = 1
    assert (await following(changes)).changed_properties == ("age",)
    await asyncio.wait_for(enough.wait(), 20)
    assert {str(context["exception"]) for context in reported} == {"mine"}
    alice.remove_all_listeners()


async def test_a_closed_realm_ends_them(path: Path) -> None:
    realm = realmsync.Realm(path=path, schema=[Person, Address])
    with realm.write():
        alice = realm.create(Person, {"_id": 1, "name": "Alice"})
    alice.add_listener(lambda person, changes: None)
    changes = await initial(alice)
    realm.close()
    with pytest.raises(StopAsyncIteration):
        await following(changes)
    with pytest.raises(ClosedRealmError):
        alice.add_listener(lambda person, changes: None)


def test_without_a_loop_a_thread_calls_back(realm: realmsync.Realm, alice: Person) -> None:
    arrived: list[Told] = []
    news = threading.Semaphore(0)

    def take(person: Person, changes: Told) -> None:
        arrived.append(changes)
        news.release()

    alice.add_listener(take)
    assert news.acquire(timeout=20)
    with realm.write():
        alice.age = 1
    assert news.acquire(timeout=20)
    assert [changes.changed_properties for changes in arrived] == [(), ("age",)]
    with pytest.raises(IllegalOperationError, match="no event loop is running"):
        alice.changes()


def test_not_after_a_change_in_the_same_transaction(realm: realmsync.Realm, alice: Person) -> None:
    with realm.write():
        alice.add_listener(print)
        alice.remove_listener(print)
        alice.age = 1
        for add in (alice.add_listener, realm.objects(Person).add_listener):
            with pytest.raises(WrongTransactionStateError, match="after making changes"):
                add(print)


async def test_an_object_that_another_realm_of_the_file_writes(
    path: Path, realm: realmsync.Realm, alice: Person
) -> None:
    changes = await initial(alice)
    with realmsync.Realm(path=path, schema=[Person, Address]) as other, other.write():
        found = other.object_for_primary_key(Person, 1)
        assert found is not None
        found.name = "x"
    assert (await following(changes)).changed_properties == ("name",)


async def test_a_property_may_have_the_name_of_a_method(tmp_path: Path) -> None:
    class Log(realmsync.Object):
        _id: int = realmsync.primary_key()
        changes: int  # type: ignore[assignment]

    with realmsync.Realm(path=tmp_path / "l.realm", schema=[Log]) as realm:
        with realm.write():
            log = realm.create(Log, {"_id": 1, "changes": 3})
        assert log.changes == 3


OWN_DEPTH = {"home": 0, "homes": 1, "places": 1}  # steps to what is embedded


def written_to(realm: realmsync.Realm, key: int, after: int) -> set[str]:
    """The properties of an object's own that commits have written, by their changesets."""
    found = set()
    for entry in _testbed.history(realm._file)[after:]:
        for step in decode_changeset(entry["changeset"]):
            own = len(step.get("path", ())) <= OWN_DEPTH.get(step.get("field"), 99)
            if step.get("pk") == {"t": "int", "v": key} and own:
                found.add(step["field"].removeprefix("stored_"))
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_random_writes_are_told_to_each_in_their_order(
    realm: realmsync.Realm, alice: Person, seed: int
) -> None:
    """Each listener hears, between two marks, of exactly what was written to its object."""
    random = Random(seed)
    with realm.write():
        others = [realm.create(Person, {"_id": key, "name": str(key)}) for key in (3, 4)]
    people = [alice, *others]
    listening = [await initial(person) for person in people]
    heard = 0
    for _ in range(8):
        before = len(_testbed.history(realm._file))
        for _ in range(random.randrange(1, 4)):
            with realm.write():
                for _ in range(random.randrange(6)):
                    write, _ = OWN[random.choice(sorted(OWN))]
                    with contextlib.suppress(AttributeError, LookupError, TypeError):
                        write(random.choice(people), random.choice(people))
        if random.random() < 0.5:  # written, and taken back
            realm.begin_transaction()
            alice.tags.add("nobody hears of it")
            realm.cancel_transaction()
        with realm.write():
            for person in people:
                person.mark = 1
        for person, changes in zip(people, listening, strict=True):
            told: set[str] = set()
            while "mark" not in told:
                told.update((await following(changes)).changed_properties)
            assert told == written_to(realm, person._id, before)
            heard += len(told)
    assert heard > 40
