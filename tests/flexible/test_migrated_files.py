"""Files of applications that know of a partition, in an app that has gone over to flexible sync:
what they create gets its value (flexible-sync.md 15.2, 15.3)."""

from __future__ import annotations

from typing import Any

import pytest

import people
from flexible_peer import FlexibleClient
from server_driver import APP, Server

OF_ANN = {"Person": 'owner == "ann"'}


@pytest.fixture
def server() -> Server:
    server = Server()
    server.runtime.configure_app(
        APP, sync_mode="flexible", partition_key="owner", now_ms=server.now
    )
    return server


def client_of(server: Server, body: dict[str, str], partition: str | None = None) -> FlexibleClient:
    """Behind the bootstrap of this query set, and with the class."""
    client = FlexibleClient(server, partition=partition)
    client.connect()
    client.mark()
    client.run()
    client.write(*people.schema())
    client.upload()
    client.query(1, body)
    client.mark()
    client.run()
    assert client.active[0] == 1
    return client


def owners(client: FlexibleClient) -> dict[int, Any]:
    return {one["_id"]: one["owner"] for one in people.read(client)}


def test_objects_without_a_partition_get_it_and_nothing_else_is_lost(server: Server) -> None:
    admin = client_of(server, {"Person": "TRUEPREDICATE"})
    ann = client_of(server, OF_ANN, '"ann"')
    ann.write(*people.create(1, age=5), *people.create(2, age=6, owner="ann"))
    ann.upload()
    ann.write(*people.change(1, age=7))  # before the value comes
    ann.upload()
    ann.run()
    admin.run()
    assert ann.rejections == [] and ann.errors == []
    assert owners(ann) == owners(admin) == {1: "ann", 2: "ann"}
    assert people.read(ann)[0]["age"] == people.read(admin)[0]["age"] == 7
    reader = client_of(server, OF_ANN)
    assert owners(reader) == {1: "ann", 2: "ann"}


def test_another_partition_is_refused(server: Server) -> None:
    admin = client_of(server, {"Person": "TRUEPREDICATE"})
    ann = client_of(server, OF_ANN, '"ann"')
    ann.write(*people.create(1, age=5, owner="bob"), *people.create(2, age=6))
    ann.upload()
    ann.run()
    admin.run()
    (rejection,) = ann.rejections
    assert [update["key"] for update in rejection.updates] == [b"\x01\x01"]
    assert owners(ann) == owners(admin) == {2: "ann"}


def test_what_is_written_later_is_left_alone(server: Server) -> None:
    """An own object may leave the partition, as it may leave any view."""
    ann = client_of(server, OF_ANN, '"ann"')
    ann.write(*people.create(1, age=5))
    ann.upload()
    ann.run()
    ann.write(*people.change(1, owner="bob"))
    ann.upload()
    ann.run()
    assert owners(ann) == {} and ann.rejections == []
    assert owners(client_of(server, {"Person": "TRUEPREDICATE"})) == {1: "bob"}


@pytest.mark.parametrize("partition", ["42", "null"])
def test_a_value_that_the_property_cannot_have_is_not_given(server: Server, partition: str) -> None:
    ann = client_of(server, {"Person": "TRUEPREDICATE"}, partition)
    ann.write(*people.create(1, age=5))
    ann.upload()
    ann.run()
    assert owners(ann) == {1: None} and ann.rejections == []


def test_a_partition_that_is_none_is_refused(server: Server) -> None:
    client = FlexibleClient(server, partition="{]")
    client.connect()
    client.run()
    assert [code for code, _ in client.errors] == [204]
