"""An app is to synchronise in another way than its clients know: it is noticed while it runs and at
a start, refused or confirmed, and nobody loses anything (app-configuration.md 4.3, 7.7)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app_folders import write_app
from devices import DOG, LIMIT, add, session_of, world
from eventually import eventually
from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration, User
from realmsync.cli import main
from realmsync.errors import ClientResetError, ServerStartError, SyncError
from realmsync.server.apps.sources import AppFolder
from realmsync.sync.session import SyncSession
from realmsync.testing import ServerProcess

SCHEMA = {
    "title": "Dog",
    "bsonType": "object",
    "required": ["_id", "name"],
    "properties": {"_id": {"bsonType": "long"}, "name": {"bsonType": "string"}},
}
EVERYBODY = {"read": True, "write": True}


def write(tmp_path: Path, key: str = "owner", type_: str = "string", **more: Any) -> Path:
    partition = {"key": key, "type": type_, "permissions": EVERYBODY, **more}
    return write_app(tmp_path / "app", app_id="app", schema=SCHEMA, sync={"partition": partition})


class Errors(list[SyncError]):
    def __call__(self, _: SyncSession, error: SyncError) -> None:
        self.append(error)


def dogs(realm: Realm) -> set[int]:
    return {dog._id for dog in realm.objects("Dog")}


async def uploaded(realm: Realm) -> None:
    assert await session_of(realm).upload_all_local_changes(LIMIT)


async def test_a_reload_is_refused_until_it_is_confirmed(tmp_path: Path) -> None:
    async with world(tmp_path, app_folders=(AppFolder(write(tmp_path)),)) as at:
        told = Errors()
        device, other = await at.device(), await at.device()
        async with device.open(on_error=told) as realm:
            add(realm, 1)
            await uploaded(realm)
            write(tmp_path, key="team")
            (report,) = await at.server.reload()
            assert not report.is_served
            assert "the partition key was owner and is team: no client can follow" in str(report)
            add(realm, 2)
            await uploaded(realm)
            session_of(realm).pause()
            add(realm, 3)
            (report,) = await at.server.reload(accept_breaking=True)
            assert report.is_served
            session_of(realm).resume()
            await uploaded(realm)
            assert dogs(realm) == {1, 2, 3}
        assert told == [], "the reset was automatic"
        async with other.open() as realm:
            assert dogs(realm) == {1, 2, 3}


async def test_partitions_of_another_type(tmp_path: Path) -> None:
    """Clients are told, keep what they have, and go on when it is undone."""
    async with world(tmp_path, app_folders=(AppFolder(write(tmp_path)),)) as at:
        told = Errors()
        device = await at.device()
        with Realm(device.config("p", on_error=told)) as realm:
            add(realm, 1)
            await uploaded(realm)
            write(tmp_path, type_="objectId")
            (report,) = await at.server.reload(accept_breaking=True)
            assert report.is_served
            await eventually(lambda: bool(told), LIMIT)
            assert "to have type objectId but found string" in str(told[-1])
            add(realm, 2)
        write(tmp_path)
        (report,) = await at.server.reload()
        assert report.is_served, "nobody has come since, so nobody has to follow"
        async with device.open("p") as realm:
            await uploaded(realm)
            assert dogs(realm) == {1, 2}
        async with (await at.device()).open("p") as realm:
            assert dogs(realm) == {1, 2}


async def test_a_start_notices_what_the_last_one_was(tmp_path: Path) -> None:
    folder = AppFolder(write(tmp_path))
    async with world(tmp_path, app_folders=(folder,)) as at, (await at.device()).open() as realm:
        add(realm, 1)
        await uploaded(realm)
    write(tmp_path, key="team", required=True)
    with pytest.raises(ServerStartError, match="the partition key was owner and is team"):
        async with world(tmp_path, app_folders=(folder,)):
            pytest.fail("it must not start")
    write(tmp_path, required=True)
    async with world(tmp_path, app_folders=(folder,)):
        pass
    write(tmp_path, key="team", required=True)
    accepting = world(tmp_path, app_folders=(folder,), accept_breaking=True)
    async with accepting as at, (await at.device()).open() as realm:
        assert dogs(realm) == {1}


async def test_an_app_that_nobody_has_used_may_become_any(tmp_path: Path) -> None:
    folder = AppFolder(write(tmp_path))
    async with world(tmp_path, app_folders=(folder,)) as at:
        write(tmp_path, key="team", type_="uuid")
        assert [report.is_served for report in await at.server.reload()] == [True]
    write(tmp_path, key="team", type_="long")
    async with world(tmp_path, app_folders=(folder,)) as at, (await at.device()).open(5) as realm:
        add(realm, 1)
        await uploaded(realm)


def config(user: User, told: Errors) -> Configuration:
    sync = SyncConfiguration(user=user, partition_value="p", on_error=told)
    return Configuration(schema=[DOG], sync=sync)


@pytest.mark.no_asan
async def test_a_process_that_is_started_again(tmp_path: Path) -> None:
    """With a device that has something unsent; its operator first forgets the option."""
    folder = write(tmp_path)
    arguments = (tmp_path / "data", "--app", str(folder))
    server = ServerProcess(*arguments, durability="process")
    await asyncio.to_thread(server.start)
    port = server.port
    told = Errors()
    app = App("app", base_url=server.url, base_file_path=tmp_path / "device")
    try:
        user = await app.log_in(Credentials.anonymous())
        async with await Realm.open(config(user, told)) as realm:
            add(realm, 1)
            await uploaded(realm)
            session_of(realm).pause()
            add(realm, 2)
        await asyncio.to_thread(server.stop)
        write(tmp_path, key="team")
        with pytest.raises(RuntimeError, match="did not start"):
            await asyncio.to_thread(server.start)
        confirmed = ServerProcess(*arguments, "--accept-breaking", port=port, durability="process")
        await asyncio.to_thread(confirmed.start)
        async with await Realm.open(config(user, told)) as realm:
            await uploaded(realm)
            assert dogs(realm) == {1, 2}
        await asyncio.to_thread(confirmed.stop)
        await asyncio.to_thread(server.start)  # the option was for one start
        async with await Realm.open(config(user, told)) as realm:
            write(tmp_path, key="group")
            refused = await asyncio.to_thread(reload, server)
            assert refused.exit_code == 1 and "was team and is group" in refused.output
            done = await asyncio.to_thread(reload, server, "--accept-breaking")
            assert done.exit_code == 0, done.output
            add(realm, 3)
            await uploaded(realm)
            assert dogs(realm) == {1, 2, 3}
        assert [error for error in told if isinstance(error, ClientResetError)] == []
    finally:
        await app.close()
        await asyncio.to_thread(server.stop)


def reload(server: ServerProcess, *options: str) -> Any:
    return CliRunner().invoke(main, ["reload", "--data", str(server.data), *options])
