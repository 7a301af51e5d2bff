"""What the engine obeys of an app's configuration while clients are connected: paused, the type of
partitions, how long a client file may be away, whether a reset keeps changes
(app-configuration.md 4.1, 4.3, 4.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from instructions import proper
from realmsync import _core
from realmsync.events import Administered
from server_driver import APP, Connection, Message, Server

DAY = 86_400_000


def configure(server: Server, **settings: Any) -> None:
    server.runtime.configure_app(APP, now_ms=server.now, **settings)


def refusal(server: Server, partition: object, user: str = "user") -> Message:
    connection = server.connect(user)
    connection.bind(1, partition)
    return connection.error_answer()


def back(server: Server, file: tuple[int, int]) -> Connection:
    connection = server.connect()
    connection.bind(1, need_ident=False)
    connection.ident(1, file)
    return connection


def test_a_paused_app_refuses_binds_for_long_and_loses_nothing() -> None:
    server = Server()
    connection = server.connect()
    binding = connection.open(1)
    connection.upload(1, (2, 0), [(2, 0, 1, proper(2))])
    connection.take_all()
    configure(server, paused=True)
    ended = connection.error_answer()
    assert ended.fields == [229, 1] and ended.json["action"] == "Transient"
    error = refusal(server, "p")
    assert error.fields == [229, 1]
    assert error.json["tryAgain"] and not error.json["shouldClientReset"]
    assert error.json["backoffIntervalSec"] >= 60
    assert error.json["backoffMaxDelaySec"] >= 600
    configure(server)
    assert binding.file is not None
    again = back(server, binding.file)
    again.bindings[1].newest_client_version = 2
    again.take_all()
    assert again.bindings[1].upload == (2, 0)


def test_permission_is_decided_before_the_pause_is_told() -> None:
    server = Server(asks_permission=True)
    configure(server, paused=True)
    connection = server.connect()
    connection.bind(1)
    server.run()
    (question,) = [event[1:] for event in server.events if event[0] == "authorize"]
    server.runtime.authorize(question[0], question[1], question[2], "none", server.now)
    assert connection.error_answer().fields == [206, 1]


@pytest.mark.parametrize(
    ("type_", "partition", "found"),
    [
        ("objectId", "dogs", "string"),
        ("string", {"$oid": "5f3f4e0d9c6b1d0001a1b2c3"}, "objectId"),
        ("string", {"$numberLong": "5"}, "long"),
        ("long", {"$uuid": "00000000-0000-0000-0000-000000000001"}, "uuid"),
        ("uuid", {"$numberInt": "5"}, "long"),
    ],
)
def test_a_partition_of_another_type_is_illegal_and_not_made(
    type_: str, partition: object, found: str
) -> None:
    server = Server()
    configure(server, partition_type=type_)
    error = refusal(server, partition)
    assert error.fields == [204, 1]
    assert error.json["message"] == (
        "attempted to bind on illegal realm partition: expected partition to have type "
        f"{type_} but found {found}"
    )
    assert server.runtime.stats()["commits"] == 0


def test_null_is_a_partition_unless_one_is_required() -> None:
    server = Server()
    configure(server, partition_type="long")
    server.connect().open(1, None)
    configure(server, partition_type="long", partition_required=True)
    message = refusal(server, None).json["message"]
    assert message.endswith("expected partition to have type long but found null")
    configure(server, partition_required=True)
    assert refusal(server, None).fields == [204, 1]


def test_sessions_are_held_to_another_type_while_they_are_open() -> None:
    server = Server()
    connection = server.connect()
    connection.open(1, "p")
    connection.open(2, {"$numberLong": "5"})
    connection.open(3, None)
    configure(server, partition_type="string")
    error = connection.error_answer()
    assert error.fields == [204, 2] and "type string but found long" in error.json["message"]
    configure(server, partition_type="string", partition_required=True)
    assert connection.error_answer().fields == [204, 3]
    connection.bindings[1].newest_client_version = 2
    connection.upload(1, (2, 0), [(2, 0, 1, proper(2))])
    connection.take_all()
    assert connection.bindings[1].upload == (2, 0)


def test_both_spellings_of_a_number_are_one_partition() -> None:
    server = Server()
    configure(server, partition_type="int")
    writer, reader = server.connect(), server.connect()
    writer.open(1, {"$numberInt": "42"})
    binding = reader.open(1, {"$numberLong": "42"})
    writer.upload(1, (2, 0), [(2, 0, 1, proper(2))])
    writer.take_all()
    reader.take_all()
    assert len(binding.received) == 1


@pytest.mark.parametrize(
    ("days", "away", "is_expired"), [(1, 2, True), (3, 2, False), (0, 900, False)]
)
def test_a_client_file_expires_when_it_was_away_for_too_long(
    days: int, away: int, is_expired: bool
) -> None:
    server = Server()
    configure(server, max_offline_days=days)
    connection = server.connect()
    file = connection.open(1).file
    assert file is not None and not isinstance(server.store, str)
    connection.close()
    server.store.jump_clock(away * DAY)
    again = back(server, file)
    answers = {m.type: m for m in again.answers()}
    if is_expired:
        assert answers["json_error"].fields == [222, 1]
        assert answers["json_error"].json["action"] == "ClientReset"
    else:
        assert "download" in answers


def test_a_client_file_that_stays_bound_does_not_expire() -> None:
    server = Server()
    configure(server, max_offline_days=1)
    connection = server.connect()
    file = connection.open(1).file
    assert file is not None and not isinstance(server.store, str)
    for hour in range(40):
        server.store.jump_clock(DAY // 24)
        for _ in range(60):
            server.advance(60_000)
            connection.ping(hour)
            connection.take_all()
    connection.close()
    assert [m.type for m in back(server, file).answers()] == ["download"]


def test_without_recovery_every_reset_says_so() -> None:
    server = Server()
    configure(server, recovery=False)
    error = None
    connection = server.connect()
    connection.bind(1, need_ident=False)
    connection.ident(1, (99, 1))
    error = connection.error_answer()
    assert error.fields == [208, 1]
    assert error.json["action"] == "ClientResetNoRecovery"
    assert error.json["isRecoveryModeDisabled"] and error.json["shouldClientReset"]
    assert not refusal(server, 1.5).json["isRecoveryModeDisabled"]  # 204 resets nothing


def test_development_mode_is_switched_while_clients_are_connected() -> None:
    server = Server()
    configure(server, development_mode=False)
    connection = server.connect()
    connection.open(1)
    connection.upload(1, (2, 0), [(2, 0, 1, proper(2))])
    assert connection.error_answer().fields == [225, 1]
    configure(server, development_mode=True)
    other = server.connect()
    other.open(1)
    other.upload(1, (2, 0), [(2, 0, 1, proper(2))])
    assert [m.type for m in other.answers()] == ["download"]


def test_settings_that_make_no_sense_are_refused() -> None:
    server = Server()
    with pytest.raises(ValueError, match="no type of partitions"):
        configure(server, partition_type="double")
    for days in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="max_offline_days"):
            configure(server, max_offline_days=days)


def test_apps_come_and_go_while_the_server_runs(tmp_path: Path) -> None:
    runtime = _core.ServerRuntime(str(tmp_path), apps=["first"], workers=0, durability="process")

    def bound(app: str) -> bytes | None:
        connection = runtime.open_connection(app, "ann", "com.mongodb.realm-sync#9", 0)
        runtime.receive(connection, b'bind 1 3 0 1 0\n"p"', 0)
        runtime.drain(0)
        return runtime.next_message(connection, 0)

    runtime.add_app("se/cond")
    runtime.add_app("se/cond")
    assert (tmp_path / "apps" / "se%2Fcond" / "partitions.sqlite").exists()
    assert (bound("se/cond") or b"").startswith(b"ident 1 2 ")
    left = runtime.open_connection("se/cond", "ann", "com.mongodb.realm-sync#9", 0)
    runtime.remove_app("se/cond", 0)
    assert b"no longer served" in (runtime.next_message(left, 0) or b"")
    runtime.add_app("se/cond")
    assert (bound("se/cond") or b"").startswith(b"ident 1 3 ")
    runtime.close()


def test_an_app_that_is_not_there_can_be_asked_nothing(tmp_path: Path) -> None:
    runtime = _core.ServerRuntime(str(tmp_path), apps=["first"], workers=0, durability="process")
    task = runtime.schema("other", 0)
    (answer,) = runtime.drain(0)
    assert answer == Administered(task, "There is no storage of app other.", None, False)
    runtime.add_app("other")
    task = runtime.schema("other", 0)
    assert runtime.drain(0) == [Administered(task, None, [], False)]
    runtime.close()


def test_a_server_that_is_one_app_takes_no_other(tmp_path: Path) -> None:
    runtime = _core.ServerRuntime(str(tmp_path), workers=0, durability="process")
    with pytest.raises(ValueError, match="is one app"):
        runtime.add_app("other")
    runtime.close()
