"""Flexible sync: what a commit costs with many sessions, views and objects.

At the server's engine, without sockets, its database on a disk in memory: one change until its
owner has it, with 10 and with 10,000 sessions that each ask for their own objects; one object
changed among 1,000 and among 1,000,000; the index of predicates alone; memory of an idle session.
Over sockets: one commit to 1,000 sessions of one view, against a server that sends the same bytes
to as many and does nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

from bench_flexible import schema, update
from bench_server_engine import resident_bytes
from realmsync import App, Credentials, _testbed, events
from realmsync.inspect import encode_changeset
from realmsync.testing import ServerProcess
from scale import scaled

PROTOCOL = "com.mongodb.realm-query-sync#14"
ROUNDS = scaled(50)
COMMITS = scaled(1_000)  # of a long series


class Session:
    """One connection with one session, which asks for the objects that a query selects, if any."""

    def __init__(self, engine: Engine, user: str, query: str = "") -> None:
        self.engine = engine
        self.number = engine.runtime.open_connection("app", user, PROTOCOL, engine.now)
        self.query = query
        self.base = self.acknowledged = 0
        self.version = 1
        self.downloads = 0
        self.is_ready = False
        engine.sessions[self.number] = self
        self.send(b'bind 1 19 0 1 0\n{"sessionReason":0}')

    def send(self, message: bytes) -> None:
        self.engine.runtime.receive(self.number, message, self.engine.now)

    def take(self, message: bytes) -> None:
        words = message.partition(b"\n")[0].split()
        kind = words[0]
        assert b"error" not in kind, message
        if kind == b"ident":
            self.send(b"ident 1 %s %s 0 0 0 0 0 2\n{}" % (words[2], words[3]))
            if self.query:
                self.subscribe(self.query)
        elif kind == b"mark":
            self.is_ready = True
        elif kind == b"download":
            self.base, self.acknowledged = int(words[2]), int(words[6])
            self.downloads += 1

    def subscribe(self, query: str) -> None:
        body = json.dumps({"Item": query}).encode()
        self.send(b"query 1 1 %d\n" % len(body) + body)
        self.send(b"mark 1 1\n")

    def upload(self, changeset: bytes) -> None:
        self.version += 1
        body = b"%d %d 1000 0 %d " % (self.version, self.base, len(changeset)) + changeset
        head = (len(body), self.version, self.base, self.base)
        self.send(b"upload 1 0 %d 0 %d %d %d\n" % head + body)


class Engine:
    """A server's engine and its sessions."""

    def __init__(self) -> None:
        self.runtime = _testbed.start_server(_testbed.ServerStorage(1), seed=1)
        self.now = 0
        self.sessions: dict[int, Session] = {}
        self.writer = Session(self, "writer")
        self.run()
        self.commit(schema())
        self.writer.subscribe("TRUEPREDICATE")
        self.run()

    def run(self) -> None:
        """Until nobody has anything to send."""
        is_busy = True
        while is_busy:
            self.now += 1
            is_busy = False
            for event in self.runtime.drain(self.now):
                if not isinstance(event, events.Writable):
                    continue
                is_busy = True
                session = self.sessions[event[0]]
                while (message := self.runtime.next_message(session.number, self.now)) is not None:
                    session.take(message)

    def commit(self, changeset: bytes) -> float:
        """Seconds until everybody who is to hear of it has."""
        start = time.perf_counter()
        self.writer.upload(changeset)
        self.run()
        assert self.writer.acknowledged == self.writer.version
        return time.perf_counter() - start


def item(key: int, owner: str, size: int) -> list[dict[str, Any]]:
    on = {"table": "Item", "pk": {"t": "int", "v": key}}
    return [
        {"op": "CreateObject", **on},
        update("owner", {"t": "string", "v": owner}, on),
        update("size", {"t": "int", "v": size}, on),
    ]


def created(first: int, last: int) -> bytes:
    return encode_changeset([i for key in range(first, last) for i in item(key, f"u{key}", key)])


def resize(key: int, size: int) -> bytes:
    on = {"table": "Item", "pk": {"t": "int", "v": key}}
    return encode_changeset([update("size", {"t": "int", "v": size}, on)])


