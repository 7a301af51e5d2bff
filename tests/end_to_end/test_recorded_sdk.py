"""The client's side of recorded SDK conversations, replayed over sockets against `realmsync serve`.

A real Node SDK wrote these frames; only what a server hands out (idents, salts, tokens) is
substituted. The answers must be those of the recording in order and fields, but for idents, salts,
log messages, and DOWNLOADs that our server had already coalesced into a later one. Where several
clients met, each sends when the server has what its original knew.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from offer import OFFER
from realmsync import App, AppConfiguration, Configuration, Credentials, Realm, SyncConfiguration
from realmsync.inspect import decode_message
from realmsync.testing import ServerProcess
from recorded import (
    SDK_SCHEMA,
    Conversation,
    Frame,
    RecordedClient,
    final_objects,
    sdk_objects,
)
from sdk_client import HttpClient

APP = "test-app-0"


def frames(path: Path) -> list[tuple[str, bytes]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["t"], bytes.fromhex(line["hex"])) for line in lines if "hex" in line]


def request(url: str, token: str | None = None, body: object = None) -> Any:
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as reply:
        return json.load(reply)


def log_in(url: str) -> str:
    """The HTTP requests of an SDK's anonymous login; gives the access token."""
    app = f"/api/client/v2.0/app/{APP}"
    location = request(url + app + "/location")
    assert location["hostname"] == url
    device = {"appId": APP, "platform": "Linux", "sdk": "JS", "sdkVersion": "12.14.2"}
    body = {"provider": "anon-user", "options": {"device": device}}
    login = request(url + app + "/auth/providers/anon-user/login", body=body)
    profile = request(url + "/api/client/v2.0/auth/profile", token=login["access_token"])
    assert [identity["provider_type"] for identity in profile["identities"]] == ["anon-user"]
    return login["access_token"]


class Player:
    """Plays one client: sends recorded frames with our server's idents, checks what comes back."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.inbox: dict[int, queue.Queue[dict[str, Any]]] = {}
        self.lock = threading.Lock()
        self.idents: dict[tuple[int, int], tuple[int, int]] = {}  # recorded to ours
        self.salts: dict[int, int] = {0: 0}  # server version salts, recorded to ours
        threading.Thread(target=self.read, daemon=True).start()

    def box(self, session: int) -> queue.Queue[dict[str, Any]]:
        with self.lock:
            return self.inbox.setdefault(session, queue.Queue())

    def read(self) -> None:
        for data in self.socket:
            message = decode_message(bytes(data), from_client=False)
            if message["type"] != "log_message":
                self.box(message.get("session", 0)).put(message)

    def send(self, frame: bytes) -> None:
        head, newline, body = frame.partition(b"\n")
        fields = head.split(b" ")
        if fields[0] == b"ident":
            recorded = int(fields[2]), int(fields[3])
            ident, salt = self.idents[recorded]
            fields[2:4] = [str(ident).encode(), str(salt).encode()]
            fields[7] = str(self.salts[int(fields[7])]).encode()
        self.socket.send(b" ".join(fields) + newline + body)

    def expect(self, recorded: dict[str, Any]) -> None:
        box = self.box(recorded.get("session", 0))
        received = box.get(timeout=10)
        assert received["type"] == recorded["type"]
        match recorded["type"]:
            case "ident":
                ours = received["file_ident"], received["file_ident_salt"]
                self.idents[recorded["file_ident"], recorded["file_ident_salt"]] = ours
            case "download":
                if received["download_server_version"] > recorded["download_server_version"]:
                    with box.mutex:  # acknowledged together with a later one: keep it for that
                        box.queue.appendleft(received)
                    return
                self.compare_downloads(received, recorded)
            case "mark":
                while received["request"] < recorded["request"]:  # answered one by one
                    received = box.get(timeout=10)
                assert (received["type"], received["request"]) == ("mark", recorded["request"])
            case "pong":
                assert received["timestamp"] == recorded["timestamp"]

    def compare_downloads(self, received: dict[str, Any], recorded: dict[str, Any]) -> None:
        for name in (
            "download_server_version",
            "download_client_version",
            "latest_server_version",
            "downloadable_bytes",
        ):
            assert received[name] == recorded[name], name
        assert received["upload_client_version"] <= recorded["upload_client_version"]
        assert received["upload_client_version"] >= received["download_client_version"]
        self.salts[recorded["latest_server_version_salt"]] = received["latest_server_version_salt"]
        names = ("server_version", "client_version", "origin_timestamp", "changeset")
        ours = [{name: entry[name] for name in names} for entry in received["entries"]]
        theirs = [{name: entry[name] for name in names} for entry in recorded["entries"]]
        assert ours == theirs


def dial(server: ServerProcess, token: str, app: str = APP) -> ClientConnection:
    address = server.url.replace("http", "ws", 1)
    uri = f"{address}/api/client/v2.0/app/{app}/realm-sync?baas_at={token}"
    return connect(uri, subprotocols=OFFER, compression=None, ping_interval=None, max_size=None)


@pytest.mark.parametrize("name", ["seed_page", "all_types", "multiplex", "reconnect", "schema_add"])
def test_one_client(name: str, vectors: Path, tmp_path: Path) -> None:
    with ServerProcess(data=tmp_path) as server, dial(server, log_in(server.url)) as socket:
        assert socket.subprotocol == OFFER[0]
        player = Player(socket)
        for side, frame in frames(vectors / "wire" / f"{name}.jsonl"):
            if side == "c2s":
                player.send(frame)
            else:
                recorded = decode_message(frame, from_client=False)
                if recorded["type"] != "log_message":
                    player.expect(recorded)


class Participant:
    """Plays one of several clients. What it gets is collected; waits end when it has come."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.news = threading.Condition()
        self.file = b""
        self.salts = {0: 0}  # of server versions
        self.version = 0  # of the server, downloaded
        self.marks: set[int] = set()
        self.unbound = 0
        self.entries: list[dict[str, Any]] = []
        self.failure: dict[str, Any] | None = None
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        for data in self.socket:
            message = decode_message(bytes(data), from_client=False)
            with self.news:
                match message["type"]:
                    case "ident":
                        self.file = b"%d %d" % (message["file_ident"], message["file_ident_salt"])
                    case "download":
                        latest = message["latest_server_version"]
                        self.salts[latest] = message["latest_server_version_salt"]
                        self.version = message["download_server_version"]
                        self.entries += message["entries"]
                    case "mark":
                        self.marks.add(message["request"])
                    case "unbound":
                        self.unbound += 1
                        self.marks.clear()
                    case "json_error":
                        self.failure = message
                self.news.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(lambda: condition() or self.failure is not None, timeout=10)
        assert self.failure is None

    def play(self, frame: Frame) -> None:
        """Sends a message when all has come that its sender had got, and waits for what must be
        answered before anybody goes on."""
        head, newline, body = frame.data.partition(b"\n")
        fields = head.split(b" ")
        if frame.kind == "ident":
            self.until(lambda: self.file != b"")
            fields[2:4] = self.file.split()
            fields[7] = b"%d" % self.salts[frame.message["latest_server_version"]]
        else:
            self.until(lambda: self.version >= frame.seen)
        unbound = self.unbound
        self.socket.send(b" ".join(fields) + newline + body)
        if frame.versions:
            self.until(lambda: self.version >= frame.versions[-1])
        elif frame.kind == "mark":
            self.until(lambda: frame.message["request"] in self.marks)
        elif frame.kind == "unbind":
            self.until(lambda: self.unbound > unbound)

    def compare(self, received: Iterable[Frame]) -> None:
        recorded = [entry for frame in received for entry in frame.message.get("entries", ())]
        self.until(lambda: len(self.entries) >= len(recorded))
        assert comparable(self.entries) == comparable(recorded)


