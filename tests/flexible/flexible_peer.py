"""A client of flexible sync without sockets: what an SDK sends and keeps, and checks on every
message what would end a real one (flexible-sync.md sections 0, 3.4, 5, 7).

Its copy is a peer of the merge engine, so that local changes meet downloads as they do in a realm.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from realmsync import _core
from server_driver import APP, Server

Message = dict[str, Any]
SESSION = 1


def body_of(queries: dict[str, str]) -> bytes:
    """The body of a QUERY: one text for each class."""
    return json.dumps(queries, separators=(",", ":"), sort_keys=True).encode()


def changeset(*instructions: dict[str, Any]) -> bytes:
    return _core.encode_instructions(list(instructions))


@dataclass
class Rejection:
    """What a 231 says."""

    version: int
    client_version: int
    updates: list[dict[str, str]]


@dataclass
class FlexibleClient:
    """One client file, its copy and its session, over any number of connections."""

    server: Server
    user: str = "user"
    version: int = 14
    file: tuple[int, int] | None = None
    peer: _core.MergePeer | None = None
    connection: int | None = None
    download: tuple[int, int] = (0, 0)
    latest: tuple[int, int] = (0, 0)
    upload_cursor: tuple[int, int] = (0, 0)  # acknowledged
    base: int = 0  # server version that is integrated
    active: tuple[int, bytes] = (0, b"{}")
    asked: dict[int, bytes] = field(default_factory=dict)  # query sets by version
    completed: list[int] = field(default_factory=list)  # query versions whose bootstrap is in
    refused: dict[int, str] = field(default_factory=dict)
    marks: list[int] = field(default_factory=list)
    last_mark: int = 0
    errors: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    pending: tuple[int, list[dict[str, Any]]] | None = None  # an unfinished bootstrap
    local: list[tuple[int, int, bytes]] = field(default_factory=list)  # version, base, changeset
    uploaded: int = 0  # client version sent
    log: list[Message] = field(default_factory=list)
    bound: bool = False
    partition: str | None = None  # that the application knows of, as JSON

    def open(self) -> None:
        """A connection."""
        self.connection = self.server.runtime.open_connection(
            APP, self.user, f"com.mongodb.realm-query-sync#{self.version}", self.server.now
        )

    def connect(self) -> None:
        """BIND and IDENT, as far as the server lets."""
        self.open()
        terms = {"schemaVersion": 0, "sessionReason": 0}
        migrated = {} if self.partition is None else {"migratedPartition": self.partition}
        data = json.dumps(migrated | terms, separators=(",", ":")).encode()
        self.send(
            type="bind",
            session=SESSION,
            data=data,
            token=b"",
            need_ident=self.file is None,
            is_subserver=False,
        )
        self.uploaded = self.upload_cursor[0]
        if self.file is None:
            self.run()
        if self.file is not None:
            self.ident()

    def ident(self) -> None:
        assert self.file is not None
        self.bound = True
        self.send(
            type="ident",
            session=SESSION,
            file_ident=self.file[0],
            file_ident_salt=self.file[1],
            download_server_version=self.download[0],
            download_client_version=self.download[1],
            latest_server_version=self.latest[0],
            latest_server_version_salt=self.latest[1],
            query_version=self.active[0],
            query=self.active[1],
        )

    def cut(self) -> None:
        """The connection is lost; what is stored of a bootstrap stays (7.5)."""
        if self.connection is not None:
            self.server.runtime.closed(self.connection, self.server.now)
            self.connection = None
            self.bound = False

    def restart(self) -> None:
        """The program begins anew: an unfinished bootstrap is thrown away."""
        self.cut()
        self.pending = None

    def send(self, **message: Any) -> None:
        assert self.connection is not None
        data = _core.encode_message(message, True, "flexible", self.version)
        self.server.runtime.receive(self.connection, data, self.server.now)

    def query(self, version: int, queries: dict[str, str]) -> None:
        self.asked[version] = body_of(queries)
        self.send(type="query", session=SESSION, query_version=version, query=self.asked[version])

    def mark(self) -> int:
        self.last_mark += 1
        self.send(type="mark", session=SESSION, request=self.last_mark)
        return self.last_mark

    def write(self, *instructions: dict[str, Any], timestamp: int = 1_000) -> None:
        """A local transaction, which upload() sends."""
        assert self.peer is not None
        data = changeset(*instructions)
        version = self.peer.commit(data, timestamp)
        self.local.append((version, self.base, data))

    def upload(self) -> None:
        new = [entry for entry in self.local if entry[0] > self.uploaded]
        if new:
            self.uploaded = new[-1][0]
            self.send_upload(new, base=new[-1][1])

    def send_upload(self, changes: list[tuple[int, int, bytes]], *, base: int) -> None:
        """Without changes it tells how far the client is."""
        entries = [
            {
                "client_version": version,
                "server_version": made_at,
                "origin_timestamp": 1_000,
                "origin_file_ident": 0,
                "changeset": data,
            }
            for version, made_at, data in changes
        ]
        plain = _core.encode_entries(entries, True)
        self.send(
            type="upload",
            session=SESSION,
            compressed=False,
            uncompressed_size=len(plain),
            compressed_size=0,
            body=plain,
            upload_client_version=self.uploaded,
            upload_server_version=base,
            locked_server_version=base,
        )

    def run(self, most: int | None = None) -> None:
        """Takes what the server has to say, at most so many messages."""
        taken = 0
        while self.connection is not None and (most is None or taken < most):
            data = self.server.runtime.next_message(self.connection, self.server.now)
            if data is None:
                self.server.run()
                if self.connection not in self.server.writable:
                    return
                self.server.writable.discard(self.connection)
                continue
            message = _core.decode_message(data, False, "flexible", self.version)
            self.log.append(message)
            taken += message["type"] != "log_message"
            self.take(message)

    def take(self, message: Message) -> None:
        kind = message["type"]
        if kind == "ident":
            self.file = (message["file_ident"], message["file_ident_salt"])
            self.peer = _core.MergePeer(self.file[0])
        elif kind == "mark":
            assert not self.marks or message["request"] > self.marks[-1]
            self.marks.append(message["request"])
        elif kind == "query_error":
            version = message["query_version"]
            assert version in self.asked, "QUERY_ERROR of a version that there is not"
            assert version not in self.completed, "QUERY_ERROR of a complete set"
            self.refused[version] = message["message"].decode()
        elif kind == "json_error":
            self.take_error(message)
        elif kind == "download":
            self.take_download(message)

    def take_error(self, message: Message) -> None:
        info = _core.decode_error_body(message["body"], message["code"])
        if message["code"] != 231:
            self.errors.append((message["code"], info))
            return
        self.rejections.append(
            Rejection(
                info["compensating_write_server_version"],
                info["rejected_client_version"],
                info["rejected_updates"],
            )
        )

    def take_download(self, message: Message) -> None:
        plain = _core.unpack_body(
            message["body"], message["compressed"], message["uncompressed_size"], 1 << 30
        )
        entries = _core.decode_entries(plain, False)
        self.check(message, entries)
        version = message["query_version"]
        state = message["batch_state"]
        is_steady = state in (2, "steady_state")
        if self.version < 14:
            is_steady = state in (1, True, "last_in_batch") and version == self.active[0]
        if is_steady:
            assert self.pending is None or self.pending[0] != version or not entries, "7.2 B4"
            assert version == self.active[0], "steady data of a set that is not active"
            self.integrate(entries)
            self.note(message)
            return
        assert version not in self.refused
        assert version == self.active[0] or version in self.asked, "a set that there is not"
        if self.pending is None or self.pending[0] != version:
            self.pending = (version, [])
        self.pending[1].extend(entries)
        if state in (1, True, "last_in_batch"):
            assert self.pending[1], "a bootstrap without a changeset"
            self.integrate(self.pending[1])
            self.pending = None
            self.note(message)
            self.completed.append(version)
            self.active = (version, self.asked.get(version, self.active[1]))

    def check(self, message: Message, entries: list[dict[str, Any]]) -> None:
        """Section 5.7."""
        assert self.bound
        download = (message["download_server_version"], message["download_client_version"])
        latest = message["latest_server_version"]
        upload = (message["upload_client_version"], message["upload_server_version"])
        assert latest >= self.latest[0] and download[0] >= self.download[0], "C1"
        assert download[1] >= self.download[1] and upload[0] >= self.upload_cursor[0], "C1"
        assert upload[0] <= (self.peer.version if self.peer is not None else 0) + 1, "C2"
        assert download[0] <= latest, "C3"
        assert download[1] <= upload[0], "C4"
        assert download[0] >= upload[1], "C5"
        version, client_version = self.download[0], 0
        for entry in entries:
            assert version <= entry["server_version"] <= download[0], "C6"
            assert client_version <= entry["client_version"] <= download[1], "C7"
            assert entry["origin_file_ident"] not in (0, self.file and self.file[0]), "C8"
            version, client_version = entry["server_version"], entry["client_version"]
        assert 0 <= message["progress_estimate"] <= 1

    def integrate(self, entries: list[dict[str, Any]]) -> None:
        assert self.peer is not None
        self.peer.integrate(
            1,
            [
                (
                    entry["server_version"],
                    entry["client_version"],
                    entry["origin_timestamp"],
                    entry["origin_file_ident"],
                    entry["changeset"],
                )
                for entry in entries
            ],
        )

    def note(self, message: Message) -> None:
        self.download = (message["download_server_version"], message["download_client_version"])
        self.latest = (
            message["latest_server_version"],
            message["latest_server_version_salt"],
        )
        self.upload_cursor = (message["upload_client_version"], message["upload_server_version"])
        self.base = self.download[0]

    def objects(self, cls: str) -> dict[Any, dict[str, Any]]:
        """What the copy has of a class, by primary key."""
        assert self.peer is not None
        return {
            json.dumps(one["_id"], sort_keys=True): one for one in self.peer.state().get(cls, [])
        }
