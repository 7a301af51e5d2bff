"""Flow control of websockets, and how they and the server end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from typing import Any

import pytest
import websockets

from engine_double import EngineDouble
from eventually import eventually
from offer import PBS
from port_client import (
    RawClient,
    connect,
    frame,
    hang_up,
    sync_path,
    upgrade,
)
from realmsync.events import Close, Drop, PauseReading, ResumeReading, Writable
from realmsync.server.process import Server

pytestmark = pytest.mark.both_loops


async def test_slow_reader_holds_one_message(
    engine: EngineDouble, token: str, open_raw: Any
) -> None:
    client = await open_raw(upgrade(sync_path(token)))
    payload = bytes(1 << 20)
    for _ in range(64):
        engine.outbox[1].append(payload)
    engine.emit(Writable(1))
    await asyncio.sleep(0.3)
    waiting = len(engine.outbox[1])
    assert waiting > 40, "messages must be pulled only when the socket takes them"
    for _ in range(64):
        assert await client.read_frame() == (2, payload)
    assert not engine.outbox[1]
    assert engine.held_buffers == 0


async def test_reading_pauses(engine: EngineDouble, token: str, open_raw: Any) -> None:
    client = await open_raw(upgrade(sync_path(token)))
    engine.emit(PauseReading(1))
    await asyncio.sleep(0.05)
    client.writer.write(frame(b"later"))
    await asyncio.sleep(0.1)
    assert engine.received == []
    engine.emit(ResumeReading(1))
    await eventually(lambda: engine.messages() == [b"later"])


@pytest.mark.parametrize("code", [0, 1011])
async def test_an_end_on_a_socket_that_is_gone(
    server: Server, token: str, engine: EngineDouble, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    """The peer has reset it, which the loop has yet to tell: plain asyncio wrote a traceback."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port))) as client:
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, upgrade(sync_path(token)))
        await loop.sock_recv(client, 1000)
        await eventually(lambda: engine.open == [1])
        (websocket,) = server._acceptor.connections
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    websocket.finish(code)
    await eventually(lambda: engine.open == [])
    assert failures == [] and "Traceback" not in caplog.text


@pytest.mark.parametrize("code", [0, 1011, 4001])
async def test_close_flushes_then_ends(
    engine: EngineDouble, token: str, open_raw: Any, code: int
) -> None:
    client = await open_raw(upgrade(sync_path(token)))
    engine.outbox[1].extend([b"last words", b"very last"])
    engine.emit(Close(1, code))
    client.writer.write(frame(b"ignored") * 10)
    assert await client.read_frame() == (2, b"last words")
    assert await client.read_frame() == (2, b"very last")
    if code:
        assert await client.read_frame() == (8, struct.pack("!H", code))
    assert await client.at_end()
    await eventually(lambda: ("closed", 1) in engine.calls)


async def test_drop(engine: EngineDouble, token: str, open_raw: Any) -> None:
    client = await open_raw(upgrade(sync_path(token)))
    engine.emit(Drop(1))
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.read_frame()
    await eventually(lambda: ("closed", 1) in engine.calls)


async def test_independent_client(server: Server, engine: EngineDouble, token: str) -> None:
    engine.on_message = lambda connection, data: engine.outbox[connection].append(data[::-1])
    async with websockets.connect(
        f"ws://127.0.0.1:{server.port}{sync_path(token)}",
        subprotocols=[websockets.Subprotocol(f"{PBS}{n}") for n in range(14, 1, -1)],
        max_size=None,
    ) as client:
        assert client.subprotocol == f"{PBS}14"
        for size in (1, 1000, 1 << 19):
            payload = os.urandom(size)
            await client.send(payload)
            assert await client.recv() == payload[::-1]
        await (await client.ping())
        engine.emit(Close(1, 1011))
        await client.wait_closed()
        assert client.close_code == 1011


async def test_stop_says_goodbye(server: Server, engine: EngineDouble, token: str) -> None:
    reader, writer = await connect(server)
    writer.write(upgrade(sync_path(token)))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    idle_reader, idle_writer = await connect(server)
    await asyncio.sleep(0.05)
    stopping = asyncio.create_task(server.stop())
    client = RawClient(reader, writer)
    assert await client.read_frame() == (2, b"bye")
    assert await client.read_frame() == (8, struct.pack("!H", 1011))
    assert await client.at_end()
    await hang_up(writer)
    await asyncio.wait_for(stopping, 5)
    assert engine.closed_engine
    assert await idle_reader.read() == b""
    await hang_up(idle_writer)
    with pytest.raises(ConnectionRefusedError):
        await connect(server)


async def test_stop_does_not_wait_for_a_dead_client(
    server: Server, engine: EngineDouble, token: str
) -> None:
    reader, writer = await connect(server)
    writer.write(upgrade(sync_path(token)))
    await reader.readuntil(b"\r\n\r\n")
    engine.on_shutdown = lambda: None
    before = asyncio.get_running_loop().time()
    await server.stop()
    assert 1.5 < asyncio.get_running_loop().time() - before < 4
    await hang_up(writer)
