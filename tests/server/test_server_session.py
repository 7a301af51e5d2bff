"""Sessions: every row of the legality tables (server-behaviour.md 6.2, wire-protocol.md 12.2),
UNBIND and ERROR crossing, IDENT checks, MARKs, resets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from server_driver import Connection, Message, Server

# States of a session, each reached from a fresh connection.


def allocating(c: Connection) -> None:
    c.bind(1)


def ident_unsent(c: Connection) -> None:
    c.bind(1)
    c.server.run()


def waiting(c: Connection) -> None:
    c.bind(1)
    c.take_all()


def waiting_known(c: Connection) -> None:
    c.bind(1, need_ident=False)


def binding(c: Connection) -> None:
    waiting(c)
    file = c.bindings[1].file
    assert file is not None
    c.ident(1, file)


def running(c: Connection) -> None:
    c.open(1)


def error_unsent(c: Connection) -> None:
    c.bind(1, {"not": "a partition"})


def error_sent(c: Connection) -> None:
    error_unsent(c)
    c.take_all()


def unbound_unsent(c: Connection) -> None:
    c.open(1)
    c.unbind(1)


def unknown(c: Connection) -> None:
    c.take_all()


STATES = [
    allocating,
    ident_unsent,
    waiting,
    waiting_known,
    binding,
    running,
    error_unsent,
    error_sent,
    unbound_unsent,
    unknown,
]
MESSAGES = {
    "bind": b'bind 1 3 0 1 0\n"p"',
    "ident": b"ident 1 2 5 0 0 0 0\n",
    "upload": b"upload 1 0 0 0 0 0 0\n",
    "mark": b"mark 1 1\n",
    "unbind": b"unbind 1\n",
    "json_error": b'json_error 212 17 1\n{"message":"bad"}',
    "test_command": b"test_command 1 1 2\n{}",
}
BEFORE_IDENT = ("allocating", "ident_unsent", "waiting", "waiting_known")


def expected_connection_error(state: str, message: str) -> int | None:
    if state == "unknown":
        return None if message == "bind" else 106
    if message == "bind":
        return 107
    if state == "unbound_unsent":
        return 109
    if state in ("error_unsent", "error_sent"):
        return None
    if message == "ident":
        return None if state in ("waiting", "waiting_known") else 109
    if message in ("upload", "mark") and state in BEFORE_IDENT:
        return 109
    return None


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("state", STATES, ids=lambda s: s.__name__)
def test_legality(server: Server, state: Callable[[Connection], None], message: str) -> None:
    connection, sibling = server.connect(), server.connect()
    sibling.open(7, "other")
    connection.open(9, "sibling")
    state(connection)
    if 1 in connection.bindings:
        known = connection.bindings[1]
        known.unbound_sent |= message == "unbind"
        known.last_request = 1
        if message == "ident":
            known.sent_ident, known.file = True, known.file or (2, 5)
    connection.send(MESSAGES[message])
    if message == "unbind" and state is error_sent:
        del connection.bindings[1]
    if message == "bind" and state is unknown:
        connection.bind(2)
        connection.bindings[1] = connection.bindings.pop(2)
        connection.bindings[1].ident = 1
        connection.bindings[2] = type(connection.bindings[1])(2, True)
    connection.take_all()
    code = expected_connection_error(state.__name__, message)
    if code is None:
        assert connection.error is None
    else:
        assert connection.error is not None
        assert connection.error.fields == [code, 0]
        assert ("close", connection.id, 0) in server.events
    sibling.mark(7, 1)
    assert [m.type for m in sibling.answers()] == ["mark"]


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (allocating, "unbound"),
        (ident_unsent, "unbound"),
        (waiting, "unbound"),
        (waiting_known, "unbound"),
        (binding, "unbound"),
        (running, "unbound"),
        (error_unsent, "unbound"),
        (error_sent, None),
    ],
    ids=lambda v: getattr(v, "__name__", str(v)),
)
def test_unbind_in_every_state(
    connection: Connection, state: Callable[[Connection], None], answer: str | None
) -> None:
    """Exactly one of ERROR and UNBOUND, and the session ident is free afterwards."""
    state(connection)
    connection.unbind(1)
    assert [m.type for m in connection.answers()] == ([answer] if answer else [])
    assert connection.open(1).file is not None
    assert connection.server.runtime.stats()["sessions"] == 1


def test_unbind_right_before_bind_of_the_same_file(connection: Connection) -> None:
    """The file is free from UNBIND on, before UNBOUND is sent: no 108."""
    file = connection.open(1).file
    assert file is not None
    connection.unbind(1)
    connection.bind(2, need_ident=False)
    connection.ident(2, file)
    assert [m.type for m in connection.answers()] == ["unbound", "download"]


@pytest.mark.parametrize(
    "partition",
    [{"$oid": "12"}, {"a": 1}, 1.5, True, [1], {"$numberLong": "9223372036854775808"}],
    ids=str,
)
def test_bad_partition_value(connection: Connection, partition: object) -> None:
    connection.open(1)
    connection.bind(2, partition)
    (answer,) = connection.answers()
    assert answer.fields == [204, 2]
    assert (answer.json["action"], answer.json["tryAgain"]) == ("ApplicationBug", False)
    connection.mark(1, 1)
    assert [m.type for m in connection.answers()] == ["mark"]


@pytest.mark.parametrize("data", [b"", b'"' + b"x" * 1023 + b'"'], ids=["empty", "long"])
def test_partition_value_of_bad_length(connection: Connection, data: bytes) -> None:
    connection.send(b"bind 1 %d 0 1 0\n" % len(data) + data)
    connection.take_all()
    assert connection.error is not None and connection.error.fields == [103, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (4, {"$numberInt": "4"}),
        (4, {"$numberLong": "4"}),
        (
            {"$uuid": "00112233-4455-6677-8899-aabbccddeeff"},
            {"$binary": {"base64": "ABEiM0RVZneImaq7zN3u/w==", "subType": "04"}},
        ),
    ],
    ids=str,
)
def test_spellings_of_one_partition_meet(
    server: Server, connection: Connection, one: object, other: object
) -> None:
    connection.open(1, one)
    connection.open(2, other)
    assert server.runtime.stats()["partitions"] == 1
    assert connection.bindings[2].file is not None and connection.bindings[2].file[0] == 3


def uploaded(server: Server) -> Connection:
    """A client with version 3 of its own integrated as server version 1, acknowledged."""
    connection = server.connect()
    connection.open(1)
    connection.upload(1, (3, 0), [(3, 0, 9, b"")])
    connection.take_all()
    return connection


IDENTS = {
    "latest beyond head": (lambda f, s: (f, (0, 0), (2, s)), 209),
    "ident unknown": (lambda f, s: ((9, f[1]), (0, 0), (0, 0)), 208),
    "ident of the server": (lambda f, s: ((1, f[1]), (0, 0), (0, 0)), 211),
    "salt of another": (lambda f, s: ((f[0], f[1] ^ 1), (0, 0), (0, 0)), 211),
    "download beyond head": (lambda f, s: (f, (2, 0), (1, s)), 209),
    "client version too new": (lambda f, s: (f, (1, 4), (1, s)), 210),
    "latest below download": (lambda f, s: (f, (1, 3), (0, 0)), 209),
    "version salt differs": (lambda f, s: (f, (1, 3), (1, s ^ 1)), 211),
    "salt of version 0": (lambda f, s: (f, (0, 0), (0, 1)), 211),
}


@pytest.mark.parametrize("case", IDENTS)
def test_ident_checks(server: Server, case: str) -> None:
    first = uploaded(server)
    file, salt = first.bindings[1].file, first.bindings[1].latest[1]
    make, code = IDENTS[case]
    first.unbind(1)
    first.take_all()
    first.bind(2, need_ident=False)
    first.ident(2, *make(file, salt))
    (answer,) = first.answers()
    assert answer.fields == [code, 2]
    assert answer.json["action"] == "ClientReset" and answer.json["tryAgain"] is False
    # Programs search for these words.
    assert code != 209 or "Bad server version" in answer.json["message"]


def test_download_progress_below_the_confirmed_one(server: Server) -> None:
    connection = uploaded(server)
    connection.upload(1, (4, 1))  # the client has integrated version 1
    file = connection.bindings[1].file
    assert file is not None
    connection.unbind(1)
    connection.bind(2, need_ident=False)
    connection.ident(2, file)
    assert [m.fields for m in connection.answers() if m.type == "json_error"] == [[209, 2]]


def test_ident_of_another_user(server: Server) -> None:
    file = server.connect().open(1).file
    assert file is not None
    other = server.connect(user="other")
    other.bind(1, need_ident=False)
    other.ident(1, file)
    (answer,) = other.answers()
    assert answer.fields == [223, 1]


def test_same_file_twice_on_a_connection(connection: Connection) -> None:
    file = connection.open(1).file
    assert file is not None
    connection.bind(2, need_ident=False)
    connection.ident(2, file)
    connection.take_all()
    assert connection.error is not None and connection.error.fields == [108, 0]


def test_second_connection_supersedes_the_first(server: Server) -> None:
    old, new = server.connect(), server.connect()
    file = old.open(1).file
    assert file is not None
    new.bind(1, need_ident=False)
    new.ident(1, file)
    # Not told yet: what the old one sends now must not slip in behind the new one's threshold.
    old.upload(1, (3, 0), [(3, 0, 9, b"a")])
    assert [m.type for m in new.answers()] == ["download"]
    assert ("drop", old.id) in server.events and old.gone
    new.upload(1, (3, 0), [(3, 0, 9, b"")])
    new.take_all()
    assert [e[:2] for e in server.store.entries("app", '"p"')] == [(file[0], 3)]
    assert new.error is None and new.bindings[1].upload == (3, 0)


def test_refused_rebind_leaves_the_holder_alone(server: Server) -> None:
    holder, thief = server.connect(), server.connect()
    file = holder.open(1).file
    assert file is not None
    thief.bind(1, need_ident=False)
    thief.ident(1, (file[0], file[1] ^ 1))
    holder.upload(1, (3, 0), [(3, 0, 9, b"")])
    assert [m.fields for m in thief.answers()] == [[211, 1]]
    assert [m.type for m in holder.answers()] == ["download"]
    assert holder.bindings[1].upload == (3, 0)


def test_first_download_comes_unasked_and_before_the_mark(connection: Connection) -> None:
    file = connection.bind(1)
    connection.take_all()
    assert file.file is not None
    connection.ident(1, file.file)
    connection.mark(1, 1)
    connection.mark(1, 4)
    answers = connection.answers()
    assert [(m.type, m.fields[1]) for m in answers] == [("download", 0), ("mark", 4)]


def test_mark_waits_for_the_head_at_its_receipt_only(server: Server) -> None:
    """Under constant writing every MARK is answered, after what was there when it came."""
    reader, writer = server.connect(), server.connect()
    reader.open(1)
    writer.open(1)
    for n in range(20):
        version = n + 2
        writer.upload(1, (version, 0), [(version, 0, n, PROPER)])
        server.run()
        reader.mark(1, n + 1)
        writer.upload(1, (version + 100, 0)) if n == 19 else None
        message = reader.take()
        while message is None or message.type != "mark":
            server.run()
            message = reader.take()
        assert message.fields[1] == n + 1
        assert reader.bindings[1].download[0] >= n + 1


# AddTable "A" with integer key "_id"; the same for everybody, so nothing ever conflicts.
PROPER = bytes.fromhex("3f0001413f01035f6964000000010100")


def test_read_your_writes_across_clients(server: Server) -> None:
    """A MARK of B after A's acknowledgement waits for what A wrote."""
    a, b = server.connect(), server.connect()
    a.open(1)
    b.open(1)
    a.upload(1, (2, 0), [(2, 0, 1, PROPER)])
    assert [m.type for m in a.answers()] == ["download"]
    b.mark(1, 1)
    answers = b.answers()
    assert [m.type for m in answers] == ["download", "mark"]
    assert len(answers[0].entries) == 1


