"""Calls that cannot do what they say: each raises a precise error or does nothing, as documented,
and everything else goes on. Fresh openings after each of them work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, Device, add, session_of, world
from eventually import eventually
from realmsync import ArgumentTypeError, IllegalOperationError, InvalidArgumentError, Realm
from realmsync.errors import SyncOperationAborted
from realmsync.sync import ClientResetConfiguration, SyncSession

STREAM = "reportIndefinitely"
WRONG_ARGUMENTS: dict[str, tuple[Callable[[SyncSession], Any], str]] = {
    "direction": (lambda s: s.add_progress_notification("up", STREAM, print), "'upload'"),
    "no text": (lambda s: s.add_progress_notification(3, STREAM, print), "'upload'"),  # type: ignore[arg-type]
    "mode": (lambda s: s.add_progress_notification("upload", "always", print), "'reportIndef"),
    "callback": (lambda s: s.add_progress_notification("upload", STREAM, None), "callable"),  # type: ignore[arg-type]
    "listener": (lambda s: s.add_connection_notification("print"), "callable"),  # type: ignore[arg-type]
    "seconds": (lambda s: s.upload_all_local_changes("soon"), "number of seconds"),  # type: ignore[arg-type]
    "no number": (lambda s: s.download_all_server_changes(float("nan")), "number of seconds"),
    "truth": (lambda s: s.download_all_server_changes(True), "number of seconds"),
}
# What a session that has ended does when it is asked to: nothing.
NO_EFFECT: dict[str, Callable[[SyncSession], object]] = {
    "pause": SyncSession.pause,
    "resume": SyncSession.resume,
    "reconnect": SyncSession.reconnect,
    "remove_progress_notification": lambda s: s.remove_progress_notification(1),
    "remove_connection_notification": lambda s: s.remove_connection_notification(print),
}
ENDS = ["its realms were closed", "its app was closed", "its user was removed"]


async def value_of(outcome: Any) -> Any:
    return await outcome if asyncio.iscoroutine(outcome) else outcome


async def goes_on(realm: Realm, key: int) -> None:
    add(realm, key)
    assert await session_of(realm).upload_all_local_changes(LIMIT)


@pytest.mark.parametrize("what", WRONG_ARGUMENTS)
async def test_wrong_arguments_of_a_session(tmp_path: Path, what: str) -> None:
    call, words = WRONG_ARGUMENTS[what]
    async with world(tmp_path) as at, (await at.device()).open() as realm:
        with pytest.raises(InvalidArgumentError, match=words):
            await value_of(call(session_of(realm)))
        await goes_on(realm, 1)


async def end(device: Device, realm: Realm, how: str) -> None:
    if how == ENDS[0]:
        realm.close()
    elif how == ENDS[1]:
        await device.app.close()
    else:
        await device.app.remove_user(device.user)


@pytest.mark.parametrize("how", ENDS)
async def test_a_session_that_has_ended(tmp_path: Path, how: str) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        realm = await device.open()
        session = session_of(realm)
        await end(device, realm, how)
        await eventually(lambda: session.explain() == f"ended: {how}")
        for call in NO_EFFECT.values():
            assert call(session) is None
        assert session.state == "inactive" and not session.is_connected
        assert session.connection_state == "disconnected"
        assert (session.has_unsynced_changes, session.is_syncing) == (False, False)
        for wait in (session.upload_all_local_changes, session.download_all_server_changes):
            with pytest.raises(SyncOperationAborted, match=how):
                await wait()
        assert [change async for change in session.connection_changes()] == []
        assert session.add_progress_notification("upload", STREAM, pytest.fail) == 0
        realm.close()
        async with (await at.device()).open() as other:
            await goes_on(other, 1)


WRONG_SETTINGS: dict[str, tuple[Callable[[Device], object], type[Exception], str]] = {
    "user agent": (
        lambda d: d.app.sync.set_user_agent("two\r\nlines"),
        InvalidArgumentError,
        "printable ASCII",
    ),
    "late user agent": (
        lambda d: d.app.sync.set_user_agent("late"),
        IllegalOperationError,
        "after creating the sync client",
    ),
    "log level": (lambda d: d.app.sync.set_log_level("loud"), InvalidArgumentError, "'all'"),
    "logger": (lambda d: d.app.sync.set_logger(5), InvalidArgumentError, "callable"),  # type: ignore[arg-type]
    "user": (
        lambda d: d.app.sync.get_all_sync_sessions("kim"),  # type: ignore[arg-type]
        ArgumentTypeError,
        "to be a User",
    ),
    "user of a partition": (
        lambda d: d.app.sync.get_sync_session(None, "p"),  # type: ignore[arg-type]
        ArgumentTypeError,
        "to be a User",
    ),
    "file of a reset": (
        lambda d: d.app.sync.initiate_client_reset("nowhere.realm"),
        InvalidArgumentError,
        "Client Reset could not be run for Realm at: /.*nowhere.realm",
    ),
    "partition": (
        lambda d: d.app.sync.get_sync_session(d.user, 1.5),  # type: ignore[arg-type]
        ArgumentTypeError,
        "a partition value is",
    ),
}


@pytest.mark.parametrize("what", WRONG_SETTINGS)
async def test_wrong_arguments_of_an_app(tmp_path: Path, what: str) -> None:
    call, kind, words = WRONG_SETTINGS[what]
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            with pytest.raises(kind, match=words):
                call(device)
            await goes_on(realm, 1)


class Failing:
    """Callbacks that note their call and raise."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def named(self, name: str) -> Callable[..., None]:
        def callback(*_: object) -> None:
            self.called.append(name)
            raise ValueError(name)

        return callback


