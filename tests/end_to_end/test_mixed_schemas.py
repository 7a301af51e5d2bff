"""Two devices of different schema and one server: what either creates arrives at the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration, User
from realmsync.testing import ServerProcess

OLD: dict[str, Any] = {
    "name": "T",
    "primaryKey": "_id",
    "properties": {"_id": "int", "title": "string"},
}
NEW: dict[str, Any] = {**OLD, "properties": {**OLD["properties"], "level": "int", "code": "string"}}


def _config(user: User, schema: dict[str, Any]) -> Configuration:
    return Configuration(schema=[schema], sync=SyncConfiguration(user=user, partition_value="p"))


async def test_an_older_client_creates_after_a_newer_one(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server") as server:
        apps = [App("demo", base_url=server.url, base_file_path=tmp_path / name) for name in "on"]
        old_user, new_user = [await app.log_in(Credentials.anonymous()) for app in apps]
        old = await Realm.open(_config(old_user, OLD))
        new = await Realm.open(_config(new_user, NEW))
        with new.write():
            new.create("T", {"_id": 1, "title": "n", "level": 3, "code": "c"})
        await new.sync_session.upload_all_local_changes()
        await old.sync_session.download_all_server_changes()
        with old.write():
            old.create("T", {"_id": 2, "title": "o"})
            old.create_many("T", {"_id": [3, 4], "title": ["p", "q"]})
        await old.sync_session.upload_all_local_changes()
        await new.sync_session.download_all_server_changes()
        assert sorted((t._id, t.title, t.level, t.code) for t in new.objects("T")) == [
            (1, "n", 3, "c"),
            (2, "o", 0, ""),
            (3, "p", 0, ""),
            (4, "q", 0, ""),
        ]
        assert sorted((t._id, t.title) for t in old.objects("T")) == [
            (1, "n"),
            (2, "o"),
            (3, "p"),
            (4, "q"),
        ]
        for realm in (old, new):
            realm.close()
        for app in apps:
            await app.close()
