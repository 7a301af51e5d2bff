"""Programs of several versions of a schema and one server (flexible-sync.md 16)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app_folders import write_app
from devices import LIMIT, Device, session_of, world
from realmsync import Realm, SyncConfiguration, SyncError
from realmsync.server.apps.sources import AppFolder

NOTE = {"name": "Note", "primaryKey": "_id", "properties": {"_id": "int", "text": "string"}}
FIELDS = {"_id": {"bsonType": "long"}, "text": {"bsonType": "string"}}
DOCUMENT = {"title": "Note", "bsonType": "object", "required": [*FIELDS], "properties": FIELDS}


def config(device: Device, version: int) -> dict[str, Any]:
    def subscribe(subscriptions: Any, realm: Realm) -> None:
        subscriptions.add(realm.objects("Note"))

    sync = SyncConfiguration(user=device.user, flexible=True, initial_subscriptions=subscribe)
    return {"schema": [NOTE], "sync": sync, "schema_version": version}


def keys(realm: Realm) -> list[int]:
    return sorted(note._id for note in realm.objects("Note"))


def add(realm: Realm, key: int) -> None:
    realm.write(lambda: realm.create("Note", {"_id": key, "text": f"note {key}"}))


async def test_a_device_goes_over_with_what_it_has_not_sent(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with await Realm.open(config(device, 0)) as realm:
            add(realm, 1)
            await session_of(realm).upload_all_local_changes(LIMIT)
            first = session_of(realm).file_ident
            async with at.server_unreachable():
                add(realm, 2)
                realm.close()
                device = await at.restart(device)
        async with await Realm.open(config(device, 1)) as realm:
            assert keys(realm) == [1, 2]
            assert session_of(realm).file_ident != first
            add(realm, 3)
            await session_of(realm).upload_all_local_changes(LIMIT)
        other = await at.device()
        async with await Realm.open(config(other, 0)) as realm:  # of the old program
            assert keys(realm) == [1, 2, 3]


async def test_the_operator_says_which_versions_there_are(tmp_path: Path) -> None:
    folder = AppFolder(
        write_app(
            tmp_path / "app",
            app_id="app",
            schema=DOCUMENT,
            sync={"type": "flexible", "partition": {}},
        ),
        schema_versions={1, 2},
    )
    async with world(tmp_path, app_folders=(folder,)) as at:
        device = await at.device()
        with pytest.raises(SyncError, match="no schema version 3") as told:
            await Realm.open(config(device, 3))
        assert told.value.code == 1046
        device = await at.restart(device)
        async with await Realm.open(config(device, 1)) as realm:
            first = session_of(realm).file_ident
        await asyncio.to_thread(session_of(realm)._wait_for_end)
        async with await Realm.open(config(device, 2)) as realm:
            assert session_of(realm).file_ident != first


def test_versions_count_from_0(tmp_path: Path) -> None:
    folder = write_app(
        tmp_path / "app", app_id="app", schema=DOCUMENT, sync={"type": "flexible", "partition": {}}
    )
    loaded = AppFolder(folder, schema_versions={-1}).load()
    assert loaded.app is None
    assert "sync.schema_versions" in [each.code for each in loaded.findings.all]
