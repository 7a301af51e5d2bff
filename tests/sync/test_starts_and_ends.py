"""When sessions start and end, through the public API: opened while logged out, from other threads,
by other users; stopped and waited for; and what is told of the connection (client-session.md 2 to
4). The engine's part: client/test_life_cycle_table.py."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from client_program import ClientProgram, Person
from devices import DOG, KIM, LIMIT, Device, add, session_of, world
from eventually import eventually
from realmsync import (
    App,
    Configuration,
    ConnectionState,
    Credentials,
    OpenRealmBehaviorConfiguration,
    Realm,
    SessionLifecycleState,
    SessionState,
    SessionStopPolicy,
    SyncConfiguration,
    SyncOperationAborted,
    SyncTimeoutError,
    _core,
)
from realmsync.codes import AppCode, SyncCode
from realmsync.errors import (
    InvalidArgumentError,
    MismatchedConfigError,
    MultipleSyncAgentsError,
    RealmError,
)
from realmsync.sync import SyncSession
from realmsync.testing import ServerProcess

DOWN, CONNECTING, UP = (
    ConnectionState.DISCONNECTED,
    ConnectionState.CONNECTING,
    ConnectionState.CONNECTED,
)
PAUSED, INACTIVE = SessionLifecycleState.PAUSED, SessionLifecycleState.INACTIVE
APPLICATION_BUG = 1037

Change = tuple[ConnectionState, ConnectionState]


def watch(session: SyncSession) -> list[Change]:
    """What its connection will do, as (new, old)."""
    changes: list[Change] = []
    session.add_connection_notification(lambda new, old: changes.append((new, old)))
    return changes


@contextlib.contextmanager
def nobody_is_told(device: Device) -> Iterator[None]:
    """The sync client's thread stands still: what happens meanwhile is told afterwards."""
    client = device.app.sync._client
    assert client is not None
    going_on = threading.Event()
    client._loop.call_soon_threadsafe(going_on.wait)
    try:
        yield
    finally:
        going_on.set()


# Opening


@pytest.mark.parametrize("multiplex", [True, False])
async def test_connection_of_a_realm_from_its_opening_to_its_end(
    multiplex: bool, tmp_path: Path
) -> None:
    """Alone, and joining a connection that stands."""
    async with world(tmp_path) as at:
        device = await at.device(multiplex_sessions=multiplex)
        async with device.open("other"):
            with nobody_is_told(device):
                realm = Realm(device.config())
                session = session_of(realm)
                changes = watch(session)
            await session.download_all_server_changes(LIMIT)
            assert session.is_connected
            realm.close()
            await eventually(lambda: len(changes) == 3)
            assert changes == [(CONNECTING, DOWN), (UP, CONNECTING), (DOWN, UP)]
            assert (session.connection_state, session.is_connected) == (DOWN, False)


