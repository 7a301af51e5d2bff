"""Permission functions that read custom user data: users get and lose partitions with documents.

The app is one of the vectors, as it was exported. Specification: app-configuration.md 5.6, 6.6 and
8.3.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT
from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration, SyncSession
from realmsync.errors import SyncError
from realmsync.server.accounts.administration import administration
from realmsync.server.accounts.credentials import hash_password
from realmsync.server.apps.sources import AppFolder
from realmsync.server.config import ServerConfig
from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.registry import AppFunctions
from realmsync.server.process import Server
from sdk_http import CLIENT, SdkHttp

FERRY = Path(__file__).parents[1] / "vectors/apps/ferry-2020-functions"
APP_ID = "ferry-old-fghij"
PEOPLE = "ferry", "people"
ADA, DOV = "65a000000000000000000a01", "65a000000000000000000d04"
PASSWORD = "fair winds 7"
VESSEL = {
    "name": "Vessel",
    "primaryKey": "_id",
    "properties": {"_id": "objectId", "_route": "string?", "name": "string"},
}
DENIED = 1037


async def may_read(context: FunctionContext, route: Any) -> bool:
    """What the JavaScript of the same name does."""
    if route is None:
        return True
    me = await context.store.find_one(*PEOPLE, {"_id": context.user.id})
    return me is not None and route in me.get("mayRead", [])


async def join(context: FunctionContext, route: str) -> int:
    me = {"_id": context.user.id}
    added = {"$addToSet": {"mayRead": route}}
    return await context.store.update_one(*PEOPLE, me, added, upsert=True)


async def leave(context: FunctionContext, route: str) -> int:
    me = {"_id": context.user.id, "mayRead": {"$in": [route]}}
    return await context.store.update_one(*PEOPLE, me, {"$pull": {"mayRead": route}})


def functions_in(language: str) -> AppFunctions:
    functions = AppFunctions()
    functions.add("join", join)
    functions.add("leave", leave)
    if language == "python":
        functions.add("mayRead", may_read)
        functions.add("mayWrite", lambda context, route: route == f"user={context.user.id}")
    return functions


class Ferry:
    """The server of the app, with its users and their documents, and people's devices."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._folder = folder
        self._apps: list[App] = []

    async def device(self, name: str) -> Device:
        app = App(APP_ID, base_url=self.server.url, base_file_path=self._folder / name)
        self._apps.append(app)
        credentials = Credentials.email_password(f"{name}@ferry.example", PASSWORD)
        return Device(app, await app.log_in(credentials), SdkHttp(self.server.url))

    async def aclose(self) -> None:
        for app in self._apps:
            await app.close()


class Device:
    def __init__(self, app: App, user: Any, http: SdkHttp) -> None:
        self.app, self.user, self._http = app, user, http
        self.errors: asyncio.Queue[SyncError] = asyncio.Queue()

    def config(self, route: str | None) -> Configuration:
        def keep(_: SyncSession, error: SyncError) -> None:
            self.errors.put_nowait(error)

        sync = SyncConfiguration(user=self.user, partition_value=route, on_error=keep)
        return Configuration(schema=[VESSEL], sync=sync)

    async def may_open(self, route: str | None) -> bool:
        """Whether the realm of a route can be had."""
        try:
            async with Realm.open(self.config(route)):
                return True
        except SyncError as error:
            assert error.code == DENIED
            return False

    async def call(self, name: str, *arguments: Any) -> Any:
        reply = await self._http(
            "POST",
            f"{CLIENT}/app/{APP_ID}/functions/call",
            {"name": name, "arguments": list(arguments)},
            token=self.user.access_token,
        )
        assert reply.status == 200, reply
        return reply.json


def import_people(data: Path) -> None:
    """As an operator does, while the server runs."""
    users = [
        {
            "_id": user_id,
            "email": f"{name}@ferry.example",
            "password_hash": hash_password(PASSWORD).decode(),
        }
        for name, user_id in (("ada", ADA), ("dov", DOV))
    ]
    with administration(data) as admin:
        admin.data(APP_ID).import_users(json.dumps(users))
        dump = (FERRY / "dump/ferry.people.jsonl").read_text()
        assert admin.data(APP_ID).import_documents(dump) == 1


@pytest.fixture(params=["python", pytest.param("javascript", marks=pytest.mark.no_asan)])
async def ferry(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ferry]:
    folder = AppFolder(
        FERRY / "app",
        functions=functions_in(request.param),
        javascript=request.param == "javascript",
    )
    data = tmp_path / "server"
    async with Server(ServerConfig(data=data, port=0, app_folders=(folder,))) as server:
        import_people(data)
        async with contextlib.aclosing(Ferry(server, tmp_path)) as ferry:
            yield ferry


async def test_the_permissions_of_the_vector(ferry: Ferry) -> None:
    ada, dov = await ferry.device("ada"), await ferry.device("dov")
    assert (ada.user.id, dov.user.id) == (ADA, DOV)
    assert await ada.may_open("R1")
    assert not await ada.may_open("R2")
    assert not await dov.may_open("R1")
    assert await dov.may_open(None)
    assert await ada.may_open(f"user={ADA}")
    assert not await ada.may_open(f"user={DOV}")


async def test_a_function_gives_and_takes_a_partition(ferry: Ferry) -> None:
    dov = await ferry.device("dov")
    assert not await dov.may_open("R2")
    assert await dov.call("join", "R2") == {"$numberInt": "0"}, "his first document"
    assert await dov.may_open("R2")
    await dov.user.refresh_custom_data()
    assert dov.user.custom_data["mayRead"] == ["R2"]
    async with Realm.open(dov.config("R2")):
        dov.errors = asyncio.Queue()  # without those of what came before
        assert await dov.call("leave", "R2") == {"$numberInt": "1"}
        error = await asyncio.wait_for(dov.errors.get(), LIMIT)
        assert error.code == DENIED, "a session that is open ends"
    assert not await dov.may_open("R2")
    assert await dov.call("leave", "R2") == {"$numberInt": "0"}


async def test_an_operator_takes_a_partition(ferry: Ferry) -> None:
    ada = await ferry.device("ada")
    async with Realm.open(ada.config("R1")):
        await ferry.server.custom_data(APP_ID).update(ADA, {"mayRead": []})
        assert (await asyncio.wait_for(ada.errors.get(), LIMIT)).code == DENIED
    await ferry.server.custom_data(APP_ID).update(ADA, {"mayRead": ["R1"]})
    assert await ada.may_open("R1")
