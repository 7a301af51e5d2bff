"""Connections: heartbeat, fairness among sessions, limits, deadlines, versions, overload, stop."""

from __future__ import annotations

import random
import zlib

import pytest

from instructions import proper
from server_driver import APP, Connection, Server, read


def test_pong_comes_first(connection: Connection) -> None:
    connection.open(1)
    connection.upload(1, (2, 0), [(2, 0, 1, b"")])
    connection.server.run()
    connection.ping(77)
    message = connection.take()
    assert message is not None and (message.type, message.fields) == ("pong", [77])


def test_one_pong_per_ping(connection: Connection) -> None:
    for timestamp in (5, 6, 6, -7):
        connection.ping(timestamp)
    assert [m.fields for m in connection.answers()] == [[5], [6], [6], [-7]]


def test_too_many_pings() -> None:
    connection = Server(tuning={"pings": 3}).connect()
    for timestamp in range(4):
        connection.ping(timestamp)
    connection.take_all()
    assert connection.error is not None and connection.error.fields == [103, 0]


def test_no_log_message_of_a_session_that_is_over(connection: Connection) -> None:
    binding = connection.bind(1)
    connection.take_all()
    assert binding.file is not None
    connection.ident(1, binding.file)
    connection.server.run()  # bound: the log message waits behind everything else
    connection.unbind(1)
    assert [m.type for m in connection.take_all()] == ["unbound"]


def test_sessions_that_end_while_they_wait_for_room() -> None:
    """Their turns go to the others: a page at a time, and every session left gets its DOWNLOAD."""
    connection = Server(tuning={"pages_per_connection": 2}).connect()
    for session in range(1, 21):
        connection.bind(session, session)
    connection.take_all()
    for session in range(1, 21):
        file = connection.bindings[session].file
        assert file is not None
        connection.ident(session, file)
    connection.server.run()
    while connection.take() is not None:  # all have had a turn, two may fetch a page
        pass
    for session in range(3, 11):
        connection.unbind(session)
    connection.take_all()
    assert sorted(connection.bindings) == [1, 2, *range(11, 21)]
    assert all(binding.downloads == 1 for binding in connection.bindings.values())


@pytest.mark.parametrize("version", range(9, 15))
def test_log_messages_by_version(server: Server, version: int) -> None:
    connection = server.connect(version=version)
    connection.bind(1)
    messages = connection.take_all()
    logs = [m for m in messages if m.type == "log_message"]
    assert bool(logs) == (version >= 10)
    for log in logs:
        assert len(log.json["co_id"]) == 24


@pytest.mark.parametrize("version", [9, 14])
def test_flexible_sync_is_refused_by_apps_of_partitions(server: Server, version: int) -> None:
    server.runtime.configure_app(APP, sync_mode="partition", now_ms=server.now)
    connection = server.connect(version=version, is_flexible=True)
    connection.bind(1, {})
    answer = connection.error_answer()
    assert answer.fields == [114, 0] and answer.json["action"] == "ApplicationBug"
    assert ("close", connection.id, 0) in server.events


@pytest.mark.parametrize(
    "name",
    ["", "com.mongodb.realm-sync#8", "com.mongodb.realm-sync#15", "com.mongodb.realm-sync#1x"],
)
def test_unknown_subprotocol(server: Server, name: str) -> None:
    with pytest.raises(ValueError, match="subprotocol"):
        server.runtime.open_connection(APP, "user", name, server.now)


def test_siblings_take_turns() -> None:
    """A session with a long history does not delay another by more than one message."""
    server = Server(tuning={"page_bytes": 50, "shared_page_bytes": 50})
    writer, reader = server.connect(), server.connect()
    writer.open(1, "big")
    writer.open(2, "chat")
    writer.upload(1, (40, 0), [(n, 0, n, proper(n)) for n in range(2, 40)])
    writer.take_all()
    reader.open(2, "chat")
    reader.bind(1, "big")
    reader.take_all()
    file = reader.bindings[1].file
    assert file is not None
    reader.ident(1, file)
    reader.mark(2, 1)
    kinds = [(m.type, m.session) for m in reader.answers()]
    assert ("mark", 2) in kinds[:2]
    assert kinds.count(("download", 1)) > 10


