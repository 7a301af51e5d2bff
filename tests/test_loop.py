"""The loop driver: connecting, deadlines, wake-ups. Peers: the `websockets` package, sockets.

What a failed connection means: client-session.md 9.9.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import websockets

from engine_double import EngineDouble
from eventually import eventually
from realmsync.events import Close, Progressed, ServerLog, Writable
from realmsync.transport.loop import ClientDriver, TransportLimits
from realmsync.transport.websocket import monotonic_ms

pytestmark = pytest.mark.both_loops

OFFER = ["com.mongodb.realm-sync#14", "com.mongodb.realm-sync#13"]
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TLS_ALERT = bytes([21, 3, 3, 0, 2, 2, 40])


@pytest.fixture
def engine() -> EngineDouble:
    return EngineDouble()


@pytest.fixture
async def driver(engine: EngineDouble) -> AsyncIterator[ClientDriver]:
    seen: list[Any] = []
    driver = ClientDriver(
        engine, seen.append, on_connect=seen.append, limits=TransportLimits(1 << 20, linger=0.2)
    )
    yield driver
    driver.close()
    await asyncio.sleep(0.05)


async def peer(handler: Any, **settings: Any) -> tuple[websockets.Server, str]:
    settings.setdefault("subprotocols", OFFER[:1])
    server = await websockets.serve(handler, "127.0.0.1", 0, max_size=None, **settings)
    port = next(iter(server.sockets)).getsockname()[1]
    return server, f"ws://127.0.0.1:{port}/path?baas_at=tok"


async def test_conversation(engine: EngineDouble, driver: ClientDriver) -> None:
    requests: list[Any] = []

    async def echo(connection: websockets.ServerConnection) -> None:
        requests.append(connection.request)
        async for message in connection:
            await connection.send(message)

    server, url = await peer(echo)
    async with server:
        driver.connect(7, url, OFFER, {"User-Agent": "RealmSync/x", "X-Mine": "1"})
        await eventually(lambda: ("connected", 7, OFFER[0]) in engine.calls)
        for payload in (b"hello", bytes(200), b"x" * (1 << 20)):
            engine.send(7, payload)
            await eventually(lambda: engine.received)
            assert engine.received.pop() == (7, payload)
        assert engine.held_buffers == 0
        headers = requests[0].headers
        assert requests[0].path == "/path?baas_at=tok"
        assert headers["Sec-WebSocket-Protocol"] == ", ".join(OFFER)
        assert headers["X-Mine"] == "1"
        assert headers["User-Agent"] == "RealmSync/x"
        assert "Sec-WebSocket-Extensions" not in headers
        engine.outbox[7].append(b"last")
        engine.emit(Close(7, 0))
        await eventually(lambda: ("closed", 7, None, "") in engine.calls)


@pytest.mark.parametrize("code", [1000, 1011, 4001, 4003])
async def test_close_code_of_the_peer(
    engine: EngineDouble, driver: ClientDriver, code: int
) -> None:
    async def refuse(connection: websockets.ServerConnection) -> None:
        await connection.close(code, "because")

    server, url = await peer(refuse)
    async with server:
        driver.connect(1, url, OFFER, {})
        await eventually(lambda: ("closed", 1, code, "because") in engine.calls)
        assert driver.listeners == {}


async def test_end_without_a_close_frame(engine: EngineDouble, driver: ClientDriver) -> None:
    async def vanish(connection: websockets.ServerConnection) -> None:
        connection.transport.abort()

    server, url = await peer(vanish)
    async with server:
        driver.connect(1, url, OFFER, {})
        await eventually(lambda: ("closed", 1, None, "") in engine.calls)


async def test_oversized_and_broken_input(engine: EngineDouble, driver: ClientDriver) -> None:
    async def flood(connection: websockets.ServerConnection) -> None:
        await connection.send(bytes((1 << 20) + 1))
        await connection.wait_closed()

    server, url = await peer(flood)
    async with server:
        driver.connect(1, url, OFFER, {})
        await eventually(lambda: any(call[0] == "closed" for call in engine.calls))
        assert engine.received == []


@pytest.mark.parametrize("status", [301, 401, 403, 404, 503])
async def test_refusal(engine: EngineDouble, driver: ClientDriver, status: int) -> None:
    def refuse(connection: websockets.ServerConnection, request: Any) -> Any:
        return connection.respond(status, "no entry\n")

    async def unused(connection: websockets.ServerConnection) -> None:
        raise AssertionError

    server, url = await peer(unused, process_request=refuse)
    async with server:
        driver.connect(1, url, OFFER, {})
        expected = ("connect_failed", 1, "http", status, "no entry")
        await eventually(lambda: engine.calls)
        assert engine.calls == [expected]


async def test_subprotocol_that_was_not_offered(engine: EngineDouble, driver: ClientDriver) -> None:
    async def unused(connection: websockets.ServerConnection) -> None:
        await connection.wait_closed()

    server, url = await peer(unused, subprotocols=None)
    async with server:
        driver.connect(1, url, OFFER, {})
        await eventually(lambda: engine.calls)
        assert engine.calls[0][:4] == ("connect_failed", 1, "protocol", 101)


def upgrade_answer(request: bytes) -> bytes:
    """A 101 by hand."""
    key = next(line[19:] for line in request.split(b"\r\n") if b"-Key: " in line)
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept}\r\n".encode()
        + f"Sec-WebSocket-Protocol: {OFFER[0]}\r\n\r\n".encode()
    )


@contextlib.asynccontextmanager
async def upgrading(say: Callable[[asyncio.StreamWriter], Any]) -> AsyncIterator[str]:
    """A server that reads nothing after the upgrade, and says what it likes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgrade_answer(await reader.readuntil(b"\r\n\r\n")))
        with contextlib.suppress(OSError):
            await say(writer)
            await reader.read(-1)
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0, limit=1 << 16) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


