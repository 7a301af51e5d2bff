"""The port of a server: handshake table, frames, limits; raw sockets and an independent client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import random
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import websockets

from engine_double import EngineDouble
from offer import OFFER, PBS
from realmsync.events import Close, Drop, PauseReading, ResumeReading, Writable
from realmsync.server.config import HttpLimits, ServerConfig
from realmsync.server.process import Server
from realmsync.transport.loop import TransportLimits

APP = "test-app-0"
KEY = base64.b64encode(bytes(range(16))).decode()
ACCEPT = "Bz3qJYTGdOe8gUSpLosEdiLKDrk="
KEY_4 = b"\x01\xf2\x83\x74"


@pytest.fixture
def engine() -> EngineDouble:
    return EngineDouble()


@pytest.fixture
async def server(engine: EngineDouble, tmp_path: Path) -> AsyncIterator[Server]:
    config = ServerConfig(
        data=tmp_path,
        host="127.0.0.1",
        port=0,
        apps=frozenset({APP}),
        http=HttpLimits(head_timeout=0.5, websockets_per_user=3),
        transport=TransportLimits(max_message=1 << 20, linger=0.3),
        stop_timeout=2.0,
    )
    async with Server(config, runtime=engine) as server:
        yield server


@pytest.fixture
async def token(server: Server) -> str:
    return (await log_in(server))["access_token"]


async def log_in(server: Server, app_id: str = APP) -> dict[str, str]:
    body = json.dumps({"provider": "anon-user", "options": {"device": {}}}).encode()
    path = f"/api/client/v2.0/app/{app_id}/auth/providers/anon-user/login"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    reply = await exchange(server, head.encode() + body)
    return json.loads(reply.partition(b"\r\n\r\n")[2])


async def log_in_with_password(
    server: Server, email: str, *, source: str = "127.0.0.1"
) -> dict[str, str]:
    """Registers the account, too, when it is new."""
    userpass = f"/api/client/v2.0/app/{APP}/auth/providers/local-userpass"
    for path, body in [
        ("register", {"email": email, "password": "secret"}),
        ("login", {"username": email, "password": "secret"}),
    ]:
        data = json.dumps(body).encode()
        head = f"POST {userpass}/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        reply = await exchange(server, head.encode() + data, source=source)
    return json.loads(reply.partition(b"\r\n\r\n")[2])


async def exchange(server: Server, data: bytes, *, source: str = "127.0.0.1") -> bytes:
    """What the server answers to raw bytes, up to the end of the answer or of the stream."""
    reader, writer = await connect(server, source)
    writer.write(data)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = re.search(rb"(?i)content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    await hang_up(writer)
    return head + body


async def connect(
    server: Server, source: str = "127.0.0.1"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port, local_addr=(source, 0))


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def user_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


def sync_path(token: str, app_id: str = APP) -> str:
    return f"/api/client/v2.0/app/{app_id}/realm-sync?baas_at={token}"


def upgrade(path: str, **changes: str | None) -> bytes:
    """An upgrade request with the headers in the order in which an SDK sends them."""
    headers: dict[str, str | None] = {
        "Host": "127.0.0.1:7801",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Protocol": ", ".join(OFFER),
        "Sec-WebSocket-Version": "13",
        "Upgrade": "websocket",
        "User-Agent": "RealmSync/14.13.5 (Linux) RealmJS/12.14.2",
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return (
        f"GET {path} HTTP/1.1\r\n{chr(13) + chr(10)}".replace("\r\n\r\n", "\r\n").encode()
        + ("\r\n".join(lines) + "\r\n\r\n").encode()
    )


def frame(payload: bytes, *, opcode: int = 2, fin: bool = True, mask: bool = True) -> bytes:
    first = (0x80 if fin else 0) | opcode
    size = len(payload)
    flag = 0x80 if mask else 0
    if size < 126:
        head = struct.pack("!BB", first, flag | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, flag | 126, size)
    else:
        head = struct.pack("!BBQ", first, flag | 127, size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


class RawClient:
    """A websocket client that sends what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def read_frame(self) -> tuple[int, bytes]:
        first, second = await asyncio.wait_for(self.reader.readexactly(2), 5)
        assert second < 0x80, "a server must not mask"
        assert first & 0x80, "a server sends whole messages"
        size = second
        if second == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        elif second == 127:
            size = int.from_bytes(await self.reader.readexactly(8), "big")
        return first & 15, await self.reader.readexactly(size)

    async def at_end(self) -> bool:
        return await asyncio.wait_for(self.reader.read(1), 5) == b""


@pytest.fixture
async def open_raw(server: Server) -> AsyncIterator[Callable[..., Awaitable[RawClient]]]:
    writers: list[asyncio.StreamWriter] = []

    async def open_it(request: bytes) -> RawClient:
        reader, writer = await connect(server)
        writers.append(writer)
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101 "), head
        return RawClient(reader, writer)

    yield open_it
    for writer in writers:
        await hang_up(writer)


