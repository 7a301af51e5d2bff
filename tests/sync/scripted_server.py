"""A server of sync on a thread of its own, whose answers are the subclass's: what clients of it
need besides. HTTP goes to a real server; this one says only that sync is here."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from realmsync.account.http import HttpRequest, HttpResponse, aiohttp_transport
from realmsync.inspect import decode_message

Message = dict[str, Any]


class ScriptedServer(ABC):
    """Starts with itself, which the subclass does last; `close` ends it."""

    def __init__(self, *protocols: str) -> None:
        self._lock = threading.RLock()
        self._server = serve(
            self._handle, "127.0.0.1", 0, subprotocols=[Subprotocol(name) for name in protocols]
        )
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self._http = aiohttp_transport

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()

    async def transport(self, request: HttpRequest) -> HttpResponse:
        """HTTP as it is, but for where sync is."""
        response = await self._http(request)
        if request.url.endswith("/location"):
            place = json.loads(response.body) | {"ws_hostname": self.url}
            return HttpResponse(response.status, response.headers, json.dumps(place).encode())
        return response

    def _handle(self, socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            for data in socket:
                assert isinstance(data, bytes)
                with self._lock:
                    message = decode_message(data, from_client=True)
                    if message["type"] == "ping":
                        socket.send(b"pong %d\n" % message["timestamp"])
                        continue
                    for answer in self._answers(socket, message):
                        socket.send(answer)

    @abstractmethod
    def _answers(self, socket: ServerConnection, message: Message) -> Iterable[bytes]:
        """To a message other than PING. Called with the lock, which the test's calls take too."""
