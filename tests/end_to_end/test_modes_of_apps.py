"""An app that goes over from partitions to flexible sync while old programs are out, and back:
their realms follow, with what they had not sent (flexible-sync.md 15; app-configuration.md 12)."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app_folders import write_app
from devices import LIMIT, Device, World, session_of, world
from eventually import eventually
from realmsync import Configuration, Realm, SyncConfiguration
from realmsync.apps.diagnostics import Severity
from realmsync.errors import MismatchedConfigError, SyncError
from realmsync.server.admin.document import EVERYTHING
from realmsync.server.apps.sources import AppFolder
from realmsync.sync import OPEN_LOCAL_REALM_BEHAVIOR

NOTE = {
    "title": "Note",
    "bsonType": "object",
    "required": ["_id", "text"],
    "properties": {
        "_id": {"bsonType": "long"},
        "team": {"bsonType": "string"},
        "text": {"bsonType": "string"},
    },
}
OLD = {"name": "Note", "primaryKey": "_id", "properties": {"_id": "int", "text": "string"}}
NEW = {**OLD, "properties": {**OLD["properties"], "team": "string?"}}
PARTITION = {"key": "team", "type": "string", "permissions": {"read": True, "write": True}}


def write(tmp_path: Path, *, flexible: bool) -> AppFolder:
    """The app in one mode or the other."""
    sync = {"type": "flexible", "partition": {}} if flexible else {"partition": PARTITION}
    roles = [EVERYTHING]
    folder = write_app(tmp_path / "app", app_id="app", schema=NOTE, sync=sync, default_roles=roles)
    return AppFolder(folder, migrated_partition_key="team" if flexible else None)


@contextlib.asynccontextmanager
async def serving(tmp_path: Path, *, flexible: bool) -> AsyncIterator[World]:
    """The next run of the server, in this mode."""
    folder = write(tmp_path, flexible=flexible)
    async with world(tmp_path, app_folders=(folder,), accept_breaking=True) as at:
        yield at


def of_team(device: Device, schema: Any = OLD, team: str = "red") -> Configuration:
    """As programs open it that know of partitions."""
    behavior = OPEN_LOCAL_REALM_BEHAVIOR
    sync = SyncConfiguration(
        user=device.user, partition_value=team, existing_realm_file_behavior=behavior
    )
    return Configuration(schema=[schema], sync=sync)


def of_all(device: Device) -> Configuration:
    """As programs do that know of flexible sync."""

    def subscribe(subscriptions: Any, realm: Realm) -> None:
        subscriptions.add(realm.objects("Note"))

    sync = SyncConfiguration(user=device.user, flexible=True, initial_subscriptions=subscribe)
    return Configuration(schema=[NEW], sync=sync)


async def add(realm: Realm, key: int, **values: Any) -> None:
    realm.write(lambda: realm.create("Note", {"_id": key, "text": f"note {key}", **values}))
    await session_of(realm).upload_all_local_changes(LIMIT)


def keys(realm: Realm) -> list[int]:
    return sorted(note._id for note in realm.objects("Note"))


def teams(realm: Realm) -> dict[int, str]:
    return {note._id: note.team for note in realm.objects("Note")}


async def test_old_programs_follow_to_flexible_sync_and_back(tmp_path: Path) -> None:
    async with serving(tmp_path, flexible=False) as at:
        old = await Realm.open(of_team(await at.device()))
        await add(old, 1)
        old.close()
    async with serving(tmp_path, flexible=True) as at:
        device, other = await at.device(), await at.device()
        async with await Realm.open(of_all(other)) as new:
            await add(new, 5, team="red")  # an import
            await add(new, 6, team="blue")
            await follow(device, new)
            path = await reopen(device)
            await session_of(new).download_all_server_changes(LIMIT)
            assert keys(new) == [2, 3, 6, 7]
            blue = dataclasses.replace(of_team(device, team="blue"), path=path)
            with pytest.raises(MismatchedConfigError, match="cannot be changed for migrated"):
                await Realm.open(blue)
    async with serving(tmp_path, flexible=False) as at:
        old = await Realm.open(of_team(await at.device()))
        await eventually(lambda: keys(old) == [1], LIMIT)  # what its partition had
        await add(old, 8)
        assert keys(old) == [1, 8] and not session_of(old).has_unsynced_changes
        old.close()


async def follow(device: Device, new: Realm) -> None:
    """An old program meets the server in its new mode, with a note that it has not sent."""
    async with await Realm.open(of_team(device)) as old:
        old.write(lambda: old.create("Note", {"_id": 2, "text": "not sent yet"}))
        await eventually(lambda: keys(old) == [2, 5], LIMIT)
        await add(old, 3)
        await session_of(new).download_all_server_changes(LIMIT)
        assert teams(new) == {2: "red", 3: "red", 5: "red", 6: "blue"}
        await add(new, 7, team="red")
        await eventually(lambda: keys(old) == [2, 3, 5, 7], LIMIT)


async def reopen(device: Device) -> str:
    """Its next run finds the file in its new mode. The file's path."""
    async with await Realm.open(of_team(device, NEW)) as again:
        await eventually(lambda: teams(again) == dict.fromkeys([2, 3, 5, 7], "red"), LIMIT)
        again.write(lambda: again.delete(again.object_for_primary_key("Note", 5)))
        await session_of(again).upload_all_local_changes(LIMIT)
        return str(again.path)