async def eventually(condition: Callable[[], Any]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    assert condition()


# handshake


async def test_upgrade_of_an_sdk(server: Server, engine: EngineDouble, token: str) -> None:
    reply = (await exchange(server, upgrade(sync_path(token)))).decode().lower()
    assert reply.startswith("http/1.1 101 switching protocols\r\n")
    assert f"sec-websocket-accept: {ACCEPT.lower()}\r\n" in reply
    assert f"sec-websocket-protocol: {PBS}14\r\n" in reply
    assert "upgrade: websocket\r\n" in reply
    assert re.search(r"x-appservices-request-id: [0-9a-f]{24}\r\n", reply)
    assert "sec-websocket-extensions" not in reply
    assert engine.calls[0][:2] == ("open_connection", APP)
    assert engine.calls[0][3] == f"{PBS}14"
    await eventually(lambda: ("closed", 1) in engine.calls)


def recorded_upgrades(vectors: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((vectors / "wire").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record["t"] == "ws-open":
                yield record


async def test_recorded_upgrades(server: Server, vectors: Path) -> None:
    count = 0
    for record in recorded_upgrades(vectors):
        app_id = record["path"].split("/")[5]
        if app_id != APP:
            continue
        login = await log_in(server)
        path = record["path"].replace("<jwt>", login["access_token"])
        lines = [f"{name}: {value}" for name, value in record["headers"].items()]
        request = f"GET {path} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        reply = await exchange(server, request.encode())
        key = record["headers"]["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest())
        assert b"Sec-WebSocket-Accept: " + accept + b"\r\n" in reply
        assert b"Sec-WebSocket-Protocol: com.mongodb.realm-sync#14\r\n" in reply
        count += 1
    assert count > 5


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Connection": "keep-alive, Upgrade"}, 101),
        ({"Connection": "upgrade"}, 101),
        ({"Connection": "close"}, 400),
        ({"Connection": None}, 400),
        ({"Sec_WebSocket_Version": "12"}, 400),
        ({"Sec_WebSocket_Version": None}, 400),
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": "AAAA"}, 400),
        ({"Sec_WebSocket_Key": "not base64 at all"}, 400),
        ({"Sec_WebSocket_Protocol": None}, 400),
        ({"Sec_WebSocket_Protocol": f"{PBS}8, {PBS}7"}, 400),
        ({"Sec_WebSocket_Protocol": f"{PBS}15"}, 400),
        ({"Sec_WebSocket_Protocol": f"{PBS}9"}, 101),
        ({"Sec_WebSocket_Protocol": "com.mongodb.realm-query-sync#14"}, 101),
        ({"Sec_WebSocket_Protocol": "chat"}, 400),
        ({"Upgrade": "WebSocket"}, 101),
        ({"Upgrade": "h2c"}, 404),
        ({"Sec_WebSocket_Extensions": "permessage-deflate"}, 101),
    ],
)
async def test_upgrade_headers(
    server: Server, token: str, changes: dict[str, str | None], status: int
) -> None:
    reply = await exchange(server, upgrade(sync_path(token), **changes))
    assert reply.startswith(f"HTTP/1.1 {status} ".encode()), reply
    assert b"permessage-deflate" not in reply


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("//api/client/v2.0/app/{app}/realm-sync?baas_at={token}", 101),
        ("/api/client/v2.0/app/{app}//realm-sync?x=1&baas_at={token}", 101),
        ("/api/client/v2.0/app/other-app/realm-sync?baas_at={token}", 404),
        ("/api/client/v2.0/app/{app}/elsewhere?baas_at={token}", 404),
        ("/realm-sync?baas_at={token}", 404),
        ("/", 404),
    ],
)
async def test_upgrade_paths(server: Server, token: str, path: str, status: int) -> None:
    request = upgrade(path.format(app=APP, token=token))
    reply = await exchange(server, request)
    assert reply.startswith(f"HTTP/1.1 {status} ".encode()), reply
    if "other-app" in path:
        message = "cannot find app using Client App ID 'other-app'"
        assert json.loads(reply.partition(b"\r\n\r\n")[2])["error"] == message


def forged(token: str, **claims: Any) -> str:
    decoded = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode({**decoded, **claims}, bytes(32), algorithm="HS256")


@pytest.mark.parametrize("kind", ["missing", "garbage", "forged", "unsigned", "refresh", "ended"])
async def test_bad_token_is_told_by_close_code(
    server: Server, open_raw: Any, engine: EngineDouble, kind: str
) -> None:
    login = await log_in(server)
    token = login["access_token"]
    if kind == "missing":
        token = ""
    elif kind == "garbage":
        token = "abc"
    elif kind == "forged":
        token = forged(token)
    elif kind == "unsigned":
        claims = jwt.decode(token, options={"verify_signature": False})
        token = jwt.encode(claims, None, algorithm="none")
    elif kind == "refresh":
        token = login["refresh_token"]
    else:
        await server.users.delete_user(login["user_id"])
    client = await open_raw(upgrade(sync_path(token)))
    assert await client.read_frame() == (8, struct.pack("!H", 4001))
    assert await client.at_end(), "the server must not wait for an answer to its close frame"
    assert engine.calls == []


