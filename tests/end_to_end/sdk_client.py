"""A client as strict as a Realm SDK of the v12 generation, without its database.

It sends what an SDK sends and when it does (wire-protocol.md 11.3, 13.6, client-session.md 9), and
refuses what an SDK refuses: every message is checked for its legality (11.4), every DOWNLOAD for
the invariants D1 to D9 and E1 to E6, every error body for its keys and level, every changeset for
whether it can be applied. Objects are plain dicts; each is written by one client only, so that the
order of concurrent changes does not matter. Nothing here shares code with the client in realmsync/.
"""

from __future__ import annotations

import http.client
import itertools
import json
import time
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from offer import OFFER
from realmsync.inspect import decode_message, encode_changeset

LETHAL = {104, 202, 203, 205, 207, 214, 215, 218, 219, 220, 221, 224}
ERROR_KEYS = {
    "message": str,
    "logURL": str,
    "shouldClientReset": bool,
    "isRecoveryModeDisabled": bool,
    "tryAgain": bool,
    "action": str,
}
UPLOAD_SOFT_BYTES = 131_072

Instruction = dict[str, Any]


class HttpClient:
    """The requests of an SDK, all on one connection that the server has to keep open."""

    def __init__(self, host: str, port: int, app_id: str) -> None:
        self.app = f"/api/client/v2.0/app/{app_id}"
        self.app_id = app_id
        self._connection = http.client.HTTPConnection(host, port, timeout=10)

    def request(
        self, method: str, path: str, status: int, body: object = None, token: str | None = None
    ) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json;charset=utf-8"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = b"" if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, headers)
        reply = self._connection.getresponse()
        content = reply.read()
        assert reply.status == status, (reply.status, content)
        assert reply.reason == http.client.responses[status]
        assert not reply.will_close, "the connection is not kept"
        if status == 204:
            assert content == b""
            return None
        assert reply.getheader("Content-Type") == "application/json"
        return json.loads(content)

    def log_in(self, email: str | None = None, password: str = "secret12") -> Tokens:
        location = self.request("GET", f"{self.app}/location", 200)
        assert location["hostname"].startswith("http://")
        assert location["ws_hostname"] == location["hostname"].replace("http", "ws", 1)
        provider = "anon-user" if email is None else "local-userpass"
        device = {"appId": self.app_id, "platform": "Linux", "sdk": "JS", "sdkVersion": "12.14.2"}
        body: dict[str, Any] = {"provider": provider, "options": {"device": device}}
        if email is not None:
            body |= {"username": email, "password": password}
        path = f"{self.app}/auth/providers/{provider}/login"
        login = self.request("POST", path, 200, body)
        tokens = Tokens(login["access_token"], login["refresh_token"], location["ws_hostname"])
        profile = self.request(
            "GET", "/api/client/v2.0/auth/profile", 200, token=tokens.access_token
        )
        assert profile["user_id"] == login["user_id"]
        assert provider in [identity["provider_type"] for identity in profile["identities"]]
        return tokens

    def register(self, email: str, password: str = "secret12") -> None:
        path = f"{self.app}/auth/providers/local-userpass/register"
        self.request("POST", path, 201, {"email": email, "password": password})

    def refresh(self, tokens: Tokens) -> None:
        """A POST without a body."""
        path = "/api/client/v2.0/auth/session"
        reply = self.request("POST", path, 201, token=tokens.refresh_token)
        tokens.access_token = reply["access_token"]

    def close(self) -> None:
        self._connection.close()


@dataclass
class Tokens:
    """What a log-in gives."""

    access_token: str
    refresh_token: str
    ws_hostname: str


@dataclass
class Commit:
    """One version of a client's file."""

    version: int
    server_version: int  # integrated when it was made
    timestamp: int
    changeset: bytes  # empty: an integration, or nothing synced


