"""Couples a native runtime to the running event loop.

A `Driver` reads the runtime's completions, arms its deadline, hands transport events to the
connections and every other event to its owner. Both sides use it; the client's also connects. What
the events mean is decided by the engines (csrc/client, csrc/server); what a handshake says, by the
owners (sync/, server/listener.py). Specification: client-session.md 9.9, wire-protocol.md 3.4.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from picows import (
    WSHandshakeError,
    WSInvalidStatusError,
    WSParsedURL,
    WSUpgradeRequest,
    WSUpgradeResponse,
    ws_connect,
)

from realmsync.transport.websocket import EngineListener, monotonic_ms, transport_logger

Event = tuple[Any, ...]


class Runtime(Protocol):
    """The surface that both native runtimes have towards the loop."""

    def fileno(self) -> int: ...
    def drain(self, now_ms: int) -> list[Event]: ...
    def deadline(self) -> int | None: ...
    def endpoint(self) -> object: ...


class ClientRuntime(Runtime, Protocol):
    """What a client's runtime is told about its connections.

    `connect_failed` takes one of resolve, tcp, tls, timeout, http (any answer but 101, with its
    status; 0 when it was no HTTP) and protocol (101 without a subprotocol that was offered).
    A stream that ends in the middle of the handshake is `closed` with no code.
    """

    def connected(self, connection: int, protocol: str, now_ms: int) -> None: ...
    def connect_failed(
        self, connection: int, failure: str, status: int, message: str, now_ms: int
    ) -> None: ...
    def closed(self, connection: int, close_code: int | None, reason: str, now_ms: int) -> None: ...


@dataclass(frozen=True)
class TransportLimits:
    """Limits of one connection."""

    # Bytes of one message. SDKs send at most 16 MiB, but one large transaction cannot be split.
    max_message: int = 64 << 20
    # Seconds for which input is thrown away after our end of the stream, before the socket closes.
    linger: float = 10.0


class Driver:
    """Runs one runtime on the running loop. All methods are for that loop's thread.

    `on_event` gets what is not about a known connection; its exceptions go to the loop's exception
    handler. `on_lost(listener, close_code, reason)` is called when a connection has ended, before
    it is forgotten.
    """

    def __init__(
        self,
        runtime: Runtime,
        on_event: Callable[[Event], None],
        *,
        on_opened: Callable[[EngineListener], None],
        on_lost: Callable[[EngineListener, int | None, str], None],
        limits: TransportLimits | None = None,
    ) -> None:
        self.runtime = runtime
        self.limits = limits or TransportLimits()
        self.listeners: dict[int, EngineListener] = {}
        self._on_event = on_event
        self._on_opened = on_opened
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake: asyncio.Handle | None = None
        self._closed = False
        self._loop.add_reader(runtime.fileno(), self._run)

    def activity(self) -> None:
        """Looks after the runtime in the next turn of the loop: it was given something."""
        if self._wake is None and not self._closed:
            self._wake = self._loop.call_soon(self._run)

    def new_listener(self, connection: int = 0) -> EngineListener:
        """A listener for one connection of this driver's runtime."""
        return EngineListener(
            self.runtime,
            self,
            connection,
            max_message=self.limits.max_message,
            linger=self.limits.linger,
        )

    def opened(self, listener: EngineListener) -> None:
        """Called by the listener when its handshake is done."""
        self._on_opened(listener)
        self.listeners[listener.connection] = listener
        self.activity()

    def lost(self, listener: EngineListener, close_code: int | None, reason: str) -> None:
        """Called by the listener when its stream has ended."""
        self.listeners.pop(listener.connection, None)
        if self._closed:
            return
        self._on_lost(listener, close_code, reason)
        self.activity()

    def close(self) -> None:
        """Ends all connections at once and lets go of the loop."""
        self._closed = True
        self._loop.remove_reader(self.runtime.fileno())
        for handle in (self._timer, self._wake):
            if handle is not None:
                handle.cancel()
        for listener in list(self.listeners.values()):
            listener.abort()

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
                    {"message": f"handler of event {event[0]!r} failed", "exception": error}
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

    def _dispatch(self, event: Event) -> None:
        kind = event[0]
        listener = self.listeners.get(event[1]) if len(event) > 1 else None
        if kind == "writable":
            if listener is not None:
                listener.pump()
        elif kind == "close" and listener is not None:
            listener.finish(event[2])
        elif kind == "drop" and listener is not None:
            listener.abort()
        elif kind == "pause_reading":
            if listener is not None:
                listener.pause_reading()
        elif kind == "resume_reading":
            if listener is not None:
                listener.resume_reading()
        else:
            self._on_event(event)


