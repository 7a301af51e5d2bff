"""Callbacks that are added and removed while others run (client-session.md 4.3, 18.3), and files of
paused sessions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from devices import LIMIT, add, session_of, world
from realmsync import Realm


async def test_removal_counts_at_once_and_additions_from_the_next_change_on(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        async with device.open() as realm:
            session = session_of(realm)
            called: list[str] = []
            seen = asyncio.Event()

            def before(*_: Any) -> None:
                called.append("before")

            def others(*_: Any) -> None:
                called.append("others")
                session.remove_connection_notification(victim)
                session.add_connection_notification(late)

            def victim(*_: Any) -> None:
                called.append("victim")

            def own(*_: Any) -> None:
                called.append("own")
                session.remove_connection_notification(own)

            def late(*_: Any) -> None:
                called.append("late")
                seen.set()

            for callback in (before, others, victim, own):
                session.add_connection_notification(callback)
            session.remove_connection_notification(before)
            session.pause()
            await asyncio.sleep(0.05)
            assert called == ["others", "own"]
            session.remove_connection_notification(others)
            session.resume()
            await asyncio.wait_for(seen.wait(), LIMIT)
            assert called[2:] == ["late"] * len(called[2:])


async def test_the_file_of_a_paused_session_can_be_deleted(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        device = await at.device()
        config = device.config()
        async with Realm.open(config) as realm:
            add(realm, 1)
            assert await session_of(realm).upload_all_local_changes(LIMIT)
            session = session_of(realm)
            session.pause()
            path = Path(realm.path)
        assert await asyncio.to_thread(session.ended.wait, LIMIT)
        Realm.delete_file(config)
        assert not list(path.parent.glob(path.name + "*"))
        async with Realm.open(config) as realm:
            assert len(realm.objects("Dog")) == 1
