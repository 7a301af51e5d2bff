"""What operators do to an app, as realms of its clients notice it: they are reset and go on,
objects get their partition, new properties arrive (app-configuration.md 4.3, 4.4, 7.7)."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from app_folders import write_app
from devices import LIMIT, Device, World, add, session_of, world
from eventually import eventually
from realmsync import Realm
from realmsync.server.apps.sources import AppFolder
from realmsync.transport.websocket import monotonic_ms

KEY = ("_id", "int", False, None, None)
NAME = ("name", "string", False, None, None)
OWNER = ("owner", "string", True, None, None)
DOG = {
    "name": "Dog",
    "primaryKey": "_id",
    "properties": {"_id": "int", "name": "string", "owner": "string?"},
}


def plain(*properties: Any) -> list[Any]:
    return [("Dog", "top", "_id", [KEY, *properties])]


async def install(at: World, classes: list[Any], how: str = "install_schema") -> None:
    await asyncio.to_thread(getattr(at.server.tasks, how), "app", classes)


def configure(at: World, **settings: Any) -> None:
    at.server._engine.configure_app("app", now_ms=monotonic_ms(), **settings)


async def synced(*realms: Realm) -> None:
    for realm in realms:
        assert await session_of(realm).upload_all_local_changes(LIMIT)
    for realm in realms:
        assert await session_of(realm).download_all_server_changes(LIMIT)


def dogs(realm: Realm) -> dict[int, str]:
    return {dog._id: dog.name for dog in realm.objects("Dog")}


async def until_reset(realm: Realm, ident: int) -> None:
    await eventually(lambda: session_of(realm).file_ident not in (0, ident), LIMIT)


async def test_objects_get_their_partition(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        configure(at, partition_key="owner", partition_type="string")
        ada, eve = await at.device(), await at.device()
        async with ada.open(schema=[DOG]) as mine, eve.open(schema=[DOG]) as yours:
            with mine.write():
                mine.create("Dog", {"_id": 1, "name": "a"})
                mine.create("Dog", {"_id": 2, "name": "b", "owner": "somebody else"})
            await synced(mine, yours)
            await synced(mine, yours)
            for realm in (mine, yours):
                assert {dog._id: dog.owner for dog in realm.objects("Dog")} == {1: "p", 2: "p"}


async def reset_and_go_on(at: World, device: Device, how: Any) -> None:
    async with device.open() as realm:
        add(realm, 1)
        await synced(realm)
        ident = session_of(realm).file_ident
        assert ident
        await how(ident)
        add(realm, 2)
        await until_reset(realm, ident)
        await synced(realm)
        assert dogs(realm) == {1: "dog 1", 2: "dog 2"}
        async with (await at.device()).open() as other:
            assert dogs(other) == {1: "dog 1", 2: "dog 2"}


async def test_a_forced_reset_keeps_everything(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await reset_and_go_on(
            at, await at.device(), lambda ident: at.server.tasks.force_reset("app", ident)
        )


async def test_a_termination_keeps_everything(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        terminate = partial(asyncio.to_thread, at.server.tasks.terminate, "app")
        await reset_and_go_on(at, await at.device(), lambda _: terminate())


async def test_a_breaking_change_keeps_what_it_can(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await install(at, plain(NAME, OWNER))
        device = await at.device()
        async with device.open(schema=[DOG]) as realm:
            add(realm, 1)
            await synced(realm)
        await install(at, plain(NAME), "replace_schema")
        async with (await at.device()).open() as realm:
            assert dogs(realm) == {1: "dog 1"}


async def test_clients_hear_of_new_properties(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await install(at, plain(NAME))
        device = await at.device()
        async with device.open() as realm:
            add(realm, 1)
            await synced(realm)
            await install(at, plain(NAME, OWNER))
            await synced(realm)
        async with device.open(schema=[DOG]) as realm:
            assert [dog.owner for dog in realm.objects("Dog")] == [None]
            with realm.write():
                realm.objects("Dog")[0].owner = "ada"
            await synced(realm)


async def test_a_folder_that_leaves_the_primary_key_optional_serves_apps_that_do_not(
    tmp_path: Path,
) -> None:
    """As most exported schemas do, and most apps."""
    schema = {
        "title": "Dog",
        "bsonType": "object",
        "required": ["name"],
        "properties": {"_id": {"bsonType": "long"}, "name": {"bsonType": "string"}},
    }
    partition = {"key": "owner", "type": "string", "permissions": {"read": True, "write": True}}
    sync = {"development_mode_enabled": False, "partition": partition}
    folder = write_app(tmp_path / "app", app_id="app", schema=schema, sync=sync)
    for number in range(2):  # the server starts anew, and obeys the same folder
        async with (
            world(tmp_path, app_folders=(AppFolder(folder),)) as at,
            (await at.device()).open() as realm,
        ):
            add(realm, number)
            await synced(realm)
            assert sorted(dogs(realm)) == list(range(number + 1))
