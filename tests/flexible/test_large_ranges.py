"""Much enters a view at once: a bootstrap that nobody has asked for brings it in parts.

Specification: flexible-sync.md 7.7, 7.8, 8.2; docs/internals/flexible-sync.md, "Fold".
"""

from __future__ import annotations

import pytest

import people
from flexible_peer import FlexibleClient
from server_driver import Server
from test_flexible_server import ages, connected, subscribed, with_schema

COUNT = 300
PAGE = 1_000  # soft bytes of a DOWNLOAD
ADULTS = {"Person": "age > 10"}
PERMISSIONS_CHANGED = 228


def served(**tuning: int) -> tuple[Server, FlexibleClient]:
    """A server with many children, who are in no view yet, and who made them."""
    server = Server(tuning={"page_bytes": PAGE, "shared_page_bytes": PAGE, **tuning})
    admin = with_schema(server)
    for first in range(0, COUNT, 100):
        for person in range(first, first + 100):
            admin.write(*people.create(person, age=5, name="name " * 10))
        send(admin)
    return server, admin


def send(client: FlexibleClient) -> None:
    client.upload()
    client.run()


def grow_up(admin: FlexibleClient, step: int = 1) -> None:
    admin.write(*(i for person in range(0, COUNT, step) for i in people.change(person, age=20)))
    send(admin)


def bootstraps(client: FlexibleClient) -> list[int]:
    """The sizes of the parts that have come, of all bootstraps."""
    downloads = [message for message in client.log if message["type"] == "download"]
    return [
        message["uncompressed_size"] or len(message["body"])
        for message in downloads
        if message["batch_state"] not in (2, "steady_state")
    ]


def test_what_enters_at_once_comes_in_parts() -> None:
    server, admin = served()
    reader = subscribed(connected(server, "bob"), ADULTS)
    before = len(bootstraps(reader))
    grow_up(admin)
    reader.run()
    assert ages(reader) == dict.fromkeys(range(COUNT), 20)
    parts = bootstraps(reader)[before:]
    assert len(parts) > 10 and max(parts) < 10 * PAGE
    assert reader.completed[-2:] == [1, 1]
    grow_up(admin)  # and what follows is of the history again
    admin.write(*people.change(7, age=21))
    send(admin)
    reader.run()
    assert ages(reader)[7] == 21
    assert len(bootstraps(reader)) == before + len(parts)


def test_little_that_enters_is_of_the_history() -> None:
    server, admin = served()
    reader = subscribed(connected(server, "bob"), ADULTS)
    before = bootstraps(reader)
    grow_up(admin, step=COUNT // 5)
    reader.run()
    assert len(ages(reader)) == 5
    assert bootstraps(reader) == before


def test_what_is_changed_meanwhile_is_right_at_the_end() -> None:
    server, admin = served()
    reader = subscribed(connected(server, "bob"), ADULTS)
    grow_up(admin)
    reader.run(most=3)
    admin.write(*(i for person in range(0, COUNT, 3) for i in people.change(person, age=3)))
    admin.write(*(i for person in range(1, COUNT, 3) for i in people.erase(person)))
    admin.write(*people.create(COUNT, age=50), *people.change(2, age=51))
    send(admin)
    reader.run(most=3)
    admin.write(*people.change(0, age=52), *people.change(5, age=1))
    send(admin)
    reader.write(*people.create(COUNT + 1, age=53))
    send(reader)
    admin.run()
    expected = {person: age for person, age in ages(admin).items() if age > 10}
    assert ages(reader) == expected
    assert expected[0] == 52 and expected[COUNT] == 50 and expected[COUNT + 1] == 53
    assert len(expected) == COUNT // 3 - 1 + 3


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("arrived", [0, 1, 3, 8])
def test_one_that_is_cut_off_comes_again(arrived: int, restarts: bool) -> None:
    server, admin = served()
    reader = subscribed(connected(server, "bob"), ADULTS)
    grow_up(admin)
    if arrived:
        reader.run(most=arrived)
    reader.restart() if restarts else reader.cut()
    admin.write(*people.change(0, age=3), *people.change(250, age=30), *people.erase(2))
    send(admin)
    reader.connect()
    reader.mark()
    reader.run()
    assert reader.marks[-1] == reader.last_mark
    assert ages(reader) == {p: a for p, a in ages(admin).items() if a > 10}


def test_a_query_set_does_not_wait_for_what_enters() -> None:
    """The history before it would have to come in one; its own bootstrap brings all."""
    server, admin = served()
    reader = subscribed(connected(server, "bob"), ADULTS)
    reader.run()
    grow_up(admin)
    reader.query(2, {"Person": "age > 10 and _id < 200"})
    mark = reader.mark()
    reader.run()
    assert reader.marks[-1] == mark and reader.completed[-1] == 2
    assert ages(reader) == dict.fromkeys(range(200), 20)


@pytest.mark.parametrize("version", [9, 13])
def test_older_clients_get_it_in_one(version: int) -> None:
    server, admin = served()
    reader = subscribed(connected(server, "bob", version), ADULTS)
    completed = list(reader.completed)
    grow_up(admin)
    reader.run()
    assert ages(reader) == dict.fromkeys(range(COUNT), 20)
    assert reader.completed == completed and not reader.errors


def test_older_clients_are_reset_where_one_cannot_bring_it() -> None:
    server, admin = served(inflated_bytes=20_000)
    reader = subscribed(connected(server, "bob", 13), ADULTS)
    grow_up(admin)
    reader.run()
    ((code, info),) = reader.errors
    assert code == PERMISSIONS_CHANGED and info["should_client_reset"]
    assert "more has changed" in info["message"].lower()
