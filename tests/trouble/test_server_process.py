"""A server as a process: signals, ports in use, crashes. What clients lose is tested elsewhere."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from realmsync.server.config import ServerConfig
from realmsync.testing import ServerProcess, run_server


def health(url: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
        return json.load(reply)


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "realmsync", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20)


def test_graceful_stop(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert health(server.url) == {"status": "ok"}
        assert server.stop() == 0
        server.start()
        assert health(server.url) == {"status": "ok"}


def test_interrupt(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert server._end(signal.SIGINT, 10) == 0


def test_start_after_a_crash(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        secret = (tmp_path / "data" / "secret.key").read_bytes()
        server.kill()
        server.start()
        assert health(server.url) == {"status": "ok"}
        assert (tmp_path / "data" / "secret.key").read_bytes() == secret


def test_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = serve("--host", "127.0.0.1", "--port", str(port), "--data", str(tmp_path))
    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: " in result.stderr
    assert "ddress already in use" in result.stderr
    assert "Traceback" not in result.stderr


def test_data_directory_in_use(tmp_path: Path) -> None:
    with ServerProcess(tmp_path):
        result = serve("--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path))
    assert result.returncode == 1
    assert "in use by another server" in result.stderr
    assert "Traceback" not in result.stderr


def test_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = serve("--port", "0", "--data", str(tmp_path / "file" / "below"))
    assert result.returncode == 1
    assert "cannot use data directory" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_server_in_this_process(host: str) -> None:
    with run_server(host=host) as server:
        assert health(server.url) == {"status": "ok"}
        data = server.config.data
        assert (data / "users.sqlite").exists()
    assert not data.exists()


def test_a_server_merges_safely_or_strictly(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--merge-profile", "strict") as server:
        assert health(server.url) == {"status": "ok"}
    refused = serve("--merge-profile", "full", "--data", str(tmp_path))
    assert refused.returncode == 2
    assert "'full' is not one of 'safe', 'strict'" in refused.stderr
    with pytest.raises(ValueError, match="'safe' or 'strict', not 'full'"):
        ServerConfig(data=tmp_path, merge_profile="full")