class ClientDriver(Driver):
    """The driver of a client: it also connects, and reports how that went.

    `on_event` gets ("connect", …) and answers with a call of `connect`, since headers, TLS and
    proxy are a matter of the session's configuration.
    """

    runtime: ClientRuntime

    def __init__(
        self,
        runtime: ClientRuntime,
        on_event: Callable[[Event], None],
        *,
        limits: TransportLimits | None = None,
    ) -> None:
        super().__init__(
            runtime,
            on_event,
            on_opened=self._report_open,
            on_lost=self._report_lost,
            # A client has nothing to wait for after its last byte.
            limits=limits or TransportLimits(linger=1.0),
        )
        self._attempts: dict[int, asyncio.Task[None]] = {}

    def connect(
        self,
        connection: int,
        url: str,
        subprotocols: Sequence[str],
        headers: Mapping[str, str],
        *,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        timeout: float = 120.0,
    ) -> None:
        """Starts connecting; the runtime hears `connected`, `connect_failed` or `closed`."""
        attempt = self._attempt(connection, url, subprotocols, headers, ssl_context, proxy, timeout)
        task = self._loop.create_task(attempt)
        self._attempts[connection] = task
        task.add_done_callback(lambda _: self._attempts.pop(connection, None))

    def close(self) -> None:
        super().close()
        for task in self._attempts.values():
            task.cancel()

    def _dispatch(self, event: Event) -> None:
        if event[0] == "close" and event[1] not in self.listeners:
            task = self._attempts.get(event[1])
            if task is not None:
                task.cancel()
            return
        super()._dispatch(event)

    def _report_open(self, listener: EngineListener) -> None:
        pass  # `connected` needs the subprotocol; see _attempt

    def _report_lost(self, listener: EngineListener, close_code: int | None, reason: str) -> None:
        self.runtime.closed(listener.connection, close_code, reason, monotonic_ms())

    async def _open_socket(self, host: str, port: int) -> socket.socket:
        """A connected socket, of the first address that answers."""
        failure = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in await self._loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        ):
            opened = socket.socket(family, kind, protocol)
            try:
                opened.setblocking(False)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await self._loop.sock_connect(opened, address)
            except OSError as error:
                opened.close()
                failure = error
            except BaseException:
                opened.close()
                raise
            else:
                return opened
        raise failure

    async def _attempt(
        self,
        connection: int,
        url: str,
        subprotocols: Sequence[str],
        headers: Mapping[str, str],
        ssl_context: ssl.SSLContext | None,
        proxy: str | None,
        timeout: float,
    ) -> None:
        given_up = False
        opened: socket.socket | None = None

        async def open_socket(address: WSParsedURL) -> socket.socket:
            nonlocal opened
            opened = await self._open_socket(address.host, address.port)
            return opened

        def accept(request: WSUpgradeRequest, response: WSUpgradeResponse) -> EngineListener:
            if given_up:
                raise WSHandshakeError("nobody waits for this connection any more")
            chosen = response.headers.get("Sec-WebSocket-Protocol", "")
            if chosen not in subprotocols:
                raise _NoSubprotocol(f"server chose subprotocol {chosen!r}, which was not offered")
            self.runtime.connected(connection, chosen, monotonic_ms())
            nonlocal opened
            opened = None  # the listener's from here on
            return self.new_listener(connection)

        def failed(failure: str, status: int, message: str) -> None:
            self.runtime.connect_failed(connection, failure, status, message, monotonic_ms())

        try:
            _, listener = await asyncio.wait_for(
                ws_connect(
                    accept,
                    url,
                    ssl_context=ssl_context,
                    proxy=proxy,
                    websocket_handshake_timeout=timeout,
                    logger_name=transport_logger(),
                    max_frame_size=self.limits.max_message,
                    extra_headers={
                        **headers,
                        "Sec-WebSocket-Protocol": ", ".join(subprotocols),
                    },
                    max_redirects=0,
                    socket_factory=open_socket,
                    use_aiofastnet=False,
                ),
                timeout,
            )
            if listener is None:
                self.runtime.closed(
                    connection, None, "stream ended during the handshake", monotonic_ms()
                )
        except _NoSubprotocol as error:
            failed("protocol", 101, str(error))
        except asyncio.TimeoutError:
            failed("timeout", 0, f"not connected within {timeout:g} s")
        except WSInvalidStatusError as error:
            status = int(error.response.status) if error.response is not None else 0
            body = (error.raw_body or b"").decode("utf-8", "replace").strip()
            failed("http", status, body or str(error))
        except WSHandshakeError as error:
            failed("http", 0, str(error))
        except socket.gaierror as error:
            failed("resolve", 0, str(error))
        except ssl.SSLError as error:
            failed("tls", 0, str(error))
        except OSError as error:
            failed("tcp", 0, str(error))
        finally:
            given_up = True
            if opened is not None:  # picows leaves a handshake open that nobody waits for
                with contextlib.suppress(OSError):
                    opened.shutdown(socket.SHUT_RDWR)
            self.activity()


class _NoSubprotocol(Exception):
    pass


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop for a thread of our own: uvloop's where that is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
