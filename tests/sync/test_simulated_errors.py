"""Errors as JavaScript's tests simulate them: who is told of what, and what becomes of the user
(client-session.md 12.1, 12.4, 16.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, Device, World, add, session_of, world
from eventually import eventually
from realmsync import ClientResetConfiguration, Realm, SessionState, SyncSession, _testbed
from realmsync.errors import ClientResetError, SyncError

PROTOCOL = "realm::sync::ProtocolError"
DIVERGING_HISTORIES = 211


def simulate_error(
    session: SyncSession, code: int, message: str, kind: str = PROTOCOL, *, fatal: bool = True
) -> None:
    """`session._simulateError` of JavaScript."""
    status = 1032 if kind == PROTOCOL else 2_000_000
    action = "ClientReset" if code == DIVERGING_HISTORIES else "Warning"
    _testbed.simulate_error(session._runtime, session.id, status, message, fatal, action)


class Told:
    """What a realm's handlers were called with."""

    def __init__(self) -> None:
        self.errors: asyncio.Queue[tuple[SyncSession, SyncError]] = asyncio.Queue()
        self.resets: asyncio.Queue[tuple[SyncSession, str]] = asyncio.Queue()

    def on_error(self, session: SyncSession, error: SyncError) -> None:
        self.errors.put_nowait((session, error))

    def on_manual(self, session: SyncSession, path: str) -> None:
        self.resets.put_nowait((session, path))


@contextlib.asynccontextmanager
async def opened(
    folder: Path, mode: Any, **handlers: Any
) -> AsyncIterator[tuple[World, Device, Realm, Told]]:
    async with world(folder) as at:
        told = Told()
        device = await at.device()
        reset = ClientResetConfiguration(
            mode=mode, on_manual=told.on_manual if handlers.get("on_manual") else None
        )
        on_error = told.on_error if handlers.get("on_error", True) else None
        async with device.open(client_reset=reset, on_error=on_error) as realm:
            add(realm, 1)
            await session_of(realm).upload_all_local_changes(LIMIT)
            yield at, device, realm, told


async def test_a_manual_reset_is_told_to_on_manual_only(tmp_path: Path) -> None:
    async with opened(tmp_path, "manual", on_manual=True) as (_, device, realm, told):
        simulate_error(session_of(realm), DIVERGING_HISTORIES, "simulated")
        session, path = await asyncio.wait_for(told.resets.get(), LIMIT)
        assert session is session_of(realm) and told.errors.empty()
        assert session.state is SessionState.INACTIVE
        realm.close()
        ask = device.app.sync.initiate_client_reset
        assert str(await asyncio.to_thread(ask, session.path)) == path


async def test_a_manual_reset_without_on_manual(tmp_path: Path) -> None:
    async with opened(tmp_path, "manual") as (_, _, realm, told):
        simulate_error(session_of(realm), DIVERGING_HISTORIES, "simulated")
        session, error = await asyncio.wait_for(told.errors.get(), LIMIT)
        assert isinstance(error, ClientResetError) and error.name == "ClientReset"
        assert (error.code, error.message, error.category) == (1032, "simulated", "UNKNOWN")
        assert error.user_info == {
            "ORIGINAL_FILE_PATH": session.path,
            "RECOVERY_FILE_PATH": error.recovery_path,
        }


@pytest.mark.parametrize("handlers", [{}, {"on_manual": True, "on_error": False}])
async def test_other_errors_are_told_to_on_error_only(
    tmp_path: Path, handlers: dict[str, bool]
) -> None:
    async with opened(tmp_path, "manual", **handlers) as (_, _, realm, told):
        simulate_error(session_of(realm), 132, "simulated", fatal=False)
        if not handlers:
            _, error = await asyncio.wait_for(told.errors.get(), LIMIT)
            assert type(error) is SyncError and (error.code, error.user_info) == (1032, {})
            assert error.reason == error.message == "simulated" and error.log_url == ""
        assert await session_of(realm).download_all_server_changes(LIMIT), "it goes on"
        assert told.resets.empty()


@pytest.mark.parametrize("mode", ["discardUnsyncedChanges", "recoverUnsyncedChanges"])
async def test_an_automatic_reset_is_told_to_nobody(tmp_path: Path, mode: str) -> None:
    async with opened(tmp_path, mode, on_manual=True) as (_, _, realm, told):
        ident = session_of(realm).file_ident
        simulate_error(session_of(realm), DIVERGING_HISTORIES, "simulated")
        assert await session_of(realm).download_all_server_changes(LIMIT)
        await eventually(lambda: not realm._file.has_reset(), LIMIT)
        assert told.errors.empty() and told.resets.empty()
        assert session_of(realm).file_ident != ident and len(realm.objects("Dog")) == 1


async def test_a_code_that_nobody_knows(tmp_path: Path) -> None:
    async with opened(tmp_path, "manual") as (_, _, realm, told):
        simulate_error(session_of(realm), 999, "simulated", "something else", fatal=False)
        _, error = await asyncio.wait_for(told.errors.get(), LIMIT)
        assert error.code == 2_000_000 and not error.is_fatal
        assert await session_of(realm).download_all_server_changes(LIMIT)


@pytest.mark.parametrize("action", ["LogOutUser", "DeleteRealm", "ApplicationBug"])
async def test_the_user_is_logged_out_by_one_action_alone(tmp_path: Path, action: str) -> None:
    """Before anybody is told, and nobody else with him."""
    async with opened(tmp_path, "recoverUnsyncedChanges") as (at, device, realm, told):
        other = await at.device()
        async with other.open() as theirs:
            device.fail(realm, 4346, "simulated", action)
            _, error = await asyncio.wait_for(told.errors.get(), LIMIT)
            assert (error.action, error.is_fatal) == (action, True)
            assert device.user.is_logged_in == (action != "LogOutUser")
            assert session_of(realm).state is SessionState.INACTIVE
            assert other.user.is_logged_in and await session_of(theirs).download_all_server_changes(
                LIMIT
            )
