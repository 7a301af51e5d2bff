"""Without multiplexing 100 of a user's 200 realms never synchronised: each has a websocket."""

from __future__ import annotations

import asyncio
from pathlib import Path

from devices import LIMIT, add, session_of, world


async def test_all_of_them_synchronise(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device(multiplex_sessions=False)
        realms = [await device.open(n) for n in range(120)]
        for realm in realms:
            add(realm, 1)
        waits = [session_of(realm).upload_all_local_changes(LIMIT) for realm in realms]
        assert all(await asyncio.gather(*waits))
        assert at.server.status()["websockets"] == 120
        for realm in realms:
            realm.close()
