"""Many sessions on one connection: the limit, turns among them, and what one of them costs
(server-behaviour.md 5.5, 6.8, wire-protocol.md 14.1)."""

from __future__ import annotations

from collections import Counter

from instructions import proper
from realmsync._testbed import visits
from server_driver import Connection, Server

MANY = 1_000


def bound(server: Server, count: int) -> Connection:
    """Sessions 1 to `count`, each on a partition of its own, with everything downloaded."""
    connection = server.connect()
    for n in range(1, count + 1):
        connection.bind(n, n)
    connection.take_all()
    for n, binding in connection.bindings.items():
        assert binding.file is not None
        connection.ident(n, binding.file)
    connection.take_all()
    assert all(binding.downloads > 0 for binding in connection.bindings.values())
    return connection


def test_one_too_many_is_told_to_come_again() -> None:
    server = Server(tuning={"sessions_per_connection": 3})
    connection = bound(server, 3)
    late = connection.bind(4, 4)
    error = connection.error_answer()
    assert error.fields == [201, 4]
    assert error.json["tryAgain"] and error.json["action"] == "Transient"
    assert error.json["backoffIntervalSec"] > 0
    assert late.ended and connection.error is None
    connection.upload(2, (2, 0), [(2, 0, 1, proper(2))])
    connection.mark(3, 1)
    assert [m.type for m in connection.answers()] == ["mark", "download"], "siblings go on"
    connection.unbind(4)
    connection.unbind(1)
    assert [m.fields for m in connection.answers()] == [[1]]
    connection.open(4, 4)
    assert server.runtime.stats()["sessions"] == 3


def test_what_he_sends_behind_it_is_ignored() -> None:
    connection = bound(Server(tuning={"sessions_per_connection": 1}), 1)
    connection.bind(2, 2, need_ident=False)
    connection.ident(2, (1, 1))
    connection.mark(2, 1)
    assert connection.error_answer().fields == [201, 2]
    assert connection.error is None


def test_who_unbinds_has_left() -> None:
    """One that is paused and goes on: nobody has read the UNBOUND when the next BIND comes."""
    connection = bound(Server(tuning={"sessions_per_connection": 3}), 3)
    connection.unbind(2)
    connection.bind(4, 2)
    assert sorted(m.type for m in connection.answers()) == ["ident", "unbound"]


def test_who_binds_and_unbinds_without_reading_is_stopped() -> None:
    server = Server(tuning={"sessions_per_connection": 3})
    connection = bound(server, 3)
    most = 0
    for n in range(4, 30):
        connection.bind(n, n)
        connection.unbind(n)
        most = max(most, server.runtime.stats()["sessions"])
    connection.bindings.clear()
    assert [m.fields for m in connection.answers()] == [[100, 0]]
    assert most == 6 and server.runtime.stats()["sessions"] == 0


def test_a_user_has_a_limit_over_all_connections() -> None:
    server = Server(tuning={"sessions_per_user": 3})
    first, second = bound(server, 2), bound(server, 1)
    second.bind(2, 2)
    assert second.error_answer().fields == [201, 2]
    stranger = server.connect("somebody else")
    stranger.open(1, 1)
    second.unbind(2)
    first.unbind(2)
    first.take_all()
    second.open(2, 2)
    first.close()
    second.close()
    stranger.close()
    server.run()
    assert server.runtime.stats()["sessions"] == 0
    bound(server, 3)


def test_many_take_turns() -> None:
    """One with much to download keeps nobody waiting: all others have their page before it has its
    last one."""
    server = Server(tuning={"shared_page_bytes": 200})
    reader = bound(server, MANY)
    writer = bound(server, MANY)
    for version in range(2, 30):
        writer.upload(1, (version, 0), [(version, 0, version, proper(version))])
    for n in range(2, MANY + 1):
        writer.upload(n, (2, 0), [(2, 0, 1, proper(n))])
    writer.take_all()
    order = [m.session for m in reader.answers() if m.type == "download"]
    pages = Counter(order)
    assert pages.pop(1) > 2 and set(pages.values()) == {1}
    last_of_all = max(order.index(n) for n in range(2, MANY + 1))
    turns = [at for at, session in enumerate(order) if session == 1]
    assert sum(at < last_of_all for at in turns) <= 2 + last_of_all / 2
    assert all(len(b.received) == (28 if n == 1 else 1) for n, b in reader.bindings.items())


def test_what_one_does_costs_the_same_among_many() -> None:
    """Nobody else is looked at or told anything."""
    costs = []
    for count in (3, 300):
        server = Server()
        connection = bound(server, count)
        looked_at, sent = visits(server.runtime), server.runtime.stats()["messages_sent"]
        connection.upload(2, (2, 0), [(2, 0, 1, proper(1))])
        connection.mark(2, 1)
        connection.take_all()
        connection.unbind(2)
        connection.bind(count + 1, 2)
        connection.take_all()
        costs.append(
            (
                visits(server.runtime) - looked_at,
                server.runtime.stats()["messages_sent"] - sent,
            )
        )
    assert costs[0] == costs[1]
    assert costs[1][0] == 0
