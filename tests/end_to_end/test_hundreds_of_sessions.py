"""Hundreds of realms of two devices, over one connection each (client-session.md 8)."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from devices import LIMIT, add, session_of, world
from eventually import eventually

pytestmark = pytest.mark.no_asan

COUNT = 150


async def test_all_of_them_synchronise(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        writer, reader = await at.device(), await at.device()
        ours = await asyncio.gather(*(writer.open(n) for n in range(COUNT)))
        theirs = await asyncio.gather(*(reader.open(n) for n in range(COUNT)))
        for realm in ours:
            add(realm, 1)
        await asyncio.gather(*(session_of(r).upload_all_local_changes(LIMIT) for r in ours))
        await asyncio.gather(*(session_of(r).download_all_server_changes(LIMIT) for r in theirs))
        assert all(len(realm.objects("Dog")) == 1 for realm in theirs)
        status = at.server.status()
        assert status["websockets"] == 2 and status["engine"]["sessions"] == 2 * COUNT
        # One of them pauses: all others go on.
        session_of(theirs[7]).pause()
        for realm in ours:
            add(realm, 2)
        await asyncio.gather(*(session_of(r).upload_all_local_changes(LIMIT) for r in ours))
        others = [realm for realm in theirs if realm is not theirs[7]]
        await asyncio.gather(*(session_of(r).download_all_server_changes(LIMIT) for r in others))
        assert all(len(realm.objects("Dog")) == 2 for realm in others)
        assert len(theirs[7].objects("Dog")) == 1
        session_of(theirs[7]).resume()
        await session_of(theirs[7]).download_all_server_changes(LIMIT)
        assert len(theirs[7].objects("Dog")) == 2
        for realm in [*ours, *theirs]:
            realm.close()


async def test_a_lost_server_is_one_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not one of each session."""
    caplog.set_level(logging.WARNING, "realmsync.sync")
    async with world(tmp_path) as at:
        device = await at.device(base_url=at.server.url)  # whose port then is closed
        realms = [await device.open(n) for n in range(30)]
        await at.server.stop()
        await eventually(lambda: any("session of" in line for line in caplog.messages), 3 * LIMIT)
        for realm in realms:
            realm.close()
    lines = [line for line in caplog.messages if "session of" in line]
    assert lines and all("and of 29 others: " in line for line in lines)
