"""How long a local commit waits while a download is being integrated in the same realm.

A commit is `with realm.write()` of one object through the public API, on the event loop that the
session lives on. Compared are the 99th percentiles, in the same realm: once nothing comes in, and
while 100,000 objects do. The server is a process of its own; commits pause as an interactive
program does, so that every part of the download is met. Shapes differ in how much one transaction
of the other client holds, and in `pending`: writes of ours that the download conflicts with, so
that our own history has to be rewritten. A changeset is applied whole or not at all, so that a
commit may have to wait for one: that of 10,000 objects is reported without a bound.

A durable commit cannot be faster than the disk: the last figure is that of a file of its own that
grows by a page and is synchronised, without SQLite and without us, in the same two situations.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import workloads
from clients import configuration, connect, synced_realm
from realmsync import OpenRealmBehaviorConfiguration, OpenRealmBehaviorType, Realm
from realmsync.testing import ServerProcess
from scale import scaled

COUNT = scaled(100_000)
PAUSE = 0.002  # s between commits
IDLE = scaled(250)  # commits in a round
ROUNDS = scaled(8)
OWN = 10**9  # keys of the measured client's objects begin here
AT_ONCE = OpenRealmBehaviorConfiguration(type=OpenRealmBehaviorType.OPEN_IMMEDIATELY)
CONTENDED = scaled(1_000)  # objects that both sides write where writes are pending


def row(key: int, text: str = "") -> dict[str, Any]:
    return {"_id": f"key-{key:012}", "number": key, "label": "own", "value": 0.5, "text": text}


def percentile(seconds: list[float], share: float = 0.99) -> float:
    return sorted(seconds)[math.ceil(len(seconds) * share) - 1]


async def feed(url: str, folder: Path, partition: str, size: int, contended: int) -> None:
    """The other client: 100,000 objects, `size` in a transaction, and writes of contended ones."""
    app, user = await connect(url, "bench", folder)
    realm = await synced_realm(user, partition, workloads.NOTE, "process")
    for number, batch in enumerate(workloads.batches(workloads.notes(COUNT), size)):
        with realm.write():
            realm.create_many("Note", batch)
            if contended:
                realm.create("Note", row(OWN + number % contended, f"feeder {number}"), "modified")
        if number % 100 == 0:
            await asyncio.sleep(0)
    await realm.sync_session.upload_all_local_changes()
    realm.close()
    await app.close()


class Committer:
    """Commits one object after another and notes how long each takes."""

    def __init__(self, realm: Realm, first: int) -> None:
        self.realm = realm
        self.key = first
        self.seconds: list[float] = []

    async def commit(self) -> None:
        self.key += 1
        values = row(self.key, "x" * 80)
        start = time.perf_counter()
        with self.realm.write():
            self.realm.create("Note", values)
        self.seconds.append(time.perf_counter() - start)
        await asyncio.sleep(PAUSE)

    def take(self) -> list[float]:
        seconds, self.seconds = self.seconds, []
        return seconds


class Syncer:
    """Appends one page after another to a file and notes how long fdatasync takes."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def sync(self) -> float:
        os.write(self.file, bytes(4096))
        start = time.perf_counter()
        os.fdatasync(self.file)
        return time.perf_counter() - start

    async def run(self, goes_on: Callable[[int], bool]) -> list[float]:
        seconds: list[float] = []
        while goes_on(len(seconds)):
            seconds.append(await asyncio.to_thread(self.sync))
            await asyncio.sleep(PAUSE)
        return seconds

    def close(self) -> None:
        os.close(self.file)


async def measure_disk(url: str, folder: Path, partition: str) -> tuple[list[float], list[float]]:
    """Seconds of fdatasync alone while nothing comes in, and during the download."""
    app, user = await connect(url, "bench", folder)
    syncer = Syncer(folder / "alone")
    idle = await syncer.run(lambda done: done < IDLE)
    realm = await Realm.open(
        configuration(user, partition, workloads.NOTE, new_realm_file_behavior=AT_ONCE)
    )
    download = asyncio.create_task(realm.sync_session.download_all_server_changes())
    busy = await syncer.run(lambda _: not download.done())
    assert await download
    syncer.close()
    realm.close()
    await app.close()
    return idle, busy


async def measure(
    url: str, folder: Path, partition: str, pending: int, first: int
) -> tuple[list[float], list[float]]:
    """Seconds of commits in a quiet realm, and of those during the download."""
    app, user = await connect(url, "bench", folder)
    realm = await synced_realm(user, f"{partition}-quiet", workloads.NOTE)
    await realm.sync_session.download_all_server_changes()
    committer = Committer(realm, first)
    for _ in range(IDLE):
        await committer.commit()
    idle = committer.take()
    realm.close()

    realm = await Realm.open(
        configuration(user, partition, workloads.NOTE, new_realm_file_behavior=AT_ONCE)
    )
    session = realm.sync_session
    session.pause()
    for key in range(pending):
        with realm.write():
            realm.create("Note", row(OWN + key, f"own {key}"), "modified")
    committer = Committer(realm, first)
    session.resume()
    download = asyncio.create_task(session.download_all_server_changes())
    while not download.done():
        await committer.commit()
    assert await download
    assert len(realm.objects("Note")) >= COUNT
    realm.close()
    await app.close()
    return idle, committer.take()


SHAPES = [(10, 0), (100, 0), (1_000, 0), (10_000, 0), (100, CONTENDED)]


@pytest.mark.parametrize("size, pending", SHAPES, ids=lambda value: str(value))
def test_commits_during_a_download(
    size: int, pending: int, tmp_path: Path, record_ratio: Callable[..., Any]
) -> None:
    idle: list[float] = []
    busy: list[float] = []
    with ServerProcess(data=tmp_path / "server", durability="process") as server:
        partition = f"{size}-{pending}"
        asyncio.run(feed(server.url, tmp_path / "feeder", partition, size, pending))
        for turn in range(ROUNDS):
            folder = tmp_path / f"client-{turn}"
            first = OWN * (turn + 2)
            more = asyncio.run(measure(server.url, folder, partition, pending, first))
            idle += more[0]
            busy += more[1]
    name = f"p99 of a commit in a download, {size:,} objects per changeset"
    if pending:
        name += f", {pending:,} writes of ours in conflict"
    must = 5.0 if size <= 1_000 else None
    record_ratio(name, percentile(busy), percentile(idle), must, note=f"{len(busy):,} commits")
    median = percentile(busy, 0.5)
    record_ratio(name.replace("p99", "median"), median, percentile(idle, 0.5), None)


def test_the_disk_alone_during_a_download(tmp_path: Path, record_ratio: Callable[..., Any]) -> None:
    idle: list[float] = []
    busy: list[float] = []
    with ServerProcess(data=tmp_path / "server", durability="process") as server:
        asyncio.run(feed(server.url, tmp_path / "feeder", "alone", 1_000, 0))
        for turn in range(ROUNDS):
            more = asyncio.run(measure_disk(server.url, tmp_path / f"client-{turn}", "alone"))
            idle += more[0]
            busy += more[1]
    for share, name in ((0.99, "p99"), (0.5, "median")):
        name += " of an fdatasync of another file in a download, 1,000 objects per changeset"
        record_ratio(name, percentile(busy, share), percentile(idle, share), None)
