"""One port for HTTP and websockets: reads a connection's first request head and hands it over.

An upgrade of a sync route goes to picows with an engine connection behind it, everything else to
aiohttp. The head is read under limits of size and time; its target holds an access token and is
never logged or passed on. Specification: wire-protocol.md section 3, server-behaviour.md 5.1, 5.2.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, cast
from urllib.parse import unquote

from realmsync.codes import AppCode
from realmsync.events import ServerEvent
from realmsync.server.accounts.auth import Auth, Principal
from realmsync.server.accounts.file.records import LogInEnd
from realmsync.server.accounts.refusals import AuthError
from realmsync.server.addresses import Proxies
from realmsync.server.apps.running import Apps
from realmsync.server.config import HttpLimits
from realmsync.server.connections import Accepted, Connections, decrement
from realmsync.server.http.gate import READ_BYTES, HttpServer, Turns
from realmsync.server.http.replies import HttpError, app_not_found
from realmsync.server.http.sites import Sites
from realmsync.server.unfinished import UnfinishedMessages
from realmsync.transport.loop import Driver
from realmsync.transport.protocol import feed, server_protocol
from realmsync.transport.websocket import EngineSocket, monotonic_ms

_logger = logging.getLogger("realmsync.server")

_SYNC_PATH = re.compile(r"/api/client/v2\.0/app/([^/]+)/realm-sync")
_SUBPROTOCOL = re.compile(r"com\.mongodb\.realm-(?:query-)?sync#([0-9]{1,4})")
_VERSIONS = range(9, 15)
_LINE_BYTES = 8192
_TLS_HANDSHAKE = b"\x16"  # first byte of a TLS client, and of no HTTP request

CLOSE_UNAUTHORIZED = 4001  # the client refreshes its token and comes back
CLOSE_FORBIDDEN = 4002  # the client logs its user out


@dataclass(frozen=True)
class RequestHead:
    """Request line and headers; header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @property
    def is_upgrade(self) -> bool:
        return self.headers.get("upgrade", "").strip().lower() == "websocket"


def parse_head(head: bytes) -> RequestHead | None:
    """Reads a request head, or None when it is none (aiohttp then says what is wrong)."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            return None
        name = name.lower()
        value = value.strip(" \t")
        # SDKs may spread a list over several lines; joined it means the same.
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    path, _, query = parts[1].partition("?")
    return RequestHead(parts[0], re.sub("//+", "/", path), query, headers)


def choose_subprotocol(offer: str) -> str | None:
    """The offered element with the highest version that this server speaks."""
    best: str | None = None
    best_version = 0
    for element in offer.split(","):
        match = _SUBPROTOCOL.fullmatch(element.strip())
        if match and int(match[1]) in _VERSIONS and int(match[1]) > best_version:
            best, best_version = match[0], int(match[1])
    return best


def query_token(query: str) -> str | None:
    """The access token of a request target."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "baas_at" and value:
            return unquote(value)
    return None


def check_upgrade(head: RequestHead) -> str:
    """The Sec-WebSocket-Key of a correct upgrade. Raises HttpError."""
    tokens = [token.strip().lower() for token in head.headers.get("connection", "").split(",")]
    if head.method != "GET":
        raise HttpError(405, "a websocket is opened with GET")
    if "upgrade" not in tokens:
        raise HttpError(400, "Connection header must contain Upgrade")
    if head.headers.get("sec-websocket-version") != "13":
        raise HttpError(400, "Sec-WebSocket-Version must be 13")
    key = head.headers.get("sec-websocket-key", "")
    try:
        size = len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != 16:
        raise HttpError(400, "Sec-WebSocket-Key must be 16 bytes in base64")
    return key


class SyncEngine(Protocol):
    """What the acceptor tells the native engine."""

    def open_connection(self, app_id: str, user_id: str, subprotocol: str, now_ms: int) -> int: ...
    def revoke(self, connection: int, now_ms: int) -> None: ...
    def take_over(self, connection: int, now_ms: int) -> None: ...
    def reauthorize(self, connection: int, now_ms: int) -> None: ...


