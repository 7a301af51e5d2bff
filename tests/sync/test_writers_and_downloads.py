"""Local writers and incoming changes want the same file: both get on, and nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from devices import DOG, LIMIT, add, session_of, world
from realmsync import Realm


async def write_one_by_one(realm: Realm, first: int, count: int) -> None:
    for key in range(first, first + count):
        async with realm.write(timeout=LIMIT):
            realm.create("Dog", {"_id": key, "name": "here"})


def write_in_a_thread(path: str, first: int, count: int) -> None:
    with Realm(path=path, schema=[DOG]) as realm:
        for key in range(first, first + count):
            with realm.write(timeout=LIMIT):
                realm.create("Dog", {"_id": key, "name": "thread"})


async def test_both_get_on(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        source, sink = await at.device(), await at.device()
        async with source.open() as there, sink.open() as here:
            session_of(here).pause()
            for block in range(0, 20_000, 500):
                add(there, *range(block, block + 500))
            assert await session_of(there).upload_all_local_changes(LIMIT)
            session_of(here).resume()
            download = asyncio.create_task(session_of(here).download_all_server_changes(LIMIT))
            await asyncio.gather(
                *(write_one_by_one(here, 100_000 + 100 * n, 50) for n in range(4)),
                asyncio.to_thread(write_in_a_thread, here.path, 200_000, 100),
            )
            assert await download
            assert await session_of(here).upload_all_local_changes(LIMIT)
            assert await session_of(there).download_all_server_changes(LIMIT)
            assert len(here.objects("Dog")) == len(there.objects("Dog")) == 20_300
