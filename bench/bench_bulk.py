"""Notes and flights: rows written, uploaded and durable on the server, and a cold second client.

Server and clients are separate processes; numbers come as NumPy columns. The yardstick is
`sqlite3.executemany` of the same rows, in the same run, WAL, synchronous=FULL, 1,000 rows per
transaction.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

import workloads
from clients import connect, synced_realm
from realmsync.testing import ServerProcess
from scale import scaled

COUNT = scaled(100_000)


async def measure(url: str, folder: Path, schema: dict[str, Any], columns: Any) -> dict[str, float]:
    """Seconds of: write while syncing until acknowledged; upload alone; download by another."""
    batches = workloads.batches(workloads.arrays(schema, columns))
    name = schema["name"]
    times = {}

    writer, user = await connect(url, "bench", folder / "writer")
    realm = await synced_realm(user, "both", schema)
    start = time.perf_counter()
    for batch in batches:
        with realm.write():
            realm.create_many(name, batch)
    await realm.sync_session.upload_all_local_changes()
    times["write and upload"] = time.perf_counter() - start
    realm.close()

    realm = await synced_realm(user, "upload", schema)
    realm.sync_session.pause()
    for batch in batches:
        with realm.write():
            realm.create_many(name, batch)
    start = time.perf_counter()
    realm.sync_session.resume()
    await realm.sync_session.upload_all_local_changes()
    times["upload"] = time.perf_counter() - start
    realm.close()
    await writer.close()

    reader, user = await connect(url, "bench", folder / "reader")
    start = time.perf_counter()
    realm = await synced_realm(user, "both", schema)
    times["download"] = time.perf_counter() - start
    assert len(realm.objects(name)) == COUNT
    realm.close()
    await reader.close()
    return times


@pytest.mark.parametrize(
    "workload, bounds",
    [
        ("flights", {"write and upload": 0.4, "upload": None, "download": 0.6}),
        ("notes", {"write and upload": None, "upload": 0.5, "download": 0.6}),
    ],
)
def test_bulk(
    workload: str, bounds: dict[str, float | None], tmp_path: Path, record_ratio: Any
) -> None:
    schema = {"flights": workloads.FLIGHT, "notes": workloads.NOTE}[workload]
    columns = getattr(workloads, workload)(COUNT)
    rows = workloads.rows(columns)
    plain = workloads.PlainTable(tmp_path / "plain.sqlite", schema)
    start = time.perf_counter()
    plain.fill(rows)
    yardstick = time.perf_counter() - start
    plain.close()
    with ServerProcess(data=tmp_path / "server") as server:
        times = asyncio.run(measure(server.url, tmp_path, schema, columns))
    for what, seconds in times.items():
        record_ratio(f"{COUNT:,} {workload}: {what}", seconds, yardstick, bounds[what], rate=True)
