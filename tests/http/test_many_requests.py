"""Whoever has no token may not stop those who have one: pipelines, crowds, floods of log-ins."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gzip
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from engine_double import EngineDouble
from eventually import eventually
from realmsync.server.config import HttpLimits, ServerConfig
from realmsync.server.connections import Accepted, ConnectionLimits, Connections
from realmsync.server.http.gate import HttpGate
from realmsync.server.process import Server
from sdk_http import APP_PATH, CLIENT, LOGIN, SdkHttp

USERPASS = f"{APP_PATH}/auth/providers/local-userpass"
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = (f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers)
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def log_in_request(password: str = "secret12", email: str = "a@b.c") -> bytes:
    body = json.dumps({"username": email, "password": password}).encode()
    return post(f"{USERPASS}/login", body)


class Strange:
    """A connection on which anything can be said."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def read_answer(self) -> tuple[int, dict[str, str]]:
        """The next answer: its status and headers."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)).decode()
        status, *lines = head.strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        await self.reader.readexactly(int(headers["content-length"]))
        return int(status.split(" ")[1]), headers

    async def at_end(self) -> bool:
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(1), 20) == b""
        return True


Connect = Callable[[Server], Any]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    writers = []

    async def connect(server: Server) -> Strange:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writers.append(writer)
        return Strange(reader, writer)

    yield connect
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def limited(tmp_path: Path, **limits: Any) -> Server:
    config = ServerConfig(
        data=tmp_path / "limited", host="127.0.0.1", port=0, http=HttpLimits(**limits)
    )
    return Server(config, runtime=EngineDouble())


async def test_pipelined_requests_are_answered_in_order(server: Server, connect: Connect) -> None:
    stranger = await connect(server)
    other = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    body = post(f"{USERPASS}/confirm/send", b'{"email": "nobody@b.c"}')
    for _ in range(30):
        stranger.writer.write(HEALTH * 3 + other + body)
    statuses = [(await stranger.read_answer())[0] for _ in range(150)]
    assert statuses == [200, 200, 200, 404, 400] * 30
    stranger.writer.write(HEALTH)
    assert (await stranger.read_answer())[0] == 200


async def test_others_are_answered_while_pipelines_last(
    server: Server, http: SdkHttp, connect: Connect
) -> None:
    """Many requests that nobody reads the answers of; then those are read after all."""
    strangers = [await connect(server) for _ in range(10)]
    for stranger in strangers:
        stranger.writer.write(HEALTH * 300)
    for _ in range(5):
        assert (await http("GET", f"{APP_PATH}/location")).status == 200
    for stranger in strangers[:2]:
        assert {(await stranger.read_answer())[0] for _ in range(300)} == {200}


async def test_requests_take_turns(server: Server, connect: Connect) -> None:
    """One that comes later is answered before those that an earlier connection has still to say."""
    begun: list[str] = []
    routes = server._acceptor.http
    handle = routes._handle

    async def note(request: Any) -> Any:
        begun.append(request.path)
        return await handle(request)

    routes._handle = note
    first, second = await connect(server), await connect(server)
    first.writer.write(HEALTH * 300)
    await first.read_answer()
    second.writer.write(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await second.read_answer())[0] == 404
    for _ in range(299):
        await first.read_answer()
    assert "/other" in begun[:-1]


class Sink(asyncio.Transport):
    """A transport that takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = asyncio.Event()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (1, 0)

    def abort(self) -> None:
        self.aborted.set()


async def test_answers_that_nobody_takes_end_the_connection() -> None:
    inner = Mock(spec=asyncio.Protocol)
    connections = Connections(ConnectionLimits(1, 1, 1, 1), lambda _: False)
    gate = HttpGate(
        inner, Accepted("10.0.0.1"), connections, bytearray(9), HttpLimits(answer_timeout=0.05)
    )
    sink = Sink()
    gate.connection_made(sink)
    gate.pause_writing()
    gate.resume_writing()
    await asyncio.sleep(0.1)
    assert not sink.aborted.is_set()
    gate.pause_writing()
    await asyncio.wait_for(sink.aborted.wait(), 20)
    gate.connection_lost(None)
    assert [call[0] for call in inner.method_calls] == [
        "connection_made",
        "pause_writing",
        "resume_writing",
        "pause_writing",
        "connection_lost",
    ]