async def test_opened_while_logged_out_it_starts_at_the_log_in(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device, reader = await at.device_of_kim(), await at.device()
        await device.user.log_out()
        with Realm(device.config()) as realm, Realm(device.config("q")) as sibling:
            session = session_of(realm)
            changes = watch(session)
            add(realm, 1)
            add(sibling, 2)
            assert device.app.sync.get_all_sync_sessions(device.user) == [
                session,
                session_of(sibling),
            ]
            for one in (session, session_of(sibling)):
                assert one.lifecycle_state is INACTIVE
                assert one.explain().startswith("stopped until its user logs in again")
            upload = asyncio.ensure_future(session.upload_all_local_changes(LIMIT))
            await asyncio.sleep(0.05)
            assert not upload.done() and changes == []
            await device.app.log_in(KIM)
            assert session.state is SessionState.ACTIVE
            assert await upload
            assert await session_of(sibling).upload_all_local_changes(LIMIT)
            assert changes == [(CONNECTING, DOWN), (UP, CONNECTING)]
            for partition in ("p", "q"):
                async with reader.open(partition) as copy:
                    assert len(copy.objects("Dog")) == 1


async def test_after_a_log_out_it_is_not_connected(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        async with device.open() as realm:
            session = session_of(realm)
            assert session.is_connected
            await device.user.log_out()
            assert session.lifecycle_state is INACTIVE
            assert not session.is_connected


async def test_another_user_cannot_open_the_same_file(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        async with device.open() as realm:
            other = await device.app.log_in(Credentials.anonymous())
            sync = SyncConfiguration(user=other, partition_value="p")
            config = Configuration(path=realm.path, schema=[DOG], sync=sync)
            message = "already opened with different sync configuration"
            with pytest.raises(MismatchedConfigError, match=message) as raised:
                Realm(config)
            assert raised.value.code == 2013
            with pytest.raises(MismatchedConfigError, match=message):
                await Realm.open(config)
            assert session_of(realm).references == 1


async def test_a_removed_user_cannot_open_a_realm(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            path = realm.path
        await device.app.remove_user(device.user)
        message = f"session for user '{device.user.id}' because this user has been removed"
        with pytest.raises(RealmError, match=message) as raised:
            Realm(device.config())
        assert raised.value.code == AppCode.ClientUserNotFound == 4100
        with pytest.raises(RealmError, match=message):
            await device.open()
        await eventually(lambda: not _core.RealmFile.is_open(path))


async def open_it(config: Configuration) -> Realm:
    return await Realm.open(config)


async def construct_it(config: Configuration) -> Realm:
    return Realm(config)


@pytest.mark.no_asan
@pytest.mark.parametrize("how", [open_it, construct_it])
async def test_two_processes_cannot_synchronise_one_file(
    how: Callable[[Configuration], Awaitable[Realm]], tmp_path: Path
) -> None:
    with ServerProcess(tmp_path / "server") as server, ClientProgram() as first:
        folder = tmp_path / "app"
        app = App("tests", base_url=server.url, base_file_path=folder)
        user = await app.log_in(Credentials.anonymous())
        ask = asyncio.to_thread
        path = await ask(first.ask, "open", server.url, str(folder), "p")
        await ask(first.ask, "write", [{"_id": 1}], [])
        config = Configuration(
            schema=[Person], sync=SyncConfiguration(user=user, partition_value="p")
        )
        for _ in range(2):  # a refusal leaves nothing behind
            with pytest.raises(MultipleSyncAgentsError, match="Another process") as raised:
                await how(config)
            assert raised.value.code == 1012
            assert not app.sync.has_existing_sessions
            assert not _core.RealmFile.is_open(path)
        await ask(first.ask, "upload")
        await ask(first.ask, "close")
        with await how(config) as realm:
            assert realm.path == path
            assert await session_of(realm).download_all_server_changes(LIMIT)
            assert len(realm.objects(Person)) == 1
        await app.close()


async def test_two_apps_of_a_process_cannot_synchronise_one_file(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device, path = await at.device(), tmp_path / "a.realm"
        again = App(device.app.config)
        assert again.current_user is not None
        sync = SyncConfiguration(user=again.current_user, partition_value="p")
        second = Configuration(path=path, schema=[DOG], sync=sync)
        first = Realm(path=path, schema=[DOG], sync=device.config().sync)
        for _ in range(2):
            with pytest.raises(MultipleSyncAgentsError, match="another App of this one"):
                Realm(second)
        assert await session_of(first).download_all_server_changes(LIMIT)
        await again.close()
        first.close()
        await device.app.close()
        with Realm(second) as realm:
            assert await session_of(realm).download_all_server_changes(LIMIT)


async def test_a_realm_that_is_opened_again_has_its_own_handlers(tmp_path: Path) -> None:
    """Also when the session of the one before is still ending."""
    told: list[str] = []
    async with world(tmp_path) as at:
        device = await at.device()
        async with at.server_unreachable():  # where it waits to upload
            first = Realm(device.config(on_error=lambda *_: told.append("first")))
            session = session_of(first)
            add(first, 1)
            first.close()
            second = Realm(device.config(on_error=lambda *_: told.append("second")))
            assert session_of(second) is session
        with second:
            assert await session.upload_all_local_changes(LIMIT)
            device.fail(second, 1015, "broken", "Warning", fatal=False)
            await eventually(lambda: told == ["second"])


async def in_another_thread(config: Configuration) -> None:
    def work() -> None:
        with Realm(config) as realm:
            assert len(realm.objects("Dog")) == 0

    await asyncio.to_thread(work)


async def on_this_loop(config: Configuration) -> None:
    at_once = OpenRealmBehaviorConfiguration(type="openImmediately")
    sync = SyncConfiguration(
        user=config.sync.user, partition_value="p", existing_realm_file_behavior=at_once
    )
    async with await Realm.open(Configuration(schema=[DOG], sync=sync)):
        pass


@pytest.mark.parametrize("again", [in_another_thread, on_this_loop])
async def test_a_second_opening_starts_what_is_stopped_and_not_what_is_paused(
    again: Callable[[Configuration], Awaitable[None]], tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open(on_error=lambda session, error: None) as realm:
            session = session_of(realm)
            session.pause()
            await again(device.config())
            assert session.lifecycle_state is PAUSED
            session.resume()
            device.fail(realm, APPLICATION_BUG, "no good", "ApplicationBug")
            assert session.lifecycle_state is INACTIVE and not session.is_connected
            await again(device.config())
            assert session.lifecycle_state is SessionLifecycleState.ACTIVE
            add(realm, 1)
            assert await session.upload_all_local_changes(LIMIT)


# Stop policies


async def test_a_stop_policy_may_change(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        realm = await device.open(session_stop_policy="never")
        session = session_of(realm)
        assert session.stop_policy is SessionStopPolicy.NEVER
        with pytest.raises(InvalidArgumentError, match="stop_policy"):
            session.stop_policy = "sometimes"  # type: ignore[assignment]
        realm.close()
        await asyncio.sleep(0.05)
        assert session.is_connected
        session.stop_policy = "immediately"
        assert session.stop_policy is SessionStopPolicy.IMMEDIATELY
        assert session.lifecycle_state is INACTIVE
        await eventually(lambda: not _core.RealmFile.is_open(session.path))


async def test_a_policy_of_a_realm_that_is_open(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        realm = await device.open()
        session = session_of(realm)
        async with at.server_unreachable():
            add(realm, 1)
            session.stop_policy = SessionStopPolicy.IMMEDIATELY
            assert session.state is SessionState.ACTIVE
            realm.close()
            assert session.lifecycle_state is INACTIVE  # though it has not uploaded


# Stopping, and waiting until the file is free

Stop = Callable[..., Awaitable[None]]
STOPS: list[tuple[Stop, SessionLifecycleState]] = [
    (SyncSession.pause_and_wait, PAUSED),
    (SyncSession.shut_down_and_wait, INACTIVE),
]


@pytest.mark.parametrize(("stop", "state"), STOPS)
async def test_the_file_is_free_afterwards(
    stop: Stop, state: SessionLifecycleState, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            session = session_of(realm)
            add(realm, 1)
            await stop(session, LIMIT)
            assert (session.lifecycle_state, session.connection_state) == (state, DOWN)
            assert session._runtime.is_released(session.id)
            await stop(session)  # at once
            session.resume()
            assert await session.upload_all_local_changes(LIMIT)


@pytest.mark.parametrize(("stop", "state"), STOPS)
async def test_a_closed_realm_can_be_deleted_before_it_has_uploaded(
    stop: Stop, state: SessionLifecycleState, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        realm = await device.open()
        session = session_of(realm)
        async with at.server_unreachable():
            add(realm, 1)
            realm.close()
            assert session.lifecycle_state is SessionLifecycleState.DYING
            waits = [asyncio.ensure_future(stop(session)) for _ in range(2)]
            await asyncio.sleep(0.05)
            assert session.lifecycle_state is state and not any(w.done() for w in waits)
            at.cut()  # the network is told to be gone, too: nobody answers UNBIND
            await asyncio.wait_for(asyncio.gather(*waits), LIMIT)
            Realm.delete_file(device.config())
        await stop(session)  # of one that has ended


@pytest.mark.parametrize(("stop", "state"), STOPS)
async def test_a_time_out_leaves_it_stopped(
    stop: Stop, state: SessionLifecycleState, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            session = session_of(realm)
            async with at.server_unreachable():
                with pytest.raises(SyncTimeoutError, match="Stopping the session") as raised:
                    await stop(session, 0.02)
                assert raised.value.explanation
                cancelled = asyncio.ensure_future(stop(session))
                await asyncio.sleep(0.01)
                cancelled.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await cancelled
                assert session.lifecycle_state is state
            await stop(session, LIMIT)
            with pytest.raises(InvalidArgumentError, match="timeout"):
                await stop(session, "soon")


@pytest.mark.parametrize(("stop", "state"), STOPS)
async def test_whoever_starts_it_again_ends_the_wait(
    stop: Stop, state: SessionLifecycleState, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            session = session_of(realm)
            async with at.server_unreachable():
                wait = asyncio.ensure_future(stop(session))
                await asyncio.sleep(0.05)
                assert session.lifecycle_state is state
                session.resume()
                with pytest.raises(SyncOperationAborted, match="started again") as raised:
                    await wait
                assert raised.value.code == 1027
            assert await session.download_all_server_changes(LIMIT)


@pytest.mark.parametrize(("stop", "state"), STOPS)
async def test_the_end_of_the_app_ends_the_wait(
    stop: Stop, state: SessionLifecycleState, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            session = session_of(realm)
            async with at.server_unreachable():
                wait = asyncio.ensure_future(stop(session))
                await asyncio.sleep(0.05)
                await device.app.close()
                await asyncio.wait_for(wait, LIMIT)
            await stop(session)


@pytest.mark.parametrize(("stop", "state"), STOPS)
async def test_a_client_reset_ends_first(
    stop: Stop, state: SessionLifecycleState, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            session = session_of(realm)
            async with at.server_unreachable():
                add(realm, 1)
                device.fail(realm, SyncCode.SyncClientResetRequired, "lost", "ClientReset")
                await eventually(lambda: "being reset" in session.explain())
                wait = asyncio.ensure_future(stop(session))
                await eventually(lambda: session.lifecycle_state is state)
                at.cut()
                await asyncio.wait_for(wait, LIMIT)
                assert session._runtime.is_released(session.id)
            session.resume()
            assert await session.upload_all_local_changes(LIMIT)
            assert len(realm.objects("Dog")) == 1


async def test_one_of_another_realm_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm, device.open("q") as sibling:
            await session_of(realm).pause_and_wait(LIMIT)
            add(sibling, 1)
            assert await session_of(sibling).upload_all_local_changes(LIMIT)
            assert session_of(sibling).is_connected
