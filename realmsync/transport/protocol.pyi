"""Stub of the Cython module; documentation in protocol.pyx."""

import asyncio
from collections.abc import Callable

from picows import WSUpgradeRequest, WSUpgradeResponse

from realmsync.transport.websocket import EngineSocket

class EngineProtocol(asyncio.BufferedProtocol):
    @property
    def listener(self) -> EngineSocket | None: ...
    async def wait_until_handshake_complete(self) -> None: ...

def server_protocol(
    websocket: EngineSocket, headers: dict[str, str], ended: Callable[[], None]
) -> EngineProtocol: ...
def client_protocol(
    netloc: str,
    resource: str,
    accept: Callable[[WSUpgradeRequest, WSUpgradeResponse], EngineSocket],
    headers: dict[str, str],
    max_frame: int,
) -> EngineProtocol: ...
def feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None: ...
