"""What log and disk show of strangers: no tokens, no forged lines, nothing for other users."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine_double import EngineDouble
from realmsync.events import Log
from realmsync.server.config import ServerConfig
from realmsync.server.logs import LogLimit, one_line
from realmsync.server.process import Server
from realmsync.testing import ServerProcess

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzZWNyZXQiOiJ5ZXMifQ.c2lnbmF0dXJl"
TARGET = f"/api/client/v2.0/app/attack/realm-sync?baas_at={TOKEN}".encode()


@pytest.fixture
def engine() -> EngineDouble:
    return EngineDouble()


@pytest.fixture
async def server(engine: EngineDouble, tmp_path: Path) -> AsyncIterator[Server]:
    config = ServerConfig(data=tmp_path / "data", host="127.0.0.1", port=0)
    async with Server(config, runtime=engine) as server:
        yield server


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    # Also where another test has set the level of the package.
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "realmsync"):
        yield caplog


async def send(server: Server, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(4096), 10)
    writer.close()
    return answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET " + TARGET + b" HTTP/1.1\r\nHost: x\r\nNoColonHere\r\n\r\n",
        b"GET " + TARGET + b" HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET  " + TARGET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET " + TARGET + b" HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"G\xffT " + TARGET + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + TOKEN.encode() + b"\0\r\n\r\n",
    ],
)
async def test_requests_that_cannot_be_read(
    server: Server, log: pytest.LogCaptureFixture, request_: bytes
) -> None:
    assert (await send(server, request_)).startswith(b"HTTP/1.")
    assert TOKEN not in log.text
    assert "Traceback" not in log.text


async def test_texts_of_the_engine_are_one_line(
    server: Server, engine: EngineDouble, log: pytest.LogCaptureFixture
) -> None:
    engine.emit(Log("warning", "client says: x\n2026-01-01 CRITICAL forged\r\x1b[31m\ud800é"))
    engine.emit(Log("warning", "y" * (3 << 20)))
    await asyncio.sleep(0.2)
    messages = [r.getMessage() for r in log.records if r.levelname == "WARNING"]
    assert messages[0] == "client says: x\\n2026-01-01 CRITICAL forged\\r\\x1b[31m\\ud800é"
    assert messages[1] == "y" * 500 + "… (3,145,728 characters)"


def test_short_texts_stay_as_they_are() -> None:
    text = 'partition "größe", client file 2'
    assert one_line(text) == text


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path


async def test_a_folder_that_others_may_read(
    open_folder: Path, log: pytest.LogCaptureFixture
) -> None:
    async with Server(ServerConfig(data=open_folder, host="127.0.0.1", port=0)):
        assert f"other users of this machine may read {open_folder}" in log.text


def test_a_server_of_its_own_writes_for_nobody_else(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data):
        modes = {path.name: path.stat().st_mode for path in [data, *data.rglob("*")]}
    assert len(modes) > 4
    assert [name for name, mode in modes.items() if stat.S_IMODE(mode) & 0o077] == []


async def test_a_server_in_a_program_writes_for_nobody_else(tmp_path: Path) -> None:
    """Whatever the program's umask."""
    data = tmp_path / "data"
    umask = os.umask(0)
    try:
        async with Server(ServerConfig(data=data, host="127.0.0.1", port=0)):
            files = {path.name: path.stat().st_mode for path in data.rglob("*") if path.is_file()}
    finally:
        os.umask(umask)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {"users.sqlite", "owner.lock", "partitions.sqlite", "lock"} <= set(files)
    assert [name for name, mode in files.items() if stat.S_IMODE(mode) != 0o600] == []


@pytest.fixture
def limit() -> Iterator[LogLimit]:
    limit = LogLimit(3)
    limit.install()
    yield limit
    limit.remove()


def test_lines_of_a_kind_are_limited(limit: LogLimit, log: pytest.LogCaptureFixture) -> None:
    """Each kind for itself; what was left out is counted."""
    logger, engine = logging.getLogger("realmsync.server"), logging.getLogger("realmsync.websocket")
    for number in range(10):
        logger.warning("no room for %s", number)
        engine.log(logging.INFO, "%s", f"Session error {number}: whatever the client says")
    logger.error("no room for %s", "this")
    engine.info("%s", "Client file bound anew")
    engine.info("Disconnected")
    assert len(log.messages) == 3 + 3 + 3
    log.clear()
    limit.next_minute()
    assert sorted(log.messages) == [
        "7 more like it in the last minute: Session error ",
        "7 more like it in the last minute: no room for %s",
    ]
    log.clear()
    logger.warning("no room for %s", "another one")
    limit.next_minute()
    assert log.messages == ["no room for another one"]


def test_kinds_without_end_are_one(limit: LogLimit, log: pytest.LogCaptureFixture) -> None:
    words = ["".join(letters) for letters in itertools.product("abcdefg", repeat=4)]
    for word in words:
        logging.getLogger("realmsync.server").info(word)
    assert log.messages == words[:1003]


async def test_a_server_limits_its_log(
    server: Server, engine: EngineDouble, log: pytest.LogCaptureFixture
) -> None:
    for number in range(200):
        engine.emit(Log("warning", f"Session error {number}"))
    for _ in range(100):
        await asyncio.sleep(0.01)
        if sum("Session error" in message for message in log.messages) == 60:
            break
    log.clear()
    await server.stop()
    assert "140 more like it in the last minute: Session error " in log.messages
    assert not logging.getLogger("realmsync.server").filters
