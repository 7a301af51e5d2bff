"""A server without an engine, whose app the tests configure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from configured_app import ConfiguredApp
from engine_double import EngineDouble
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from sdk_http import SdkHttp


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    config = ServerConfig(data=tmp_path / "server", host="127.0.0.1", port=0)
    async with Server(config, runtime=EngineDouble()) as server:
        yield server


@pytest.fixture
def http(server: Server) -> SdkHttp:
    return SdkHttp(server.url)


@pytest.fixture
def app(server: Server) -> ConfiguredApp:
    (running,) = server.apps
    return ConfiguredApp(running)
