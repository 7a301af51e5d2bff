"""Bad clients at a real server, over real sockets: each gets the precise error, everybody else goes
on. Codes and keys: wire-protocol.md 10 and 12, server-behaviour.md 10."""

from __future__ import annotations

import json
import random
import socket
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from client_program import APP_ID, PATIENCE, ClientProgram
from instructions import add_table, changeset, create, update
from realmsync.inspect import decode_message
from realmsync.testing import ServerProcess

pytestmark = pytest.mark.no_asan

BODY_KEYS = {
    "message": str,
    "logURL": str,
    "shouldClientReset": bool,
    "isRecoveryModeDisabled": bool,
    "tryAgain": bool,
    "action": str,
}
VIOLATION, RESET, BUG = "ProtocolViolation", "ClientReset", "ApplicationBug"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("server")
    with ServerProcess(data, "--log-level", "error", durability="process") as server:
        yield server


class Healthy:
    """A client that must not notice anything; at the end a new client sees all it has written."""

    def __init__(self, program: ClientProgram) -> None:
        self.program = program
        self.written = 0

    def check(self) -> None:
        self.program.ask("write", [{"_id": self.written}], [])
        self.written += 1
        assert self.program.ask("upload")
        assert self.program.ask("download")
        assert "disconnected" not in self.program.ask("connection_changes")


@pytest.fixture(scope="module")
def healthy(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Healthy]:
    with ClientProgram() as program, ClientProgram() as fresh:
        program.ask("open", server.url, str(tmp_path_factory.mktemp("healthy")), "healthy")
        healthy = Healthy(program)
        healthy.check()
        yield healthy
        fresh.ask("open", server.url, str(tmp_path_factory.mktemp("fresh")), "healthy")
        assert fresh.ask("download")
        assert sorted(fresh.people()) == list(range(healthy.written))


