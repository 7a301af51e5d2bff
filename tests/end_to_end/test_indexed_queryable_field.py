"""The indexed queryable field of an app: subscriptions to its values do not look at all objects
(app-configuration.md 4.2; flexible-sync.md 17.5)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app_folders import write_app
from devices import LIMIT, session_of, world
from realmsync import Configuration, Realm, SyncConfiguration
from realmsync.errors import SubscriptionError
from realmsync.server.admin.document import EVERYTHING
from realmsync.server.apps.sources import AppFolder

TASK = {
    "title": "Task",
    "bsonType": "object",
    "required": ["_id", "owner"],
    "properties": {"_id": {"bsonType": "long"}, "owner": {"bsonType": "string"}},
}
MODEL = {"name": "Task", "primaryKey": "_id", "properties": {"_id": "int", "owner": "string"}}
SYNC = {
    "type": "flexible",
    "partition": {},
    "queryable_fields_names": ["owner"],
    "indexed_queryable_fields_names": ["owner"],
}


def how(database: Path) -> str:
    """SQLite's plan for the objects of one owner."""
    with closing(sqlite3.connect(database)) as connection:
        table = "SELECT sql_table FROM rs_table WHERE class = 'Task'"
        (name,) = connection.execute(table).fetchone()
        query = f'SELECT _id FROM "{name}" WHERE "rs$partition" = 1 AND owner = ?'
        return str(connection.execute(f"EXPLAIN QUERY PLAN {query}", ("ann",)).fetchone()[3])


async def test_it_has_an_index_in_the_tables(tmp_path: Path) -> None:
    def own(subscriptions: Any, realm: Realm) -> None:
        tasks = realm.objects("Task")  # several of a class stand beside each other
        subscriptions.add(tasks.filtered("owner == 'ann'"))
        subscriptions.add(tasks.filtered("owner == 'bob' OR (_id > 5 AND owner IN {'eve', 'kim'})"))

    roles = [EVERYTHING]
    folder = write_app(tmp_path / "app", app_id="app", schema=TASK, sync=SYNC, default_roles=roles)
    async with world(tmp_path, app_folders=(AppFolder(folder),)) as at:
        device = await at.device()
        sync = SyncConfiguration(user=device.user, flexible=True, initial_subscriptions=own)
        async with await Realm.open(Configuration(schema=[MODEL], sync=sync)) as realm:
            realm.write(lambda: realm.create("Task", {"_id": 1, "owner": "ann"}))
            await session_of(realm).upload_all_local_changes(LIMIT)
            assert [task._id for task in realm.objects("Task")] == [1]
            with pytest.raises(
                SubscriptionError, match="owner == .* or owner IN .*, alone or join"
            ):
                await realm.subscriptions.update(lambda s: s.add(realm.objects("Task")))
    database = tmp_path / "server" / "sync" / "apps" / "app" / "partitions.sqlite"
    assert "(rs$partition=? AND owner=?)" in how(database)
