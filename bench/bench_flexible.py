"""Flexible sync: large uploads and bootstraps.

Uploads are measured at the server's engine, without sockets, its database on a disk in memory; the
yardstick is partition-based sync of the same changes in the same process. Bootstraps go from a
server process to a cold client; the yardstick is `sqlite3.executemany` of the same rows, WAL,
synchronous=FULL, 1,000 rows per transaction.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import workloads
from clients import connect
from realmsync import Configuration, Realm, SyncConfiguration, User, _testbed
from realmsync.inspect import encode_changeset
from realmsync.testing import ServerProcess
from scale import scaled

FLIGHTS = scaled(100_000)
ATTEMPTS = 3  # of both sides: the disk has good and bad moments
OBJECTS = scaled(60_000)  # of one transaction
CREATED, UPDATED, DELETED = "created", "updated", "deleted"
# Partition-based sync deletes without reading; here each object is judged as it was.
MUST = {CREATED: 0.5, UPDATED: 0.5, DELETED: 0.25}


class Uploader:
    """One session at an engine of its own."""

    def __init__(self, mode: str) -> None:
        protocol = {"flexible": "realm-query-sync", "partition": "realm-sync"}[mode]
        self._runtime = _testbed.start_server(_testbed.ServerStorage(1), seed=1)
        self._connection = self._runtime.open_connection(
            "app", "user", f"com.mongodb.{protocol}#14", 0
        )
        self._now = 0
        self._version = 1  # of the client
        self._base = 0
        self._acknowledged = 0
        data = b'{"sessionReason":0}' if mode == "flexible" else b'"p"'
        self._send(b"bind 1 %d 0 1 0\n" % len(data) + data)
        file, salt = self._run("ident")[2:4]
        self._send(
            b"ident 1 %s %s 0 0 0 0" % (file, salt) + (b" 0 2\n{}" if mode == "flexible" else b"\n")
        )
        self.upload(schema())
        if mode == "flexible":
            query = b'{"Item":"TRUEPREDICATE"}'
            self._send(b"query 1 1 %d\n" % len(query) + query)
            self._send(b"mark 1 1\n")
            self._run("mark")

    def _send(self, message: bytes) -> None:
        self._runtime.receive(self._connection, message, self._now)

    def _run(self, wanted: str) -> list[bytes]:
        """The words of the first such message."""
        for _ in range(1_000):
            self._now += 1
            self._runtime.drain(self._now)
            while (message := self._runtime.next_message(self._connection, self._now)) is not None:
                words: list[bytes] = message.partition(b"\n")[0].split()
                kind = words[0].decode()
                assert "error" not in kind, message
                if kind == "download":
                    self._base = int(words[2])
                    self._acknowledged = int(words[6])
                if kind == wanted:
                    return words
        raise AssertionError(f"there was no {wanted}")

    def upload(self, changeset: bytes) -> float:
        """Seconds until it is acknowledged."""
        self._version += 1
        body = b"%d %d 1000 0 %d " % (self._version, self._base, len(changeset)) + changeset
        head = b"upload 1 0 %d 0 %d %d %d\n" % (len(body), self._version, self._base, self._base)
        message = head + body
        start = time.perf_counter()
        self._send(message)
        while self._acknowledged < self._version:
            self._run("download")
        return time.perf_counter() - start


def schema() -> bytes:
    column = {"op": "AddColumn", "table": "Item", "nullable": False, "collection": 0}
    return encode_changeset(
        [
            {
                "op": "AddTable",
                "table": "Item",
                "pk_field": "_id",
                "pk_type": 1,
                "pk_nullable": False,
                "asymmetric": False,
            },
            {**column, "field": "owner", "type": 3},
            {**column, "field": "size", "type": 1},
        ]
    )


def changes(what: str) -> bytes:
    on: dict[str, Any]
    instructions = []
    for key in range(OBJECTS):
        on = {"table": "Item", "pk": {"t": "int", "v": key}}
        if what == DELETED:
            instructions.append({"op": "EraseObject", **on})
            continue
        if what == CREATED:
            owner = {"t": "string", "v": f"user {key % 100}"}
            instructions.append({"op": "CreateObject", **on})
            instructions.append(update("owner", owner, on))
        instructions.append(update("size", {"t": "int", "v": key + len(what)}, on))
    return encode_changeset(instructions)


def update(field: str, value: dict[str, Any], on: dict[str, Any]) -> dict[str, Any]:
    return {"op": "Update", **on, "field": field, "path": [], "value": value, "is_default": False}


def test_one_transaction_of_many_objects(record_ratio: Any) -> None:
    flexible, plain = Uploader("flexible"), Uploader("partition")
    for what, must in MUST.items():
        changeset = changes(what)
        yardstick = plain.upload(changeset)
        ours = flexible.upload(changeset)
        record_ratio(f"flexible sync: {OBJECTS:,} objects {what}", ours, yardstick, must, rate=True)


def configuration(user: User) -> Configuration:
    def all_flights(subscriptions: Any, realm: Realm) -> None:
        subscriptions.add(realm.objects("Flight"))

    sync = SyncConfiguration(user=user, flexible=True, initial_subscriptions=all_flights)
    return Configuration(schema=[workloads.FLIGHT], sync=sync)


async def bootstrap(url: str, folder: Path) -> float:
    """Seconds of the best of a few devices, one after another."""
    writer, user = await connect(url, "bench", folder / "writer")
    realm = await Realm.open(configuration(user))
    for batch in workloads.batches(workloads.arrays(workloads.FLIGHT, workloads.flights(FLIGHTS))):
        with realm.write():
            realm.create_many("Flight", batch)
    assert realm.sync_session is not None
    await realm.sync_session.upload_all_local_changes()
    realm.close()
    await writer.close()
    times = []
    for number in range(ATTEMPTS):
        reader, user = await connect(url, "bench", folder / f"reader{number}")
        start = time.perf_counter()
        realm = await Realm.open(configuration(user))
        times.append(time.perf_counter() - start)
        assert len(realm.objects("Flight")) == FLIGHTS
        realm.close()
        await reader.close()
    return min(times)


def inserted(path: Path, rows: list[tuple[Any, ...]]) -> float:
    plain = workloads.PlainTable(path, workloads.FLIGHT)
    start = time.perf_counter()
    plain.fill(rows)
    seconds = time.perf_counter() - start
    plain.close()
    return seconds


def test_bootstrap_of_flights(tmp_path: Path, record_ratio: Any) -> None:
    rows = workloads.rows(workloads.flights(FLIGHTS))
    yardstick = min(inserted(tmp_path / f"plain{n}.sqlite", rows) for n in range(ATTEMPTS))
    with ServerProcess(data=tmp_path / "server") as server:
        seconds = asyncio.run(bootstrap(server.url, tmp_path))
    record_ratio(
        f"flexible sync: bootstrap of {FLIGHTS:,} flights", seconds, yardstick, 0.5, rate=True
    )
