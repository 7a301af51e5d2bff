"""Errors that end a session while a query set of it is on its way: they are told, behind what was
integrated (server-behaviour.md 10.7 R4), and nothing is waited for that does not come.

Specification: flexible-sync.md 5.4, 10.3.
"""

from __future__ import annotations

import pytest

import people
from flexible_peer import FlexibleClient
from ruled_server import Ruled
from server_driver import Server
from test_flexible_server import ALL, connected, subscribed, with_schema
from test_roles_of_files import admin_with_people, roles
from told import told

CLOSED, PERMISSIONS_CHANGED = 200, 228
FAR = 10_000  # a version that there is not
ADULTS = {"Person": "age > 3"}


def spoil(client: FlexibleClient, how: str) -> None:
    """An upload that resets the client."""
    client.uploaded += 1
    base, data = (FAR, b"") if how == "base" else (client.base, b"\x01\x02garbage")
    client.send_upload([(client.uploaded, base, data)], base=base)


def with_one_upload(server: Server) -> FlexibleClient:
    """A client, and what it has just sent."""
    with_schema(server)
    client = subscribed(connected(server), ALL)
    client.write(*people.create(1, age=1, name="x", owner="ann"))
    client.upload()
    return client


@pytest.mark.parametrize("how", ["base", "changeset"])
@pytest.mark.parametrize("order", ["query last", "query first", "many queries", "bad query"])
def test_an_error_is_told_whatever_query_set_is_on_its_way(how: str, order: str) -> None:
    server = Server()
    client = with_one_upload(server)
    if order == "query first":
        client.query(2, ADULTS)
    spoil(client, how)
    if order == "query last":
        client.query(2, ADULTS)
    elif order == "many queries":
        for version in range(2, 60):
            client.query(version, ADULTS)
    elif order == "bad query":
        client.query(2, {"Person": "age >"})
    sent = client.uploaded - 1
    client.run()
    ((_, info),) = client.errors
    assert info["should_client_reset"]
    assert client.upload_cursor[0] == sent, "what is integrated is told before the error"


@pytest.mark.parametrize("version", [9, 13, 14])
@pytest.mark.parametrize("parts", [0, 1, 3])
def test_what_is_integrated_while_a_bootstrap_is_under_way(version: int, parts: int) -> None:
    """It is told between the bootstrap's parts, so that the reset does not upload it again."""
    server = Server(tuning={"page_bytes": 2_000, "shared_page_bytes": 2_000})
    admin = with_schema(server)
    admin.write(*(each for one in range(2_000) for each in people.create(one, age=one)))
    admin.upload()
    admin.run()
    client = subscribed(connected(server, "ann", version), {"Person": "age == 1"})
    client.query(2, ADULTS)
    client.run(parts)
    assert parts == 0 or (client.pending and client.pending[0] == 2)
    client.write(*people.change(1, name="mine"))
    client.upload()
    spoil(client, "base")
    client.run()
    ((_, info),) = client.errors
    assert info["should_client_reset"] and client.completed[-1] == 1
    assert client.upload_cursor[0] == client.uploaded - 1


@pytest.mark.parametrize("version", [9, 13, 14])
def test_what_is_integrated_before_the_first_bootstrap(version: int) -> None:
    server = Server()
    with_schema(server)
    client = FlexibleClient(server, "ann", version)
    client.connect()  # IDENT is on its way
    client.write(*people.schema())
    client.upload()
    spoil(client, "base")
    client.run()
    ((_, info),) = client.errors
    assert info["should_client_reset"]
    assert client.upload_cursor[0] == client.uploaded - 1


@pytest.mark.parametrize("version", [9, 13, 14])
def test_other_roles_are_told_whatever_query_set_is_on_its_way(version: int) -> None:
    server = Ruled()
    admin_with_people(server)
    client = FlexibleClient(server, "ann", version)
    client.connect()
    client.run()
    client.query(1, ALL)
    client.run()
    assert client.active[0] == 1 and client.connection is not None
    server.runtime.reauthorize(client.connection, server.now)
    (question,) = [
        event[3]
        for event in map(told, server.runtime.drain(server.now))
        if event[0] == "authorize" and event[1] == client.connection
    ]
    client.write(*people.change(1, age=5))
    client.upload()
    client.query(2, ADULTS)
    others = roles({"owner": "%%user.id"}, True)
    server.runtime.authorize_roles(client.connection, 1, question, others, server.now)
    client.run()
    ((code, info),) = client.errors
    assert code == (CLOSED if version == 14 else PERMISSIONS_CHANGED)
    assert info["should_client_reset"] == (version < 14)
    if version < 14:
        assert client.upload_cursor[0] == client.uploaded


@pytest.mark.parametrize("is_resetting", [False, True])
def test_a_page_that_cannot_be_made_ends_its_session_alone(is_resetting: bool) -> None:
    """But for the one that tells of uploads before a reset: its client comes again for it."""
    server = Server()
    client = with_one_upload(server)
    if is_resetting:
        spoil(client, "base")
        client.query(2, ADULTS)
    server.store.fail_page_memory()
    client.run()
    ended = [event for event in server.events if event[0] == "close"]
    assert bool(ended) == is_resetting
    assert len(client.errors) == 1
    client.errors.clear()
    client.cut()
    client.connect()
    client.mark()
    client.run()
    assert client.marks[-1] == client.last_mark and not client.errors