def owners(count: int) -> tuple[Engine, list[Session]]:
    """As many sessions, of whom each asks for its own objects and some have one."""
    engine = Engine()
    keys = range(0, count, max(1, count // ROUNDS))
    engine.commit(encode_changeset([i for key in keys for i in item(key, f"u{key}", 0)]))
    sessions = [Session(engine, f"u{key}", f"owner == 'u{key}'") for key in range(count)]
    engine.run()
    assert all(session.is_ready for session in sessions)
    return engine, sessions


def delivery(engine: Engine, sessions: list[Session]) -> float:
    """Seconds of one commit in a long series, whose first tenth is left out."""
    times = []
    for round in range(COMMITS):
        key = round % ROUNDS * max(1, len(sessions) // ROUNDS) % len(sessions)
        before = sessions[key].downloads
        times.append(engine.commit(resize(key, round + 1)))
        assert sessions[key].downloads == before + 1
    measured = times[len(times) // 10 :]
    return sum(measured) / len(measured)


def test_a_change_for_one_of_many_sessions(record_ratio: Callable[..., Any]) -> None:
    few = delivery(*owners(10))
    before = resident_bytes()
    engine, sessions = owners(scaled(10_000))
    each = (resident_bytes() - before) / len(sessions)
    many = delivery(engine, sessions)
    told = sum(session.downloads for session in sessions) - 2 * len(sessions)
    assert told <= COMMITS + COMMITS / 4 + ROUNDS, "a commit wakes others"
    record_ratio("flexible sync: one change, 10,000 sessions : 10", many, few, 1.5)
    record_ratio("flexible sync: memory of an idle session, KiB : 32", each / 1024, 32, 1)


def time_of_changes(objects: int) -> float:
    engine = Engine()
    for first in range(0, objects, 20_000):
        last = min(first + 20_000, objects)
        engine.commit(created(first, last))
    reader = Session(engine, "reader", "size < 0")
    engine.run()
    assert reader.is_ready
    return sorted(engine.commit(resize(k, -1 - k % 2)) for k in range(ROUNDS))[ROUNDS // 4]


def test_a_change_among_many_objects(record_ratio: Callable[..., Any]) -> None:
    few, many = time_of_changes(scaled(1_000)), time_of_changes(scaled(1_000_000))
    record_ratio("flexible sync: one change, 1,000,000 objects : 1,000", many, few, 1.5)


def test_the_index_of_predicates(record_ratio: Callable[..., Any]) -> None:
    count, times = scaled(100_000), scaled(20_000)
    data = json.loads(
        (Path(__file__).parents[1] / "tests/vectors/queries/dataset.json").read_text()
    )
    lab = _testbed.ViewLab(data)
    for age in range(count):
        lab.take(b'{"Person":"age == %d"}' % (age - count // 100))
    lab.probe("Person", 10)
    start = time.perf_counter()
    found = lab.probe("Person", times)
    each = (time.perf_counter() - start) / (times * len(data["objects"]["Person"]))
    assert found > 0
    record_ratio(f"flexible sync: finding one of {count:,} predicates : 2 µs", each, 2e-6, 1)


READERS = scaled(1_000)
SUBSCRIBE = b'query 1 1 24\n{"Item":"TRUEPREDICATE"}'


class Device(WSListener):
    """A connection to either server."""

    def __init__(self, tell: Callable[[Device, bytes], None]) -> None:
        super().__init__()
        self.tell = tell
        self.session = Words()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self.tell(self, frame.get_payload_as_bytes())

    def send(self, message: bytes) -> None:
        self.transport.send(WSMsgType.BINARY, message)


class Words:
    """Where a session of the protocol is."""

    base = acknowledged = 0
    is_ready = False


class Crowd:
    """Many devices, and how many messages they have had since the last time."""

    def __init__(self) -> None:
        self.devices: list[Device] = []
        self.ready = 0
        self.received = 0
        self.wanted = 0
        self.size = 0  # of the last message
        self.changed = asyncio.Event()

    def take(self, device: Device, message: bytes) -> None:
        words = message[:200].partition(b"\n")[0].split()
        if words[0] == b"ident":
            device.send(b"ident 1 %s %s 0 0 0 0 0 2\n{}" % (words[2], words[3]))
            if device is not self.devices[0]:
                device.send(SUBSCRIBE)
            device.send(b"mark 1 1\n")
        elif words[0] == b"mark":
            self.ready += 1
        elif words[0] == b"download":
            device.session.base, device.session.acknowledged = int(words[2]), int(words[6])
            self.size = len(message)
            self.received += 1
        else:
            assert b"error" not in words[0], message
        self.changed.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 60)

    async def connect(self, url: str, count: int, headers: dict[str, str]) -> None:
        for _ in range(count):
            _, device = await ws_connect(lambda: Device(self.take), url, extra_headers=headers)
            assert isinstance(device, Device)
            self.devices.append(device)

    async def best_of(self, count: int, send: Callable[[int], None]) -> float:
        """Seconds until so many messages came after a sending, of the best one."""
        times = []
        for round in range(scaled(200)):  # a bad round is often twice as long as a good one
            self.received = 0
            start = time.perf_counter()
            send(round)
            await self.until(lambda: self.received >= count)
            times.append(time.perf_counter() - start)
        return min(times)


async def broadcast_by_server(url: str, folder: Path) -> tuple[float, int]:
    crowd = Crowd()
    app = App("bench", base_url=url, base_file_path=folder)
    for count in (1, READERS):  # the writer, then readers: as many as one user may have
        user = await app.log_in(Credentials.anonymous(reuse=False))
        route = f"{url.replace('http', 'ws')}/api/client/v2.0/app/bench/realm-sync"
        route += f"?baas_at={user.access_token}"
        await crowd.connect(route, count, {"Sec-WebSocket-Protocol": PROTOCOL})
    writer = crowd.devices[0]

    def upload(changeset: bytes, version: int) -> None:
        base = writer.session.base
        body = b"%d %d 1000 0 %d " % (version, base, len(changeset)) + changeset
        writer.send(b"upload 1 0 %d 0 %d %d %d\n" % (len(body), version, base, base) + body)

    bind = b'bind 1 19 0 1 0\n{"sessionReason":0}'
    writer.send(bind)
    await crowd.until(lambda: crowd.ready == 1)
    upload(schema(), 2)
    await crowd.until(lambda: writer.session.acknowledged == 2)
    writer.send(SUBSCRIBE)
    writer.send(b"mark 1 2\n")
    await crowd.until(lambda: crowd.ready == 2)
    for device in crowd.devices[1:]:
        device.send(bind)
    await crowd.until(lambda: crowd.ready == READERS + 2)
    upload(encode_changeset(item(1, "x", 1)), 3)
    await asyncio.sleep(1)
    seconds = await crowd.best_of(READERS + 1, lambda round: upload(resize(1, round), round + 4))
    await app.close()
    for device in crowd.devices:
        device.transport.disconnect()
    return seconds, crowd.size


def serve_frames(port: Any, size: int) -> None:
    """What the first connection sends is answered by a frame to each."""
    transports: list[WSTransport] = []
    frame = b"download 1 2 3 4 5 6 7 8\n".ljust(size, b"x")

    class Echo(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            transports.append(transport)

        def on_ws_frame(self, transport: WSTransport, got: WSFrame) -> None:
            for each in transports:
                each.send(WSMsgType.BINARY, frame)

    async def serve() -> None:
        server = await ws_create_server(lambda request: Echo(), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


async def broadcast_by_transport(size: int) -> float:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve_frames, args=(theirs, size), daemon=True
    )
    process.start()
    try:
        port = await asyncio.to_thread(ours.recv)
        crowd = Crowd()
        await crowd.connect(f"ws://127.0.0.1:{port}", READERS + 1, {})
        seconds = await crowd.best_of(READERS + 1, lambda _: crowd.devices[0].send(b"go"))
        for device in crowd.devices:
            device.transport.disconnect()
        return seconds
    finally:
        process.terminate()
        with contextlib.suppress(ProcessLookupError):
            process.join()


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """Descriptors for all of them, in processes that are started, too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * READERS), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_one_commit_to_a_thousand(tmp_path: Path, record_ratio: Callable[..., Any]) -> None:
    with many_files():
        with ServerProcess(data=tmp_path / "server", durability="process") as server:
            ours, size = uvloop.run(broadcast_by_server(server.url, tmp_path))
        plain = uvloop.run(broadcast_by_transport(size))
    name = f"flexible sync: one commit to {READERS:,} sessions of one view : their frames alone"
    record_ratio(name, ours, plain, 0.5, rate=True)
