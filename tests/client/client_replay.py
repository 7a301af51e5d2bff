"""The server's side of recorded SDK conversations, played to our client: it sends what the SDK did.

Local writes are replayed at the versions that the recording gives them; a DOWNLOAD or IDENT makes
the next version after the writes that came before it. `Replay` keeps files in memory and commits
the recorded bytes; `RealmReplay` makes the writes through the public API on a realm file, which
merges what is downloaded.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import pytest

import realmsync
import realmsync.model.realm
import realmsync.model.write
from client_driver import Client, File, numbers, upload_entries, words
from realmsync import _core, _testbed
from realmsync.inspect import decode_changeset
from recorded import SDK_SCHEMA, Frame, sdk_objects


class Replay:
    """One recorded client and the partitions it opened."""

    def __init__(self, lines: list[tuple[str, bytes]]) -> None:
        self.lines = lines
        self.client = Client()
        self.partitions: dict[int, str] = {}  # by session ident
        self.files: dict[str, File] = {}
        self.marks: dict[int, int] = {}
        self.writes: dict[str, dict[int, tuple[int, bytes]]] = {}
        self.sent: list[bytes] = []
        for kind, message in lines:
            if kind == "c2s" and message.startswith(b"bind"):
                self.partitions[numbers(message)[0]] = message.partition(b"\n")[2].decode()
            elif kind == "c2s" and message.startswith(b"upload"):
                writes = self.writes.setdefault(self.partitions[numbers(message)[0]], {})
                for version, _, timestamp, changeset in upload_entries(message):
                    writes[version] = (timestamp, changeset)

    def open(self, partition: str) -> File:
        return self.client.open(partition)

    def version(self, partition: str) -> int:
        return int(self.files[partition].state()["version"])

    def commit(self, partition: str, changeset: bytes, timestamp: int) -> None:
        self.files[partition].commit(changeset, timestamp)

    def write(self, partition: str, up_to: int | None = None) -> None:
        """Makes the local writes that come next, or all up to a version."""
        writes = self.writes.get(partition, {})
        while True:
            version = self.version(partition) + 1
            if version not in writes or (up_to is not None and version > up_to):
                return
            timestamp, changeset = writes[version]
            self.commit(partition, changeset, timestamp)
            assert self.version(partition) == version
            self.client.run()

    def first_mark(self, session: int) -> int:
        sent = (numbers(m) for kind, m in self.lines if kind == "c2s" and m.startswith(b"mark"))
        return next((request for at, request in sent if at == session), 1)

    def wait_up_to(self, session: int, request: int) -> None:
        for _ in range(request - self.marks[session]):
            self.client.wait(self.files[self.partitions[session]], "download")
        self.marks[session] = request

    def before_sending(self, message: bytes) -> None:
        """What the application did that made the SDK send this."""
        client, kind = self.client, words(message)[0]
        if kind == "ping":
            client.runtime.reconnect(next(iter(self.files.values())).id)
            client.run()
            return
        session = numbers(message)[0]
        partition = self.partitions[session]
        if kind == "bind":
            self.marks[session] = 1
            if partition not in self.files:
                self.files[partition] = self.open(partition)
                self.wait_up_to(session, self.first_mark(session))  # opened by downloading
                if len(client.sockets) == 1 and len(self.files) == 1:
                    client.connect()
            else:
                client.runtime.resume(self.files[partition].id)
                client.run()
        elif kind == "unbind":
            client.runtime.pause(self.files[partition].id)
            client.run()
        elif kind == "mark":
            self.wait_up_to(session, numbers(message)[1])
        elif kind == "upload":
            entries = upload_entries(message)
            if entries:
                self.write(partition, entries[-1][0])

    def answer(self, message: bytes) -> None:
        kind, values = words(message)[0], numbers(message)
        if kind in ("ident", "download"):
            self.write(self.partitions[values[0]])
        if kind == "pong":
            sent = next(m for m in reversed(self.sent) if m.startswith(b"ping"))
            message = b"pong %d\n" % numbers(sent)[0]
        self.client.receive(message)
        assert not self.client.closed, message

    def run(self) -> None:
        for kind, message in self.lines:
            if kind == "c2s":
                self.before_sending(message)
            self.sent += self.client.take()
            if kind == "s2c" and self.files:  # before: the log message of the upgrade
                self.answer(message)
        self.sent += self.client.take()


class RealmReplay(Replay):
    """The same on a realm file. The first write is the schema."""

    def __init__(self, frames: list[Frame], path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__([("c2s" if frame.sent else "s2c", frame.data) for frame in frames])
        self.path = path
        self.now = 0
        self.realm: realmsync.Realm | None = None
        monkeypatch.setattr(realmsync.model.write, "now", lambda: self.now)

    def open(self, partition: str) -> File:
        if self.writes.get(partition):
            self.close()
            self.realm = self.with_schema(partition)
        return self.client.open(partition, store=_core.RealmFile.open(str(self.path)))

    def close(self) -> None:
        if self.realm is not None:
            self.realm.close()

    def with_schema(self, partition: str) -> realmsync.Realm:
        self.now = self.writes[partition][2][0]
        return realmsync.Realm(path=self.path, schema=SDK_SCHEMA)

    def version(self, partition: str) -> int:
        return int(_testbed.state(self.files[partition].store)["version"])

    def commit(self, partition: str, changeset: bytes, timestamp: int) -> None:
        self.now = timestamp
        assert self.realm is not None
        with self.realm.write():
            perform(self.realm, deque(decode_changeset(changeset)))

    def objects(self) -> dict[str, list[dict[str, Any]]]:
        with realmsync.Realm(path=self.path, schema=SDK_SCHEMA) as realm:
            return sdk_objects(realm)


def perform(realm: realmsync.Realm, instructions: deque[dict[str, Any]]) -> None:
    """Does to the realm what an application did to cause these instructions."""
    while instructions:
        first = instructions.popleft()
        table, key = first["table"], first["pk"]["v"]
        if first["op"] == "CreateObject":
            values: dict[str, Any] = {"_id": key}
            while instructions and (instructions[0]["table"], instructions[0]["pk"]["v"]) == (
                table,
                key,
            ):
                fill(values, instructions.popleft())
            realm.create(table, values)
            continue
        target = realm.object_for_primary_key(table, key)
        if first["op"] == "EraseObject":
            realm.delete(target)
            continue
        *path, last = [first["field"], *first["path"]]
        for step in path:
            target = getattr(target, step) if hasattr(target, str(step)) else target[step]
        value = first.get("value", {}).get("v")
        match first["op"]:
            case "Update" if hasattr(target, str(last)):
                setattr(target, last, value)
            case "Update":
                target[last] = value
            case "ArrayInsert":
                target.insert(last, value)
            case "ArrayErase":
                del target[last]
            case "Clear":
                getattr(target, last).clear()
            case "SetInsert":
                getattr(target, last).add(value)
            case "SetErase":
                getattr(target, last).discard(value)


def fill(values: dict[str, Any], instruction: dict[str, Any]) -> None:
    """Adds to the values of a new object what this instruction does to it."""
    field, value = instruction["field"], instruction["value"].get("v")
    match instruction["op"], instruction["path"]:
        case "Update", []:
            values[field] = value
        case "Update", [str(key)]:
            values.setdefault(field, {})[key] = value
        case "Update", [int(index), str(name)]:
            values[field][index][name] = value
        case "ArrayInsert", [index]:
            is_embedded = instruction["value"]["t"] == "object_value"
            values.setdefault(field, []).insert(index, {} if is_embedded else value)
        case "SetInsert", []:
            values.setdefault(field, []).append(value)
