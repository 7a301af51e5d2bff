"""Who is served in flexible sync and by which roles: asked at each BIND, and again when they may
have changed (flexible-sync.md 10, 11.2; server-behaviour.md 17.8)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmsync import _core
from realmsync._core import ExpressionContext, Role, SessionRoles
from server_driver import APP, Connection, Message, Server

BIND = {"schemaVersion": 0, "sessionReason": 0}
MINE = {"owner": "%%user.id"}


@pytest.fixture
def server() -> Server:
    return Server(asks_permission=True)


def roles(user: str = "ada", read_filter: Any = True) -> SessionRoles:
    role = Role(read_filter=read_filter, write_filter=False, read=True)
    return SessionRoles({"Task": role}, None, ExpressionContext(user={"id": user}))


def asked(server: Server) -> tuple[int, int, int]:
    """The one question since the last call: connection, session and number."""
    server.run()
    (question,) = [event[1:] for event in server.events if event[0] == "authorize"]
    server.events.clear()
    connection, session, number, partition, is_flexible = question
    assert partition is None and is_flexible
    return connection, session, number


def answer(server: Server, given: SessionRoles | str | None) -> None:
    question = asked(server)
    if isinstance(given, SessionRoles):
        server.runtime.authorize_roles(*question, given, server.now)
    else:
        server.runtime.authorize(*question, given, server.now)


def bound(server: Server, given: SessionRoles | str, version: int = 14) -> Connection:
    """A client whose IDENT, with its query set, has been received."""
    connection = server.connect(version=version, is_flexible=True)
    binding = connection.bind(1, BIND)
    answer(server, given)
    connection.take_all()
    assert binding.file is not None
    connection.ident(1, binding.file, query=(0, b"{}"))
    server.run()
    return connection


def ask_again(server: Server, connection: Connection, given: SessionRoles | str | None) -> None:
    server.runtime.reauthorize(connection.id, server.now)
    answer(server, given)


def ended(connection: Connection) -> Message | None:
    """The error of the session, if it has one by now."""
    connection.take_all()
    connection.server.run()
    return connection.bindings[1].error_message


def refusal(server: Server, is_flexible: bool) -> Message | None:
    """What a client of a mode is told for its BIND, if it is refused for the mode."""
    connection = server.connect(is_flexible=is_flexible)
    connection.bind(1, {} if is_flexible else "p")
    connection.take_all()
    return connection.error


@pytest.mark.parametrize(
    ("mode", "partition_code", "flexible_code"),
    [("both", None, None), ("partition", None, 114), ("flexible", 113, None)],
)
def test_an_app_takes_the_clients_of_its_mode(
    server: Server, mode: str, partition_code: int | None, flexible_code: int | None
) -> None:
    server.runtime.configure_app(APP, sync_mode=mode, now_ms=server.now)
    for is_flexible, code in ((False, partition_code), (True, flexible_code)):
        message = refusal(server, is_flexible)
        assert (message and message.fields) == (code and [code, 0])
        if message is not None:
            assert message.json["action"] == "ApplicationBug" and not message.json["tryAgain"]


def test_there_is_no_other_mode(server: Server) -> None:
    with pytest.raises(ValueError, match="no mode of sync: none"):
        server.runtime.configure_app(APP, sync_mode="none", now_ms=server.now)


def test_who_is_there_when_the_mode_changes_is_told(server: Server) -> None:
    flexible, partition = server.connect(is_flexible=True), server.connect()
    server.runtime.configure_app(APP, sync_mode="flexible", now_ms=server.now)
    flexible.take_all()
    partition.take_all()
    assert flexible.error is None
    assert partition.error is not None and partition.error.fields == [113, 0]


@pytest.mark.parametrize("version", [9, 14])
def test_nothing_is_stored_before_the_roles_are_known(server: Server, version: int) -> None:
    connection = server.connect(version=version, is_flexible=True)
    connection.bind(1, BIND)
    server.run()
    assert connection.answers() == [] and server.runtime.stats()["commits"] == 0
    answer(server, roles())
    assert [m.type for m in connection.answers()] == ["ident"]


def test_who_is_not_permitted_is_refused(server: Server) -> None:
    connection = server.connect(is_flexible=True)
    connection.bind(1, BIND)
    answer(server, "none")
    error = connection.error_answer()
    assert error.fields == [206, 1] and error.json["action"] == "ApplicationBug"
    assert server.runtime.stats()["commits"] == 0


def test_without_an_answer_the_client_tries_again(server: Server) -> None:
    connection = server.connect(is_flexible=True)
    connection.bind(1, BIND)
    answer(server, None)
    error = connection.error_answer()
    assert error.fields == [200, 1] and error.json["tryAgain"]


@pytest.mark.parametrize("data", [b"[]", b"{", b'{"schemaVersion":-1}', b'"partition"'])
def test_a_bind_that_is_none_ends_the_connection(server: Server, data: bytes) -> None:
    connection = server.connect(is_flexible=True)
    connection.send(b"bind 1 %d 0 1 0\n" % len(data) + data)
    connection.take_all()
    assert connection.error is not None and not connection.error.json["tryAgain"]


def test_a_client_of_protocol_9_may_bind_with_nothing(server: Server) -> None:
    connection = server.connect(version=9, is_flexible=True)
    connection.send(b"bind 1 0 0 1 0\n")
    assert asked(server)[:2] == (connection.id, 1)


def test_other_roles_end_the_session_so_that_it_comes_again(server: Server) -> None:
    connection = bound(server, roles())
    ask_again(server, connection, roles(read_filter=MINE))
    error = ended(connection)
    assert error is not None and error.fields == [200, 1]
    assert error.json["action"] == "Transient" and error.json["tryAgain"]
    assert not error.json["shouldClientReset"] and "roles" in error.json["message"]
    assert "backoffIntervalSec" not in error.json, "it waits its fixed second"


@pytest.mark.parametrize("version", [9, 13])
def test_older_clients_are_reset_by_other_roles(server: Server, version: int) -> None:
    connection = bound(server, roles(), version)
    ask_again(server, connection, roles(read_filter=False))
    error = ended(connection)
    assert error is not None and error.fields == [228, 1]
    assert error.json["action"] == "ClientReset" and error.json["shouldClientReset"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (roles(), roles()),
        (roles(), roles("bob")),  # the filter does not ask who it is
        (roles(read_filter=MINE), roles(read_filter={"owner": {"$eq": "%%user.id"}})),
        ("write", "write"),
        ("read", "read"),
    ],
)
def test_what_is_the_same_is_left_alone(server: Server, before: Any, after: Any) -> None:
    connection = bound(server, before)
    ask_again(server, connection, after)
    assert ended(connection) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [(roles(), "write"), ("write", "read"), ("read", roles()), (roles(read_filter=MINE), roles())],
)
def test_every_change_of_what_is_allowed_counts(server: Server, before: Any, after: Any) -> None:
    connection = bound(server, before)
    ask_again(server, connection, after)
    error = ended(connection)
    assert error is not None and error.fields == [200, 1]


def test_a_user_who_is_deleted_while_he_is_there(server: Server) -> None:
    connection = bound(server, roles())
    ask_again(server, connection, "none")
    error = ended(connection)
    assert error is not None and error.fields == [206, 1]


def test_a_client_without_data_follows_other_roles_where_it_is(server: Server) -> None:
    connection = server.connect(is_flexible=True)
    binding = connection.bind(1, BIND)
    answer(server, roles())
    connection.take_all()
    ask_again(server, connection, roles(read_filter=False))
    assert ended(connection) is None
    assert binding.file is not None
    connection.ident(1, binding.file, query=(0, b"{}"))
    server.run()
    ask_again(server, connection, roles(read_filter=False))
    assert ended(connection) is None, "these are its roles by now"


def test_only_the_newest_question_counts(server: Server) -> None:
    connection = bound(server, roles())
    server.runtime.reauthorize(connection.id, server.now)
    older = asked(server)
    server.runtime.reauthorize(connection.id, server.now)
    newest = asked(server)
    server.runtime.authorize_roles(*older, roles(read_filter=False), server.now)
    assert ended(connection) is None
    server.runtime.authorize_roles(*newest, roles(), server.now)
    assert ended(connection) is None


ANSWERS: dict[str, tuple[SessionRoles | str | None, str]] = {
    # what is answered, and what it comes to: rights, or the code of an error
    "all": (roles(), "all"),
    "all, of another": (roles("bob"), "all"),
    "own": (roles(read_filter=MINE), "own"),
    "own, of another": (roles("bob", MINE), "bob's"),
    "everything": ("write", "everything"),
    "to be read": ("read", "to be read"),
    "nobody knows": (None, "200"),
    "nothing": ("none", "206"),
}


@given(
    st.sampled_from([name for name, (_, meaning) in ANSWERS.items() if not meaning.isdigit()]),
    st.lists(st.sampled_from(sorted(ANSWERS)), max_size=6),
    st.sampled_from([9, 13, 14]),
)
def test_any_answers(first: str, later: list[str], version: int) -> None:
    server = Server(asks_permission=True)
    given_first, meaning = ANSWERS[first]
    assert given_first is not None
    connection = bound(server, given_first, version)
    for name in later:
        given_now, now = ANSWERS[name]
        ask_again(server, connection, given_now)
        error = ended(connection)
        if now == meaning:
            assert error is None
            continue
        changed = 200 if version == 14 else 228
        code = int(now) if now.isdigit() else changed
        assert error is not None and error.fields == [code, 1]
        return


def test_an_engine_that_asks_nobody_serves_everybody() -> None:
    server = Server()
    connection = server.connect(is_flexible=True)
    connection.bind(1, BIND)
    assert [m.type for m in connection.answers()] == ["ident"]
    assert not any(event[0] == "authorize" for event in server.events)


def test_roles_are_never_none(server: Server) -> None:
    connection = server.connect(is_flexible=True)
    connection.bind(1, BIND)
    with pytest.raises(TypeError):
        server.runtime.authorize_roles(*asked(server), None, server.now)  # type: ignore[arg-type]
    assert isinstance(server.runtime, _core.ServerRuntime)
