"""Flexible realms that are opened with another version of the schema than their file was served
under (flexible-sync.md 16; client-session.md 14.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from devices import LIMIT, Device, session_of
from eventually import eventually
from flexible_server import STRING, FlexibleServer, error
from realmsync import (
    InvalidSchemaChangeError,
    MismatchedConfigError,
    OpenRealmBehaviorConfiguration,
    Realm,
    SessionState,
    SyncConfiguration,
    SyncError,
    SyncTimeoutError,
)

INTEGER = 1
SCHEMA_MIGRATION_ERROR = 1046
OLD = {"name": "Dog", "primaryKey": "_id", "properties": {"_id": "int", "tag": "string"}}
NEW = {"name": "Dog", "primaryKey": "_id", "properties": {"_id": "int", "tag": "int"}}
CAT = {"name": "Cat", "primaryKey": "_id", "properties": {"_id": "int"}}


@pytest.fixture
def server() -> Iterator[FlexibleServer]:
    server = FlexibleServer({"Dog": {"tag": STRING}, "Cat": {}})
    server.objects = {("Dog", 1): {"tag": "one"}}
    yield server
    server.close()


def subscribe(subscriptions: Any, realm: Realm) -> None:
    for name in ("Dog", "Cat"):
        if name in {cls["name"] for cls in realm.schema}:
            subscriptions.add(realm.objects(name), name=name)


def config(device: Device, version: int, *schema: Any, **more: Any) -> dict[str, Any]:
    sync = SyncConfiguration(
        user=device.user, flexible=True, initial_subscriptions=subscribe, **more
    )
    return {"schema": [*schema], "sync": sync, "schema_version": version}


def dogs(realm: Realm) -> dict[int, Any]:
    return {dog._id: dog.tag for dog in realm.objects("Dog")}


def said(server: FlexibleServer) -> list[int]:
    return [bind["schemaVersion"] for bind in server.binds]


async def begin(device: Device, version: int = 0) -> None:
    """A file of this version, closed and released."""
    async with await Realm.open(config(device, version, OLD)) as realm:
        assert dogs(realm) == {1: "one"}
        session = session_of(realm)
    await asyncio.to_thread(session._wait_for_end)


def go_over(server: FlexibleServer) -> None:
    """What the server has for the new version: the same dogs, with another kind of tag."""
    server.schema["Dog"]["tag"] = INTEGER
    server.objects["Dog", 1] = {"tag": 11}


async def leave_unsent_cat(device: Device, server: FlexibleServer) -> None:
    """A file of version 0 with something that could not be sent, closed and released."""
    server.answers_uploads = False
    now = {"session_stop_policy": "immediately"}
    async with await Realm.open(config(device, 0, OLD, CAT, **now)) as realm:
        realm.write(lambda: realm.create("Cat", {"_id": 7}))
        session = session_of(realm)
    await asyncio.to_thread(session._wait_for_end)
    server.answers_uploads = True


@pytest.mark.parametrize(("before", "after"), [(0, 1), (3, 0)])  # up, and down again
async def test_an_asynchronous_opening_begins_anew(
    device: Device, server: FlexibleServer, before: int, after: int
) -> None:
    await begin(device, before)
    go_over(server)
    async with await Realm.open(config(device, after, NEW)) as realm:
        assert dogs(realm) == {1: 11}
        assert [s.name for s in realm.subscriptions] == ["Dog"]
        realm.write(lambda: realm.create("Dog", {"_id": 2, "tag": 5}))
        await session_of(realm).upload_all_local_changes(LIMIT)
    assert server.objects["Dog", 2]["tag"]["v"] == 5
    assert said(server) == [before, after, after]
    assert {bind["sessionReason"] for bind in server.binds} == {0}


async def test_what_was_not_uploaded_goes_up_before(device: Device, server: FlexibleServer) -> None:
    await leave_unsent_cat(device, server)
    binds = len(server.binds)
    go_over(server)
    async with await Realm.open(config(device, 1, NEW, CAT)) as realm:
        assert dogs(realm) == {1: 11}
        assert [cat._id for cat in realm.objects("Cat")] == [7]
    assert ("Cat", 7) in server.objects
    assert said(server)[binds:] == [1, 1]


async def test_an_opening_that_cannot_upload_leaves_the_file(
    device: Device, server: FlexibleServer
) -> None:
    """It ends in time; the next one has all that there was."""
    await leave_unsent_cat(device, server)
    server.answers_uploads = False
    behavior = OpenRealmBehaviorConfiguration(
        type="downloadBeforeOpen", time_out=0.5, time_out_behavior="throwException"
    )
    with pytest.raises(SyncTimeoutError):
        await Realm.open(config(device, 1, OLD, CAT, existing_realm_file_behavior=behavior))
    server.answers_uploads = True
    async with await Realm.open(config(device, 0, OLD, CAT)) as realm:
        await session_of(realm).upload_all_local_changes(LIMIT)
        assert dogs(realm) == {1: "one"}
        assert [cat._id for cat in realm.objects("Cat")] == [7]
    assert ("Cat", 7) in server.objects


async def test_an_immediate_opening_stays(device: Device, server: FlexibleServer) -> None:
    """On the former version, for as long as it takes to open asynchronously."""
    await begin(device)
    with Realm(config(device, 1, OLD, CAT)) as realm:
        await session_of(realm).download_all_server_changes(LIMIT)
        assert session_of(realm).state is SessionState.ACTIVE
        assert session_of(realm).served_schema_version == 0
        assert dogs(realm) == {1: "one"}
        async with await Realm.open(config(device, 1, OLD, CAT)) as again:  # it is in use
            assert dogs(again) == {1: "one"} and session_of(again).served_schema_version == 0
        session = session_of(realm)
    await asyncio.to_thread(session._wait_for_end)
    async with await Realm.open(config(device, 1, OLD, CAT)) as realm:
        assert dogs(realm) == {1: "one"} and session_of(realm).served_schema_version is None
    assert said(server) == [0, 1, 1, 1]


async def test_an_immediate_opening_with_what_does_not_fit(
    device: Device, server: FlexibleServer
) -> None:
    await begin(device)
    with pytest.raises(InvalidSchemaChangeError):
        Realm(config(device, 1, NEW))
    go_over(server)
    async with await Realm.open(config(device, 1, NEW)) as realm:
        assert dogs(realm) == {1: 11}


async def test_several_openings_at_once(device: Device, server: FlexibleServer) -> None:
    await begin(device)
    go_over(server)
    realms = await asyncio.gather(*(Realm.open(config(device, 1, NEW)) for _ in range(4)))
    for realm in realms:
        assert dogs(realm) == {1: 11}
        realm.close()
    assert said(server)[:2] == [0, 1] and set(said(server)[2:]) == {1}


async def test_two_versions_at_once(device: Device) -> None:
    async with await Realm.open(config(device, 1, OLD)):
        with pytest.raises(MismatchedConfigError, match="different schema version"):
            Realm(config(device, 2, OLD))
        with pytest.raises(MismatchedConfigError, match="different schema version"):
            await Realm.open(config(device, 2, OLD))


async def test_an_unknown_version_is_told(device: Device, server: FlexibleServer) -> None:
    """The program may go back, and finds its file as it was (235)."""
    await begin(device)
    errors: list[SyncError] = []
    server.on_bind = lambda at: [error(at, 235, "ApplicationBug")]
    sync = {"on_error": lambda _, told: errors.append(told)}
    with Realm(config(device, 9, OLD, **sync)) as realm:
        await eventually(lambda: bool(errors))
        assert session_of(realm).state is SessionState.INACTIVE
        realm.write(lambda: realm.create("Dog", {"_id": 2, "tag": "offline"}))
    assert errors[0].code == SCHEMA_MIGRATION_ERROR and errors[0].is_fatal
    async with await Realm.open(config(device, 0, OLD)) as realm:
        await session_of(realm).upload_all_local_changes(LIMIT)
        assert dogs(realm) == {1: "one", 2: "offline"}
    assert server.objects["Dog", 2]["tag"]["v"] == "offline"


async def test_an_opening_with_an_unknown_version(device: Device, server: FlexibleServer) -> None:
    server.on_bind = lambda at: [error(at, 235, "ApplicationBug")]
    with pytest.raises(SyncError) as told:
        await Realm.open(config(device, 9, OLD))
    assert told.value.code == SCHEMA_MIGRATION_ERROR
