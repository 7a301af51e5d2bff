"""A bad server at our client, over real sockets: a precise error for the application, the file
intact, other connections untouched, and everything well once the server behaves. Which message is
legal when: client-session.md 10.5 to 10.7; what errors do: 12.4."""

from __future__ import annotations

import json
import re
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from client_program import Person, make_app, open_realm, people, settle, until
from instructions import add_table, changeset, create
from realmsync import App, ConnectionState, Realm, SessionState, SyncError
from realmsync.account.http import HttpRequest, HttpResponse, aiohttp_transport
from realmsync.inspect import decode_message
from realmsync.testing import ServerProcess

# Sockets are the sync client's, on a loop of its own: the program's loop makes no difference.
pytestmark = [
    pytest.mark.no_asan,
    pytest.mark.asyncio(loop_factories=["asyncio"]),
    # Who holds a session needs no realm.
    pytest.mark.filterwarnings("ignore:unclosed realm:ResourceWarning"),
]

FILE = (7, 4711)
INVARIANT, BAD_CHANGESET, RUNTIME, CLOSED, UNKNOWN = 1038, 1015, 1000, 1030, 2_000_000
Say = Callable[[int], bytes | list[bytes]]  # a list: the fragments of one message


def download(
    session: int,
    *,
    dsv: int = 0,
    dcv: int = 0,
    lsv: int = 0,
    ucv: int = 0,
    usv: int = 0,
    body: bytes = b"",
    sizes: tuple[int, int, int] | None = None,
) -> bytes:
    compressed, plain, packed = sizes or (0, len(body), 0)
    head = (session, dsv, dcv, lsv, 5 if lsv else 0, ucv, usv, 0, compressed, plain, packed)
    return b"download %d %d %d %d %d %d %d %d %d %d %d\n%s" % (*head, body)


def entry(data: bytes, *, version: int = 1, client: int = 0, origin: int = 9) -> bytes:
    return b"%d %d 1 %d %d %d %s" % (version, client, origin, len(data), len(data), data)


def one(data: bytes, **entry_fields: int) -> Say:
    """A DOWNLOAD of one changeset."""
    return lambda s: download(s, dsv=1, lsv=1, body=entry(data, **entry_fields))


def error(
    code: int, session: int, *, action: str = "ApplicationBug", again: bool = False, **more: Any
) -> bytes:
    keys = {"shouldClientReset": False, "isRecoveryModeDisabled": False, "logURL": "http://log"}
    body = {"message": "as bad as can be", "action": action, "tryAgain": again} | keys | more
    data = json.dumps(body).encode()
    return b"json_error %d %d %d\n%s" % (code, len(data), session, data)


class BadServer:
    """Answers as a server without data does, except for one message, when it is told."""

    def __init__(self) -> None:
        self.evil: dict[str, Say] = {}  # by the type of the message that it answers
        self.received: list[dict[str, Any]] = []
        self.uploaded: dict[str, int] = {}  # by partition: the version acknowledged last
        self.server = serve(
            self.handle, "127.0.0.1", 0, subprotocols=[Subprotocol("com.mongodb.realm-sync#14")]
        )
        self.url = f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()

    def handle(self, socket: ServerConnection) -> None:
        partitions: dict[int, str] = {}
        failed: set[int] = set()  # nothing is said to them until the next BIND
        for data in socket:
            assert isinstance(data, bytes)
            message = decode_message(data, from_client=True)
            self.received.append(message)
            kind, session = message["type"], message.get("session", 0)
            if kind == "bind":
                partitions[session] = message["data"]
                failed.discard(session)
            elif kind == "upload":
                self.uploaded[partitions[session]] = message["upload_client_version"]
            if session in failed:
                continue
            if say := self.evil.pop(kind, None):
                answer = say(session)
                with suppress(ConnectionClosed):  # by a client that has had enough
                    socket.send(answer)
                if isinstance(answer, bytes) and answer.startswith(b"json_error"):
                    failed.add(session)
            elif kind == "bind" and message["need_ident"]:
                socket.send(b"ident %d %d %d\n" % (session, *FILE))
            elif kind in ("ident", "upload"):
                socket.send(download(session, ucv=self.uploaded.get(partitions[session], 0)))
            elif kind == "mark":
                socket.send(b"mark %d %d\n" % (session, message["request"]))
            elif kind == "unbind":
                socket.send(b"unbound %d\n" % session)

    def transport(self) -> Callable[[HttpRequest], Any]:
        """HTTP goes to the real server, whose answer to where sync is is changed to this one."""

        async def send(request: HttpRequest) -> HttpResponse:
            response = await aiohttp_transport(request)
            body = re.sub(r'("ws_hostname": ?)"[^"]*"', rf'\1"{self.url}"', response.body)
            return replace(response, body=body)

        return send


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("server")
    with ServerProcess(data, "--log-level", "error", durability="process") as server:
        yield server


