"""Couples a native runtime to the running event loop.

A `Driver` reads the runtime's completions, arms its deadline, does what transport events
(events.py) ask for, and hands every other event to its owner. Both sides use it; the client's also
connects. What the events mean is decided by the engines (csrc/client, csrc/server); what a
handshake says, by the owners (sync/, server/acceptor.py). Specification: client-session.md 9.9,
wire-protocol.md 3.4.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from picows import (
    WSError,
    WSHandshakeError,
    WSInvalidStatusError,
    WSParsedURL,
    WSUpgradeRequest,
    WSUpgradeResponse,
)

from realmsync import _core
from realmsync.events import (
    ClientEvent,
    Close,
    Connect,
    Drop,
    PauseReading,
    ResumeReading,
    TransportEvent,
    Writable,
)
from realmsync.transport.upgrade import ProxyFailure, open_websocket
from realmsync.transport.websocket import EngineSocket, monotonic_ms

_CLOSE_INTERNAL = 1011  # the peer comes back without a word to its application
_BODY_SHOWN = 200  # bytes of a refusal in its error

# What a runtime tells besides TransportEvent.
OwnEvent = TypeVar("OwnEvent")
OwnEvent_co = TypeVar("OwnEvent_co", covariant=True)


class Runtime(Protocol[OwnEvent_co]):
    """The surface that both native runtimes have towards the loop."""

    def fileno(self) -> int: ...
    def drain(self, now_ms: int) -> Sequence[TransportEvent | OwnEvent_co]: ...
    def deadline(self) -> int | None: ...
    def endpoint(self) -> object: ...


class ClientRuntime(Runtime[ClientEvent], Protocol):
    """What a client's runtime is told about its connections.

    `connect_failed` takes one of resolve, tcp, tls, timeout, http (any answer but 101, with its
    status; 0 when it was no HTTP) and protocol (101 without a subprotocol that was offered).
    A stream that ends or is reset in the middle of a handshake, TLS or HTTP, is `closed` with no
    code: what was reached and is lost again is a read error (9.9).
    """

    def connected(self, connection: int, protocol: str, now_ms: int) -> None: ...
    def connect_failed(
        self, connection: int, failure: str, status: int, message: str, now_ms: int
    ) -> None: ...
    def closed(self, connection: int, close_code: int | None, reason: str, now_ms: int) -> None: ...
    def refuse(self, connection: int, first_bytes: bytes, size: int, now_ms: int) -> None: ...


@dataclass(frozen=True)
class TransportLimits:
    """Limits of one connection."""

    # Bytes of one message. SDKs send at most 16 MiB, but one large transaction cannot be split.
    max_message: int = 64 << 20
    # Seconds for which input is thrown away after our end of the stream, before the socket closes.
    linger: float = 10.0


# A client takes a transaction as large as our server does, behind a page of smaller ones, and has
# nothing to wait for after its last byte.
CLIENT_LIMITS = TransportLimits(max_message=72 << 20, linger=1.0)


class Driver(Generic[OwnEvent]):
    """Runs one runtime on the running loop. All methods are for that loop's thread.

    `on_event` gets what is no transport event; its exceptions go to the loop's exception handler.
    `on_lost(websocket, close_code, reason)` is called when a connection has ended, before it is
    forgotten, `on_oversized(websocket, first_bytes, size)` when the peer sent too large a message;
    without it the connection is closed with 1011.
    """

    def __init__(
        self,
        runtime: Runtime[OwnEvent],
        on_event: Callable[[OwnEvent], None],
        *,
        on_opened: Callable[[EngineSocket], None],
        on_lost: Callable[[EngineSocket, int | None, str], None],
        on_oversized: Callable[[EngineSocket, bytes, int], None] | None = None,
        limits: TransportLimits | None = None,
    ) -> None:
        self.runtime = runtime
        self.limits = limits or TransportLimits()
        self.listeners: dict[int, EngineSocket] = {}
        self._on_event = on_event
        self._on_opened = on_opened
        self._on_lost = on_lost
        self._on_oversized = on_oversized
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake: asyncio.Handle | None = None
        self._closed = False
        self._loop.add_reader(runtime.fileno(), self._run)

    def activity(self) -> None:
        """Looks after the runtime in the next turn of the loop: it was given something."""
        if self._wake is None and not self._closed:
            self._wake = self._loop.call_soon(self._run)

    def new_socket(self, connection: int = 0) -> EngineSocket:
        """The websocket of one connection of this driver's runtime."""
        return EngineSocket(
            self.runtime,
            self,
            connection,
            max_message=self.limits.max_message,
            linger=self.limits.linger,
        )

    def opened(self, websocket: EngineSocket) -> None:
        """Called by the websocket when its handshake is done."""
        self._on_opened(websocket)
        self.listeners[websocket.connection] = websocket
        self.activity()

    def lost(self, websocket: EngineSocket, close_code: int | None, reason: str) -> None:
        """Called by the websocket when its stream has ended."""
        self.listeners.pop(websocket.connection, None)
        if self._closed:
            return
        self._on_lost(websocket, close_code, reason)
        self.activity()

    def oversized(self, websocket: EngineSocket, first_bytes: bytes, size: int) -> None:
        """Called by the websocket when a message is too large to be received."""
        if self._on_oversized is None:
            websocket.finish(_CLOSE_INTERNAL)
            return
        self._on_oversized(websocket, first_bytes, size)
        self.activity()

    def close(self) -> None:
        """Ends all connections at once and lets go of the loop."""
        self._closed = True
        self._loop.remove_reader(self.runtime.fileno())
        for handle in (self._timer, self._wake):
            if handle is not None:
                handle.cancel()
        for websocket in list(self.listeners.values()):
            websocket.abort()

    def _run(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._closed:
            return
        for event in self.runtime.drain(monotonic_ms()):
            try:
                self._dispatch(event)
            except Exception as error:
                self._loop.call_exception_handler(
                    {"message": f"handler of {type(event).__name__} failed", "exception": error}
                )
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        deadline = self.runtime.deadline()
        if deadline is not None:
            # One more millisecond, as both clocks round down: never too early, never in a spin.
            delay = max(0, deadline - monotonic_ms() + 1) / 1000
            self._timer = self._loop.call_later(delay, self._run)

    def _dispatch(self, event: TransportEvent | OwnEvent) -> None:
        match event:
            case Writable():
                # The engine may speak of a connection that has ended meanwhile, here and below.
                if (websocket := self.listeners.get(event.connection)) is not None:
                    websocket.pump()
            case Close():
                self._finish(event)
            case Drop():
                if (websocket := self.listeners.get(event.connection)) is not None:
                    websocket.abort()
            case PauseReading():
                if (websocket := self.listeners.get(event.connection)) is not None:
                    websocket.pause_reading()
            case ResumeReading():
                if (websocket := self.listeners.get(event.connection)) is not None:
                    websocket.resume_reading()
            case Connect():
                self._connect(event)
            case _:
                self._on_event(event)

    def _finish(self, event: Close) -> None:
        if (websocket := self.listeners.get(event.connection)) is not None:
            websocket.finish(event.code)

    def _connect(self, event: Connect) -> None:
        raise TypeError(f"a server's engine does not connect: connection {event.connection}")


class ClientDriver(Driver[ClientEvent]):
    """The driver of a client: it also connects, and reports how that went.

    `on_connect` is asked to call `connect`, since TLS and proxy are a matter of the session's
    configuration.
    """

    runtime: ClientRuntime

    def __init__(
        self,
        runtime: ClientRuntime,
        on_event: Callable[[ClientEvent], None],
        *,
        on_connect: Callable[[Connect], None],
        limits: TransportLimits | None = None,
    ) -> None:
        super().__init__(
            runtime,
            on_event,
            on_opened=self._report_open,
            on_lost=self._report_lost,
            on_oversized=self._report_oversized,
            limits=limits or CLIENT_LIMITS,
        )
        self._on_connect = on_connect
        self._attempts: dict[int, _Attempt] = {}

    def connect(
        self,
        connection: int,
        url: str,
        subprotocols: Sequence[str],
        headers: Mapping[str, str],
        *,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        timeout: float = _core.connect_timeout_ms / 1000,
    ) -> None:
        """Starts connecting; the runtime hears `connected`, `connect_failed` or `closed`."""
        attempt = _Attempt(self, connection, subprotocols, timeout)
        attempt.task = self._loop.create_task(attempt.run(url, headers, ssl_context, proxy))
        attempt.task.add_done_callback(lambda _: self._attempts.pop(connection, None))
        self._attempts[connection] = attempt

    def close(self) -> None:
        super().close()
        for attempt in self._attempts.values():
            attempt.give_up()

    def _connect(self, event: Connect) -> None:
        self._on_connect(event)

    def _finish(self, event: Close) -> None:
        if event.connection in self.listeners:
            super()._finish(event)
        elif (attempt := self._attempts.get(event.connection)) is not None:
            attempt.give_up()

    def _report_open(self, websocket: EngineSocket) -> None:
        pass  # `connected` needs the subprotocol; see _Attempt

    def _report_oversized(self, websocket: EngineSocket, first_bytes: bytes, size: int) -> None:
        self.runtime.refuse(websocket.connection, first_bytes, size, monotonic_ms())
        websocket.finish(0)

    def _report_lost(self, websocket: EngineSocket, close_code: int | None, reason: str) -> None:
        self.runtime.closed(websocket.connection, close_code, reason, monotonic_ms())


class _Attempt:
    """One attempt to connect, from the look-up of the address to the end of the handshake."""

    def __init__(
        self, driver: ClientDriver, connection: int, subprotocols: Sequence[str], timeout: float
    ) -> None:
        self._driver = driver
        self._connection = connection
        self._subprotocols = subprotocols
        self._timeout = timeout
        self._given_up = False
        self._opened: socket.socket | None = None  # until the handshake is done
        self.task: asyncio.Task[None] | None = None

    def give_up(self) -> None:
        """Ends the attempt. An answer that arrives before it has ended is refused."""
        self._given_up = True
        if self.task is not None:
            self.task.cancel()

    async def run(
        self,
        url: str,
        headers: Mapping[str, str],
        ssl_context: ssl.SSLContext | None,
        proxy: str | None,
    ) -> None:
        """Connects, and tells the runtime how that went."""
        handshake = open_websocket(
            self._accept,
            url,
            {**headers, "Sec-WebSocket-Protocol": ", ".join(self._subprotocols)},
            ssl_context=ssl_context,
            proxy=proxy,
            max_frame=self._driver.limits.max_message,
            open_socket=self._open_socket,
        )
        runtime = self._driver.runtime
        try:
            websocket = await asyncio.wait_for(handshake, self._timeout)
            if websocket is None:
                reason = "stream ended during the handshake"
                runtime.closed(self._connection, None, reason, monotonic_ms())
        except (WSError, ProxyFailure, ValueError, asyncio.TimeoutError, OSError) as error:
            failure, status, message = self._failure(error, url)
            runtime.connect_failed(self._connection, failure, status, message, monotonic_ms())
        finally:
            self._given_up = True
            if self._opened is not None:  # picows leaves a handshake open that nobody waits for
                with contextlib.suppress(OSError):
                    self._opened.shutdown(socket.SHUT_RDWR)
            self._driver.activity()

    async def _open_socket(self, address: WSParsedURL) -> socket.socket:
        """A connected socket, of the first address that answers."""
        loop = asyncio.get_running_loop()
        error = OSError(f"{address.host} has no address")
        for family, kind, protocol, _, place in await loop.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        ):
            opened = socket.socket(family, kind, protocol)
            try:
                opened.setblocking(False)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(opened, place)
            except OSError as failure:
                opened.close()
                error = failure
            except BaseException:
                opened.close()
                raise
            else:
                self._opened = opened
                return opened
        raise error

    def _accept(self, request: WSUpgradeRequest, response: WSUpgradeResponse) -> EngineSocket:
        """The websocket behind a handshake that succeeded."""
        if self._given_up:
            raise WSHandshakeError("nobody waits for this connection any more")
        chosen = response.headers.get("Sec-WebSocket-Protocol", "")
        if chosen not in self._subprotocols:
            raise _NoSubprotocol(f"server chose subprotocol {chosen!r}, which was not offered")
        self._driver.runtime.connected(self._connection, chosen, monotonic_ms())
        self._opened = None  # the websocket's from here on
        return self._driver.new_socket(self._connection)

    def _failure(self, error: Exception, url: str) -> tuple[str, int, str]:
        """What `connect_failed` takes: the kind of failure, the HTTP status, a text."""
        if isinstance(error, _NoSubprotocol):
            return "protocol", 101, str(error)
        # Since Python 3.11 that of a socket, which has a number, is of the same class.
        if isinstance(error, asyncio.TimeoutError) and not getattr(error, "errno", None):
            return "timeout", 0, f"not connected within {self._timeout:g} s"
        if isinstance(error, WSInvalidStatusError):
            status = int(error.response.status) if error.response is not None else 0
            body = (error.raw_body or b"")[:_BODY_SHOWN].decode("utf-8", "replace")
            return "http", status, " ".join(body.split()) or str(error)
        if isinstance(error, WSHandshakeError):
            return "http", 0, str(error)
        if isinstance(error, socket.gaierror):
            return "resolve", 0, str(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            host = urlsplit(url).netloc
            return "tls", 0, f"the certificate of {host} is not valid: {error.verify_message}"
        return "tls" if isinstance(error, ssl.SSLError) else "tcp", 0, str(error)


class _NoSubprotocol(WSError):
    pass


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop for a thread of our own: uvloop's where that is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()

    class Loop(uvloop.Loop):
        """Looks names up in Python's threads: a forked child that exits would join libuv's own,
        which it does not have."""

        async def getaddrinfo(
            self,
            host: Any,
            port: Any,
            *,
            family: int = 0,
            type: int = 0,
            proto: int = 0,
            flags: int = 0,
        ) -> Any:
            look_up = functools.partial(socket.getaddrinfo, host, port, family, type, proto, flags)
            return await self.run_in_executor(None, look_up)

    return Loop()
