"""create_many beyond plain loads: modes, the asynchronous form, interruptions (issue: Ctrl-C)."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

import realmsync
from realmsync import (
    InvalidArgumentError,
    MissingPropertyValueError,
    ObjectAlreadyExistsError,
    PropertyTypeError,
    Realm,
    WrongTransactionStateError,
)

Instructions = Callable[[Realm], list[dict[str, Any]]]


class Item(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str
    price: float | None
    count: int = 7


class Number(realmsync.Object):
    _id: int = realmsync.primary_key()
    value: float


FORMS: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "rows": lambda c: [dict(zip(c, row, strict=True)) for row in zip(*c.values(), strict=True)],
    "lists": lambda c: c,
    "arrays": lambda c: {name: np.array(values) for name, values in c.items()},
    "arrow": pyarrow.table,
}


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[Realm]:
    with Realm(path=tmp_path / "r.realm", schema=[Item, Number]) as opened:
        yield opened


@pytest.fixture
def filled(realm: Realm) -> Realm:
    realm.create_many(Item, [{"_id": k, "name": "old", "price": k, "count": 1} for k in range(3)])
    return realm


def rows(realm: Realm) -> list[tuple[Any, ...]]:
    return [(i._id, i.name, i.price, i.count) for i in realm.objects(Item)]


async def load(realm: Realm, asynchronous: bool, *args: Any, **options: Any) -> int:
    if asynchronous:
        return await realm.create_many_async(*args, **options)
    return realm.create_many(*args, **options)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["modified", "all"])
async def test_existing_objects_are_updated(
    filled: Realm, form: str, mode: str, asynchronous: bool, last: Instructions
) -> None:
    given = FORMS[form](
        {"_id": [0, 1, 5], "name": ["old", "new", "made"], "price": [0.0, 9.5, 5.0]}
    )
    assert await load(filled, asynchronous, Item, given, mode=mode) == 3
    assert rows(filled) == [
        (0, "old", 0.0, 1),
        (1, "new", 9.5, 1),
        (2, "old", 2.0, 1),
        (5, "made", 5.0, 7),
    ]
    updated = [i["pk"]["v"] for i in last(filled) if i["op"] == "Update"]
    assert len([key for key in updated if key in (0, 1)]) == (2 if mode == "modified" else 4)


@pytest.mark.parametrize("form", FORMS)
def test_without_a_mode_they_are_refused(filled: Realm, form: str) -> None:
    before = rows(filled)
    given = FORMS[form]({"_id": [7, 1], "name": ["new", "new"]})
    for options in ({}, {"mode": "never"}):
        with pytest.raises(ObjectAlreadyExistsError):
            filled.create_many(Item, given, **options)
    assert rows(filled) == before
    with pytest.raises(InvalidArgumentError, match="unknown mode"):
        filled.create_many(Item, given, mode="sometimes")  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_existing_objects_need_no_other_property(filled: Realm, form: str) -> None:
    given = FORMS[form]({"_id": [2, 0], "price": [0.25, 0.5]})
    assert filled.create_many(Item, given, mode="modified") == 2
    assert [(k, p) for k, _, p, _ in rows(filled)] == [(0, 0.5), (1, 1.0), (2, 0.25)]
    before = rows(filled)
    with pytest.raises(MissingPropertyValueError, match="name"):
        filled.create_many(Item, FORMS[form]({"_id": [0, 8], "price": [1.0, 2.0]}), mode="all")
    assert rows(filled) == before


def test_a_key_twice_and_null(filled: Realm) -> None:
    given = {"_id": [8, 8, 1], "name": ["a", "b", "old"], "price": [1.0, None, None]}
    assert filled.create_many(Item, given, mode="modified") == 3
    assert rows(filled)[1] == (1, "old", None, 1)
    assert rows(filled)[3] == (8, "b", None, 7)


def test_more_rows_than_are_held_back(realm: Realm) -> None:
    keys = np.arange(5_000)
    realm.create_many(Item, {"_id": keys, "name": ["x"] * 5_000})
    realm.create_many(Item, {"_id": keys * 2, "name": ["y"] * 5_000}, mode="modified")
    realm.create_many(
        Item, ({"_id": int(k), "name": "z"} for k in keys * 4), mode="all", transaction_size=999
    )
    names = {i._id: i.name for i in realm.objects(Item)}
    assert len(names) == 5_000 + 2_500 + 2_500
    assert all(
        name == ("z" if key % 4 == 0 else "y" if key % 2 == 0 else "x")
        for key, name in names.items()
    )


# The asynchronous form.


def many(count: int) -> Any:
    return {"_id": np.arange(count), "name": ["x"] * count}


async def ticks(while_running: asyncio.Task[Any]) -> int:
    count = 0
    while not while_running.done():
        await asyncio.sleep(0)
        count += 1
    return count


@pytest.mark.parametrize("form", ["columns", "rows"])
@pytest.mark.parametrize("size", [None, 7_000])
async def test_the_loop_runs_meanwhile(realm: Realm, form: str, size: int | None) -> None:
    given = many(40_000) if form == "columns" else ({"_id": k, "name": "x"} for k in range(40_000))
    loading = asyncio.create_task(realm.create_many_async(Item, given, transaction_size=size))
    assert await ticks(loading) > 5
    assert await loading == 40_000
    assert len(realm.objects(Item)) == 40_000
    assert not realm.is_in_transaction


async def test_it_belongs_to_an_open_transaction(realm: Realm) -> None:
    with pytest.raises(ZeroDivisionError):
        async with realm.write():
            await realm.create_many_async(Item, many(20_000))
            raise ZeroDivisionError
    assert rows(realm) == []
    async with realm.write():
        with pytest.raises(PropertyTypeError):
            await realm.create_many_async(Item, {**many(20_000), "name": ["x"] * 19_999 + [1]})
        assert len(realm.objects(Item)) == 0
        assert await realm.create_many_async(Item, many(3)) == 3
        with pytest.raises(InvalidArgumentError):
            await realm.create_many_async(Item, many(3), transaction_size=1)
    assert len(realm.objects(Item)) == 3


async def test_other_tasks_neither_join_nor_hinder(realm: Realm) -> None:
    first = asyncio.create_task(realm.create_many_async(Item, many(20_000)))
    await asyncio.sleep(0)
    second = asyncio.create_task(realm.create_many_async(Item, [{"_id": -1, "name": "second"}]))
    with pytest.raises(WrongTransactionStateError):
        await asyncio.create_task(create_one(realm))
    assert await asyncio.gather(first, second) == [20_000, 1]
    assert len(realm.objects(Item)) == 20_001


async def create_one(realm: Realm) -> None:
    realm.create(Item, {"_id": -2, "name": "stranger"})


@pytest.mark.parametrize("inside", [False, True])
async def test_cancelled_it_leaves_nothing(realm: Realm, inside: bool) -> None:
    async def work() -> None:
        if not inside:
            await realm.create_many_async(Item, many(200_000))
            return
        async with realm.write():
            realm.create(Item, {"_id": -1, "name": "before"})
            with pytest.raises(asyncio.CancelledError):
                await realm.create_many_async(Item, many(200_000))

    loading = asyncio.create_task(work())
    for _ in range(6):
        await asyncio.sleep(0)
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)
    assert [r[0] for r in rows(realm)] == ([-1] if inside else [])
    assert await realm.create_many_async(Item, many(2)) == 2


async def test_a_realm_closed_meanwhile(realm: Realm) -> None:
    loading = asyncio.create_task(realm.create_many_async(Item, many(200_000)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    realm.close()
    with pytest.raises(realmsync.RealmError):
        await loading


# Interruptions.


@contextmanager
def interrupted() -> Iterator[None]:
    """A signal after a moment, handled as Ctrl-C is."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)  # needs no thread, which would need the GIL
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