async def test_a_new_realm_of_an_old_program(tmp_path: Path) -> None:
    """It is there at once, and is one of flexible sync from then on, whatever resets it."""
    async with serving(tmp_path, flexible=True) as at:
        device, other = await at.device(), await at.device()
        async with await Realm.open(of_all(other)) as new:
            await add(new, 5, team="red")
            await add(new, 6, team="blue")
            async with await Realm.open(of_team(device)) as old:
                await eventually(lambda: keys(old) == [5], LIMIT)
                await add(old, 7)
                old.write(lambda: old.create("Note", {"_id": 8, "text": "not sent yet"}))
                device.fail(old, 1032, "told so", "ClientReset")
                await add(old, 9)
                await session_of(new).download_all_server_changes(LIMIT)
                assert teams(new) == {5: "red", 6: "blue", 7: "red", 8: "red", 9: "red"}
                assert keys(old) == [5, 7, 8, 9]


async def test_another_version_of_the_schema_of_an_old_program(tmp_path: Path) -> None:
    """Its file begins anew, as one of its partition, and goes over once more."""
    async with serving(tmp_path, flexible=True) as at:
        device, other = await at.device(), await at.device()
        async with await Realm.open(of_all(other)) as new:
            await add(new, 1, team="red")
        async with await Realm.open(of_team(device)) as old:
            await eventually(lambda: keys(old) == [1], LIMIT)
            path, first = old.path, session_of(old).file_ident
        device = await at.restart(device)
        newer = dataclasses.replace(of_team(device, NEW), schema_version=1)
        sync = dataclasses.replace(newer.sync, existing_realm_file_behavior=None)
        async with await Realm.open(dataclasses.replace(newer, sync=sync, path=path)) as again:
            await eventually(lambda: teams(again) == {1: "red"}, LIMIT)
            assert session_of(again).file_ident != first
            await add(again, 2)
            assert teams(again) == {1: "red", 2: "red"}


async def test_a_program_that_goes_over_itself(tmp_path: Path) -> None:
    """What it wrote as an old one belongs to its partition, and what it writes now does not."""
    async with serving(tmp_path, flexible=True) as at:
        device, other = await at.device(), await at.device()
        async with await Realm.open(of_all(other)) as all_notes:
            await add(all_notes, 1, team="red")
            async with await Realm.open(of_team(device)) as old:
                await eventually(lambda: keys(old) == [1], LIMIT)
                async with at.server_unreachable():
                    old.write(lambda: old.create("Note", {"_id": 2, "text": "not sent yet"}))
                    path = old.path
                    old.close()
                    device = await at.restart(device)
            native = dataclasses.replace(of_all(device), path=path)
            with Realm(native) as new:
                subscribed = new.subscriptions
                assert [each.query_string for each in subscribed] == ['team == "red"']
                with subscribed.update() as update:
                    update.add(new.objects("Note"))
                new.write(lambda: new.create("Note", {"_id": 3, "text": "nobody's"}))
                await session_of(new).upload_all_local_changes(LIMIT)
                await subscribed.wait_for_synchronization(LIMIT)
                await session_of(all_notes).download_all_server_changes(LIMIT)
                assert teams(all_notes) == {1: "red", 2: "red", 3: None}
                assert teams(new) == {1: "red", 2: "red", 3: None}
            device = await at.restart(device)
            with pytest.raises(MismatchedConfigError, match="different synchronization mode"):
                Realm(dataclasses.replace(of_team(device), path=path))
            async with await Realm.open(
                dataclasses.replace(native, sync=of_all(device).sync)
            ) as new:
                assert keys(new) == [1, 2, 3]


async def test_an_app_that_says_no_former_key_refuses_old_programs(tmp_path: Path) -> None:
    folder = dataclasses.replace(write(tmp_path, flexible=True), migrated_partition_key=None)
    async with world(tmp_path, app_folders=(folder,)) as at:
        with pytest.raises(SyncError, match="This app uses flexible sync") as refused:
            await Realm.open(of_team(await at.device()))
        assert refused.value.code == 1043


@pytest.mark.parametrize("flexible", [False, True])
def test_only_flexible_apps_have_a_former_key(tmp_path: Path, *, flexible: bool) -> None:
    folder = dataclasses.replace(write(tmp_path, flexible=flexible), migrated_partition_key="team")
    loaded = folder.load()
    assert (loaded.app is not None) is flexible
    errors = [each.code for each in loaded.findings.all if each.severity is Severity.ERROR]
    assert errors == ([] if flexible else ["sync.migrated_partition_key"])


async def test_the_objects_of_partitions_are_brought_over(tmp_path: Path) -> None:
    """As the guide says: local copies before, new clients of the old kind afterwards."""
    async with serving(tmp_path, flexible=False) as at:
        device = await at.device()
        for key, team in enumerate(["red", "blue"]):
            async with await Realm.open(of_team(device, team=team)) as realm:
                await add(realm, key)
                realm.write_copy_to(path=str(tmp_path / f"{team}.realm"))
    async with serving(tmp_path, flexible=True) as at:
        device, other = await at.device(base_file_path=tmp_path / "mover"), await at.device()
        async with await Realm.open(of_all(other)) as new:
            assert keys(new) == []
            for team in ("red", "blue"):
                with Realm(path=str(tmp_path / f"{team}.realm"), schema=[OLD]) as local:
                    local.write_copy_to(sync=of_team(device, team=team).sync)
                async with await Realm.open(of_team(device, team=team)) as realm:
                    await session_of(realm).upload_all_local_changes(LIMIT)
            await session_of(new).download_all_server_changes(LIMIT)
            assert teams(new) == {0: "red", 1: "blue"}
