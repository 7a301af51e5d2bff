"""Functions that misbehave, and users who call them all the time: others do not notice.

Specification: app-configuration.md 6.6.
"""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from app_folders import write_app
from realmsync.apps.model import App, PartitionConfiguration, SyncConfiguration, SyncMode
from realmsync.apps.permissions import PartitionPermission, Permissions
from realmsync.server.apps.sources import AppFolder
from realmsync.server.config import ServerConfig
from realmsync.server.functions.context import FunctionContext
from realmsync.server.functions.javascript import JavaScript
from realmsync.server.functions.port import AppUser, FunctionFailed
from realmsync.server.functions.registry import AppFunctions
from realmsync.server.process import Server
from realmsync.waiting import in_time
from sdk_http import CLIENT, SdkHttp
from session_peer import Peer

APP = "busy-abcde"
CALLED = {"%%true": {"%function": {"name": "may", "arguments": ["%%partition"]}}}
MAY = "exports = (partition) => partition === context.user.id;"
CONTEXT = '{"values": {}}'
SPIN = "exports = () => { for (;;); };"


async def no_answer(kind: str, payload: Any) -> str:
    raise AssertionError("nothing is asked here")


async def give_up(name: str, arguments: Any) -> Any:
    raise asyncio.CancelledError


async def test_a_function_that_cancels_itself_has_failed() -> None:
    partition = PartitionConfiguration(
        "p", "string", read={"%or": [CALLED, {"%%partition": "mine"}]}
    )
    sync = SyncConfiguration(SyncMode.PARTITION, partition=partition)
    permissions = Permissions(App(APP, "busy", sync))
    for asked, reads in (("mine", True), ("other", False)):
        found = await permissions.partition(AppUser("u"), asked, give_up)
        assert found == PartitionPermission(read=reads, write=False)


@pytest.mark.parametrize(
    "result", [{"\ud800": 1}, {1: 2}, ["x"] * 200_001], ids=lambda r: str(r)[:9]
)
async def test_a_result_that_rules_cannot_take_gives_nothing(result: Any) -> None:
    async def call(name: str, arguments: Any) -> Any:
        return result

    sync = SyncConfiguration(
        SyncMode.PARTITION, partition=PartitionConfiguration("p", "string", read=CALLED)
    )
    found = await Permissions(App(APP, "busy", sync)).partition(AppUser("u"), "p", call)
    assert found == PartitionPermission(read=False, write=False)


async def test_waiting_ends_in_time_whatever_is_waited_for() -> None:
    async def stays() -> None:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    over = asyncio.Event()
    with pytest.raises(asyncio.TimeoutError):
        await in_time(stays(), 0.01)
    over.set()
    with pytest.raises(RuntimeError, match="cancelled itself"):
        await in_time(give_up("f", []), None)


@pytest.mark.parametrize(
    "said",
    [
        "{}",
        "{calls: [], outcome: {}, waiting: 1}",
        "{calls: [{run: 'x', kind: 5}], outcome: null, waiting: 1}",
        "{calls: [{kind: 'outcome', payload: 7}], outcome: null, waiting: 1}",
    ],
)
async def test_an_engine_that_talks_nonsense_is_ended(said: str) -> None:
    """With toJSON() a function can say anything in the engine's name."""
    javascript = JavaScript()
    source = (
        "Object.prototype.toJSON = function (key) { return key === '' ? " + said + " : this; };"
        "exports = () => 1"
    )
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: problems.append(told))
    try:
        with pytest.raises(FunctionFailed):
            await javascript.run(source, CONTEXT, "[]", no_answer, 5.0)
        assert await javascript.run("exports = () => 1", CONTEXT, "[]", no_answer, 5.0)
    finally:
        await javascript.close()
    gc.collect()
    assert not problems


async def logged_in(http: SdkHttp) -> dict[str, str]:
    path = f"{CLIENT}/app/{APP}/auth/providers/anon-user/login"
    reply = await http("POST", path, {"provider": "anon-user"})
    assert reply.status == 200, reply
    found: dict[str, str] = reply.json
    return found


async def call_often(http: SdkHttp, name: str, times: int) -> list[asyncio.Task[Any]]:
    """Calls that all wait for one another."""
    caller = await logged_in(http)
    path, body = f"{CLIENT}/app/{APP}/functions/call", {"name": name, "arguments": []}
    token = caller["access_token"]
    return [asyncio.ensure_future(http("POST", path, body, token=token)) for _ in range(times)]


async def served(server: Server, http: SdkHttp) -> bool:
    """Whether a user gets into his partition."""
    user = await logged_in(http)
    peer = await Peer.open(server.url, APP, user["access_token"])
    try:
        session = await peer.bind(user["user_id"])
        return session.error is None
    finally:
        await peer.close()


@pytest.mark.no_asan
async def test_rules_do_not_wait_for_what_clients_call(tmp_path: Path) -> None:
    sources = {"may": MAY, "spin": SPIN}
    write_app(tmp_path / "app", app_id=APP, read=CALLED, write=CALLED, functions=sources)
    folder = AppFolder(tmp_path / "app", javascript=True)
    config = ServerConfig(data=tmp_path / "server", port=0, app_folders=(folder,))
    async with Server(config) as server:
        http = SdkHttp(server.url)
        calls = await call_often(http, "spin", 20)
        assert await served(server, http)
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_threads_of_rules_are_their_own(tmp_path: Path) -> None:
    over, functions = asyncio.Event(), AppFunctions()
    loop = asyncio.get_running_loop()

    @functions.function
    def may(context: FunctionContext, partition: str) -> bool:
        return context.user.id == partition

    @functions.function
    def stay(_: FunctionContext) -> None:
        asyncio.run_coroutine_threadsafe(over.wait(), loop).result()

    write_app(tmp_path / "app", app_id=APP, read=CALLED, write=CALLED)
    folder = AppFolder(tmp_path / "app", functions=functions)
    config = ServerConfig(data=tmp_path / "server", port=0, app_folders=(folder,))
    async with Server(config) as server:
        http = SdkHttp(server.url)
        calls = await call_often(http, "stay", 20)
        assert await served(server, http)
        over.set()
        await asyncio.gather(*calls, return_exceptions=True)
