"""What clients hear of the version of the schema that they say to have (flexible-sync.md 16;
server-behaviour.md 17.10)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_driver import APP, Connection, Message, Server

QUERY = (0, b"{}")


@pytest.fixture
def server() -> Server:
    return Server()


def know(server: Server, *versions: int) -> None:
    server.runtime.configure_app(APP, schema_versions=set(versions), now_ms=server.now)


def bound(
    server: Server, file: tuple[int, int] | None, schema_version: int | None, protocol: int = 14
) -> Connection:
    """A client with this file, or a new one, that says so far what it has."""
    connection = server.connect(version=protocol, is_flexible=True)
    terms: dict[str, Any] = {"sessionReason": 0}
    if schema_version is not None:
        terms["schemaVersion"] = schema_version
    connection.bind(1, terms, need_ident=file is None)
    if file is None:
        connection.take_all()
    if not connection.bindings[1].ended:
        connection.ident(1, file or file_of(connection), query=QUERY)
    return connection


def file_of(connection: Connection) -> tuple[int, int]:
    file = connection.bindings[1].file
    assert file is not None
    return file


def errors(connection: Connection) -> list[Message]:
    return [m for m in connection.answers() if m.type == "json_error"]


def new_file(server: Server, schema_version: int | None, protocol: int = 14) -> tuple[int, int]:
    connection = bound(server, None, schema_version, protocol)
    assert errors(connection) == []
    connection.close()
    return file_of(connection)


def test_the_same_version_goes_on(server: Server) -> None:
    file = new_file(server, 3)
    assert errors(bound(server, file, 3)) == []


@pytest.mark.parametrize("version", [0, 2, 4, 2**63 - 1])
def test_another_version_is_told_the_former(server: Server, version: int) -> None:
    file = new_file(server, 3)
    connection = bound(server, file, version)
    first, *others = [m for m in connection.answers() if m.type != "log_message"]
    assert first.fields == [236, 1]
    assert first.json["previousSchemaVersion"] == 3
    assert (first.json["action"], first.json["tryAgain"]) == ("MigrateSchema", True)
    assert not first.json["shouldClientReset"]
    assert "download" in [m.type for m in others]  # the binding goes on


def test_a_file_keeps_the_version_that_it_began_with(server: Server) -> None:
    """Until its client begins anew, it is told so each time; going back is going on."""
    file = new_file(server, 1)
    for _ in range(3):
        connection = bound(server, file, 2)
        assert [e.json["previousSchemaVersion"] for e in errors(connection)] == [1]
        connection.close()
    assert errors(bound(server, file, 1)) == []
    assert errors(bound(server, new_file(server, 2), 2)) == []


def test_uploads_and_marks_go_on_under_the_former_version(server: Server) -> None:
    file = new_file(server, 1)
    connection = bound(server, file, 2)
    connection.upload(1, (1, 0), [(1, 0, 5, b"")])
    connection.mark(1, 1)
    connection.answers()
    binding = connection.bindings[1]
    assert binding.last_mark == 1 and binding.upload[0] == 1 and not binding.ended


def test_an_unknown_version_is_refused(server: Server) -> None:
    know(server, 1, 2)
    connection = bound(server, None, 3)
    error = connection.bindings[1].error_message
    assert error is not None and error.fields == [235, 1]
    assert (error.json["action"], error.json["tryAgain"]) == ("ApplicationBug", False)
    assert "3" in error.json["message"] and not error.json["shouldClientReset"]
    connection.unbind(1)
    assert connection.answers() == []  # the binding is over


def test_who_is_refused_may_go_back(server: Server) -> None:
    know(server, 0)
    file = new_file(server, 0)
    assert [e.fields[0] for e in errors(bound(server, file, 1))] == [235]
    assert errors(bound(server, file, 0)) == []


def test_what_is_known_may_change_while_clients_are_there(server: Server) -> None:
    know(server, 0, 1)
    old, new = bound(server, None, 0), bound(server, None, 1)
    assert errors(old) == errors(new) == []
    know(server, 1)
    assert [e.fields for e in errors(old)] == [[235, 1]]
    assert errors(new) == []


@pytest.mark.parametrize("protocol", [9, 10])
def test_protocols_without_versions_say_none(server: Server, protocol: int) -> None:
    """Nor is what they say taken for one; what they come back with later is their first."""
    know(server, 5)
    file = new_file(server, 7, protocol)
    assert errors(bound(server, file, 5)) == []


def test_a_bind_that_says_none_has_none(server: Server) -> None:
    """0 is what SDKs say of a realm without versions."""
    file = new_file(server, None)
    assert errors(bound(server, file, 0)) == []


def test_partitions_have_no_versions(server: Server) -> None:
    know(server, 5)
    connection = server.connect()
    connection.open(1, "p")
    assert connection.bindings[1].error is None


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    server = Server(str(tmp_path))
    file = new_file(server, 1)
    server.runtime.close()
    server = Server(str(tmp_path))
    assert [e.json["previousSchemaVersion"] for e in errors(bound(server, file, 2))] == [1]
    server.runtime.close()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_any_order_of_files_and_versions(steps: list[tuple[int, int]]) -> None:
    """A file hears what it began with whenever it comes with something else."""
    server = Server()
    files: dict[int, tuple[tuple[int, int], int]] = {}
    for number, version in steps:
        if number not in files:
            files[number] = new_file(server, version), version
            continue
        file, first = files[number]
        connection = bound(server, file, version)
        told = [e.json["previousSchemaVersion"] for e in errors(connection)]
        assert told == ([] if version == first else [first])
        connection.close()