def test_client_error_is_answered_by_a_reset(connection: Connection) -> None:
    connection.open(1)
    connection.send(b'json_error 233 17 1\n{"message":"bad"}')
    (answer,) = connection.answers()
    assert answer.fields == [217, 1] and answer.json["action"] == "ClientReset"
    assert any(
        e[0] == "log" and e[1] == "error" and "233" in e[2] for e in connection.server.events
    )


def test_acknowledged_before_a_reset(connection: Connection) -> None:
    """What is integrated is told before the error, so that recovery does not repeat it."""
    connection.open(1)
    connection.upload(1, (3, 0), [(3, 0, 9, b"")])
    connection.upload(1, (2, 0))  # 210: progress goes back
    answers = connection.answers()
    assert [m.type for m in answers] == ["download", "json_error"]
    assert answers[0].fields[5:7] == [3, 0]
    assert answers[1].fields == [210, 1]


@pytest.mark.parametrize("page_fails", [False, True])
def test_last_page_of_a_forgotten_partition(page_fails: bool) -> None:
    """The acknowledgement before the error is fetched by a session that has left its partition."""
    server = Server(tuning={"idle_partitions": 0})
    connection = server.connect()
    connection.open(1)
    connection.upload(1, (3, 0), [(3, 0, 9, b"")])
    server.run()
    connection.upload(1, (2, 0))
    if page_fails:
        server.store.fail_page()
    answers = connection.answers()
    assert [m.type for m in answers] == ["json_error"] if page_fails else ["download", "json_error"]
    assert answers[-1].fields == ([101, 0] if page_fails else [210, 1])
    server.connect().open(1)