async def test_callbacks_that_raise(tmp_path: Path) -> None:
    failing, told = Failing(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, c: told.append(str(c["exception"])))
    kinds = ["connection", "upload", "download", "error", "manual", "log"]
    async with world(tmp_path) as at:
        device = await at.device()
        sibling = await device.open("sibling")
        manual = ClientResetConfiguration(mode="manual", on_manual=failing.named("manual"))
        realm = await device.open(on_error=failing.named("error"), client_reset=manual)
        session = session_of(realm)
        device.app.sync.set_logger(failing.named("log"))
        session.add_connection_notification(failing.named("connection"))
        for direction in ("upload", "download"):
            token = session.add_progress_notification(direction, STREAM, lambda _: None)
            session.remove_progress_notification(token)
        session.pause()
        for direction in ("upload", "download"):
            with pytest.raises(ValueError, match=direction):  # in the call itself
                session.add_progress_notification(direction, STREAM, failing.named(direction))
        session.resume()
        await goes_on(realm, 1)
        assert [failing.called.count(name) for name in ("upload", "download")] == [1, 1]
        device.fail(realm, 1015, "broken", "Warning", fatal=False)
        device.fail(realm, 1032, "reset", "ClientReset")
        assert device.app.sync._client is not None
        assert device.app.sync._client.server_log is not None
        device.app.sync._client.server_log("info", "said")
        await eventually(lambda: set(kinds) <= set(failing.called))
        await eventually(lambda: {"connection", "error", "manual", "log"} <= set(told))
        await goes_on(sibling, 1)
        realm.close()
        sibling.close()


async def test_the_progress_of_an_opening_raises(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device, calls = await at.device(), 0
        told: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: told.append(c["exception"]))

        def progress(_: object) -> None:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise ValueError("no")

        async with device.open().progress(progress) as realm:
            await goes_on(realm, 1)
            await eventually(lambda: bool(told))
            assert calls > 1


async def test_progress_notifiers_of_notifiers(tmp_path: Path) -> None:
    """Removal inside the callback, another one registered inside it, one function twice."""
    async with world(tmp_path) as at, (await at.device()).open() as realm:
        session = session_of(realm)
        await goes_on(realm, 1)
        calls: list[str] = []
        tokens: dict[str, int] = {}

        def inner(_: object) -> None:
            calls.append("inner")

        def outer(_: object) -> None:
            calls.append("outer")
            if "inner" not in tokens:
                tokens["inner"] = session.add_progress_notification("upload", STREAM, inner)
            elif "outer" in tokens:
                session.remove_progress_notification(tokens["outer"])

        tokens["outer"] = session.add_progress_notification("upload", STREAM, outer)
        assert calls == ["outer", "inner"]  # within the call, and no lock is in the way
        tokens["again"] = session.add_progress_notification("upload", STREAM, inner)
        assert len(set(tokens.values())) == 3
        await goes_on(realm, 2)
        await eventually(lambda: calls.count("outer") == 2)
        session.remove_progress_notification(tokens["again"])
        before = len(calls)
        await goes_on(realm, 3)
        await eventually(lambda: len(calls) > before)
        assert set(calls[before:]) == {"inner"}
        session.remove_progress_notification(inner)
        session.remove_progress_notification(inner)  # is unknown now


async def test_waits_from_another_loop(tmp_path: Path) -> None:
    async with world(tmp_path) as at, (await at.device()).open() as realm:
        session = session_of(realm)
        add(realm, 1)

        def elsewhere() -> bool:
            return asyncio.run(session.upload_all_local_changes(LIMIT))

        assert await asyncio.to_thread(elsewhere)
