"""A realm that is opened while its user logs out or is removed: it opens, or one error says why.

client-session.md 2.6 and 7.2.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices import KIM, LIMIT, Device, add, session_of, world
from eventually import eventually
from realmsync import AppError, Realm, RealmError
from realmsync.codes import AppCode
from realmsync.enums import UserState

Leave = Callable[[Device], Any]


def log_out(device: Device) -> None:
    device.user.log_out_locally()


def remove(device: Device) -> None:
    """As App.remove_user does, without the request."""
    device.user.log_out_locally()
    device.user._update(state=UserState.REMOVED)


LOGGED_OUT, REMOVED = AppCode.ClientUserNotLoggedIn, AppCode.ClientUserNotFound


@pytest.mark.parametrize(
    ("is_anonymous", "code", "words"),
    [(False, LOGGED_OUT, "User is not logged in"), (True, REMOVED, "this user has been removed")],
)
async def test_while_it_downloads(
    is_anonymous: bool, code: AppCode, words: str, tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await (at.device() if is_anonymous else at.device_of_kim())
        async with at.server_unreachable():
            opening = asyncio.ensure_future(device.open())
            await eventually(lambda: device.app.sync.has_existing_sessions, LIMIT)
            log_out(device)
            with pytest.raises(RealmError, match=words) as raised:
                await asyncio.wait_for(opening, LIMIT)
        assert raised.value.code == code
        assert isinstance(raised.value, AppError) is not is_anonymous
        assert not device.app.sync.has_existing_sessions


async def test_while_another_realm_of_the_file_is_paused(tmp_path: Path) -> None:
    """Nothing ends the session then; the opening ends all the same, the realm stays."""
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        async with device.open() as realm:
            session = session_of(realm)
            session.pause()
            opening = asyncio.ensure_future(device.open())
            await eventually(lambda: session.openings, LIMIT)
            waiting = asyncio.ensure_future(session.download_all_server_changes(LIMIT))
            await asyncio.sleep(0)
            log_out(device)
            with pytest.raises(AppError, match="not logged in"):
                await asyncio.wait_for(opening, LIMIT)
            assert not waiting.done()  # which goes on after the next log-in
            await device.app.log_in(KIM)
            session.resume()
            assert await waiting
            add(realm, 1)
            assert await session.upload_all_local_changes(LIMIT)


@pytest.mark.parametrize("leave", [log_out, remove])
async def test_at_any_step(leave: Leave, tmp_path: Path) -> None:
    """Wherever the opening has got to in the event loop."""
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        for steps in range(40):
            if not device.user.is_logged_in:
                await device.app.log_in(KIM)
            opening = asyncio.ensure_future(device.open(f"p{steps % 7}"))
            for _ in range(steps):
                await asyncio.sleep(0)
            leave(device)
            await assert_ends(opening)
            assert not device.app.sync.has_existing_sessions


async def assert_ends(opening: asyncio.Future[Realm]) -> None:
    try:
        realm = await asyncio.wait_for(opening, LIMIT)
    except RealmError as error:
        assert error.code in (LOGGED_OUT, REMOVED), repr(error)
    else:
        realm.close()


@pytest.mark.parametrize("leave", [log_out, remove])
async def test_in_another_thread(leave: Leave, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        for round in range(15):
            if not device.user.is_logged_in:
                await device.app.log_in(KIM)
            started = threading.Event()
            leaving = threading.Thread(target=lambda go=started: (go.wait(), leave(device)))
            leaving.start()
            opening = asyncio.ensure_future(device.open(f"p{round % 5}"))
            for _ in range(round % 5):
                await asyncio.sleep(0)
            started.set()
            await assert_ends(opening)
            leaving.join()
            assert not device.app.sync.has_existing_sessions


async def test_a_removed_user_has_no_session_that_waits_for_ever(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        log_out(device)
        with pytest.raises(RealmError, match="this user has been removed") as raised:
            Realm(device.config())
        assert raised.value.code == REMOVED
        assert not device.app.sync.has_existing_sessions
