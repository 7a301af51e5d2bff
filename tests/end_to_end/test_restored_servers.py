"""A server that was restored from a backup has lost what it had acknowledged since: devices keep
it, in both ways to synchronise and in every mode of client resets, and the application is told.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

import realmsync
from devices import LIMIT, session_of
from realmsync import App, ClientResetConfiguration, Credentials, Realm, SyncConfiguration
from realmsync.testing import ServerProcess

pytestmark = pytest.mark.no_asan

MODES = (  # and how much others upload to the restored server before the device is back
    ("recoverUnsyncedChanges", 0),
    ("recoverOrDiscardUnsyncedChanges", 20),
    ("discardUnsyncedChanges", 0),
)


class Job(realmsync.Object):
    _id: int = realmsync.primary_key()
    text: str = ""


async def opened(app: App, *, flexible: bool, **settings: Any) -> Realm:
    def everything(subscriptions: Any, realm: Realm) -> None:
        subscriptions.add(realm.objects(Job))

    how: dict[str, Any] = {"partition_value": "p"}
    if flexible:
        how = {"flexible": True, "initial_subscriptions": everything}
    user = app.current_user or await app.log_in(Credentials.anonymous())
    sync = SyncConfiguration(user=user, **how, **settings)
    return await Realm.open(schema=[Job], sync=sync)


async def uploaded(realm: Realm, *keys: int) -> None:
    for key in keys:
        async with realm.write():
            realm.create(Job, {"_id": key})
    assert await session_of(realm).upload_all_local_changes(LIMIT)


def keys(realm: Realm) -> set[int]:
    return {job._id for job in realm.objects(Job)}


@pytest.mark.parametrize(("mode", "others"), MODES)
@pytest.mark.parametrize("flexible", [False, True])
async def test_what_was_acknowledged_is_kept(
    tmp_path: Path, flexible: bool, mode: Any, others: int
) -> None:
    data, backup = tmp_path / "server", tmp_path / "backup"
    told: list[str] = []
    resets = ClientResetConfiguration(mode=mode, on_discard=lambda _, path: told.append(path))
    with ServerProcess(data) as server:
        async with (
            App("app", base_url=server.url, base_file_path=tmp_path / "one") as one,
            App("app", base_url=server.url, base_file_path=tmp_path / "two") as two,
        ):
            with await opened(one, flexible=flexible, client_reset=resets) as realm:
                await uploaded(realm, 1)
                session = session_of(realm)
                await session.pause_and_wait(LIMIT)
                await asyncio.to_thread(server.stop)
                shutil.copytree(data, backup)
                await asyncio.to_thread(server.start)
                session.resume()
                await uploaded(realm, 2)
                await session.pause_and_wait(LIMIT)
                await asyncio.to_thread(server.stop)
                shutil.rmtree(data)
                backup.rename(data)
                await asyncio.to_thread(server.start)
                if others:
                    with await opened(two, flexible=flexible) as other:
                        await uploaded(other, *range(100, 100 + others))
                session.resume()
                assert await session.download_all_server_changes(LIMIT)
                assert keys(realm) == {1, *range(100, 100 + others)}
                assert told == one.sync.recovered_changes
                assert len(told) == 1
                with Realm(path=told[0], schema=[Job]) as kept:
                    assert keys(kept) == {1, 2}
