"""`realmsync reload` and SIGHUP: a server that runs takes its folders as they are now."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app_folders import TASK, write_app
from realmsync.cli import main
from realmsync.server.apps.hosting import AppReport, what_changed
from realmsync.server.apps.reload_request import take_request
from realmsync.server.apps.sources import AppFolder
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

        result = reload(data)
        assert (result.exit_code, result.output) == (0, "app tasks-abcde stays as it was\n")

        write_app(app, root={"location": 5})
        result = reload(data)
        assert (result.exit_code, location(server)) == (1, "IE")
        first, second, *more = result.output.splitlines()
        assert first == f"the configuration in {app} is refused:" and more == []
        assert second.startswith("error config.bad_value realm_config.json: location: ")

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


def test_refusals_come_last(tmp_path: Path) -> None:
    """What is wrong must not scroll away above what is not."""
    folders = [AppFolder(write_app(tmp_path / name)) for name in ("good", "same", "bad")]
    write_app(tmp_path / "bad", root={"location": 5})
    reports = [AppReport(folder, folder.load(), True) for folder in folders]
    reports[1] = replace(reports[1], is_changed=False)
    reports[2] = replace(reports[2], is_served=False)
    for order in permutations(reports):
        lines = what_changed(order).splitlines()
        assert lines[0] == "tasks-abcde: partition-based sync, served"
        assert lines[-4].startswith(f"app tasks-abcde is served from {tmp_path / 'good'}")
        assert lines[-3] == "app tasks-abcde stays as it was"
        assert lines[-2] == f"the configuration in {tmp_path / 'bad'} is refused:"
        assert lines[-1].startswith("error config.bad_value")


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
