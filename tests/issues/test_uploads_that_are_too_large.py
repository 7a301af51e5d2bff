"""A transaction that the server refuses for its size stopped every realm of the user, for ever."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from devices import LIMIT, add, session_of, world
from realmsync import Realm, SessionLifecycleState, SyncError
from realmsync.server.config import TransportLimits


def add_large(realm: Realm, key: int) -> None:
    """One transaction of 300,000 bytes that do not compress."""
    with realm.write():
        realm.create("Dog", {"_id": key, "name": os.urandom(150_000).hex()})


async def test_the_others_go_on(tmp_path: Path) -> None:
    """And the transaction stays in the file, for a server that takes it."""
    errors: list[SyncError] = []
    limits = TransportLimits(max_message=100_000)
    async with world(tmp_path, transport=limits) as at:
        device, reader = await at.device(), await at.device()
        async with (
            device.open("small") as small,
            device.open("large", on_error=lambda _, error: errors.append(error)) as large,
            reader.open("small") as seen,
        ):
            add_large(large, 1)
            session = session_of(large)
            with pytest.raises(SyncError, match="100000 at most"):
                await session.upload_all_local_changes(LIMIT)
            assert session.lifecycle_state is SessionLifecycleState.INACTIVE
            for key in range(3):
                add(small, key)
                assert await session_of(small).upload_all_local_changes(LIMIT)
            assert await session_of(seen).download_all_server_changes(LIMIT)
            assert len(seen.objects("Dog")) == 3
            await asyncio.sleep(0)
            (error,) = errors
            assert error.is_fatal and "up to version" in str(error)
            assert len(large.objects("Dog")) == 1
    async with world(tmp_path) as at:  # the operator has given it more room
        device = await at.device(base_file_path=tmp_path / "device0")
        async with device.open("large", on_error=lambda _, error: errors.append(error)) as large:
            assert await session_of(large).upload_all_local_changes(LIMIT)
            assert len(errors) == 1
