"""Automatic client resets through the public API, against the real server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, Device, World, add, session_of, world
from eventually import eventually
from realmsync import ClientResetConfiguration, Realm, SyncSession, _testbed
from realmsync.errors import ClientResetError, SyncError

RESET = (208, "Bad client file ident", "ClientReset")
NO_RECOVERY = (208, "Bad client file ident", "ClientResetNoRecovery")


def keys(realm: Realm) -> set[int]:
    return {dog._id for dog in realm.objects("Dog")}


def with_mode(mode: str, **hooks: Any) -> dict[str, Any]:
    return {"client_reset": ClientResetConfiguration(mode=mode, **hooks)}  # type: ignore[arg-type]


async def synced(realm: Realm) -> None:
    assert await session_of(realm).upload_all_local_changes(LIMIT)
    assert await session_of(realm).download_all_server_changes(LIMIT)


def reset(device: Device, realm: Realm, error: tuple[int, str, str] = RESET) -> None:
    device.fail(realm, *error)


@contextlib.asynccontextmanager
async def one_realm(folder: Path) -> AsyncIterator[tuple[World, Device, Realm]]:
    """A realm with a dog, which the server has, too."""
    async with world(folder) as at:
        device = await at.device()
        async with device.open() as realm:
            add(realm, 1)
            await synced(realm)
            yield at, device, realm


def left_over(folder: Path) -> list[Path]:
    """What a reset has beside the file."""
    return [*folder.rglob("*.realmsync-fresh*"), *folder.rglob("*.realmsync-before*")]


def noted(folder: Path) -> list[Path]:
    """What is due for files."""
    return [*folder.rglob("*.action")]


def acknowledged(realm: Realm) -> None:
    """Waits until a reset that was is over for the server, too."""
    while realm._file.has_reset():
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("recoverUnsyncedChanges", {1, 2, 3, 4}),
        ("discardUnsyncedChanges", {1, 3}),
        ("recoverOrDiscardUnsyncedChanges", {1, 2, 3, 4}),
    ],
)
async def test_modes(tmp_path: Path, mode: str, kept: set[int]) -> None:
    async with world(tmp_path) as at:
        one, two = await at.device(), await at.device()
        told: list[SyncError] = []
        async with (
            one.open(on_error=lambda _, error: told.append(error), **with_mode(mode)) as realm,
            two.open() as other,
        ):
            add(realm, 1)
            await synced(realm)
            async with at.server_unreachable():
                add(realm, 2)
                waiting = asyncio.ensure_future(session_of(realm).upload_all_local_changes(LIMIT))
                await asyncio.sleep(0)
                reset(one, realm)
                add(realm, 4)
                add(other, 3)
            await synced(other)
            assert await waiting, "waits outlive a reset"
            await synced(realm)
            await synced(other)
            assert keys(realm) == keys(other)
            if mode == "discardUnsyncedChanges":  # what had left already is the server's
                assert kept <= keys(realm) <= {1, 2, 3, 4}
            else:
                assert keys(realm) == kept
            assert not told
            assert left_over(tmp_path) == []
            add(realm, 9)
            await synced(realm)


async def test_a_reset_that_may_not_recover(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        told: asyncio.Queue[SyncError] = asyncio.Queue()
        async with device.open(
            on_error=lambda _, error: told.put_nowait(error),
            **with_mode("recoverUnsyncedChanges"),
        ) as realm:
            add(realm, 1)
            await synced(realm)
            reset(device, realm, NO_RECOVERY)
            error = await asyncio.wait_for(told.get(), LIMIT)
            assert isinstance(error, ClientResetError) and error.code == 1028
            assert "A fatal error occurred during 'ClientResetNoRecovery' client reset" in str(
                error
            )
            assert "does not allow recovery" in str(error)
            assert keys(realm) == {1}


async def test_a_session_that_is_paused_meanwhile(tmp_path: Path) -> None:
    async with one_realm(tmp_path) as (at, device, realm):
        async with at.server_unreachable():
            add(realm, 2)
            reset(device, realm)
            await asyncio.sleep(0.05)
            session_of(realm).pause()
        session_of(realm).resume()
        await synced(realm)
        assert keys(realm) == {1, 2}


async def test_a_realm_that_is_closed_meanwhile(tmp_path: Path) -> None:
    async with one_realm(tmp_path) as (at, device, realm):
        async with at.server_unreachable():
            add(realm, 2)
            reset(device, realm)
            await asyncio.sleep(0.05)
            realm.close()
        async with device.open() as again:
            await synced(again)
            assert keys(again) == {1, 2}


async def test_resets_may_follow_each_other(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            for key in range(4):
                add(realm, key)
                await synced(realm)
                await asyncio.to_thread(acknowledged, realm)
                reset(device, realm)
            await synced(realm)
            assert keys(realm) == set(range(4))


class Hooks:
    """What was called, with the keys that the realms had."""

    def __init__(self, *, failing: str = "") -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.is_over = asyncio.Event()
        self._failing = failing

    def on_before(self, realm: Realm) -> None:
        self._called("before", keys(realm))

    async def on_after(self, before: Realm, after: Realm) -> None:
        await asyncio.sleep(0)
        self._called("after", keys(before), keys(after))
        self.is_over.set()

    def on_fallback(self, session: SyncSession, path: str) -> None:
        self._called("fallback", path)
        self.is_over.set()

    def on_discard(self, session: SyncSession, path: str) -> None:
        self._called("discard", path)

    def _called(self, name: str, *facts: Any) -> None:
        self.calls.append((name, *facts))
        if name == self._failing:
            raise LookupError("no such thing")

    def settings(self, mode: str, **more: Any) -> dict[str, Any]:
        return (
            with_mode(
                mode,
                on_before=self.on_before,
                on_after=self.on_after,
                on_fallback=self.on_fallback,
                on_discard=self.on_discard,
            )
            | more
        )


def lose(device: Device, realm: Realm, key: int, error: tuple[int, str, str] = RESET) -> None:
    """A change that has not left, and a reset: one write that nothing else can come between."""
    session_of(realm).pause()
    add(realm, key)
    session_of(realm).resume()
    reset(device, realm, error)


async def test_callbacks_see_the_realm_before_and_after(tmp_path: Path) -> None:
    hooks = Hooks()
    async with world(tmp_path) as at:
        device, other = await at.device(), await at.device()
        async with device.open(**hooks.settings("recoverUnsyncedChanges")) as realm:
            add(realm, 1)
            await synced(realm)
            async with other.open() as third:
                add(third, 3)
                await synced(third)
            lose(device, realm, 2)
            await asyncio.wait_for(hooks.is_over.wait(), LIMIT)
            (name, before), (other_name, same, after) = hooks.calls
            assert (name, other_name) == ("before", "after")
            assert {1, 2} <= before == same <= {1, 2, 3} and after == {1, 2, 3}
            await synced(realm)
            assert left_over(tmp_path) == []
            assert device.app.sync.recovered_changes == []


@pytest.mark.parametrize("only", ["before", "after"])
async def test_one_callback_alone(tmp_path: Path, only: str) -> None:
    hooks = Hooks()
    async with world(tmp_path) as at:
        device = await at.device()
        hook = {f"on_{only}": getattr(hooks, f"on_{only}")}
        async with device.open(**with_mode("recoverUnsyncedChanges", **hook)) as realm:
            add(realm, 1)
            await synced(realm)
            lose(device, realm, 2)
            await synced(realm)
            await eventually(lambda: not realm._file.has_reset(), LIMIT)
            assert hooks.calls == [(only, *[{1, 2}] * (2 if only == "after" else 1))]
            assert keys(realm) == {1, 2} and left_over(tmp_path) == []


@pytest.mark.parametrize("failing", ["before", "after"])
async def test_a_callback_that_fails(tmp_path: Path, failing: str) -> None:
    hooks = Hooks(failing=failing)
    told: asyncio.Queue[SyncError] = asyncio.Queue()
    async with world(tmp_path) as at:
        device = await at.device()
        settings = hooks.settings("recoverUnsyncedChanges")
        async with device.open(on_error=lambda _, e: told.put_nowait(e), **settings) as realm:
            add(realm, 1)
            await synced(realm)
            reset(device, realm)
            error = await asyncio.wait_for(told.get(), LIMIT)
            assert isinstance(error, ClientResetError) and "no such thing" in str(error)
            assert keys(realm) == {1}
            assert left_over(tmp_path) == []


async def test_what_was_discarded_is_kept(tmp_path: Path) -> None:
    hooks = Hooks()
    async with world(tmp_path) as at:
        device = await at.device()
        settings = hooks.settings("discardUnsyncedChanges", on_error=lambda *_: None)
        async with device.open(**settings) as realm:
            add(realm, 1)
            await synced(realm)
            async with at.server_unreachable():
                lose(device, realm, 2)
            await asyncio.wait_for(hooks.is_over.wait(), LIMIT)
            await synced(realm)
            discards = [call for call in hooks.calls if call[0] == "discard"]
            kept = device.app.sync.recovered_changes
            assert [path for _, path in discards] == kept
            if kept:
                with Realm(path=kept[0]) as copy:
                    assert keys(copy) == {1, 2}
            else:  # it had left just before
                assert keys(realm) == {1, 2}


async def test_garbage_where_the_fresh_file_goes(tmp_path: Path) -> None:
    async with one_realm(tmp_path) as (at, device, realm):
        fresh = Path(f"{realm.path}.realmsync-fresh")
        await asyncio.to_thread(fresh.write_bytes, b"no realm at all")
        reset(device, realm)
        await synced(realm)
        await asyncio.to_thread(acknowledged, realm)
        assert keys(realm) == {1} and left_over(tmp_path) == []


async def test_a_fresh_file_that_cannot_be_made(tmp_path: Path) -> None:
    told: asyncio.Queue[SyncError] = asyncio.Queue()
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open(on_error=lambda _, error: told.put_nowait(error)) as realm:
            add(realm, 1)
            await synced(realm)
            Path(f"{realm.path}.realmsync-fresh").mkdir()  # noqa: ASYNC240 - of a test
            reset(device, realm)
            error = await asyncio.wait_for(told.get(), LIMIT)
            assert isinstance(error, ClientResetError) and error.code == 1028
            assert keys(realm) == {1}


@pytest.mark.parametrize("with_after", [False, True])
async def test_what_may_not_be_recovered_falls_back(tmp_path: Path, with_after: bool) -> None:
    hooks = Hooks()
    async with world(tmp_path) as at:
        device = await at.device()
        settings = {
            "on_before": hooks.on_before,
            "on_fallback": hooks.on_fallback,
            "on_after": hooks.on_after if with_after else None,
        }
        async with device.open(**with_mode("recoverOrDiscardUnsyncedChanges", **settings)) as realm:
            add(realm, 1)
            await synced(realm)
            async with at.server_unreachable():
                lose(device, realm, 2, NO_RECOVERY)
            await asyncio.wait_for(hooks.is_over.wait(), LIMIT)
            (name, before), (fallback, path) = hooks.calls
            assert (name, before, fallback) == ("before", {1, 2}, "fallback")
            kept = device.app.sync.recovered_changes
            await synced(realm)
            assert kept == [path] * bool(path) and (path or keys(realm) == {1, 2})
            if path:
                with Realm(path=path) as copy:
                    assert keys(copy) == {1, 2}


@pytest.mark.parametrize("error", [RESET, NO_RECOVERY])
async def test_a_realm_that_was_never_written(tmp_path: Path, error: tuple[int, str, str]) -> None:
    """During its opening: there is nothing to reset, not even for callbacks to see."""
    hooks = Hooks()
    async with world(tmp_path) as at:
        device, other = await at.device(), await at.device()
        async with other.open() as full:
            add(full, 1, 2)
            await synced(full)
        settings = hooks.settings("recoverUnsyncedChanges")
        async with at.server_unreachable():
            opening = device.open(**settings)
            client = await started(device)
            (session,) = client.by_path.values()
            _testbed.simulate_error(client.runtime, session.id, *error[:2], True, error[2])
        async with opening as realm:
            assert keys(realm) == {1, 2}
            assert not realm._file.has_reset()
        assert hooks.calls == [] and left_over(tmp_path) == []


async def test_during_an_opening_with_a_download(tmp_path: Path) -> None:
    hooks = Hooks()
    async with one_realm(tmp_path) as (at, device, realm):
        async with at.server_unreachable():
            add(realm, 2)
            session = session_of(realm)
            realm.close()
            opening = device.open(**hooks.settings("recoverUnsyncedChanges"))
            await eventually(lambda: opening._session is session, LIMIT)  # type: ignore[attr-defined]
            client = await started(device)
            _testbed.simulate_error(client.runtime, session.id, *RESET[:2], True, RESET[2])
        async with opening as again:
            assert keys(again) == {1, 2}
            await synced(again)
            assert left_over(tmp_path) == []


async def test_an_error_of_the_fresh_download(tmp_path: Path) -> None:
    """It is the reset that fails: what is due is due for the realm, not for the file beside it."""
    told: asyncio.Queue[SyncError] = asyncio.Queue()
    async with one_realm(tmp_path) as (at, device, first):
        path, client = first.path, await started(device)
        first.close()
        await asyncio.to_thread(client.end, path)
        async with device.open(on_error=lambda _, error: told.put_nowait(error)) as realm:
            async with at.server_refusing():
                reset(device, realm)
                fresh = f"{path}.realmsync-fresh"
                await eventually(lambda: fresh in client.by_path, LIMIT)
                session = client.by_path[fresh]
                _testbed.simulate_error(client.runtime, session.id, *RESET[:2], True, RESET[2])
                error = await asyncio.wait_for(told.get(), LIMIT)
            assert isinstance(error, ClientResetError) and error.code == 1028
            assert error.user_info["ORIGINAL_FILE_PATH"] == path and told.empty()
            assert noted(tmp_path) == [Path(f"{path}.action")]
            assert device.app.sync.recovered_changes == [] and keys(realm) == {1}


async def started(device: Device) -> Any:
    """The sync client, once it has a session."""
    sync = device.app.sync
    await eventually(lambda: sync._client is not None and len(sync._client.by_path), LIMIT)
    return sync._client
