"""Realms whose server goes over from partitions to flexible sync and back, through the public API.

Specification: flexible-sync.md 15; tests/vectors/wire-flx (flx_migrate).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devices import Device, session_of
from eventually import eventually
from realmsync import Configuration, IllegalOperationError, Realm, SyncConfiguration
from realmsync.errors import InvalidatedObjectError
from realmsync.sync import OPEN_LOCAL_REALM_BEHAVIOR
from recorded_server import RecordedServer

SCHEMA = [
    {
        "name": "Dog",
        "primaryKey": "_id",
        "properties": {"_id": "int", "name": "string", "realm_id": "string?", "owner": "Person"},
    },
    {
        "name": "Person",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "name": "string",
            "age": "int?",
            "realm_id": "string?",
            "dog": "Dog",
        },
    },
]
Objects = dict[str, list[dict[str, Any]]]


@pytest.fixture
def recording(vectors: Path) -> Path:
    return vectors / "wire-flx" / "flx_migrate.jsonl"


@pytest.fixture
def server(recording: Path) -> Iterator[RecordedServer]:
    server = RecordedServer(recording)
    yield server
    server.close()


def objects(realm: Realm) -> Objects:
    """As the recording's results have them."""
    return {
        cls["name"]: [
            {name: plain(getattr(one, name)) for name in cls["properties"]}
            for one in realm.objects(cls["name"])
        ]
        for cls in SCHEMA
    }


def plain(value: Any) -> Any:
    return value._id if hasattr(value, "_id") else value


def without_nulls(of: Objects) -> Objects:
    return {
        cls: [{k: v for k, v in one.items() if v is not None} for one in found]
        for cls, found in of.items()
    }


def objects_are(realm: Realm, expected: Objects) -> Callable[[], bool]:
    def are() -> bool:
        try:
            return without_nulls(objects(realm)) == without_nulls(expected)
        except InvalidatedObjectError:  # a reset was committed between two of the reads
            return False

    return are


async def write(realm: Realm, key: int, name: str, **values: Any) -> None:
    """And uploads it."""
    realm.write(lambda: create(realm, key, name, **values))
    await session_of(realm).upload_all_local_changes()


async def test_the_recorded_migration_and_back(
    device: Device, server: RecordedServer, recording: Path
) -> None:
    """232, 234 and 233, with what was written meanwhile: the same messages and objects."""
    result = json.loads(recording.with_suffix("").with_suffix(".result.json").read_text())
    told = {event[1]: event[2] for event in result["events"] if len(event) > 2}
    sync = SyncConfiguration(user=device.user, partition_value="foo")
    config = Configuration(schema=SCHEMA, sync=sync)
    async with await Realm.open(config) as realm:
        await session_of(realm).upload_all_local_changes()
        await write(realm, 5, "pbs", age=5, realm_id="foo")
        assert objects_are(realm, told["pbs"])()
    await eventually(lambda: server.sessions[0].is_over)
    server.held.add(1)
    sync = dataclasses.replace(sync, existing_realm_file_behavior=OPEN_LOCAL_REALM_BEHAVIOR)
    async with await Realm.open(Configuration(schema=SCHEMA, sync=sync)) as realm:
        realm.write(lambda: create(realm, 6, "pbs-offline", age=6, realm_id="foo"))
        server.release(1)
        await eventually(objects_are(realm, told["migrated"]))
        with pytest.raises(IllegalOperationError, match="partition based sync"):
            _ = realm.subscriptions
        await session_of(realm).upload_all_local_changes()
        await write(realm, 7, "after-migration", age=7)
        assert objects_are(realm, told["reopened"])()
        await write(realm, 8, "before-rollback", age=8)
        server.act()  # 234
        await eventually(objects_are(realm, told["rolled-back"]))
        await session_of(realm).download_all_server_changes()
        await write(realm, 10, "pbs-again", age=8)
        server.act()  # 233
        await eventually(lambda: len(server.said()) == 8)
        await session_of(realm).download_all_server_changes()
        assert objects_are(realm, result["final"])()
    assert server.said() == [session.said for session in server.recorded]


def create(realm: Realm, key: int, name: str, **values: Any) -> None:
    realm.create("Person", {"_id": key, "name": name, **values})
