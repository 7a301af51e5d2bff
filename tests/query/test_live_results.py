"""Live results: who is told of which changes, after whose commits, on which event loop."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import realmsync
from devices import LIMIT, add, session_of, world
from eventually import eventually
from realmsync import (
    ClientResetConfiguration,
    ClosedRealmError,
    CollectionChanges,
    Field,
    IllegalOperationError,
    InvalidArgumentError,
    Realm,
    Results,
    WrongTransactionStateError,
)


class Pup(realmsync.Object):
    _id: Field[int] = realmsync.primary_key()
    age: Field[int]
    mate: Field[Pup | None]
    tags: Field[list[str]]
    litter: Field[list[Pup]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.realm"


@pytest_asyncio.fixture
async def realm(path: Path) -> AsyncIterator[Realm]:
    with Realm(path=path, schema=[Pup]) as realm:
        with realm.write():
            for key in range(5):
                realm.create(Pup, {"_id": key, "age": key})
        yield realm


class Heard:
    """A listener that keeps what it was told, and a list that it holds in step with the results."""

    def __init__(self) -> None:
        self.told: list[CollectionChanges[Any]] = []
        self.keys: list[Any] = []

    def __call__(self, results: Results[Any], changes: CollectionChanges[Any]) -> None:
        self.told.append(changes)
        now = [found._key for found in results]
        if changes.is_initial:
            self.keys = now
        for at in reversed(changes.deletions):
            del self.keys[at]
        for at in changes.insertions:
            self.keys.insert(at, now[at])
        assert self.keys == now

    @property
    def last(self) -> tuple[Any, ...]:
        c = self.told[-1]
        return c.deletions, c.insertions, c.modifications_old, c.modifications_new

    async def hear(self, results: Results[Any]) -> Heard:
        results.add_listener(self)
        await eventually(lambda: self.told)
        return self


async def heard(listener: Heard, count: int) -> None:
    await eventually(lambda: len(listener.told) >= count)


async def settle(realm: Realm) -> None:
    """Until whatever was committed has been told."""
    probe = await Heard().hear(realm.objects(Pup))
    seen = len(probe.told)
    with realm.write():
        realm.create(Pup, {"_id": 10**6, "age": 0})
    await heard(probe, seen + 1)
    with realm.write():
        realm.delete(realm.object_for_primary_key(Pup, 10**6))
    await heard(probe, seen + 2)


async def test_the_first_call_has_no_changes(realm: Realm) -> None:
    listener = await Heard().hear(realm.objects(Pup))
    assert listener.told[0].is_initial
    assert listener.last == ((), (), (), ())
    assert [pup.age for pup in listener.told[0].results] == [0, 1, 2, 3, 4]


async def test_positions_of_what_has_changed(realm: Realm) -> None:
    listener = await Heard().hear(realm.objects(Pup).where(Pup.age > 1))
    with realm.write():
        realm.create(Pup, {"_id": 9, "age": 9})
        realm.delete(realm.objects(Pup)[2])
        realm.objects(Pup)[2].tags = ["good"]
    await heard(listener, 2)
    assert not listener.told[1].is_initial
    assert listener.last == ((0,), (2,), (1,), (0,))


async def test_an_object_that_moves_is_deleted_and_inserted(realm: Realm) -> None:
    listener = await Heard().hear(realm.objects(Pup).sorted("age"))
    with realm.write():
        realm.objects(Pup)[0].age = 10
    await heard(listener, 2)
    assert listener.last == ((0,), (4,), (), ())


async def test_whole_classes_are_in_the_order_of_results(realm: Realm) -> None:
    pups = realm.objects(Pup)
    listener = await Heard().hear(pups)
    with realm.write():
        realm.create(Pup, {"_id": -1, "age": 7})
    await heard(listener, 2)
    assert listener.last == ((), (0,), (), ())
    assert listener.keys == [pup._id for pup in pups]


async def test_other_objects_decide_too(realm: Realm) -> None:
    with realm.write():
        pups = realm.objects(Pup)
        pups[0].mate = pups[4]
    listener = await Heard().hear(realm.objects(Pup).filtered("mate.age > 3"))
    assert listener.keys == [0]
    with realm.write():
        realm.objects(Pup)[4].age = 0
    await heard(listener, 2)
    assert listener.last == ((0,), (), (), ())


async def test_what_does_not_matter_is_not_told(realm: Realm) -> None:
    old = await Heard().hear(realm.objects(Pup).where(Pup.age > 3))
    with realm.write():
        realm.objects(Pup)[0].age = 1  # not among them, before and after
    with realm.write():
        pass
    await settle(realm)
    assert len(old.told) == 1


async def test_what_is_undone_is_not_told(realm: Realm) -> None:
    listener = await Heard().hear(realm.objects(Pup).where(Pup.age >= 0))
    with pytest.raises(ZeroDivisionError), realm.write():
        realm.objects(Pup)[0].age = 9
        realm.create(Pup, {"_id": 77, "age": 1})
        raise ZeroDivisionError
    with realm.write():
        with pytest.raises(realmsync.RealmError):
            realm.create_many(Pup, [{"_id": 50, "age": 1}, {"_id": 1, "age": 1}])
        realm.objects(Pup)[4].age = 44
    await heard(listener, 2)
    assert listener.last == ((), (), (4,), (4,))


async def test_commits_of_another_realm(realm: Realm, path: Path) -> None:
    listener = await Heard().hear(realm.objects(Pup))
    with Realm(path=path, schema=[Pup]) as other:
        async with other.write():
            other.objects(Pup)[3].age = 33
        await heard(listener, 2)
    assert listener.last == ((), (), (3,), (3,))


async def test_registered_within_a_transaction(realm: Realm) -> None:
    listener = Heard()
    with realm.write():
        realm.objects(Pup).add_listener(listener)
        realm.create(Pup, {"_id": 5, "age": 5})
        with pytest.raises(WrongTransactionStateError, match="after making changes"):
            realm.objects(Pup).add_listener(Heard())
    await eventually(lambda: listener.keys == [0, 1, 2, 3, 4, 5])
    assert len(listener.told) <= 2
    assert listener.told[0].is_initial


async def test_removed_in_its_own_call(realm: Realm) -> None:
    pups = realm.objects(Pup)
    calls = []

    def once(results: Any, changes: Any) -> None:
        calls.append(changes)
        pups.remove_listener(once)

    pups.add_listener(once)
    await eventually(lambda: calls)
    with realm.write():
        pups[0].age = 9
    await settle(realm)
    assert len(calls) == 1


async def test_the_realm_is_closed_in_the_call(path: Path) -> None:
    realm = Realm(path=path, schema=[Pup])
    calls = []

    def close(results: Any, changes: Any) -> None:
        calls.append(changes)
        realm.close()

    realm.objects(Pup).add_listener(close)
    await eventually(lambda: calls)
    Realm.delete_file(path=path)
    assert not Realm.exists(path=path)


async def test_all_are_removed(realm: Realm) -> None:
    pups = realm.objects(Pup)
    one, two = await Heard().hear(pups), await Heard().hear(pups)
    pups.remove_listener(print)
    pups.remove_all_listeners()
    with realm.write():
        pups[0].age = 9
    await settle(realm)
    assert len(one.told) == len(two.told) == 1


async def test_the_same_one_twice(realm: Realm) -> None:
    pups = realm.objects(Pup)
    listener = await Heard().hear(pups)
    with pytest.raises(ValueError, match="Remove callback before adding it again"):
        pups.add_listener(listener)
    pups.remove_listener(listener)
    pups.add_listener(listener)
    await heard(listener, 2)
    assert listener.told[1].is_initial


async def test_what_cannot_be_listened_to(realm: Realm) -> None:
    with pytest.raises(InvalidArgumentError):
        realm.objects(Pup).add_listener(3)  # type: ignore[arg-type]
    with pytest.raises(IllegalOperationError, match="snapshot"):
        realm.objects(Pup).snapshot().add_listener(print)
    with pytest.raises(IllegalOperationError, match="lists"):
        litter: Any = realm.objects(Pup)[0].litter
        litter.filtered("age > 1").add_listener(print)
    pups = realm.objects(Pup)
    realm.close()
    with pytest.raises(ClosedRealmError):
        pups.add_listener(print)


async def test_errors_of_a_listener_go_to_the_loop(realm: Realm) -> None:
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    calls = []

    def fail(results: Any, changes: Any) -> None:
        calls.append(changes)
        raise ZeroDivisionError

    realm.objects(Pup).add_listener(fail)
    await eventually(lambda: contexts)
    assert isinstance(contexts[0]["exception"], ZeroDivisionError)
    with realm.write():
        realm.objects(Pup)[0].age = 9
    await eventually(lambda: len(calls) == 2)


async def test_an_asynchronous_listener(realm: Realm) -> None:
    calls = []

    async def listen(results: Results[Pup], changes: CollectionChanges[Pup]) -> None:
        await asyncio.sleep(0)
        calls.append(changes)

    realm.objects(Pup).add_listener(listen)
    await eventually(lambda: calls)
    assert calls[0].is_initial


async def test_listeners_keep_results_alive(realm: Realm) -> None:
    pups = realm.objects(Pup)
    listener = await Heard().hear(pups)
    alive = weakref.ref(pups)
    del pups
    gc.collect()
    with realm.write():
        realm.objects(Pup)[0].age = 9
    await heard(listener, 2)
    kept = alive()
    assert kept is not None
    kept.remove_all_listeners()
    del kept
    listener.told.clear()
    await eventually(lambda: gc.collect() >= 0 and alive() is None)


async def test_a_thousand_commits_that_nobody_looked_at(realm: Realm) -> None:
    listener = await Heard().hear(realm.objects(Pup).where(Pup.age >= 0))
    for count in range(1000):  # the loop does not run meanwhile
        with realm.write():
            realm.objects(Pup)[count % 2].age = count
    await eventually(lambda: listener.told[-1].results[1].age == 999 and len(listener.told) >= 2)
    await settle(realm)
    modified = {at for changes in listener.told[:3] for at in changes.modifications_new}
    assert modified == {0, 1}
    assert len(listener.told) <= 5


async def test_iteration(realm: Realm) -> None:
    changes = realm.objects(Pup).changes()
    assert (await anext(changes)).is_initial
    for count in range(100):
        with realm.write():
            realm.create(Pup, {"_id": 100 + count, "age": 1})
    assert len((await anext(changes)).insertions) == 100
    with realm.write():
        realm.objects(Pup)[0].age = 9
    news = await anext(changes)
    assert (news.modifications_old, news.modifications_new) == ((0,), (0,))
    assert len(news.results) == 105
    await changes.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(changes)


async def test_iteration_ends_with_the_realm(realm: Realm) -> None:
    seen = []

    async def follow() -> None:
        async for changes in realm.objects(Pup).changes():
            seen.append(changes)

    task = asyncio.create_task(follow())
    await eventually(lambda: seen)
    realm.close()
    await asyncio.wait_for(task, 10)
    assert len(seen) == 1


async def test_a_cancelled_iteration_leaves_nothing(realm: Realm) -> None:
    seen = []

    async def follow() -> None:
        async for changes in realm.objects(Pup).changes():
            seen.append(changes)

    task = asyncio.create_task(follow())
    await eventually(lambda: seen)
    assert len(realm._live._all) == 1
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    del task
    gc.collect()
    assert not realm._live._all


def test_without_an_event_loop(path: Path) -> None:
    arrived = threading.Event()
    told = []

    def listen(results: Any, changes: Any) -> None:
        told.append((len(results), changes.insertions))
        arrived.set()

    async def asynchronous(results: Any, changes: Any) -> None:
        raise AssertionError

    with Realm(path=path, schema=[Pup]) as realm:
        with pytest.raises(InvalidArgumentError, match="no event loop"):
            realm.objects(Pup).add_listener(asynchronous)
        with pytest.raises(IllegalOperationError, match="no event loop"):
            realm.objects(Pup).changes()
        realm.objects(Pup).add_listener(listen)
        assert arrived.wait(30)
        arrived.clear()
        with realm.write():
            realm.create(Pup, {"_id": 1, "age": 1})
        assert arrived.wait(30)
    assert told == [(0, ()), (1, (0,))]


QUERIES = [
    "age > 3",
    "mate.age > 3",
    "age < 8 SORT(age DESC)",
    "litter.@count > 0",
    "tags.@size < 2",
]


def random_writes(realm: Realm, random: random.Random) -> set[int]:
    """Which objects were written: a deletion writes those with links to it, too."""
    written = set()
    for _ in range(random.randrange(1, 6)):
        pups = realm.objects(Pup)
        key = random.randrange(30)
        pup = realm.object_for_primary_key(Pup, key)
        written.add(key)
        if pup is None:
            realm.create(Pup, {"_id": key, "age": random.randrange(10)})
        elif random.random() < 0.3:
            written |= {one._id for one in pups if one.mate == pup or pup in one.litter}
            realm.delete(pup)
        else:
            match random.randrange(4):
                case 0:
                    pup.age = random.randrange(10)
                case 1:
                    pup.mate = random.choice([None, *pups])
                case 2:
                    pup.tags.append("x")
                case _:
                    pup.litter = random.sample(list(pups), random.randrange(min(3, len(pups))))
    return written


def state_of(results: Sequence[Any]) -> dict[int, Any]:
    return {
        pup._id: (
            pup.age,
            pup.mate and pup.mate._id,
            list(pup.tags),
            [one._id for one in pup.litter],
        )
        for pup in results
    }


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("query", QUERIES)
async def test_changes_lead_from_the_old_list_to_the_new(
    realm: Realm, query: str, seed: int
) -> None:
    generator = random.Random(f"{query} {seed}")
    results = realm.objects(Pup).filtered(query)
    changes = results.changes()
    news = await anext(changes)
    keys, state = [pup._key for pup in news.results], state_of(news.results)
    written: set[int] = set()
    for _ in range(25):
        with realm.write():
            written |= random_writes(realm, generator)
        now, now_state = [pup._key for pup in results], state_of(results)
        if now == keys and now_state == state:
            continue  # perhaps nothing is told
        while True:
            news = await asyncio.wait_for(anext(changes), 30)
            before = list(keys)
            for at in reversed(news.deletions):
                del keys[at]
            for at in news.insertions:
                keys.insert(at, news.results[at]._key)
            assert {keys[at] for at in news.modifications_new} <= written
            for old, new in zip(news.modifications_old, news.modifications_new, strict=True):
                assert before[old] == keys[new]
            assert not {before[at] for at in news.modifications_old} & {
                before[at] for at in news.deletions
            }
            if keys == now:
                break
        stays = {key for key in now if key in state and state[key] != now_state[key]}
        moved = {before[at] for at in news.deletions}
        modified = {keys[at] for at in news.modifications_new}
        assert stays - moved <= modified
        keys, state = now, now_state


def longest_ascending(numbers: Sequence[int]) -> int:
    lengths: list[int] = []
    for at, number in enumerate(numbers):
        before = [length for n, length in zip(numbers[:at], lengths, strict=True) if n < number]
        lengths.append(1 + max(before, default=0))
    return max(lengths, default=0)


@pytest.mark.parametrize("seed", range(4))
async def test_as_few_objects_move_as_possible(realm: Realm, seed: int) -> None:
    generator = random.Random(seed)
    with realm.write():
        realm.create_many(Pup, [{"_id": key, "age": key} for key in range(5, 40)])
    listener = await Heard().hear(realm.objects(Pup).sorted("age"))
    for _ in range(5):
        before = {key: at for at, key in enumerate(listener.keys)}
        ages = generator.sample(range(40), 40)
        told = len(listener.told)
        with realm.write():
            for pup in list(realm.objects(Pup)):
                if generator.random() < 0.7:
                    pup.age = ages[pup._id]
        await heard(listener, told + 1)
        kept = longest_ascending([before[key] for key in listener.keys])
        assert len(listener.last[0]) == len(listener.last[1]) == 40 - kept
        assert len(listener.last[2]) <= kept


async def test_what_a_server_sends(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        one, two = await made.device(), await made.device()
        async with one.open() as writer, two.open() as reader:
            listener = await Heard().hear(reader.objects("Dog"))
            add(writer, 1, 2, 3)
            await eventually(lambda: listener.keys == [1, 2, 3], LIMIT)
            with writer.write():
                writer.objects("Dog")[1].name = "another"
                writer.delete(writer.objects("Dog")[0])
            count = len(listener.told)
            await eventually(lambda: len(listener.told) > count, LIMIT)
            assert listener.last == ((0,), (), (1,), (0,))


async def test_a_client_reset_is_one_change(tmp_path: Path) -> None:
    discard = ClientResetConfiguration(mode="discardUnsyncedChanges")
    async with world(tmp_path) as made:
        device = await made.device()
        async with device.open(client_reset=discard) as realm:
            add(realm, 1, 2, 3)
            await session_of(realm).upload_all_local_changes(LIMIT)
            listener = await Heard().hear(realm.objects("Dog"))
            session_of(realm).pause()
            with realm.write():
                realm.objects("Dog")[1].name = "of here"
                realm.create("Dog", {"_id": 4, "name": "of here"})
            session_of(realm).resume()
            device.fail(realm, 208, "Bad client file ident", "ClientReset")
            await eventually(lambda: listener.told[-1].deletions, LIMIT)
            assert listener.keys == [1, 2, 3]
            assert listener.last == ((3,), (), (1,), (1,))


PROGRAM = """
import sys, realmsync
with realmsync.Realm(path=sys.argv[1]) as realm, realm.write():
    realm.objects("Pup")[1].age = 11
    realm.create("Pup", {"_id": 8, "age": 8})
"""


async def test_commits_of_another_process(realm: Realm, path: Path) -> None:
    listener = await Heard().hear(realm.objects(Pup))
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, str(path))
    assert await other.wait() == 0
    assert realm.objects(Pup).where(Pup.age == 11)[0]._id == 1  # a query notices it
    await heard(listener, 2)
    assert listener.last == ((), (5,), (1,), (1,))
