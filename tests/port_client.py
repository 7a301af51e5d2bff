"""The port of a server from outside: requests and frames as bytes, and who reads the answers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import struct

import jwt

from offer import OFFER
from realmsync.server.process import Server

APP = "test-app-0"
KEY = base64.b64encode(bytes(range(16))).decode()
ACCEPT = "Bz3qJYTGdOe8gUSpLosEdiLKDrk="


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