SAYABLE = sorted({*range(1000, 1016), 3000, 4000, 4001, 4002, 4003, 5000} - {1004, 1005, 1015})
CLOSE_FRAMES: dict[bytes, tuple[int, str | None]] = {  # None: the text does not matter
    b"": (1005, ""),
    bytes(2): (1005, ""),
    **{struct.pack("!H", code): (code, "") for code in SAYABLE},
    struct.pack("!H", 4003) + b"moved": (4003, "moved"),
    struct.pack("!H", 4001) + b"x" * 123: (4001, "x" * 123),
    # What RFC 6455 forbids breaks its protocol, which is the same to the application (9.9).
    b"x": (1002, None),
    **{struct.pack("!H", code): (1002, None) for code in (1, 999, 1004, 1005, 1015)},
    struct.pack("!H", 1011) + b"\xff\xfe": (1007, None),
}


@pytest.mark.parametrize("payload", CLOSE_FRAMES)
async def test_close_frames(engine: EngineDouble, driver: ClientDriver, payload: bytes) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(bytes([0x88, len(payload)]) + payload)

    async with upgrading(say) as url:
        driver.connect(1, url, OFFER, {})
        await eventually(lambda: len(engine.calls) > 1)
    code, text = CLOSE_FRAMES[payload]
    ((*call, reason),) = engine.calls[1:]
    assert call == ["closed", 1, code]
    assert text is None or reason == text


@pytest.mark.parametrize("cut", [1, 5, 12, 100, 10_000])
async def test_the_engine_hears_how_too_large_a_message_begins(
    engine: EngineDouble, driver: ClientDriver, cut: int
) -> None:
    """By its header, before the rest has come, wherever the stream is cut."""
    message = b"download 1 9 0 9 5 0 0 0 0 2000000 0\n" + bytes(3000)
    raw = struct.pack("!BBQ", 0x82, 127, 2_000_000) + message

    async def say(writer: asyncio.StreamWriter) -> None:
        for part in (raw[:cut], raw[cut:]):
            writer.write(part)
            await asyncio.sleep(0.02)

    async with upgrading(say) as url:
        driver.connect(1, url, OFFER, {})
        await eventually(lambda: len(engine.calls) == 3)
    assert engine.calls[1] == ("refuse", 1, message[:256], 2_000_000)
    assert engine.calls[2][:3] == ("closed", 1, 1011)
    assert engine.received == []


async def test_a_claim_of_a_large_message_is_enough(
    engine: EngineDouble, driver: ClientDriver
) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(struct.pack("!BBQ", 0x82, 127, 1 << 61))

    async with upgrading(say) as url:
        driver.connect(1, url, OFFER, {})
        await eventually(lambda: len(engine.calls) > 1)
    assert engine.calls[1] == ("refuse", 1, b"", 1 << 61)


async def test_pings_of_a_peer_that_reads_nothing(
    engine: EngineDouble, driver: ClientDriver
) -> None:
    """Their answers do not pile up: the latest one is enough (RFC 6455 5.5.3)."""
    pings = (b"\x89\x7d" + bytes(125)) * 1000
    done = asyncio.Event()

    async def say(writer: asyncio.StreamWriter) -> None:
        for _ in range(400):
            writer.write(pings)
            await writer.drain()
        writer.write(b"\x89\x04last")
        await writer.drain()
        writer.write(b"\x82\x05after")
        await done.wait()

    tracemalloc.start()
    async with upgrading(say) as url:
        driver.connect(1, url, OFFER, {})
        await eventually(lambda: engine.received == [(1, b"after")], 60)  # of 50 MB
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        done.set()
    assert peak < 5 << 20


