"""What a session says of itself to an application, against a real server."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from devices import LIMIT, add, session_of, world
from realmsync import SyncTimeoutError


async def test_what_it_waits_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            session = session_of(realm)
            add(realm, 1)
            assert await session.upload_all_local_changes(LIMIT)
            assert (session.has_unsynced_changes, session.is_syncing) == (False, False)
            assert session.explain() == "connected"
            session.pause()
            add(realm, 2)
            assert (session.has_unsynced_changes, session.is_syncing) == (True, False)
            at_info = caplog.at_level(logging.INFO, "realmsync.sync.client.session")
            with at_info, pytest.raises(SyncTimeoutError) as error:
                await session.upload_all_local_changes(0.01)
            assert error.value.explanation == session.explain() == "paused until resume()"
            assert f"{error.value} The session of {realm.path}: paused" in caplog.text
            session.resume()
            assert await session.upload_all_local_changes(LIMIT)
            assert not session.has_unsynced_changes
    assert session.explain().startswith("ended: ") and not session.has_unsynced_changes
