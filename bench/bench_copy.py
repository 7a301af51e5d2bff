"""Copies of a realm of 100,000 flights and 100,000 notes (`realm.write_copy_to`), durable.

The yardstick is SQLite's own `VACUUM INTO` of the same file, then an fsync, in the same run; sides
take turns, each its best. A copy that leaves sync has no history; one that begins it gets all
objects once more, as changesets to be uploaded.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import realmsync
import workloads
from realmsync._core import CopyKind, FileCopy
from scale import scaled

COUNT = scaled(100_000)
TURNS = scaled(5)
MUST = {CopyKind.whole: 1.5, CopyKind.local: 1.5, CopyKind.synced: None}


def vacuum_into(source: str, target: str) -> None:
    connection = sqlite3.connect(source)
    connection.execute("VACUUM INTO ?", (target,))
    connection.close()
    descriptor = os.open(target, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)


def filled(path: Path, count: int) -> realmsync.Realm:
    realm = realmsync.Realm(path=path, schema=[workloads.FLIGHT, workloads.NOTE])
    realm.create_many("Flight", workloads.flights(count), transaction_size=1_000)
    realm.create_many("Note", workloads.notes(count), transaction_size=1_000)
    return realm


def seconds(write: Callable[[str], None], target: Path) -> float:
    start = time.perf_counter()
    write(str(target))
    taken = time.perf_counter() - start
    target.unlink()
    return taken


def copying(realm: realmsync.Realm, kind: CopyKind) -> Callable[[str], None]:
    return lambda target: FileCopy(realm._file, target, kind).run()


def test_copies(tmp_path: Path, record_ratio: Any) -> None:
    plain: list[float] = []
    ours: dict[CopyKind, list[float]] = {kind: [] for kind in MUST}
    with filled(tmp_path / "r.realm", COUNT) as realm:
        for _ in range(TURNS):
            plain.append(seconds(partial(vacuum_into, realm.path), tmp_path / "plain"))
            for kind, times in ours.items():
                times.append(seconds(copying(realm, kind), tmp_path / "copy"))
    for kind, must in MUST.items():
        name = f"copy of a realm, {kind.name} : VACUUM INTO"
        record_ratio(name, min(ours[kind]), min(plain), must)


def test_growth(tmp_path: Path, record_ratio: Any) -> None:
    """Four times as much takes four times as long, also where all is written once more."""
    taken = {}
    for size in (COUNT, COUNT // 4):
        with filled(tmp_path / f"{size}.realm", size) as realm:
            copy = copying(realm, CopyKind.synced)
            taken[size] = min(seconds(copy, tmp_path / "copy") for _ in range(TURNS))
    ratio = (taken[COUNT], 4 * taken[COUNT // 4])
    record_ratio("copy of a realm, synced, 4 n : 4 times n", *ratio, 1.5)
