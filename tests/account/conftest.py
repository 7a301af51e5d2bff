"""A server without an engine, and a service that answers what a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from account.fake_service import FakeService
from engine_double import EngineDouble
from realmsync import App
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    config = ServerConfig(data=tmp_path / "server", host="127.0.0.1", port=0)
    async with Server(config, runtime=EngineDouble()) as server:
        yield server


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def make_app(service: FakeService, tmp_path: Path) -> Callable[..., App]:
    def make(**overrides: Any) -> App:
        settings: dict[str, Any] = {"base_url": "http://base", "base_file_path": tmp_path}
        return App("my-app", **{**settings, "http_transport": service, **overrides})

    return make
