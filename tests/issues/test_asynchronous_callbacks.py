"""Callbacks declared with `async def` were taken and never run.

Now they are tasks of the loop on which they were registered, wherever one is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from devices import DOG, LIMIT, add, session_of, world
from realmsync import Progress, Realm, SyncConfiguration
from realmsync.errors import InvalidArgumentError
from realmsync.sync import ClientResetConfiguration


class Calls:
    """Asynchronous callbacks by name, and which of them were called."""

    def __init__(self) -> None:
        self.called: dict[str, asyncio.Event] = {}

    def named(self, name: str) -> Callable[..., Coroutine[Any, Any, None]]:
        self.called[name] = asyncio.Event()

        async def callback(*arguments: object) -> None:
            await asyncio.sleep(0)
            self.called[name].set()

        return callback

    async def come(self, *names: str) -> None:
        for name in names:
            await asyncio.wait_for(self.called[name].wait(), LIMIT)


async def test_of_a_session(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device, calls = await at.device(), Calls()
        opening = Realm.open(device.config(on_error=calls.named("error")))
        opening.progress(calls.named("progress of the opening"))
        async with opening as realm:
            session = session_of(realm)
            session.add_connection_notification(calls.named("connection"))
            session.add_progress_notification("upload", "reportIndefinitely", calls.named("upload"))
            pairs: list[tuple[int, int]] = []

            async def on_pair(transferred: int, transferable: int) -> None:
                pairs.append((transferred, transferable))

            session.add_progress_notification("upload", "reportIndefinitely", on_pair)
            add(realm, 1)
            await session.upload_all_local_changes(LIMIT)
            session.pause()
            session.resume()
            device.fail(realm, 1015, "broken", "Warning", fatal=False)
            await calls.come("progress of the opening", "connection", "upload", "error")
            assert pairs and all(done <= total for done, total in pairs)


async def test_of_a_manual_reset(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device, calls = await at.device(), Calls()
        reset = ClientResetConfiguration(mode="manual", on_manual=calls.named("reset"))  # type: ignore[arg-type]
        async with Realm.open(device.config(client_reset=reset)) as realm:
            device.fail(realm, 1032, "reset", "ClientReset")
            await calls.come("reset")


async def test_of_apps_and_users_and_the_log(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device, calls = await at.device(), Calls()
        device.app.add_listener(calls.named("app"))
        device.user.add_listener(calls.named("user"))
        device.app.sync.set_logger(calls.named("log"))
        await device.user.refresh_custom_data()
        async with await device.open():  # the server greets its clients
            await calls.come("app", "user", "log")


async def test_one_that_fails_is_told_to_the_loop(tmp_path: Path) -> None:
    told: asyncio.Queue[object] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.put_nowait(context.get("exception")))

    async def fail(progress: Progress) -> None:
        raise ZeroDivisionError

    async with world(tmp_path) as at:
        opening = Realm.open((await at.device()).config())
        opening.progress(fail)
        async with opening:
            assert isinstance(await told.get(), ZeroDivisionError)
    loop.set_exception_handler(None)


def test_without_a_loop_they_are_refused_and_nothing_stays_open(tmp_path: Path) -> None:
    async def on_error(*arguments: object) -> None:
        raise AssertionError

    async def log_in() -> Any:
        async with world(tmp_path) as at:
            device = await at.device()
            return device, device.config(on_error=on_error)

    device, config = asyncio.run(log_in())
    assert isinstance(config.sync, SyncConfiguration) and config.schema == [DOG]
    with pytest.raises(InvalidArgumentError, match="no event loop is running") as raised:
        Realm(config)
    assert raised.value.__traceback__ is not None  # held, and yet:
    Realm.delete_file(config)
    asyncio.run(device.app.close())
