"""What errors make of realm files: noted, done at the right time, and nothing lost by it
(client-session.md 12.4, 13.10)."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, Device, World, add, session_of, world
from eventually import eventually
from realmsync import App, ClientResetConfiguration, Realm, _core, _testbed
from realmsync.errors import (
    ClientResetError,
    DeleteOnOpenRealmError,
    InvalidArgumentError,
    SyncError,
)

RESET = (1032, "no such client file", "ClientReset")
DELETE = (1029, "no such realm", "DeleteRealm")
MANUAL = ClientResetConfiguration(mode="manual")
NAME = re.compile(r"recovered_realm-\d{8}-\d{6}-[0-9a-f]{8}")


def keys(realm: Realm) -> set[int]:
    return {dog._id for dog in realm.objects("Dog")}


def keys_in(path: str | Path) -> set[int]:
    with Realm(path=path) as realm:
        return keys(realm)


def exists(path: str) -> bool:
    return Path(path).exists()


def make_folder(path: str) -> None:
    Path(path).mkdir()


def move(path: str, target: str) -> None:
    Path(path).replace(target)


class Phone:
    """An installation with one realm, whose first dog the server has, and the errors told."""

    def __init__(self, at: World, device: Device, **settings: Any) -> None:
        self.at, self.device = at, device
        self.told: asyncio.Queue[SyncError] = asyncio.Queue()
        self._settings = {"on_error": lambda _, error: self.told.put_nowait(error)} | settings

    async def open(self) -> Realm:
        return await self.device.open(**self._settings)

    async def fail(self, realm: Realm, error: tuple[int, str, str]) -> SyncError:
        self.device.fail(realm, *error)
        return await asyncio.wait_for(self.told.get(), LIMIT)

    async def restart(self) -> None:
        self.device = await self.at.restart(self.device)

    async def ask(self, path: str) -> Path | None:
        """Not on this loop, on which the server is that has to let go of a session."""
        place = await asyncio.to_thread(self.device.app.sync.initiate_client_reset, path)
        return None if place is None else Path(place)

    async def end(self, path: str) -> None:
        """Waits until nobody has the file any more."""
        client = self.device.app.sync._client
        assert client is not None
        await asyncio.to_thread(client.end, path)
        await eventually(lambda: not _core.RealmFile.is_open(path), LIMIT)

    @property
    def kept(self) -> list[Path]:
        return [Path(path) for path in self.device.app.sync.recovered_changes]


@contextlib.asynccontextmanager
async def phone(folder: Path, **settings: Any) -> AsyncIterator[Phone]:
    async with world(folder) as at:
        made = Phone(at, await at.device(), **{"client_reset": MANUAL} | settings)
        with await made.open() as realm:
            add(realm, 1)
            await session_of(realm).upload_all_local_changes(LIMIT)
            path = realm.path
        await made.end(path)
        yield made


async def failed(one: Phone, error: tuple[int, str, str], *, unsent: bool) -> tuple[str, SyncError]:
    """The path of a realm that an error has stopped and its program closed, and the error."""
    realm = await one.open()
    if unsent:
        session_of(realm).pause()
        add(realm, 2)
        session_of(realm).resume()
    told = await one.fail(realm, error)
    if unsent and not realm._file.has_unsent():  # it was faster than the error
        add(realm, 2)
    realm.close()
    return realm._path, told


async def test_a_manual_reset_is_done_at_the_next_start(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        path, error = await failed(one, RESET, unsent=True)
        place = Path(error.user_info["RECOVERY_FILE_PATH"])
        assert error.user_info["ORIGINAL_FILE_PATH"] == path
        assert isinstance(error, ClientResetError) and error.recovery_path == str(place)
        root = one.device.app.root.resolve()
        assert place.parent == root / "recovered-realms" and NAME.fullmatch(place.name)
        assert one.kept == []
        await one.restart()
        with await one.open() as realm:
            assert 1 in keys(realm)
            assert one.kept == [place] and keys_in(place) == {1, 2}
            await session_of(realm).download_all_server_changes(LIMIT)
        await one.restart()
        (await one.open()).close()
        assert one.kept == [place], "once is enough"


async def test_a_realm_that_is_opened_again_is_left_alone(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        _, error = await failed(one, RESET, unsent=True)
        with await one.open() as realm:
            assert keys(realm) == {1, 2} and one.kept == []
            again = await one.fail(realm, RESET)
            assert again.user_info == error.user_info, "the place stays the same"
        moved = await one.ask(realm._path)
        assert moved is not None and str(moved) == error.user_info["RECOVERY_FILE_PATH"]


@pytest.mark.parametrize("unsent", [False, True])
@pytest.mark.parametrize("asked", [False, True])
async def test_realms_that_the_server_has_deleted(
    tmp_path: Path, asked: bool, unsent: bool
) -> None:
    async with phone(tmp_path) as one:
        path, error = await failed(one, DELETE, unsent=unsent)
        assert error.user_info == {"ORIGINAL_FILE_PATH": path} and error.is_fatal
        if asked:
            moved = await one.ask(path)
            assert not exists(path)
            assert (moved is not None) == unsent
        else:
            await one.restart()
        with await one.open() as realm:
            assert keys(realm) >= {1}
        assert len(one.kept) == unsent
        assert not unsent or keys_in(one.kept[0]) == {1, 2}


async def test_a_failed_automatic_reset_begins_anew_at_the_next_start(tmp_path: Path) -> None:
    recover = ClientResetConfiguration(mode="recoverUnsyncedChanges")
    async with phone(tmp_path, client_reset=recover) as one:
        _, error = await failed(one, (1032, "no", "ClientResetNoRecovery"), unsent=True)
        assert isinstance(error, ClientResetError) and error.code == 1028
        await one.restart()
        with await one.open() as realm:
            await session_of(realm).upload_all_local_changes(LIMIT)
            assert one.told.empty(), "the reset was not tried again"
        assert [str(path) for path in one.kept] == [error.recovery_path]
        assert keys_in(one.kept[0]) == {1, 2}


async def test_a_reset_that_has_succeeded_leaves_nothing_to_do(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        path, _ = await failed(one, RESET, unsent=False)
        await one.end(path)  # its session goes on with the mode that it has
        with await one.device.open() as realm:
            one.device.fail(realm, *RESET)
            await session_of(realm).download_all_server_changes(LIMIT)
            await eventually(lambda: not realm._file.has_reset(), LIMIT)
        await one.restart()
        with await one.open() as realm:
            assert keys(realm) == {1} and one.kept == []


@pytest.mark.parametrize("error", [RESET, DELETE])
async def test_a_session_that_was_about_to_end(tmp_path: Path, error: tuple[int, str, str]) -> None:
    """Nobody is told, and the file is replaced nevertheless."""
    async with phone(tmp_path) as one:
        realm = await one.open()
        session = session_of(realm)
        async with one.at.server_unreachable():
            add(realm, 2)
            client = one.device.app.sync._client
            realm.close()
            assert client is not None and session.lifecycle_state.name == "DYING"
            _testbed.simulate_error(client.runtime, session.id, error[0], error[1], True, error[2])
        assert await asyncio.to_thread(session._wait_for_end)
        assert one.told.empty()
        await one.restart()
        with await one.open() as again:
            assert keys(again) >= {1}
        assert [keys_in(path) for path in one.kept] == [{1, 2}]


async def test_nothing_is_due_for_a_healthy_file(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        with await one.open() as realm:
            path = realm.path
        message = f"Realm was not configured correctly. .* for Realm at: {re.escape(path)}"
        for _ in range(2):
            with pytest.raises(InvalidArgumentError, match=message):
                await one.ask(path)
        assert keys_in(path) == {1}
        (await failed(one, DELETE, unsent=False))
        await one.ask(path)
        with pytest.raises(InvalidArgumentError):
            await one.ask(path)


async def test_a_file_that_was_made_anew_is_another_one(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        removals = (lambda path: Realm.delete_file(path=path), lambda path: Path(path).unlink())
        for key, remove in enumerate(removals, 3):
            path, _ = await failed(one, DELETE, unsent=False)
            await one.end(path)
            remove(path)
            (await one.open()).close()
            await one.restart()
            with await one.open() as realm:
                session_of(realm).pause()
                add(realm, key)
            await one.restart()
            with await one.open() as realm:
                assert keys(realm) >= {1, key} and one.kept == []


@pytest.mark.parametrize("at", ["begin", "log", "database"])
async def test_a_move_that_was_interrupted_is_finished(tmp_path: Path, at: str) -> None:
    async with phone(tmp_path) as one:
        path, error = await failed(one, RESET, unsent=True)
        place = Path(error.user_info["RECOVERY_FILE_PATH"])
        await one.end(path)
        await asyncio.to_thread(place.parent.mkdir)
        if at != "begin":  # the log is in both places until the database has moved
            shutil.copy(f"{path}-wal", f"{place}-wal")
        if at == "database":
            move(path, str(place))
        await one.restart()
        with await one.open() as realm:
            assert keys(realm) >= {1}
        assert one.kept == [place] and keys_in(place) == {1, 2}
        assert not exists(f"{path}.action")


async def test_a_file_in_use_is_opened_as_it_is(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        path, _ = await failed(one, RESET, unsent=True)
        await one.restart()
        with Realm(path=path) as local:
            with pytest.raises(DeleteOnOpenRealmError, match="in use"):
                await one.ask(path)
            with await one.open() as realm:
                assert keys(realm) == keys(local) == {1, 2}
        await one.end(path)
        with await one.open() as realm:
            assert len(one.kept) == 1 and keys(realm) >= {1}


async def test_a_damaged_file_is_kept_as_it_is(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        path, _ = await failed(one, DELETE, unsent=False)
        await one.end(path)
        await asyncio.to_thread(Path(f"{path}-wal").unlink, missing_ok=True)
        await asyncio.to_thread(Path(path).write_bytes, b"no realm at all")
        await one.restart()
        with await one.open() as realm:
            assert keys(realm) == {1}
        assert [path.read_bytes() for path in one.kept] == [b"no realm at all"]


async def test_a_place_that_cannot_be_had(tmp_path: Path) -> None:
    """The file is opened as it was, and what is due is done when it can be."""
    async with phone(tmp_path) as one:
        await failed(one, RESET, unsent=True)
        folder = one.device.app.root / "recovered-realms"
        folder.write_text("in the way")
        await one.restart()
        with await one.open() as realm:
            assert keys(realm) == {1, 2}
        folder.unlink()
        await one.restart()
        with await one.open() as realm:
            assert keys(realm) >= {1}
        assert [keys_in(path) for path in one.kept] == [{1, 2}]


async def test_a_note_that_cannot_be_made(tmp_path: Path) -> None:
    """The error is told nevertheless, and it will come again."""
    async with phone(tmp_path) as one:
        realm = await one.open()
        make_folder(f"{realm.path}.action.part")
        error = await one.fail(realm, RESET)
        assert error.user_info["ORIGINAL_FILE_PATH"] == realm.path
        realm.close()
        with pytest.raises(InvalidArgumentError):
            await one.ask(error.user_info["ORIGINAL_FILE_PATH"])
        await one.restart()
        with await one.open() as again:
            assert keys(again) == {1}


async def test_kept_files_go_with_their_user(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        path, _ = await failed(one, RESET, unsent=True)
        await one.ask(path)
        assert len(one.kept) == 1
        other = await one.at.device()
        app = one.device.app
        await app.remove_user(one.device.user)
        await app.close()
        again = type(app)(app.config)
        assert again.sync.recovered_changes == [] and other.app.sync.recovered_changes == []


async def test_a_manual_configuration_needs_somebody_to_tell(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        message = "need to set either on_error or on_manual or both"
        with pytest.raises(InvalidArgumentError, match=message):
            one.device.config(client_reset=MANUAL)
        told: asyncio.Queue[tuple[Any, str]] = asyncio.Queue()
        manual = ClientResetConfiguration(
            mode="manual", on_manual=lambda *facts: told.put_nowait(facts)
        )
        with await one.device.open(client_reset=manual) as realm:
            one.device.fail(realm, *RESET)
            session, place = await asyncio.wait_for(told.get(), LIMIT)
            assert session is realm.sync_session
        assert str(await one.ask(session.path)) == place


def test_moving_to_another_file_system(tmp_path: Path, other_file_system: Path) -> None:
    path, target = str(tmp_path / "a.realm"), str(other_file_system / "kept")
    with Realm(path=path, schema=[{"name": "Dog", "properties": {"_id": "int"}}]) as realm:
        with realm.write():
            realm.create("Dog", {"_id": 1})
        assert not _core.RealmFile.move_unused(path, target), "it is open"
    del realm
    assert _core.RealmFile.move_unused(path, target)
    assert not list(tmp_path.glob("a.realm*")) and keys_in(target) == {1}
    assert _core.RealmFile.move_unused(path, f"{target}2"), "there is none"
    assert not list(other_file_system.glob("kept2*"))


@pytest.fixture
def other_file_system(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder on another one where there is one, else one on the same."""
    memory = Path("/dev/shm")  # noqa: S108 - a file system, not a file
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path.parent) as folder:
        yield Path(folder)


def test_a_move_that_was_interrupted_is_made_again(tmp_path: Path) -> None:
    """What it has left of the log is older than the log, and the log stays until the end."""
    path, target = str(tmp_path / "a.realm"), str(tmp_path / "kept")
    dogs = {"name": "Dog", "properties": {"_id": "int"}}
    with Realm(path=path, schema=[dogs]) as realm, realm.write():
        realm.create("Dog", {"_id": 1})
    del realm
    Path(f"{target}-wal").write_bytes(Path(f"{path}-wal").read_bytes())
    with Realm(path=path) as realm, realm.write():
        realm.create("Dog", {"_id": 2})
    del realm
    assert _core.RealmFile.move_unused(path, target)
    assert keys_in(target) == {1, 2}
    assert not list(tmp_path.glob("a.realm*"))


async def test_files_that_are_kept_within_a_second_are_in_order(tmp_path: Path) -> None:
    app = App("tests", base_url="http://localhost:1", base_file_path=tmp_path)
    actions = app.sync._file_actions
    places = [Path(actions._new_place()) for _ in range(20)]
    places[0].parent.mkdir(parents=True)
    for place in places:
        place.touch()
    assert app.sync.recovered_changes == [str(place) for place in places]
    await app.close()