async def raw_server(answer: bytes | None) -> tuple[asyncio.Server, int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        if answer is not None:
            writer.write(answer)
            writer.close()
        else:
            await reader.read(-1)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def test_stream_ends_in_the_handshake(engine: EngineDouble, driver: ClientDriver) -> None:
    server, port = await raw_server(b"")
    driver.connect(1, f"ws://127.0.0.1:{port}/", OFFER, {})
    await eventually(lambda: engine.calls)
    assert engine.calls == [("closed", 1, None, "stream ended during the handshake")]
    server.close()


async def test_no_http(engine: EngineDouble, driver: ClientDriver) -> None:
    server, port = await raw_server(b"SSH-2.0-OpenSSH\r\n\r\n")
    driver.connect(1, f"ws://127.0.0.1:{port}/", OFFER, {})
    await eventually(lambda: engine.calls)
    assert engine.calls[0][:4] == ("connect_failed", 1, "http", 0)
    server.close()


async def test_nobody_listens(engine: EngineDouble, driver: ClientDriver) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        driver.connect(1, f"ws://127.0.0.1:{unused.getsockname()[1]}/", OFFER, {})
        await eventually(lambda: engine.calls)
    assert engine.calls[0][:4] == ("connect_failed", 1, "tcp", 0)


async def test_unknown_host(engine: EngineDouble, driver: ClientDriver) -> None:
    driver.connect(1, "ws://does-not-exist.invalid/", OFFER, {})
    await eventually(lambda: engine.calls)
    assert engine.calls[0][:4] == ("connect_failed", 1, "resolve", 0)


async def test_no_tls(engine: EngineDouble, driver: ClientDriver) -> None:
    server, port = await raw_server(TLS_ALERT)
    context = ssl.create_default_context()
    driver.connect(1, f"wss://127.0.0.1:{port}/", OFFER, {}, ssl_context=context)
    await eventually(lambda: engine.calls)
    assert engine.calls[0][:4] == ("connect_failed", 1, "tls", 0)
    server.close()


async def test_time_out(engine: EngineDouble, driver: ClientDriver) -> None:
    server, port = await raw_server(None)
    driver.connect(1, f"ws://127.0.0.1:{port}/", OFFER, {}, timeout=0.1)
    await eventually(lambda: engine.calls)
    assert engine.calls == [("connect_failed", 1, "timeout", 0, "not connected within 0.1 s")]
    server.close()


async def test_close_while_connecting(engine: EngineDouble, driver: ClientDriver) -> None:
    server, port = await raw_server(None)
    driver.connect(1, f"ws://127.0.0.1:{port}/", OFFER, {}, timeout=0.3)
    await asyncio.sleep(0.05)
    engine.emit(Close(1, 0))
    await asyncio.sleep(0.5)
    assert engine.calls == []
    server.close()


@pytest.mark.parametrize("how", ["driver", "engine"])
async def test_an_answer_to_nobody(engine: EngineDouble, driver: ClientDriver, how: str) -> None:
    """The handshake is answered when the attempt was given up, but has not ended yet."""
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgrade_answer(await reader.readuntil(b"\r\n\r\n")))
        driver.close() if how == "driver" else driver._dispatch(Close(1, 0))
        await reader.read(-1)
        writer.close()
        ended.set()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        driver.connect(1, f"ws://127.0.0.1:{port}/", OFFER, {})
        await asyncio.wait_for(ended.wait(), 10)
    assert engine.calls == []


async def test_deadlines(engine: EngineDouble, driver: ClientDriver) -> None:
    engine.next_deadline = monotonic_ms() + 100
    driver.activity()
    await asyncio.sleep(0.05)
    count = len(engine.drained_at)
    assert engine.next_deadline is not None
    await eventually(lambda: engine.next_deadline is None)
    assert len(engine.drained_at) <= count + 2, "a deadline must not make the loop spin"


async def test_events_and_failing_handlers(engine: EngineDouble) -> None:
    seen: list[Any] = []
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))

    def handle(event: Any) -> None:
        if isinstance(event, ServerLog):
            raise RuntimeError("handler")
        seen.append(event)

    driver = ClientDriver(engine, handle, on_connect=seen.append)
    progress = Progressed(3, 4, 1, 2, 0.5, False)
    engine.emit(ServerLog("info", "bad"))
    engine.emit(progress)
    engine.emit(Writable(99))
    engine.emit(Close(99, 0))
    await eventually(lambda: seen)
    assert seen == [progress]
    assert [str(problem["exception"]) for problem in problems] == ["handler"]
    driver.close()


def test_clock() -> None:
    assert abs(monotonic_ms() - time.monotonic() * 1000) < 1000
