"""Session controls against a real server, over real sockets: multiplexing, pause and resume, waits,
progress, opening, restarts of the server, users. Specification: client-session.md 3 to 8."""

from __future__ import annotations

import asyncio
import json
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from client_program import PATIENCE, Person, make_app, open_realm, people, settle, until
from realmsync import (
    App,
    ConnectionState,
    Credentials,
    OpenRealmBehaviorConfiguration,
    OpenRealmBehaviorType,
    OpenRealmTimeOutBehavior,
    Progress,
    Realm,
    SessionLifecycleState,
    SessionState,
    SyncOperationAborted,
    SyncTimeoutError,
)
from realmsync.testing import FaultProxy, ServerProcess

pytestmark = [
    pytest.mark.both_loops,
    pytest.mark.no_asan,
    # Who holds a session needs no realm.
    pytest.mark.filterwarnings("ignore:unclosed realm:ResourceWarning"),
]

SHORT = 0.3  # seconds after which nothing more is expected to happen
DOWN, CONNECTING, UP = (
    ConnectionState.DISCONNECTED,
    ConnectionState.CONNECTING,
    ConnectionState.CONNECTED,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), durability="process") as server:
        yield server


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def partition() -> str:
    """A partition of the test's own."""
    return str(uuid.uuid4())


MakeApp = Callable[..., App]


@pytest.fixture
async def new_app(server: ServerProcess, tmp_path: Path) -> AsyncIterator[MakeApp]:
    apps: list[App] = []

    def make(url: str = server.url, name: str | None = None, **settings: Any) -> App:
        app = make_app(url, tmp_path / (name or f"app{len(apps)}"), **settings)
        apps.append(app)
        return app

    yield make
    for app in apps:
        await app.close()


def write(realm: Realm, *keys: int, **values: Any) -> None:
    with realm.write():
        for key in keys:
            realm.create(Person, {"_id": key, **values}, "modified")


def websockets(server: ServerProcess) -> int:
    with urllib.request.urlopen(f"{server.url}/status", timeout=PATIENCE) as reply:
        return int(json.load(reply)["websockets"])


# Multiplexing


@pytest.mark.parametrize("multiplex", [True, False])
async def test_five_partitions(server: ServerProcess, new_app: MakeApp, multiplex: bool) -> None:
    number = uuid.uuid4().int >> 66  # also the keys: all tests share the partition None
    values: list[Any] = [f"s-{number}", number, ObjectId(), uuid.uuid4(), None]
    one, two = (new_app(multiplex_sessions=multiplex) for _ in range(2))
    before = websockets(server)
    realms = [await open_realm(one, value) for value in values]
    for key, realm in enumerate(realms, number):
        write(realm, key, name=repr(realm.config.sync.partition_value))
    await settle(*realms)
    assert websockets(server) == before + (1 if multiplex else len(values))

    others = [await open_realm(two, value) for value in values]
    await settle(*others)
    for key, (realm, other, value) in enumerate(zip(realms, others, values, strict=True), number):
        assert people(other) == people(realm)
        mine = {k: p["name"] for k, p in people(other).items() if k in range(number, number + 5)}
        assert mine == {key: repr(value)}
    assert websockets(server) == before + 2 * (1 if multiplex else len(values))
    for realm in realms + others:
        realm.close()


# Pause and resume


async def test_pause_and_resume(new_app: MakeApp, partition: str) -> None:
    app = new_app()
    paused = await open_realm(app, partition)
    sibling = await open_realm(app, partition + "-sibling")
    other_app = new_app()
    other = await open_realm(other_app, partition)
    other_sibling = await open_realm(other_app, partition + "-sibling")
    await settle(paused, sibling, other, other_sibling)
    session = paused.sync_session
    changes: list[tuple[ConnectionState, ConnectionState]] = []
    session.add_connection_notification(lambda new, old: changes.append((new, old)))
    assert (session.state, session.connection_state) == (SessionState.ACTIVE, UP)
    assert session.is_connected

    session.pause()
    assert (session.state, session.connection_state) == (SessionState.INACTIVE, DOWN)
    assert session.lifecycle_state is SessionLifecycleState.PAUSED
    assert not session.is_connected
    session.pause()  # does not count
    write(paused, 1, name="written while paused")
    write(other, 2, name="written elsewhere")
    upload = asyncio.create_task(session.upload_all_local_changes(PATIENCE))
    download = asyncio.create_task(session.download_all_server_changes(PATIENCE))

    # The sibling goes on, on the same connection.
    write(sibling, 3)
    await settle(other)
    await settle(sibling, other_sibling)
    assert list(people(other_sibling)) == [3]
    await asyncio.sleep(SHORT)
    assert not upload.done()
    assert not download.done()
    assert list(people(paused)) == [1]
    assert list(people(other)) == [2]

    session.resume()
    assert session.state is SessionState.ACTIVE
    session.resume()
    assert await upload
    assert await download
    await settle(paused, other)
    assert list(people(paused)) == list(people(other)) == [1, 2]
    assert changes[0] == (DOWN, UP)
    assert changes[-1] == (UP, CONNECTING)


