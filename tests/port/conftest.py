"""A server without an engine, and raw clients of its port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from engine_double import EngineDouble
from port_client import APP, RawClient, connect, hang_up, log_in
from realmsync.server.config import HttpLimits, ServerConfig
from realmsync.server.process import Server
from realmsync.transport.loop import TransportLimits


@pytest.fixture
def engine() -> EngineDouble:
    return EngineDouble()


@pytest.fixture
async def server(engine: EngineDouble, tmp_path: Path) -> AsyncIterator[Server]:
    config = ServerConfig(
        data=tmp_path,
        host="127.0.0.1",
        port=0,
        apps=frozenset({APP}),
        http=HttpLimits(head_timeout=0.5, websockets_per_user=3),
        transport=TransportLimits(max_message=1 << 20, linger=0.3),
        stop_timeout=2.0,
    )
    async with Server(config, runtime=engine) as server:
        yield server


@pytest.fixture
async def token(server: Server) -> str:
    return (await log_in(server))["access_token"]


@pytest.fixture
async def open_raw(server: Server) -> AsyncIterator[Callable[..., Awaitable[RawClient]]]:
    writers: list[asyncio.StreamWriter] = []

    async def open_it(request: bytes) -> RawClient:
        reader, writer = await connect(server)
        writers.append(writer)
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101 "), head
        return RawClient(reader, writer)

    yield open_it
    for writer in writers:
        await hang_up(writer)
