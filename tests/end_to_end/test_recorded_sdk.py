"""The client's side of recorded SDK conversations, replayed over sockets against `realmsync serve`.

A real Node SDK wrote these frames; only what a server hands out (idents, salts, tokens) is
substituted. The answers must be those of the recording in order and fields, but for idents, salts,
log messages, and DOWNLOADs that our server had already coalesced into a later one. Conversations
of several clients that write at the same moment are in tests/server, where their interleaving can
be driven.
"""

from __future__ import annotations

import json
import queue
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from realmsync.inspect import decode_message
from realmsync.testing import ServerProcess
from sdk_client import HttpClient

OFFER = [f"com.mongodb.realm-sync#{n}" for n in range(14, 1, -1)]
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
        self.progress = 0  # client version of the newest upload
        self.mark = self.answered_mark = 0
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
        elif fields[0] == b"upload":
            self.progress = int(fields[5])
        elif fields[0] == b"mark":
            self.mark = int(fields[2])
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
                self.answered_mark = recorded["request"]
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


def sender(message: dict[str, Any], players: list[Player]) -> Player:
    """Whose message it is: connections are not recorded, but cursors and numbers tell."""
    match message["type"]:
        case "bind":
            return players[-1]
        case "ident":
            ident = message["file_ident"], message["file_ident_salt"]
            return next(player for player in players if ident in player.idents)
        case "upload":
            earlier = [p for p in players if p.progress < message["upload_client_version"]]
            return max(earlier, key=lambda player: player.progress)
        case "mark":
            return next(player for player in players if player.mark < message["request"])
    raise AssertionError(message)


def receiver(message: dict[str, Any], players: list[Player]) -> Player:
    match message["type"]:
        case "ident":
            return players[-1]
        case "download":
            version = message["upload_client_version"]
            return next(player for player in players if player.progress == version)
        case "mark":
            request = message["request"]
            return next(p for p in players if p.answered_mark < p.mark == request)
    raise AssertionError(message)


@pytest.mark.parametrize("name", ["async_open", "compressed"])
def test_two_clients(name: str, vectors: Path, tmp_path: Path) -> None:
    """The second comes when the first has written, once opening by download. It calls the app by
    another id, as the recorded one did: a server without configured apps is one app."""
    with ServerProcess(data=tmp_path) as server, ExitStack() as stack:
        api = HttpClient("127.0.0.1", server.port, APP)
        stack.callback(api.close)
        api.register("a@b.c")
        players: list[Player] = []
        for line in (vectors / "wire" / f"{name}.jsonl").read_text().splitlines():
            event = json.loads(line)
            if event["t"] == "ws-open":
                token = api.log_in("a@b.c" if players else None).access_token
                app = event["path"].split("/")[5]
                players.append(Player(stack.enter_context(dial(server, token, app))))
            elif event["t"] in ("c2s", "s2c"):
                frame = bytes.fromhex(event["hex"])
                message = decode_message(frame, from_client=event["t"] == "c2s")
                if event["t"] == "c2s":
                    sender(message, players).send(frame)
                elif message["type"] != "log_message":
                    receiver(message, players).expect(message)
        assert len(players) == 2