async def test_idle_connections_give_way(tmp_path: Path, connect: Connect) -> None:
    async with limited(tmp_path, connections=10) as server:
        crowd = [await connect(server) for _ in range(10)]
        crowd[0].writer.write(HEALTH)
        assert (await crowd[0].read_answer())[0] == 200
        for _ in range(5):
            newcomer = await connect(server)
            newcomer.writer.write(HEALTH)
            assert (await newcomer.read_answer())[0] == 200
        assert [await idle.at_end() for idle in crowd[1:6]] == [True] * 5
        crowd[0].writer.write(HEALTH)
        assert (await crowd[0].read_answer())[0] == 200
        assert server.status()["http_connections"] == 10


async def test_running_out_of_descriptors_is_survived(
    server: Server, http: SdkHttp, caplog: Any, monkeypatch: Any
) -> None:
    accept, failures = socket.socket.accept, [errno.EMFILE, errno.ENFILE, errno.ENOBUFS]

    def fail(listening: socket.socket) -> Any:
        if failures:
            raise OSError(failures.pop(), "too much is open")
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", fail)
    assert (await http("GET", "/health")).status == 200
    told = [r.message for r in caplog.records if r.levelno >= logging.WARNING]
    assert told == ["cannot accept connections for the moment: too much is open"] * 3


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip", "x"])
async def test_compressed_bodies_are_refused(
    server: Server, http: SdkHttp, connect: Connect, encoding: str
) -> None:
    bomb = gzip.compress(bytes(1 << 20))
    stranger = await connect(server)
    for path in (f"{USERPASS}/login", "/health", "/nothing"):
        stranger.writer.write(post(path, bomb, f"Content-Encoding: {encoding}"))
        assert (await stranger.read_answer())[0] == 415
    reply = await http(
        "POST",
        f"{APP_PATH}/auth/providers/anon-user/login",
        LOGIN,
        headers={"Content-Encoding": "identity"},
    )
    assert reply.status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x",
        b"GET /%ff%fe HTTP/1.1\r\nHost: x",
        b"GET /%ed%a0%80 HTTP/1.1\r\nHost: x",
        b"POST " + f"{CLIENT}/app/".encode() + b"\xed\xa0\x80/auth/providers/anon-user/login"
        b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0",
        b"GET " + f"{CLIENT}/app/%ed%a0%80/location".encode() + b" HTTP/1.1\r\nHost: x",
        b"POST "
        + f"{CLIENT}/app/x/auth/providers/anon-user/login?link=".encode()
        + b"\xff%ed%a0%80 HTTP/1.1\r\nHost: x\r\nContent-Length: 2",
        b"GET /health?\xff=%ed%a0%80 HTTP/1.1\r\nHost: x",
        b"GET /location HTTP/1.1\r\nHost: \xff",
        b"GET /health HTTP/1.1\r\nHost: x\r\nOrigin: \xed\xa0\x80",
        b"GET /status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff",
        b"GET /status HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \xff, \xed\xa0\x80",
        b"GET " + f"{CLIENT}/auth/profile".encode() + b" HTTP/1.1\r\nHost: x\r\n"
        b"Authorization: Bearer \xed\xa0\x80.\xff.\xff",
        b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Encoding: \xff",
        b"GET "
        + f"{CLIENT}/app/\udcff/realm-sync".encode("utf-8", "surrogateescape")
        + b"?baas_at="
        b"\xff HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n"
        b"Sec-WebSocket-Protocol: com.mongodb.realm-sync#14",
        b"\xff\xfe /health HTTP/1.1\r\nHost: x",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\xff: \xff",
    ],
)
async def test_what_is_no_text_is_never_a_fault(
    server: Server, connect: Connect, caplog: Any, head: bytes
) -> None:
    stranger = await connect(server)
    stranger.writer.write(head + b"\r\n\r\n{}")
    line = await asyncio.wait_for(stranger.reader.readline(), 20)
    assert 100 < int(line.split(b" ")[1]) < 500
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


class SlowPasswords:
    """Password checks that end when the test says so."""

    def __init__(self, server: Server, monkeypatch: Any) -> None:
        self.begun = 0
        self.finish = asyncio.Event()
        monkeypatch.setattr(server.users, "check_password", self._check)

    async def _check(self, *_: Any) -> None:
        self.begun += 1
        await self.finish.wait()


