"""Part benchmark: the HTTP API over sockets, without an engine.

What a request costs when nothing is stored (location), when a user is made (anonymous log-ins, each
durable before its answer), and when a password is hashed, which takes its time on purpose; and how
finding a row of the table of routes grows with the table.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from engine_double import EngineDouble
from realmsync.server.accounts.credentials import hash_password
from realmsync.server.config import HttpLimits, ServerConfig
from realmsync.server.http.endpoints import ROUTES
from realmsync.server.http.table import Table
from realmsync.server.process import Server
from scale import scaled
from yardsticks import best_of

MANY = 1_000_000_000
LIMITS = HttpLimits(requests_burst=MANY, log_ins_burst=MANY)
APP = "/api/client/v2.0/app/tasks-abcde"
CONNECTIONS = 8
ACCOUNT = {"email": "kim@example.org", "username": "kim@example.org", "password": "secret-1"}


def request(method: str, path: str, body: object = None) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


class Site:
    """A server and its loop."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop

    def seconds(self, data: bytes, each: int, rounds: int = 5) -> float:
        """The least time that `each` such requests take on several connections side by side."""
        return best_of(
            lambda: self._loop.run_until_complete(self._all(data, each)), rounds, warm_up=0
        )

    def send(self, data: bytes) -> None:
        """One request."""
        self._loop.run_until_complete(self._one(data, 1))

    async def _all(self, data: bytes, each: int) -> None:
        await asyncio.gather(*(self._one(data, each) for _ in range(CONNECTIONS)))

    async def _one(self, data: bytes, count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        for _ in range(count):
            writer.write(data)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 20"), head
            size = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(size))
        writer.close()


@contextmanager
def serving(data: Path) -> Iterator[Site]:
    config = ServerConfig(data=data, host="127.0.0.1", port=0, http=LIMITS)
    server = Server(config, runtime=EngineDouble())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(server.start())
    try:
        yield Site(server, loop)
    finally:
        loop.run_until_complete(server.stop())
        loop.close()


def test_log_ins(tmp_path: Path, record_ratio: Any) -> None:
    each = scaled(100)
    count = each * CONNECTIONS
    with serving(tmp_path) as site:
        location = site.seconds(request("GET", f"{APP}/location"), each)
        log_in = request("POST", f"{APP}/auth/providers/anon-user/login", {})
        log_ins = site.seconds(log_in, each)
    record_ratio(
        "anonymous log-ins : requests that store nothing",
        log_ins,
        location,
        None,
        note=f"{count / log_ins:,.0f} and {count / location:,.0f} per second",
    )


def test_log_ins_with_a_password(tmp_path: Path, record_ratio: Any) -> None:
    each = scaled(2)
    count = each * CONNECTIONS
    path = f"{APP}/auth/providers/local-userpass"
    with serving(tmp_path) as site:
        site.send(request("POST", f"{path}/register", ACCOUNT))
        log_ins = site.seconds(request("POST", f"{path}/login", ACCOUNT), each, rounds=3)
    with ThreadPoolExecutor(2) as pool:
        hashes = best_of(
            lambda: [*pool.map(hash_password, ["secret-1"] * count)], rounds=3, warm_up=1
        )
    record_ratio(
        "log-ins with a password : hashing them on two threads",
        log_ins,
        hashes,
        1.5,
        note=f"{count / log_ins:,.0f} per second",
    )


def test_the_table_of_routes(record_ratio: Any) -> None:
    path = f"{APP}/auth/providers/anon-user/login"
    small = Table([route for route in ROUTES if route.path.endswith("/login")])
    table = Table(ROUTES)

    def find(among: Table) -> None:
        for _ in range(1000):
            assert among.find("POST", path)

    all_rows = best_of(lambda: find(table)) / 1000
    record_ratio(
        "finding a row among all routes : in a table of its own",
        all_rows,
        best_of(lambda: find(small)) / 1000,
        2.0,
        note=f"{all_rows * 1e6:.1f} µs of {len(ROUTES)} rows",
    )
