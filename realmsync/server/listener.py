"""Listening sockets: accepts connections as far as there is room, a few in each turn of the loop.

Event loops can listen themselves, but take as many connections as come, and say nothing useful when
descriptors run out. Who may stay is decided in connections.py, what is said on a connection by the
protocol that the owner makes.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

from realmsync.server.connections import Accepted, Connections
from realmsync.transport.tls import streams

_logger = logging.getLogger("realmsync.server")

# Connections accepted from one port before others get their turn of the loop.
_PER_TURN = 32
# Seconds without accepting after the system refused.
_PAUSE = 0.2
# What accept() says when the process or the machine has too much open.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener:
    """One listening socket on the running loop. `protocol` makes the reader of a connection."""

    def __init__(
        self,
        address: str,
        port: int,
        connections: Connections,
        protocol: Callable[[Accepted], asyncio.BaseProtocol],
        ssl_context: ssl.SSLContext | None,
        handshake_timeout: float,
    ) -> None:
        """`handshake_timeout` is that of TLS, in seconds.

        Raises OSError when the address or the port is not to be had.
        """
        self._connections = connections
        self._protocol = protocol
        self._ssl_context = ssl_context
        self._handshake_timeout = handshake_timeout if ssl_context is not None else None
        self._loop = asyncio.get_running_loop()
        self._streams = streams(self._loop, secure=ssl_context is not None)
        self._arriving: set[asyncio.Task[Any]] = set()
        self._resume: asyncio.TimerHandle | None = None
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server(
            (address, port), family=family, backlog=socket.SOMAXCONN
        )
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._listen()

    def close(self) -> None:
        """Ends listening, and connections that are still in their TLS handshake."""
        self._stop()
        self._socket.close()
        for task in self._arriving:
            task.cancel()

    def _listen(self) -> None:
        self._resume = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _stop(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
        elif self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())

    def _accept(self) -> None:
        for _ in range(_PER_TURN):
            try:
                client, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                # Who waits in the backlog comes in when others have left.
                _logger.error("cannot accept connections for the moment: %s", error.strerror)
                self._connections.end_oldest(_PER_TURN)
                self._stop()
                self._resume = self._loop.call_later(_PAUSE, self._listen)
                return
            self._arrive(client, str(peer[0]))

    def _arrive(self, client: socket.socket, address: str) -> None:
        if not self._connections.make_room(address):
            _logger.warning("no room for another connection from %s", address)
            client.close()
            return
        client.setblocking(False)
        accepted = Accepted(address)
        self._connections.add(accepted)
        task = self._loop.create_task(
            self._streams.connect_accepted_socket(
                lambda: self._protocol(accepted),
                client,
                ssl=self._ssl_context,
                ssl_handshake_timeout=self._handshake_timeout,
            )
        )
        accepted.close = task.cancel  # until the protocol has a transport
        self._arriving.add(task)
        task.add_done_callback(functools.partial(self._arrived, client, accepted))

    def _arrived(self, client: socket.socket, accepted: Accepted, task: asyncio.Task[Any]) -> None:
        self._arriving.discard(task)
        if task.cancelled() or task.exception() is not None:
            reason = "no room" if task.cancelled() else repr(task.exception())
            _logger.debug("a connection from %s ended at its start: %s", accepted.address, reason)
            self._connections.remove(accepted)
            client.close()