def test_slow_reader_is_sent_what_is_there_when_it_reads(server: Server) -> None:
    writer, reader = server.connect(), server.connect()
    writer.open(1)
    reader.open(1)
    for n in range(2, 60):
        writer.upload(1, (n, 0), [(n, 0, n, proper(n))])
        writer.take_all()
    answers = reader.answers()
    assert len(answers) <= 2, "what happened meanwhile is coalesced"
    assert len(reader.bindings[1].received) == 58


def test_pages_of_a_connection_are_bounded() -> None:
    server = Server(tuning={"pages_per_connection": 3})
    connection = server.connect()
    for n in range(1, 41):
        connection.open(n, n)
    writer = server.connect()
    for n in range(1, 41):
        writer.open(n, n)
        writer.upload(n, (2, 0), [(2, 0, 1, proper(n))])
    writer.take_all()
    assert connection.take() is None
    server.run()
    ready = 0
    while connection.take() is not None:
        ready += 1
    assert ready == 3, "no more was built than there is room for"
    connection.server.writable.add(connection.id)
    connection.take_all()
    assert all(len(b.received) == 1 for b in connection.bindings.values())


def test_too_long_message() -> None:
    server = Server(tuning={"message_bytes": 1000})
    connection = server.connect()
    connection.send(bytes(1001))
    assert connection.answers() == []
    assert ("close", connection.id, 1011) in server.events


@pytest.mark.parametrize("way", ["whole", "first bytes"])
def test_too_long_upload_is_told_to_its_session(way: str) -> None:
    """Its siblings lose a connection, and nothing else; it stays away with what it has."""
    server = Server(tuning={"message_bytes": 1000})
    connection = server.connect()
    connection.open(1)
    connection.open(2, 2)
    head = b"upload 2 0 5000 0 3 0 0\n"
    if way == "whole":
        connection.send(head + bytes(5000))
    else:
        server.runtime.refuse(connection.id, head + bytes(200), 5024, server.now)
    (error,) = connection.answers()
    assert error.fields == [201, 2]
    assert (error.json["tryAgain"], error.json["action"]) == (False, "ApplicationBug")
    assert "up to version 3 has 50" in error.json["message"]
    assert ("close", connection.id, 0) in server.events, "no code: SDKs come back in silence"
    assert server.runtime.stats()["sessions"] == 0


@pytest.mark.parametrize(
    "first_bytes", [b"", b"upload 2 0", b"upload 7 0 5000 0 3 0 0\n", b"mark 1 1\n", b"\xff" * 256]
)
def test_too_long_message_of_nobody(connection: Connection, first_bytes: bytes) -> None:
    connection.open(2)
    server = connection.server
    server.runtime.refuse(connection.id, first_bytes, 1 << 40, server.now)
    assert connection.answers() == []
    assert ("close", connection.id, 1011) in server.events


def test_too_large_when_inflated() -> None:
    """An upload that is small on the wire: the session alone ends, and not by a client reset."""
    server = Server(tuning={"inflated_bytes": 1000})
    connection = server.connect()
    connection.open(1)
    connection.open(2, 2)
    connection.bindings[2].newest_client_version = 3
    packed = zlib.compress(bytes(1 << 20))
    connection.send(b"upload 2 1 %d %d 3 0 0\n" % (1 << 20, len(packed)) + packed)
    (error,) = connection.answers()
    assert error.fields == [201, 2] and error.json["tryAgain"] is False
    connection.mark(1, 1)
    assert [m.type for m in connection.answers()] == ["mark"], "the other session goes on"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", 103),
        (b"hello\n", 102),
        (b"mark 1\n", 103),
        (b"query 1 1 2\n{}", 103),
        (b"unbind 1\nx", 103),
        (b'bind 0 3 0 1 0\n"p"', 106),
        (b'bind 1 3 0 1 1\n"p"', 101),
    ],
)
def test_bad_messages(connection: Connection, raw: bytes, code: int) -> None:
    connection.send(raw)
    connection.take_all()
    assert connection.error is not None
    assert connection.error.fields[0] in ({code, 102} if raw.startswith(b"query") else {code})