async def test_waits_pending_at_pause_are_aborted(
    proxy: FaultProxy, new_app: MakeApp, partition: str
) -> None:
    realm = await open_realm(new_app(proxy.url), partition)
    await settle(realm)
    session = realm.sync_session
    proxy.stall()
    write(realm, 1)
    upload = asyncio.create_task(session.upload_all_local_changes(PATIENCE))
    download = asyncio.create_task(session.download_all_server_changes(PATIENCE))
    await asyncio.sleep(SHORT)
    session.pause()
    for wait in (upload, download):
        with pytest.raises(SyncOperationAborted, match="Sync session became inactive") as caught:
            await wait
        assert caught.value.code == 1027
    proxy.heal()
    session.resume()
    await settle(realm)


async def test_pause_survives_another_open(new_app: MakeApp, partition: str) -> None:
    app = new_app()
    realm = await open_realm(app, partition)
    await settle(realm)
    with realm.sync_session.paused():
        again = await open_realm(app, partition)
        assert again.sync_session is realm.sync_session
        assert again.sync_session.state is SessionState.INACTIVE
        again.close()
        assert realm.sync_session.lifecycle_state is SessionLifecycleState.PAUSED
    assert realm.sync_session.state is SessionState.ACTIVE
    await settle(realm)


# Waits


async def test_waits_time_out(proxy: FaultProxy, new_app: MakeApp, partition: str) -> None:
    realm = await open_realm(new_app(proxy.url), partition)
    await settle(realm)
    session = realm.sync_session
    proxy.stall()
    write(realm, 1)
    with pytest.raises(SyncTimeoutError, match=r"Timed out: Uploading .* complete in 200 ms\."):
        await session.upload_all_local_changes(0.2)
    with pytest.raises(SyncTimeoutError, match=r"Timed out: Downloading .* complete in 200 ms\."):
        await session.download_all_server_changes(0.2)
    proxy.heal()
    await settle(realm)


# Progress


@pytest.mark.parametrize("mode", ["reportIndefinitely", "forCurrentlyOutstandingWork"])
@pytest.mark.parametrize("direction", ["upload", "download"])
async def test_progress(
    new_app: MakeApp, partition: str, direction: str, mode: str, server: ServerProcess
) -> None:
    writer = await open_realm(new_app(), partition)
    reader = await open_realm(new_app(), partition)
    await settle(writer, reader)
    realm = writer if direction == "upload" else reader
    size = 200_000
    reports: list[Progress] = []
    text = "x" * 1000
    writer.sync_session.pause()
    for number in range(10):
        write(writer, *range(number * 20, number * 20 + 20), name=text)
    if direction == "download":
        reader.sync_session.pause()
        writer.sync_session.resume()
        await settle(writer)
    first = realm.sync_session.add_progress_notification(direction, mode, reports.append)
    realm.sync_session.resume()
    wait = "upload_all_local_changes" if direction == "upload" else "download_all_server_changes"
    assert await getattr(realm.sync_session, wait)(PATIENCE)
    await until(lambda: bool(reports) and reports[-1].transferred == reports[-1].transferable)
    transferred = [report.transferred for report in reports]
    assert transferred == sorted(transferred)
    assert all(report.transferred <= report.transferable for report in reports)
    assert all(0.0 <= report.estimate <= 1.0 for report in reports)
    if mode == "reportIndefinitely":
        assert size < reports[-1].transferable < 2 * size
        assert reports[-1].estimate == 1.0
        count = len(reports)
        write(writer, 1000, name=text)
        await settle(writer, reader)
        await until(lambda: len(reports) > count)
        await until(lambda: reports[-1].transferable > transferred[-1] + len(text))
        await until(lambda: reports[-1].transferred == reports[-1].transferable)
        realm.sync_session.remove_progress_notification(first)
    count = len(reports)
    write(writer, 1001, name=text)
    await settle(writer, reader)
    await asyncio.sleep(0.05)
    assert len(reports) == count  # expired or removed
    assert len(people(reader)) == 202 if mode == "reportIndefinitely" else 201


