"""Fixtures of clients at servers that a test scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices import Device, world
from scripted_server import ScriptedServer


@pytest.fixture
async def device(tmp_path: Path, server: ScriptedServer) -> AsyncIterator[Device]:
    """Of an app whose sync is the test's `server`."""
    async with world(tmp_path) as at:
        yield await at.device(http_transport=server.transport)