def test_silent_connection_is_dropped(server: Server) -> None:
    silent, alive = server.connect(), server.connect()
    silent.open(1)
    alive.open(1)
    for n in range(4):
        server.advance(60_000)
        alive.ping(n)
        alive.take_all()
    assert silent.gone and not alive.gone
    assert server.runtime.stats()["sessions"] == 1


def test_reader_that_takes_nothing_is_dropped(server: Server) -> None:
    connection = server.connect()
    connection.open(1)
    connection.ping(1)
    for n in range(4):
        server.advance(50_000)
        connection.ping(n)  # sends, but never reads
    assert connection.gone


def test_connection_that_stays_after_its_error_is_dropped(connection: Connection) -> None:
    connection.send(b"mark 5 1\n")
    connection.take_all()
    assert connection.error is not None
    events = connection.server.advance(10_000)
    assert ("drop", connection.id) in events


def test_shutdown_acknowledges_then_ends(server: Server) -> None:
    connection, idle = server.connect(), server.connect()
    connection.open(1)
    idle.open(1)
    connection.upload(1, (2, 0), [(2, 0, 1, b"")])
    server.runtime.shutdown(server.now)
    types = [m.type for m in connection.answers()]
    assert types == ["download", "json_error"]
    idle.take_all()
    for ended in (connection, idle):
        assert ended.error is not None and ended.error.fields == [100, 0]
        body = ended.error.json
        assert (body["tryAgain"], body["action"]) == (True, "Transient")
        assert body["backoffIntervalSec"] == 1
        assert ("close", ended.id, 1011) in server.events


def test_clients_return_spread_over_time() -> None:
    server = Server(tuning={"restart_connections_per_s": 2})
    connections = [server.connect() for _ in range(60)]
    server.runtime.shutdown(server.now)
    delays = set()
    for connection in connections:
        connection.take_all()
        assert connection.error is not None
        delays.add(connection.error.json["backoffIntervalSec"])
    assert min(delays) == 1 and max(delays) == 10 and len(delays) > 5


def test_bind_during_shutdown(server: Server) -> None:
    """A session bound too late hears nothing, its connection no more than that it has to return."""
    connection, busy = server.connect(), server.connect()
    file = connection.open(1).file
    assert file is not None
    connection.unbind(1)
    connection.take_all()
    busy.open(1, "q")
    busy.upload(1, (2, 0), [(2, 0, 1, b"")])
    server.runtime.shutdown(server.now)
    connection.bind(2, need_ident=False)
    connection.ident(2, file)
    connection.mark(2, 1)
    connection.unbind(2)
    connection.take_all()
    busy.take_all()
    connection.take_all()
    assert connection.error is not None and connection.error.fields == [100, 0]


def test_shutdown_does_not_wait_for_a_silent_reader(server: Server) -> None:
    connection = server.connect()
    connection.open(1)
    connection.upload(1, (2, 0), [(2, 0, 1, b"")])
    server.runtime.shutdown(server.now)
    server.run()
    assert ("close", connection.id, 1011) not in server.events
    server.advance(1_000)
    assert ("close", connection.id, 1011) in server.events


