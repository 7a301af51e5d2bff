"""A server whose admin API is switched on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from importer import ACCOUNT, Importer
from realmsync.server.admin.access import AdminAccount
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from sdk_http import SdkHttp


def settings(tmp_path: Path) -> ServerConfig:
    account = AdminAccount(ACCOUNT["username"], ACCOUNT["password"])
    return ServerConfig(data=tmp_path / "data", host="127.0.0.1", port=0, admin=account)


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(settings(tmp_path)) as server:
        yield server


@pytest_asyncio.fixture
async def admin(server: Server) -> Importer:
    importer = Importer(SdkHttp(server.url))
    await importer.log_in()
    return importer
