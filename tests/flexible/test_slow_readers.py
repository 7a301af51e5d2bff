"""Bootstraps are limited in number; who does not take his own gives way to those who wait.

Specification: flexible-sync.md 17.5 (concurrency limit), 17.10 (backpressure).
"""

from __future__ import annotations

import people
from flexible_peer import FlexibleClient
from server_driver import Server
from test_flexible_server import ages, connected, subscribed, with_schema

COUNT = 200
WAIT_MS = 2_000
SESSION_CLOSED = 200


def served(bootstraps: int) -> Server:
    tuning = {"page_bytes": 1_000, "shared_page_bytes": 1_000, "bootstraps": bootstraps}
    server = Server(tuning={**tuning, "bootstrap_wait_ms": WAIT_MS})
    admin = with_schema(server)
    for person in range(COUNT):
        admin.write(*people.create(person, age=5, name="name " * 10))
    admin.upload()
    admin.run()
    return server


def slow(server: Server, user: str) -> FlexibleClient:
    """Has asked, and takes nothing."""
    client = connected(server, user)
    client.query(1, {"Person": "TRUEPREDICATE"})
    client.mark()
    server.run()
    client.run(most=1)
    server.run()
    return client


def ask(client: FlexibleClient) -> FlexibleClient:
    client.query(1, {"Person": "TRUEPREDICATE"})
    client.mark()
    client.run()
    return client


def test_slow_readers_give_way_to_those_who_wait() -> None:
    server = served(bootstraps=2)
    quick = [connected(server, f"quick {i}") for i in range(3)]
    readers = [slow(server, "slow 1"), slow(server, "slow 2")]
    for client in quick:
        assert ask(client).completed == [0]
    server.advance(WAIT_MS)
    for client in quick:
        client.run()
        assert client.completed == [0, 1] and len(ages(client)) == COUNT
    for client in readers:
        client.run()
        ((code, info),) = client.errors
        assert code == SESSION_CLOSED and info["try_again"]
        client.cut()
        client.errors.clear()
        client.connect()
        ask(client)
        assert len(ages(client)) == COUNT


def test_nobody_gives_way_where_nobody_waits() -> None:
    server = served(bootstraps=2)
    reader = slow(server, "slow")
    quick = subscribed(connected(server, "quick"), {"Person": "TRUEPREDICATE"})
    assert len(ages(quick)) == COUNT
    server.advance(3 * WAIT_MS)
    reader.run()
    assert not reader.errors and len(ages(reader)) == COUNT


def test_who_takes_some_now_and_then_keeps_its_place() -> None:
    server = served(bootstraps=1)
    waiting = connected(server, "waiting")
    reader = slow(server, "slow")
    ask(waiting)
    while reader.completed == [0]:
        server.advance(WAIT_MS - 1)
        reader.run(most=1)
    waiting.run()
    assert not reader.errors and waiting.completed == [0, 1]
