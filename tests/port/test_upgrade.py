"""The port of a server: which requests become websockets, and what is answered to the others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine_double import EngineDouble
from eventually import eventually
from offer import PBS
from port_client import (
    ACCEPT,
    APP,
    connect,
    exchange,
    hang_up,
    log_in,
    sync_path,
    upgrade,
)
from realmsync.server.config import HttpLimits
from realmsync.server.process import Server

pytestmark = pytest.mark.both_loops

HEAD = HttpLimits.head_bytes + 1


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


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\nHost: " + b"x" * HEAD, b"A" * HEAD],
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
