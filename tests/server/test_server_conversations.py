"""The client's side of recorded SDK conversations, played to the engine: the answers are what a
real client accepts, with the fields of the recording (idents, salts, log messages aside)."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from realmsync.inspect import MergePeer, ReceivedChangeset
from recorded import Conversation, RecordedClient, final_objects, plain
from server_driver import Entry, Message, Server, read

ONE_CLIENT = ["seed_page", "all_types", "multiplex", "reconnect", "schema_add"]
SEVERAL_CLIENTS = ["async_open", "compressed", "conflict", "three_way"]


def load(vectors: Path, name: str) -> list[dict[str, Any]]:
    with (vectors / "wire" / f"{name}.jsonl").open() as file:
        return [json.loads(line) for line in file]


def words(raw: bytes) -> list[str]:
    return raw.partition(b"\n")[0].decode().split(" ")


def numbers(raw: bytes) -> list[int]:
    return [int(word) for word in words(raw)[1:]]


class Player:
    """One recorded client: sends its messages with the idents and salts of this server."""

    def __init__(self, server: Server, former: Player | None = None) -> None:
        self.connection = server.connect()
        self.partitions: dict[int, bytes] = {}  # by session
        self.progress: dict[int, tuple[int, int]] = {}  # uploaded, of live sessions
        self.marks: dict[int, int] = {}
        # By partition; a client that connects again keeps its files.
        self.files: dict[bytes, tuple[int, int]] = former.files if former else {}
        self.newest: dict[bytes, int] = former.newest if former else {}

    def send(self, raw: bytes, salts: dict[tuple[bytes, int], int]) -> None:
        connection, kind = self.connection, words(raw)[0]
        values = numbers(raw)
        session = values[0]
        if kind == "bind":
            partition = raw.partition(b"\n")[2]
            self.partitions[session] = partition
            connection.bind(session, json.loads(partition), need_ident=bool(values[3]))
            self.progress[session] = (0, 0)
        elif kind == "ident":
            self.marks[session] = 0
            _, _, _, dsv, dcv, lsv, _ = values
            partition = self.partitions[session]
            binding = connection.bindings[session]
            file = self.files[partition] = binding.file or self.files[partition]
            binding.newest_client_version = self.newest.get(partition, 0)
            connection.ident(session, file, (dsv, dcv), (lsv, salts.get((partition, lsv), 0)))
        elif kind == "upload":
            progress = (values[4], values[5])
            self.newest[self.partitions[session]] = progress[0]
            connection.bindings[session].newest_client_version = progress[0]
            self.progress[session] = progress
            connection.send(raw)
        elif kind == "mark":
            self.marks[session] = values[1]
            connection.mark(session, values[1])
        elif kind == "unbind":
            connection.unbind(session)
            del self.progress[session]
        else:
            assert kind == "ping"
            connection.ping(session)


def comparable(message: Message, acknowledged: dict[int, tuple[int, int]]) -> tuple[Any, ...]:
    """What must be as in the recording. The acknowledged cursor is the one of the newest message
    with changesets (server-behaviour.md 8.4), the recording has the newest of all."""
    fields = list(message.fields)
    if message.type == "ident":
        fields[1:] = 0, 0  # idents are unique in our apps, and in partitions of the recording
    elif message.type == "download":
        fields[4] = 0
        if message.session in acknowledged:
            fields[5:7] = acknowledged[message.session]
    return (message.type, tuple(fields), message.body)


@pytest.mark.parametrize("name", ONE_CLIENT)
def test_one_client(vectors: Path, name: str) -> None:
    """Per session the same messages in the same order, taken when they were taken then."""
    server = Server()
    salts: dict[tuple[bytes, int], int] = {}
    players: list[Player] = []
    expected: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    got: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    # The newest upload with changesets, by file of this conversation: partition and client.
    acknowledged: dict[bytes, tuple[int, int]] = {}

    def note(side: dict[tuple[int, int], list[tuple[Any, ...]]], message: Message) -> None:
        if message.type == "log_message":
            return
        session = message.session if message.type != "pong" else 0
        partitions = players[-1].partitions
        known = {s: acknowledged[p] for s, p in partitions.items() if p in acknowledged}
        if side is expected and message.type == "download":
            ucv = message.fields[5]
            # never ahead of what the recording acknowledges
            known = {s: c for s, c in known.items() if c[0] <= ucv}
        messages = side.setdefault((len(players), session), [])
        new = comparable(message, known)
        # How many DOWNLOADs it takes is a matter of timing, what they say together is not.
        if new[0] == "download" and messages and messages[-1][0] == "download":
            new = (*new[:2], messages.pop()[2] + new[2])
        messages.append(new)

    def take() -> None:
        connection = players[-1].connection
        while True:
            message = connection.take()
            if message is None:
                server.run()
                if connection.id not in server.writable:
                    return
                server.writable.discard(connection.id)
                continue
            if message.type == "download":
                partition = players[-1].partitions[message.session]
                salts[partition, message.fields[3]] = message.fields[4]
            if message.type != "log_message":
                note(got, message)
                return

    for line in load(vectors, name):
        if line["t"] == "ws-open":
            players.append(Player(server, players[-1] if players else None))
        elif line["t"] == "c2s":
            raw = bytes.fromhex(line["hex"])
            values = numbers(raw)
            players[-1].send(raw, salts)
            server.run()
            if words(raw)[0] == "upload" and values[2]:
                acknowledged[players[-1].partitions[values[0]]] = (values[4], values[5])
        elif line["t"] == "s2c":
            recorded = read(bytes.fromhex(line["hex"]))
            if recorded.type == "log_message":
                continue
            note(expected, recorded)
            take()
    assert got == expected


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "files"])
@pytest.mark.parametrize("name", SEVERAL_CLIENTS)
def test_several_clients(vectors: Path, name: str, stored: bool, tmp_path: Path) -> None:
    """Each client gets exactly the changesets of the recording, with versions and bases, wherever
    the clients' writes meet; then the objects are as recorded."""
    conversation = Conversation(vectors / "wire" / f"{name}.jsonl")
    server = Server(str(tmp_path) if stored else None)
    salts: dict[tuple[bytes, int], int] = {}
    players: dict[RecordedClient, Player] = {}
    received: dict[RecordedClient, list[Entry]] = defaultdict(list)
    for client, frame in conversation.in_version_order():
        if client not in players:
            players[client] = Player(server)
        players[client].send(frame.data, salts)
        for reader, player in players.items():
            for message in player.connection.answers():
                assert message.type != "json_error", message
                if message.type == "download":
                    partition = player.partitions[message.session]
                    salts[partition, message.fields[3]] = message.fields[4]
                received[reader] += message.entries
    for client in conversation.clients:
        recorded = [
            entry
            for frame in conversation.of(client)
            if not frame.sent
            for entry in read(frame.data).entries
        ]
        assert received[client] == recorded

    binding = server.connect().open(1, json.loads(next(iter(salts))[0]))
    reader = MergePeer(1000)
    reader.integrate(
        1,
        [
            ReceivedChangeset(e.server_version, 0, e.timestamp, e.origin, e.changeset)
            for e in binding.received
        ],
    )
    objects = plain(reader.state())
    for final in final_objects(vectors / "wire" / f"{name}.result.json"):
        assert {cls: objects[cls] for cls in final} == final
