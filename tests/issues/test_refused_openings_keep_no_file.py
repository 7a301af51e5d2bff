"""A realm whose asynchronous opening was refused stayed open until a thread had ended, now and then
so long that its file could not be deleted."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from devices import LIMIT, world
from realmsync import Realm, RealmError
from realmsync.model import in_thread


async def test_the_file_can_be_deleted_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, over = in_thread._tell, threading.Event()

    def and_live_on(*news: Any) -> bool:
        told = tell(*news)
        over.wait(LIMIT)
        return told

    async with world(tmp_path) as at:
        device = await at.device()
        await device.app.remove_user(device.user)
        monkeypatch.setattr(in_thread, "_tell", and_live_on)
        try:
            with pytest.raises(RealmError, match="has been removed"):
                await device.open()
            Realm.delete_file(device.config())
        finally:
            over.set()