@pytest.fixture(scope="module")
def url(server: ServerProcess) -> str:
    path = f"/api/client/v2.0/app/{APP_ID}"
    request = urllib.request.Request(
        f"{server.url}{path}/auth/providers/anon-user/login",
        json.dumps({"provider": "anon-user", "options": {"device": {}}}).encode(),
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        token = json.load(reply)["access_token"]
    return f"{server.url.replace('http', 'ws')}{path}/realm-sync?baas_at={token}"


class Peer:
    """One websocket on which anything can be said."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, data: bytes) -> None:
        self.socket.send(data)

    def take(self, kind: str) -> dict[str, Any]:
        """The next message that is no log message; must be of that kind."""
        while True:
            data = self.socket.recv(timeout=PATIENCE)
            assert isinstance(data, bytes)
            message = decode_message(data, from_client=False)
            if message["type"] != "log_message":
                assert message["type"] == kind, message
                return message

    def take_error(self, code: int, session: int, action: str) -> dict[str, Any]:
        error = self.take("json_error")
        assert (error["code"], error["session"]) == (code, session), error
        body: dict[str, Any] = json.loads(error["body"])
        for key, kind in BODY_KEYS.items():
            assert type(body[key]) is kind, key
        assert (body["action"], body["tryAgain"]) == (action, False)
        assert body["message"]
        return body

    def take_end(self) -> None:
        """Nothing more is said."""
        with pytest.raises(ConnectionClosed):
            while True:
                data = self.socket.recv(timeout=PATIENCE)
                raise AssertionError(f"another message after the last: {data!r}")

    def bind(self, session: int, partition: str = "bad") -> tuple[int, int]:
        data = json.dumps(partition).encode()
        self.send(b"bind %d %d 0 1 0\n%s" % (session, len(data), data))
        ident = self.take("ident")
        return ident["file_ident"], ident["file_ident_salt"]

    def open(self, session: int, partition: str = "bad") -> None:
        """A session that is bound and has all there is."""
        file = self.bind(session, partition)
        self.send(b"ident %d %d %d 0 0 0 0\n" % (session, *file))
        self.take("download")

    def check(self, session: int, request: int) -> None:
        """That session works."""
        self.send(b"mark %d %d\n" % (session, request))
        assert self.take("mark")["request"] == request


@contextmanager
def open_peer(url: str) -> Iterator[Peer]:
    with connect(
        url,
        subprotocols=[Subprotocol("com.mongodb.realm-sync#14")],
        open_timeout=PATIENCE,
        close_timeout=1,
        max_size=None,
    ) as socket:
        yield Peer(socket)


def upload(
    session: int, data: bytes, version: int = 2, origin: int = 0, progress: int | None = None
) -> bytes:
    entry = b"%d 0 1 %d %d %s" % (version, origin, len(data), data)
    head = (session, len(entry), version if progress is None else progress)
    return b"upload %d 0 %d 0 %d 0 0\n%s" % (*head, entry)


def compressed_upload(session: int, packed: bytes, claimed: int) -> bytes:
    return b"upload %d 1 %d %d 2 0 0\n%s" % (session, claimed, len(packed), packed)


def bomb() -> bytes:
    """100 MB in 100 kB."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(96)) + packer.flush()


DOG = changeset(add_table("Dog"), create("Dog", 1))

# Messages to a connection whose session 1 is open and whose session 2 is bound without IDENT, and
# the code of the error that ends the connection.
CONNECTION_ERRORS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "unknown message": (102, lambda: b"hello 1\n"),
    "random bytes": (103, lambda: random.Random(1).randbytes(500)),
    "message of servers": (102, lambda: b"download 1 0 0 0 0 0 0 0 0 0 0\n"),
    "query": (102, lambda: b"query 1 1 2\n{}"),
    "empty": (103, lambda: b""),
    "not a number": (103, lambda: b"mark 1 x\n"),
    "no line feed": (103, lambda: b"mark 1 1"),
    "truncated": (103, lambda: upload(1, DOG)[:-1]),
    "trailing bytes": (103, lambda: b"mark 1 1\nmore"),
    "size beyond 64 bits": (103, lambda: b"upload 1 0 99999999999999999999 0 2 0 0\n"),
    "size of four GiB": (103, lambda: b"upload 1 0 4294967296 0 2 0 0\nabc"),
    "empty partition": (103, lambda: b"bind 3 0 0 1 0\n"),
    "token of four GiB": (103, lambda: b'bind 3 3 4294967296 1 0\n"x"'),
    "zip bomb that claims little": (110, lambda: compressed_upload(1, bomb(), 100)),
    "no zlib": (110, lambda: compressed_upload(1, b"no zlib stream", 100)),
    "entry without numbers": (111, lambda: b"upload 1 0 4 0 2 0 0\nabcd"),
    "entry beyond its body": (112, lambda: b"upload 1 0 12 0 2 0 0\n2 0 1 0 99 x"),
    "session never bound": (106, lambda: b"mark 7 1\n"),
    "session of another": (106, lambda: upload(7, DOG)),
    "session ident 0": (106, lambda: b'bind 0 3 0 1 0\n"x"'),
    "ident of a bound session": (107, lambda: b'bind 1 3 0 1 0\n"x"'),
    "upload before IDENT": (109, lambda: upload(2, DOG)),
    "mark before IDENT": (109, lambda: b"mark 2 1\n"),
    "second IDENT": (109, lambda: b"ident 1 2 3 0 0 0 0\n"),
}


@pytest.mark.parametrize("case", CONNECTION_ERRORS)
def test_connection_errors(url: str, healthy: Healthy, case: str) -> None:
    code, make = CONNECTION_ERRORS[case]
    with open_peer(url) as peer, open_peer(url) as other:
        other.open(1)
        peer.open(1)
        peer.bind(2)
        peer.send(make())
        peer.take_error(code, 0, VIOLATION)
        peer.take_end()
        other.check(1, 1)
        healthy.check()


def test_after_unbind(url: str, healthy: Healthy) -> None:
    with open_peer(url) as peer:
        peer.open(1)
        peer.send(b"unbind 1\n")
        peer.take("unbound")
        peer.send(b"mark 1 1\n")
        peer.take_error(106, 0, VIOLATION)
        peer.take_end()
    healthy.check()


# The same for errors that end session 2 only.
SESSION_ERRORS: dict[str, tuple[int, str, Callable[[], bytes]]] = {
    "no changeset": (212, RESET, lambda: upload(2, b"\x80\x80 no changeset")),
    "half a changeset": (212, RESET, lambda: upload(2, DOG[:-1])),
    "object of no class": (212, RESET, lambda: upload(2, changeset(create("Cat", 1)))),
    "update of nothing": (212, RESET, lambda: upload(2, changeset(update("Cat", 1, "name", "x")))),
    "foreign origin": (216, VIOLATION, lambda: upload(2, DOG, origin=5)),
    "beyond the progress": (210, RESET, lambda: upload(2, DOG, version=9, progress=2)),
    "zip bomb that tells": (201, BUG, lambda: compressed_upload(2, bomb(), 96 << 20)),
    "claim of an exabyte": (201, BUG, lambda: compressed_upload(2, zlib.compress(b"x"), 1 << 60)),
    "version never sent": (209, RESET, lambda: b"upload 2 0 0 0 2 1000000 0\n"),
}


