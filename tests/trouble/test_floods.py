"""Floods at a real server: a client that is in nobody's way notices nothing of those around it."""

from __future__ import annotations

import base64
import json
import os
import resource
import socket
import struct
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from raw_peer import APP as APP_ID
from raw_peer import MIB, PATIENCE, PROMISE, Victim, attackers, log_in, memory
from realmsync.testing import ServerProcess

pytestmark = pytest.mark.no_asan

APP = f"/api/client/v2.0/app/{APP_ID}"
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("server")
    with ServerProcess(data, "--log-level", "critical", durability="process") as server:
        yield server


@pytest.fixture(scope="module")
def token(server: ServerProcess) -> str:
    return log_in(server.url)


def connect(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE)


def upgrade(server: ServerProcess, token: str) -> socket.socket:
    """A websocket; or what remains of one whose token is no good."""
    raw = connect(server)
    request = (
        f"GET {APP}/realm-sync?baas_at={token} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Protocol: com.mongodb.realm-sync#14\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        f"{base64.b64encode(os.urandom(16)).decode()}\r\n\r\n"
    )
    try:
        raw.sendall(request.encode())
        raw.recv(4096)
    except OSError:
        raw.close()
        raise
    return raw


def frame_head(opcode: int, size: int) -> bytes:
    return bytes([0x80 | opcode, 0xFF]) + struct.pack(">Q", size) + bytes(4)


# What attackers do over and over; each is given the server, a good token and its number.
Attack = Callable[[ServerProcess, str, int], None]


def pipeline(server: ServerProcess, token: str, number: int) -> None:
    with connect(server) as raw:
        reader = threading.Thread(target=lambda: [0 for _ in iter(lambda: raw.recv(MIB), b"")])
        reader.start()
        for _ in range(3):
            raw.sendall(HEALTH * 100)
        raw.shutdown(socket.SHUT_WR)
        reader.join(PATIENCE)


def unread_pipeline(server: ServerProcess, token: str, number: int) -> None:
    with connect(server) as raw:
        raw.settimeout(1)
        while True:
            raw.sendall(HEALTH * 1000)


def wrong_passwords(server: ServerProcess, token: str, number: int) -> None:
    body = json.dumps({"username": os.urandom(8).hex(), "password": "wrong password"}).encode()
    head = f"POST {APP}/auth/providers/local-userpass/login HTTP/1.1\r\nHost: x\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with connect(server) as raw:
        raw.sendall(request * 3)
        if number % 2:
            raw.recv(4096)


def connections(server: ServerProcess, token: str, number: int) -> None:
    with ExitStack() as crowd:
        for _ in range(100):
            raw = crowd.enter_context(connect(server))
            if number % 2:
                raw.sendall(b"GET /")


def bad_tokens(server: ServerProcess, token: str, number: int) -> None:
    upgrade(server, token[: -number % 40 - 1]).close()


def websockets(server: ServerProcess, token: str, number: int) -> None:
    upgrade(server, token).close()


def pings(server: ServerProcess, token: str, number: int) -> None:
    with upgrade(server, token) as raw:
        raw.settimeout(1)
        ping = bytes([0x89, 0x80 | 125]) + bytes(4 + 125)
        for _ in range(20):
            raw.sendall(ping * 4000)


def whole_texts(server: ServerProcess, token: str, number: int) -> None:
    """Messages that mean nothing; what took them in stays no larger for it."""
    with upgrade(server, token) as raw:
        raw.sendall(frame_head(1, 20 * MIB))
        for _ in range(20):
            raw.sendall(bytes(MIB))
        raw.settimeout(0.5)
        raw.recv(1)


ATTACKS: list[Attack] = [
    pipeline,
    unread_pipeline,
    wrong_passwords,
    connections,
    bad_tokens,
    websockets,
    pings,
    whole_texts,
]


@contextmanager
def under(attack: Attack, server: ServerProcess, token: str) -> Iterator[list[int]]:
    """Sixteen attackers at once; the list counts what they did."""
    stop, counts = threading.Event(), [0] * 16

    def run(number: int) -> None:
        while not stop.is_set():
            with suppress(OSError):  # they may be thrown out
                attack(server, token, number)
            counts[number] += 1

    with attackers(16, run):
        try:
            yield counts
        finally:
            stop.set()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_floods(server: ServerProcess, token: str, attack: Attack, scale: int) -> None:
    before = memory(server)
    with Victim(server.url) as victim:
        with under(attack, server, token) as counts:
            victim.goes_on(lambda: min(counts) >= 3 * scale)
            with urllib.request.urlopen(f"{server.url}/health", timeout=PATIENCE) as reply:
                assert reply.status == 200
        victim.goes_on()
    victim.check(PROMISE)
    assert memory(server) - before < 64


def test_unfinished_messages(server: ServerProcess, token: str) -> None:
    """Twenty of one user; the memory of those that have room is given back, too."""
    before = memory(server)
    with Victim(server.url) as victim:
        crowd = [upgrade(server, token) for _ in range(20)]
        for raw in crowd:
            with suppress(OSError):
                raw.sendall(frame_head(2, 64 * MIB))
                for _ in range(30):
                    raw.sendall(bytes(MIB))
        victim.goes_on()
        assert memory(server) - before < 128
        for raw in crowd:
            raw.close()
        victim.goes_on()
    victim.check(PROMISE)
    assert memory(server) - before < 64


def test_descriptors_run_out(tmp_path: Path) -> None:
    """Those who use a connection come in, however many are held by others."""
    with ServerProcess(tmp_path, "--log-level", "critical") as server:
        used = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 40, used + 40))
        crowd = []
        for _ in range(5):
            crowd += [connect(server) for _ in range(50)]
            with urllib.request.urlopen(f"{server.url}/health", timeout=PATIENCE) as reply:
                assert reply.status == 200
        for raw in crowd:
            raw.close()
