"""One websocket of one user with many sessions, that keeps what it is sent: names of objects."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from instructions import add_column, add_table, changeset, create, update
from realmsync import ejson
from realmsync.inspect import decode_changeset, decode_message

LIMIT = 30.0  # s; far above what anything here takes
_MS_1970_TO_2015 = 1_420_070_400_000
NAMED = (add_table("Note"), add_column("Note", "name", 3, nullable=True))


class Session:
    """What the server has said of one."""

    def __init__(self, partition: Any) -> None:
        self.partition = partition
        self.file: tuple[int, int] | None = None
        self.version = 1  # of the newest upload
        self.acknowledged = 0
        self.downloads = 0
        self.names: list[str] = []  # of the objects that others wrote
        self.error: int | None = None


class Peer:
    """Sends what it is told to, whether or not that is allowed."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.sessions: dict[int, Session] = {}
        self._changed = asyncio.Condition()
        self._next = 0
        self.closed = False
        self._reader = asyncio.ensure_future(self._read())

    @staticmethod
    async def open(url: str, app_id: str, token: str) -> Peer:
        return Peer(
            await connect(
                f"{url.replace('http', 'ws', 1)}/api/client/v2.0/app/{app_id}/realm-sync"
                f"?baas_at={token}",
                subprotocols=[Subprotocol("com.mongodb.realm-sync#14")],
                compression=None,
                ping_interval=None,
                close_timeout=0,
            )
        )

    async def close(self) -> None:
        self._socket.transport.abort()
        await self._reader

    async def bind(self, partition: Any) -> Session:
        """A new session of a new client file, with everything that there is for it."""
        self._next += 1
        number, session = self._next, Session(partition)
        self.sessions[number] = session
        data = ejson.dumps(partition).encode()
        await self._socket.send(b"bind %d %d 0 1 0\n%s" % (number, len(data), data))
        await self.until(lambda: bool(session.file or session.error or self.closed))
        if session.file is not None and session.error is None and not self.closed:
            await self._socket.send(b"ident %d %d %d 0 0 0 0\n" % (number, *session.file))
            await self.until(lambda: bool(session.downloads or session.error or self.closed))
        return session

    async def write(self, session: Session, key: int, name: str) -> bool:
        """Uploads one object; gives whether the server took it."""
        number = next(n for n, each in self.sessions.items() if each is session)
        session.version += 1
        body = changeset(*NAMED, create("Note", key), update("Note", key, "name", name))
        now = int(time.time() * 1000) - _MS_1970_TO_2015
        entry = b"%d 0 %d 0 %d " % (session.version, now, len(body)) + body
        head = b"upload %d 0 %d 0 %d 0 0\n" % (number, len(entry), session.version)
        await self._socket.send(head + entry)
        await self.until(
            lambda: bool(session.acknowledged >= session.version or session.error or self.closed)
        )
        return session.acknowledged >= session.version

    async def until(self, is_so: Any) -> None:
        """Waits; raises TimeoutError when it never becomes so."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(is_so), LIMIT)

    async def _read(self) -> None:
        try:
            async for data in self._socket:
                assert isinstance(data, bytes)
                async with self._changed:
                    self._take(decode_message(data, from_client=False))
                    self._changed.notify_all()
        except (ConnectionClosed, OSError):
            pass
        async with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        session = self.sessions.get(message.get("session", 0))
        if kind == "json_error" and session is not None:
            session.error = message["code"]
        elif kind == "ident" and session is not None:
            session.file = (message["file_ident"], message["file_ident_salt"])
        elif kind == "download" and session is not None:
            assert session.error is None, "a download behind an error"
            session.downloads += 1
            session.acknowledged = message["upload_client_version"]
            session.names += [
                instruction["value"]["v"]
                for entry in message["entries"]
                for instruction in decode_changeset(entry["changeset"])
                if instruction["op"] == "Update" and instruction["field"] == "name"
            ]
