"""Flexible sync with a server process that is killed or stopped: nothing is lost, and nobody sees a
half of a bootstrap. Specification: flexible-sync.md 7.5."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import realmsync
from devices import LIMIT, session_of
from realmsync import App, Credentials, Realm, SyncConfiguration
from realmsync.testing import ServerProcess

pytestmark = pytest.mark.no_asan

PART = 5_000  # objects


class Task(realmsync.Object):
    _id: int = realmsync.primary_key()
    text: str = ""


def everything(subscriptions: Any, realm: Realm) -> None:
    subscriptions.add(realm.objects(Task))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server") as server:
        yield server


async def realm_of(app: App, initial: Any = everything) -> Realm:
    user = app.current_user or await app.log_in(Credentials.anonymous())
    sync = SyncConfiguration(user=user, flexible=True, initial_subscriptions=initial)
    return Realm(schema=[Task], sync=sync)


async def test_a_server_that_is_killed(server: ServerProcess, tmp_path: Path) -> None:
    """While objects are written and sent, and in the middle of a bootstrap."""
    async with (
        App("app", base_url=server.url, base_file_path=tmp_path / "one") as one,
        App("app", base_url=server.url, base_file_path=tmp_path / "two") as two,
    ):
        with await realm_of(one) as author, await realm_of(two, None) as reader:
            for first in range(0, 4 * PART, PART):
                author.create_many(Task, {"_id": list(range(first, first + PART))})
            assert await session_of(author).upload_all_local_changes(LIMIT)
            await asyncio.to_thread(server.kill)
            author.create_many(Task, {"_id": [4 * PART]})
            await asyncio.to_thread(server.start)
            assert await session_of(author).upload_all_local_changes(LIMIT)
            reader.subscriptions.update_no_wait(lambda s: s.add(reader.objects(Task)))
            for delay in (0.05, 0.2):
                await asyncio.sleep(delay)
                await asyncio.to_thread(server.kill)
                assert len(reader.objects(Task)) in (0, 4 * PART + 1)
                await asyncio.to_thread(server.start)
            await reader.subscriptions.wait_for_synchronization(3 * LIMIT)
            assert len(reader.objects(Task)) == 4 * PART + 1
