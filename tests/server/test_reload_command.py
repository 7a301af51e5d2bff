"""`realmsync reload` and SIGHUP: a server that runs takes its folders as they are now."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app_folders import TASK, write_app
from realmsync.cli import main
from realmsync.server.apps.reload_request import take_request
from realmsync.server.data_directory import DataDirectory, process_of
from realmsync.testing import ServerProcess


def reload(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["reload", "--data", str(data), *arguments])


def location(server: ServerProcess) -> str:
    path = f"{server.url}/api/client/v2.0/app/tasks-abcde/location"
    with urllib.request.urlopen(path, timeout=20) as reply:
        found: str = json.load(reply)["location"]
    return found


@pytest.mark.no_asan
def test_reload(tmp_path: Path) -> None:
    data, app = tmp_path / "data", write_app(tmp_path / "app")
    with ServerProcess(data, "--app", str(app), "--production", durability="process") as server:
        assert process_of(data) == server.pid
        write_app(app, root={"location": "IE"})
        result = reload(data)
        assert (result.exit_code, location(server)) == (0, "IE"), result.output
        assert f"app tasks-abcde is served from {app}" in result.output

        write_app(app, root={"location": 5})
        result = reload(data)
        assert (result.exit_code, location(server)) == (1, "IE")
        assert "config.bad_value" in result.output and "is refused" in result.output

        write_app(app, schema=TASK | {"title": "Note"})
        assert "class Task is gone" in reload(data).output
        assert reload(data, "--accept-breaking").exit_code == 0

        write_app(app, schema=TASK | {"title": "Note"}, root={"location": "BR"})
        os.kill(server.pid, signal.SIGHUP)
        for _ in range(1000):
            if location(server) == "BR":
                break
            time.sleep(0.01)
        assert location(server) == "BR"
        assert not list(data.glob("reload.*"))
    assert "no `realmsync serve` runs on" in reload(data).output


def test_a_directory_whose_process_knows_no_reload(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    try:
        assert process_of(tmp_path) is None, "a signal would end it"
        directory.announce()
        assert process_of(tmp_path) == os.getpid()
    finally:
        directory.release()
    directory = DataDirectory(tmp_path)
    assert process_of(tmp_path) is None, "what another process has left counts no more"
    directory.release()
    assert process_of(tmp_path / "none") is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"number": "1"}'])
def test_requests_that_are_none(tmp_path: Path, content: str) -> None:
    assert take_request(tmp_path) is None
    (tmp_path / "reload.request").write_text(content)
    assert take_request(tmp_path) is None
