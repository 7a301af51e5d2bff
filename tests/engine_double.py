"""A runtime in Python with the surface of the native ones, for tests of the transport alone.

It talks to the Cython listener through the same C struct as the native runtimes do.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from realmsync.events import Administered, Close, Writable

HEAD_ROOM = 16


class Message(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("owner", ctypes.c_void_p),
    ]


RECEIVE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64
)
NEXT = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int64, ctypes.POINTER(Message)
)
RELEASE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(Message))


class Endpoint(ctypes.Structure):
    _fields_ = [
        ("self", ctypes.c_void_p),
        ("receive", RECEIVE),
        ("next_message", NEXT),
        ("release", RELEASE),
    ]


NAME = b"realmsync._core.endpoint_v1"
new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class EngineDouble:
    """Records what it is told; `outbox` and `events` are what it says.

    `on_message(connection, data)` may be replaced; by default messages are kept in `received`.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.received: list[tuple[int, bytes]] = []
        self.outbox: dict[int, deque[bytes]] = defaultdict(deque)
        self.events: deque[Any] = deque()
        self.on_message: Callable[[int, bytes], None] = self._keep
        self.next_deadline: int | None = None
        self.drained_at: list[int] = []
        self.on_shutdown: Callable[[], None] = self._close_all
        self.closed_engine = False
        self.open: list[int] = []
        self.schemas: dict[str, list[Any]] = {}  # by app
        self.has_client_files = False
        self._ids = 0
        self._buffers: dict[int, Any] = {}
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK)
        self._endpoint = Endpoint(
            None, RECEIVE(self._receive), NEXT(self._next), RELEASE(self._release)
        )

    def __del__(self) -> None:
        os.close(self._eventfd)

    # the common surface

    def endpoint(self) -> object:
        return new_capsule(ctypes.addressof(self._endpoint), NAME, None)

    def fileno(self) -> int:
        return self._eventfd

    def drain(self, now_ms: int) -> list[Any]:
        self.drained_at.append(now_ms)
        if self.next_deadline is not None and now_ms >= self.next_deadline:
            self.next_deadline = None
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._eventfd)
        events = list(self.events)
        self.events.clear()
        return events

    def deadline(self) -> int | None:
        return self.next_deadline

    def close(self) -> None:
        self.closed_engine = True

    # a server's

    def open_connection(self, app_id: str, user_id: str, subprotocol: str, now_ms: int) -> int:
        self._ids += 1
        self.calls.append(("open_connection", app_id, user_id, subprotocol))
        self.open.append(self._ids)
        return self._ids

    def refuse(self, connection: int, first_bytes: bytes, size: int, now_ms: int) -> None:
        self.calls.append(("refuse", connection, first_bytes, size))
        self.emit(Close(connection, 1011))

    def revoke(self, connection: int, now_ms: int) -> None:
        self.calls.append(("revoke", connection))

    def take_over(self, connection: int, now_ms: int) -> None:
        self.calls.append(("take_over", connection))

    def authorize(
        self, connection: int, session: int, question: int, permission: str | None, now_ms: int
    ) -> None:
        self.calls.append(("authorize", connection, session, question, permission))

    def authorize_roles(
        self, connection: int, session: int, question: int, roles: Any, now_ms: int
    ) -> None:
        self.calls.append(("authorize_roles", connection, session, question, roles))

    def reauthorize(self, connection: int, now_ms: int) -> None:
        self.calls.append(("reauthorize", connection))

    def configure_app(self, app_id: str, **settings: Any) -> None:
        del settings["now_ms"]
        self.calls.append(("configure_app", app_id, settings))

    def schema(self, app_id: str, now_ms: int) -> int:
        return self._administered(self.schemas.get(app_id, []))

    def install_schema(self, app_id: str, classes: list[Any], now_ms: int) -> int:
        self.calls.append(("install_schema", app_id, [cls[0] for cls in classes]))
        self.schemas[app_id] = classes
        return self._administered()

    def replace_schema(self, app_id: str, classes: list[Any], now_ms: int) -> int:
        self.calls.append(("replace_schema", app_id, [cls[0] for cls in classes]))
        self.schemas[app_id] = classes
        return self._administered()

    def terminate(self, app_id: str, now_ms: int) -> int:
        self.calls.append(("terminate", app_id))
        return self._administered()

    def _administered(self, classes: list[Any] | None = None) -> int:
        self._ids += 1
        self.emit(Administered(self._ids, None, classes, self.has_client_files))
        return self._ids

    def closed(self, connection: int, *details: Any) -> None:
        self.calls.append(("closed", connection, *details[:-1]))
        if connection in self.open:
            self.open.remove(connection)

    def shutdown(self, now_ms: int) -> None:
        self.calls.append(("shutdown",))
        self.on_shutdown()

    def stats(self) -> dict[str, int]:
        return {"connections": len(self.open), "storage_full": 0, "writing_ms": 0}

    # a client's

    def connected(self, connection: int, protocol: str, now_ms: int) -> None:
        self.calls.append(("connected", connection, protocol))

    def connect_failed(
        self, connection: int, failure: str, status: int, message: str, now_ms: int
    ) -> None:
        self.calls.append(("connect_failed", connection, failure, status, message))

    # what tests do with it

    def emit(self, event: Any) -> None:
        """Says something from "another thread"."""
        self.events.append(event)
        os.eventfd_write(self._eventfd, 1)

    def send(self, connection: int, message: bytes) -> None:
        self.outbox[connection].append(message)
        self.emit(Writable(connection))

    def messages(self) -> list[bytes]:
        return [data for _, data in self.received]

    @property
    def held_buffers(self) -> int:
        """Outgoing messages that were not given back."""
        return len(self._buffers)

    def _keep(self, connection: int, data: bytes) -> None:
        self.received.append((connection, data))

    def _close_all(self) -> None:
        for connection in self.open:
            self.outbox[connection].append(b"bye")
            self.emit(Close(connection, 1011))

    def _receive(self, _: Any, connection: int, data: int, size: int, now_ms: int) -> None:
        self.on_message(connection, ctypes.string_at(data, size))

    def _next(self, _: Any, connection: int, now_ms: int, message: Any) -> int:
        if not self.outbox[connection]:
            return 0
        data = self.outbox[connection].popleft()
        buffer = ctypes.create_string_buffer(HEAD_ROOM + len(data))
        ctypes.memmove(ctypes.addressof(buffer) + HEAD_ROOM, data, len(data))
        owner = ctypes.addressof(buffer)
        self._buffers[owner] = buffer
        message[0] = Message(owner + HEAD_ROOM, len(data), owner)
        return 1

    def _release(self, _: Any, message: Any) -> None:
        del self._buffers[message[0].owner]
