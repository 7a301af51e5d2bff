"""Frames of any size in any pieces, and those that break the protocol."""

from __future__ import annotations

import asyncio
import os
import random
import struct
from typing import Any

import pytest

from engine_double import EngineDouble
from eventually import eventually
from port_client import (
    connect,
    exchange,
    frame,
    hang_up,
    sync_path,
    upgrade,
    user_of,
)
from realmsync.server.process import Server

pytestmark = pytest.mark.both_loops

KEY_4 = b"\x01\xf2\x83\x74"


async def test_messages_both_ways(engine: EngineDouble, token: str, open_raw: Any) -> None:
    sizes = [0, 1, 125, 126, 65535, 65536, 1 << 20]
    engine.on_message = lambda connection, data: engine.outbox[connection].append(data)
    client = await open_raw(upgrade(sync_path(token)))
    for size in sizes:
        payload = os.urandom(size)
        client.writer.write(frame(payload))
        assert await client.read_frame() == (2, payload)
    assert engine.held_buffers == 0


async def test_messages_right_behind_the_upgrade(
    engine: EngineDouble, token: str, open_raw: Any
) -> None:
    request = upgrade(sync_path(token)) + frame(b"one") + frame(b"two")
    await open_raw(request)
    await eventually(lambda: engine.messages() == [b"one", b"two"])


async def test_request_in_single_bytes(server: Server, engine: EngineDouble, token: str) -> None:
    reader, writer = await connect(server)
    for byte in upgrade(sync_path(token)) + frame(b"hello"):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    await eventually(lambda: engine.messages() == [b"hello"])
    await hang_up(writer)


async def test_fragments_with_control_frames_between(
    engine: EngineDouble, token: str, open_raw: Any
) -> None:
    client = await open_raw(upgrade(sync_path(token)))
    client.writer.write(frame(b"ab", fin=False))
    client.writer.write(frame(b"ping", opcode=9))
    client.writer.write(frame(b"cd", opcode=0, fin=False) + frame(b"e", opcode=0))
    client.writer.write(frame(b"whole"))
    assert await client.read_frame() == (10, b"ping")
    await eventually(lambda: engine.messages() == [b"abcde", b"whole"])


async def test_text_is_ignored(engine: EngineDouble, token: str, open_raw: Any) -> None:
    client = await open_raw(upgrade(sync_path(token)))
    client.writer.write(frame(b"text", opcode=1))
    client.writer.write(frame(b"te", opcode=1, fin=False) + frame(b"xt", opcode=0))
    client.writer.write(frame(b"binary"))
    await eventually(lambda: engine.messages() == [b"binary"])


RSV = bytes([0xC2]) + frame(b"x")[1:]


async def test_frames_of_any_size_in_any_pieces(
    engine: EngineDouble, token: str, open_raw: Any
) -> None:
    """Large frames are taken in piece by piece, whatever arrives together."""
    client = await open_raw(upgrade(sync_path(token)))
    chance = random.Random(3)
    messages, stream = [], b""
    for _ in range(60):
        parts = [
            chance.randbytes(chance.choice((0, 1, 125, 126, 16_384, 32_768, 32_769, 70_000)))
            for _ in range(chance.choice((1, 1, 3)))
        ]
        messages.append(b"".join(parts))
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            stream += frame(part, opcode=0 if number else 2, fin=last)
            stream += frame(b"", opcode=10) + (frame(bytes(20_000), opcode=1) if last else b"")
    while stream:
        size = chance.choice((1, 3, 9, 700, 12_288, 50_000))
        client.writer.write(stream[:size])
        stream = stream[size:]
        await client.writer.drain()
    await eventually(lambda: len(engine.received) == len(messages))
    assert engine.messages() == messages


async def test_pieces_of_several_messages_by_turns(
    engine: EngineDouble, token: str, open_raw: Any
) -> None:
    """Connections share the buffer that is read into."""
    clients = [await open_raw(upgrade(sync_path(token))) for _ in range(3)]
    chance = random.Random(5)
    messages = [chance.randbytes(60_000) for _ in clients]
    streams = [frame(message) for message in messages]
    for at in range(0, 61_000, 999):
        for client, stream in zip(clients, streams, strict=True):
            client.writer.write(stream[at : at + 999])
            await client.writer.drain()
        await asyncio.sleep(0)
    await eventually(lambda: len(engine.received) == 3)
    assert dict(engine.received) == dict(enumerate(messages, 1))


@pytest.mark.parametrize("size", [100, 65_535])
async def test_lengths_in_more_bytes_than_needed(
    engine: EngineDouble, token: str, open_raw: Any, caplog: Any, size: int
) -> None:
    client = await open_raw(upgrade(sync_path(token)))
    client.writer.write(struct.pack("!BBQ", 0x82, 0xFF, size) + bytes(4 + size))
    opcode, payload = await client.read_frame()
    assert (opcode, payload[:2]) == (8, struct.pack("!H", 1002))
    assert engine.received == []
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1