async def test_disabled_user(server: Server, open_raw: Any) -> None:
    login = await log_in(server)
    await server.users.set_disabled(login["user_id"], True)
    client = await open_raw(upgrade(sync_path(login["access_token"])))
    assert await client.read_frame() == (8, struct.pack("!H", 4002))
    assert await client.at_end()


async def test_too_many_websockets_of_one_user(
    server: Server, token: str, open_raw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await open_raw(upgrade(sync_path(token)))
    assert "websockets" not in caplog.text
    reply = await exchange(server, upgrade(sync_path(token)))
    assert reply.startswith(b"HTTP/1.1 503 ")
    assert "has 3 websockets, as many as one user may" in caplog.text
    other = (await log_in(server))["access_token"]
    await open_raw(upgrade(sync_path(other)))


async def delete(server: Server, path: str, token: str) -> None:
    request = (
        f"DELETE /api/client/v2.0/auth/{path} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    )
    assert (await exchange(server, request.encode())).startswith(b"HTTP/1.1 204 ")


async def test_log_out_revokes_the_websocket(
    server: Server, open_raw: Any, engine: EngineDouble
) -> None:
    """And leaves it open: the engine decides what the client may do on it (issue of real SDKs)."""
    login, other = await log_in(server), await log_in(server)
    await open_raw(upgrade(sync_path(other["access_token"])))
    client = await open_raw(upgrade(sync_path(login["access_token"])))
    await delete(server, "session", login["refresh_token"])
    assert engine.calls[-1] == ("revoke", 2)
    assert ("revoke", 1) not in engine.calls
    engine.send(2, b"still open")
    assert await client.read_frame() == (2, b"still open")
    refused = await open_raw(upgrade(sync_path(login["access_token"])))
    assert await refused.read_frame() == (8, struct.pack("!H", 4001))


async def test_the_next_log_in_takes_the_revoked_websocket_over(
    server: Server, open_raw: Any, engine: EngineDouble
) -> None:
    kim = await log_in_with_password(server, "kim@example.org")
    elsewhere = await log_in_with_password(server, "kim@example.org")
    await open_raw(upgrade(sync_path(kim["access_token"])))
    await open_raw(upgrade(sync_path(elsewhere["access_token"])))
    await delete(server, "session", kim["refresh_token"])
    await log_in_with_password(server, "lou@example.org")
    assert ("take_over", 1) not in engine.calls, "another user's log-in is none"
    again = await log_in_with_password(server, "kim@example.org")
    assert [call for call in engine.calls if call[0] == "take_over"] == [("take_over", 1)]
    await delete(server, "session", again["refresh_token"])
    assert engine.calls[-1] == ("revoke", 1), "it belongs to the new log-in now"


async def test_a_log_in_from_another_address_takes_nothing_over(
    server: Server, open_raw: Any, engine: EngineDouble
) -> None:
    kim = await log_in_with_password(server, "kim@example.org")
    await open_raw(upgrade(sync_path(kim["access_token"])))
    await delete(server, "session", kim["refresh_token"])
    await log_in_with_password(server, "kim@example.org", source="127.0.0.2")
    assert ("take_over", 1) not in engine.calls


async def test_deletion_of_a_user_closes_the_websocket(server: Server, open_raw: Any) -> None:
    login = await log_in(server)
    client = await open_raw(upgrade(sync_path(login["access_token"])))
    await delete(server, "delete", login["access_token"])
    assert await client.read_frame() == (8, struct.pack("!H", 4001))


async def test_token_is_never_logged(
    server: Server, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(0):
        await exchange(server, upgrade(sync_path(token)))
        await exchange(server, upgrade(sync_path(token), Connection="close"))
        await exchange(server, upgrade(sync_path(token, "nowhere")))
        await exchange(server, f"GET {sync_path(token)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert token not in caplog.text
    assert token.split(".")[2] not in caplog.text


# messages


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


# flow control and ends


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


# request heads


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\nHost: " + b"x" * 20000, b"A" * 20000],
    ids=["header", "request line"],
)
async def test_head_size_limit(server: Server, data: bytes) -> None:
    assert (await exchange(server, data)).startswith(b"HTTP/1.1 431 ")


async def test_slow_head(server: Server) -> None:
    reader, writer = await connect(server)
    before = asyncio.get_running_loop().time()
    for byte in b"GET /":
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)
    reply = await asyncio.wait_for(reader.read(), 5)
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert asyncio.get_running_loop().time() - before < 2
    await hang_up(writer)