@dataclass
class RealmFile:
    """What a client has on its disk for one partition."""

    partition: str
    ident: tuple[int, int] | None = None
    version: int = 1
    history: list[Commit] = field(default_factory=list)
    download: tuple[int, int] = (0, 0)
    latest: tuple[int, int] = (0, 0)
    upload: tuple[int, int] = (0, 0)
    downloadable: int = 0  # bytes still to come, as the server says
    schema: dict[str, dict[str, Instruction]] = field(default_factory=dict)
    objects: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    received: set[tuple[str, int]] = field(default_factory=set)  # created by others, ever

    def write(self, instructions: list[Instruction], timestamp: int) -> None:
        for instruction in instructions:
            self.apply(instruction)
        changeset = encode_changeset(instructions)
        self._commit(Commit(0, self.download[0], timestamp, changeset))

    def _commit(self, commit: Commit) -> None:
        self.version += 1
        commit.version = self.version
        self.history.append(commit)

    def last_change(self) -> int:
        return max((c.version for c in self.history if c.changeset), default=0)

    def apply(self, i: Instruction) -> None:
        if i["op"] == "AddTable":
            known = self.schema.setdefault(i["table"], {"": i})
            assert known[""] == i, "another class of this name"
            return
        if i["op"] == "EraseTable":
            del self.schema[i["table"]]
            return
        columns = self.schema[i["table"]]
        if i["op"] == "AddColumn":
            assert columns.setdefault(i["field"], i) == i, "another property of this name"
            return
        key = (i["table"], i["pk"]["v"])
        if i["op"] == "CreateObject":
            assert key not in self.objects, f"{key} is there already"
            self.objects[key] = {}
        elif i["op"] == "Update":
            assert i["field"] in columns, f"no property {i['field']}"
            self.objects[key][i["field"]] = i["value"]
        else:
            assert i["op"] == "EraseObject"
            del self.objects[key]

    def integrate(self, message: dict[str, Any]) -> None:
        """Checks a DOWNLOAD and commits it."""
        assert self.ident is not None
        download = message["download_server_version"], message["download_client_version"]
        latest = message["latest_server_version"], message["latest_server_version_salt"]
        upload = message["upload_client_version"], message["upload_server_version"]
        assert latest[0] >= self.latest[0], "D1"
        assert upload[0] >= self.upload[0], "D2"
        assert upload[0] <= self.version, "D3"
        assert download[0] >= self.download[0], "D4"
        assert download[0] <= latest[0], "D5"
        assert download[1] >= self.download[1], "D6"
        assert download[1] <= upload[0], "D7"
        assert download[0] >= upload[1], "D8"
        assert upload[1] >= self.upload[1] or upload[1] == 0, "D9"
        for cursor in (download, upload):
            assert cursor[0] > 0 or cursor[1] == 0, "a cursor contradicts itself"
        assert -(1 << 63) <= latest[1] < 1 << 63 and max(*download, *upload) < 1 << 63
        assert (latest[1] == 0) == (latest[0] == 0)
        assert latest[0] > self.latest[0] or latest == self.latest, "another salt"
        assert message["downloadable_bytes"] >= 0
        server, client = self.download
        for entry in message["entries"]:
            assert entry["server_version"] > server, "E1, E2"
            assert entry["server_version"] <= download[0], "E3"
            assert client <= entry["client_version"] <= download[1], "E4"
            assert entry["origin_file_ident"] not in (0, self.ident[0]), "E5"
            server, client = entry["server_version"], entry["client_version"]
            for instruction in entry["instructions"]:
                if instruction["op"] == "CreateObject":
                    key = (instruction["table"], instruction["pk"]["v"])
                    assert key not in self.received, f"{key} came twice"
                    self.received.add(key)
                self.apply(instruction)
        self.download, self.latest, self.upload = download, latest, upload
        self.downloadable = message["downloadable_bytes"]
        self._commit(Commit(0, download[0], 0, b""))


class Session:
    """One activation of a file: BIND to UNBIND, over any number of connections."""

    def __init__(self, ident: int, file: RealmFile) -> None:
        self.ident = ident
        self.file = file
        self.uploads_allowed = False
        self.deactivating = False
        self.error: dict[str, Any] | None = None
        self.target_mark = 0
        self.done_mark = 0
        self.reset()

    def reset(self) -> None:
        """A new binding."""
        self.bind_sent = self.ident_sent = self.unbind_sent = False
        self.ident_requested = False
        self.sent_mark = self.done_mark
        self.downloads = 0
        self.sent_upload = self.file.upload

    def on_connect(self, fast: bool) -> None:
        self.reset()
        if not (fast and self.uploads_allowed):
            self.uploads_allowed = False
            self.target_mark += 1

    def next_message(self) -> bytes | None:
        """What to send next (11.3)."""
        file, ident = self.file, self.ident
        if self.deactivating:
            if self.unbind_sent or not self.bind_sent:
                return None
            self.unbind_sent = True
            return b"unbind %d\n" % ident
        if not self.bind_sent:
            self.bind_sent = True
            self.ident_requested = file.ident is None
            data = json.dumps(file.partition).encode()
            return b"bind %d %d 0 %d 0\n" % (ident, len(data), self.ident_requested) + data
        if not self.ident_sent:
            if file.ident is None:
                return None
            self.ident_sent = True
            cursors = (*file.ident, *file.download, *file.latest)
            return b"ident %d %d %d %d %d %d %d\n" % (ident, *cursors)
        if self.target_mark > self.sent_mark:
            self.sent_mark = self.target_mark
            return b"mark %d %d\n" % (ident, self.sent_mark)
        if self.uploads_allowed and file.version > self.sent_upload[0]:
            return self.next_upload()
        return None

    def next_upload(self) -> bytes | None:
        file = self.file
        body, progress = b"", self.sent_upload
        for commit in file.history:
            if commit.version <= self.sent_upload[0]:
                continue
            if len(body) >= UPLOAD_SOFT_BYTES:
                break
            progress = commit.version, commit.server_version
            if commit.changeset:
                head = b"%d %d %d 0 %d " % (*progress, commit.timestamp, len(commit.changeset))
                body += head + commit.changeset
        news = progress[1] > self.sent_upload[1]
        self.sent_upload = progress
        if not body and not news:
            return None  # the cursor advances silently
        head = (self.ident, len(body), *progress, file.download[0])
        return b"upload %d 0 %d 0 %d %d %d\n" % head + body


