"""Functions of served apps: called by users, by rules, across reloads, in both languages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app_folders import write_app
from engine_double import EngineDouble
from realmsync.errors import ServerStartError
from realmsync.server.apps.sources import AppFolder
from realmsync.server.authorization import AuthorizationRequest, Permission
from realmsync.server.config import ServerConfig
from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.registry import AppFunctions
from realmsync.server.process import Server
from sdk_http import CLIENT, LOGIN, SdkHttp

APP = f"{CLIENT}/app/tasks-abcde"
SUM = "exports = function (...numbers) { return numbers.reduce((a, b) => a + b, 0); };"
ASKS = {"%%true": {"%function": {"name": "mayRead", "arguments": ["%%partition"]}}}


@asynccontextmanager
async def serving(tmp_path: Path, folder: AppFolder) -> AsyncIterator[tuple[Server, SdkHttp]]:
    config = ServerConfig(data=tmp_path / "data", host="127.0.0.1", port=0, app_folders=(folder,))
    async with Server(config, runtime=EngineDouble()) as server:
        yield server, SdkHttp(server.url)


class Caller:
    """A user who calls functions."""

    def __init__(self, http: SdkHttp, login: dict[str, Any]) -> None:
        self._http = http
        self._token = login["access_token"]
        self.id = login["user_id"]

    @classmethod
    async def log_in(cls, http: SdkHttp) -> Caller:
        return cls(http, (await http("POST", f"{APP}/auth/providers/anon-user/login", LOGIN)).json)

    async def call(self, name: str, *arguments: Any) -> tuple[int, Any]:
        body = {"name": name, "arguments": list(arguments)}
        reply = await self._http("POST", f"{APP}/functions/call", body, token=self._token)
        return reply.status, reply.json


def with_settings(folder: Path, *entries: dict[str, Any]) -> Path:
    (folder / "functions").mkdir(exist_ok=True)
    (folder / "functions" / "config.json").write_text(json.dumps(list(entries)))
    return folder


MEMBERS = {
    "enabled": True,
    "mongo_service_name": "cluster",
    "database_name": "db",
    "collection_name": "members",
    "user_id_field": "user_id",
}
# What the test-suites of SDKs have as their first function.
UPDATE_USER_DATA = """
exports = async function (data) {
  const members = context.services.get("cluster").db("db").collection("members");
  doc = await members.updateOne({ user_id: context.user.id }, { $set: data }, { upsert: true });
  return doc;
};
"""


@pytest.mark.no_asan
async def test_a_function_changes_the_data_of_its_user(tmp_path: Path) -> None:
    folder = write_app(tmp_path / "app", functions={"updateUserData": UPDATE_USER_DATA})
    (folder / "auth" / "custom_user_data.json").write_text(json.dumps(MEMBERS))
    async with serving(tmp_path, AppFolder(folder, javascript=True)) as (server, http):
        user, other = await Caller.log_in(http), await Caller.log_in(http)
        status, made = await user.call("updateUserData", {"name": "Ada", "$where": 1})
        assert (status, made["error_code"]) == (400, "FunctionExecutionError")
        status, made = await user.call("updateUserData", {"name": "Ada"})
        assert (status, list(made["upsertedId"])) == (200, ["$oid"])
        status, changed = await user.call("updateUserData", {"name": "Bo", "tags": ["a"]})
        one = {"$numberInt": "1"}
        assert (status, changed) == (200, {"matchedCount": one, "modifiedCount": one})
        found = await server.custom_data("tasks-abcde").find_one(user.id)
        assert found is not None
        assert (found["name"], found["tags"], found["user_id"]) == ("Bo", ["a"], user.id)
        assert await server.custom_data("tasks-abcde").find_one(other.id) is None


@pytest.mark.no_asan
async def test_exported_javascript_is_called(tmp_path: Path) -> None:
    folder = write_app(tmp_path / "app", functions={"sumFunc": SUM})
    async with serving(tmp_path, AppFolder(folder, javascript=True)) as (_, http):
        user = await Caller.log_in(http)
        assert await user.call("sumFunc", 1, 2, 3) == (200, {"$numberInt": "6"})
        status, error = await user.call("absent")
        assert (status, error["error"]) == (404, "function not found: 'absent'")


async def test_without_the_engine_it_has_no_implementation(tmp_path: Path) -> None:
    folder = write_app(tmp_path / "app", functions={"sumFunc": SUM})
    async with serving(tmp_path, AppFolder(folder)) as (server, http):
        status, error = await (await Caller.log_in(http)).call("sumFunc", 1)
        text = "function 'sumFunc' has no implementation on this server"
        assert (status, error["error"], error["error_code"]) == (
            400,
            text,
            "FunctionExecutionError",
        )
        assert "functions.not_available" in {f.code for f in server.reports[0].loaded.findings}


async def test_rules_ask_functions(tmp_path: Path) -> None:
    functions = AppFunctions()

    @functions.function
    async def mayRead(context: FunctionContext, partition: str) -> bool:
        return partition == f"of {context.user.id}"

    source = AppFolder(write_app(tmp_path / "app", read=ASKS, write=False), functions=functions)
    async with serving(tmp_path, source) as (server, http):
        assert [f.code for f in server.reports[0].loaded.findings] == []
        user = await Caller.log_in(http)

        async def decide(partition: str) -> Permission:
            rules = server.session_rules
            return await rules.decide(AuthorizationRequest("tasks-abcde", user.id, partition))

        assert await decide(f"of {user.id}") is Permission.READ
        assert await decide("of another") is Permission.NONE


async def test_who_may_call_is_what_the_configuration_says(tmp_path: Path) -> None:
    functions = AppFunctions()
    for name in ("open", "hidden", "guarded", "own"):
        functions.add(name, lambda context: True)
    folder = with_settings(
        write_app(tmp_path / "app"),
        {"name": "hidden", "private": True},
        {"name": "guarded", "can_evaluate": {"%%user.type": "server"}},
        {"name": "own", "can_evaluate": {"%%request.httpMethod": "POST"}},
    )
    async with serving(tmp_path, AppFolder(folder, functions=functions)) as (_, http):
        user = await Caller.log_in(http)
        statuses = [(await user.call(name))[0] for name in ("open", "hidden", "guarded", "own")]
        assert statuses == [200, 404, 403, 200]


async def test_a_reload_keeps_python_and_takes_new_javascript(tmp_path: Path) -> None:
    functions = AppFunctions()
    functions.add("python", lambda context: "python")
    folder = write_app(tmp_path / "app")
    async with serving(tmp_path, AppFolder(folder, functions=functions)) as (server, http):
        user = await Caller.log_in(http)
        assert (await user.call("sumFunc"))[0] == 404
        write_app(folder, functions={"sumFunc": SUM})
        await server.reload()
        assert (await user.call("sumFunc"))[0] == 400
        assert await user.call("python") == (200, "python")


async def test_an_implementation_that_is_not_there_refuses_the_app(tmp_path: Path) -> None:
    path = tmp_path / "realmsync.toml"
    path.write_text('app_id = "tasks-abcde"\n[functions]\nf = "json:nothing_there"\n')
    with pytest.raises(ServerStartError, match="json:nothing_there' cannot be imported"):
        async with serving(tmp_path, AppFolder(path)):
            pytest.fail("it must not start")
