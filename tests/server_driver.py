"""A client's end of connections to the server engine, without sockets: builds messages, reads
answers, and checks on every answer what a real client would (server-behaviour.md 8.8, 10.5)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from realmsync import _core, _testbed
from told import told

APP = "app"
LETHAL = {104, 202, 203, 205, 207, 214, 215, 218, 219, 220, 221, 224}
NON_TERMINAL = {231, 236}
ERROR_KEYS = {
    "message": str,
    "logURL": str,
    "shouldClientReset": bool,
    "isRecoveryModeDisabled": bool,
    "tryAgain": bool,
    "action": str,
}


@dataclass
class Entry:
    """One changeset of a DOWNLOAD."""

    server_version: int
    client_version: int
    timestamp: int
    origin: int
    changeset: bytes


@dataclass
class Message:
    """One message of the server: its words and its inflated body."""

    type: str
    fields: list[int]
    body: bytes = b""
    entries: list[Entry] = field(default_factory=list)

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def session(self) -> int:
        return (
            self.fields[1]
            if self.type == "json_error" and len(self.fields) == 2
            else (self.fields[0])
        )


def split_entries(body: bytes, field_count: int) -> Iterator[tuple[list[int], bytes]]:
    at = 0
    while at < len(body):
        numbers = []
        for _ in range(field_count):
            space = body.index(b" ", at)
            numbers.append(int(body[at:space]))
            at = space + 1
        size = numbers[-1]
        assert size <= len(body) - at, "entry runs over its body"
        yield numbers, body[at : at + size]
        at += size


def read(data: bytes) -> Message:
    """Reads a message of the server, strictly; json_error fields become (code, session)."""
    head, newline, body = data.partition(b"\n")
    assert newline, data
    words = head.decode("ascii").split(" ")
    kind = words[0]
    if kind == "download" and len(words) == 14:  # of flexible sync, without what is its own
        words[8:11] = ["0"]
    numbers = [int(w) for w in words[1:]]
    if kind == "json_error":
        code, size, session = numbers
        assert size == len(body)
        return Message(kind, [code, session], body)
    if kind == "log_message":
        assert numbers[1] == len(body)
        return Message(kind, numbers[:1], body)
    if kind == "test_command":
        assert numbers[2] == len(body)
        return Message(kind, numbers[:2], body)
    if kind != "download":
        assert not body
        assert len(numbers) == {"ident": 3, "mark": 2, "unbound": 1, "pong": 1}[kind]
        return Message(kind, numbers)
    assert len(numbers) == 11
    compressed, plain_size, compressed_size = numbers[8:]
    if compressed:
        assert compressed_size == len(body)
        inflater = zlib.decompressobj()
        body = inflater.decompress(body)
        assert inflater.eof and not inflater.unused_data
    else:
        assert compressed_size == 0
    assert len(body) == plain_size
    entries = []
    for (version, client, timestamp, origin, original, size), changeset in split_entries(body, 6):
        assert original == size
        entries.append(Entry(version, client, timestamp, origin, changeset))
    return Message(kind, numbers[:8], body, entries)


def upload_body(entries: list[tuple[int, int, int, bytes]], origin: int = 0) -> bytes:
    """Entries as (client version, server version, timestamp, changeset)."""
    return b"".join(
        b"%d %d %d %d %d " % (cv, sv, ts, origin, len(data)) + data for cv, sv, ts, data in entries
    )


@dataclass
class Binding:
    """What the client knows of one session, and what it has to refuse."""

    ident: int
    needs_ident: bool
    file: tuple[int, int] | None = None
    sent_ident: bool = False
    unbound_sent: bool = False
    ended: bool = False  # by UNBOUND, or by an error
    error: int | None = None
    error_message: Message | None = None
    newest_client_version: int = 0
    download: tuple[int, int] = (0, 0)
    latest: tuple[int, int] = (0, 0)
    upload: tuple[int, int] = (0, 0)
    downloads: int = 0
    last_request: int = 0
    last_mark: int = 0
    received: list[Entry] = field(default_factory=list)

    def check_download(self, message: Message) -> None:
        _, dsv, dcv, lsv, salt, ucv, usv, downloadable = message.fields
        assert self.sent_ident and not self.ended
        assert self.file is not None
        assert lsv >= self.latest[0], "D1"
        assert ucv >= self.upload[0], "D2"
        assert ucv <= self.newest_client_version, "D3"
        assert dsv >= self.download[0], "D4"
        assert dsv <= lsv, "D5"
        assert dcv >= self.download[1], "D6"
        assert dcv <= ucv, "D7"
        assert dsv >= usv, "D8"
        assert usv >= self.upload[1] or usv == 0, "D9"
        assert downloadable >= 0 and (dsv < lsv or downloadable >= 0)
        assert (salt == 0) == (lsv == 0)
        if lsv == self.latest[0]:
            assert salt == self.latest[1]
        version, client_version = self.download
        for entry in message.entries:
            assert entry.server_version > version, "E1, E2"
            assert entry.server_version <= dsv, "E3"
            assert client_version <= entry.client_version <= dcv, "E4"
            assert entry.origin > 0 and entry.origin != self.file[0], "E5"
            version, client_version = entry.server_version, entry.client_version
        self.received += message.entries
        self.download, self.latest, self.upload = (dsv, dcv), (lsv, salt), (ucv, usv)
        self.downloads += 1

    def check_mark(self, request: int) -> None:
        assert self.sent_ident and not self.ended
        assert self.downloads > 0, "a MARK before the first DOWNLOAD"
        assert self.last_mark < request <= self.last_request
        self.last_mark = request


class Connection:
    """One connection; every message taken is checked."""

    def __init__(
        self, server: Server, user: str = "user", version: int = 14, *, is_flexible: bool = False
    ) -> None:
        self.server = server
        self.version = version
        mode = "realm-query-sync" if is_flexible else "realm-sync"
        self.id = server.runtime.open_connection(
            APP, user, f"com.mongodb.{mode}#{version}", server.now
        )
        self.bindings: dict[int, Binding] = {}
        self.pings: list[int] = []
        self.error: Message | None = None
        self.gone = False
        server.connections[self.id] = self

    def send(self, data: bytes) -> None:
        self.server.runtime.receive(self.id, data, self.server.now)

    def bind(self, session: int, partition: object = "p", *, need_ident: bool = True) -> Binding:
        data = json.dumps(partition).encode()
        self.bindings[session] = Binding(session, need_ident)
        self.send(b"bind %d %d 0 %d 0\n" % (session, len(data), need_ident) + data)
        return self.bindings[session]

    def ident(
        self,
        session: int,
        file: tuple[int, int],
        download: tuple[int, int] = (0, 0),
        latest: tuple[int, int] = (0, 0),
        query: tuple[int, bytes] | None = None,
    ) -> None:
        """`query`: version and body, in flexible sync."""
        binding = self.bindings[session]
        binding.file, binding.download, binding.latest = file, download, latest
        binding.sent_ident = True
        binding.newest_client_version = max(binding.newest_client_version, download[1])
        head = b"ident %d %d %d %d %d %d %d" % (session, *file, *download, *latest)
        if query is None:
            self.send(head + b"\n")
        else:
            version, body = query
            self.send(head + b" %d %d\n" % (version, len(body)) + body)

    def upload(
        self,
        session: int,
        progress: tuple[int, int],
        entries: list[tuple[int, int, int, bytes]] | None = None,
        *,
        locked: int | None = None,
        body: bytes | None = None,
        origin: int = 0,
    ) -> None:
        data = upload_body(entries or [], origin) if body is None else body
        binding = self.bindings[session]
        binding.newest_client_version = max(binding.newest_client_version, progress[0])
        if locked is None:
            locked = progress[1]
        head = (session, len(data), *progress, locked)
        self.send(b"upload %d 0 %d 0 %d %d %d\n" % head + data)

    def mark(self, session: int, request: int) -> None:
        binding = self.bindings[session]
        binding.last_request = max(binding.last_request, request)
        self.send(b"mark %d %d\n" % (session, request))

    def unbind(self, session: int) -> None:
        self.bindings[session].unbound_sent = True
        self.send(b"unbind %d\n" % session)
        if self.bindings[session].ended:
            del self.bindings[session]

    def ping(self, timestamp: int) -> None:
        self.pings.append(timestamp)
        self.send(b"ping %d 0\n" % timestamp)

    def close(self) -> None:
        if not self.gone:
            self.gone = True
            self.server.runtime.closed(self.id, self.server.now)

    def take(self) -> Message | None:
        """The next message, checked; None when the server has to work first."""
        data = self.server.runtime.next_message(self.id, self.server.now)
        if data is None:
            return None
        message = read(data)
        self.check(message)
        return message

    def check(self, message: Message) -> None:
        assert self.error is None, "a message after the error of the connection"
        if message.type == "log_message":
            assert self.version >= 10
            return
        if message.type == "pong":
            assert self.pings and message.fields[0] == self.pings.pop(0), "PONG unasked"
            return
        if message.type == "json_error":
            self.check_error(message)
            return
        binding = self.bindings.get(message.session)
        assert binding is not None and not binding.ended, message
        if message.type == "ident":
            assert binding.needs_ident and binding.file is None and not binding.unbound_sent
            _, ident, salt = message.fields
            assert ident > 0 and salt != 0
            binding.file = (ident, salt)
        elif message.type == "download":
            binding.check_download(message)
        elif message.type == "mark":
            binding.check_mark(message.fields[1])
        elif message.type == "unbound":
            assert binding.unbound_sent
            del self.bindings[message.session]
        else:
            assert message.type == "test_command" and message.body == b"{}"

    def check_error(self, message: Message) -> None:
        code, session = message.fields
        assert code not in LETHAL
        body = message.json
        for key, kind in ERROR_KEYS.items():
            assert type(body[key]) is kind, key
        if "backoffIntervalSec" in body:
            assert type(body["backoffMaxDelaySec"]) is int
            assert type(body["backoffMultiplier"]) is int
        if session == 0:
            assert 100 <= code < 200
            self.error = message
            return
        assert 200 <= code < 300
        binding = self.bindings[session]
        assert not binding.ended
        binding.error, binding.error_message = code, message
        if code not in NON_TERMINAL:
            binding.ended = True
            if binding.unbound_sent:
                raise AssertionError("an error after UNBIND was processed")

    def take_all(self) -> list[Message]:
        """Everything the server has to say now."""
        messages = []
        while True:
            while (message := self.take()) is not None:
                messages.append(message)
            self.server.run()
            if self.id not in self.server.writable:
                return messages
            self.server.writable.discard(self.id)

    def answers(self) -> list[Message]:
        """The same without log messages."""
        return [m for m in self.take_all() if m.type != "log_message"]

    def error_answer(self) -> Message:
        """The one error among what the server has to say now."""
        (error,) = [m for m in self.answers() if m.type == "json_error"]
        return error

    def open(self, session: int, partition: object = "p") -> Binding:
        """BIND with a new client file up to the first DOWNLOAD."""
        binding = self.bind(session, partition)
        self.take_all()
        assert binding.file is not None
        self.ident(session, binding.file)
        self.take_all()
        assert binding.downloads > 0
        return binding


class Server:
    """The engine with jobs run inline, on a virtual clock. `store` is a directory, or in memory
    and without quotas."""

    def __init__(
        self,
        store: _testbed.ServerStorage | str | None = None,
        *,
        seed: int = 1,
        asks_permission: bool = False,
        quotas: tuple[int, int, int] = (0, 0, 0),
        tuning: dict[str, int] | None = None,
    ) -> None:
        self.store = _testbed.ServerStorage(seed) if store is None else store
        if isinstance(self.store, str):
            self.runtime = _core.ServerRuntime(
                self.store,
                workers=0,
                seed=seed,
                asks_permission=asks_permission,
                quotas=quotas,
                tuning=tuning or {},
            )
        else:
            self.runtime = _testbed.start_server(
                self.store, seed=seed, asks_permission=asks_permission, tuning=tuning or {}
            )
        self.now = 1_000
        self.connections: dict[int, Connection] = {}
        self.writable: set[int] = set()
        self.events: list[tuple[Any, ...]] = []

    def connect(
        self, user: str = "user", version: int = 14, *, is_flexible: bool = False
    ) -> Connection:
        return Connection(self, user, version, is_flexible=is_flexible)

    def run(self) -> list[tuple[Any, ...]]:
        """Runs the waiting jobs and due timers."""
        events = [told(event) for event in self.runtime.drain(self.now)]
        for event in events:
            if event[0] == "writable":
                self.writable.add(event[1])
            elif event[0] == "drop":
                self.connections[event[1]].close()
        self.events += events
        return events

    def advance(self, ms: int) -> list[tuple[Any, ...]]:
        """Lets time pass, stopping at every deadline."""
        end, events = self.now + ms, []
        while (deadline := self.runtime.deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            events += self.run()
        self.now = end
        return events + self.run()
