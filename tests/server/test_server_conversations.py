"""The client's side of recorded SDK conversations, played to the engine: the answers are what a
real client accepts, with the fields of the recording (idents, salts, log messages aside)."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from server_driver import Message, Server, read

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
        fields[2] = 0
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


def first_timestamp(raw: bytes) -> int | None:
    """Of the first changeset in an UPLOAD."""
    _, compressed, size = numbers(raw)[:3]
    body = raw.partition(b"\n")[2]
    if not size:
        return None
    return int((zlib.decompress(body) if compressed else body).split(b" ", 3)[2])


def assign(raw: bytes, players: list[Player], rest: list[bytes], origins: dict[int, int]) -> Player:
    """The client that sent a message; connections are not recorded. Idents tell who binds, the
    timestamp of a changeset tells whose it is, an upload without one continues the nearest
    cursor, and any client may own an ambiguous MARK or UNBIND."""
    kind, values = words(raw)[0], numbers(raw)
    session = values[0]
    if kind == "bind":
        if values[3]:
            return next(p for p in players if not p.partitions)
        idents = (numbers(m) for m in rest if words(m)[0] == "ident")
        binders = (players[ident[1] - 2] for ident in idents if ident[0] == session)
        return next(p for p in binders if session not in p.progress)
    candidates = [p for p in players if session in p.progress]
    if kind == "ident":
        return players[values[1] - 2]
    if kind == "upload":
        timestamp = first_timestamp(raw)
        if timestamp in origins:
            return players[origins[timestamp] - 2]
        newest = [(max(p.newest.values(), default=0), p) for p in candidates]
        return max((n for n in newest if n[0] < values[4]), key=lambda n: n[0])[1]
    if kind == "mark":
        return min((p for p in candidates if session in p.marks), key=lambda p: p.marks[session])
    return candidates[0]


@pytest.mark.parametrize("name", SEVERAL_CLIENTS)
def test_several_clients(vectors: Path, name: str) -> None:
    """Together the clients get exactly the changesets of the recording, with versions and bases;
    conflict and three_way up to the first upload that concurrent changes touch."""
    lines = load(vectors, name)
    sent = [bytes.fromhex(line["hex"]) for line in lines if line["t"] == "c2s"]
    answers = [read(bytes.fromhex(line["hex"])) for line in lines if line["t"] == "s2c"]
    origins = {e.timestamp: e.origin for message in answers for e in message.entries}
    server, players, at = Server(), [], 0
    salts: dict[tuple[bytes, int], int] = {}
    got: Counter[tuple[Any, ...]] = Counter()
    expected: Counter[tuple[Any, ...]] = Counter()
    stopped = False
    for line in lines:
        if line["t"] == "ws-open":
            players.append(Player(server))
        elif line["t"] == "s2c":
            message = read(bytes.fromhex(line["hex"]))
            for e in message.entries:
                expected[
                    e.server_version, e.client_version, e.timestamp, e.origin, e.changeset
                ] += 1
        elif line["t"] == "c2s":
            at += 1
            if stopped:
                continue
            raw = sent[at - 1]
            assign(raw, players, sent[at:], origins).send(raw, salts)
            for player in players:
                for message in player.connection.answers():
                    if message.type == "download":
                        partition = player.partitions[message.session]
                        salts[partition, message.fields[3]] = message.fields[4]
                    if message.type == "json_error":
                        assert message.fields[0] == 212, message
                        stopped = True
                    for e in message.entries:
                        got[
                            e.server_version, e.client_version, e.timestamp, e.origin, e.changeset
                        ] += 1
    assert got
    assert stopped == (name in ("conflict", "three_way"))
    if not stopped:
        assert got == expected
        return
    # Until clients that wrote at the same moment were served in another order than sent.
    recorded = {e[0]: e[2] for e in expected}
    apart = min((e[0] for e in got if recorded.get(e[0]) != e[2]), default=max(e[0] for e in got))
    assert apart > 4 or name == "conflict"
    early = Counter({e: n for e, n in got.items() if e[0] < apart})
    assert early == Counter({e: n for e, n in expected.items() if e[0] < apart})
