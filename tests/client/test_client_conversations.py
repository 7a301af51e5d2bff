"""Recorded SDK conversations, played to our client (client_replay.py): what it sends, and what its
objects are in the end where several clients met.

One deliberate difference: our client fetches an UPLOAD as soon as something is written, the SDK
when it is its turn. Cursors without changesets may therefore come in one message more or less, and
the locked server version may be newer. Everything else is compared field by field.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from client_driver import numbers, upload_entries, words
from client_replay import RealmReplay, Replay
from realmsync.inspect import decode_changeset
from recorded import Conversation, final_objects

ONE_CLIENT = ["seed_page", "all_types", "multiplex", "reconnect", "schema_add"]
SEVERAL_CLIENTS = ["async_open", "compressed", "conflict", "three_way"]
# Where the timing leaves no choice, every message is the same, empty UPLOADs included.
EXACT = {"seed_page", "reconnect", "schema_add"}


def load(vectors: Path, name: str) -> list[tuple[str, bytes]]:
    with (vectors / "wire" / f"{name}.jsonl").open() as file:
        lines = [json.loads(line) for line in file]
    return [(d["t"], bytes.fromhex(d["hex"])) for d in lines if d["t"] in ("c2s", "s2c")]


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


def decoded(messages: list[bytes]) -> dict[int, list[Any]]:
    """The same per session with instructions in place of bytes: the SDK also defines names that it
    does not use."""
    return {
        session: [
            (*entry[:3], decode_changeset(entry[3])) if isinstance(entry, tuple) else entry
            for entry in sequence
        ]
        for session, sequence in normalised(messages, exact=False).items()
    }


def newest_versions(messages: list[bytes]) -> dict[int, int]:
    return {session: cursor[0] for session, cursor in last_cursors(messages).items()}


@pytest.mark.parametrize("name", ONE_CLIENT)
def test_one_client(vectors: Path, name: str) -> None:
    replay = Replay(load(vectors, name))
    replay.run()
    recorded = [message for kind, message in replay.lines if kind == "c2s"]
    exact = name in EXACT
    assert normalised(replay.sent, exact) == normalised(recorded, exact)
    assert last_cursors(replay.sent) == last_cursors(recorded)
    assert not any(file.of("error") for file in replay.files.values())


@pytest.mark.parametrize("name", SEVERAL_CLIENTS)
def test_several_clients(
    vectors: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each client in turn ends with the recorded objects, having sent what the SDK sent."""
    conversation = Conversation(vectors / "wire" / f"{name}.jsonl")
    objects = []
    for client in conversation.clients:
        replay = RealmReplay(conversation.of(client), tmp_path / f"{client.ident}", monkeypatch)
        replay.run()
        recorded = [message for kind, message in replay.lines if kind == "c2s"]
        assert decoded(replay.sent) == decoded(recorded)
        # The other half of the cursor may be newer, where what came last was trimmed at once.
        assert newest_versions(replay.sent) == newest_versions(recorded)
        assert not any(file.of("error") for file in replay.files.values())
        objects.append(replay.objects())
        replay.close()
    for final in final_objects(vectors / "wire" / f"{name}.result.json"):
        assert objects == [final] * len(objects)
    assert objects == objects[:1] * len(objects)