class SyncConnection:
    """Who is behind one websocket; made before the engine knows of it."""

    def __init__(self, app_id: str, subprotocol: str, principal: Principal, address: str) -> None:
        self.app_id = app_id
        self.subprotocol = subprotocol
        self.user_id = principal.user.id
        self.session_id = principal.session_id
        self.address = address
        self.end: LogInEnd | None = None  # of the log-in


class RefusedHost:
    """Host of a websocket that is accepted only to be closed with a code.

    Platform sockets show applications no HTTP status, so a refused token is told by close code.
    """

    def __init__(self, close_code: int) -> None:
        self._close_code = close_code

    def opened(self, websocket: EngineSocket) -> None:
        websocket.finish(self._close_code)

    def activity(self) -> None:
        """Nothing to do: input of a refused client is thrown away."""

    def oversized(self, websocket: EngineSocket, first_bytes: bytes, size: int) -> None:
        """Nothing to do: it is being closed already."""

    def lost(self, websocket: EngineSocket, close_code: int | None, reason: str) -> None:
        """Nothing to do: no engine knew of it."""


class Acceptor:
    """Accepts connections for one server."""

    def __init__(
        self,
        driver: Driver[ServerEvent],
        auth: Auth,
        apps: Apps,
        limits: HttpLimits,
        engine: SyncEngine,
        connections: Connections,
        sites: Sites,
        proxies: Proxies,
    ) -> None:
        self._driver = driver
        self._auth = auth
        self._apps = apps
        self.limits = limits
        self._engine = engine
        self.accepted = connections
        self._sites = sites
        self._proxies = proxies
        self.turns = Turns()
        self.buffer = bytearray(READ_BYTES)
        # Serves what is no websocket; set by the owner before anybody comes.
        self.http: HttpServer
        self._unfinished = UnfinishedMessages(
            max(limits.unfinished_bytes, 2 * driver.limits.max_message),
            limits.unfinished_bytes_per_user,
        )
        self._arriving: dict[EngineSocket, SyncConnection] = {}
        self.connections: dict[EngineSocket, SyncConnection] = {}
        self._by_user: dict[str, set[EngineSocket]] = {}  # of `connections`
        self._of_user: Counter[str] = Counter()  # arriving ones included
        self.fronts: set[FrontProtocol] = set()
        self.stopping = False

    def protocol(self, accepted: Accepted) -> FrontProtocol:
        """The protocol of a new TCP connection."""
        return FrontProtocol(self, accepted)

    def opened(self, websocket: EngineSocket) -> None:
        """The handshake is done: the engine learns of the connection."""
        connection = self._arriving.pop(websocket)
        websocket.connection = self._engine.open_connection(
            connection.app_id, connection.user_id, connection.subprotocol, monotonic_ms()
        )
        self.connections[websocket] = connection
        self._by_user.setdefault(connection.user_id, set()).add(websocket)
        if connection.end is not None:
            self._end_log_in(websocket, connection.end)

    def lost(self, websocket: EngineSocket) -> None:
        """The engine's connection has ended."""
        connection = self.connections.pop(websocket, None)
        if connection is not None:
            mine = self._by_user[connection.user_id]
            mine.discard(websocket)
            if not mine:
                del self._by_user[connection.user_id]

    def open_log_ins(self) -> set[str]:
        """The log-ins whose websockets are open, or will be, and may go on."""
        connections = (*self._arriving.values(), *self.connections.values())
        return {c.session_id for c in connections if c.end is None}

    def connection_of(self, number: int) -> SyncConnection | None:
        """Who is behind a connection of the engine, if he is still there."""
        websocket = self._driver.listeners.get(number)
        return self.connections.get(websocket) if websocket is not None else None

    def reauthorize(self, user_id: str | None = None, *, app_key: str | None = None) -> None:
        """The engine asks again what this user may do, or everybody, or the users of an app."""
        for websocket in self.connections if user_id is None else self._by_user.get(user_id, ()):
            if app_key is None or self.connections[websocket].app_id == app_key:
                self._engine.reauthorize(websocket.connection, monotonic_ms())
        self._driver.activity()

    def _ended(self, websocket: EngineSocket, accepted: Accepted, user_id: str) -> None:
        """The TCP connection of an upgrade has ended, whatever became of it."""
        self._arriving.pop(websocket, None)
        self.accepted.remove(accepted)
        decrement(self._of_user, user_id)

    def log_ins_ended(self, ended: Mapping[str, LogInEnd]) -> None:
        """Nothing goes through the websockets of these log-ins any more."""
        for connection in self._arriving.values():
            connection.end = ended.get(connection.session_id, connection.end)
        for websocket, connection in list(self.connections.items()):
            if connection.session_id in ended:
                connection.end = ended[connection.session_id]
                self._end_log_in(websocket, connection.end)
        self._driver.activity()

    def user_data_changed(self, users: Collection[str]) -> None:
        """What these users may do is asked again, as rules may read their data."""
        for user_id in users:
            self.reauthorize(user_id)

    def _end_log_in(self, websocket: EngineSocket, end: LogInEnd) -> None:
        """Ends a websocket whose log-in has ended.

        After a log-out it stays open for now, since a program that logs in again binds on the
        socket that it has, and one that finds it closed waits longer at each log-in
        (wire-protocol.md section 13).
        """
        if end is LogInEnd.LOGGED_OUT:
            self._engine.revoke(websocket.connection, monotonic_ms())
        else:
            is_disabled = end is LogInEnd.DISABLED
            websocket.cut_off(CLOSE_FORBIDDEN if is_disabled else CLOSE_UNAUTHORIZED)

    def logged_in(self, user_id: str, session_id: str, address: str) -> None:
        """A new log-in takes over the websockets that the same program has kept.

        No message on them says who it is. The same user from the same address, within the minute
        that the engine gives, is as near as can be; others' sockets are closed at their next BIND.
        """
        for websocket in self._by_user.get(user_id, ()):
            connection = self.connections[websocket]
            if connection.end is LogInEnd.LOGGED_OUT and connection.address == address:
                connection.end = None
                connection.session_id = session_id
                self._engine.take_over(websocket.connection, monotonic_ms())

    async def admit(
        self, head: RequestHead, accepted: Accepted
    ) -> tuple[asyncio.BufferedProtocol, str]:
        """The protocol for an upgrade and the key of its handshake. Raises HttpError."""
        match = _SYNC_PATH.fullmatch(head.path)
        app = self._apps.find(unquote(match[1])) if match is not None else None
        origin = head.headers.get("origin")
        let_in = app is not None and origin in app.model.allowed_origins
        self._sites.check(head.headers.get("host", ""), None if let_in else origin)
        if match is None:
            raise HttpError(404, "not a sync route")
        if app is None:
            raise app_not_found(unquote(match[1]))
        key = check_upgrade(head)
        subprotocol = choose_subprotocol(head.headers.get("sec-websocket-protocol", ""))
        if subprotocol is None:
            raise HttpError(400, "no sync protocol version in common; this server speaks 9 to 14")
        if self.stopping:
            raise HttpError(503, "server is stopping")
        try:
            principal = await self._auth.authenticate(query_token(head.query), "access")
            if principal.app is not app:
                raise AuthError("token of another app", AppCode.InvalidSession)
        except AuthError as error:
            forbidden = error.code is AppCode.UserDisabled
            host = RefusedHost(CLOSE_FORBIDDEN if forbidden else CLOSE_UNAUTHORIZED)
            refused = EngineSocket(
                self._driver.runtime, host, max_message=1 << 16, linger=self._driver.limits.linger
            )
            ended = functools.partial(self.accepted.remove, accepted)
            return server_protocol(refused, self._headers(subprotocol), ended), key
        if self.stopping:
            raise HttpError(503, "server is stopping")
        address = self._proxies.client_of(accepted.address, head.headers.get("x-forwarded-for", ""))
        self._check_room(principal.user.id, address)
        websocket = self._new_websocket(SyncConnection(app.key, subprotocol, principal, address))
        self.accepted.becomes_websocket(accepted, address)
        ended = functools.partial(self._ended, websocket, accepted, principal.user.id)
        return server_protocol(websocket, self._headers(subprotocol), ended), key

    def _check_room(self, user_id: str, address: str) -> None:
        if self._of_user[user_id] >= self.limits.websockets_per_user:
            _logger.warning(
                "user %s has %d websockets, as many as one user may: another is told to try again",
                user_id,
                self._of_user[user_id],
            )
            raise HttpError(503, "too many connections of this user")
        if not self.accepted.may_be_websocket(address):
            _logger.warning("no room for another websocket from %s", address)
            raise HttpError(503, "too many connections")

    def _new_websocket(self, connection: SyncConnection) -> EngineSocket:
        websocket = self._driver.new_socket()
        websocket.account = self._unfinished.of(connection.user_id)
        self._arriving[websocket] = connection
        self._of_user[connection.user_id] += 1
        return websocket

    @staticmethod
    def _headers(subprotocol: str) -> dict[str, str]:
        return {
            "Sec-WebSocket-Protocol": subprotocol,
            "X-Appservices-Request-Id": os.urandom(12).hex(),
        }


