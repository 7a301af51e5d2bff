"""Copies that leave sync, begin it, become another client or take a client's place, with a server
(data-model.md 24.3; node-sdk-surface.md 14.2 and 21.2)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from devices import DOG, LIMIT, Device, add, session_of, world
from eventually import eventually
from instructions import changeset, erase
from realmsync import Configuration, MismatchedConfigError, Realm, _core, _testbed
from realmsync.errors import IllegalOperationError, SchemaValidationError
from recorded import SDK_SCHEMA

LISTS = {
    "name": "Dog",
    "primaryKey": "_id",
    "properties": {"_id": "int", "name": "string", "tags": "string[]"},
}


async def settle(realm: Realm) -> None:
    session = session_of(realm)
    await session.upload_all_local_changes(LIMIT)
    await session.download_all_server_changes(LIMIT)


def at(path: Path, device: Device, partition: str = "p", **settings: Any) -> Configuration:
    """Of a synchronised realm at a path of the test's."""
    return dataclasses.replace(device.config(partition, **settings), path=path)


def names(realm: Realm) -> dict[int, str]:
    return {dog._id: dog.name for dog in realm.objects("Dog")}


async def test_leaving_sync(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        device = await w.device()
        async with device.open() as realm:
            add(realm, 1, 2)
            session_of(realm).pause()
            add(realm, 3)  # leaves with the others, uploaded or not
            await realm.write_copy_to_async(path=tmp_path / "local.realm", schema=[DOG])
            session_of(realm).resume()
            with Realm(path=tmp_path / "local.realm", schema=[DOG]) as local:
                assert local.sync_session is None and _testbed.history(local._file) == []
                add(local, 10)
                add(realm, 4)
                await settle(realm)
                assert sorted(names(local)) == [1, 2, 3, 10]
            assert sorted(names(realm)) == [1, 2, 3, 4]
            with pytest.raises(IllegalOperationError, match="has left sync"):
                Realm(at(tmp_path / "local.realm", device, "q"))
            with pytest.raises(IllegalOperationError, match="has left sync"):
                await Realm.open(at(tmp_path / "local.realm", device, "q"))
        with Realm(path=tmp_path / "local.realm") as local:  # which has done it no harm
            assert sorted(names(local)) == [1, 2, 3, 10]
            local.write_copy_to(at(tmp_path / "again.realm", device, "p"))
        async with Realm.open(at(tmp_path / "again.realm", device, "p")) as again:
            assert sorted(names(again)) == [1, 2, 3, 4, 10]


async def test_beginning_sync(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        device, peer = await w.device(), await w.device()
        with Realm(path=tmp_path / "local.realm", schema=SDK_SCHEMA) as local:
            with local.write():
                for key in range(2_000):
                    kim = local.create("Person", {"_id": key, "name": "Kim", "addr": {"no": key}})
                    dog = {"_id": key, "name": "x" * 100, "owner": kim, "any": [key, {"a": [key]}]}
                    kim.dogs.append(local.create("Dog", dog))
            _testbed.commit_changeset(local._file, changeset(erase("Person", 7)), 1)
            everything = _testbed.objects(local._file)
            local.write_copy_to(at(tmp_path / "synced.realm", device, schema=SDK_SCHEMA))
        config = at(tmp_path / "synced.realm", device, schema=SDK_SCHEMA)
        async with Realm.open(config) as realm, peer.open(schema=SDK_SCHEMA) as other:
            assert _testbed.objects(realm._file) == everything
            await settle(realm)
            await settle(other)
            assert _testbed.objects(other._file) == everything
            with other.write():
                other.create("Person", {"_id": 7, "name": "back"})
            await settle(other)
            await settle(realm)
            for one in (realm, other):  # the link that led nowhere
                assert one.object_for_primary_key("Dog", 7).owner.name == "back"
        with Realm(path=tmp_path / "local.realm") as local:
            assert _testbed.objects(local._file) == everything


async def test_beginning_sync_where_others_have_begun(tmp_path: Path) -> None:
    """Copies merge with what is there, as objects of the same keys that were just written."""
    async with world(tmp_path) as w:
        first, second = await w.device(), await w.device()
        async with first.open(schema=[LISTS]) as theirs:
            with theirs.write():
                theirs.create("Dog", {"_id": 1, "name": "theirs", "tags": ["t"]})
            await settle(theirs)
            with Realm(path=tmp_path / "local.realm", schema=[LISTS]) as local:
                with local.write():
                    local.create("Dog", {"_id": 1, "name": "mine", "tags": ["m"]})
                    local.create("Dog", {"_id": 2, "name": "mine"})
                local.write_copy_to(at(tmp_path / "s.realm", second))
            async with Realm.open(at(tmp_path / "s.realm", second, schema=[LISTS])) as mine:
                await settle(mine)
                await settle(theirs)
                for one in (mine, theirs):
                    assert names(one) == {1: "mine", 2: "mine"}
                    assert sorted(one.objects("Dog")[0].tags) == ["m", "t"]


async def test_another_client_of_the_partition(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        device, another = await w.device(), await w.device()
        async with device.open(schema=[LISTS]) as realm:
            with realm.write():
                for key in range(100):
                    realm.create("Dog", {"_id": key, "name": "x" * 1000, "tags": ["a"]})
            await settle(realm)
            config = at(tmp_path / "copy.realm", another, schema=[LISTS])
            realm.write_copy_to(config)
            async with Realm.open(config) as copy:
                with copy.write():
                    copy.objects("Dog")[0].tags.append("copy")
                with realm.write():
                    realm.objects("Dog")[0].tags.append("original")
                for one in (copy, realm, copy):
                    await settle(one)
                assert sorted(copy.objects("Dog")[0].tags) == ["a", "copy", "original"]
                assert _testbed.objects(copy._file) == _testbed.objects(realm._file)
                ours, theirs = _testbed.state(realm._file), _testbed.state(copy._file)
                assert theirs["file_ident"] not in (0, ours["file_ident"])
                assert theirs["downloaded_bytes"] < 1_000  # of 100,000


async def test_changes_that_are_not_uploaded_yet(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        device = await w.device()
        async with device.open() as realm:
            session_of(realm).pause()
            add(realm, 1)
            config = at(tmp_path / "copy.realm", device)
            with pytest.raises(IllegalOperationError, match="All client changes must be integrat"):
                await realm.write_copy_to_async(config)
            session_of(realm).resume()
            await settle(realm)
            await realm.write_copy_to_async(config)
            async with Realm.open(config) as copy:
                assert names(copy) == names(realm)


async def test_of_a_realm_that_was_never_connected(tmp_path: Path) -> None:
    """It uploads its objects itself: a copy that did, too, would double lists."""
    async with world(tmp_path) as w:
        device = await w.device()
        async with w.server_unreachable():
            realm = Realm(device.config())
            add(realm, 1)
            with pytest.raises(IllegalOperationError, match="All client changes must be integrat"):
                realm.write_copy_to(at(tmp_path / "copy.realm", device))
            realm.write_copy_to(path=tmp_path / "local.realm")
        await settle(realm)
        realm.close()


async def test_a_copy_on_another_partition(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        device = await w.device()
        async with device.open() as realm:
            add(realm, 1)
            await settle(realm)
            with pytest.raises(MismatchedConfigError, match='belongs to partition "p"'):
                realm.write_copy_to(at(tmp_path / "copy.realm", device, "q"))
        assert not (tmp_path / "copy.realm").exists()


async def test_moving_a_client(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        device, peer = await w.device(), await w.device()
        async with device.open() as realm:
            add(realm, 1)
            await settle(realm)
            session_of(realm).pause()
            add(realm, 2)  # nobody knows of it yet
            ident = _testbed.state(realm._file)["file_ident"]
            path, config = realm.path, at(tmp_path / "moved.realm", device)
            realm.write_copy_to(config, keep_identity=True)
        await eventually(lambda: not _core.RealmFile.is_open(path), LIMIT)
        Realm.delete_file(device.config())
        async with Realm.open(config) as moved, peer.open() as other:
            await settle(moved)
            await settle(other)
            assert names(moved) == names(other) == {1: "dog 1", 2: "dog 2"}
            assert _testbed.state(moved._file)["file_ident"] == ident


async def test_classes_that_cannot_be_synchronised(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        device = await w.device()
        with Realm(path=tmp_path / "a.realm", schema=[{"name": "Cat", "properties": {}}]) as local:
            with pytest.raises(SchemaValidationError, match="Cat"):
                local.write_copy_to(at(tmp_path / "s.realm", device))
            assert not Realm.exists(path=tmp_path / "s.realm")
            local.write_copy_to(path=tmp_path / "b.realm")