@pytest.fixture
def bad() -> Iterator[BadServer]:
    server = BadServer()
    yield server
    server.close()


class Case:
    """A realm whose server is bad, its sibling on the same connection, and one that is well off."""

    def __init__(self, bad: BadServer, victim: App, bystander: App) -> None:
        self.bad, self.victim, self.bystander = bad, victim, bystander
        self.errors: list[SyncError] = []

    async def run(self, on: str, say: Say) -> None:
        """Up to the error."""
        self.well = await open_realm(self.bystander, "well")
        await settle(self.well)
        self.sibling = await self.open("sibling", [])
        await settle(self.sibling)
        self.bad.evil[on] = say
        self.realm = await self.open("victim", self.errors)
        with self.realm.write():
            self.realm.create(Person, {"_id": 1, "name": "precious"})
        await until(lambda: bool(self.errors))

    async def open(self, partition: str, errors: list[SyncError]) -> Realm:
        return await open_realm(
            self.victim, partition, on_error=lambda session, error: errors.append(error)
        )

    async def recover(self) -> None:
        """The data is there, others have noticed nothing, and the next try works."""
        assert people(self.realm)[1]["name"] == "precious"
        assert self.well.sync_session.is_connected
        with self.well.write():
            self.well.create(Person, {"_id": 1}, "modified")
        await settle(self.well)
        for realm in (self.realm, self.sibling):
            realm.sync_session.pause()
            realm.sync_session.resume()
        await settle(self.realm, self.sibling)
        assert any(message["type"] == "upload" for message in self.bad.received)
        assert people(self.realm)[1]["name"] == "precious"
        assert len(self.errors) == 1


@pytest.fixture
async def case(bad: BadServer, server: ServerProcess, tmp_path: Path) -> AsyncIterator[Case]:
    victim = make_app(server.url, tmp_path / "victim", http_transport=bad.transport())
    bystander = make_app(server.url, tmp_path / "bystander")
    yield Case(bad, victim, bystander)
    await victim.close()
    await bystander.close()


EMPTY = changeset(add_table("Thing"))

