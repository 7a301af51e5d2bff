"""Folders are broken, mended and extended while clients write all the time: nobody who is not
concerned notices (app-configuration.md 14 item 5)."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app_folders import write_app
from devices import DOG, LIMIT, add, session_of, world
from eventually import eventually
from realmsync import App, Configuration, Credentials, Realm, SyncConfiguration, SyncSession, User
from realmsync.errors import SyncError
from realmsync.server.apps.sources import AppFolder


def document(title: str, **properties: Any) -> dict[str, Any]:
    all_ = {"_id": {"bsonType": "long"}, "name": {"bsonType": "string"}, **properties}
    return {"title": title, "bsonType": "object", "required": [*all_], "properties": all_}


class Folder:
    """An app of two classes, Dog, which stays, and Boat; each call is an edit of its operator."""

    def __init__(self, path: Path, app_id: str) -> None:
        self.source = AppFolder(path)
        self._id = app_id
        self._served = 0  # properties of Boat that have been taken
        self.mended()

    def mended(self, boat: dict[str, Any] | None = None, read: Any = True) -> bool:
        partition = {"key": "owner", "type": "string", "permissions": {"read": read, "write": True}}
        path = self.source.path
        write_app(path, app_id=self._id, schema=document("Dog"), sync={"partition": partition})
        place = path / "data_sources" / "cluster" / "db" / "boats"
        place.mkdir(exist_ok=True)
        extra = {f"extra{n}": {"bsonType": "long"} for n in range(self._served)}
        (place / "schema.json").write_text(json.dumps(boat or document("Boat", **extra)))
        return True

    def extended(self) -> bool:
        self._served += 1
        return self.mended()

    def with_other_rules(self) -> bool:
        return self.mended(read={"%or": [{"%%user.type": "normal"}, {"%%partition": "p"}]})

    def with_a_fault(self) -> bool:
        """The class is left out, which clients could not follow."""
        self.mended(document("Boat", name={"bsonType": "minKey"}))
        return False

    def without_the_class(self) -> bool:
        self.mended()
        (self.source.path / "data_sources" / "cluster" / "db" / "boats" / "schema.json").unlink()
        return False

    def broken(self) -> bool:
        self.mended()
        (self.source.path / "sync" / "config.json").write_text("{")
        return False

    def with_another_key(self) -> bool:
        self.mended()
        path = self.source.path / "sync" / "config.json"
        path.write_text(path.read_text().replace('"owner"', '"team"'))
        return False

    @property
    def edits(self) -> list[Callable[[], bool]]:
        """Each says whether the server takes it."""
        return [
            self.mended,
            self.extended,
            self.with_other_rules,
            self.with_a_fault,
            self.without_the_class,
            self.broken,
            self.with_another_key,
        ]


class Writer:
    """A client that writes a dog after the other, and what it notices."""

    def __init__(self, user: User, first_key: int) -> None:
        self.user = user
        self.errors: list[SyncError] = []
        self.lost_connections = 0
        self.keys: list[int] = []  # acknowledged
        self._next = first_key
        self._stop = False

    def config(self) -> Configuration:
        def note(_: SyncSession, error: SyncError) -> None:
            self.errors.append(error)

        sync = SyncConfiguration(user=self.user, partition_value="p", on_error=note)
        return Configuration(schema=[DOG], sync=sync)

    async def run(self) -> None:
        async with await Realm.open(self.config()) as realm:
            session = session_of(realm)
            token = session.add_connection_notification(lambda *_: self._note_connection())
            ident = session.file_ident
            while not self._stop:
                add(realm, self._next)
                assert await session.upload_all_local_changes(LIMIT)
                self.keys.append(self._next)
                self._next += 1
            assert session.file_ident == ident
            assert await session.download_all_server_changes(LIMIT)
            session.remove_connection_notification(token)

    def _note_connection(self) -> None:
        self.lost_connections += 1

    def stop(self) -> None:
        self._stop = True


async def test_nobody_notices_who_is_not_concerned(tmp_path: Path) -> None:
    chance = random.Random(12)
    folders = [Folder(tmp_path / name, name) for name in ("app", "other-abcde")]
    sources = tuple(folder.source for folder in folders)
    async with world(tmp_path, app_folders=sources) as at:
        other = App("other-abcde", base_url=at.server.url, base_file_path=tmp_path / "other-device")
        at.apps.append(other)
        users = [(await at.device()).user for _ in range(2)]
        users.append(await other.log_in(Credentials.anonymous()))
        writers = [Writer(user, number << 20) for number, user in enumerate(users)]
        running = [asyncio.create_task(writer.run()) for writer in writers]

        async def each_writes(times: int) -> None:
            goals = [len(writer.keys) + times for writer in writers]
            await eventually(
                lambda: (
                    any(task.done() for task in running)
                    or all(len(w.keys) >= goal for w, goal in zip(writers, goals, strict=True))
                ),
                LIMIT,
            )

        await each_writes(1)
        for edit in chance.sample(folders[0].edits + folders[1].edits, 14):
            expected = {id(folder): True for folder in folders}
            expected[id(edit.__self__)] = edit()  # type: ignore[attr-defined]
            reports = await at.server.reload()
            served = [report.is_served for report in reports]
            assert served == [expected[id(folder)] for folder in folders], str(reports)
            for folder in folders:
                folder.mended()
            await each_writes(2)
        for writer in writers:
            writer.stop()
        await asyncio.wait_for(asyncio.gather(*running), LIMIT)
        for writer in writers:
            assert writer.errors == [] and writer.lost_connections == 0
            assert writer.user.is_logged_in
            await writer.user.refresh_custom_data()
        async with (await at.device()).open() as realm:
            found = {dog._id for dog in realm.objects("Dog")}
            assert found == {*writers[0].keys, *writers[1].keys}
