"""Realm.open and App as programs use them: in tasks, groups, contexts; arguments that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devices import DOG, LIMIT, session_of, world
from realmsync import App, Credentials, OpenCancelledError, Progress, Realm, SyncTimeoutError
from realmsync.enums import ProgressDirection, SessionLifecycleState, SessionStopPolicy
from realmsync.errors import ClosedRealmError, InvalidArgumentError, RealmError
from realmsync.sync import OpenRealmBehaviorConfiguration, OpenRealmTask, SyncConfiguration


@pytest.fixture(params=["local", "synced"])
async def config(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    if request.param == "local":
        yield {"path": tmp_path / "local.realm", "schema": [DOG]}
    else:
        async with world(tmp_path) as at:
            yield (await at.device()).config()


async def in_a_group(opening: Any) -> Realm:
    group = getattr(asyncio, "TaskGroup", None)
    if group is None:  # before Python 3.11
        return await asyncio.create_task(opening)
    async with group() as tasks:
        task = tasks.create_task(opening)
    realm: Realm = task.result()
    return realm


async def gathered(opening: Awaitable[Realm]) -> Realm:
    realm, _ = await asyncio.gather(opening, asyncio.sleep(0))
    return realm


async def awaited(opening: Awaitable[Realm]) -> Realm:
    return await opening


WAYS: list[Callable[[Any], Awaitable[Realm]]] = [
    awaited,
    asyncio.create_task,
    asyncio.ensure_future,
    lambda opening: asyncio.wait_for(opening, LIMIT),
    in_a_group,
    gathered,
]


@pytest.mark.parametrize("way", WAYS)
async def test_ways_to_open(way: Callable[[Any], Awaitable[Realm]], config: Any) -> None:
    opening = Realm.open(config)
    assert isinstance(opening, OpenRealmTask) and isinstance(opening, Coroutine)
    realm = await way(opening)
    assert not realm.is_closed and len(realm.objects("Dog")) == 0
    realm.close()


async def test_as_a_context(config: Any) -> None:
    async with Realm.open(config) as realm, realm.write():
        realm.create("Dog", {"_id": 1, "name": "Rex"})
    with pytest.raises(ClosedRealmError):
        realm.objects("Dog")


async def test_again_and_again(config: Any) -> None:
    opening = Realm.open(config)
    async with await opening as realm:
        assert await opening is realm


async def test_progress_and_cancellation(config: Any) -> None:
    reports: list[Progress] = []
    opening = Realm.open(config).progress(reports.append)
    assert reports == [Progress(0, 0, 1.0)]
    opening.cancel()
    with pytest.raises(OpenCancelledError, match="Async open canceled"):
        await asyncio.wait_for(opening, LIMIT)
    with pytest.raises(OpenCancelledError):
        await opening


def test_without_a_loop_it_begins_when_it_is_awaited(tmp_path: Path) -> None:
    opening = Realm.open(path=tmp_path / "a.realm", schema=[DOG])
    assert not Realm.exists(path=tmp_path / "a.realm")
    asyncio.run(opening).close()
    cancelled = Realm.open(path=tmp_path / "a.realm", schema=[DOG])
    cancelled.cancel()
    with pytest.raises(OpenCancelledError):
        asyncio.run(cancelled)


async def test_what_goes_wrong_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((RealmError, OSError)):
        await Realm.open(path=tmp_path / "file" / "a.realm")


async def test_an_app_is_a_context(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        url = at.server.url
        async with App("app", base_url=url, base_file_path=tmp_path / "a") as app:
            user = await app.log_in(Credentials.anonymous())
            realm = await Realm.open(sync=SyncConfiguration(user=user, partition_value="p"))
        session = session_of(realm)
        assert session.lifecycle_state is SessionLifecycleState.INACTIVE
        realm.close()
        with App("app", base_url=url, base_file_path=tmp_path / "a") as app:
            assert app.current_user is not None


async def test_time_outs_that_are_none(tmp_path: Path) -> None:
    async with world(tmp_path) as at, (await at.device()).open() as realm:
        session = session_of(realm)
        for wait in (session.upload_all_local_changes, session.download_all_server_changes):
            for timeout in ("soon", True, float("nan"), [1]):
                with pytest.raises(InvalidArgumentError, match="timeout must be a number of sec"):
                    await wait(timeout)  # type: ignore[arg-type]
        session.pause()
        with pytest.raises(SyncTimeoutError, match="did not complete in 10 ms"):
            await session.download_all_server_changes(timedelta(milliseconds=10))


def test_time_outs_of_openings() -> None:
    make: Any = OpenRealmBehaviorConfiguration
    kinds = {"type": "downloadBeforeOpen", "time_out_behavior": "throwException"}
    assert make(**kinds, time_out=timedelta(minutes=1)).time_out == 60.0
    with pytest.raises(InvalidArgumentError, match="time_out must be a number of sec.*'soon'"):
        make(**kinds, time_out="soon")
    with pytest.raises(InvalidArgumentError, match="time_out must not be negative"):
        make(**kinds, time_out=-1)


def test_enumerations_take_their_texts_and_name_them() -> None:
    assert ProgressDirection("upload") is ProgressDirection.UPLOAD
    assert SessionStopPolicy("never") is SessionStopPolicy.NEVER
    words = "'up' is not a valid ProgressDirection: it must be 'download' or 'upload'"
    with pytest.raises(InvalidArgumentError, match=words):
        ProgressDirection("up")
    with pytest.raises(InvalidArgumentError, match="'after-upload', 'immediately' or 'never'"):
        SessionStopPolicy(None)


async def test_a_wrong_direction_is_refused_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as at, (await at.device()).open() as realm:
        session = session_of(realm)
        with pytest.raises(InvalidArgumentError, match="'download' or 'upload'"):
            session.add_progress_notification("up", "reportIndefinitely", print)
        with pytest.raises(InvalidArgumentError, match="'reportIndefinitely' or"):
            session.add_progress_notification("upload", "once", print)
        with pytest.raises(InvalidArgumentError, match="'download' or 'upload'"):
            await session.progress("up", "reportIndefinitely").__anext__()
