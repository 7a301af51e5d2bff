"""What query sets take of memory: all that a session holds counts towards its user, and what all
users have is bounded (flexible-sync.md 17.10)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import people
from flexible_peer import FlexibleClient, Message, body_of
from server_driver import Server
from test_flexible_server import ALL, connected, subscribed, with_schema

COME_AGAIN = 201
SIZE = 240_000  # of a large set: nearly what one may have of a class
OF_USER, OF_ALL = 8 << 20, 32 << 20


def large(number: int) -> dict[str, str]:
    return {"Person": f"name == '{number:08}" + "x" * SIZE + "'"}


@pytest.fixture
def server() -> Server:
    server = Server()
    with_schema(server)
    return server


def those_who_go_on(clients: list[FlexibleClient]) -> list[FlexibleClient]:
    """The others have been told to come again."""
    for client in clients:
        client.run()
        for code, info in client.errors:
            assert code == COME_AGAIN and info["try_again"]
            assert "subscribed to too much" in info["message"]
    return [client for client in clients if not client.errors]


def by_query(server: Server, user: str, number: int) -> FlexibleClient:
    client = connected(server, user)
    client.query(1, large(number))
    client.run()
    return client


def by_ident(server: Server, user: str, number: int) -> FlexibleClient:
    client = FlexibleClient(server, user, active=(0, body_of(large(number))))
    client.connect()
    client.run()
    return client


@pytest.mark.parametrize("asks", [by_query, by_ident])
def test_sets_of_a_user_are_measured_alike_whatever_brings_them(
    server: Server, asks: Callable[[Server, str, int], FlexibleClient]
) -> None:
    go_on = those_who_go_on([asks(server, "eve", number) for number in range(45)])
    assert len(go_on) == OF_USER // SIZE
    assert not subscribed(connected(server, "ann"), large(0)).errors
    for client in go_on[:2]:
        client.cut()
    assert not asks(server, "eve", 100).errors


def test_what_is_in_force_counts_while_the_next_is_not_taken(server: Server) -> None:
    clients = []
    for number in range(45):
        client = by_query(server, "eve", number)
        if not client.errors:
            client.query(2, {"Person": f"_id == {number}"})
            server.run()
        clients.append(client)
    running = [client for client in clients if not client.errors]
    assert len(running) <= OF_USER // SIZE
    assert those_who_go_on(running) == running
    assert {client.completed[-1] for client in running} == {2}
    for number in range(3):  # what was in force is gone
        assert not by_query(server, "eve", number).errors


def test_equal_sets_of_a_user_count_once(server: Server) -> None:
    clients = [by_query(server, "eve", 1) for _ in range(60)]
    assert those_who_go_on(clients) == clients


def test_one_session_may_go_from_set_to_set_however_large(server: Server) -> None:
    classes = [f"K{number}" for number in range(4)]
    admin = connected(server, "admin of classes")
    for name in classes:
        admin.write(*({**one, "table": name} for one in people.schema()))
    admin.upload()
    admin.run()
    client = connected(server, "ann")
    for version in range(1, 5):
        texts = {
            name: " or ".join(f"_id == {10_000 * version + n}" for n in range(6_000))
            for name in classes
        }
        client.query(version, texts)
        client.run()
        assert client.completed[-1] == version and not client.errors


def test_who_holds_most_gives_up_when_all_have_too_much(server: Server) -> None:
    light = subscribed(connected(server, "light"), {"Person": "age == 1"})
    clients: list[FlexibleClient] = []
    for user in range(7):
        for number in range(30):
            clients.append(by_query(server, f"user {user}", 100 * user + number))
    go_on = those_who_go_on(clients)
    assert OF_ALL - 2 * SIZE < len(go_on) * SIZE <= OF_ALL + 8 * (64 << 10)
    by_user = [sum(client.user == f"user {user}" for client in go_on) for user in range(7)]
    assert max(by_user) - min(by_user) <= 2, "equal shares, whoever came first"
    light.mark()
    light.run()
    assert light.marks[-1] == light.last_mark and not light.errors


class Reader(FlexibleClient):
    """Takes parts of a bootstrap, without a copy."""

    parts = 0

    def take_download(self, message: Message) -> None:
        if message["query_version"] == 1:
            self.parts += 1
        else:
            super().take_download(message)


def test_parts_that_are_made_ahead_count_as_downloads_that_nobody_takes() -> None:
    """Sessions have one part each, and wait for their next turn."""
    size, limit = 256 << 10, 2 << 20
    tuning = {"bootstraps": 1, "bootstrap_turn_ms": 1, "page_memory_bytes": limit}
    server = Server(tuning={**tuning, "page_bytes": 100, "shared_page_bytes": 100})
    admin = with_schema(server)
    for person in range(4):
        admin.write(*people.create(person, name=f"{person}" * size))
    admin.upload()
    admin.run()
    readers = [Reader(server, "eve") for _ in range(20)]
    for reader in readers:
        reader.connect()
        reader.run()
        reader.query(1, ALL)
        server.run()
    for _ in range(40):
        for reader in readers:
            if reader.parts == 0:
                reader.run(most=1)
        server.advance(2)
    begun = [reader for reader in readers if reader.parts]
    assert 1 < len(begun) <= limit // size + 1, "each of which may hold one"
    assert server.runtime.stats()["session_errors"] > 0
