"""A server that had been stopped kept its data directory as long as its object lived, if no client
had come: another one on the directory was refused. Found by the guides' examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from realmsync.server.config import ServerConfig
from realmsync.server.process import Server


@pytest.mark.parametrize("apps", [[], ["notes"]])
async def test_another_may_have_the_directory(tmp_path: Path, apps: list[str]) -> None:
    config = ServerConfig(data=tmp_path, port=0, apps=apps)
    first, second = Server(config), Server(config)
    await first.start()
    await first.stop()
    await second.start()
    assert second.status()["status"] == "ok"
    await second.stop()