COUNT = 4_000_000  # seconds of work
ENDLESS: dict[str, Callable[[], Any]] = {
    "arrays": lambda: {"_id": np.arange(1, COUNT), "value": np.ones(COUNT - 1)},
    "objects": lambda: {"_id": np.arange(1, COUNT), "value": [1.5] * (COUNT - 1)},
    "rows": lambda: [{"_id": 1, "value": 1.5}] * COUNT,
}


@pytest.mark.parametrize("form", ENDLESS)
def test_ctrl_c_undoes_a_load(realm: Realm, form: str) -> None:
    with realm.write():
        realm.create(Number, {"_id": 0, "value": 0.5})
    given = ENDLESS[form]()
    with interrupted(), pytest.raises(KeyboardInterrupt):
        realm.create_many(Number, given, mode="all")
    assert not realm.is_in_transaction
    assert [(n._id, n.value) for n in realm.objects(Number)] == [(0, 0.5)]
    assert realm.create_many(Number, [{"_id": 1, "value": 2.5}]) == 1


def test_ctrl_c_ends_a_wait_for_the_turn(tmp_path: Path, realm: Realm) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with Realm(path=realm.path, schema=[Item]) as mine, mine.write():
            held.set()
            assert release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        with interrupted(), pytest.raises(KeyboardInterrupt):
            realm.begin_transaction()
    finally:
        release.set()
        thread.join()
    with realm.write(timeout=30):
        realm.create(Item, {"_id": 1, "name": "after"})
