"""The admin API of a server process: rights, clients that are reset, kills at any moment."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from eventually import eventually
from importer import ACCOUNT, ANONYMOUS, API, PARTITION, Importer
from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration
from realmsync.sync import SyncSession
from sdk_http import SdkHttp

pytestmark = pytest.mark.no_asan

LIMIT = 30.0  # seconds; far above what anything here takes
PBS = {"sync": {"state": "enabled", "database_name": "db", "partition": PARTITION}}
DOG = {
    "name": "Dog",
    "primaryKey": "_id",
    "properties": {"_id": "int", "name": "string", "partition": "string?"},
}


@dataclass
class Served:
    """A server process, and the admin's session with it."""

    process: asyncio.subprocess.Process
    url: str
    admin: Importer

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def serving(data: Path) -> AsyncIterator[Served]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "realmsync", "serve", "--host", "127.0.0.1", "--port", "0"),
        *("--data", str(data), "--admin", ACCOUNT["username"]),
        env={**os.environ, "REALMSYNC_ADMIN_PASSWORD": ACCOUNT["password"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), LIMIT)
        url = line.split()[2].rstrip(b",").decode()
        admin = Importer(SdkHttp(url))
        await admin.log_in()
        yield Served(process, url, admin)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def session_of(realm: Realm) -> SyncSession:
    assert realm.sync_session is not None
    return realm.sync_session


async def test_the_admin_of_a_process(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as served:
        app = await served.admin.import_app(PBS, [ANONYMOUS])
        http = served.admin.http
        apps = f"{API}/groups/{served.admin.group}/apps"
        login = f"{API}/auth/providers/local-userpass/login"
        assert (await http("GET", apps)).status == 401
        assert (await http("POST", login, {**ACCOUNT, "password": "else"})).status == 401
        for file in (tmp_path / "data" / "apps").iterdir():
            assert file.stat().st_mode & 0o077 == 0, "secrets are in it"
        assert app["client_app_id"].startswith("simple-")


async def test_a_client_is_reset_and_loses_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as served:
        made = await served.admin.import_app(PBS, [ANONYMOUS])
        base = f"groups/{served.admin.group}/apps/{made['_id']}"
        app = App(made["client_app_id"], base_url=served.url, base_file_path=tmp_path / "device")
        try:
            user = await app.log_in(Credentials.anonymous())
            sync = SyncConfiguration(user=user, partition_value="p")
            async with Realm.open(Configuration(schema=[DOG], sync=sync)) as realm:
                session = session_of(realm)
                with realm.write():
                    realm.create("Dog", {"_id": 1, "name": "a"})
                assert await session.upload_all_local_changes(LIMIT)
                ident = session.file_ident
                session.pause()
                with realm.write():
                    realm.create("Dog", {"_id": 2, "name": "b"})
                await served.admin("PUT", f"{base}/sync/force_reset", {"file_ident": ident})
                session.resume()
                await eventually(lambda: session_of(realm).file_ident not in (0, ident), LIMIT)
                assert await session_of(realm).upload_all_local_changes(LIMIT)
                assert {dog._id: dog.name for dog in realm.objects("Dog")} == {1: "a", 2: "b"}
        finally:
            await app.close()


async def test_a_kill_loses_no_change_that_was_answered(tmp_path: Path) -> None:
    chance = random.Random(1)
    answered: set[str] = set()
    asked: set[str] = set()
    base = ""

    async def change(admin: Importer, who: int, turn: int) -> None:
        for number in range(1000):
            name = f"v{who}_{turn}_{number}"
            asked.add(name)
            try:
                await admin("POST", f"{base}/values", {"name": name, "value": "x"})
            except aiohttp.ClientError:
                return  # killed
            answered.add(name)

    for turn in range(4):
        async with serving(tmp_path / "data") as served:
            if not base:
                app = await served.admin.import_app(PBS, [ANONYMOUS])
                base = f"groups/{served.admin.group}/apps/{app['_id']}"
            values: list[dict[str, Any]] = (await served.admin("GET", f"{base}/values")).json
            assert answered <= {value["name"] for value in values} <= asked
            tasks = [asyncio.create_task(change(served.admin, who, turn)) for who in range(3)]
            await asyncio.sleep(0.2 + chance.random() / 2)
            await served.kill()
            await asyncio.gather(*tasks)
    assert answered
