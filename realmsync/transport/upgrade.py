"""Opens the websocket of a client: through a proxy perhaps, over TLS perhaps, up to the upgrade.

picows' `ws_connect` does this too, but with a protocol that ends the connection by itself, with
close code 1009, when a frame is too large; see protocol.pyx. Addresses are looked
up, time is limited and outcomes are reported by loop.py. Specification: client-session.md 9.9.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from socket import socket
from typing import Any

from picows import WSParsedURL, WSUpgradeRequest, WSUpgradeResponse
from picows.proxy import ConnectedSocket, ConnectedTransport, connect_through_optional_proxy
from picows.url import parse_url

from realmsync.transport.protocol import EngineProtocol, client_protocol
from realmsync.transport.tls import streams
from realmsync.transport.websocket import EngineSocket

# Never before whoever limits the whole attempt gives up.
_TLS_SECONDS = 3600.0


class ProxyFailure(Exception):
    """The proxy could not be reached, or did not reach the server."""


async def open_websocket(
    accept: Callable[[WSUpgradeRequest, WSUpgradeResponse], EngineSocket],
    url: str,
    headers: Mapping[str, str],
    *,
    ssl_context: ssl.SSLContext | None,
    proxy: str | None,
    max_frame: int,
    open_socket: Callable[[WSParsedURL], Awaitable[socket]],
) -> EngineSocket | None:
    """The websocket that `accept` makes of an upgrade; None when the stream ends before.

    Raises ValueError for an address that is none, OSError when nothing was reached, ProxyFailure,
    SSLError, WSHandshakeError for an answer that is no upgrade, and whatever `accept` does.
    """
    try:
        address = parse_url(url)
    except Exception:  # the location service's mistake; what it says would show the token
        shown = url.partition("?")[0]
        raise ValueError(f"{shown!r} is no address of a server") from None
    context = (ssl_context or ssl.create_default_context()) if address.is_secure else None

    def protocol() -> EngineProtocol:
        return client_protocol(
            address.netloc, address.resource_name, accept, dict(headers), max_frame
        )

    reached = await _reach(address, proxy, open_socket)
    try:
        if isinstance(reached, ConnectedTransport):
            opened = await _in_tunnel(reached.transport, protocol(), context, address.host)
        else:
            assert reached.sock is not None, "it is of open_socket's making"
            options: dict[str, Any] = {}
            if context is not None:
                options = {
                    "server_hostname": address.host,
                    "ssl_handshake_timeout": _TLS_SECONDS,
                }
            loop = streams(asyncio.get_running_loop(), secure=context is not None)
            _, opened = await loop.create_connection(
                protocol, sock=reached.sock, ssl=context, **options
            )
        await opened.wait_until_handshake_complete()
    except OSError as error:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            raise
        return None  # what was reached has gone again
    return opened.listener


async def _reach(
    address: WSParsedURL,
    proxy: str | None,
    open_socket: Callable[[WSParsedURL], Awaitable[socket]],
) -> ConnectedTransport | ConnectedSocket:
    """A stream to the server, its own or a proxy's."""
    loop = asyncio.get_running_loop()
    via = parse_url(proxy, False) if proxy is not None else None
    connect = streams(loop, secure=via is not None and via.is_secure).create_connection
    try:
        return await connect_through_optional_proxy(
            loop, address, via, open_socket, None, None, {}, connect
        )
    except Exception as error:  # a proxy may answer what it likes
        if via is None:
            raise
        shown = f"{via.scheme}://{via.netloc.rpartition('@')[2]}"  # without the password
        raise ProxyFailure(f"proxy {shown}: {error}") from error


async def _in_tunnel(
    transport: asyncio.Transport,
    protocol: EngineProtocol,
    context: ssl.SSLContext | None,
    host: str,
) -> EngineProtocol:
    """Puts a protocol behind the CONNECT of a proxy, which goes on as an ordinary stream."""
    if context is None:
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return protocol
    secured = await streams(asyncio.get_running_loop(), secure=True).start_tls(
        transport,
        protocol,
        context,
        server_hostname=host,
        ssl_handshake_timeout=_TLS_SECONDS,
    )
    if secured is None or secured.is_closing():
        raise ConnectionError("the stream ended while TLS began")
    protocol.connection_made(secured)
    return protocol
