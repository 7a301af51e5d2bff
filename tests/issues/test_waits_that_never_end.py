"""Waits and iterators that were begun after the end of a session, or outlived it, never ended.

They end at once, with what ended the session; Realm.open raises that too instead of a time-out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from devices import KIM, LIMIT, Device, add, session_of, world
from realmsync import (
    AppError,
    ClientResetConfiguration,
    ClientResetError,
    ConnectionState,
    Realm,
    SessionState,
    SyncError,
    SyncOperationAborted,
)
from realmsync.codes import AppCode
from realmsync.sync import SyncSession

STREAM, ONCE = "reportIndefinitely", "forCurrentlyOutstandingWork"
WAITS: list[Callable[[SyncSession], Awaitable[bool]]] = [
    SyncSession.upload_all_local_changes,
    SyncSession.download_all_server_changes,
]
ITERATORS: list[Callable[[SyncSession], AsyncIterator[Any]]] = [
    SyncSession.connection_changes,
    lambda session: session.progress("upload", STREAM),
    lambda session: session.progress("download", STREAM),
    lambda session: session.progress("upload", ONCE),
]


async def within_limit(wait: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(wait, LIMIT)


async def all_of(iterator: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in iterator]


async def close_realm(device: Device, realm: Realm) -> None:
    realm.close()


async def close_app(device: Device, realm: Realm) -> None:
    await device.app.close()


async def remove_user(device: Device, realm: Realm) -> None:
    await device.user.log_out()  # an anonymous one is gone for good


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (close_realm, "its realms were closed"),
        (close_app, "its app was closed"),
        (remove_user, "its user was removed"),
    ],
)
async def test_of_a_session_that_has_ended(
    end: Callable[[Device, Realm], Awaitable[None]], reason: str, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        realm = await device.open()
        session = session_of(realm)
        listening = [asyncio.ensure_future(all_of(one(session))) for one in ITERATORS]
        await asyncio.sleep(0)
        await end(device, realm)
        await within_limit(asyncio.gather(*listening))
        for wait in WAITS:
            with pytest.raises(SyncOperationAborted, match=reason) as raised:
                await within_limit(wait(session))
            assert raised.value.code == 1027
        for iterator in ITERATORS:
            await within_limit(all_of(iterator(session)))
        session.resume()  # brings nothing back
        assert session.state is SessionState.INACTIVE
        realm.close()


async def test_while_a_session_is_ending(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        realm = await (await at.device()).open()
        session = session_of(realm)
        async with at.server_unreachable():
            add(realm, 1)
            realm.close()  # the change is still to be uploaded
            begun = [asyncio.ensure_future(wait(session)) for wait in WAITS]
            listening = [asyncio.ensure_future(all_of(one(session))) for one in ITERATORS]
            await asyncio.sleep(0)
        for wait in begun:
            await within_limit(asyncio.wait([wait]))
        await within_limit(asyncio.gather(*listening))


@pytest.mark.parametrize("action", ["ProtocolViolation", "ApplicationBug", "NoAction"])
async def test_of_a_session_that_has_failed(action: str, tmp_path: Path) -> None:
    errors: asyncio.Queue[SyncError] = asyncio.Queue()
    async with world(tmp_path) as at:
        device = await at.device()
        realm = await device.open(on_error=lambda _, error: errors.put_nowait(error))
        session = session_of(realm)
        session.pause()
        session.resume()
        async with at.server_unreachable():  # so that nothing is over before
            add(realm, 1)
            early = asyncio.ensure_future(session.download_all_server_changes())
            listening = [asyncio.ensure_future(all_of(one(session))) for one in ITERATORS]
            await asyncio.sleep(0)
            device.fail(realm, 1038, "it was broken", action)
        waits = [early, *(asyncio.ensure_future(wait(session)) for wait in WAITS)]
        told = await errors.get()
        waits += [asyncio.ensure_future(wait(session)) for wait in WAITS]
        later = [asyncio.ensure_future(all_of(one(session))) for one in ITERATORS]
        for wait in waits + listening + later:
            with pytest.raises(SyncError, match="it was broken") as raised:
                await within_limit(wait)
            assert raised.value.code == told.code == 1038 and raised.value.is_fatal
            assert raised.value.__cause__ is told and raised.value.action == told.action
        session.resume()
        if action != "NoAction":  # which may need more than that
            assert await session.download_all_server_changes(LIMIT)
        realm.close()


async def test_of_a_session_that_needs_a_client_reset(tmp_path: Path) -> None:
    manual = ClientResetConfiguration(mode="manual")
    async with world(tmp_path) as at:
        device = await at.device()
        settings = {"client_reset": manual, "on_error": lambda *_: None}
        async with await device.open(**settings) as realm:
            early = asyncio.ensure_future(session_of(realm).download_all_server_changes())
            await asyncio.sleep(0)
            device.fail(realm, 1032, "diverged", "ClientReset")
            for wait in (early, session_of(realm).upload_all_local_changes()):
                with pytest.raises(ClientResetError, match="diverged") as raised:
                    await within_limit(wait)
                assert "recovered-realms" in raised.value.recovery_path


async def test_after_a_log_out_waits_are_kept_for_the_next_log_in(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        async with await device.open() as realm:
            await device.user.log_out()
            add(realm, 1)
            kept = asyncio.ensure_future(session_of(realm).upload_all_local_changes())
            await asyncio.sleep(0.05)
            assert not kept.done()
            assert await device.app.log_in(KIM) is device.user
            assert await within_limit(kept)
            await device.user.log_out()
            lost = asyncio.ensure_future(session_of(realm).download_all_server_changes())
            await asyncio.sleep(0)
            await device.app.remove_user(device.user)
            with pytest.raises(SyncOperationAborted, match="its user was removed"):
                await within_limit(lost)


async def test_the_opening_of_a_realm_raises_what_went_wrong(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with await device.open() as realm, at.server_unreachable():
            opening = asyncio.ensure_future(Realm.open(device.config()))
            await asyncio.sleep(0.05)
            device.fail(realm, 1038, "it was broken", "ProtocolViolation")
            with pytest.raises(SyncError, match="it was broken") as raised:
                await within_limit(opening)
            assert raised.value.is_fatal
        assert session_of(realm).connection_state is ConnectionState.DISCONNECTED


async def test_the_opening_of_a_realm_without_a_log_in(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        await device.user.log_out()
        with pytest.raises(AppError, match="not logged in") as raised:
            await device.open()
        assert raised.value.code == AppCode.ClientUserNotLoggedIn
        Realm(device.config()).close()  # offline it is there
