"""Local writes: bulk, and one create per object, 1,000 rows per transaction, every commit durable.

The yardstick is `sqlite3.executemany` of the same rows in a plain table, WAL, synchronous=FULL,
1,000 per transaction, in the same run; both sides take the best of several turns. What a realm
writes besides the rows is the changeset of each transaction. `create_many` of everything lets its
transactions share fsyncs and is durable on return; "per transaction" waits for each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import realmsync
import workloads
from scale import scaled

COUNT = scaled(100_000)
TURNS = scaled(3)


def bulk(realm: realmsync.Realm, batches: list[Any]) -> None:
    for batch in batches:
        with realm.write():
            realm.create_many("Flight", batch)


def at_once(realm: realmsync.Realm, batches: list[Any]) -> None:
    realm.create_many("Flight", batches[0], transaction_size=workloads.ROWS_PER_TRANSACTION)


def one_by_one(realm: realmsync.Realm, batches: list[list[dict[str, Any]]]) -> None:
    for batch in batches:
        with realm.write():
            for row in batch:
                realm.create("Flight", row)


def as_numpy(batch: workloads.Columns) -> dict[str, Any]:
    """Columns of doubles as arrays with NaN for null, the others as they are."""
    import numpy

    kinds = workloads.FLIGHT["properties"]
    return {
        name: numpy.array(values, dtype=float) if kinds[name] == "double?" else values
        for name, values in batch.items()
    }


def as_rows(batch: workloads.Columns) -> list[dict[str, Any]]:
    names = list(batch)
    return [dict(zip(names, row, strict=True)) for row in zip(*batch.values(), strict=True)]


def as_columns(batch: workloads.Columns) -> workloads.Columns:
    return batch


@pytest.mark.parametrize(
    "name, write, form, must",
    [
        ("create_many of Python columns", at_once, as_columns, 0.6),
        ("create_many of NumPy columns", at_once, as_numpy, 0.6),
        ("create_many of mappings", at_once, as_rows, None),
        ("create_many per transaction", bulk, as_columns, None),
        ("one create per object", one_by_one, as_rows, 0.2),
    ],
)
def test_local_writes(
    name: str,
    write: Callable[[realmsync.Realm, Any], None],
    form: Callable[[workloads.Columns], Any],
    must: float | None,
    tmp_path: Path,
    record_ratio: Any,
) -> None:
    columns = workloads.flights(COUNT)
    size = COUNT if write is at_once else workloads.ROWS_PER_TRANSACTION
    batches = [form(batch) for batch in workloads.batches(columns, size)]
    rows = workloads.rows(columns)
    ours, plain = [], []
    for turn in range(TURNS):
        table = workloads.PlainTable(tmp_path / f"{turn}.sqlite", workloads.FLIGHT)
        start = time.perf_counter()
        table.fill(rows)
        plain.append(time.perf_counter() - start)
        table.close()
        with realmsync.Realm(path=tmp_path / f"{turn}.realm", schema=[workloads.FLIGHT]) as realm:
            start = time.perf_counter()
            write(realm, batches)
            ours.append(time.perf_counter() - start)
            assert len(realm.objects("Flight")) == COUNT
        realmsync.Realm.delete_file(path=tmp_path / f"{turn}.realm")
    record_ratio(f"{COUNT:,} flights: {name}", min(ours), min(plain), must, rate=True)
