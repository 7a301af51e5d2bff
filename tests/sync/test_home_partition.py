"""A realm file belongs to one partition: its changes never go to another (client-session.md 7.4).

A server would refuse the file with 209 and ask for a client reset, which would recover what was not
uploaded into the partition that it was not written for.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from devices import DOG, LIMIT, Device, add, session_of, world
from realmsync import Configuration, MismatchedConfigError, Realm, _testbed
from realmsync.errors import WrongTransactionStateError

REFUSAL = r"a\.realm' belongs to partition \"p\" and cannot be opened with \"q\""


def at_path(device: Device, partition: Any, path: Path, **settings: Any) -> Configuration:
    sync = device.config(partition, **settings).sync
    return Configuration(path=path, schema=[DOG], sync=sync)


async def test_another_partition_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    async with world(tmp_path) as at:
        device, reader = await at.device(), await at.device()
        async with Realm.open(at_path(device, "p", path)) as realm:
            await session_of(realm).upload_all_local_changes(LIMIT)
            session_of(realm).pause()
            add(realm, 1)  # and is not sent
        for way in (Realm, Realm.open):
            with pytest.raises(MismatchedConfigError, match=REFUSAL):
                await way(at_path(device, "q", path))
        assert not device.app.sync.has_existing_sessions
        async with reader.open("q") as other:
            await session_of(other).download_all_server_changes(LIMIT)
            assert len(other.objects("Dog")) == 0
        async with Realm.open(at_path(device, "p", path)) as realm:
            assert await session_of(realm).upload_all_local_changes(LIMIT)
        async with reader.open("p") as other:
            assert len(other.objects("Dog")) == 1


async def test_no_copy_is_made_for_another_one(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with Realm.open(at_path(device, "p", tmp_path / "a.realm")) as realm:
            await session_of(realm).upload_all_local_changes(LIMIT)
            await session_of(realm).download_all_server_changes(LIMIT)
            for keep in (False, True):
                with pytest.raises(MismatchedConfigError, match=REFUSAL):
                    other = at_path(device, "q", tmp_path / "copy")
                    realm.write_copy_to(other, keep_identity=keep)
            assert not Realm.exists(path=tmp_path / "copy")
            realm.write_copy_to(at_path(device, "p", tmp_path / "copy"))


async def test_also_when_it_was_never_connected(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    async with world(tmp_path) as at:
        device = await at.device()
        async with at.server_unreachable():
            with Realm(at_path(device, "p", path)) as realm:
                add(realm, 1)
            with pytest.raises(MismatchedConfigError, match=REFUSAL):
                Realm(at_path(device, "q", path))


async def test_what_a_file_of_no_partition_becomes(tmp_path: Path) -> None:
    """A local realm, and a file of an older version, belong to the first partition they meet."""
    path = tmp_path / "a.realm"
    with Realm(path=path, schema=[DOG]) as realm:
        add(realm, 1)
    with contextlib.closing(sqlite3.connect(path)) as older:
        older.execute("DROP TABLE rs_home_partition")
    async with world(tmp_path) as at:
        device = await at.device()
        async with Realm.open(at_path(device, "p", path)) as realm:
            assert await session_of(realm).upload_all_local_changes(LIMIT)
        with pytest.raises(MismatchedConfigError, match=REFUSAL):
            Realm(at_path(device, "q", path))
        with Realm(path=path) as realm:  # as a local realm it may be read as ever
            assert len(realm.objects("Dog")) == 1


@pytest.mark.parametrize("value", [None, 7, "7"])
async def test_values_are_told_apart_by_type(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    async with world(tmp_path) as at:
        device = await at.device()
        Realm(at_path(device, value, path)).close()
        Realm(at_path(device, value, path)).close()
        for other in [one for one in (None, 7, "7", 8) if one != value]:
            with pytest.raises(MismatchedConfigError, match="belongs to partition"):
                Realm(at_path(device, other, path))


async def test_who_writes_the_file_itself_does_not_wait_for_that(tmp_path: Path) -> None:
    path = tmp_path / "a.realm"
    async with world(tmp_path) as at:
        device = await at.device()
        refused = pytest.raises(WrongTransactionStateError)
        with Realm(path=path, schema=[DOG]) as local, local.write(), refused:
            Realm(at_path(device, "p", path))


def test_a_client_reset_keeps_it(tmp_path: Path) -> None:
    with Realm(path=tmp_path / "a.realm", schema=[DOG]) as realm:
        file = realm._file
        assert file.claim_partition('"p"') == file.claim_partition('"q"') == '"p"'
        with Realm(path=tmp_path / "fresh.realm", schema=[DOG]) as fresh:
            _testbed.store_ident(fresh._file, 3, 33)
            file.reset(fresh._file, "discardUnsyncedChanges")
        assert file.claim_partition('"q"') == '"p"'
