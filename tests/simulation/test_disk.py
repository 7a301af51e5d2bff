"""The server on a disk that fails: what was acknowledged is there afterwards, what was refused has
left no trace, and everybody can come back (server-behaviour.md 19, 20)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from instructions import add_column, add_table, changeset, create, update
from server_driver import Connection, Server

NOTE = (add_table("Note"), add_column("Note", "text", 3, nullable=True))


def note(number: int, size: int = 10) -> bytes:
    return changeset(*NOTE, create("Note", number), update("Note", number, "text", "x" * size))


def upload(connection: Connection, version: int, size: int = 10) -> None:
    connection.upload(1, (version, 0), [(version, 0, version, note(version, size))], locked=0)
    connection.take_all()


def writer(server: Server) -> Connection:
    """A bound client whose version 2 is acknowledged."""
    connection = server.connect()
    connection.open(1)
    upload(connection, 2)
    assert connection.bindings[1].upload == (2, 0)
    return connection


def come_back(server: Server, old: Connection, version: int) -> Connection:
    """The same client file on a new connection, with everything after version 2 to send again."""
    file, download, latest = (
        old.bindings[1].file,
        old.bindings[1].download,
        old.bindings[1].latest,
    )
    assert file is not None
    connection = server.connect()
    connection.bind(1, need_ident=False)
    connection.bindings[1].newest_client_version = version
    connection.ident(1, file, download, latest)
    upload(connection, version)
    return connection


def versions(server: Server) -> list[int]:
    return [version for _, version, _ in server.store.entries("app", '"p"')]


FAULTS: dict[str, Callable[[Server], None]] = {
    "write": lambda server: server.store.fail_write(),
    "sync": lambda server: server.store.fail_sync(),
    "full": lambda server: server.store.limit(server.store.used()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_disk_is_told_and_survived(fault: str) -> None:
    server = Server()
    client, bystander = writer(server), server.connect()
    FAULTS[fault](server)
    upload(client, 3, size=100_000)
    assert client.error is not None and client.error.json["tryAgain"]
    failed = any(event[0] == "storage_failed" for event in server.events)
    assert failed == (fault != "full"), "a full disk passes, a medium that fails does not"
    assert versions(server) == [2]
    server.store.limit(0)
    bystander.open(1, "elsewhere")
    again = come_back(server, client, 3)
    assert again.error is None and again.bindings[1].upload == (3, 0)
    assert versions(server) == [2, 3]


def test_a_full_disk_is_an_overload_that_passes_by_itself() -> None:
    server = Server()
    client = writer(server)
    server.store.limit(server.store.used())
    upload(client, 3, size=100_000)
    assert server.runtime.stats()["storage_full"] == 1
    server.advance(60_000)
    assert server.runtime.stats()["storage_full"] == 1, "there is no room yet"
    reader = come_back(server, client, 2)
    assert reader.error is None, "what is stored can be read"
    server.store.limit(0)
    server.advance(2_000)
    assert server.runtime.stats()["storage_full"] == 0, "nobody has written anything"


def test_power_cut_keeps_what_was_acknowledged() -> None:
    server = Server()
    client = writer(server)
    server.store.cut_power()
    restarted = Server(server.store)
    assert versions(restarted) == [2]
    assert come_back(restarted, client, 3).bindings[1].upload == (3, 0)


def test_power_cut_loses_what_was_not_synced() -> None:
    server = Server()
    client = writer(server)
    server.store.fail_sync()
    upload(client, 3)
    assert client.error is not None
    server.store.cut_power()
    restarted = Server(server.store)
    assert versions(restarted) == [2]
    assert come_back(restarted, client, 3).bindings[1].upload == (3, 0)
    assert versions(restarted) == [2, 3]


def test_a_dead_server_can_do_nothing() -> None:
    """A server that somebody else has replaced neither writes nor tidies up behind him."""
    old = Server()
    client = writer(old)
    new = Server(old.store)
    upload(client, 3)
    assert client.error is not None, "its disk is gone"
    old.runtime.close()
    assert versions(new) == [2]
    assert come_back(new, client, 3).bindings[1].upload == (3, 0)
    assert versions(new) == [2, 3]
