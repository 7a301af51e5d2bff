"""A server without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine_double import EngineDouble
from realmsync.server.config import HttpLimits, ServerConfig
from realmsync.server.process import Server
from sdk_http import SdkHttp


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    config = ServerConfig(
        data=tmp_path / "server",
        host="127.0.0.1",
        port=0,
        http=HttpLimits(body_bytes=10_000, body_timeout=0.3),
    )
    async with Server(config, runtime=EngineDouble()) as server:
        yield server


@pytest.fixture
def http(server: Server) -> SdkHttp:
    return SdkHttp(server.url)


@pytest.fixture
def looped_server(tmp_path: Path) -> Iterator[tuple[Server, asyncio.AbstractEventLoop]]:
    """A server and its loop, which stands still: for tests that are no coroutines."""
    config = ServerConfig(data=tmp_path / "server", host="127.0.0.1", port=0)
    server = Server(config, runtime=EngineDouble())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(server.start())
    yield server, loop
    loop.run_until_complete(server.stop())
    loop.close()
