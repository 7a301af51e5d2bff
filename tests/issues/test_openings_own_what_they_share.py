"""An opening that was cancelled or timed out stopped everybody's session of the same file.

Each opening has a reference of its own now; and what is dropped or fails leaves nothing open.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from devices import DOG, LIMIT, Device, add, session_of, world
from eventually import eventually
from realmsync import (
    Configuration,
    InvalidSchemaChangeError,
    MismatchedConfigError,
    OpenCancelledError,
    OpenRealmBehaviorConfiguration,
    Realm,
    SessionLifecycleState,
    SyncTimeoutError,
    _core,
)
from realmsync.model import in_thread as opening_thread

NOW = OpenRealmBehaviorConfiguration(
    type="downloadBeforeOpen",  # type: ignore[arg-type]
    time_out=0.01,
    time_out_behavior="throwException",  # type: ignore[arg-type]
)


async def gone(path: str) -> None:
    """Returns when nothing of this process has the file open any more."""
    await eventually(lambda: not is_used(path), LIMIT)


def is_used(path: str) -> bool:
    """Whether it is open, or another thread makes it, which is done under another name."""
    folder = path.rpartition("/")[0]
    return _core.RealmFile.is_open(path) or any(n.startswith(folder) for n in open_files())


def open_files() -> list[str]:
    links = Path("/proc/self/fd").iterdir()
    return [str(link.readlink()) for link in links if link.is_symlink()]


async def time_out(device: Device) -> None:
    with pytest.raises(SyncTimeoutError):
        await Realm.open(device.config(existing_realm_file_behavior=NOW))


async def cancel(device: Device) -> None:
    opening = Realm.open(device.config())
    await asyncio.sleep(0.05)
    opening.cancel()
    with pytest.raises(OpenCancelledError, match="Async open canceled"):
        await opening


async def cancel_who_awaits(device: Device) -> None:
    task = asyncio.create_task(Realm.open(device.config()))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def drop(device: Device) -> None:
    Realm.open(device.config()).close()  # as a coroutine is closed
    await asyncio.sleep(0.05)


WAYS = [time_out, cancel, cancel_who_awaits, drop]


@pytest.mark.parametrize("give_up", WAYS)
async def test_of_a_realm_that_is_open(
    give_up: Callable[[Device], Coroutine[Any, Any, None]], tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        first = await device.open()
        session = session_of(first)
        async with at.server_unreachable():
            other = asyncio.ensure_future(Realm.open(device.config()))
            await give_up(device)
            assert session.lifecycle_state is SessionLifecycleState.ACTIVE
            assert not other.done()
        (await asyncio.wait_for(other, LIMIT)).close()
        add(first, 1)
        await session.upload_all_local_changes(LIMIT)
        first.close()
        await gone(session.path)


@pytest.mark.parametrize("give_up", WAYS[1:])
async def test_of_one_that_nobody_else_opens(
    give_up: Callable[[Device], Coroutine[Any, Any, None]], tmp_path: Path
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        path = str(device.user.realm_path("p"))
        async with at.server_unreachable():
            await give_up(device)
            await gone(path)
            assert not device.app.sync.has_existing_sessions


async def test_an_opening_that_ends_in_the_moment_of_its_cancellation(tmp_path: Path) -> None:
    async def give_up_after(turns: int) -> None:
        task = asyncio.create_task(Realm.open(path=tmp_path / "a.realm", schema=[DOG]))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(result, Realm):
            result.close()
        else:
            assert isinstance(result, asyncio.CancelledError)

    for turns in range(30):
        await give_up_after(turns)
    await gone(str(tmp_path / "a.realm"))


async def test_a_cancellation_that_meets_the_opened_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class File:
        pass

    def tell(loop: asyncio.AbstractEventLoop, how: Callable[[Any], None], news: Any) -> bool:
        def both() -> None:
            how(news)
            task.cancel()

        if not isinstance(news, list) or not isinstance(news[0], File):
            return as_it_is(loop, how, news)  # an opening of a test before
        files.append(weakref.ref(news[0]))
        loop.call_soon_threadsafe(both)
        return True

    files: list[weakref.ref[File]] = []
    as_it_is = opening_thread._tell
    monkeypatch.setattr(opening_thread, "_tell", tell)
    task = asyncio.create_task(opening_thread.in_thread(File, lambda _: None))
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    threads = [thread for thread in threading.enumerate() if thread.name == "realmsync-open"]
    await asyncio.to_thread(lambda: [thread.join() for thread in threads])
    assert raised.value.__traceback__ is not None  # held, and yet:
    assert [file() for file in files] == [None]


async def test_a_dropped_realm_is_closed_with_a_warning(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        realm = await device.open()
        await session_of(realm).upload_all_local_changes(LIMIT)
        path = realm.path
        with pytest.warns(ResourceWarning, match="unclosed realm .*s_p.realm"):
            del realm
            gc.collect()
        await gone(path)
        assert not device.app.sync.get_all_sync_sessions(device.user)
        Realm.delete_file(device.config())


async def test_who_keeps_the_warning_does_not_keep_the_session(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        realm = await (await at.device()).open()
        await session_of(realm).upload_all_local_changes(LIMIT)
        path = realm.path
        with warnings.catch_warnings(record=True) as kept:
            warnings.simplefilter("always")
            del realm
            gc.collect()
        await asyncio.wait_for(gone(path), LIMIT)
        assert [warning.category for warning in kept] == [ResourceWarning]


def test_a_dropped_local_realm_in_a_transaction(tmp_path: Path) -> None:
    realm = Realm(path=tmp_path / "a.realm", schema=[DOG])
    realm.begin_transaction()
    realm.create("Dog", {"_id": 1, "name": "Rex"})
    with pytest.warns(ResourceWarning, match="unclosed realm"):
        del realm
        gc.collect()
    with Realm(path=tmp_path / "a.realm") as realm:
        assert len(realm.objects("Dog")) == 0


def test_a_realm_lives_as_long_as_its_objects(tmp_path: Path) -> None:
    realm = Realm(path=tmp_path / "a.realm", schema=[DOG])
    with realm.write():
        dog = realm.create("Dog", {"_id": 1, "name": "Rex"})
    del realm
    gc.collect()
    assert dog.name == "Rex"
    with pytest.warns(ResourceWarning, match="unclosed realm"):
        del dog
        gc.collect()


def test_a_realm_that_cannot_be_opened_for_its_schema(tmp_path: Path) -> None:
    Realm(path=tmp_path / "a.realm", schema=[DOG]).close()
    other = {**DOG, "properties": {"_id": "int", "name": "int"}}
    with pytest.raises(InvalidSchemaChangeError) as raised:
        Realm(path=tmp_path / "a.realm", schema=[other])
    assert raised.value.__traceback__ is not None  # held, and yet:
    Realm.delete_file(path=tmp_path / "a.realm")


async def test_a_realm_that_cannot_be_attached(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device, other = await at.device(), await at.device()
        realm = await device.open()
        path = realm.path
        mixed = Configuration(path=path, schema=[DOG], sync=device.config("q").sync)
        with pytest.raises(MismatchedConfigError) as of_constructor:
            Realm(mixed)
        with pytest.raises(MismatchedConfigError) as of_opening:
            await Realm.open(mixed)
        realm.close()
        await gone(path)
        assert of_constructor.value.__traceback__ and of_opening.value.__traceback__
        assert other.user.is_logged_in


@pytest.mark.filterwarnings("ignore:unclosed realm:ResourceWarning")
async def test_who_holds_the_session_of_a_dropped_realm_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        session = session_of(await device.open())
        gc.collect()
        assert await session.download_all_server_changes(LIMIT)
        assert device.app.sync.get_sync_session(device.user, "p") is session
        async with device.open() as realm:
            assert session_of(realm) is session
        del realm  # it knows its session
        session = session_of(await device.open())
        path = session.path
        del session
        gc.collect()
        await gone(path)
