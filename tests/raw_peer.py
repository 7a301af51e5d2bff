"""A peer of the server on a websocket that may say anything, and a victim: a well-behaved one whose
waits are measured while somebody else misbehaves. Also what the server takes meanwhile."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from instructions import add_column, add_table, changeset, create, update
from realmsync.inspect import decode_message
from realmsync.testing import ServerProcess

APP = "attack"
PATIENCE = 60.0  # s
MIB = 1 << 20
# Seconds that nobody may make another user wait, on a machine of the server's own; the machine that
# runs tests does other things, too (docs/guides/run-the-server.md).
PROMISE = 2.0
LONGEST = 4 * PROMISE
_MS_1970_TO_2015 = 1_420_070_400_000
_MS_PER_S = 1000


class Refused(Exception):
    """The server has ended a session."""

    def __init__(self, code: int, body: dict[str, Any]) -> None:
        super().__init__(f"{code}: {body.get('message')}")
        self.code = code
        self.body = body


def log_in(url: str, app: str = APP) -> str:
    """The access token of a new anonymous user."""
    request = urllib.request.Request(
        f"{url}/api/client/v2.0/app/{app}/auth/providers/anon-user/login", b"{}"
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        token = json.load(reply)["access_token"]
    assert isinstance(token, str)
    return token


class RawPeer:
    """One websocket of a new user, or of one who is logged in."""

    protocol = "com.mongodb.realm-sync#14"

    def __init__(self, url: str, token: str | None = None, app: str = APP) -> None:
        self.token = token or log_in(url, app)
        opened = connect(
            f"{url.replace('http', 'ws', 1)}/api/client/v2.0/app/{app}/realm-sync"
            f"?baas_at={self.token}",
            subprotocols=[Subprotocol(self.protocol)],
            compression=None,
            ping_interval=None,
            max_size=None,
            close_timeout=0,
            open_timeout=PATIENCE,
        )
        self.socket = opened.__enter__()
        self.version: dict[int, int] = {}

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close_socket()

    def send(self, message: bytes) -> None:
        self.socket.send(message)

    def receive(self) -> dict[str, Any]:
        while True:
            data = self.socket.recv(timeout=PATIENCE)
            assert isinstance(data, bytes)
            message = decode_message(data, from_client=False)
            if message["type"] == "json_error":
                raise Refused(message["code"], json.loads(message["body"]))
            if message["type"] != "log_message":
                return message

    def until(self, kind: str) -> dict[str, Any]:
        while (message := self.receive())["type"] != kind:
            pass
        return message

    def open(self, session: int, partition: str) -> int:
        """Binds a new client file; gives the newest server version."""
        data = json.dumps(partition).encode()
        self.send(b"bind %d %d 0 1 0\n%s" % (session, len(data), data))
        ident = self.until("ident")
        self.version[session] = 1
        self.send(
            b"ident %d %d %d 0 0 0 0\n" % (session, ident["file_ident"], ident["file_ident_salt"])
        )
        version = self.until("download")["download_server_version"]
        assert isinstance(version, int)
        return version

    def upload(self, session: int, *changesets: bytes, **how: Any) -> int:
        """Sends one message, compressed; gives its inflated bytes. How: see `upload_message`."""
        message, size = self.upload_message(session, *changesets, **how)
        self.send(message)
        return size

    def upload_message(
        self,
        session: int,
        *changesets: bytes,
        base: int = 0,
        count: int = 1,
        ahead: float = 0,
        level: int = 9,
    ) -> tuple[bytes, int]:
        """The next one, to be sent, and its inflated bytes. `ahead`: s, of its clock. `level`: of
        compression, where 1 is a hundred times as fast and may be as good."""
        now = int((time.time() + ahead) * _MS_PER_S) - _MS_1970_TO_2015
        body = bytearray()
        for data in changesets * count:
            self.version[session] += 1
            body += b"%d %d %d 0 %d " % (self.version[session], base, now, len(data))
            body += data
        packed = zlib.compress(body, level)
        head = (session, len(body), len(packed), self.version[session], base)
        return b"upload %d 1 %d %d %d %d 0\n" % head + packed, len(body)

    def acknowledged(self, session: int) -> None:
        """Waits until everything uploaded is. Raises Refused."""
        while (message := self.until("download"))["session"] != session or message[
            "upload_client_version"
        ] < self.version[session]:
            pass


class FlexiblePeer(RawPeer):
    """The same in flexible sync."""

    protocol = "com.mongodb.realm-query-sync#14"

    def open_flexible(self, session: int, **queries: str) -> None:
        """Binds a new client file, and subscribes."""
        data = b'{"schemaVersion":0,"sessionReason":0}'
        self.send(b"bind %d %d 0 1 0\n%s" % (session, len(data), data))
        ident = self.until("ident")
        self.version[session] = 1
        self.ident(session, (ident["file_ident"], ident["file_ident_salt"]))
        self.until("download")
        if queries:
            self.query(session, 1, **queries)
            while self.until("download")["query_version"] != 1:
                pass

    def ident(self, session: int, file: tuple[int, int]) -> None:
        self.send(b"ident %d %d %d 0 0 0 0 0 2\n{}" % (session, *file))

    def query(self, session: int, version: int, **queries: str) -> None:
        body = json.dumps(queries).encode()
        self.send(b"query %d %d %d\n%s" % (session, version, len(body), body))


@contextmanager
def attackers(count: int, attack: Callable[[int], object]) -> Iterator[None]:
    """So many threads attack, each with its number, until they are done."""
    threads = [threading.Thread(target=attack, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


class Victim:
    """Writes one object after the other, in a partition and as a user of its own."""

    def __init__(self, url: str, pause: float = 0.02) -> None:
        self.waits: list[float] = []  # s, from sending to the acknowledgement
        self.failure: BaseException | None = None
        self._pause = pause
        self._peer = self._open(url)
        self._peer.upload(
            1, changeset(add_table("Person"), add_column("Person", "name", 3, nullable=True))
        )
        self._peer.acknowledged(1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="victim")

    @staticmethod
    def _open(url: str) -> RawPeer:
        peer = RawPeer(url)
        peer.open(1, "victim")
        return peer

    def __enter__(self) -> Victim:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        self._peer.socket.close_socket()

    def _run(self) -> None:
        number = 0
        try:
            while not self._stop.wait(self._pause):
                number += 1
                start = time.monotonic()
                name = update("Person", number, "name", f"n{number}")
                self._peer.upload(1, changeset(create("Person", number), name))
                self._peer.acknowledged(1)
                self.waits.append(time.monotonic() - start)
        except BaseException as error:  # told by check()
            self.failure = error

    def goes_on(self, until: Callable[[], bool] = lambda: True, times: int = 10) -> None:
        """Waits for so many more writes, and until that is so; less if it has failed."""
        wanted = len(self.waits) + times
        while (len(self.waits) < wanted or not until()) and self.failure is None:
            time.sleep(0.01)

    def check(self, longest: float) -> None:
        """It has gone on all the time, and no wait was longer (in s)."""
        assert self.failure is None, repr(self.failure)
        assert self.waits
        assert max(self.waits) <= longest


def memory(server: ServerProcess) -> int:
    """MiB that the process has now."""
    return _mebibytes(server, "VmRSS")


def peak_memory(server: ServerProcess) -> int:
    """MiB that the process has had at most."""
    return _mebibytes(server, "VmHWM")


def _mebibytes(server: ServerProcess, name: str) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) >> 10


def disk_use(server: ServerProcess) -> int:
    """Bytes in the server's folder."""
    return sum(
        (Path(folder) / name).stat().st_size
        for folder, _, names in os.walk(server.data)
        for name in names
    )
