"""A commit of one object, until 100 listeners of queries over 100,000 objects have been told of it.

Beside it: the same number of SELECTs that one would write by hand to find out what is selected now,
without comparing it with anything. And the same of listeners to single objects: with many of them
beside the one that is told, against few.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realmsync import Realm
from scale import scaled

COUNT = scaled(100_000)
LISTENERS = scaled(100)
OBSERVERS = scaled(10_000)
ROUNDS = scaled(200)
SCHEMA = [{"name": "Person", "primaryKey": "_id", "properties": {"_id": "int", "age": "int"}}]


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[Realm]:
    with Realm(path=tmp_path / "people.realm", schema=SCHEMA) as realm:
        realm.create_many("Person", {"_id": range(COUNT), "age": [i % 100 for i in range(COUNT)]})
        yield realm


@pytest.fixture
def table(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "people.db")
    connection.execute("CREATE TABLE person(id INTEGER PRIMARY KEY, age INTEGER)")
    connection.executemany("INSERT INTO person VALUES(?, ?)", ((i, i % 100) for i in range(COUNT)))
    connection.commit()
    yield connection
    connection.close()


@pytest.mark.parametrize("limit", [90, 50], ids=["a tenth is selected", "half is selected"])
def test_listeners(
    realm: Realm,
    table: sqlite3.Connection,
    yardstick: Callable[..., float],
    record_ratio: Any,
    limit: int,
) -> None:
    told = threading.Semaphore(0)
    listening = [realm.objects("Person").filtered("age >= $0", limit) for _ in range(LISTENERS)]
    for results in listening:
        results.add_listener(lambda *_: told.release())
    ages = itertools.cycle([99, 0])
    person = realm.objects("Person")[COUNT // 2]

    def all_told() -> None:
        for _ in range(LISTENERS):
            assert told.acquire(timeout=60)

    def commit() -> None:
        with realm.write():
            person.age = next(ages)
        all_told()

    def select() -> None:
        for _ in range(LISTENERS):
            table.execute("SELECT id FROM person WHERE age >= ?", (limit,)).fetchall()

    all_told()
    ours = yardstick(commit, rounds=4)
    plain = yardstick(select, rounds=4)
    rate = f"{1000 * ours / LISTENERS:.1f} ms each"
    share = f"{100 - limit} % selected"
    record_ratio(f"{LISTENERS} listeners told of one object, {share}", ours, plain, 3.0, note=rate)


def time_to_tell(realm: Realm, observers: int) -> float:
    """Seconds from a commit of one observed object until its listener has been told, the median."""
    told = threading.Semaphore(0)
    people = realm.objects("Person")[:observers]
    for person in people:
        person.add_listener(lambda *_: told.release())
    for _ in people:
        assert told.acquire(timeout=60)
    times = []
    for round in range(ROUNDS):
        start = time.perf_counter()
        with realm.write():
            people[round % observers].age = round
        assert told.acquire(timeout=60)
        times.append(time.perf_counter() - start)
    for person in people:
        person.remove_all_listeners()
    return sorted(times)[ROUNDS // 2]


def test_observers_of_single_objects(realm: Realm, record_ratio: Any) -> None:
    few, many = time_to_tell(realm, 10), time_to_tell(realm, OBSERVERS)
    rate = f"{1000 * many:.2f} ms each"
    record_ratio(f"one object told, {OBSERVERS:,} objects observed : 10", many, few, 1.5, note=rate)
