"""What `app.sync` offers: settings, and the sessions of an app (client-session.md 16.4). Wrong
arguments are in test_bad_calls.py, client resets in test_sync_session.py."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

import realmsync.sync
from devices import DOG, LIMIT, Device, World, session_of, world
from eventually import eventually
from realmsync import (
    Configuration,
    ConnectionState,
    Credentials,
    OpenRealmBehaviorConfiguration,
    Realm,
    SyncConfiguration,
    _testbed,
)
from realmsync.account.http import HttpRequest, HttpResponse, aiohttp_transport
from realmsync.errors import IllegalOperationError
from realmsync.sync import LogLevel, NumericLogLevel
from realmsync.version import __version__


def connections(device: Device) -> int:
    client = device.app.sync._client
    assert client is not None
    return _testbed.connection_count(client.runtime)


# Sessions


async def test_sessions_of_each_user(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        one = await at.device()
        sync = one.app.sync
        other = Device(one.app, await one.app.log_in(Credentials.anonymous(reuse=False)))
        assert other.user is not one.user
        assert sync.get_all_sync_sessions(one.user) == [] and not sync.has_existing_sessions
        async with one.open() as realm, one.open("q") as second, other.open() as foreign:
            ours = {session_of(realm), session_of(second)}
            assert set(sync.get_all_sync_sessions(one.user)) == ours
            assert sync.get_all_sync_sessions(other.user) == [session_of(foreign)]
            assert sync.get_sync_session(one.user, "p") is session_of(realm)
            assert sync.get_sync_session(other.user, "p") is session_of(foreign)
            assert sync.get_sync_session(other.user, "q") is None  # and it is not made
            assert sync.has_existing_sessions
            second.close()
            assert sync.get_all_sync_sessions(one.user) == [session_of(realm)]
        assert sync.get_all_sync_sessions(one.user) == []
        assert not sync.has_existing_sessions


@pytest.mark.parametrize("value", ["text", 7, -(2**40), ObjectId(), uuid.uuid4(), None])
async def test_the_session_of_a_partition(value: Any, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open(value) as realm:
            found = device.app.sync.get_sync_session(device.user, value)
            assert found is session_of(realm)
            assert device.app.sync.get_sync_session(device.user, "another") is None


async def test_only_at_the_default_place(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        sync = SyncConfiguration(user=device.user, partition_value="p")
        config = Configuration(path=tmp_path / "mine.realm", schema=[DOG], sync=sync)
        async with Realm.open(config) as realm:
            assert device.app.sync.get_sync_session(device.user, "p") is None
            assert device.app.sync.get_all_sync_sessions(device.user) == [session_of(realm)]


async def test_reconnect_is_for_all_sessions(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device(multiplex_sessions=False)
        async with device.open() as one, device.open("q") as two:
            sessions = [session_of(one), session_of(two)]
            async with at.server_refusing():
                for session in sessions:
                    await eventually(lambda s=session: "next attempt" in s.explain())
            device.app.sync.reconnect()
            for session in sessions:
                assert session.connection_state is not ConnectionState.DISCONNECTED
                assert await session.download_all_server_changes(LIMIT)


# Settings


async def test_multiplexing_is_enabled_before_the_first_realm(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        apart, together = [await at.device(multiplex_sessions=False) for _ in range(2)]
        together.app.sync.enable_session_multiplexing()
        for device, count in ((apart, 2), (together, 1)):
            async with device.open(), device.open("q"):
                assert connections(device) == count
        with pytest.raises(IllegalOperationError, match="enable session multiplexing after"):
            apart.app.sync.enable_session_multiplexing()
        together.app.sync.enable_session_multiplexing()  # it is on


@asynccontextmanager
async def upgrades(at: World) -> AsyncIterator[tuple[Device, asyncio.Queue[str]]]:
    """A device whose sync goes to somebody who only writes down what is asked of him."""
    asked: asyncio.Queue[str] = asyncio.Queue()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.put_nowait((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.close()

    listener = await asyncio.start_server(note, "127.0.0.1", 0)
    there = f"ws://127.0.0.1:{listener.sockets[0].getsockname()[1]}"

    async def send(request: HttpRequest) -> HttpResponse:
        response = await aiohttp_transport(request)
        body = re.sub(r'("ws_hostname": ?)"[^"]*"', rf'\1"{there}"', response.body)
        return replace(response, body=body)

    async with listener:
        yield await at.device(http_transport=send), asked


async def test_the_user_agent_goes_to_the_server(tmp_path: Path) -> None:
    async with world(tmp_path) as at, upgrades(at) as (device, asked):
        device.app.sync.set_user_agent("Kennel/1.0 (Linux)")
        with Realm(device.config(custom_http_headers={"X-Kennel": "yes"})):
            head = await asyncio.wait_for(asked.get(), LIMIT)
        assert f"User-Agent: realmsync/{__version__} Kennel/1.0 (Linux)\r\n" in head
        assert "X-Kennel: yes\r\n" in head


async def test_the_level_of_the_log(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        sync, logger = (await at.device()).app.sync, logging.getLogger("realmsync.sync")
        before = logger.level
        try:
            for level in (LogLevel.ERROR, "error", NumericLogLevel.ERROR, 6):
                logger.setLevel(logging.NOTSET)
                sync.set_log_level(level)
                assert logger.level == logging.ERROR
        finally:
            logger.setLevel(before)


def test_both_kinds_of_levels_are_the_same() -> None:
    assert [LogLevel(level).name for level in NumericLogLevel] == list(LogLevel.__members__)


async def test_the_logger_gets_what_the_server_says(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device(multiplex_sessions=False)
        said: list[tuple[str, str]] = []
        device.app.sync.set_logger(lambda level, message: said.append((level, message)))
        async with device.open():  # the server greets each connection
            await eventually(lambda: said)
            level, message = said[0]
            assert LogLevel(level) and message.startswith("Server log: ")
            device.app.sync.set_logger(None)
            said.clear()
            async with device.open("q") as other:
                assert await session_of(other).download_all_server_changes(LIMIT)
            await asyncio.sleep(0.05)
            assert said == []


def test_behaviors() -> None:
    sync = realmsync.sync.AppSync
    assert OpenRealmBehaviorConfiguration(type="openImmediately") == sync.OPEN_LOCAL_REALM_BEHAVIOR
    assert (
        OpenRealmBehaviorConfiguration(
            type="downloadBeforeOpen", time_out=30, time_out_behavior="throwException"
        )
        == sync.DOWNLOAD_BEFORE_OPEN_BEHAVIOR
    )


def test_names_of_the_namespace() -> None:
    """Those of flexible sync come with it."""
    assert realmsync.sync.Session is realmsync.sync.SyncSession
    for name in ("ConnectionState", "LogLevel", "NumericLogLevel", "PartitionValue"):
        assert name in realmsync.sync.__all__ and hasattr(realmsync.sync, name)