@pytest.mark.parametrize("seed", range(40))
def test_damaged_conversations(seed: int) -> None:
    """Random bytes and damaged messages: an error at most, siblings and the server unharmed."""
    rng = random.Random(seed)
    server = Server(seed=seed)
    sibling = server.connect()
    sibling.open(1)
    pool = [
        b'bind 1 3 0 1 0\n"p"',
        b"bind 2 4 0 0 0\nnull",
        b"ident 1 2 7 0 0 0 0\n",
        b"upload 1 0 11 0 9 0 0\n7 0 1 0 0 ",
        b"mark 1 3\n",
        b"unbind 1\n",
        b"ping 5 0\n",
        b"json_error 212 2 1\n{}",
        b"test_command 1 1 2\n{}",
        b"upload 1 1 50 10 9 0 0\n0123456789",
    ]
    for _ in range(60):
        number = server.runtime.open_connection(
            APP, "user", "com.mongodb.realm-sync#14", server.now
        )
        for _ in range(8):
            data = bytearray(rng.choice(pool))
            for _ in range(rng.choice([0, 0, 1, 3])):
                at = rng.randrange(len(data) + 1)
                data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
            server.runtime.receive(number, bytes(data), server.now)
            server.runtime.drain(server.now)
            while (message := server.runtime.next_message(number, server.now)) is not None:
                answer = read(message)
                if answer.type == "json_error":
                    assert answer.fields[0] not in (104, 202, 203, 205, 207, 214, 215, 218)
        server.runtime.closed(number, server.now)
    server.writable.add(sibling.id)
    sibling.mark(1, 1)
    assert "mark" in [m.type for m in sibling.answers()]
    assert server.runtime.stats()["connections"] == 1


def test_log_out_ends_the_sessions_at_once(connection: Connection) -> None:
    """As a client that has not heard of it sees it: the sessions are told to try again."""
    connection.open(1)
    connection.bind(2, 2)
    server = connection.server
    server.runtime.revoke(connection.id, server.now)
    writer = server.connect()
    writer.open(1)
    writer.upload(1, (2, 0), [(2, 0, 1, proper(2))])
    writer.take_all()
    errors = {m.session: m for m in connection.answers()}
    assert {m.fields[0] for m in errors.values()} == {200} and set(errors) == {1, 2}
    assert all(m.json["tryAgain"] for m in errors.values())
    connection.bindings[1].newest_client_version = 3
    connection.upload(1, (3, 0), [(3, 0, 1, proper(3))])  # crosses the error
    server.run()
    assert writer.answers() == [], "nothing of a revoked log-in is taken in"


def test_a_bind_after_log_out_closes_the_connection(connection: Connection) -> None:
    connection.open(1)
    server = connection.server
    connection.unbind(1)  # an SDK leaves before it logs out
    server.runtime.revoke(connection.id, server.now)
    assert [m.type for m in connection.answers()] == ["unbound"]
    connection.ping(3)
    assert [m.type for m in connection.answers()] == ["pong"]
    connection.bind(2)
    assert connection.take_all() == []
    assert ("close", connection.id, 4001) in server.events
    assert server.runtime.stats()["sessions"] == 0


def test_a_bind_after_a_new_log_in_is_served(connection: Connection) -> None:
    connection.open(1)
    server = connection.server
    connection.unbind(1)
    server.runtime.revoke(connection.id, server.now)
    connection.take_all()
    server.advance(29_000)
    server.runtime.take_over(connection.id, server.now)
    assert connection.open(2).downloads == 1
    for _ in range(4):  # and its minute has no end any more
        connection.ping(server.now)
        server.advance(30_000)
        connection.take_all()
    assert not [event for event in server.events if event[0] == "close"]


def test_a_revoked_connection_lasts_a_minute() -> None:
    connection = Server(tuning={"revoked_ms": 60_000}).connect()
    server = connection.server
    server.runtime.revoke(connection.id, server.now)
    server.advance(40_000)
    connection.ping(5)
    assert [event for event in server.advance(19_000) if event[0] == "close"] == []
    assert ("close", connection.id, 4001) in server.advance(1_000)