class FrontProtocol(asyncio.BufferedProtocol):
    """A connection until its first request head is complete."""

    def __init__(self, acceptor: Acceptor, accepted: Accepted) -> None:
        self._acceptor = acceptor
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._head = bytearray()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._accepted.close = self._transport.abort
        self._acceptor.fronts.add(self)
        self._timer = self._loop.call_later(
            self._acceptor.limits.head_timeout, self._refuse, 408, "request head did not arrive"
        )

    def connection_lost(self, error: Exception | None) -> None:
        self._done()
        self._acceptor.accepted.remove(self._accepted)
        if self._task is not None:
            self._task.cancel()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._acceptor.buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = self._acceptor.buffer[:nbytes]
        if not self._head and data[:1] == _TLS_HANDSHAKE:
            # Waiting for a head would only let the client hang. To its TLS, this is no TLS.
            self._refuse(400, "this port speaks http, not https")
            return
        searched = max(0, len(self._head) - 3)
        self._head += data
        end = self._head.find(b"\r\n\r\n", searched)
        if (end if end >= 0 else len(self._head)) > self._acceptor.limits.head_bytes:
            self._refuse(431, "request head too large")
        elif end >= 0:
            self._timer.cancel()
            self._route(bytes(self._head[:end]), bytes(self._head[end + 4 :]))

    def close(self) -> None:
        """Ends a connection that has not said what it wants."""
        self._transport.close()

    def _route(self, raw_head: bytes, tail: bytes) -> None:
        head = parse_head(raw_head)
        if head is None or not head.is_upgrade:
            self._hand_over_http(bytes(self._head))
        elif max(map(len, raw_head.split(b"\r\n"))) > _LINE_BYTES:
            self._refuse(431, "header line too large")
        else:
            self._transport.pause_reading()
            self._acceptor.accepted.works(self._accepted)
            self._task = self._loop.create_task(self._upgrade(head, tail))

    async def _upgrade(self, head: RequestHead, tail: bytes) -> None:
        try:
            await self._acceptor.turns.take()
            protocol, key = await self._acceptor.admit(head, self._accepted)
        except HttpError as error:
            self._refuse(error.status, str(error))
            return
        except Exception:
            _logger.exception("websocket upgrade failed")
            self._refuse(503, "internal server error")
            return
        self._task = None
        self._done()
        # The request that picows sees is ours: canonical, and without the token.
        request = (
            "GET /realm-sync HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
        self._acceptor.accepted.waits_for_client(self._accepted)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if not self._transport.is_closing():
            feed(protocol, request.encode() + tail)
        if not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

    def _hand_over_http(self, data: bytes) -> None:
        self._done()
        gate = self._acceptor.http.protocol(self._accepted)
        self._transport.set_protocol(gate)
        gate.connection_made(self._transport)
        gate.receive(data)

    def _refuse(self, status: int, message: str) -> None:
        self._done()
        if self._transport.is_closing():
            return
        body = json.dumps({"error": message}).encode()
        self._transport.write(
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        self._transport.close()

    def _done(self) -> None:
        self._timer.cancel()
        self._acceptor.fronts.discard(self)