async def test_unfinished_messages_of_one_user(
    server: Server, engine: EngineDouble, token: str, open_raw: Any, caplog: Any
) -> None:
    """Those that have no room are told to come back, the others go on."""
    account = server._acceptor._unfinished
    account._per_user = 2 << 20
    first, second, third = [await open_raw(upgrade(sync_path(token))) for _ in range(3)]
    whole = frame(bytes(1 << 20))
    for client in (first, second, third):
        client.writer.write(whole[:-1])
        await client.writer.drain()
    await eventually(lambda: account.received == 2 * (1 << 20) - 2)
    opcode, payload = await third.read_frame()
    assert (opcode, payload[:2]) == (8, struct.pack("!H", 1011))
    for client in (first, second):
        client.writer.write(whole[-1:])
    await eventually(lambda: len(engine.received) == 2)
    assert account.received == 0
    assert [r.message for r in caplog.records if r.levelname == "WARNING"] == [
        f"user {user_of(token)} has too many unfinished messages"
    ]


async def test_a_control_frame_inside_of_an_unfinished_message(
    server: Server, engine: EngineDouble, token: str, open_raw: Any
) -> None:
    """It does not tell how large the message is going to be, which may be as large as allowed."""
    account = server._acceptor._unfinished
    client = await open_raw(upgrade(sync_path(token)))
    client.writer.write(frame(b"x", fin=False) + frame(bytes(100), opcode=9)[:-1])
    await eventually(lambda: account.received == 1)
    assert account._reserved[user_of(token)] == 1 << 20


@pytest.mark.parametrize(
    "data",
    [
        frame(b"x", mask=False),
        frame(b"x", opcode=0),
        frame(b"x", fin=False) + frame(b"y"),
        frame(b"x", opcode=3),
        frame(b"x", opcode=9, fin=False),
        RSV,
    ],
    ids=["unmasked", "continuation", "interleaved", "opcode", "control", "reserved"],
)
async def test_broken_frames_end_only_their_connection(
    engine: EngineDouble, token: str, open_raw: Any, data: bytes
) -> None:
    sane = await open_raw(upgrade(sync_path(token)))
    client = await open_raw(upgrade(sync_path(token)))
    client.writer.write(data)
    opcode, payload = await client.read_frame()
    assert (opcode, payload[:2]) == (8, struct.pack("!H", 1002))
    assert await client.at_end()
    await eventually(lambda: ("closed", 2) in engine.calls)
    sane.writer.write(frame(b"still here"))
    await eventually(lambda: engine.received == [(1, b"still here")])


@pytest.mark.parametrize("form", ["one frame", "fragments"])
async def test_oversized_messages_are_not_answered_with_1009(
    engine: EngineDouble, token: str, open_raw: Any, form: str
) -> None:
    client = await open_raw(upgrade(sync_path(token)))
    if form == "one frame":
        client.writer.write(struct.pack("!BBQ", 0x82, 0xFF, 1 << 40) + bytes(4))
        chunk = bytes(1 << 16)
    else:
        client.writer.write(frame(b"", fin=False))
        chunk = frame(bytes(1 << 16), opcode=0, fin=False)
    for _ in range(40):
        client.writer.write(chunk)
        await asyncio.sleep(0)
    opcode, payload = await client.read_frame()
    assert (opcode, payload[:2]) == (8, struct.pack("!H", 1011))
    assert engine.received == []


@pytest.mark.parametrize("cut", [1, 2, 7, 8, 9, 13, 14, 15, 100, 1 << 16])
@pytest.mark.parametrize("before", [b"", b"ping 1 0\n", bytes(130), bytes(70_000)])
async def test_the_engine_hears_how_a_message_that_is_too_large_begins(
    engine: EngineDouble, token: str, open_raw: Any, before: bytes, cut: int
) -> None:
    """Wherever the stream is cut: it is found by its header, before the rest of it has come."""
    client = await open_raw(upgrade(sync_path(token)))
    message = b"upload 1 0 2000000 0 3 0 0\n" + bytes(3000)
    raw = struct.pack("!BBQ", 0x82, 0xFF, 2_000_000) + KEY_4
    raw += bytes(byte ^ KEY_4[i & 3] for i, byte in enumerate(message))
    if before:
        raw = frame(before) + raw
    for at in range(0, len(raw), cut) if cut > 50 else (0, cut):
        client.writer.write(raw[at : at + cut] if cut > 50 or at == 0 else raw[at:])
        await client.writer.drain()
        await asyncio.sleep(0.005 if cut < 50 else 0)
    await eventually(lambda: any(call[0] == "refuse" for call in engine.calls))
    assert engine.calls[-1] == ("refuse", 1, message[:256], 2_000_000)
    assert engine.messages() == ([before] if before else [])


async def test_random_bytes(server: Server, engine: EngineDouble, token: str) -> None:
    seed = random.Random(7)
    for _ in range(60):
        reader, writer = await connect(server)
        data = seed.randbytes(seed.randrange(1, 3000))
        writer.write(data if seed.random() < 0.5 else upgrade(sync_path(token)) + data)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        await hang_up(writer)
    assert (await exchange(server, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(
        b"HTTP/1.1 200 OK"
    )
