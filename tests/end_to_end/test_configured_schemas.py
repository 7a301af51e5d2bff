"""The schema of a folder reaches clients, theirs comes back, and what neither can follow is refused
(app-configuration.md 7.4, 7.6, 7.7)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app_folders import write_app
from devices import DOG, LIMIT, Device, World, add, session_of, world
from realmsync import Realm, SyncSession
from realmsync.apps.model import App
from realmsync.errors import ServerStartError, SyncError
from realmsync.server.apps.app_record import AppRecords
from realmsync.server.apps.schema import AppSchemas
from realmsync.server.apps.sources import AppFolder

SCHEMA_CHANGE = 2019
CAT = {"name": "Cat", "primaryKey": "_id", "properties": {"_id": "int", "owner": "Dog"}}


def dog(**properties: str) -> dict[str, Any]:
    return {**DOG, "properties": {"_id": "int", "name": "string", **properties}}


def document(title: str, **properties: Any) -> dict[str, Any]:
    return {
        "title": title,
        "bsonType": "object",
        "required": ["_id", "name"],
        "properties": {"_id": {"bsonType": "long"}, **properties},
    }


NAME = {"bsonType": "string"}


def write(tmp_path: Path, *, in_development: bool = False, **documents: Any) -> AppFolder:
    """An app with the class Dog and more, by collection."""
    sync = {
        "development_mode_enabled": in_development,
        "partition": {
            "key": "owner_id",
            "type": "string",
            "permissions": {"read": True, "write": True},
        },
    }
    dog = documents.pop("dog", document("Dog", name=NAME))
    folder = write_app(tmp_path / "app", app_id="app", schema=dog, sync=sync)
    for collection, schema in documents.items():
        place = folder / "data_sources" / "cluster" / "db" / collection
        place.mkdir(exist_ok=True)
        (place / "schema.json").write_text(json.dumps(schema))
    return AppFolder(folder)


class Told:
    """The errors of a realm's session."""

    def __init__(self) -> None:
        self.errors: asyncio.Queue[SyncError] = asyncio.Queue()

    def __call__(self, _: SyncSession, error: SyncError) -> None:
        self.errors.put_nowait(error)

    async def next(self) -> SyncError:
        return await asyncio.wait_for(self.errors.get(), LIMIT)


async def synced(*realms: Realm) -> None:
    for realm in realms:
        assert await session_of(realm).upload_all_local_changes(LIMIT)
    for realm in realms:
        assert await session_of(realm).download_all_server_changes(LIMIT)


async def classes_of(device: Device, partition: str) -> dict[str, list[str]]:
    """What the file of a client has that declares nothing and has downloaded everything."""
    async with device.open(partition, schema=[]) as realm:
        await synced(realm)
        return {c.name: sorted(p.name for p in c.properties) for c in realm._core.file_schema()}


def exported(at: World) -> App:
    """The first app with what clients have added until now."""
    (app,) = at.server.apps
    records = AppRecords(at.server.config.data)
    return AppSchemas(at.server.tasks, records).with_added(app.key, app.model)


async def test_what_only_the_folder_knows_reaches_clients(tmp_path: Path) -> None:
    """Of classes that clients use: till then the first one decides what schemas leave open."""
    aged = document("Dog", name=NAME, age={"bsonType": "long"})
    folders = (write(tmp_path, dog=aged, boats=document("Boat", name=NAME)),)
    async with world(tmp_path, app_folders=folders) as at:
        device = await at.device()
        async with device.open("p") as realm:
            add(realm, 1)
            await synced(realm)
    async with world(tmp_path, app_folders=folders) as at:
        for partition in ("p", "q"):
            assert await classes_of(await at.device(), partition) == {"Dog": ["_id", "age", "name"]}


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ((DOG, CAT), "Cat"),
        ((dog(age="int"),), "age"),
        ((dog(name="string?"),), "name"),
        ((dog(name="int"),), "name"),
    ],
)
async def test_what_the_folder_has_not_is_refused(tmp_path: Path, schema: Any, named: str) -> None:
    async with world(tmp_path, app_folders=(write(tmp_path),)) as at:
        told = Told()
        with Realm((await at.device()).config("p", schema=schema, on_error=told)):
            error = await told.next()
        assert error.code == SCHEMA_CHANGE
        assert named in str(error)


