"""One object per transaction, until visible at a second client.

Three processes: server, writer, reader. The yardstick is transactions per second of plain sqlite3
with one such row each, at the same durability, in the same run. The writer is an ingestion service:
64 tasks, each awaiting its own transaction.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import workloads
from clients import connect, synced_realm
from realmsync.testing import ServerProcess
from scale import scaled

COUNT = scaled(20_000)
TASKS = 64


async def ingest(url: str, folder: Path, durability: str) -> float:
    """Seconds from the first write until the reader sees the last object."""
    columns = workloads.notes(COUNT)
    names = list(columns)
    rows = [dict(zip(names, row, strict=True)) for row in workloads.rows(columns)]
    app, user = await connect(url, "bench", folder / "writer")
    realm = await synced_realm(user, "live", workloads.NOTE, durability)
    await realm.sync_session.upload_all_local_changes()
    reader = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parent / "peer.py"),
        *(url, "bench", "live", str(folder / "reader"), "NOTE", str(COUNT), durability),
        stdout=subprocess.PIPE,
    )
    assert reader.stdout is not None
    assert await reader.stdout.readline() == b"open\n"

    async def write(part: list[dict[str, Any]]) -> None:
        for row in part:
            async with realm.write():
                realm.create("Note", row)

    start = time.monotonic()
    await asyncio.gather(*(write(rows[i::TASKS]) for i in range(TASKS)))
    seen = float(await reader.stdout.readline())
    await reader.wait()
    realm.close()
    await app.close()
    return seen - start


def plain_transactions(folder: Path, synchronous: str) -> float:
    rows = workloads.rows(workloads.notes(COUNT))
    table = workloads.PlainTable(folder / "plain.sqlite", workloads.NOTE, synchronous)
    start = time.perf_counter()
    table.fill(rows, size=1)
    seconds = time.perf_counter() - start
    table.close()
    return seconds


@pytest.mark.parametrize("durability, synchronous", [("full", "FULL"), ("process", "OFF")])
def test_live_ingest(durability: str, synchronous: str, tmp_path: Path, record_ratio: Any) -> None:
    yardstick = plain_transactions(tmp_path, synchronous)
    with ServerProcess(data=tmp_path / "server", durability=durability) as server:
        seconds = asyncio.run(ingest(server.url, tmp_path, durability))
    must = 1.0 if durability == "full" else None
    note = f"{COUNT / seconds:,.0f}/s"
    name = f"live ingest, {durability} durability"
    record_ratio(name, seconds, yardstick, must, rate=True, note=note)
    if durability == "process":
        record_ratio("live ingest against 5,000/s", seconds, COUNT / 5_000, 1.0, rate=True)
