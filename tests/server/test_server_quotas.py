"""Quotas of users as clients meet them: the session ends for good, the file is kept."""

from __future__ import annotations

from pathlib import Path

from server_driver import Connection, Message, Server


def assert_for_good(message: Message, *words: str) -> None:
    assert message.fields == [201, 1]
    said = message.json
    assert not said["tryAgain"] and not said["shouldClientReset"]
    assert said["action"] == "ApplicationBug"
    for word in words:
        assert word in said["message"]


def test_the_session_alone_ends(tmp_path: Path) -> None:
    server = Server(str(tmp_path), quotas=(1, 0, 0))
    connection = server.connect("ann")
    connection.open(2, "first")
    connection.bind(1, "second")
    assert_for_good(connection.error_answer(), "1 partitions")
    connection.mark(2, 1)
    assert [m.type for m in connection.answers()] == ["mark"]


def test_others_who_wait_for_the_same_partition_create_it(tmp_path: Path) -> None:
    server = Server(str(tmp_path), quotas=(1, 0, 0))
    ann, bob, eve = (server.connect(user) for user in ("ann", "bob", "eve"))
    ann.open(2, "ann's")
    eve.open(2, "eve's")
    for user in (ann, eve, bob):
        user.bind(1, "new")
    server.run()
    for user in (ann, eve):
        assert_for_good(user.error_answer(), "1 partitions")
    assert [m.type for m in bob.answers()] == ["ident"]
    again(ann)


def again(connection: Connection) -> None:
    """What somebody else has created is open to a user at his limit."""
    connection.unbind(1)
    connection.take_all()
    assert connection.open(1, "new").downloads == 1


def test_client_files(tmp_path: Path) -> None:
    server = Server(str(tmp_path), quotas=(0, 1, 0))
    server.connect("ann").open(1)
    connection = server.connect("ann")
    connection.bind(1)
    assert_for_good(connection.error_answer(), "1 client files")


def test_bytes(tmp_path: Path) -> None:
    server = Server(str(tmp_path), quotas=(0, 0, 200))
    connection = server.connect("ann")
    connection.open(1)
    connection.upload(1, (3, 0), [(2, 0, 1, b""), (3, 0, 1, b"")])
    connection.take_all()
    connection.upload(1, (4, 0), [(4, 0, 1, b"")])
    assert_for_good(connection.error_answer(), "200 bytes")
