"""`remove_user` left files with long names for ever, and a second App deleted files in use."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devices import DOG, LIMIT, Device, add, session_of, world
from realmsync import App, Credentials, Realm, RealmError, StorageError
from realmsync.account.stored_users import StoredUser, UserStore
from realmsync.enums import UserState

LONG = "x" * 300  # its file's name is a hash, in the app's folder


def restarted(device: Device) -> App:
    """The app of the next start, or of another part of the program."""
    return App(device.app.config)


RESTART = """
import sys
from realmsync import App
print(App("app", base_file_path=sys.argv[1]).all_users)
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def exists(path: str) -> bool:
    return Path(path).exists()


def realm_files(app: App) -> set[str]:
    return {
        file.name
        for file in app.root.rglob("*.realm*")
        if not file.name.startswith(".realmsync.lock")
    }


async def test_all_files_go_with_their_user(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        for partition in ("short", LONG):
            async with device.open(partition) as realm:
                add(realm, 1)
                assert await session_of(realm).upload_all_local_changes(LIMIT)
        await device.app.remove_user(device.user)
        await device.app.close()
        again = restarted(device)
        assert realm_files(again) == set()
        assert not device.user.root.exists()
        at.apps.append(again)


async def test_other_users_keep_theirs(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device_of_kim()
        async with device.open(LONG) as realm:
            add(realm, 1)
        guest = Device(device.app, await device.app.log_in(Credentials.anonymous()))
        async with guest.open(LONG) as realm:
            add(realm, 2)
        await guest.user.log_out()
        await device.app.close()
        again = restarted(device)
        at.apps.append(again)
        assert list(again.all_users) == [device.user.id]
        with Realm(path=device.user.realm_path(LONG), schema=[DOG]) as kept:
            assert [dog._id for dog in kept.objects("Dog")] == [1]
        assert len([name for name in realm_files(again) if name.endswith(".realm")]) == 1


@pytest.mark.parametrize("partition", ["short", LONG], ids=["short", "long"])
async def test_a_second_app_leaves_what_is_open(partition: str, tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        realm = await device.open(partition)
        add(realm, 1)
        await device.app.remove_user(device.user)
        second = restarted(device)
        at.apps.append(second)
        assert second.all_users == {}
        add(realm, 2)
        assert [dog._id for dog in realm.objects("Dog")] == [1, 2]
        path = realm.path
        realm.close()
        assert exists(path)
        for _ in range(400):  # as long as its session takes to end
            at.apps.append(restarted(device))
            if not exists(path):
                break
            await asyncio.sleep(0.05)
        assert not exists(path)


async def test_an_app_of_another_process_leaves_what_is_open(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm, device.open(LONG) as long:
            add(realm, 1)
            add(long, 1)
            await device.app.remove_user(device.user)
            folder = str(device.app.config.base_file_path)
            output = await asyncio.to_thread(run, RESTART, folder)
            assert (output.stdout, output.stderr) == ("{}\n", "")
            for one in (realm, long):
                add(one, 2)
                assert exists(one.path) and len(one.objects("Dog")) == 2


# Several processes write to the users' file: each has a store of its own.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app" / "users.sqlite"


def logged_in(token: str = "refresh-1") -> StoredUser:
    return StoredUser("u", UserState.LOGGED_IN, "access-1", token, identities=[("i", "anon-user")])


ALL = ("state", "access_token", "refresh_token", "device_id", "identities", "profile")


def test_each_stores_what_it_has_changed(path: Path) -> None:
    UserStore(path).save(logged_in(), ALL)
    here, there = UserStore(path), UserStore(path)
    mine, theirs = here.load()[0]["u"], there.load()[0]["u"]
    mine.access_token = "access-2"
    here.save(mine, ["access_token"], "refresh-1")
    theirs.profile = {"email": "kim@example.org"}
    there.save(theirs, ["profile"], "refresh-1")
    stored = UserStore(path).load()[0]["u"]
    assert (stored.access_token, stored.profile) == ("access-2", {"email": "kim@example.org"})


@pytest.mark.parametrize("end", ["logged out", "logged in anew", "forgotten"])
def test_an_old_log_in_does_not_come_back(path: Path, end: str) -> None:
    UserStore(path).save(logged_in(), ALL)
    mine, theirs = (UserStore(path).load()[0]["u"] for _ in range(2))
    if end == "logged out":
        theirs.state, theirs.access_token, theirs.refresh_token = UserState.LOGGED_OUT, "", ""
        UserStore(path).save(theirs, ["state", "access_token", "refresh_token"], "refresh-1")
    elif end == "logged in anew":
        UserStore(path).save(logged_in("refresh-2"), ALL)
    else:
        theirs.state = UserState.REMOVED
        UserStore(path).save(theirs, ["state"])
        UserStore(path).forget("u")
    before = UserStore(path).load()
    mine.access_token = "access-9"
    UserStore(path).save(mine, ["access_token"], "refresh-1")
    mine.state, mine.access_token, mine.refresh_token = UserState.LOGGED_OUT, "", ""
    UserStore(path).save(mine, ["state", "access_token", "refresh_token"], "refresh-1")
    assert UserStore(path).load() == before


def test_who_logs_in_again_is_not_forgotten(path: Path) -> None:
    UserStore(path).save(logged_in(), ALL)
    UserStore(path).add_file("u", "abc.realm")
    UserStore(path).forget("u")
    assert list(UserStore(path).load()[0]) == ["u"]
    assert UserStore(path).files("u") == ["abc.realm"]


def test_a_file_of_an_earlier_version(path: Path) -> None:
    UserStore(path).save(logged_in(), ALL)
    execute(path, "DROP TABLE files")
    assert list(UserStore(path).load()[0]) == ["u"]
    assert UserStore(path).files("u") == []


def execute(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(sql)


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database" * 100)


def damage_a_row(path: Path) -> None:
    execute(path, "UPDATE users SET identities = 'x'")


def name_no_state(path: Path) -> None:
    execute(path, "UPDATE users SET state = 17")


@pytest.mark.parametrize("damage", [overwrite, damage_a_row, name_no_state])
def test_a_damaged_file_is_named(damage: Any, tmp_path: Path) -> None:
    path = tmp_path / "mongodb-realm" / "app" / "users.sqlite"
    UserStore(path).save(logged_in(), ALL)
    damage(path)
    with pytest.raises(StorageError, match=r"users\.sqlite") as told:
        App("app", base_file_path=tmp_path)
    assert isinstance(told.value, RealmError)
    assert told.value.__cause__ is not None
