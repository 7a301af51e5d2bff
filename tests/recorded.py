"""Recorded conversations of several SDK clients with one server, taken apart: whose line is whose.

The recordings (vectors/README.md) mix connections without saying which. BIND and IDENT tell who
starts; what follows is told apart by what each client can send and be sent: cursors never step
back, and a changeset's timestamp is its client's alone. Beside the clients' own streams this gives
the order in which the recorded server integrated the uploads, which decides every merge.
Recordings of one client need none of this.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import realmsync
from realmsync.inspect import decode_message

Message = dict[str, Any]

SDK_SCHEMA: list[dict[str, Any]] = [
    {
        "name": "Dog",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "name": "string",
            "age": "int?",
            "tags": "string[]",
            "scores": "int{}",
            "u": "int<>",
            "any": "mixed",
            "owner": "Person",
            "weight": "double?",
            "born": "date?",
            "raw": "data?",
            "uid": "uuid?",
            "oid": "objectId?",
            "money": "decimal128?",
            "f": "float?",
            "b": "bool?",
        },
    },
    {
        "name": "Person",
        "primaryKey": "_id",
        "properties": {
            "_id": "int",
            "name": "string",
            "dogs": "Dog[]",
            "addr": "Address",
            "pts": "int[]",
            "houses": "Address[]",
            "byName": "Dog{}",
        },
    },
    {"name": "Address", "embedded": True, "properties": {"street": "string?", "no": "int?"}},
]


@dataclass(frozen=True)
class Frame:
    """One message. `seen` is the newest server version that a client says it knows, `versions`
    those that the changesets of an upload became."""

    sent: bool  # by the client
    data: bytes
    message: Message
    versions: range = range(0)

    @property
    def kind(self) -> str:
        return str(self.message["type"])

    @property
    def seen(self) -> int:
        fields = ("locked_server_version", "upload_server_version", "latest_server_version")
        return max((self.message.get(name, 0) for name in fields), default=0)


@dataclass(eq=False)
class RecordedClient:
    """One client, as far as its stream has been taken apart."""

    ident: int = 0
    session: int | None = 1
    uploads: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])  # cursors sent
    locked: int = 0
    integrated: dict[int, int] = field(default_factory=dict)  # own versions by server version
    acknowledged: tuple[int, int] = (0, 0)
    download: int = 0  # cursor
    marks: list[int] = field(default_factory=list)  # not echoed yet
    last_mark: int = 0
    unbinding: bool = False

    def may_send(self, upload: Message) -> bool:
        cursor, (newest, base) = upload_cursor(upload), self.uploads[-1]
        news = 0 if upload["entries"] else 1  # an empty one confirms a newer server version
        return (
            upload["session"] == self.session
            and not self.unbinding
            and cursor[0] > newest
            and base <= cursor[1] <= self.download
            and self.locked + news <= upload["locked_server_version"] <= self.download
        )

    def may_receive(self, download: Message) -> bool:
        version = download["download_server_version"]
        own = [client for server, client in self.integrated.items() if server <= version]
        return (
            download["session"] == self.session
            and upload_cursor(download) in self.uploads
            and upload_cursor(download) >= self.acknowledged
            and version >= self.download
            and download["download_client_version"] == max(own, default=0)
            and all(e["origin_file_ident"] != self.ident for e in download["entries"])
        )


def upload_cursor(message: Message) -> tuple[int, int]:
    return message["upload_client_version"], message["upload_server_version"]


class Conversation:
    """A recording: its clients in the order in which they came, and each frame with its client."""

    def __init__(self, path: Path) -> None:
        self.clients: list[RecordedClient] = []
        self.frames: list[tuple[RecordedClient, Frame]] = []
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        messages = [
            (line["t"] == "c2s", data, decode_message(data, from_client=line["t"] == "c2s"))
            for line in lines
            if "hex" in line
            for data in [bytes.fromhex(line["hex"])]
        ]
        downloads = [m for _, _, m in messages if m["type"] == "download"]
        entries = [entry for message in downloads for entry in message["entries"]]
        self._origins = {e["origin_timestamp"]: e["origin_file_ident"] for e in entries}
        self._versions = {e["origin_timestamp"]: e["server_version"] for e in entries}
        self._place_unseen([m for _, _, m in messages if m["type"] == "upload"])
        binds: list[tuple[bytes, Message]] = []  # without an IDENT yet: they do not say whose
        for sent, data, message in messages:
            if message["type"] == "log_message":
                continue
            if message["type"] == "bind" and not message["need_ident"]:
                binds.append((data, message))
                continue
            client = self._sender(message) if sent else self._receiver(message)
            if message["type"] == "ident" and sent and client.session is None:
                client.session = message["session"]
                client.acknowledged = (0, 0)
                at = next(i for i, b in enumerate(binds) if b[1]["session"] == client.session)
                self.frames.append((client, Frame(True, *binds.pop(at))))
            self.frames.append(
                (client, Frame(sent, data, message, self._versions_of(message, sent)))
            )
            self._note(*self.frames[-1])

    def of(self, client: RecordedClient) -> list[Frame]:
        """What one client sent and got."""
        return [frame for other, frame in self.frames if other is client]

    def in_version_order(self) -> Iterator[tuple[RecordedClient, Frame]]:
        """What the clients sent, so that a server gives every upload the versions it had: an upload
        waits for its turn, and everything until the server has what its sender says to know."""
        waiting = [(client, frame) for client, frame in self.frames if frame.sent]
        head = 0
        while waiting:
            seen: set[RecordedClient] = set()
            for client, frame in waiting:
                due = frame.seen <= head and (not frame.versions or frame.versions[0] == head + 1)
                if due and client not in seen:
                    break
                seen.add(client)
            else:
                raise AssertionError("nobody can go on")
            waiting.remove((client, frame))
            yield client, frame
            head = max([head, *frame.versions])

    def _place_unseen(self, uploads: list[Message]) -> None:
        """Changesets of which nothing was left are in no download: they fill the gaps, in order."""
        gaps = iter(sorted(set(range(1, 1000)) - set(self._versions.values())))
        for upload in uploads:
            stamps = [entry["origin_timestamp"] for entry in upload["entries"]]
            known = [(i, self._versions[t]) for i, t in enumerate(stamps) if t in self._versions]
            for i, stamp in enumerate(stamps):
                if stamp in self._versions:
                    continue
                version = known[0][1] - known[0][0] + i if known else next(gaps)
                assert version not in self._versions.values()
                self._versions[stamp] = version

    def _versions_of(self, message: Message, sent: bool) -> range:
        stamps = [e["origin_timestamp"] for e in message.get("entries", ())] if sent else []
        if not stamps:
            return range(0)
        first = self._versions[stamps[0]]
        assert [self._versions[t] for t in stamps] == list(range(first, first + len(stamps)))
        return range(first, first + len(stamps))

    def _sender(self, message: Message) -> RecordedClient:
        match message["type"]:
            case "bind":
                self.clients.append(RecordedClient())
                return self.clients[-1]
            case "ident":
                return self._of_ident(message["file_ident"])
            case "upload":
                for entry in message["entries"]:
                    if entry["origin_timestamp"] in self._origins:
                        return self._of_ident(self._origins[entry["origin_timestamp"]])
                candidates = [c for c in self.clients if c.may_send(message)]
                # The nearest: every client's versions are close to each other.
                return max(candidates, key=lambda c: (c.uploads[-1], c.ident))
            case "mark" | "unbind":
                bound = [c for c in self.clients if c.session == message["session"]]
                before = message.get("request", 0) - 1
                return min(bound, key=lambda c: (c.unbinding, abs(c.last_mark - before)))
        raise AssertionError(message)

    def _receiver(self, message: Message) -> RecordedClient:
        bound = [c for c in self.clients if c.session == message["session"]]
        match message["type"]:
            case "ident":
                return next(c for c in bound if c.ident == 0)
            case "download":
                candidates = [c for c in bound if c.may_receive(message)]
                return max(candidates, key=lambda c: (c.acknowledged, c.download))
            case "mark":
                return next(c for c in bound if message["request"] in c.marks)
            case "unbound":
                return next(c for c in bound if c.unbinding)
        raise AssertionError(message)

    def _of_ident(self, ident: int) -> RecordedClient:
        return next(c for c in self.clients if c.ident == ident)

    @staticmethod
    def _note(client: RecordedClient, frame: Frame) -> None:
        message = frame.message
        match frame.kind:
            case "ident" if not frame.sent:
                client.ident = message["file_ident"]
            case "upload":
                client.uploads.append(upload_cursor(message))
                client.locked = message["locked_server_version"]
                for version, entry in zip(frame.versions, message["entries"], strict=True):
                    client.integrated[version] = entry["client_version"]
            case "mark" if frame.sent:
                client.marks.append(message["request"])
                client.last_mark = message["request"]
            case "mark":
                client.marks.remove(message["request"])
            case "unbind":
                client.unbinding = True
            case "unbound":
                client.session, client.unbinding, client.last_mark = None, False, 0
            case "download":
                client.acknowledged = upload_cursor(message)
                client.download = message["download_server_version"]


def final_objects(path: Path) -> list[dict[str, list[dict[str, Any]]]]:
    """What the clients showed in the end, sets sorted; classes and objects without order."""
    result = json.loads(path.read_text())
    return [result[name] for name in ("final", "final_b") if name in result]


def plain(value: Any) -> Any:
    """A value of MergePeer.state() as the recordings print it."""
    match value:
        case {"$numberLong": text}:
            return int(text)
        case {"$set": items}:
            return sorted(map(plain, items))
        case {"$dictionary": items}:
            return {name: plain(item) for name, item in items.items()}
        case {"$embedded": {"value": properties}}:
            return plain(properties)
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case list():
            return [plain(item) for item in value]
    return value


def sdk_objects(realm: realmsync.Realm) -> dict[str, list[dict[str, Any]]]:
    """Everything in a realm of SDK_SCHEMA as the recordings print it, through the public API."""
    return {
        name: [shown(item) for item in sorted(realm.objects(name), key=lambda item: item._id)]
        for name in ("Dog", "Person")
    }


def shown(value: Any) -> Any:
    match value:
        case realmsync.Object() | realmsync.EmbeddedObject():
            return {name: shown(item) for name, item in value.to_dict().items()}
        case realmsync.List():
            return [shown(item) for item in value]
        case realmsync.Set():
            return sorted(value)
        case realmsync.Dictionary():
            return {key: shown(item) for key, item in value.items()}
    return value
