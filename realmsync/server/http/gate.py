"""Between a connection and aiohttp: one request at a time, a few in each turn of the loop.

HTTP shares the loop with sync, and anybody may send requests. So a connection is read in small
pieces, its next request only when the last answer is with the system; requests of all connections
wait in one line, and between some of them sync has its turn. What a request means is
dispatcher.py's matter.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web

from realmsync.server.config import HttpLimits
from realmsync.server.connections import Accepted, Connections

# Bytes read at once. A request of an SDK fits.
READ_BYTES = 16 << 10
# Requests that begin in one turn of the loop: some milliseconds of work.
_PER_TURN = 16


class Turns:
    """The line in which the HTTP side waits for the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._line: deque[asyncio.Future[None]] = deque()
        self._is_running = False

    def take(self) -> asyncio.Future[None]:
        """A place at the end of the line; done when it is its turn."""
        turn = self._loop.create_future()
        self._line.append(turn)
        if not self._is_running:
            self._is_running = True
            self._loop.call_soon(self._give)
        return turn

    def _give(self) -> None:
        given = 0
        while self._line and given < _PER_TURN:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                given += 1
        self._is_running = bool(self._line)
        if self._is_running:
            self._loop.call_soon(self._give)


class HttpGate(asyncio.BufferedProtocol):
    """An HTTP connection: feeds aiohttp's protocol for it, `inner`."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        accepted: Accepted,
        connections: Connections,
        buffer: bytearray,
        limits: HttpLimits,
    ) -> None:
        self._inner = inner
        self._accepted = accepted
        self._connections = connections
        self._buffer = buffer
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._request: web.BaseRequest | None = None
        self._held = b""  # sent before the answer to what came before
        self._unread: asyncio.TimerHandle | None = None
        self._awaited: asyncio.Future[None] | None = None

    @property
    def peer(self) -> str:
        """The address of the TCP peer."""
        return self._accepted.address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # An answer counts as given when the system has it. Not high=0, with which TLS transports
        # count an empty buffer as full.
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._inner.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.remove(self._accepted)
        self._stop_timer()
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(ConnectionResetError("the client has gone"))
        self._inner.connection_lost(error)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.receive(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def receive(self, data: bytes) -> None:
        """Takes what the client sent."""
        if self._request is not None and self._request.content.is_eof():
            # The next request may wait. Reading goes on until it comes, or nobody would notice
            # that the client has gone.
            self._held += data
            self._transport.pause_reading()
        else:
            self._inner.data_received(data)

    def pause_writing(self) -> None:
        self._inner.pause_writing()
        self._unread = self._loop.call_later(self._limits.answer_timeout, self._transport.abort)

    def resume_writing(self) -> None:
        self._stop_timer()
        self._inner.resume_writing()

    def begin(self, request: web.BaseRequest) -> None:
        """A request's head is complete; until `answer` the server has the next word."""
        self._request = request
        self._connections.works(self._accepted)

    def answer(self) -> None:
        """There is an answer, which the client has to take."""
        self._connections.waits_for_client(self._accepted)

    def end(self) -> None:
        """The answer has been written, or the request given up."""
        self._request = None
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._inner.data_received(held)
            self._transport.resume_reading()

    async def wait(self, future: asyncio.Future[None]) -> None:
        """Waits for something. Raises ConnectionError, and ends the future, when the client goes.

        Only what has not begun waits like this: what has is done to its end, as deleting a user.
        """
        if self._transport.is_closing():
            future.cancel()
            raise ConnectionResetError("the client has gone")
        self._awaited = future
        try:
            await future
        finally:
            self._awaited = None

    def _stop_timer(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class HttpServer:
    """aiohttp's low-level server behind gates. `handle` answers one request, without raising."""

    def __init__(
        self,
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        connections: Connections,
        turns: Turns,
        limits: HttpLimits,
        logger: Any,
    ) -> None:
        self._handle = handle
        self._connections = connections
        self._turns = turns
        self._limits = limits
        self._buffer = bytearray(READ_BYTES)
        self._server = web.Server(
            self._serve,
            access_log=None,
            logger=logger,
            keepalive_timeout=limits.keep_alive,
            max_line_size=limits.head_bytes,
            max_field_size=limits.head_bytes,
            # What a body says when it is inflated is refused before anybody would do it.
            auto_decompress=False,
        )

    def protocol(self, accepted: Accepted) -> HttpGate:
        """The protocol of one connection."""
        inner = cast(asyncio.Protocol, self._server())
        return HttpGate(inner, accepted, self._connections, self._buffer, self._limits)

    async def shutdown(self, timeout: float) -> None:
        """Ends all connections; requests have `timeout` seconds to be answered."""
        await self._server.shutdown(timeout)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        gate = gate_of(request)
        gate.begin(request)
        try:
            await gate.wait(self._turns.take())
            response = await self._handle(request)
            gate.answer()
            await response.prepare(request)
            await response.write_eof()
        finally:
            gate.end()
        return response


def gate_of(request: web.BaseRequest) -> HttpGate:
    """The connection that a request came on. Raises ConnectionError when it has gone."""
    if request.transport is None:
        raise ConnectionResetError("the client has gone")
    return cast(HttpGate, request.transport.get_protocol())
