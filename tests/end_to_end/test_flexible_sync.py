"""Flexible sync between this server and this client: subscriptions, roles, compensating writes.

Specification: flexible-sync.md 3, 7, 9 and 10, app-configuration.md 5.2.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import realmsync
from app_folders import write_app
from devices import LIMIT, Device, World, session_of, world
from eventually import eventually
from realmsync import (
    ClientResetConfiguration,
    CompensatingWriteError,
    Realm,
    SubscriptionError,
    SubscriptionSetState,
    SyncConfiguration,
)
from realmsync.server.admin.document import EVERYTHING
from realmsync.server.apps.sources import AppFolder

COMPLETE = SubscriptionSetState.COMPLETE
TASK = {
    "title": "Task",
    "bsonType": "object",
    "required": ["_id", "owner_id", "text", "size"],
    "properties": {
        "_id": {"bsonType": "long"},
        "owner_id": {"bsonType": "string"},
        "text": {"bsonType": "string"},
        "size": {"bsonType": "long"},
    },
}
OWN = {"owner_id": "%%user.id"}
HALF = 10_000  # objects


class Task(realmsync.Object):
    _id: int = realmsync.primary_key()
    owner_id: str
    text: str = ""
    size: int = 0


MEASUREMENT = {
    "name": "Measurement",
    "asymmetric": True,
    "primaryKey": "_id",
    "properties": {"_id": "int", "value": "double"},
}


def write(tmp_path: Path, read: Any = True, write: Any = True, **sync: Any) -> AppFolder:
    """An app of flexible sync with one role for everybody."""
    sync = {
        "type": "flexible",
        "partition": {},
        "queryable_fields_names": ["owner_id", "size"],
        **sync,
    }
    role = EVERYTHING | {"document_filters": {"read": read, "write": write}}
    folder = tmp_path / "app"
    return AppFolder(write_app(folder, app_id="app", schema=TASK, sync=sync, default_roles=[role]))


@contextlib.asynccontextmanager
async def serving(tmp_path: Path, *filters: Any, **sync: Any) -> AsyncIterator[World]:
    async with world(tmp_path, app_folders=(write(tmp_path, *filters, **sync),)) as at:
        yield at


def all_tasks(subscriptions: Any, realm: Realm) -> None:
    subscriptions.add(realm.objects(Task), name="all")


def opening(device: Device, initial: Any = all_tasks, schema: Any = (Task,), **more: Any) -> Any:
    sync = SyncConfiguration(user=device.user, flexible=True, initial_subscriptions=initial, **more)
    return Realm.open({"schema": list(schema), "sync": sync})


def keys(realm: Realm) -> list[int]:
    return sorted(task._id for task in realm.objects("Task"))


def add(realm: Realm, owner: str, *ids: int, **values: Any) -> None:
    with realm.write():
        for each in ids:
            realm.create(Task, {"_id": each, "owner_id": owner, **values})


async def settle(*realms: Realm) -> None:
    for realm in realms:
        assert await session_of(realm).upload_all_local_changes(LIMIT)
    for realm in realms:
        assert await session_of(realm).download_all_server_changes(LIMIT)


async def test_subscriptions_come_change_and_go(tmp_path: Path) -> None:
    async with serving(tmp_path) as at:
        one, two = await at.device(), await at.device()

        def small(subscriptions: Any, realm: Realm) -> None:
            subscriptions.add(realm.objects(Task).where(Task.size < 10), name="small")

        async with opening(one) as author:
            add(author, "a", 1, 2, 3, size=5)
            add(author, "a", 4, 5, size=50)
            await settle(author)
            async with opening(two, small) as reader:
                assert reader.subscriptions.state is COMPLETE and reader.subscriptions.version == 1
                assert keys(reader) == [1, 2, 3]
                async with reader.subscriptions.update() as updated:
                    updated.add(reader.objects(Task).where(Task.size > 20))
                assert keys(reader) == [1, 2, 3, 4, 5]
                async with reader.subscriptions.update() as updated:
                    updated.remove_by_name("small")
                assert keys(reader) == [4, 5]
                found = await reader.objects(Task).filtered("size == 5").subscribe()
                assert keys(reader) == [1, 2, 3, 4, 5]
                found.unsubscribe()
                await reader.subscriptions.wait_for_synchronization(LIMIT)
                assert keys(reader) == [4, 5]


async def test_objects_enter_and_leave_by_edits_of_others(tmp_path: Path) -> None:
    async with serving(tmp_path) as at:

        def small(subscriptions: Any, realm: Realm) -> None:
            subscriptions.add(realm.objects(Task).where(Task.size < 10))

        async with (
            opening(await at.device()) as author,
            opening(await at.device(), small) as reader,
        ):
            add(author, "a", 1, 2, size=5, text="x")
            add(author, "a", 3, size=50, text="y")
            await eventually(lambda: keys(reader) == [1, 2], LIMIT)
            with author.write():
                for task in author.objects(Task):
                    task.size = 55 - task.size
            await eventually(lambda: keys(reader) == [3], LIMIT)
            assert reader.objects(Task)[0].text == "y"
            with author.write():
                author.delete(author.objects(Task).where(Task._id == 3))
                author.objects(Task).where(Task._id == 1)[0].size = 1
            await eventually(lambda: keys(reader) == [1], LIMIT)
            # what the reader moves out of its own view is kept
            with reader.write():
                reader.objects(Task)[0].size = 77
            await settle(reader, author)
            assert keys(reader) == []
            assert {t._id: t.size for t in author.objects(Task)} == {1: 77, 2: 50}


async def test_each_user_sees_its_own(tmp_path: Path) -> None:
    async with serving(tmp_path, OWN, OWN) as at:
        ada, eve = await at.device(), await at.device()
        async with opening(ada) as hers, opening(eve) as theirs:
            add(hers, ada.user.id, 1, 2)
            add(theirs, eve.user.id, 3)
            await settle(hers, theirs)
            assert keys(hers) == [1, 2] and keys(theirs) == [3]
            with hers.write():  # it is given away
                hers.objects(Task).where(Task._id == 2)[0].text = "given"
            await settle(hers, theirs)
            assert keys(hers) == [1, 2] and keys(theirs) == [3]


async def test_what_is_not_allowed_is_taken_back_and_told_once(tmp_path: Path) -> None:
    async with serving(tmp_path, True, OWN) as at:
        ada, eve = await at.device(), await at.device()
        told: list[tuple[Any, list[int]]] = []
        realms: list[Realm] = []

        def on_error(_: Any, error: Any) -> None:
            told.append((error, keys(realms[0])))

        async with opening(eve) as theirs, opening(ada, on_error=on_error) as hers:
            realms.append(hers)
            add(theirs, eve.user.id, 7, text="mine")
            await settle(theirs, hers)
            with hers.write():
                hers.create(Task, {"_id": 1, "owner_id": ada.user.id})
                hers.create(Task, {"_id": 2, "owner_id": eve.user.id})
                hers.objects(Task).where(Task._id == 7)[0].text = "yours"
            await eventually(lambda: bool(told), LIMIT)
            await settle(hers, theirs)
            assert keys(hers) == keys(theirs) == [1, 7]
            assert [t.text for t in hers.objects(Task) if t._id == 7] == ["mine"]
            at.cut()
            await settle(hers, theirs)
            assert len(told) == 1
            error, seen = told[0]
            assert isinstance(error, CompensatingWriteError) and seen == [1, 7]
            assert sorted((w.object_name, w.primary_key) for w in error.writes) == [
                ("Task", 2),
                ("Task", 7),
            ]
            assert all(write.reason for write in error.writes)


async def test_a_bootstrap_of_many(tmp_path: Path) -> None:
    async with serving(tmp_path) as at:
        async with opening(await at.device()) as author:
            for first in (0, HALF):
                ids = list(range(first, first + HALF))
                columns = {"_id": ids, "owner_id": ["a"] * HALF, "text": ["t"] * HALF, "size": ids}
                author.create_many(Task, columns)
            await settle(author)
        async with opening(await at.device()) as reader:
            assert len(reader.objects(Task)) == 2 * HALF
            async with reader.subscriptions.update() as updated:
                updated.add(reader.objects(Task).where(Task.size < HALF), name="all")
            assert len(reader.objects(Task)) == HALF


async def test_many_enter_at_once(tmp_path: Path) -> None:
    """More than the server sends in one message: it comes as a bootstrap that nobody asked for."""
    async with serving(tmp_path) as at:

        def small(subscriptions: Any, realm: Realm) -> None:
            subscriptions.add(realm.objects(Task).where(Task.size < 10))

        async with (
            opening(await at.device()) as author,
            opening(await at.device(), small) as reader,
        ):
            ids = list(range(HALF))
            columns = {"_id": ids, "owner_id": ["a"] * HALF, "text": ["t" * 800] * HALF}
            author.create_many(Task, {**columns, "size": [50] * HALF})
            await settle(author)
            author.create_many(Task, {"_id": ids, "size": [5] * HALF}, mode="modified")
            add(reader, "a", HALF, size=1)
            await settle(author, reader)
            await eventually(lambda: len(keys(reader)) == HALF + 1, LIMIT)
            assert reader.subscriptions.state is COMPLETE and reader.subscriptions.version == 1
            with author.write():
                author.objects(Task).where(Task._id == 7)[0].text = "edited"
            await settle(author, reader)
            assert reader.objects(Task).where(Task._id == 7)[0].text == "edited"


async def test_offline_edits(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as at,
        opening(await at.device()) as one,
        opening(await at.device()) as two,
    ):
        add(one, "a", 1, 2)
        await settle(one, two)
        async with at.server_unreachable():
            at.cut()
            add(one, "a", 3)
            add(two, "a", 4)
            with two.write():
                two.objects(Task).where(Task._id == 1)[0].text = "edited"
                two.delete(two.objects(Task).where(Task._id == 2))
            one.subscriptions.update_no_wait(
                lambda s: s.add(one.objects(Task).where(Task.size == 3))
            )
        await settle(one, two)
        await settle(one, two)
        assert keys(one) == keys(two) == [1, 3, 4]
        assert one.objects(Task).where(Task._id == 1)[0].text == "edited"
        assert one.subscriptions.state is COMPLETE


async def test_a_refused_query(tmp_path: Path) -> None:
    async with serving(tmp_path) as at, opening(await at.device()) as realm:
        add(realm, "a", 1)
        with pytest.raises(SubscriptionError, match="text"):
            async with realm.subscriptions.update() as updated:
                updated.add(realm.objects(Task).where(Task.text == "x"))
        assert realm.subscriptions.state is SubscriptionSetState.ERROR
        await settle(realm)
        assert keys(realm) == [1]
        await realm.subscriptions.update(lambda updated: updated.remove_all())
        assert realm.subscriptions.state is COMPLETE and keys(realm) == []


async def test_asymmetric_objects_go_and_do_not_come_back(tmp_path: Path) -> None:
    async with serving(tmp_path, development_mode_enabled=True) as at:
        schema = (Task, MEASUREMENT)
        one, two = await at.device(), await at.device()
        async with opening(one, schema=schema) as realm, opening(two, schema=schema) as other:
            realm.create_many("Measurement", {"_id": list(range(1000)), "value": [0.5] * 1000})
            with realm.write():
                assert realm.create("Measurement", {"_id": 1000, "value": 1.0}) is None
                realm.create(Task, {"_id": 1, "owner_id": "a"})
            await settle(realm, other)
            assert keys(realm) == keys(other) == [1]


@pytest.mark.parametrize("recovers", [True, False])
async def test_a_client_reset(tmp_path: Path, recovers: bool) -> None:
    mode: Any = "recoverUnsyncedChanges" if recovers else "discardUnsyncedChanges"
    done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
    reset = ClientResetConfiguration(
        mode=mode, on_after=lambda _, after: done.set_result(keys(after))
    )
    async with serving(tmp_path) as at:
        one = await at.device()
        async with opening(one, client_reset=reset) as realm, opening(await at.device()) as other:
            add(realm, "a", 1)
            await settle(realm, other)
            session = session_of(realm)
            session.pause()
            add(realm, "a", 2)
            add(other, "a", 3)
            await settle(other)
            session.resume()
            one.fail(realm, 208, "reset", "ClientReset")
            kept = await asyncio.wait_for(done, LIMIT)
            assert {1, 3} <= set(kept)
            await settle(realm, other)
            assert realm.subscriptions.state is COMPLETE and len(realm.subscriptions) == 1
            add(realm, "a", 4)
            await settle(realm, other)
            assert keys(realm) == keys(other)


async def test_a_role_that_changes_while_connected(tmp_path: Path) -> None:
    async with serving(tmp_path, True, True) as at:
        ada = await at.device()
        async with opening(ada) as hers, opening(await at.device()) as theirs:
            add(hers, ada.user.id, 1)
            add(theirs, "x", 2)
            await settle(hers, theirs)
            await settle(hers)
            assert keys(hers) == [1, 2]
            write(tmp_path, OWN, OWN)
            await at.server.reload()
            await eventually(lambda: keys(hers) == [1] and keys(theirs) == [], LIMIT)
            write(tmp_path, True, OWN)
            await at.server.reload()
            await eventually(lambda: keys(hers) == keys(theirs) == [1, 2], LIMIT)
            add(hers, ada.user.id, 3)
            await eventually(lambda: keys(theirs) == [1, 2, 3], LIMIT)
