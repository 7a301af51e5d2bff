"""Whom a commit wakes: the sessions in whose view it has something, and now and then one that would
have too much to look at otherwise (flexible-sync.md sections 17.3, 17.4 and 17.10)."""

from __future__ import annotations

import pytest

import people
from flexible_peer import FlexibleClient
from server_driver import Server
from test_flexible_server import ages, connected, subscribed, with_schema


def downloads(client: FlexibleClient) -> int:
    return sum(message["type"] == "download" for message in client.log)


def named(server: Server, name: str) -> FlexibleClient:
    return subscribed(connected(server, name), {"Person": f"(name == {name!r})"})


def commit(client: FlexibleClient, *instructions: dict[str, object]) -> None:
    client.write(*instructions)
    client.upload()
    client.run()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def admin(server: Server) -> FlexibleClient:
    return with_schema(server)


def test_only_those_whose_view_has_the_object(server: Server, admin: FlexibleClient) -> None:
    ann, bob = named(server, "ann"), named(server, "bob")
    before = downloads(bob)
    for age in range(1, 6):
        commit(admin, *people.create(age, name="ann", age=age))
        ann.run()
        bob.run()
    assert ages(ann) == {age: age for age in range(1, 6)}
    assert downloads(bob) == before
    # It leaves one view and enters the other.
    commit(admin, *people.change(3, name="bob"))
    for client in (ann, bob):
        client.run()
    assert ages(ann) == {1: 1, 2: 2, 4: 4, 5: 5}
    assert ages(bob) == {3: 3}
    assert downloads(bob) == before + 1


def test_a_mark_of_one_whom_nothing_concerned_is_answered(
    server: Server, admin: FlexibleClient
) -> None:
    bob = named(server, "bob")
    before = downloads(bob)
    commit(admin, *people.create(1, name="ann"))
    mark = bob.mark()
    bob.run()
    assert bob.marks[-1] == mark
    assert downloads(bob) == before


def test_who_was_idle_writes_reads_and_comes_back(server: Server, admin: FlexibleClient) -> None:
    bob = named(server, "bob")
    for key in range(1, 30):
        commit(admin, *people.create(key, name="ann"))
    commit(bob, *people.create(100, name="bob", age=1))
    admin.run()
    commit(admin, *people.change(100, age=7))
    bob.run()
    assert ages(bob) == {100: 7}
    commit(admin, *people.create(101, name="bob", age=2), *people.create(102, name="ann"))
    bob.cut()
    commit(admin, *people.change(101, age=3))
    bob.connect()
    bob.mark()
    bob.run()
    assert ages(bob) == {100: 7, 101: 3}


def test_more_concerns_it_than_is_remembered(server: Server, admin: FlexibleClient) -> None:
    """Who has not read for long gets all of it nevertheless."""
    bob = named(server, "bob")
    for key in range(1, 1_300):
        admin.write(*people.create(key, name="bob", age=key))
    admin.upload()
    admin.run()
    bob.run()
    assert ages(bob) == {key: key for key in range(1, 1_300)}


def test_the_idle_are_told_how_far_they_are_now_and_then(
    server: Server, admin: FlexibleClient
) -> None:
    bob = named(server, "bob")
    before, position = downloads(bob), bob.download[0]
    for key in range(2_500):
        admin.write(*people.create(key, name="ann"))
    admin.upload()
    admin.run()
    bob.run()
    assert 1 <= downloads(bob) - before <= 10
    assert bob.download[0] >= position + 1_000
    assert ages(bob) == {}


def test_equal_views_are_sent_equal_bytes_but_not_to_the_writer(
    server: Server, admin: FlexibleClient
) -> None:
    readers = [named(server, "ann") for _ in range(5)]
    writer = readers[0]
    for client in readers:
        client.run()
        client.log.clear()
    commit(writer, *people.create(1, name="ann", age=4))
    for client in readers:
        client.run()
        assert ages(client) == {1: 4}
    bodies = [
        message["body"]
        for client in readers[1:]
        for message in client.log
        if message["type"] == "download"
    ]
    assert len(bodies) == 4
    assert len(set(map(repr, bodies))) == 1
    own = [message for message in writer.log if message["type"] == "download"]
    assert all(not message["changesets"] for message in own if "changesets" in message)
    assert writer.upload_cursor[0] > 0


def test_a_new_class_concerns_everybody(server: Server, admin: FlexibleClient) -> None:
    bob = named(server, "bob")
    before = downloads(bob)
    commit(
        admin,
        {
            "op": "AddTable",
            "table": "Car",
            "pk_field": "_id",
            "pk_type": people.INT,
            "pk_nullable": False,
            "asymmetric": False,
        },
    )
    bob.run()
    assert downloads(bob) == before + 1
