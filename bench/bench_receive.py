"""Part benchmark: the websocket transport alone, taking frames of several sizes in from a socket.

No engine is behind it. The yardstick is picows' own protocol with a listener that looks at no
frame, on the same socket and with the same bytes. Read as processor time of the receiving thread:
the sender is another one.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from picows import WSAutoPingStrategy, WSListener, WSUpgradeResponse
from picows.common import WSUpgradeResponseWithListener
from picows.picows import WSProtocol

from realmsync.transport.protocol import feed, server_protocol
from realmsync.transport.websocket import EngineSocket
from scale import scaled

TOTAL = scaled(128 << 20)  # bytes
REQUEST = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


NAME = b"realmsync._core.endpoint_v1"
new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class NoEngine:
    """An engine that takes everything and says nothing; see csrc/bindings/engines/bridge.h.

    Its three functions are C's labs() of the first argument, which is null.
    """

    def __init__(self) -> None:
        nothing = ctypes.cast(ctypes.CDLL(None).labs, ctypes.c_void_p).value
        self._endpoint = (ctypes.c_void_p * 4)(None, nothing, nothing, nothing)

    def endpoint(self) -> object:
        return new_capsule(ctypes.addressof(self._endpoint), NAME, None)


class Host:
    def opened(self, websocket: EngineSocket) -> None: ...
    def activity(self) -> None: ...
    def lost(self, websocket: EngineSocket, close_code: int | None, reason: str) -> None: ...
    def oversized(self, websocket: EngineSocket, first_bytes: bytes, size: int) -> None: ...


def ours(ended: Callable[[], None]) -> asyncio.BufferedProtocol:
    websocket = EngineSocket(NoEngine(), Host(), max_message=64 << 20, linger=1.0)
    return server_protocol(websocket, {}, ended)


class Listener(WSListener):  # type: ignore[misc]
    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def on_ws_disconnected(self, transport: Any) -> None:
        self._ended()


class PlainProtocol(WSProtocol):  # type: ignore[misc]
    """Reads no more at once than ours, or its buffer would grow to megabytes."""

    def get_buffer(self, size_hint: int) -> memoryview:
        return super().get_buffer(size_hint)[: 64 << 10]  # type: ignore[no-any-return]


def of_picows(ended: Callable[[], None]) -> asyncio.BufferedProtocol:
    def accept(request: Any) -> WSUpgradeResponseWithListener:
        response = WSUpgradeResponse.create_101_response({})
        return WSUpgradeResponseWithListener(response, Listener(ended))

    protocol = PlainProtocol(
        None, None, False, accept, logging.getLogger("bench"), True, None, False, 10, 10,
        WSAutoPingStrategy.PING_WHEN_IDLE, False, 1 << 30, None, 16 * 1024,
    )  # fmt: skip
    assert isinstance(protocol, asyncio.BufferedProtocol)
    return protocol


def receive(make: Callable[[Callable[[], None]], asyncio.BufferedProtocol], data: bytes) -> float:
    """Seconds of processor time to take `data` in over and over, TOTAL bytes in all."""

    async def run() -> float:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            sender = socket.create_connection(listening.getsockname())
            receiver, _ = listening.accept()
        ended = loop.create_future()
        protocol = make(lambda: ended.set_result(None))
        receiver.setblocking(False)
        await loop.connect_accepted_socket(lambda: protocol, receiver)
        feed(protocol, REQUEST)

        def send() -> None:
            for _ in range(max(1, TOTAL // len(data))):
                sender.sendall(data)
            sender.close()

        thread = threading.Thread(target=send)
        begin = time.thread_time()
        thread.start()
        await ended
        took = time.thread_time() - begin
        thread.join()
        return took

    return asyncio.run(run())


def frame(size: int) -> bytes:
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = bytes([0xFE]) + struct.pack(">H", size)
    else:
        length = bytes([0xFF]) + struct.pack(">Q", size)
    return b"\x82" + length + b"mask" + bytes(size)


@pytest.mark.parametrize("size", [100, 2_000, 20_000, 50_000, 1_000_000])
def test_receive(record_ratio: Callable[..., object], size: int) -> None:
    data = frame(size)
    data *= max(1, (1 << 20) // len(data))
    times = [(receive(ours, data), receive(of_picows, data)) for _ in range(scaled(5))]
    best, plain = (min(column) for column in zip(*times, strict=True))
    record_ratio(f"taking in frames of {size:,} bytes : picows alone", best, plain, 1.5)
