"""What clients of the other mode are told by an app that has gone over to flexible sync, or back
(flexible-sync.md 15.1; server-behaviour.md 17.9)."""

from __future__ import annotations

from typing import Any

import pytest

from server_driver import APP, Connection, Message, Server

OBJECT_ID = {"$oid": "64b7f0c2e1a2b3c4d5e6f708"}
UUID = {"$uuid": "3b241101-e2bb-4255-8caf-4136c566a962"}


@pytest.fixture
def server() -> Server:
    return Server()


def configure(server: Server, mode: str, **settings: Any) -> None:
    server.runtime.configure_app(APP, sync_mode=mode, now_ms=server.now, **settings)


def flexible(server: Server, version: int = 14, **bind: Any) -> Connection:
    """With a BIND that says this."""
    connection = server.connect(version=version, is_flexible=True)
    connection.bind(1, {"schemaVersion": 0, "sessionReason": 0, **bind})
    return connection


def partitioned(server: Server, partition: object = "foo", version: int = 14) -> Connection:
    connection = server.connect(version=version)
    connection.bind(1, partition)
    return connection


def error_of(connection: Connection) -> Message:
    return connection.error_answer()


@pytest.mark.parametrize(
    ("partition", "query"),
    [
        ("foo", 'realm_id == "foo"'),
        ('a "b" \\', 'realm_id == B64"YSAiYiIgXA=="'),
        (None, "realm_id == NULL"),
        (42, "realm_id == 42"),
        (OBJECT_ID, "realm_id == oid(64b7f0c2e1a2b3c4d5e6f708)"),
        (UUID, "realm_id == uuid(3b241101-e2bb-4255-8caf-4136c566a962)"),
    ],
)
def test_a_partition_becomes_a_query(server: Server, partition: object, query: str) -> None:
    configure(server, "flexible", partition_key="realm_id")
    error = error_of(partitioned(server, partition))
    assert error.fields == [232, 1]
    assert error.json["partitionQuery"] == query
    assert (error.json["action"], error.json["tryAgain"]) == ("MigrateToFLX", True)
    assert not error.json["shouldClientReset"]


def test_who_knows_of_no_former_partitions_refuses_their_clients(server: Server) -> None:
    configure(server, "flexible")
    assert server.connect().error_answer().fields == [113, 0]


def test_a_client_that_has_followed_is_served(server: Server) -> None:
    configure(server, "flexible", partition_key="realm_id")
    connection = flexible(server, migratedPartition='"foo"')
    connection.take_all()
    assert connection.bindings[1].file is not None


@pytest.mark.parametrize("version", [9, 14])
def test_back_to_partitions(server: Server, version: int) -> None:
    """Who has come from partitions goes back; others have nothing to go back to."""
    configure(server, "partition")
    error = error_of(flexible(server, version, migratedPartition='"foo"'))
    assert error.fields == [234, 1]
    assert (error.json["action"], error.json["tryAgain"]) == ("RevertToPBS", True)
    error = error_of(flexible(server, version))
    assert error.fields == [114, 0] and error.json["action"] == "ApplicationBug"


def test_who_is_there_follows_at_once(server: Server) -> None:
    connection = server.connect()
    connection.open(1, "foo")
    connection.open(2, "bar")
    configure(server, "flexible", partition_key="realm_id")
    told = [m for m in connection.answers() if m.type == "json_error"]
    assert sorted((m.fields[0], m.json["partitionQuery"]) for m in told) == [
        (232, 'realm_id == "bar"'),
        (232, 'realm_id == "foo"'),
    ]
    migrated, native = flexible(server, migratedPartition='"foo"'), flexible(server)
    for one in (migrated, native):
        one.take_all()
    configure(server, "partition")
    assert error_of(migrated).fields == [234, 1]
    assert error_of(native).fields == [114, 0]


def test_nothing_of_a_refused_session_is_stored(server: Server) -> None:
    configure(server, "flexible", partition_key="realm_id")
    connection = partitioned(server)
    connection.take_all()
    connection.ident(1, (1, 1))
    connection.mark(1, 1)
    connection.unbind(1)
    assert [m.type for m in connection.answers()] == []
    assert not [event for event in server.events if event[0] == "drop"]
