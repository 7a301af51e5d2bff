"""A server that is elsewhere by now: the old host says so, or does not know the generated route.
The location names the new one. client-session.md 9.9 and 11.4, wire-protocol.md 3.4 and 4.4."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from devices import DOG, LIMIT, add, session_of
from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration, SyncSession
from realmsync.errors import SyncError
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server

PATH = "/api/client/v2.0/app/app"


class OldHost:
    """Names the new server for requests, and for sync itself until it is told to move.

    `answer` is what it says to an upgrade: a status, or a close code after one.
    """

    def __init__(self, new: str, answer: int) -> None:
        self.new, self.answer = new, answer
        self.url = ""
        self.has_moved = False
        self.unavailable = 0  # so many requests for the location are answered with 503
        self.locations = self.upgrades = 0

    async def location(self, _: web.Request) -> web.Response:
        self.locations += 1
        if self.unavailable > 0:
            self.unavailable -= 1
            return web.Response(status=503, text="come back later")
        sync = self.new if self.has_moved else self.url
        place = {"hostname": self.new, "ws_hostname": sync.replace("http", "ws", 1)}
        return web.json_response({"deployment_model": "GLOBAL", "location": "US-VA", **place})

    async def upgrade(self, request: web.Request) -> web.StreamResponse:
        self.upgrades += 1
        self.has_moved = True
        if self.answer < 1000:
            headers = {"Location": "http://localhost:1/"}  # which nobody looks at
            return web.Response(status=self.answer, headers=headers, text="not here")
        socket = web.WebSocketResponse(protocols=["com.mongodb.realm-sync#14"])
        await socket.prepare(request)
        await socket.close(code=self.answer, message=b"not here")
        return socket


@contextlib.asynccontextmanager
async def hosts(tmp_path: Path, answer: int) -> AsyncIterator[tuple[OldHost, Server]]:
    async with Server(ServerConfig(data=tmp_path / "server", port=0)) as new:
        old = OldHost(new.url, answer)
        site = web.Application()
        site.router.add_get(f"{PATH}/location", old.location)
        site.router.add_get(f"{PATH}/realm-sync", old.upgrade)
        runner = web.AppRunner(site)
        await runner.setup()
        place = web.TCPSite(runner, "127.0.0.1", 0)
        await place.start()
        old.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield old, new
        finally:
            await runner.cleanup()


def device(old: OldHost, tmp_path: Path) -> App:
    return App("app", base_url=old.url, base_file_path=tmp_path / "device")


class Errors(list[SyncError]):
    def __call__(self, _: SyncSession, error: SyncError) -> None:
        self.append(error)


def config(app: App, partition: str, told: Errors) -> Configuration:
    user = app.current_user
    assert user is not None
    sync = SyncConfiguration(user=user, partition_value=partition, on_error=told)
    return Configuration(schema=[DOG], sync=sync)


async def assert_synchronises(app: App, old: OldHost, new: Server, told: Errors) -> None:
    async with contextlib.AsyncExitStack() as realms:
        for name in "abc":
            realm = await realms.enter_async_context(Realm.open(config(app, name, told)))
            add(realm, 1)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
            assert session_of(realm).url == f"{new.url.replace('http', 'ws', 1)}{PATH}/realm-sync"
    assert told == [] and old.has_moved
    user = app.current_user
    assert user is not None and user.is_logged_in


@pytest.mark.parametrize("answer", [301, 308, 4003])
async def test_the_old_host_says_so(answer: int, tmp_path: Path) -> None:
    async with hosts(tmp_path, answer) as (old, new), device(old, tmp_path) as app:
        await app.log_in(Credentials.anonymous())
        assert app.sync_route == (old.url.replace("http", "ws") + f"{PATH}/realm-sync", True)
        await assert_synchronises(app, old, new, Errors())
        assert old.upgrades >= 1 and old.locations >= 2  # on a busy machine it may ask again


async def test_several_realms_ask_once(tmp_path: Path) -> None:
    async with (
        hosts(tmp_path, 308) as (old, _),
        device(old, tmp_path) as app,
        contextlib.AsyncExitStack() as realms,
    ):
        await app.log_in(Credentials.anonymous())
        told = Errors()
        opened = [Realm(config(app, name, told)) for name in "abcdef"]
        for realm in opened:
            realms.callback(realm.close)
            add(realm, 1)
        for realm in opened:
            assert await session_of(realm).upload_all_local_changes(LIMIT)
        assert old.locations < 1 + len(opened)
        assert told == []


@pytest.mark.parametrize("answer", [200, 404, 410])
async def test_a_generated_route_that_is_wrong(answer: int, tmp_path: Path) -> None:
    """Users are restored without a request, so a program that starts guesses where sync is."""
    async with hosts(tmp_path, answer) as (old, new):
        async with device(old, tmp_path) as first:
            await first.log_in(Credentials.anonymous())
        assert old.locations == 1
        async with device(old, tmp_path) as app:
            assert app.sync_route == (old.url.replace("http", "ws") + f"{PATH}/realm-sync", False)
            await assert_synchronises(app, old, new, Errors())
            assert old.upgrades >= 1 and old.locations >= 2  # on a busy machine it may ask again


async def test_a_location_that_cannot_be_had_at_first(tmp_path: Path) -> None:
    async with hosts(tmp_path, 308) as (old, new), device(old, tmp_path) as app:
        await app.log_in(Credentials.anonymous())
        old.unavailable = 1
        await assert_synchronises(app, old, new, Errors())
        assert old.upgrades >= 2 and old.locations >= 3
