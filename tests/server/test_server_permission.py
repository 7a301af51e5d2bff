"""What a user may do with a partition: the engine asks at each BIND, waits for the answer without
touching the store, and holds every session to it (server-behaviour.md 6.3, 13.2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from instructions import proper
from server_driver import APP, Connection, Server


@pytest.fixture
def server() -> Server:
    return Server(asks_permission=True)


def asked(server: Server) -> list[tuple[object, ...]]:
    """The questions since the last call: connection, session, question, partition,
    and whether it is flexible sync."""
    server.run()
    questions = [event[1:] for event in server.events if event[0] == "authorize"]
    server.events.clear()
    return questions


def answer(server: Server, permission: str | None, question: tuple[object, ...]) -> None:
    connection, session, number, *_ = question
    server.runtime.authorize(connection, session, number, permission, server.now)  # type: ignore[arg-type]


def opened(connection: Connection, permission: str = "write", partition: object = "p") -> None:
    binding = connection.bind(1, partition)
    answer(connection.server, permission, asked(connection.server)[0])
    connection.take_all()
    assert binding.file is not None
    connection.ident(1, binding.file)
    connection.take_all()
    assert binding.downloads > 0


def back_in_a_hurry(server: Server) -> Connection:
    """A client that knows its file sends everything at once."""
    connection = server.connect()
    opened(connection)
    file = connection.bindings[1].file
    assert file is not None
    connection.close()
    again = server.connect()
    again.bind(1, need_ident=False)
    again.ident(1, file)
    again.upload(1, (2, 0), [(2, 0, 1, proper(2))])
    return again


@pytest.mark.parametrize(
    ("partition", "seen"),
    [
        ("p", "p"),
        (None, None),
        ({"$numberInt": "42"}, 42),
        ({"$numberLong": "-5"}, -5),
    ],
)
def test_the_partition_is_told_as_a_value(server: Server, partition: object, seen: object) -> None:
    connection = server.connect()
    connection.bind(7, partition)
    ((of, session, _, value, is_flexible),) = asked(server)
    assert not is_flexible
    assert (of, session, value) == (connection.id, 7, seen)


def test_nothing_is_stored_before_the_answer_and_nothing_without_it(server: Server) -> None:
    connection = server.connect()
    connection.bind(1, "secret")
    (question,) = asked(server)
    assert connection.answers() == [] and server.runtime.stats()["commits"] == 0
    answer(server, "none", question)
    error = connection.error_answer()
    assert error.fields == [206, 1]
    assert not error.json["tryAgain"] and not error.json["shouldClientReset"]
    assert server.runtime.stats()["commits"] == 0
    assert server.runtime.stats()["partitions"] == 0, "of a stranger's partition nothing is kept"


def warnings(server: Server) -> list[str]:
    return [event[2] for event in server.events if event[:2] == ("log", "warning")]


def test_the_log_says_whose_session_it_is(server: Server) -> None:
    """An operator who reads of an error looks for the user and the rule that decided."""
    connection = server.connect("mallory")
    connection.bind(1, "secret")
    answer(server, "none", asked(server)[0])
    server.run()
    denied = "Permission denied: the user may not read this partition"
    told = f'Session error 206: {denied}; app {APP}, user mallory, partition "secret"'
    assert warnings(server) == [told]


def test_the_log_says_who_may_not_write(server: Server) -> None:
    connection = server.connect("reader")
    opened(connection, "read")
    server.events.clear()
    connection.upload(1, (3, 0), [(3, 0, 1, proper(3))])
    server.run()
    (told,) = warnings(server)
    file = connection.bindings[1].file
    assert file is not None
    assert told.startswith("Session error 206: ")
    assert told.endswith(f'; app {APP}, user reader, client file {file[0]}, partition "p"')


def test_the_log_says_whose_connection_it_is(server: Server) -> None:
    server.connect("mallory").send(b"nonsense\n")
    server.run()
    (told,) = warnings(server)
    assert told.startswith("Connection error ")
    assert told.endswith(f"; app {APP}, user mallory")


@pytest.mark.parametrize("first", [0, 1], ids=["refused first", "allowed first"])
def test_two_users_ask_for_one_new_partition(server: Server, first: int) -> None:
    """The one who may is served, in whatever order the answers come."""
    users = [server.connect("mallory"), server.connect("ada")]
    for user in users:
        user.bind(1)
    questions = asked(server)
    for at in (first, 1 - first):
        answer(server, ["none", "write"][at], questions[at])
    assert users[0].error_answer().fields == [206, 1]
    assert [m.type for m in users[1].answers()] == ["ident"]


def test_ident_and_uploads_wait_for_the_answer(server: Server) -> None:
    again = back_in_a_hurry(server)
    (question,) = asked(server)
    assert again.answers() == []
    answer(server, "write", question)
    again.take_all()
    assert again.bindings[1].upload[0] == 2


def test_uploads_that_waited_are_refused_with_their_session(server: Server) -> None:
    again = back_in_a_hurry(server)
    answer(server, "none", asked(server)[0])
    assert again.error_answer().fields == [206, 1]
    assert server.runtime.stats()["backlog_bytes"] == 0
    assert server.runtime.stats()["changesets_integrated"] == 0


def test_a_reader_may_acknowledge_and_not_write(server: Server) -> None:
    """Empty UPLOADs acknowledge downloads, also those of read-only clients (section 7.1)."""
    writer = server.connect("writer")
    opened(writer)
    writer.upload(1, (2, 0), [(2, 0, 1, proper(2))])
    writer.take_all()
    reader = server.connect("reader")
    opened(reader, "read")
    assert len(reader.bindings[1].received) == 1
    reader.upload(1, (2, 1))
    reader.mark(1, 1)
    assert [m.type for m in reader.answers()] == ["mark"]
    reader.upload(1, (3, 1), [(3, 1, 1, proper(3))])
    error = reader.error_answer()
    assert error.fields == [206, 1]
    assert not error.json["shouldClientReset"] and error.json["action"] == "ApplicationBug"
    assert writer.answers() == [], "nothing of the message is stored"


def test_without_an_answer_the_client_tries_again(server: Server) -> None:
    connection = server.connect()
    connection.bind(1)
    answer(server, None, asked(server)[0])
    error = connection.error_answer()
    assert error.fields == [200, 1] and error.json["tryAgain"]
    assert error.json["backoffIntervalSec"] == 5
    connection.unbind(1)
    connection.take_all()
    connection.bind(1)
    answer(server, "read", asked(server)[0])
    assert [m.type for m in connection.answers()] == ["ident"]


def test_a_permission_changes_while_the_session_is_open(server: Server) -> None:
    connection = server.connect()
    opened(connection)
    server.runtime.reauthorize(connection.id, server.now)
    (question,) = asked(server)
    connection.upload(1, (2, 0), [(2, 0, 1, proper(2))])
    connection.take_all()
    assert connection.bindings[1].upload[0] == 2, "until the answer it goes on"
    answer(server, "read", question)
    server.runtime.reauthorize(connection.id, server.now)
    answer(server, "write", asked(server)[0])
    connection.upload(1, (3, 0), [(3, 0, 1, proper(3))])
    connection.take_all()
    assert connection.bindings[1].upload[0] == 3
    server.runtime.reauthorize(connection.id, server.now)
    answer(server, "none", asked(server)[0])
    assert connection.error_answer().fields == [206, 1]


def test_the_newest_question_counts(server: Server) -> None:
    """Answers may overtake each other."""
    connection = server.connect()
    connection.bind(1)
    (first,) = asked(server)
    server.runtime.reauthorize(connection.id, server.now)
    (second,) = asked(server)
    answer(server, "write", first)
    assert connection.answers() == []
    answer(server, "none", second)
    answer(server, "write", first)
    assert connection.error_answer().fields == [206, 1]


def unbound(connection: Connection) -> None:
    connection.unbind(1)
    connection.take_all()


def bound_anew(connection: Connection) -> None:
    unbound(connection)
    connection.bind(1)


@pytest.mark.parametrize("ending", [unbound, Connection.close, bound_anew])
def test_answers_for_what_is_gone_are_ignored(
    server: Server, ending: Callable[[Connection], None]
) -> None:
    connection = server.connect()
    connection.bind(1)
    (question,) = asked(server)
    ending(connection)
    answer(server, "write", question)
    server.run()
    assert server.runtime.stats()["commits"] == 0