def comparable(entries: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("server_version", "client_version", "origin_timestamp", "origin_file_ident")
    return [(*(entry[name] for name in names), entry["changeset"]) for entry in entries]


async def read_objects(url: str, folder: Path, partition: Any) -> dict[str, list[Any]]:
    """What a client that comes later sees, through the public API."""
    app = App(AppConfiguration(id=APP, base_url=url, base_file_path=folder))
    user = await app.log_in(Credentials.anonymous())
    sync = SyncConfiguration(user=user, partition_value=partition)
    async with await Realm.open(Configuration(schema=SDK_SCHEMA, sync=sync)) as realm:
        objects = sdk_objects(realm)
    await app.close()
    return objects


@pytest.mark.parametrize("name", ["async_open", "compressed", "conflict", "three_way"])
def test_several_clients(name: str, vectors: Path, tmp_path: Path) -> None:
    """In the order in which the recorded server integrated: each gets the same changesets, whatever
    their writes had to be merged with. They call the app by different ids, as the recorded ones
    did: a server without configured apps is one app."""
    path = vectors / "wire" / f"{name}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    apps = [line["path"].split("/")[5] for line in lines if line["t"] == "ws-open"]
    conversation = Conversation(path)
    with ServerProcess(data=tmp_path / "server") as server, ExitStack() as stack:
        api = HttpClient("127.0.0.1", server.port, APP)
        stack.callback(api.close)
        api.register("a@b.c")
        players: dict[RecordedClient, Participant] = {}
        for client, frame in conversation.in_version_order():
            if client not in players:
                token = api.log_in("a@b.c" if players else None).access_token
                socket = stack.enter_context(dial(server, token, apps[len(players)]))
                players[client] = Participant(socket)
            players[client].play(frame)
        for client, player in players.items():
            player.compare(frame for frame in conversation.of(client) if not frame.sent)
        partition = json.loads(conversation.frames[0][1].message["data"])
        objects = asyncio.run(read_objects(server.url, tmp_path / "reader", partition))
    for final in final_objects(vectors / "wire" / f"{name}.result.json"):
        assert objects == final