class Client:
    """One process with an SDK: its user, its files, one connection for all sessions."""

    def __init__(self, name: int, app_id: str) -> None:
        self.name = name
        self.app_id = app_id
        self.tokens: Tokens | None = None
        self.files: dict[str, RealmFile] = {}
        self.sessions: dict[int, Session] = {}
        self.turns: deque[int] = deque()
        self.idents = itertools.count(1)
        self.socket: ClientConnection | None = None
        self._sockets = ExitStack()
        self.ended: set[int] = set()  # idents that this connection must not name any more
        self.ping: int | None = None
        self.connections = 0
        self.was_sent_away = False
        self.expected_errors: set[int] = set()  # codes of session errors
        self.expected_closes: set[int] = set()  # codes of who may not come, beside the everyday one

    def open(self, partition: str) -> Session:
        file = self.files.setdefault(partition, RealmFile(partition))
        session = Session(next(self.idents), file)
        session.target_mark = 1  # the internal one, also beside an established connection
        self.sessions[session.ident] = session
        self.turns.append(session.ident)
        return session

    def pause(self, session: Session) -> None:
        session.deactivating = True
        if self.socket is None or not session.bind_sent:
            del self.sessions[session.ident]

    def connect(self) -> None:
        assert self.tokens is not None and self.socket is None
        route = f"{self.tokens.ws_hostname}/api/client/v2.0/app/{self.app_id}/realm-sync"
        self.socket = self._sockets.enter_context(
            connect(
                f"{route}?baas_at={self.tokens.access_token}",
                subprotocols=OFFER,
                compression=None,
                ping_interval=None,
                max_size=None,
                close_timeout=0,
            )
        )
        assert self.socket.subprotocol == OFFER[0]
        response = self.socket.response
        assert response is not None and response.reason_phrase == "Switching Protocols"
        assert len(response.headers["X-Appservices-Request-Id"]) == 24
        assert "Sec-WebSocket-Extensions" not in response.headers
        self.connections += 1
        self.ended = set()
        self.ping = None
        self.was_sent_away = False
        for session in self.sessions.values():
            session.on_connect(fast=self.connections > 1)

    def lose(self, *, silently: bool = False) -> ClientConnection | None:
        """The TCP stream ends; with `silently` the server does not notice."""
        socket, self.socket = self.socket, None
        if socket is not None and not silently:
            socket.close_socket()
        for ident in [i for i, s in self.sessions.items() if s.deactivating]:
            del self.sessions[ident]
        return socket

    def close(self) -> None:
        self.lose()
        self._sockets.close()

    def send(self, messages: int = 1) -> bool:
        """Up to so many messages, sessions in turn."""
        sent = False
        for _ in range(messages):
            message = self._next_message()
            if message is None or self.socket is None:
                return sent
            try:
                self.socket.send(message)
            except ConnectionClosed as closed:
                self._on_close(closed)
            sent = True
        return sent

    def send_ping(self) -> None:
        if self.socket is not None and self.ping is None:
            self.ping = time.monotonic_ns() // 1_000_000
            try:
                self.socket.send(b"ping %d 0\n" % self.ping)
            except ConnectionClosed as closed:
                self._on_close(closed)

    def receive(self, timeout: float = 0) -> bool:
        """One message, if there is one by then."""
        if self.socket is None:
            return False
        try:
            data = self.socket.recv(timeout=timeout)
        except TimeoutError:
            return False
        except ConnectionClosed as closed:
            self._on_close(closed)
            return True
        assert isinstance(data, bytes), "a text frame"
        self._on_message(decode_message(data, from_client=False))
        return True

    def _next_message(self) -> bytes | None:
        if self.socket is None:
            return None
        for _ in range(len(self.turns)):
            ident = self.turns.popleft()
            session = self.sessions.get(ident)
            if session is None:
                continue
            self.turns.append(ident)
            before = session.sent_upload
            message = session.next_message()
            if session.unbind_sent and session.error is not None:
                self._forget(session)  # the error was the server's last word
            if message is None and session.sent_upload != before:
                message = session.next_message()
            if message is not None:
                return message
        return None

    def _on_close(self, closed: ConnectionClosed) -> None:
        frame = closed.rcvd
        assert frame is None or frame.code in {1011, *self.expected_closes}, f"close code {frame}"
        self.lose()

    def _on_message(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        assert not self.was_sent_away, f"{kind} after the error of the connection"
        if kind == "log_message":
            info = json.loads(message["body"])
            assert isinstance(info, dict)
            assert info.get("level") in ("fatal", "error", "warn", "info", "detail", "debug")
            assert message["session"] not in self.ended
            return
        if kind == "pong":
            assert message["timestamp"] == self.ping, "PONG unasked"
            self.ping = None
            return
        if kind == "json_error":
            self._on_error(message)
            return
        ident = message["session"]
        assert ident not in self.ended, f"{kind} for a session that is over"
        session = self.sessions[ident]
        assert session.bind_sent
        getattr(self, f"_on_{kind}")(session, message)

    def _on_ident(self, session: Session, message: dict[str, Any]) -> None:
        assert session.ident_requested, "IDENT unasked"
        session.ident_requested = False
        ident, salt = message["file_ident"], message["file_ident_salt"]
        assert 0 < ident < 1 << 63 and salt != 0 and -(1 << 63) <= salt < 1 << 63
        if not session.deactivating:
            session.file.ident = ident, salt

    def _on_download(self, session: Session, message: dict[str, Any]) -> None:
        assert session.ident_sent, "DOWNLOAD before IDENT"
        session.downloads += 1
        if not session.deactivating:
            session.file.integrate(message)

    def _on_mark(self, session: Session, message: dict[str, Any]) -> None:
        assert session.ident_sent, "MARK before IDENT"
        assert session.downloads > 0, "MARK before a DOWNLOAD"
        request = message["request"]
        assert session.done_mark < request <= session.sent_mark, "MARK unasked"
        session.done_mark = request
        if request == session.target_mark:
            session.uploads_allowed = True

    def _on_unbound(self, session: Session, message: dict[str, Any]) -> None:
        assert session.unbind_sent, "UNBOUND unasked"
        self._forget(session)

    def _forget(self, session: Session) -> None:
        self.ended.add(session.ident)
        del self.sessions[session.ident]

    def _on_error(self, message: dict[str, Any]) -> None:
        code, body = message["code"], json.loads(message["body"])
        assert code not in LETHAL
        for key, type_ in ERROR_KEYS.items():
            assert type(body[key]) is type_, key
        assert (message["session"] == 0) == (code < 200), "wrong level"
        if "backoffIntervalSec" in body:
            assert type(body["backoffMaxDelaySec"]) is int
            assert type(body["backoffMultiplier"]) is int
        if message["session"] != 0:
            assert code in self.expected_errors, message
            session = self.sessions[message["session"]]
            assert session.bind_sent and session.error is None
            session.error = {"code": code} | body
            session.deactivating = True
            return
        assert (code, body["action"], body["tryAgain"]) == (100, "Transient", True), message
        self.was_sent_away = True
        self.lose()

    def is_settled(self) -> bool:
        """Everything sent is acknowledged, everything asked for has come."""
        return self.socket is not None and all(
            not s.deactivating
            and s.uploads_allowed
            and s.done_mark == s.target_mark
            and s.file.upload[0] >= s.file.last_change()
            for s in self.sessions.values()
        )


def settle(clients: Iterable[Client], seconds: float = 20) -> None:
    """Until all that was written has arrived at all that are open."""
    clients = list(clients)
    for newest in (False, True):  # first everything goes up, then everybody asks for it
        if newest:
            for client in clients:
                for session in client.sessions.values():
                    session.target_mark += 1
        end = time.monotonic() + seconds
        while not all(client.is_settled() for client in clients):
            assert time.monotonic() < end, "does not come to rest"
            idle = True
            for client in clients:
                if client.socket is None:
                    client.connect()
                while client.send(10) or client.receive():
                    idle = False
            if idle:
                time.sleep(0.002)
