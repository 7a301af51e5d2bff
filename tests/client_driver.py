"""The client engine without sockets or a clock: what it sends is taken by hand, time is a number.

One runtime with inline workers; files are in memory. The server's part is played by the tests.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from instructions import add_table, changeset
from realmsync import _testbed
from realmsync._core import ClientRuntime, ClientStore
from told import told

PROTOCOL = "com.mongodb.realm-sync#14"
URL = "ws://localhost:9090/api/client/v2.0/app/app/realm-sync"
ACTIVE, DYING, INACTIVE, WAITING, PAUSED = range(5)
ERROR = {
    "message": "told so",
    "logURL": "",
    "shouldClientReset": False,
    "isRecoveryModeDisabled": False,
}


CHANGESET = changeset(add_table("A"))


def idle_changeset(size: int) -> bytes:
    """A changeset of so many bytes, at least 3, that does nothing: it only declares strings."""
    count = -(-size // 60)
    lengths = [size // count + (n < size % count) - 3 for n in range(count)]
    return b"".join(
        bytes([0x3F, n, length, *[97 + n] * length]) for n, length in enumerate(lengths)
    )


def words(message: bytes) -> list[str]:
    """The head of a message."""
    return message.partition(b"\n")[0].decode().split(" ")


def numbers(message: bytes) -> list[int]:
    """The head of a message without its type."""
    return [int(word) for word in words(message)[1:]]


def body_of(upload: bytes) -> bytes:
    """The inflated body of an UPLOAD or a DOWNLOAD."""
    body = upload.partition(b"\n")[2]
    compressed = words(upload)[2 if upload.startswith(b"upload") else 9]
    return zlib.decompress(body) if compressed == "1" else body


def upload_entries(upload: bytes) -> list[tuple[int, int, int, bytes]]:
    """Version, base, timestamp and changeset of each entry of an UPLOAD."""
    body, result, at = body_of(upload), [], 0
    while at < len(body):
        *head, rest = body[at:].split(b" ", 5)
        version, base, timestamp, _, size = (int(word) for word in head)
        start = len(body) - len(rest)
        result.append((version, base, timestamp, body[start : start + size]))
        at = start + size
    return result


@dataclass
class File:
    """One synced file: its session in the engine and what was told about it."""

    id: int
    store: Any  # ClientStorage, or what the test brought
    events: list[tuple[Any, ...]] = field(default_factory=list)

    def commit(self, changeset: bytes, timestamp: int) -> int:
        """A local transaction, announced to the session. The version that it made."""
        return _testbed.commit_changeset(self.store.file, changeset, timestamp)

    def state(self) -> dict[str, Any]:
        """What the realm file knows of its synchronisation."""
        return _testbed.state(self.store.file)

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [event[2:] for event in self.events if event[0] == kind]


class Client:
    """A client engine, its files, and the virtual clock."""

    def __init__(self, seed: int = 1, multiplexing: bool = True, **tuning: int) -> None:
        self.runtime = ClientRuntime(workers=0, seed=seed, tuning=tuning)
        self.runtime.enable_multiplexing(multiplexing)
        self.now = 1_000
        self.files: dict[int, File] = {}
        self.sockets: list[int] = []  # all attempts to connect, in order
        self.owners: list[int] = []  # the sessions that they are for
        self.urls: list[str] = []
        self.closed: list[int] = []
        self.other: list[tuple[Any, ...]] = []
        self.taken = 0

    @property
    def socket(self) -> int:
        """The newest."""
        return self.sockets[-1]

    def run(self) -> None:
        """Takes in what has happened."""
        for event in map(told, self.runtime.drain(self.now)):
            if event[0] == "connect":
                self.sockets.append(event[1])
                self.owners.append(event[2])
                self.urls.append(event[3])
            elif event[0] == "close":
                self.closed.append(event[1])
            elif event[0] in ("writable", "pause_reading", "resume_reading", "log"):
                self.other.append(event)
            else:
                self.files[event[1]].events.append(event)

    def sleep(self, ms: int) -> None:
        """Lets time pass, stopping at every deadline."""
        end = self.now + ms
        while (deadline := self.runtime.deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.run()
        self.now = end
        self.run()

    def open(
        self,
        partition: str | None = '"p"',
        user: str = "u",
        url: str = URL,
        token: str = "token",
        store: ClientStore | None = None,
        **settings: Any,
    ) -> File:
        """A session, of a file in memory unless `store` is another."""
        self.run()  # from here on the engine knows the time
        store = _testbed.ClientStorage() if store is None else store
        id = self.runtime.add_session(
            store, user=user, partition=partition, url=url, access_token=token, **settings
        )
        file = self.files[id] = File(id, store)
        self.runtime.revive(id)
        self.run()
        return file

    def connect(self) -> None:
        self.runtime.connected(self.socket, PROTOCOL, self.now)
        self.run()

    def receive(self, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        self.runtime.receive(self.socket, data, self.now)
        self.run()

    def error(self, session: int, code: int, try_again: bool, action: str, **more: Any) -> None:
        """An ERROR; `more`: further keys of its JSON."""
        body = json.dumps(ERROR | {"tryAgain": try_again, "action": action} | more)
        self.receive(f"json_error {code} {len(body)} {session}\n{body}")

    def cut(self, code: int | None = None) -> None:
        """The newest socket ends, with a close frame or without one."""
        self.runtime.closed(self.socket, code, "gone", self.now)
        self.run()

    def fail(self, failure: str = "tcp", http: int = 0, reason: str = "because") -> None:
        """The newest attempt to connect does not get through."""
        self.runtime.connect_failed(self.socket, failure, http, reason, self.now)
        self.run()

    def next(self, socket: int) -> bytes | None:
        """What the engine sends next there."""
        message = self.runtime.next_message(socket, self.now)
        self.run()
        return message

    def take(self) -> list[bytes]:
        """All messages that the engine has to send now."""
        messages: list[bytes] = []
        if not self.sockets:
            return messages
        while (message := self.next(self.socket)) is not None:
            messages.append(message)
        return messages

    def heads(self) -> list[str]:
        return [" ".join(words(message)) for message in self.take()]

    def wait(self, file: File, direction: str) -> int:
        wait = self.runtime.wait(file.id, direction)
        self.run()
        return wait

    def bind(self, file: File, ident: int = 1, number: int = 7) -> None:
        """Plays the server up to the first MARK's echo. The connection is up."""
        assert f"bind {ident} {3} 0 1 0" in self.heads()
        self.receive(f"ident {ident} {number} 99\n")
        assert self.heads() == [f"ident {ident} {number} 99 0 0 0 0", f"mark {ident} 1"]
        self.receive(download(ident))
        self.receive(f"mark {ident} 1\n")


def download(
    session: int,
    *,
    dsv: int = 0,
    dcv: int = 0,
    lsv: int | None = None,
    ucv: int = 0,
    usv: int = 0,
    remaining: int = 0,
    body: bytes = b"",
) -> bytes:
    """A DOWNLOAD."""
    latest = dsv if lsv is None else lsv
    salt = 5 if latest else 0
    head = (
        f"download {session} {dsv} {dcv} {latest} {salt} {ucv} {usv} {remaining} 0 {len(body)} 0\n"
    )
    return head.encode() + body


def entry(version: int, base: int, changeset: bytes, origin: int = 3) -> bytes:
    """One entry of a DOWNLOAD."""
    return b"%d %d 1 %d %d %d " % (version, base, origin, len(changeset), len(changeset)) + (
        changeset
    )


def online(**tuning: int) -> tuple[Client, File]:
    """A client with one bound file, everything downloaded."""
    client = Client(**tuning)
    file = client.open()
    client.connect()
    client.bind(file)
    client.take()
    return client, file