def test_test_command_is_answered(connection: Connection) -> None:
    connection.bind(1)
    connection.send(b"test_command 1 5 2\n{}")
    kinds = [(m.type, m.fields[1]) for m in connection.answers()]
    assert ("test_command", 5) in kinds


def test_restored_backup_resets_clients(server: Server) -> None:
    """Versions beyond the head, a lost client file, and a history that grew again."""
    first = uploaded(server)
    backup = server.store.copy()
    late = server.connect()
    late.open(1)
    first.upload(1, (5, 1), [(5, 1, 9, PROPER)])
    first.take_all()
    known = first.bindings[1]
    assert known.file is not None and late.bindings[1].file is not None

    restored = Server(backup, seed=2)

    def rebind(file: tuple[int, int], *cursors: tuple[int, int]) -> Message:
        connection = restored.connect()
        connection.bind(1, need_ident=False)
        connection.ident(1, file, *cursors)
        return connection.answers()[-1]

    assert rebind(known.file, (2, 5), known.latest).fields[0] == 209
    assert rebind(late.bindings[1].file).fields[0] == 208
    writer = restored.connect()
    writer.open(1)
    writer.upload(1, (2, 1), [(2, 1, 9, PROPER)])
    writer.take_all()
    assert rebind(known.file, (2, 5), known.latest).fields[0] == 210
    assert rebind(known.file, (2, 3), known.latest).fields[0] == 211
    assert rebind(late.bindings[1].file).fields[0] == 211  # its ident belongs to another now
