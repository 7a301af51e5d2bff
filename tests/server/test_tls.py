"""TLS on both ends: a server with a certificate, an independent client, and our own client."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets

from engine_double import EngineDouble
from eventually import eventually
from offer import OFFER
from realmsync.events import Close
from realmsync.server.config import ServerConfig
from realmsync.server.process import Server
from realmsync.transport.loop import ClientDriver

pytestmark = pytest.mark.both_loops

TLS = Path(__file__).parent / "tls"  # a certificate for localhost, made for these tests


@pytest.fixture
def engine() -> EngineDouble:
    return EngineDouble()


@pytest.fixture
async def server(engine: EngineDouble, tmp_path: Path) -> AsyncIterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    config = ServerConfig(data=tmp_path, host="127.0.0.1", port=0, ssl_context=context)
    async with Server(config, runtime=engine) as server:
        yield server


@pytest.fixture
def trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=TLS / "cert.pem")


async def sync_url(server: Server, trust: ssl.SSLContext) -> str:
    path = f"127.0.0.1:{server.port}/api/client/v2.0/app/a"
    body: dict[str, Any] = {"provider": "anon-user", "options": {}}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        async with session.get(f"https://{path}/location") as reply:
            location = await reply.json()
        assert location["hostname"] == server.url == f"https://127.0.0.1:{server.port}"
        assert location["ws_hostname"] == f"wss://127.0.0.1:{server.port}"
        url = f"https://{path}/auth/providers/anon-user/login"
        async with session.post(url, json=body) as reply:
            token = (await reply.json())["access_token"]
    return f"wss://{path}/realm-sync?baas_at={token}"


async def test_independent_client(
    server: Server, engine: EngineDouble, trust: ssl.SSLContext
) -> None:
    engine.on_message = lambda connection, data: engine.outbox[connection].append(data)
    url = await sync_url(server, trust)
    async with websockets.connect(url, ssl=trust, subprotocols=OFFER, max_size=None) as client:
        for size in (1, 1 << 10, 1 << 22):
            payload = os.urandom(size)
            await client.send(payload)
            assert await client.recv() == payload
        engine.outbox[1].append(b"last")
        engine.emit(Close(1, 1011))
        assert await client.recv() == b"last"
        await client.wait_closed()
        assert client.close_code == 1011
    assert engine.held_buffers == 0


async def test_own_client(server: Server, engine: EngineDouble, trust: ssl.SSLContext) -> None:
    engine.on_message = lambda connection, data: engine.outbox[connection].append(data)
    url = await sync_url(server, trust)
    client_engine = EngineDouble()
    driver = ClientDriver(client_engine, print, on_connect=print)
    driver.connect(1, url, OFFER, {}, ssl_context=trust)
    await eventually(lambda: ("connected", 1, OFFER[0]) in client_engine.calls)
    payload = os.urandom(1 << 22)
    client_engine.send(1, payload)
    await eventually(lambda: client_engine.received)
    assert client_engine.received == [(1, payload)]
    driver.connect(2, url, OFFER, {}, ssl_context=ssl.create_default_context())
    await eventually(lambda: client_engine.calls[-1][0] == "connect_failed")
    assert client_engine.calls[-1][:3] == ("connect_failed", 2, "tls")
    client_engine.emit(Close(1, 0))
    await eventually(lambda: not engine.open)
    driver.close()
