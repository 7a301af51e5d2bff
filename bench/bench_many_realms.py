"""1,000 sessions multiplexed on one connection, 20 small commits each.

Reports messages per second, the time until all sessions are bound, and resident memory per session
on either side. Durability is that of a process crash on all sides, since 1,000 files on one disk
would measure its fsync; the yardstick of the time is one plain SQLite transaction per commit.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import psutil

import workloads
from clients import configuration, connect
from realmsync import Realm
from realmsync.testing import ServerProcess

SESSIONS = 1_000
COMMITS = 20
MEMORY_LIMIT = 64 * 1024  # bytes per session, either side


async def run(server: ServerProcess, folder: Path) -> dict[str, float]:
    client, host = psutil.Process(), psutil.Process(server.pid)
    app, user = await connect(server.url, "bench", folder)
    before = client.memory_info().rss, host.memory_info().rss
    start = time.perf_counter()
    realms = [
        Realm(configuration(user, f"partition-{i}", workloads.NOTE, "process"))
        for i in range(SESSIONS)
    ]
    opened = time.perf_counter()
    await asyncio.gather(*(r.sync_session.download_all_server_changes() for r in realms))
    bound = time.perf_counter()
    for commit in range(COMMITS):
        for realm in realms:
            with realm.write():
                realm.create(
                    "Note",
                    {
                        "_id": f"note-{commit}",
                        "number": commit,
                        "label": "l",
                        "value": 0.5,
                        "text": "x" * 80,
                    },
                )
        await asyncio.sleep(0)
    await asyncio.gather(*(r.sync_session.upload_all_local_changes() for r in realms))
    done = time.perf_counter()
    after = client.memory_info().rss, host.memory_info().rss
    for realm in realms:
        realm.close()
    await app.close()
    return {
        "open": opened - start,
        "bind": bound - start,
        "commits": done - bound,
        "client bytes": (after[0] - before[0]) / SESSIONS,
        "server bytes": (after[1] - before[1]) / SESSIONS,
    }


def test_many_realms(tmp_path: Path, record_ratio: Any) -> None:
    rows = workloads.rows(workloads.notes(SESSIONS * COMMITS))
    plain = workloads.PlainTable(tmp_path / "plain.sqlite", workloads.NOTE, "OFF")
    start = time.perf_counter()
    plain.fill(rows, size=1)
    yardstick = time.perf_counter() - start
    plain.close()
    with ServerProcess(data=tmp_path / "server", durability="process") as server:
        result = asyncio.run(run(server, tmp_path / "client"))
    commits = SESSIONS * COMMITS
    record_ratio(
        f"{SESSIONS:,} sessions bound, to 38 s of the original",
        result["bind"],
        38.0,
        None,
    )
    record_ratio(
        f"{commits:,} commits over {SESSIONS:,} sessions",
        result["commits"],
        yardstick,
        None,
        rate=True,
        note=f"{commits / result['commits']:,.0f}/s",
    )
    for side in ("client", "server"):
        used = result[f"{side} bytes"]
        note = f"{used / 1024:.1f} KiB"
        record_ratio(f"{side}: memory per session, to 64 KiB", used, MEMORY_LIMIT, 1.0, note=note)
