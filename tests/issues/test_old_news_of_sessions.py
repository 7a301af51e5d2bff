"""News of a session that were true when the engine told them, and old when they were heard.

That its file is free, after it was opened and closed once more: what was still uploaded was let go.
That it stops, before its client reset had taken the first step: it was resetting for ever.
"""

from __future__ import annotations

from pathlib import Path

from devices import LIMIT, add, session_of, world
from eventually import eventually
from realmsync import Realm


async def test_that_the_file_is_free(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device, other = await at.device(), await at.device()
        realm = await device.open()
        session, path = session_of(realm), realm.path
        client = device.app.sync._client
        assert client is not None
        async with at.server_unreachable():
            add(realm, 1)
            realm.close()
            client._released(session)  # of a life before this one
            assert client.by_path[str(path)] is session and Realm.exists(path=path)
        async with other.open() as seen:
            await eventually(lambda: seen.object_for_primary_key("Dog", 1) is not None)
        await session.shut_down_and_wait(LIMIT)
        assert session.explain() == "ended: its realms were closed"


async def test_that_it_stops(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            session, client = session_of(realm), device.app.sync._client
            assert client is not None

            def ask_and_stop() -> None:
                device.fail(realm, 1032, "reset", "ClientReset")
                session.pause()

            for _ in range(5):
                client._loop.call_soon_threadsafe(ask_and_stop)
                await eventually(lambda: session.state == "inactive")
                await session.pause_and_wait(LIMIT)
                session.resume()
                assert await session.upload_all_local_changes(LIMIT)
                assert await session.download_all_server_changes(LIMIT)
