"""Operators' requests to the engine as the server's own code makes them: awaited, or from a worker
thread."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from realmsync.server.config import ServerConfig
from realmsync.server.engine_tasks import EngineTaskError
from realmsync.server.process import Server

DOG = (
    "Dog",
    "top",
    "_id",
    [("_id", "objectId", False, None, None), ("age", "int", True, None, None)],
)


def config(folder: Path) -> ServerConfig:
    return ServerConfig(data=folder, host="127.0.0.1", port=0)


async def test_requests_are_answered(tmp_path: Path) -> None:
    async with Server(config(tmp_path)) as server:
        tasks = server.tasks
        await asyncio.to_thread(tasks.install_schema, "app", [DOG])
        assert await asyncio.to_thread(tasks.schema, "app") == [DOG]
        await asyncio.to_thread(tasks.replace_schema, "app", [])
        assert await asyncio.to_thread(tasks.schema, "app") == []
        assert not await asyncio.to_thread(tasks.has_client_files, "app")
        await asyncio.to_thread(tasks.terminate, "app")
        with pytest.raises(EngineTaskError, match="no client file 7"):
            await tasks.force_reset("app", 7)


async def test_a_server_that_stops_leaves_nobody_waiting(tmp_path: Path) -> None:
    async with Server(config(tmp_path)) as server:
        tasks = server.tasks
        server._engine.shutdown(0)
        with pytest.raises(EngineTaskError, match="stopping"):
            await tasks.force_reset("app", 7)
        waiting = asyncio.create_task(tasks.force_reset("app", 7))
        await asyncio.sleep(0)
        tasks.close()
        with pytest.raises(EngineTaskError, match="stopping"):
            await waiting
