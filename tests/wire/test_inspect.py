"""decode_message and the `realmsync inspect` commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from realmsync.cli import main
from realmsync.errors import BadChangesetError, BadMessageError
from realmsync.inspect import decode_changeset, decode_message

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors"
RECORDINGS = sorted((VECTORS / "wire").glob("*.jsonl"))
EXCHANGES = [json.loads(line) for line in (HERE / "exchanges.jsonl").read_text().splitlines()]
UPLOAD = b"upload 1 0 32 0 8 3 3\n8 3 316000060000 0 10 ?\x00\x03Dog\x02\x00\x01\x03"


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: p.stem)
def test_recordings_down_to_their_instructions(path: Path) -> None:
    instructions = 0
    for line in path.read_text().splitlines():
        frame = json.loads(line)
        if frame["t"] not in ("c2s", "s2c"):
            continue
        message = decode_message(bytes.fromhex(frame["hex"]), from_client=frame["t"] == "c2s")
        assert not [key for key, value in message.items() if isinstance(value, bytes)]
        for entry in message.get("entries", []):
            assert entry["instructions"] == decode_changeset(entry["changeset"])
            instructions += len(entry["instructions"])
    assert instructions


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: f"{e['example']}-{e['side']}")
def test_the_mode_is_found(exchange: dict[str, str]) -> None:
    data = bytes.fromhex(exchange["hex"])
    if exchange["example"] == "17.9":  # its changeset is a stand-in
        with pytest.raises(BadChangesetError):
            decode_message(data, from_client=True)
        return
    message = decode_message(data, from_client=exchange["side"] == "client")
    if message["type"] == "download":
        assert ("query_version" in message) == (exchange["mode"] == "flexible")
        assert ("downloadable_bytes" in message) == (exchange["mode"] == "partition")


def test_fields() -> None:
    assert decode_message(UPLOAD, from_client=True) == {
        "type": "upload",
        "session": 1,
        "upload_client_version": 8,
        "upload_server_version": 3,
        "locked_server_version": 3,
        "compressed": False,
        "uncompressed_size": 32,
        "compressed_size": 0,
        "entries": [
            {
                "client_version": 8,
                "server_version": 3,
                "origin_timestamp": 316000060000,
                "origin_file_ident": 0,
                "changeset": b"?\x00\x03Dog\x02\x00\x01\x03",
                "instructions": [
                    {"op": "CreateObject", "table": "Dog", "pk": {"t": "int", "v": 3}}
                ],
            }
        ],
    }


def test_the_first_error_is_the_one_of_partition_sync() -> None:
    with pytest.raises(BadMessageError, match="line feed"):
        decode_message(b"mark 1 1 1\n", from_client=True)


def run(*arguments: str, data: bytes = b"") -> Any:
    return CliRunner().invoke(main, ["inspect", *arguments], input=data)


def test_message_command(tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_bytes(UPLOAD)
    result = run("message", str(file))
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["entries"][0]["changeset"] == "3f0003446f6702000103"
    from_server = run("message", "--from-server", "-", data=b"pong 4125\n")
    assert json.loads(from_server.output) == {"type": "pong", "timestamp": 4125}


def test_changeset_command() -> None:
    data = (VECTORS / "bench" / "flights-1000.changeset").read_bytes()
    assert json.loads(run("changeset", "-", data=data).output) == decode_changeset(data)


@pytest.mark.parametrize("command", ["changeset", "message"])
def test_malformed_input(command: str) -> None:
    result = run(command, "-", data=b"\xff\xff\xff")
    assert result.exit_code == 1
    assert result.output.startswith("Error: ") and "at byte" in result.output


def test_missing_file() -> None:
    assert run("message", "no-such-file").exit_code != 0


def test_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "realmsync", "inspect", "message", "--from-server", "-"],
        input=b"unbound 2\n",
        capture_output=True,
    )
    assert json.loads(result.stdout) == {"type": "unbound", "session": 2}


def test_a_missing_click_is_named() -> None:
    code = "import sys; sys.modules['click'] = None; import realmsync.cli"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert "realmsync[cli]" in result.stderr
