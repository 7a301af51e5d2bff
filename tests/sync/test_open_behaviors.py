"""How `Realm.open` opens new and existing files: what it waits for, how long, and what is left when
it gives up (client-session.md 7.1, 7.2)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, Device, World, add, session_of, world
from eventually import eventually
from realmsync import (
    OpenCancelledError,
    OpenRealmBehaviorConfiguration,
    Progress,
    Realm,
    SessionLifecycleState,
    SyncTimeoutError,
    _core,
)
from realmsync.sync import SyncSession

KINDS = ["new", "existing"]


async def filled(at: World, *keys: int) -> Realm:
    """A realm of another device whose objects the server has."""
    realm = await (await at.device()).open()
    add(realm, *keys)
    await session_of(realm).upload_all_local_changes(LIMIT)
    return realm


async def device_with(kind: str, at: World) -> Device:
    """One that has the realm's file, or not yet."""
    device = await at.device()
    if kind == "existing":
        (await device.open()).close()
    return device


def behavior(kind: str, **settings: Any) -> dict[str, Any]:
    return {f"{kind}_realm_file_behavior": OpenRealmBehaviorConfiguration(**settings)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("says", [{}, {"type": "downloadBeforeOpen"}])
async def test_a_download_comes_first(says: dict[str, str], kind: str, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await device_with(kind, at)
        with await filled(at, 1, 2, 3):
            settings = behavior(kind, **says) if says else {}
            async with device.open(**settings) as realm:
                assert len(realm.objects("Dog")) == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_at_once_without_a_download(kind: str, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await device_with(kind, at)
        with await filled(at, 1):
            async with at.server_unreachable():
                realm = await device.open(**behavior(kind, type="openImmediately"))
                assert len(realm.objects("Dog")) == 0
            await session_of(realm).download_all_server_changes(LIMIT)
            assert len(realm.objects("Dog")) == 1
            realm.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("says", "seconds"),
    [
        ({}, 30.0),
        ({"type": "downloadBeforeOpen"}, None),  # nothing is merged into what is given
        ({"type": "downloadBeforeOpen", "time_out": 7, "time_out_behavior": "throwException"}, 7.0),
    ],
)
async def test_how_long_it_waits(
    says: dict[str, Any],
    seconds: float | None,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[Any] = []

    async def download(session: SyncSession, timeout: Any) -> None:
        limits.append(timeout)

    async with world(tmp_path) as at:
        device = await device_with(kind, at)
        monkeypatch.setattr(SyncSession, "_download_to_open", download)
        other = behavior({"new": "existing", "existing": "new"}[kind], type="openImmediately")
        (await device.open(**other, **(behavior(kind, **says) if says else {}))).close()
    (limit,) = limits  # what is left of it
    assert limit is None if seconds is None else 0 < limit <= seconds


@pytest.mark.parametrize("kind", KINDS)
async def test_no_time_at_all(kind: str, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await device_with(kind, at)
        none = {"type": "downloadBeforeOpen", "time_out": 0}
        with await filled(at, 1):
            with pytest.raises(SyncTimeoutError, match=r"allocated time: 0 ms\.") as raised:
                await device.open(**behavior(kind, **none, time_out_behavior="throwException"))
            assert raised.value.explanation
            local = {**none, "time_out_behavior": "openLocalRealm"}
            async with device.open(**behavior("existing", **local)) as realm:
                await session_of(realm).download_all_server_changes(LIMIT)
                assert len(realm.objects("Dog")) == 1


async def test_what_a_time_out_leaves(tmp_path: Path) -> None:
    short = {"type": "downloadBeforeOpen", "time_out": 0.05}
    async with world(tmp_path) as at:
        device = await at.device()
        path = str(device.user.realm_path("p"))
        async with at.server_unreachable():
            with pytest.raises(SyncTimeoutError):
                await device.open(**behavior("new", **short, time_out_behavior="throwException"))
            assert not device.app.sync.has_existing_sessions
            await eventually(lambda: not _core.RealmFile.is_open(path), LIMIT)
            local = behavior("existing", **short, time_out_behavior="openLocalRealm")
            realm = await device.open(**local)
            session = session_of(realm)
            assert session.lifecycle_state is SessionLifecycleState.ACTIVE
            add(realm, 1)
        assert await session.upload_all_local_changes(LIMIT)
        realm.close()


async def test_no_progress_after_a_cancellation(tmp_path: Path) -> None:
    reports: list[Progress] = []
    others: list[Progress] = []
    async with world(tmp_path) as at:
        device = await at.device()
        with await filled(at, *range(100)):
            async with at.server_unreachable():
                opening = device.open().progress(reports.append)
                other = device.open().progress(others.append)
                await eventually(lambda: device.app.sync.has_existing_sessions, LIMIT)
                opening.cancel()
                count = len(reports)
                with pytest.raises(OpenCancelledError):
                    await opening
            async with await asyncio.wait_for(other, LIMIT) as realm:
                assert len(realm.objects("Dog")) == 100
                await eventually(lambda: others[-1].transferred > 0, LIMIT)
                assert len(reports) == count
                opening.progress(reports.append)  # says once that there is nothing to do
                assert len(reports) == count + 1
