"""Synced realms through the public API, against a server in the same process: waits, progress,
pausing, connection notifications, opening with time-outs, errors (client-session.md 3 to 7)."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from realmsync import (
    App,
    AppConfiguration,
    ClientResetConfiguration,
    ClientResetError,
    Configuration,
    ConnectionState,
    Credentials,
    OpenCancelledError,
    OpenRealmBehaviorConfiguration,
    Progress,
    Realm,
    SessionLifecycleState,
    SessionState,
    SyncConfiguration,
    SyncOperationAborted,
    SyncTimeoutError,
    User,
    _core,
    _testbed,
)
from realmsync.codes import SyncCode
from realmsync.errors import (
    BadPartitionValueError,
    DeleteOnOpenRealmError,
    IllegalOperationError,
    LimitExceededError,
    MismatchedConfigError,
)
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from realmsync.sync.session import SyncSession

DOG = {"name": "Dog", "primaryKey": "_id", "properties": {"_id": "int", "name": "string"}}
STREAM, ONCE = "reportIndefinitely", "forCurrentlyOutstandingWork"
LIMIT = 20.0  # seconds; far above what anything here takes


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(ServerConfig(data=tmp_path / "server", port=0)) as server:
        yield server


class Device:
    """One installation: an app and its user."""

    def __init__(self, app: App, user: User) -> None:
        self.app, self.user = app, user
        self.realms: list[Realm] = []

    def config(self, partition: Any = "p", **settings: Any) -> Configuration:
        sync = SyncConfiguration(user=self.user, partition_value=partition, **settings)
        return Configuration(schema=[DOG], sync=sync)

    async def open(self, partition: Any = "p", **settings: Any) -> Realm:
        realm = await Realm.open(self.config(partition, **settings))
        self.realms.append(realm)
        return realm


@pytest.fixture
async def device(server: Server, tmp_path: Path) -> AsyncIterator[Any]:
    devices: list[Device] = []

    async def make(url: str | None = None) -> Device:
        app = App(
            AppConfiguration(
                id="app",
                base_url=url or server.url,
                base_file_path=tmp_path / f"device{len(devices)}",
            )
        )
        device = Device(app, await app.log_in(Credentials.anonymous()))
        devices.append(device)
        return device

    yield make
    for one in devices:
        for realm in one.realms:
            realm.close()
        await one.app.close()


def add(realm: Realm, *keys: int) -> None:
    with realm.write():
        for key in keys:
            realm.create("Dog", {"_id": key, "name": f"dog {key}"})


async def test_both_ways(device: Any) -> None:
    a, b = await (await device()).open(), await (await device()).open()
    add(a, 1, 2, 3)
    assert await a.sync_session.upload_all_local_changes(LIMIT) is True
    assert await b.sync_session.download_all_server_changes(LIMIT) is True
    add(b, 4)
    await b.sync_session.upload_all_local_changes(LIMIT)
    await a.sync_session.download_all_server_changes(LIMIT)
    assert len(a.objects("Dog")) == len(b.objects("Dog")) == 4
    assert {a.sync_session.file_ident, b.sync_session.file_ident} == {2, 3}
    assert a.sync_session.url.startswith("ws://") and a.sync_session.is_connected


async def test_pause_and_resume(device: Any) -> None:
    realm = await (await device()).open()
    session = realm.sync_session
    changes: list[tuple[ConnectionState, ConnectionState]] = []
    session.add_connection_notification(lambda new, old: changes.append((new, old)))
    pending = asyncio.ensure_future(session.download_all_server_changes())
    await asyncio.sleep(0)
    session.pause()
    assert session.state is SessionState.INACTIVE
    assert session.lifecycle_state is SessionLifecycleState.PAUSED
    assert session.connection_state is ConnectionState.DISCONNECTED
    assert not session.is_connected
    with pytest.raises(SyncOperationAborted, match="Sync session became inactive") as error:
        await pending
    assert error.value.code == 1027
    add(realm, 1)
    held = asyncio.ensure_future(session.upload_all_local_changes(LIMIT))
    await asyncio.sleep(0.05)
    assert not held.done()
    session.resume()
    assert await held is True
    assert [new.value for new, _ in changes] == ["disconnected", "connecting", "connected"]


async def test_paused_block(device: Any) -> None:
    session = (await (await device()).open()).sync_session
    async with session.paused():
        assert session.state == "inactive"
    assert session.state == "active"
    with session.paused():
        assert session.state == "inactive"
    assert session.state == "active"


async def test_time_outs(device: Any) -> None:
    session = (await (await device()).open()).sync_session
    session.pause()
    with pytest.raises(SyncTimeoutError) as error:
        await session.upload_all_local_changes(0.001)
    message = "Timed out: Uploading changes did not complete in 1 ms."
    assert str(error.value) == message and isinstance(error.value, TimeoutError)
    with pytest.raises(SyncTimeoutError, match="Downloading changes did not complete in 1 ms"):
        await session.download_all_server_changes(0.001)


async def test_progress(device: Any) -> None:
    one = await device()
    realm = await one.open()
    session = realm.sync_session
    reports: list[Progress] = []
    pairs: list[tuple[int, int]] = []
    session.add_progress_notification("upload", STREAM, reports.append)

    def pair(transferred: int, transferable: int) -> None:
        pairs.append((transferred, transferable))

    token = session.add_progress_notification("upload", STREAM, pair)
    add(realm, *range(100))
    await session.upload_all_local_changes(LIMIT)
    await asyncio.sleep(0.05)
    assert reports[-1].transferred == reports[-1].transferable > 0
    assert reports[-1].estimate == 1.0
    assert pairs == [(r.transferred, r.transferable) for r in reports][-len(pairs) :]
    session.remove_progress_notification(token)
    session.remove_progress_notification(pair)
    count = len(pairs)
    add(realm, 1000)
    last = [report async for report in session.progress("upload", ONCE)][-1]
    assert last.transferred >= last.transferable and len(pairs) == count


async def test_sessions_are_shared_by_path(device: Any) -> None:
    one = await device()
    first = await one.open()
    second = Realm(one.config())
    assert second.sync_session is first.sync_session
    second.close()
    assert first.sync_session.state == "active"
    with pytest.raises(MismatchedConfigError):
        sync = SyncConfiguration(user=one.user, partition_value="other")
        Realm(Configuration(path=first.path, schema=[DOG], sync=sync))
    sync = one.app.sync
    assert sync.has_existing_sessions
    assert sync.get_all_sync_sessions(one.user) == [first.sync_session]
    assert sync.get_sync_session(one.user, "p") is first.sync_session
    assert sync.get_sync_session(one.user, "q") is None
    sync.enable_session_multiplexing()  # it is on
    with pytest.raises(IllegalOperationError):
        sync.set_user_agent("late")


async def test_closed_realm_is_reopened(device: Any) -> None:
    one = await device()
    realm = await one.open()
    add(realm, 1)
    realm.close()
    again = await one.open()
    assert len(again.objects("Dog")) == 1
    await again.sync_session.upload_all_local_changes(LIMIT)
    other = await (await device()).open()
    assert len(other.objects("Dog")) == 1


async def test_log_out_stops_sessions(device: Any) -> None:
    one = await device()
    realm = await one.open()
    await one.user.log_out()
    assert realm.sync_session.state == "inactive"


async def test_open_time_out(device: Any, server: Server) -> None:
    one = await device()
    throw = OpenRealmBehaviorConfiguration(
        type="downloadBeforeOpen", time_out=0.05, time_out_behavior="throwException"
    )
    local = OpenRealmBehaviorConfiguration(
        type="downloadBeforeOpen", time_out=0.05, time_out_behavior="openLocalRealm"
    )
    immediately = OpenRealmBehaviorConfiguration(type="openImmediately")
    await server.stop()
    message = "Timed out: Realm could not be downloaded in the allocated time: 50 ms."
    with pytest.raises(SyncTimeoutError) as error:
        await one.open(new_realm_file_behavior=throw)
    assert str(error.value) == message
    realm = await one.open(existing_realm_file_behavior=local)
    assert realm.sync_session.state == "active"
    other = await one.open("q", new_realm_file_behavior=immediately)
    add(other, 1)
    assert len(other.objects("Dog")) == 1


async def test_open_cancelled(device: Any, server: Server) -> None:
    one = await device()
    await server.stop()
    seen: list[Progress] = []
    task = Realm.open(one.config())
    task.progress(seen.append)
    assert seen == [Progress(0, 0, 1.0)]
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(OpenCancelledError, match="Async open canceled"):
        await task


def simulate_error(
    session: SyncSession, message: str, *, fatal: bool, action: str = "Warning"
) -> None:
    """Lets the session report an error as if its server had sent it."""
    status = SyncCode.SyncClientResetRequired
    _testbed.simulate_error(session._runtime, session.id, status, message, fatal, action)


async def test_errors_reach_the_application(device: Any) -> None:
    told: asyncio.Queue[tuple[Any, Any]] = asyncio.Queue()
    one = await device()
    realm = await one.open(on_error=lambda session, error: told.put_nowait((session, error)))
    simulate_error(realm.sync_session, "no good", fatal=False)
    session, error = await asyncio.wait_for(told.get(), LIMIT)
    assert session is realm.sync_session
    assert (error.code, error.message, error.is_fatal) == (1032, "no good", False)


async def test_errors_without_a_handler_are_logged(
    device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Queue[tuple[int, str]]()

    def log(level: int, text: str, *details: object) -> None:  # on the sync client's thread
        loop.call_soon_threadsafe(told.put_nowait, (level, text % details))

    monkeypatch.setattr("realmsync.sync.session.logger.log", log)
    realm = await (await device()).open()
    for level, is_fatal in ((logging.WARNING, False), (logging.ERROR, True)):
        simulate_error(realm.sync_session, "no", fatal=is_fatal)
        message = await asyncio.wait_for(told.get(), LIMIT)
        assert message == (level, f"session of {realm.path}: no")


async def test_a_reset_moves_the_file_where_the_error_says(device: Any) -> None:
    one = await device()
    for _ in range(2):  # within one second: the second must not replace the first
        told: asyncio.Queue[Any] = asyncio.Queue()
        realm = await one.open(
            client_reset=ClientResetConfiguration(mode="manual"),
            on_error=lambda session, error, told=told: told.put_nowait(error),
        )
        simulate_error(realm.sync_session, "lost", fatal=True, action="ClientReset")
        error = await asyncio.wait_for(told.get(), LIMIT)
        assert isinstance(error, ClientResetError)
        with pytest.raises(DeleteOnOpenRealmError):
            one.app.sync.initiate_client_reset(realm.path)
        realm.close()
        path = realm.sync_session.path
        moved = await asyncio.to_thread(one.app.sync.initiate_client_reset, path)
        assert moved == error.recovery_path and Path(str(moved)) in {*one.app.root.rglob("*")}


async def test_a_reset_waits_for_a_session_that_is_about_to_end(
    device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, end = threading.Event(), SyncSession._end

    def slowly(session: SyncSession, reason: str) -> None:
        ending.set()
        time.sleep(0.1)
        end(session, reason)

    monkeypatch.setattr(SyncSession, "_end", slowly)
    one = await device()
    told = threading.Event()
    realm = await one.open(
        client_reset=ClientResetConfiguration(mode="manual"), on_error=lambda *_: told.set()
    )
    simulate_error(realm.sync_session, "lost", fatal=True, action="ClientReset")
    assert await asyncio.to_thread(told.wait, LIMIT)
    realm.close()
    assert await asyncio.to_thread(ending.wait, LIMIT)
    path = realm.sync_session.path
    await asyncio.to_thread(one.app.sync.initiate_client_reset, path)
    assert not _core.RealmFile.is_open(path)
    (await one.open()).close()


async def test_a_closed_app_keeps_no_file_open(device: Any) -> None:
    one = await device()
    realm = await one.open()  # kept, with its session
    realm.close()
    await one.app.close()
    Realm.delete_file(realm.config)
    assert not Realm.exists(realm.config)


async def test_waits_end_with_the_app(device: Any) -> None:
    one = await device()
    realm = await one.open()
    realm.sync_session.pause()
    wait = asyncio.ensure_future(realm.sync_session.download_all_server_changes())
    await asyncio.sleep(0.01)
    await one.app.close()
    with pytest.raises(SyncOperationAborted):
        await wait


@pytest.mark.parametrize("value", [True, 1.5, b"x", [1]])
async def test_partition_values(device: Any, value: Any) -> None:
    one = await device()
    with pytest.raises(TypeError):
        SyncConfiguration(user=one.user, partition_value=value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**63, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        ("\ud800", "lone"),
        ("z" * 1023, "1024"),
        ("ä" * 512, "1024"),
    ],
)
async def test_partition_values_that_no_server_takes(device: Any, value: Any, text: str) -> None:
    one = await device()
    with pytest.raises(BadPartitionValueError, match=text):
        SyncConfiguration(user=one.user, partition_value=value)


async def test_a_transaction_that_no_server_takes(device: Any) -> None:
    one = await device()
    realm = await one.open()
    with pytest.raises(LimitExceededError, match="several transactions"), realm.write():
        for n in range(5):
            realm.create("Dog", {"_id": n, "name": "x" * 14_000_000})
    assert len(realm.objects("Dog")) == 0
    with realm.write():
        realm.create("Dog", {"_id": 1, "name": "small"})
    assert await realm.sync_session.upload_all_local_changes(timeout=20)


async def test_configuration_is_checked(device: Any) -> None:
    one = await device()
    with pytest.raises(TypeError, match="partition_value"):
        SyncConfiguration(user=one.user)
    with pytest.raises(TypeError, match="user"):
        SyncConfiguration(user="me", partition_value=1)  # type: ignore[arg-type]
    assert SyncConfiguration(user=one.user, flexible=True).flexible
    with pytest.raises(ValueError, match="time_out_behavior"):
        OpenRealmBehaviorConfiguration(type="downloadBeforeOpen", time_out=1.0)
    with pytest.raises(ValueError, match="type"):
        OpenRealmBehaviorConfiguration(type="sometimes")
    assert SyncConfiguration(user=one.user, partition_value=None).partition_json == "null"


@pytest.mark.parametrize(
    ("field", "value", "error", "text"),
    [
        ("user", "me", TypeError, "Expected 'user' to be a User"),
        ("flexible", "yes", TypeError, "Expected 'flexible' to be a bool"),
        ("flexible", True, ValueError, "'partition_value' cannot be specified when flexible"),
        ("initial_subscriptions", {}, TypeError, "'initial_subscriptions' to be a Callable"),
        ("new_realm_file_behavior", "openImmediately", TypeError, "OpenRealmBehaviorConfiguration"),
        ("on_error", 1, TypeError, "on_error"),
        ("cancel_waits_on_non_fatal_error", 1, TypeError, "cancel_waits_on_non_fatal_error.*bool"),
        ("cancel_waits_on_non_fatal_errors", "no", TypeError, "cancel_waits_on_non_fatal_error"),
        ("session_stop_policy", "at-once", ValueError, "session_stop_policy"),
        ("cancel_waits", True, ValueError, "no field 'cancel_waits'"),
    ],
)
async def test_fields_that_are_refused(
    device: Any, field: str, value: Any, error: type[Exception], text: str
) -> None:
    fields = {"user": (await device()).user, "partition_value": "p", field: value}
    with pytest.raises(error, match=text):
        SyncConfiguration(**fields)


async def test_waits_are_cancelled_by_either_name(device: Any) -> None:
    user = (await device()).user
    for name in ("cancel_waits_on_non_fatal_error", "cancel_waits_on_non_fatal_errors"):
        sync = SyncConfiguration(user=user, partition_value="p", **{name: True})
        assert sync.cancel_waits_on_non_fatal_error
        assert dataclasses.replace(sync, partition_value="q").cancel_waits_on_non_fatal_error


@pytest.mark.parametrize(
    "name",
    ["in_memory", "on_migration", "migration_options", "delete_realm_if_migration_needed"],
)
async def test_what_only_local_realms_have(device: Any, name: str) -> None:
    config = {"sync": (await device()).config().sync, name: False}
    text = f"configuration options '{name}' and 'sync' cannot both be defined"
    with pytest.raises(ValueError, match=text):
        Realm(config)
    with pytest.raises(ValueError, match=text):
        await Realm.open(**config)


async def test_a_configuration_may_be_any_mapping(device: Any) -> None:
    one = await device()
    sync = SyncConfiguration(user=one.user, partition_value="m")
    config = MappingProxyType({"schema": [DOG], "sync": sync, "durability": "process"})
    assert not Realm.exists(config)
    with await Realm.open(config) as downloaded, Realm(config) as opened:
        assert opened.path == downloaded.path == str(one.user.realm_path("m").resolve())
        assert opened.sync_session is downloaded.sync_session
        add(opened, 1)
        await opened.sync_session.upload_all_local_changes(LIMIT)
    assert Realm.exists(config)
    with pytest.raises(TypeError, match="Expected 'sync' to be a SyncConfiguration"):
        Realm(MappingProxyType({"sync": "yes"}))
