"""A second client in a process of its own: opens the benchmark's partition and counts objects.

Usage: peer.py URL APP PARTITION FOLDER SCHEMA COUNT [DURABILITY]. Prints "open" when the realm is
open, then the monotonic time at which COUNT objects were visible.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import workloads
from clients import connect, synced_realm


async def main() -> None:
    url, app_id, partition, folder, schema, count, *rest = sys.argv[1:]
    app, user = await connect(url, app_id, Path(folder))
    realm = await synced_realm(
        user, partition, getattr(workloads, schema), durability=rest[0] if rest else "full"
    )
    print("open", flush=True)
    objects = realm.objects(getattr(workloads, schema)["name"])
    while len(objects) < int(count):
        await realm.sync_session.download_all_server_changes()
    print(time.monotonic(), flush=True)
    realm.close()
    await app.close()


asyncio.run(main())