@pytest.mark.parametrize("case", SESSION_ERRORS)
def test_session_errors(url: str, healthy: Healthy, case: str) -> None:
    code, action, make = SESSION_ERRORS[case]
    with open_peer(url) as peer:
        peer.open(1, "good")
        peer.open(2, f"bad-{case}")
        peer.send(make())
        body = peer.take_error(code, 2, action)
        assert body["shouldClientReset"] is (action == RESET)
        peer.send(b"mark 2 1\n")  # crossed with the error: ignored
        peer.check(1, 1)
        peer.send(b"unbind 2\n")
        peer.check(1, 2)
        peer.open(2, f"bad-{case}")  # the partition is as it was
        peer.check(2, 1)
        healthy.check()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("{ident} {wrong_salt} 0 0 0 0", 211),
        ("99999 {salt} 0 0 0 0", 208),
        ("{ident} {salt} 1000 0 1000 5", 209),
        ("{ident} {salt} 0 1000 0 0", 210),
    ],
)
def test_bad_idents(url: str, healthy: Healthy, words: str, code: int) -> None:
    with open_peer(url) as peer:
        peer.open(1, "good")
        ident, salt = peer.bind(2, "bad-ident")
        text = words.format(ident=ident, salt=salt, wrong_salt=salt ^ 1)
        peer.send(f"ident 2 {text}\n".encode())
        peer.take_error(code, 2, RESET)
        peer.check(1, 1)
        healthy.check()


@pytest.mark.parametrize("partition", [b"{", b"1.5", b"true", b"[]", b'"\xff"'])
def test_bad_partitions(url: str, healthy: Healthy, partition: bytes) -> None:
    with open_peer(url) as peer:
        peer.open(1, "good")
        peer.send(b"bind 2 %d 0 1 0\n%s" % (len(partition), partition))
        peer.take_error(204, 2, BUG)
        peer.check(1, 1)
        healthy.check()


def test_damaged_conversations(url: str, healthy: Healthy) -> None:
    """What a client says, damaged: any answer but a crash or a hang."""
    rng = random.Random(7)
    for number in range(40):
        with open_peer(url) as peer, suppress(ConnectionClosed):
            ident, salt = peer.bind(1, "damaged")
            messages = [
                b"ident 1 %d %d 0 0 0 0\n" % (ident, salt),
                upload(1, DOG),
                b"mark 1 1\n",
                b"ping 1 1\n",
                b'bind 2 3 0 1 0\n"x"',
                b"unbind 1\n",
            ]
            damaged = bytearray(messages[at := rng.randrange(len(messages))])
            for _ in range(rng.randint(1, 4)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            messages[at] = bytes(damaged[: rng.randint(1, len(damaged))])
            if number % 3 == 0:
                rng.shuffle(messages)
            for message in messages:
                peer.send(message)
            peer.send(b"hello\n")  # whatever came before, this ends it
            while True:
                data = peer.socket.recv(timeout=PATIENCE)
                assert isinstance(data, bytes)
                decode_message(data, from_client=False)
    healthy.check()


def test_damaged_frames(server: ServerProcess, url: str, healthy: Healthy) -> None:
    """Random bytes instead of a request, behind half an upgrade, and instead of frames."""
    rng = random.Random(8)
    target = url.partition(f":{server.port}")[2]
    upgrade = (
        f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Protocol: com.mongodb.realm-sync#14\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n"
    ).encode()
    beginnings = [b"", b"GET / HTTP/1.1\r\n", upgrade[:300], upgrade, upgrade + b"\x82\xff\xff"]
    for number in range(20):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as raw:
            raw.sendall(beginnings[number % len(beginnings)] + rng.randbytes(300) + b"\r\n\r\n")
            raw.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while raw.recv(1 << 16):
                    pass
    healthy.check()


def test_endless_handshakes_are_cheap(url: str, healthy: Healthy) -> None:
    """Connections that end at once leave nothing behind."""
    for _ in range(30):
        with suppress(WebSocketException), open_peer(url):
            pass
    healthy.check()
