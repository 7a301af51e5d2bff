"""What a session is told of the connection that it shares, and what resume does to delays.

client-session.md 3.2 to 4.2. What connections themselves do: test_connection.py.
"""

from __future__ import annotations

import pytest

from client_driver import ACTIVE, CHANGESET, Client, File, download, online

DOWN, CONNECTING, UP = "disconnected", "connecting", "connected"


def changes(file: File) -> list[tuple[str, str]]:
    """As (new, old)."""
    return [(new, old) for new, old in file.of("connection")]


def connection_of(client: Client, file: File) -> str:
    return client.runtime.snapshot(file.id)[1]


def test_open_and_close() -> None:
    client, file = online()
    client.runtime.close_session(file.id)
    client.run()
    assert changes(file) == [(CONNECTING, DOWN), (UP, CONNECTING), (DOWN, UP)]


def test_a_lost_server() -> None:
    client, file = online()
    file.events.clear()
    client.runtime.closed(client.socket, None, "gone", client.now)
    client.sleep(1_000)
    client.connect()
    assert changes(file) == [(DOWN, UP), (CONNECTING, DOWN), (UP, CONNECTING)]


def test_both_sessions_of_a_connection_are_told() -> None:
    client = Client()
    files = [client.open('"a"'), client.open('"b"')]
    client.connect()
    client.runtime.closed(client.socket, None, "gone", client.now)
    client.run()
    for file in files:
        assert changes(file) == [(CONNECTING, DOWN), (UP, CONNECTING), (DOWN, UP)]


def test_who_joins_a_connection_is_told_how_far_it_has_got() -> None:
    client = Client()
    client.open('"a"')
    early = client.open('"b"')
    assert changes(early) == [(CONNECTING, DOWN)]
    client.connect()
    late = client.open('"c"')
    assert changes(late) == changes(early) == [(CONNECTING, DOWN), (UP, CONNECTING)]


def test_a_suspended_session_is_disconnected_and_its_sibling_is_not() -> None:
    client = Client()
    file, sibling = client.open('"a"'), client.open('"b"')
    client.connect()
    client.take()
    client.error(1, 200, True, "Transient")
    assert connection_of(client, file) == DOWN and connection_of(client, sibling) == UP
    assert client.runtime.snapshot(file.id)[0] == ACTIVE  # all the same
    assert changes(file)[-1] == (DOWN, UP) and changes(sibling)[-1] == (UP, CONNECTING)
    client.sleep(1_000)
    assert changes(file)[-2:] == [(CONNECTING, DOWN), (UP, CONNECTING)]
    assert len(changes(sibling)) == 2


def test_a_suspended_session_hears_nothing_of_its_connection() -> None:
    client = Client()
    file, sibling = client.open('"a"'), client.open('"b"')
    client.connect()
    client.take()
    client.error(1, 206, False, "Warning")  # until it is told otherwise
    file.events.clear()
    client.runtime.closed(client.socket, None, "gone", client.now)
    client.sleep(2_000)
    client.connect()
    assert changes(file) == [] and connection_of(client, file) == DOWN
    assert connection_of(client, sibling) == UP


@pytest.mark.parametrize("multiplexing", [True, False])
def test_resume_in_a_long_delay_connects_at_once(multiplexing: bool) -> None:
    client = Client(reconnect_jitter_divisor=0, multiplexing=multiplexing)
    file = client.open(verified=True)
    for delay in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300):
        client.runtime.connect_failed(client.socket, "tcp", 0, "refused", client.now)
        client.sleep(delay * 1000)
    client.runtime.connect_failed(client.socket, "tcp", 0, "refused", client.now)
    count = len(client.sockets)
    client.sleep(299_000)
    assert len(client.sockets) == count
    client.runtime.pause(file.id)
    client.run()
    client.runtime.resume(file.id)
    client.run()
    assert len(client.sockets) == count + 1
    assert connection_of(client, file) == CONNECTING


def test_resume_of_a_running_session_ends_the_delay_of_its_connection() -> None:
    client = Client(reconnect_jitter_divisor=0)
    file = client.open(verified=True)
    client.runtime.connect_failed(client.socket, "tcp", 0, "refused", client.now)
    client.run()
    client.runtime.resume(file.id)
    client.run()
    assert len(client.sockets) == 2


@pytest.mark.parametrize("multiplexing", [True, False])
def test_pause_and_resume_end_the_delay_of_the_session(multiplexing: bool) -> None:
    """After an error it would bind again much later; the protocol session after a pause is new."""
    client = Client(multiplexing=multiplexing)
    file = client.open()
    client.connect()
    client.bind(file)
    file.commit(CHANGESET, 1)
    client.take()
    client.error(1, 206, False, "Warning")
    assert client.heads() == ["unbind 1"]
    client.sleep(10_000)
    client.runtime.pause(file.id)
    client.run()
    client.runtime.resume(file.id)
    client.run()
    if not multiplexing:
        client.connect()
    assert client.heads()[0] == "bind 2 3 0 0 0"
    client.receive(download(2))
    assert connection_of(client, file) == UP