# What is said in answer to which message, and what the application is told of it.
VIOLATIONS: dict[str, tuple[str, Say, str]] = {
    "random bytes": ("bind", lambda s: bytes(range(128, 255)), "Bad message"),
    "empty message": ("bind", lambda s: b"", "Bad message"),
    "unknown message": ("ident", lambda s: b"hello %d\n" % s, "Bad message"),
    "message of clients": ("ident", lambda s: b"unbind %d\n" % s, "Bad message"),
    "truncated": ("ident", lambda s: download(s)[:-5], "Bad message"),
    "trailing bytes": ("ident", lambda s: b"mark %d 1\nmore" % s, "Bad message"),
    "number too large": ("ident", lambda s: b"mark %d %d\n" % (s, 1 << 70), "Bad message"),
    "other session": ("ident", lambda s: b"mark 99 1\n", "message for an unknown session"),
    "MARK not asked for": ("ident", lambda s: b"mark %d 99\n" % s, "MARK with a bad request"),
    "MARK before IDENT": ("bind", lambda s: b"mark %d 1\n" % s, "MARK at the wrong time"),
    "second IDENT": ("ident", lambda s: b"ident %d 8 9\n" % s, "IDENT that was not asked for"),
    "IDENT 0": ("bind", lambda s: b"ident %d 0 9\n" % s, "Bad message: A client file ident"),
    "IDENT without salt": ("bind", lambda s: b"ident %d 8 0\n" % s, "its salt are never 0"),
    "DOWNLOAD before IDENT": ("bind", download, "DOWNLOAD at the wrong time"),
    "UNBOUND not asked for": ("ident", lambda s: b"unbound %d\n" % s, "UNBOUND that was not"),
    "PONG without PING": ("ident", lambda s: b"pong 1\n", "PONG without a PING"),
    "cursor beyond the newest": ("ident", lambda s: download(s, dsv=5, lsv=4), "DOWNLOAD"),
    "acknowledges the future": ("ident", lambda s: download(s, ucv=1 << 40), "DOWNLOAD"),
    "integrated the future": ("ident", lambda s: download(s, dcv=1 << 40), "DOWNLOAD"),
    "version twice": (
        "ident",
        lambda s: download(s, dsv=2, lsv=2, body=entry(EMPTY) + entry(EMPTY)),
        "do not increase",
    ),
    "entry beyond the cursor": ("ident", one(EMPTY, version=2), "beyond the message's download"),
    "own origin": ("ident", one(EMPTY, origin=FILE[0]), "bad origin file ident"),
    "no origin": ("ident", one(EMPTY, origin=0), "bad origin file ident"),
    "no zlib": ("ident", lambda s: download(s, body=b"abcd", sizes=(1, 100, 4)), ""),
    "zip bomb": (
        "ident",
        lambda s: download(s, body=(z := zlib.compress(bytes(1 << 24))), sizes=(1, 99, len(z))),
        "",
    ),
    "claim of an exabyte": (
        "ident",
        lambda s: download(s, body=(z := zlib.compress(b"x")), sizes=(1, 1 << 60, len(z))),
        "",
    ),
    "entry beyond its body": (
        "ident",
        lambda s: download(s, dsv=1, lsv=1, body=b"1 0 1 9 99 99 x"),
        "",
    ),
    "error of the wrong level": ("ident", lambda s: error(212, 0), "ERROR for the connection"),
    "connection code for a session": ("ident", lambda s: error(103, s), "ERROR for a session"),
    "undefined connection code": ("ident", lambda s: error(199, 0), "ERROR for the connection"),
    "error that is no JSON": (
        "ident",
        lambda s: b"json_error 200 1 %d\n{" % s,
        "bad JSON in ERROR",
    ),
    "error without its keys": ("ident", lambda s: b"json_error 200 2 %d\n{}" % s, "bad JSON in"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
async def test_violations(case: Case, name: str) -> None:
    on, say, message = VIOLATIONS[name]
    await case.run(on, say)
    [reported] = case.errors
    assert (reported.code, reported.is_fatal) == (INVARIANT, True)
    assert reported.action == "ProtocolViolation"
    assert message in reported.message
    assert reported.message
    assert case.realm.sync_session.state is SessionState.INACTIVE
    await case.recover()


@pytest.mark.parametrize(
    "data",
    [b"no changeset", EMPTY[:-1], changeset(create("Nowhere", 1))],
    ids=["no changeset", "half a changeset", "inapplicable"],
)
async def test_bad_changeset(case: Case, data: bytes) -> None:
    await case.run("ident", one(data))
    [reported] = case.errors
    assert (reported.code, reported.is_fatal, reported.action) == (BAD_CHANGESET, False, "Warning")
    assert reported.message.startswith("BadChangeset: ")
    session = case.realm.sync_session
    assert session.state is SessionState.ACTIVE
    assert session.is_connected
    await until(lambda: "json_error" in [m["type"] for m in case.bad.received])
    [message] = [m for m in case.bad.received if m["type"] == "json_error"]
    assert message["code"] == 212
    assert json.loads(message["body"]) == {"message": reported.message}
    assert case.sibling.sync_session.is_connected
    await settle(case.sibling)
    await case.recover()


# Codes that end processes of the original SDK are errors like any other here.
@pytest.mark.parametrize("code", [202, 203, 205, 207, 214, 215, 218, 219, 220, 221, 224])
async def test_lethal_session_codes(case: Case, code: int) -> None:
    await case.run("ident", lambda s: error(code, s))
    [reported] = case.errors
    assert (reported.code, reported.is_fatal) == (UNKNOWN, True)
    assert reported.action == "ApplicationBug"
    assert "as bad as can be" in reported.reason
    assert "http://log" in reported.reason and "http://log" not in reported.message
    assert (reported.category, reported.user_info) == ("UNKNOWN", {})
    assert reported.log_url.startswith("http://log")
    assert case.realm.sync_session.state is SessionState.INACTIVE
    assert case.sibling.sync_session.is_connected
    await settle(case.sibling)
    await case.recover()


async def test_a_suspended_session_is_not_connected(case: Case) -> None:
    """It is active and tries again later; its sibling has noticed nothing."""
    wait = {"backoffIntervalSec": 900, "backoffMaxDelaySec": 900, "backoffMultiplier": 1}
    refuse = partial(error, 201, action="Warning", again=True, **wait)
    await case.run("ident", refuse)
    suspended, sibling = case.realm.sync_session, case.sibling.sync_session
    assert suspended.state is SessionState.ACTIVE
    assert suspended.connection_state is ConnectionState.DISCONNECTED
    assert not suspended.is_connected
    assert sibling.is_connected
    await case.recover()


@pytest.mark.parametrize(
    ("code", "action", "status"),
    [
        (101, "ApplicationBug", RUNTIME),
        (103, "ProtocolViolation", INVARIANT),
        (104, "ProtocolViolation", UNKNOWN),
        (113, "ApplicationBug", 1043),
    ],
)
async def test_connection_codes(case: Case, code: int, action: str, status: int) -> None:
    await case.run("ident", lambda s: error(code, 0, action=action))
    [reported] = case.errors
    assert (reported.code, reported.is_fatal, reported.action) == (status, True, action)
    assert case.realm.sync_session.state is SessionState.INACTIVE
    assert case.sibling.sync_session.state is SessionState.INACTIVE
    await case.recover()


async def test_unknown_session_code(case: Case) -> None:
    await case.run("ident", lambda s: error(299, s, action="NeverHeardOf"))
    [reported] = case.errors
    assert (reported.code, reported.action) == (UNKNOWN, "ApplicationBug")
    assert "299" in reported.message
    await case.recover()


LARGE = b"download %d 1 0 1 5 0 0 0 0 80000000 0\n"
# Said in answer to the IDENT, and whether it leaves the connection as it was.
TOO_LARGE: dict[str, tuple[Say, bool]] = {
    "one frame": (lambda s: LARGE % s + bytes(80_000_000), False),
    "fragments": (lambda s: [LARGE % s, *[bytes(1_000_000)] * 80], False),
    "zip bomb": (
        lambda s: download(
            s, body=(z := zlib.compress(bytes(80_000_000))), sizes=(1, 80_000_000, len(z))
        ),
        True,
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_too_large_a_message(case: Case, name: str) -> None:
    """It ends its session, which is no client reset; its sibling has lost a connection at most."""
    say, stays = TOO_LARGE[name]
    await case.run("ident", say)
    [reported] = case.errors
    assert (reported.code, reported.is_fatal) == (INVARIANT, True)
    assert (reported.action, type(reported)) == ("ProtocolViolation", SyncError)
    assert re.match(r"Message too large: \d{8}, and this client takes at most", reported.message)
    session = case.realm.sync_session
    assert session.state is SessionState.INACTIVE
    for wait in (session.upload_all_local_changes, session.download_all_server_changes):
        with pytest.raises(SyncError, match="^Message too large"):
            await wait()
    assert case.sibling.sync_session.is_connected or not stays
    await settle(case.sibling)
    await case.recover()


async def test_transient_errors_are_not_reported(case: Case) -> None:
    """Nobody is told of them; the session comes back by itself."""
    case.bad.evil["ident"] = lambda s: error(200, s, action="Transient", again=True)
    realm = await case.open("victim", case.errors)
    await settle(realm)
    assert case.errors == []
    assert [m["type"] for m in case.bad.received].count("bind") == 2
