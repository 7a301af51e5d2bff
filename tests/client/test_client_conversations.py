"""The server's side of recorded SDK conversations, played to our client: it sends what the SDK did.

Local writes are replayed at the versions that the recording gives them; a DOWNLOAD or IDENT makes
the next version after the writes that came before it. One deliberate difference: our client fetches
an UPLOAD as soon as something is written, the SDK when it is its turn. Cursors without changesets
may therefore come in one message more or less, and the locked server version may be newer.
Everything else is compared field by field.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from client_driver import Client, File, numbers, upload_entries, words

ONE_CLIENT = ["seed_page", "all_types", "multiplex", "reconnect", "schema_add"]
# Where the timing leaves no choice, every message is the same, empty UPLOADs included.
EXACT = {"seed_page", "reconnect", "schema_add"}


def load(vectors: Path, name: str) -> list[tuple[str, bytes]]:
    with (vectors / "wire" / f"{name}.jsonl").open() as file:
        lines = [json.loads(line) for line in file]
    return [(d["t"], bytes.fromhex(d["hex"])) for d in lines if d["t"] in ("c2s", "s2c")]


class Replay:
    """One recorded client and the partitions it opened."""

    def __init__(self, lines: list[tuple[str, bytes]]) -> None:
        self.lines = lines
        self.client = Client()
        self.partitions: dict[int, str] = {}  # by session ident
        self.files: dict[str, File] = {}
        self.marks: dict[int, int] = {}
        self.writes: dict[str, dict[int, tuple[int, bytes]]] = {}
        self.sent: list[bytes] = []
        for kind, message in lines:
            if kind == "c2s" and message.startswith(b"bind"):
                self.partitions[numbers(message)[0]] = message.partition(b"\n")[2].decode()
            elif kind == "c2s" and message.startswith(b"upload"):
                writes = self.writes.setdefault(self.partitions[numbers(message)[0]], {})
                for version, _, timestamp, changeset in upload_entries(message):
                    writes[version] = (timestamp, changeset)

    def write(self, partition: str, up_to: int | None = None) -> None:
        """Makes the local writes that come next, or all up to a version."""
        store = self.files[partition].store
        writes = self.writes.get(partition, {})
        while True:
            version = store.state()["current_version"] + 1
            if version not in writes or (up_to is not None and version > up_to):
                return
            timestamp, changeset = writes[version]
            assert store.commit(changeset, timestamp) == version
            self.client.run()

    def before_sending(self, message: bytes) -> None:
        """What the application did that made the SDK send this."""
        client, kind = self.client, words(message)[0]
        if kind == "ping":
            client.runtime.reconnect(next(iter(self.files.values())).id)
            client.run()
            return
        session = numbers(message)[0]
        partition = self.partitions[session]
        if kind == "bind":
            self.marks[session] = 1
            if partition not in self.files:
                self.files[partition] = client.open(partition)
                if len(client.sockets) == 1 and len(self.files) == 1:
                    client.connect()
            else:
                client.runtime.resume(self.files[partition].id)
                client.run()
        elif kind == "unbind":
            client.runtime.pause(self.files[partition].id)
            client.run()
        elif kind == "mark":
            for _ in range(numbers(message)[1] - self.marks[session]):
                client.wait(self.files[partition], "download")
            self.marks[session] = numbers(message)[1]
        elif kind == "upload":
            entries = upload_entries(message)
            if entries:
                self.write(partition, entries[-1][0])

    def answer(self, message: bytes) -> None:
        kind, values = words(message)[0], numbers(message)
        if kind in ("ident", "download"):
            self.write(self.partitions[values[0]])
        if kind == "pong":
            sent = next(m for m in reversed(self.sent) if m.startswith(b"ping"))
            message = b"pong %d\n" % numbers(sent)[0]
        self.client.receive(message)
        assert not self.client.closed, message

    def run(self) -> None:
        for kind, message in self.lines:
            if kind == "c2s":
                self.before_sending(message)
            self.sent += self.client.take()
            if kind == "s2c" and self.files:  # before: the log message of the upgrade
                self.answer(message)
        self.sent += self.client.take()


def normalised(messages: list[bytes], exact: bool) -> dict[int, list[Any]]:
    """Per session what was sent, in order. UPLOADs as entries and cursors."""
    result: dict[int, list[Any]] = {}
    for message in messages:
        kind, values = words(message)[0], numbers(message)
        sequence = result.setdefault(0 if kind == "ping" else values[0], [])
        if kind == "ping":
            sequence.append((kind, values[1]))
        elif kind != "upload":
            sequence.append(message)
        elif exact:
            sequence.append((values[4:6], upload_entries(message)))
        else:
            sequence += upload_entries(message)
    return result


def last_cursors(messages: list[bytes]) -> dict[int, list[int]]:
    return {numbers(m)[0]: numbers(m)[4:6] for m in messages if m.startswith(b"upload")}


@pytest.mark.parametrize("name", ONE_CLIENT)
def test_one_client(vectors: Path, name: str) -> None:
    replay = Replay(load(vectors, name))
    replay.run()
    recorded = [message for kind, message in replay.lines if kind == "c2s"]
    exact = name in EXACT
    assert normalised(replay.sent, exact) == normalised(recorded, exact)
    assert last_cursors(replay.sent) == last_cursors(recorded)
    assert not any(file.of("error") for file in replay.files.values())