async def test_in_development_clients_extend_the_schema(tmp_path: Path) -> None:
    """What they have added is served at the next start, is exported, and stays."""
    folder = write(tmp_path, in_development=True)
    async with world(tmp_path, app_folders=(folder,)) as at:
        async with (await at.device()).open("p", schema=[DOG, CAT]) as realm:
            with realm.write():
                realm.create("Cat", {"_id": 1})
            await synced(realm)
        cat = (await asyncio.to_thread(exported, at)).classes["Cat"]
        assert (cat.collection, cat.primary_key) == ("Cat", "_id")
    async with world(tmp_path, app_folders=(write(tmp_path),)) as at:
        (app,) = at.server.apps
        assert app.model.classes["Cat"] == cat
        async with (await at.device()).open("p", schema=[DOG, CAT]) as realm:
            assert [cat._id for cat in realm.objects("Cat")] == [1]


async def test_what_schemas_leave_open_the_first_client_decides(tmp_path: Path) -> None:
    """Once, and a difference of the folder is none then."""
    tags = {"bsonType": "array", "items": NAME}
    document_of_dog = document("Dog", name=NAME, tags=tags)
    document_of_dog["required"] = ["name"]
    async with world(tmp_path, app_folders=(write(tmp_path, dog=document_of_dog),)) as at:
        async with (await at.device()).open("p", schema=[dog(tags="string?[]")]) as realm:
            add(realm, 1)
            await synced(realm)
        told = Told()
        with Realm((await at.device()).config("q", schema=[dog(tags="string[]")], on_error=told)):
            assert "'tags'" in str(await told.next())
        assert [report.is_served for report in await at.server.reload()] == [True]
        (app,) = at.server.apps
        settled = {p.name: p.nullable for p in app.model.classes["Dog"].properties}
        assert settled == {"_id": False, "name": False, "tags": True}


async def test_a_reload_adds_and_refuses_to_remove(tmp_path: Path) -> None:
    larger = document("Dog", name=NAME, age={"bsonType": "long"})
    async with world(tmp_path, app_folders=(write(tmp_path),)) as at:
        device = await at.device()
        async with device.open("p") as realm:
            add(realm, 1)
            await synced(realm)
            write(tmp_path, dog=larger)
            assert [report.is_served for report in await at.server.reload()] == [True]
            await synced(realm)
        async with device.open("p", schema=[dog(age="int?")]) as realm:
            assert [one.age for one in realm.objects("Dog")] == [None]
        write(tmp_path)
        (report,) = await at.server.reload()
        assert not report.is_served
        assert "schema.breaking" in str(report) and "Dog.age is gone" in str(report)
    with pytest.raises(ServerStartError, match="Dog.age is gone"):
        async with world(tmp_path, app_folders=(write(tmp_path),)):
            pytest.fail("it must not start")
    async with world(tmp_path, app_folders=(write(tmp_path, dog=larger),)) as at:
        assert [app.is_open for app in at.server.apps] == [False]


async def test_a_confirmed_change_resets_all_clients(tmp_path: Path) -> None:
    larger = document("Dog", name=NAME, age={"bsonType": "long"})
    async with world(tmp_path, app_folders=(write(tmp_path, dog=larger),)) as at:
        told = Told()
        aged = [dog(age="int?")]
        async with (await at.device()).open("p", schema=aged, on_error=told) as realm:
            add(realm, 1)
            await synced(realm)
            write(tmp_path)
            assert [
                report.is_served for report in await at.server.reload(accept_breaking=True)
            ] == [True]
            assert "breaking schema change applied" in str(await told.next())
        async with (await at.device()).open("p") as realm:
            assert [one.name for one in realm.objects("Dog")] == ["dog 1"]
        assert await classes_of(await at.device(), "p") == {"Dog": ["_id", "name"]}


async def test_a_change_that_was_confirmed_beforehand(tmp_path: Path) -> None:
    larger = document("Dog", name=NAME, age={"bsonType": "long"})
    async with world(tmp_path, app_folders=(write(tmp_path, dog=larger),)):
        pass
    async with world(tmp_path, app_folders=(write(tmp_path),), accept_breaking=True) as at:
        (app,) = at.server.apps
        assert [p.name for p in app.model.classes["Dog"].properties] == ["_id", "name"]
