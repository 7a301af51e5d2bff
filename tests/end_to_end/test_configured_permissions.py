"""The configuration of an app decides who may use which partition, now and after it was changed
(app-configuration.md 5.3, 5.6)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app_folders import OWN, write_app
from devices import LIMIT, Device, add, session_of, world
from functions_double import FunctionsDouble
from realmsync import Realm, SyncSession
from realmsync.errors import SyncError
from realmsync.server.apps.sources import AppFolder
from realmsync.server.authorization import AuthorizationRequest
from realmsync.server.functions.port import FunctionFailed

DENIED = 1037
WRONG_SYNC_TYPE = 1043
DOG = {
    "title": "Dog",
    "bsonType": "object",
    "required": ["_id", "name"],
    "properties": {"_id": {"bsonType": "long"}, "name": {"bsonType": "string"}},
}


class Told:
    """The errors of a realm's session."""

    def __init__(self) -> None:
        self.errors: asyncio.Queue[SyncError] = asyncio.Queue()

    def __call__(self, _: SyncSession, error: SyncError) -> None:
        self.errors.put_nowait(error)

    async def next(self) -> SyncError:
        return await asyncio.wait_for(self.errors.get(), LIMIT)


def write(tmp_path: Path, **parts: Any) -> AppFolder:
    """The app that devices use, with their class."""
    permissions = {"read": parts.pop("read", OWN), "write": parts.pop("write", OWN)}
    partition = {"key": "owner", "type": "string", "permissions": permissions}
    sync = {"development_mode_enabled": True, "partition": partition, **parts}
    return AppFolder(write_app(tmp_path / "app", app_id="app", schema=DOG, sync=sync))


async def uploaded(realm: Realm) -> None:
    assert await session_of(realm).upload_all_local_changes(LIMIT)


async def refusal(device: Device, partition: str) -> SyncError:
    told = Told()
    with Realm(device.config(partition, on_error=told)):
        return await told.next()


async def test_users_reach_what_the_rules_allow(tmp_path: Path) -> None:
    folder = write(tmp_path, read={"%or": [OWN, {"%%partition": "news"}]})
    async with world(tmp_path, app_folders=(folder,)) as at:
        ada, eve = await at.device(), await at.device()
        async with ada.open(ada.user.id) as realm:
            add(realm, 1)
            await uploaded(realm)
        error = await refusal(eve, ada.user.id)
        assert error.code == DENIED and "may not read" in str(error)
        told = Told()
        async with eve.open("news", on_error=told) as reader:
            add(reader, 2)
            error = await told.next()
            assert error.code == DENIED and "only read" in str(error)


async def test_who_may_only_read_may_open_at_once(tmp_path: Path) -> None:
    """The classes of his realm are those that the app declares: nothing is written."""
    folder = write(tmp_path, read=True, write=False, development_mode_enabled=False)
    async with world(tmp_path, app_folders=(folder,)) as at:
        eve, told = await at.device(), Told()
        with Realm(eve.config("empty", on_error=told)) as reader:
            await uploaded(reader)
            assert await session_of(reader).download_all_server_changes(LIMIT)
            assert told.errors.empty()
            add(reader, 1)
            error = await told.next()
            assert error.code == DENIED and "only read" in str(error)


async def test_a_reload_is_obeyed_by_sessions_that_are_open(tmp_path: Path) -> None:
    folder = write(tmp_path, read=True, write=True)
    async with world(tmp_path, app_folders=(folder,)) as at:
        ada, eve = await at.device(), await at.device()
        told_ada, told_eve = Told(), Told()
        async with (
            ada.open(ada.user.id, on_error=told_ada) as own,
            eve.open(ada.user.id, on_error=told_eve) as foreign,
        ):
            add(foreign, 1)
            await uploaded(foreign)
            write(tmp_path)
            assert [report.is_served for report in await at.server.reload()] == [True]
            assert (await told_eve.next()).code == DENIED
            add(own, 2)
            await uploaded(own)
            assert told_ada.errors.empty()


async def test_the_rules_and_the_function_must_both_allow(tmp_path: Path) -> None:
    asked: list[object] = []

    def authorize(request: AuthorizationRequest) -> str:
        asked.append(request.partition)
        return "read"

    folder = write(tmp_path)
    async with world(tmp_path, app_folders=(folder,), authorize=authorize) as at:
        ada = await at.device()
        assert "may not read" in str(await refusal(ada, "foreign"))
        assert asked == [], "what the rules refuse nobody needs to allow"
        told = Told()
        async with ada.open(ada.user.id, on_error=told) as realm:
            add(realm, 1)
            assert "only read" in str(await told.next())


@pytest.mark.parametrize("result", [True, 1, "yes", [], None, FunctionFailed("it broke")])
async def test_a_function_decides(tmp_path: Path, result: Any) -> None:
    may = {"%%true": {"%function": {"name": "may", "arguments": ["%%partition"]}}}
    folder = write(tmp_path, read=may, write=may)
    async with world(tmp_path, app_folders=(folder,)) as at:
        functions = FunctionsDouble()
        functions.answer(result)
        for app in at.server.apps:
            app.functions = functions
        ada = await at.device()
        if result is True:
            async with ada.open("p") as realm:
                add(realm, 1)
                await uploaded(realm)
        else:
            assert (await refusal(ada, "p")).code == DENIED
        call = functions.calls[0]
        assert (call.name, call.arguments, call.user and call.user.id) == (
            "may",
            ("p",),
            ada.user.id,
        )
        assert call.for_rule and call.request is None and not call.from_client


async def test_what_has_no_partitions_gives_none(tmp_path: Path) -> None:
    folder = write(tmp_path, type="flexible", partition={})
    async with world(tmp_path, app_folders=(folder,)) as at:
        assert (await refusal(await at.device(), "p")).code == WRONG_SYNC_TYPE


async def test_a_partition_of_another_type(tmp_path: Path) -> None:
    async with world(tmp_path, app_folders=(write(tmp_path, read=True),)) as at:
        device = await at.device()
        told = Told()
        with Realm(device.config(5, on_error=told)):
            error = await told.next()
    assert "expected partition to have type string but found" in str(error)


async def test_a_class_of_the_folder_reaches_clients_and_others_are_refused(
    tmp_path: Path,
) -> None:
    folder = write(tmp_path, development_mode_enabled=False)
    async with world(tmp_path, app_folders=(folder,)) as at:
        device = await at.device()
        async with device.open(device.user.id) as realm:
            add(realm, 1)
            await uploaded(realm)
        told = Told()
        cat = {"name": "Cat", "primaryKey": "_id", "properties": {"_id": "int"}}
        with Realm(device.config(device.user.id, schema=(cat,), on_error=told)):
            assert "Cat" in str(await told.next())