async def test_progress_iterator(new_app: MakeApp, partition: str) -> None:
    realm = await open_realm(new_app(), partition)
    await settle(realm)
    write(realm, 1, name="x" * 5000)
    session = realm.sync_session
    reports = [report async for report in session.progress("upload", "forCurrentlyOutstandingWork")]
    assert reports[-1].transferred == reports[-1].transferable > 5000

    async for report in session.progress("upload", "reportIndefinitely"):
        if report.transferred == report.transferable:
            break


async def test_connection_changes(proxy: FaultProxy, new_app: MakeApp, partition: str) -> None:
    realm = await open_realm(new_app(proxy.url), partition)
    await settle(realm)
    session = realm.sync_session
    seen: list[tuple[ConnectionState, ConnectionState]] = []

    async def watch() -> None:
        async for change in session.connection_changes():
            seen.append(change)
            if len(seen) == 1:
                session.reconnect()  # without the delay
            if change[0] is UP:
                return

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    assert proxy.cut() >= 1
    await asyncio.wait_for(watching, PATIENCE)
    assert seen == [(DOWN, UP), (CONNECTING, DOWN), (UP, CONNECTING)]
    write(realm, 1)
    await settle(realm)


# Opening


def behavior(
    type: OpenRealmBehaviorType, time_out: float | None, then: OpenRealmTimeOutBehavior
) -> OpenRealmBehaviorConfiguration:
    return OpenRealmBehaviorConfiguration(type=type, time_out=time_out, time_out_behavior=then)


async def test_open_after_download(new_app: MakeApp, partition: str) -> None:
    writer = await open_realm(new_app(), partition)
    write(writer, *range(100))
    await settle(writer)
    first = behavior(
        OpenRealmBehaviorType.DOWNLOAD_BEFORE_OPEN,
        PATIENCE,
        OpenRealmTimeOutBehavior.THROW_EXCEPTION,
    )
    reader = await open_realm(new_app(), partition, new_realm_file_behavior=first)
    assert len(people(reader)) == 100


@pytest.mark.parametrize("exists", [False, True])
async def test_open_times_out(
    proxy: FaultProxy, new_app: MakeApp, partition: str, exists: bool
) -> None:
    writer = await open_realm(new_app(), partition)
    write(writer, 1)
    await settle(writer)
    app = new_app(proxy.url)
    which = "existing_realm_file_behavior" if exists else "new_realm_file_behavior"
    realm = await open_realm(app, partition if exists else partition + "-before")
    await settle(realm)
    realm.close()
    write(writer, 2)
    await settle(writer)
    app.sync.stop()  # no open socket: the next opening begins with a connection
    proxy.stall()
    download = OpenRealmBehaviorType.DOWNLOAD_BEFORE_OPEN
    throw = behavior(download, 0.3, OpenRealmTimeOutBehavior.THROW_EXCEPTION)
    message = r"Timed out: Realm could not be downloaded in the allocated time: 300 ms\."
    with pytest.raises(SyncTimeoutError, match=message):
        await open_realm(app, partition, **{which: throw})
    local = behavior(download, 0.3, OpenRealmTimeOutBehavior.OPEN_LOCAL_REALM)
    # The attempt before has made the file.
    realm = await open_realm(app, partition, existing_realm_file_behavior=local)
    assert list(people(realm)) == ([1] if exists else [])
    proxy.heal()
    await settle(realm)  # goes on in the background
    assert list(people(realm)) == [1, 2]


async def test_open_immediately_does_not_wait(
    proxy: FaultProxy, new_app: MakeApp, partition: str
) -> None:
    app = new_app(proxy.url)
    await app.log_in(Credentials.anonymous())
    proxy.stall()
    realm = await asyncio.wait_for(open_realm(app, partition), PATIENCE)
    write(realm, 1)
    assert list(people(realm)) == [1]
    proxy.heal()
    await settle(realm)


