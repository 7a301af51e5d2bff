"""What is obeyed is stored before, and what is not obeyed is not stored (StoredApp.stored)."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from importer import ANONYMOUS, API, PARTITION, Importer
from realmsync.server.engine_tasks import EngineTaskError
from realmsync.server.process import Server
from sdk_http import Reply

pytestmark = pytest.mark.no_asan

PBS = {"sync": {"state": "enabled", "database_name": "db", "partition": PARTITION}}


class Lab:
    """One app, its file, and what is asked to change it."""

    def __init__(self, admin: Importer, app: dict[str, Any], path: Path) -> None:
        self._admin, self.path = admin, path
        self._base = f"{API}/groups/{admin.group}/apps/{app['_id']}"

    @property
    def file(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_bytes())
        return found

    async def add_value(self, name: str) -> Reply:
        body = {"name": name, "value": "x"}
        return await self._admin.http("POST", f"{self._base}/values", body, token=self._admin.token)

    async def values(self) -> list[str]:
        reply = await self._admin.http("GET", f"{self._base}/values", token=self._admin.token)
        return [value["name"] for value in reply.json]


@pytest_asyncio.fixture
async def lab(admin: Importer, server: Server) -> Lab:
    app = await admin.import_app(PBS, [ANONYMOUS])
    path = server.config.data / "apps" / f"{app['_id']}.json"
    return Lab(admin, app, path)


def stored(lab: Lab) -> list[str]:
    return [value["name"] for value in lab.file.get("values", [])]


async def test_it_is_stored_before_it_is_obeyed(
    lab: Lab, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    install = server.tasks.install_schema

    def look(app_id: str, classes: Any) -> None:
        seen.append(stored(lab))
        install(app_id, classes)

    monkeypatch.setattr(server.tasks, "install_schema", look)
    assert (await lab.add_value("a")).status == 201
    assert seen == [["a"]]
    assert [*lab.path.parent.iterdir()] == [lab.path], "nothing is left beside it"


async def test_what_the_engine_refuses_is_taken_back(
    lab: Lab, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await lab.add_value("a")).status == 201
    before = lab.path.read_bytes()

    def refuse(app_id: str, classes: Any) -> None:
        raise EngineTaskError("the storage is full")

    with monkeypatch.context() as patched:
        patched.setattr(server.tasks, "install_schema", refuse)
        reply = await lab.add_value("b")
    assert reply.status == 400 and "the storage is full" in reply.json["error"]
    assert lab.path.read_bytes() == before and await lab.values() == ["a"]
    assert (await lab.add_value("c")).status == 201
    assert stored(lab) == await lab.values() == ["a", "c"]


async def test_a_full_disk_changes_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = lab.path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        reply = await lab.add_value("a")
    assert (reply.status, reply.json["error"]) == (503, "cannot be stored: No space left on device")
    assert lab.path.read_bytes() == before and await lab.values() == []
    assert (await lab.add_value("a")).status == 201


async def test_changes_at_once_are_all_stored(lab: Lab) -> None:
    names = [f"v{number}" for number in range(8)]
    replies = await asyncio.gather(*map(lab.add_value, names))
    assert {reply.status for reply in replies} == {201}
    assert sorted(stored(lab)) == sorted(await lab.values()) == names
