"""Sessions that share a connection: an error of one never touches the others, whatever its code
(client-session.md 8.3, wire-protocol.md 10); an error of the connection is everybody's."""

from __future__ import annotations

from typing import Any

import pytest

from client_driver import ACTIVE, CHANGESET, Client, File, download, words
from realmsync import _core

CODES = {entry["code"]: entry for entry in _core.error_codes()}
SESSION_CODES = [code for code, entry in CODES.items() if not entry["connection"]]
UNKNOWN = [199, 213, 237, 299, 999]  # of a session: known by their action alone
COMPANIONS: dict[int, dict[str, Any]] = {
    231: {"compensatingWriteServerVersion": 1, "rejectedClientVersion": 1, "rejectedUpdates": []},
    232: {"partitionQuery": "{}"},
    236: {"previousSchemaVersion": 1},
}


def three() -> tuple[Client, list[File]]:
    """Three bound files on one connection, everything downloaded."""
    client = Client()
    files = [client.open(f'"{name}"') for name in "abc"]
    client.connect()
    client.take()
    for ident in (1, 2, 3):
        client.receive(f"ident {ident} {ident + 6} 99\n")
    client.take()
    for ident in (1, 2, 3):
        client.receive(download(ident))
        client.receive(f"mark {ident} 1\n")
    client.take()
    assert len(client.sockets) == 1
    for file in files:
        file.events.clear()
    return client, files


def require_untouched(client: Client, siblings: dict[int, File]) -> None:
    """They have been told nothing, and still transfer in both directions."""
    assert len(client.sockets) == 1 and client.closed == []
    for ident, file in siblings.items():
        assert file.events == []
        assert client.runtime.snapshot(file.id)[:2] == (ACTIVE, "connected")
        version = file.commit(CHANGESET, 1)
        waits = [client.wait(file, direction) for direction in ("upload", "download")]
        sent = [words(message) for message in client.take()]
        assert [words_[:2] for words_ in sent if words_[1] == str(ident)] == [
            ["mark", str(ident)],
            ["upload", str(ident)],
        ]
        client.receive(download(ident, dsv=1, dcv=version, ucv=version))
        client.receive(f"mark {ident} 2\n")
        assert sorted(number for number, status, _ in file.of("wait") if not status) == waits


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("code", SESSION_CODES + UNKNOWN)
def test_every_error_of_a_session(code: int, again: bool) -> None:
    client, (first, victim, last) = three()
    entry = CODES.get(code, {})
    action = entry.get("action") or "ApplicationBug"
    client.error(2, code, again, action, **COMPANIONS.get(code, {}))
    client.take()
    require_untouched(client, {1: first, 3: last})
    # A compensating write is told behind the DOWNLOAD that brings it.
    assert victim.events or code == 231
    kinds = {event[0] for event in victim.events}
    assert kinds <= {"connection", "error", "lifecycle", "reset_required", "released"}


@pytest.mark.parametrize("code", [code for code, e in CODES.items() if e["connection"]])
def test_every_error_of_the_connection(code: int) -> None:
    client, files = three()
    client.error(0, code, True, "Transient")
    for file in files:
        assert file.of("connection") == [("disconnected", "connected")]
        assert file.of("error") == []
    client.sleep(1_000)
    client.connect()
    assert [head.split()[:2] for head in client.heads()][:3] == [
        ["bind", "1"],
        ["bind", "2"],
        ["bind", "3"],
    ]


@pytest.mark.parametrize("how", ["reconnect", "resume"])
def test_who_ends_a_delay_ends_it_for_all(how: str) -> None:
    client, files = three()
    client.cut()
    getattr(client.runtime, how)(files[1].id)
    client.run()
    assert len(client.sockets) == 2
    for file in files:
        assert client.runtime.snapshot(file.id)[1] == "connecting"


@pytest.mark.parametrize("how", ["pause", "force_close", "bad changeset", "suspended twice"])
def test_what_else_happens_to_one(how: str) -> None:
    client, (first, victim, last) = three()
    match how:
        case "bad changeset":
            body = b"1 0 1 3 5 5 what?"
            client.receive(download(2, dsv=1, body=body))
        case "suspended twice":
            for _ in range(2):
                client.error(2, 200, True, "Transient")
                client.take()
                client.sleep(1_000)
                client.take()
        case _:
            getattr(client.runtime, how)(victim.id)
            client.run()
    client.take()
    require_untouched(client, {1: first, 3: last})


def test_messages_to_who_is_no_longer_there() -> None:
    """Discarded half-unbound with a lost socket: ignored. Unbound here: a violation (10.5)."""
    client, (first, victim, last) = three()
    client.runtime.force_close(victim.id)
    client.run()
    assert client.heads() == ["unbind 2"]
    client.cut()  # before the answer
    client.sleep(1_000)
    client.connect()
    client.take()
    first.events.clear()
    last.events.clear()
    for late in ("unbound 2\n", "mark 2 1\n", "ident 2 5 5\n", download(2)):
        client.receive(late)
    client.error(2, 201, True, "Transient")
    assert client.closed == [] and first.events == [] and last.events == []
    client.runtime.force_close(last.id)
    client.run()
    assert client.heads() == ["unbind 3"]
    client.receive("unbound 3\n")
    client.receive("mark 3 2\n")
    assert client.closed == [2]
    ((facts,),) = first.of("error")
    assert facts["code"] == 1038 and facts["message"] == "message for an unknown session"
