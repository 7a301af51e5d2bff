"""Bootstraps are limited in number: while others wait each has its turn, whatever its reader does.

Specification: flexible-sync.md 17.5 (concurrency limit), 17.10 (backpressure).
"""

from __future__ import annotations

import random

import pytest

import people
from flexible_peer import FlexibleClient
from server_driver import Server
from test_flexible_server import ages, connected, subscribed, with_schema

COUNT = 200
TURN_MS = 2_000
OTHER_SESSION_ERROR = 201
ALL = {"Person": "TRUEPREDICATE"}


def served(bootstraps: int, **tuning: int) -> Server:
    pages = {"page_bytes": 1_000, "shared_page_bytes": 1_000}
    turns = {"bootstraps": bootstraps, "bootstrap_turn_ms": TURN_MS}
    server = Server(tuning={**pages, **turns, **tuning})
    admin = with_schema(server)
    for person in range(COUNT):
        admin.write(*people.create(person, age=5, name="name " * 10))
    admin.upload()
    admin.run()
    return server


def asking(server: Server, user: str) -> FlexibleClient:
    """Has asked, and takes nothing."""
    client = connected(server, user)
    client.query(1, ALL)
    client.mark()
    server.run()
    return client


def ask(client: FlexibleClient) -> FlexibleClient:
    client.query(1, ALL)
    client.mark()
    client.run()
    return client


def test_slow_readers_give_way_to_those_who_wait_and_go_on_later() -> None:
    server = served(bootstraps=2)
    quick = [connected(server, f"quick {i}") for i in range(3)]
    readers = [asking(server, "slow 1"), asking(server, "slow 2")]
    for client in readers:
        client.run(most=2)
        server.run()
    for client in quick:
        assert ask(client).completed == [0]
    server.advance(TURN_MS)
    for client in quick:
        client.run()
        assert client.completed == [0, 1] and len(ages(client)) == COUNT
    for client in readers:
        client.run()
        assert not client.errors
        assert client.completed == [0, 1] and len(ages(client)) == COUNT


def test_nobody_gives_way_where_nobody_waits() -> None:
    server = served(bootstraps=2)
    reader = asking(server, "slow")
    quick = subscribed(connected(server, "quick"), ALL)
    assert len(ages(quick)) == COUNT
    server.advance(3 * TURN_MS)
    reader.run()
    assert not reader.errors and len(ages(reader)) == COUNT


def test_who_takes_some_now_and_then_gives_way_all_the_same() -> None:
    server = served(bootstraps=1)
    waiting = connected(server, "waiting")
    reader = asking(server, "slow")
    ask(waiting)
    taken = 0
    while waiting.completed == [0]:
        server.advance(TURN_MS - 1)
        reader.run(most=1)
        waiting.run()
        taken += 1
    assert taken <= 3 and reader.completed == [0]
    reader.run()
    assert not reader.errors and len(ages(reader)) == COUNT


def test_one_user_with_many_sessions_has_one_users_turns() -> None:
    server = served(bootstraps=1)
    waiting = connected(server, "waiting")
    greedy = [asking(server, "greedy") for _ in range(30)]
    server.run()
    ask(waiting)
    for _ in range(2):
        server.advance(TURN_MS)
    waiting.run()
    assert waiting.completed == [0, 1]
    for client in greedy:
        client.run()
        server.advance(TURN_MS)
    for client in greedy:
        client.run()
        assert client.completed == [0, 1] and not client.errors


@pytest.mark.parametrize("end", ["cut", "unbind", "stall"])
def test_whoever_is_due_and_does_not_come_keeps_nobody_waiting(end: str) -> None:
    server = served(bootstraps=1)
    first, gone, last = (connected(server, name) for name in ("first", "gone", "last"))
    first.query(1, ALL)
    first.run(most=1)
    server.run()
    for client in (gone, last):
        ask(client)
        assert client.completed == [0]
    first.run(most=1)
    if end == "cut":
        gone.cut()
    elif end == "unbind":
        gone.send(type="unbind", session=1)
    first.run()  # with its end the place is free
    assert first.completed == [0, 1]
    server.advance(TURN_MS)
    last.run()
    assert last.completed == [0, 1]


def test_a_cut_of_whoever_has_just_been_given_the_place_hands_it_on() -> None:
    server = served(bootstraps=1)
    clients = [connected(server, str(i)) for i in range(4)]
    for client in clients:
        client.query(1, ALL)
        client.run(most=1)
    server.run()
    for client in clients[:3]:
        client.cut()
    clients[3].run()
    assert clients[3].completed == [0, 1]


def test_what_waits_for_its_turn_is_bounded_and_the_greediest_end() -> None:
    server = served(bootstraps=1, page_memory_bytes=20_000)
    modest = connected(server, "modest")
    greedy = [asking(server, "greedy") for _ in range(30)]
    for _ in range(30):
        for client in greedy:
            client.run(most=1)
        server.advance(TURN_MS)
    for client in greedy:
        client.run()
    codes = [code for client in greedy for code, _ in client.errors]
    assert codes and set(codes) == {OTHER_SESSION_ERROR}
    assert all(info["try_again"] for client in greedy for _, info in client.errors)
    ask(modest)
    for _ in range(3):
        server.advance(TURN_MS)
        modest.run()
    assert modest.completed == [0, 1] and not modest.errors


@pytest.mark.parametrize("seed", range(20))
def test_everybody_who_reads_gets_all_of_it_in_the_end(seed: int) -> None:
    chance = random.Random(seed)
    server = served(bootstraps=chance.randrange(1, 4))
    clients = [connected(server, f"user {chance.randrange(4)}") for _ in range(10)]
    for client in clients:
        client.query(1, ALL)
        client.mark()
    for _ in range(60):
        client = chance.choice(clients)
        what = chance.random()
        if what < 0.6:
            client.run(most=chance.randrange(4))
        elif what < 0.7:
            client.cut() if chance.random() < 0.5 else client.restart()
        elif what < 0.8 and not client.bound:
            client.connect()
            if client.active[0] == 0:
                client.query(1, ALL)
            client.mark()
        elif what < 0.9:
            server.advance(chance.randrange(2 * TURN_MS))
        else:
            server.run()
    for client in clients:
        if not client.bound:
            client.connect()
            if client.active[0] == 0:
                client.query(1, ALL)
            client.mark()
    for _ in range(12):
        for client in clients:
            client.run()
        server.advance(TURN_MS)
    for client in clients:
        assert not client.errors and client.completed[-1] == 1
        assert len(ages(client)) == COUNT
