"""`realmsync check --data`: what a server on the data directory would find beside the folder's own
faults (app-configuration.md 7.7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from app_folders import TASK, write_app
from devices import LIMIT, session_of, world
from realmsync import Configuration, Realm, SyncConfiguration
from realmsync.cli import main
from realmsync.server.admin.document import EVERYTHING
from realmsync.server.apps.sources import AppFolder

MODEL = {"name": "Task", "primaryKey": "_id", "properties": {"_id": "objectId", "text": "string?"}}


def write(tmp_path: Path, schema: Any = TASK, *queryable: str, **sync: Any) -> Path:
    """An app of flexible sync, unless something else is said."""
    fields = {"queryable_fields_names": [*queryable]} if queryable else {}
    sync = {"type": "flexible", "partition": {}, **fields, **sync}
    folder = tmp_path / "app"
    return write_app(folder, app_id="app", schema=schema, sync=sync, default_roles=[EVERYTHING])


async def serve(tmp_path: Path, folder: Path) -> None:
    """A run of the server with one client."""

    def subscribe(subscriptions: Any, realm: Realm) -> None:
        subscriptions.add(realm.objects("Task"))

    async with world(tmp_path, app_folders=(AppFolder(folder),)) as at:
        device = await at.device()
        sync = SyncConfiguration(user=device.user, flexible=True, initial_subscriptions=subscribe)
        async with await Realm.open(Configuration(schema=[MODEL], sync=sync)) as realm:
            await session_of(realm).upload_all_local_changes(LIMIT)
        assert "in use by another server" in check(folder, tmp_path / "server").output


def check(folder: Path, *data: Path) -> Result:
    options = [word for path in data for word in ("--data", str(path))]
    return CliRunner().invoke(main, ["check", str(folder), *options])


async def test_changes_that_clients_cannot_follow(tmp_path: Path) -> None:
    await serve(tmp_path, write(tmp_path, TASK, "text"))
    data = tmp_path / "server"
    assert check(write(tmp_path, TASK, "text"), data).exit_code == 0

    folder = write(tmp_path, {**TASK, "title": "Note"}, "text")
    assert check(folder).exit_code == 0
    result = check(folder, data)
    assert result.exit_code == 1 and "schema.breaking  data_sources/cluster" in result.output
    assert "class Task is gone" in result.output

    result = check(write_app(tmp_path / "app", app_id="app"), data)
    assert result.exit_code == 1 and "sync was flexible and is partition" in result.output

    result = check(write(tmp_path, TASK), data)
    assert result.exit_code == 0 and "sync.queryable  sync/config.json" in result.output
    assert "text is queryable no more" in result.output


def test_an_app_that_the_data_directory_has_not(tmp_path: Path) -> None:
    result = check(write(tmp_path), tmp_path)
    assert result.exit_code == 1 and "Error: there is no app 'app'" in result.output


def test_the_indexed_field_is_told(tmp_path: Path) -> None:
    schema = {**TASK, "required": ["_id", "text"]}
    folder = write(tmp_path, schema, "text", indexed_queryable_fields_names=["text"])
    assert "indexed    text: every subscription names values of it" in check(folder).output
    assert "read    all objects" in check(folder).output
