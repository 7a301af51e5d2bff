"""After a power cut a file was older than what its peer had been told: a client gave the number of
a lost version to another change, which the server took for one that it had, and a server forgot
what it had acknowledged (client-session.md 15.3, server-behaviour.md 19).

Three ways led there. A DOWNLOAD without changesets makes a version, and was not synced. And a
process that dies between writing a commit and syncing it leaves it visible for the next one, client
or server, which told others of it although a power cut could still take it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from instructions import add_table, changeset, create
from realmsync import _testbed
from realmsync.errors import StorageError
from server_driver import Connection, Server

CHANGES = [changeset(add_table("Thing"), create("Thing", number)) for number in range(4)]


def test_an_acknowledgement_stays() -> None:
    storage = _testbed.ClientStorage()
    _testbed.store_ident(storage.file, 5, 99)
    version = _testbed.commit_changeset(storage.file, CHANGES[0], 1)
    _testbed.integrate(storage.file, [], (3, version), (version, 0), (3, 7))
    known = _testbed.state(storage.file)
    assert known["version"] == version + 1
    storage.cut_power()
    storage = storage.reopen()
    assert _testbed.state(storage.file) == known


def test_what_a_client_finds_when_it_starts_stays() -> None:
    found_more = 0
    for count in range(1, 30):
        storage = _testbed.ClientStorage()
        version = _testbed.commit_changeset(storage.file, CHANGES[0], 1)
        storage.doom(count)
        try:
            _testbed.commit_changeset(storage.file, CHANGES[1], 2)
        except StorageError:
            storage = storage.reopen()
            found = _testbed.state(storage.file)["version"]
            found_more += found > version
            storage.cut_power()
            storage = storage.reopen()
            assert _testbed.state(storage.file)["version"] == found >= version
        else:
            break
    else:
        raise AssertionError("a commit takes fewer writes than that")
    assert found_more, "the commit was written, and not synced"


def upload(connection: Connection, version: int) -> None:
    connection.upload(1, (version, 0), [(version, 0, version, CHANGES[version])], locked=0)
    connection.take_all()


def told_to(file: tuple[int, int], store: _testbed.ServerStorage) -> int:
    """What a server that starts tells this client to have of it."""
    connection = Server(store).connect()
    connection.bind(1, need_ident=False)
    connection.bindings[1].newest_client_version = 3
    connection.ident(1, file)
    connection.take_all()
    return connection.bindings[1].upload[0]


@pytest.mark.parametrize("end", [lambda store: store.kill(), lambda store: store.cut_power()])
def test_what_a_server_finds_when_it_starts_stays(end: Callable[[Any], None]) -> None:
    seen = set()
    for count in range(1, 40):
        server = Server()
        connection = server.connect()
        connection.open(1)
        file = connection.bindings[1].file
        assert file is not None
        upload(connection, 2)
        server.store.doom(count)
        upload(connection, 3)
        is_over = connection.error is None
        end(server.store)
        told = told_to(file, server.store)
        server.store.cut_power()
        assert told_to(file, server.store) == told
        assert told == 3 if is_over else told in (2, 3)
        seen.add(told)
        if is_over:
            break
    else:
        raise AssertionError("an upload takes fewer writes than that")
    assert seen == {2, 3}