async def test_close_while_a_handshake_hangs(
    proxy: FaultProxy, new_app: MakeApp, partition: str
) -> None:
    """No socket stays behind; what does is an error in these tests."""
    app = new_app(proxy.url)
    await app.log_in(Credentials.anonymous())
    proxy.stall()
    realm = await open_realm(app, partition)
    await until(lambda: realm.sync_session.connection_state is CONNECTING)
    await asyncio.sleep(SHORT)
    realm.close()
    await app.close()


# The server and the network


@pytest.mark.parametrize("crash", [False, True])
async def test_server_restart(
    tmp_path: Path, new_app: MakeApp, partition: str, crash: bool
) -> None:
    with ServerProcess(tmp_path / "server") as server:
        one = await open_realm(new_app(server.url), partition)
        two = await open_realm(new_app(server.url), partition)
        write(one, 1)
        await settle(one, two)
        await asyncio.to_thread(server.kill if crash else server.stop)
        await until(lambda: not one.sync_session.is_connected)
        assert one.sync_session.state is SessionState.ACTIVE
        write(one, 2)
        write(two, 3)
        upload = asyncio.create_task(one.sync_session.upload_all_local_changes(PATIENCE))
        await asyncio.to_thread(server.start)
        one.sync_session.resume()  # either ends the delay
        two.sync_session.reconnect()
        assert await upload
        await settle(one, two)
        assert list(people(one)) == list(people(two)) == [1, 2, 3]
        one.close()
        two.close()


async def test_cut_connections(proxy: FaultProxy, new_app: MakeApp, partition: str) -> None:
    one = await open_realm(new_app(proxy.url), partition)
    two = await open_realm(new_app(proxy.url), partition)
    await settle(one, two)
    for number in range(5):
        write(one, *range(number * 100, number * 100 + 50), name="x" * 500)
        write(two, *range(number * 100 + 50, number * 100 + 100), name="x" * 500)
        await asyncio.sleep(0.01 * number)
        assert proxy.cut() >= 1
        for realm in (one, two):
            realm.sync_session.reconnect()
    for realm in (one, two):
        await until(partial(getattr, realm.sync_session, "is_connected"))
    await settle(one, two)
    assert sorted(people(one)) == sorted(people(two)) == list(range(500))


# Users


async def test_two_users_of_one_app(
    server: ServerProcess, new_app: MakeApp, partition: str
) -> None:
    app = new_app()
    users = []
    for name in ("ann", "bob"):
        email = f"{name}-{partition}@example.org"
        await app.email_password_auth.register_user(email, "secret-password")
        users.append(await app.log_in(Credentials.email_password(email, "secret-password")))
    ann, bob = users
    app.switch_user(ann)
    anns = await open_realm(app, partition)
    app.switch_user(bob)
    bobs = await open_realm(app, partition)
    assert anns.path != bobs.path
    assert app.sync.get_sync_session(ann, partition) is anns.sync_session
    write(anns, 1)
    write(bobs, 2)
    await settle(anns, bobs)
    assert list(people(anns)) == list(people(bobs)) == [1, 2]

    # One leaves; the other's sessions go on.
    await ann.log_out()
    assert anns.sync_session.state is SessionState.INACTIVE
    write(anns, 3)
    write(bobs, 4)
    await settle(bobs)
    assert list(people(bobs)) == [1, 2, 4]
    waiting = asyncio.create_task(anns.sync_session.upload_all_local_changes(PATIENCE))

    # And comes back.
    email = f"ann-{partition}@example.org"
    assert await app.log_in(Credentials.email_password(email, "secret-password")) is ann
    anns_again = await open_realm(app, partition)
    assert await waiting
    await settle(anns_again, bobs)
    assert list(people(anns_again)) == list(people(bobs)) == [1, 2, 3, 4]


async def test_log_out_aborts_waits(proxy: FaultProxy, new_app: MakeApp, partition: str) -> None:
    app = new_app(proxy.url)
    realm = await open_realm(app, partition)
    await settle(realm)
    proxy.stall()
    write(realm, 1)
    upload = asyncio.create_task(realm.sync_session.upload_all_local_changes(PATIENCE))
    await asyncio.sleep(0.1)
    assert app.current_user is not None
    app.current_user.log_out_locally()
    with pytest.raises(SyncOperationAborted):
        await upload
    assert realm.sync_session.state is SessionState.INACTIVE
    assert list(people(realm)) == [1]
    proxy.heal()
