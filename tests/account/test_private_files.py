"""Everything that a client writes is its owner's alone: tokens, realms and what lies beside them.

Whatever the umask of the program. Specification: app-services-http.md section 17.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices import DOG, LIMIT, add, session_of, world
from realmsync import App, ClientResetConfiguration, Realm
from realmsync.folders import make_private_folder


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """What others may do something with, below a folder and itself."""
    found = [folder, *folder.rglob("*")]
    assert len(found) > 1
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in found}
    return [f"{path} {mode:o}" for path, mode in modes.items() if mode & 0o077]


async def test_users_and_realms(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm, device.open("x" * 300):
            add(realm, 1)
            root = device.app.root
            assert open_to_others(root.parent.parent) == []
            names = {path.name for path in root.rglob("*")}
        assert {"users.sqlite", "s_p.realm", "s_p.realm-wal"} <= names
        assert any(name.startswith(".realmsync.lock-") for name in names)


async def test_what_a_reset_leaves(tmp_path: Path) -> None:
    """The file that was kept and its folder; and copies that callbacks see."""
    seen: list[str] = []
    discard = ClientResetConfiguration(
        mode="discardUnsyncedChanges",
        on_before=lambda before: seen.extend(open_to_others(Path(before.path).parent)),
    )
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open(client_reset=discard) as realm:
            # The class is known to the server: one that it lacks cannot be reset.
            assert await session_of(realm).upload_all_local_changes(LIMIT)
            async with at.server_unreachable():
                add(realm, 1)
                device.fail(realm, 211, "start anew", "ClientReset")
            assert await session_of(realm).download_all_server_changes(LIMIT)
            assert len(device.app.sync.recovered_changes) == 1
            assert seen == [] and open_to_others(device.app.root) == []


async def test_what_is_due_for_a_file(tmp_path: Path) -> None:
    """The note of it, and the file that is moved."""
    told = asyncio.Event()
    manual = ClientResetConfiguration(mode="manual", on_manual=lambda *_: told.set())
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open(client_reset=manual) as realm:
            path = realm.path
            add(realm, 1)
            device.fail(realm, 211, "start anew", "ClientReset")
            await asyncio.wait_for(told.wait(), LIMIT)
            assert len([*device.app.root.rglob("*.action")]) == 1
            assert open_to_others(device.app.root) == []
        # In a thread: this one is the server's.
        moved = await asyncio.to_thread(device.app.sync.initiate_client_reset, path)
        assert (
            Path(str(moved)) in {*device.app.root.rglob("*")}
            and open_to_others(device.app.root) == []
        )


def test_realms_that_are_not_synchronised(tmp_path: Path) -> None:
    with Realm(path=tmp_path / "new" / "folder" / "a.realm", schema=[DOG]) as realm:
        add(realm, 1)
        assert open_to_others(tmp_path / "new") == []
        realm.write_copy_to(path=tmp_path / "new" / "other" / "copy.realm")
        assert open_to_others(tmp_path / "new") == []


def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """Who shares a folder or a file with others, has reasons."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    make_private_folder(shared / "a" / "b")
    make_private_folder(shared)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [shared, *shared.rglob("*")]}
    assert modes == {"shared": 0o755, "a": 0o700, "b": 0o700}
    with Realm(path=shared / "a.realm", schema=[DOG]):
        (shared / "a.realm").chmod(0o660)
    with Realm(path=shared / "a.realm", schema=[DOG]) as realm:
        add(realm, 1)
    assert stat.S_IMODE((shared / "a.realm").stat().st_mode) == 0o660


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError):
            make_private_folder(folder)


async def test_an_app_in_a_new_folder(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.device(base_file_path=tmp_path / "new" / "folder")
        assert App.get("app").root.is_relative_to(tmp_path / "new")
        assert open_to_others(tmp_path / "new") == []