async def test_a_flood_of_log_ins(
    server: Server, http: SdkHttp, connect: Connect, monkeypatch: Any
) -> None:
    """A few are worked at, some wait, the others come again; everything else goes on."""
    slow = SlowPasswords(server, monkeypatch)
    crowd = [await connect(server) for _ in range(60)]
    for number, stranger in enumerate(crowd):
        stranger.writer.write(log_in_request(email=f"{number}@b.c"))
    await eventually(lambda: server.status()["http_connections"] == 60, 10)
    answers = [asyncio.create_task(stranger.read_answer()) for stranger in crowd]
    await eventually(lambda: sum(answer.done() for answer in answers) == 60 - 2 - 20, 10)
    assert slow.begun == 2
    for answer in answers:
        if answer.done():
            status, headers = answer.result()
            assert (status, headers["retry-after"]) == (503, "2")
    assert (await http("GET", f"{APP_PATH}/location")).status == 200
    reply = await http("POST", f"{APP_PATH}/auth/providers/anon-user/login", LOGIN)
    assert reply.status == 200
    slow.finish.set()
    assert sorted({(await answer)[0] for answer in answers}) == [401, 503]
    assert slow.begun == 22


async def test_log_ins_of_clients_that_have_gone_are_not_worked_at(
    server: Server, http: SdkHttp, connect: Connect, monkeypatch: Any, caplog: Any
) -> None:
    slow = SlowPasswords(server, monkeypatch)
    crowd = [await connect(server) for _ in range(20)]
    for number, stranger in enumerate(crowd):
        stranger.writer.write(log_in_request(email=f"{number}@b.c"))
    await eventually(lambda: slow.begun == 2, 10)
    await asyncio.sleep(0.1)  # the others wait
    for stranger in crowd:
        stranger.writer.close()
    await eventually(lambda: server.status()["http_connections"] == 0, 10)
    slow.finish.set()
    assert (await http("POST", f"{USERPASS}/login", {"username": "x", "password": "y"})).status
    assert slow.begun == 3
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def test_wrong_passwords_have_to_wait(http: SdkHttp) -> None:
    account = {"email": "a@b.c", "password": "secret12"}
    assert (await http("POST", f"{USERPASS}/register", account)).status == 201
    wrong = {"username": "a@b.c", "password": "wrong"}
    statuses = [(await http("POST", f"{USERPASS}/login", wrong)).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert (await http("POST", f"{USERPASS}/login", wrong | {"username": "b@b.c"})).status == 401


async def test_strangers_are_counted_by_address(tmp_path: Path) -> None:
    limits = {"requests_burst": 5, "requests_per_second": 1e-6}
    async with limited(tmp_path, **limits) as server:
        http = SdkHttp(server.url)
        tokens = (await http("POST", f"{APP_PATH}/auth/providers/anon-user/login", LOGIN)).json
        for path in (f"{APP_PATH}/location", "/nothing", f"{CLIENT}/auth/profile"):
            assert (await http("GET", path)).status in (200, 401, 404)
        assert (await http("GET", f"{CLIENT}/auth/session")).status == 405
        for path in (f"{APP_PATH}/location", "/nothing", f"{CLIENT}/auth/profile"):
            assert (await http("GET", path)).status == 429
        # Who has a token, and who only looks, are no strangers; nor is another address one.
        token = tokens["access_token"]
        assert (await http("GET", f"{CLIENT}/auth/profile", token=token)).status == 200
        assert (await http("GET", "/health")).status == 200
        other = {"X-Forwarded-For": "203.0.113.9"}
        assert (await http("GET", f"{APP_PATH}/location", headers=other)).status == 200


async def test_log_ins_of_an_address_are_limited(tmp_path: Path) -> None:
    """Each makes rows that stay."""
    async with limited(tmp_path, log_ins_burst=3, log_ins_per_second=1e-6) as server:
        http, path = SdkHttp(server.url), f"{APP_PATH}/auth/providers/anon-user/login"
        statuses = [(await http("POST", path, LOGIN)).status for _ in range(4)]
        assert statuses == [200] * 3 + [429]
        account = {"email": "a@b.c", "password": "secret12"}
        assert (await http("POST", f"{USERPASS}/register", account)).status == 429
