"""The table of the life cycle: every event in every state, and what ends or begins with it.

client-session.md 2.3. The single moves in their surroundings: test_lifecycle.py.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from client_driver import (
    ACTIVE,
    CHANGESET,
    DYING,
    INACTIVE,
    PAUSED,
    WAITING,
    Client,
    File,
    online,
)
from realmsync import _testbed

A, D, I, W, P = ACTIVE, DYING, INACTIVE, WAITING, PAUSED  # noqa: E741  # as in the specification


def in_state(state: int) -> tuple[Client, File]:
    """A session in this state, with something that was not uploaded."""
    client, file = online()
    file.commit(CHANGESET, 1)
    client.run()
    if state == DYING:
        client.runtime.close_session(file.id)
    elif state == PAUSED:
        client.runtime.pause(file.id)
    elif state != ACTIVE:
        client.runtime.force_close(file.id)
    if state == WAITING:
        client.runtime.revive(file.id, token_expired=True)
    client.run()
    assert client.runtime.snapshot(file.id)[0] == state
    file.events.clear()
    return client, file


def fail(fatal: bool, action: str) -> Callable[[Client, File], None]:
    return lambda client, file: _testbed.simulate_error(
        client.runtime, file.id, 1000, "no", fatal, action
    )


def close(policy: str) -> Callable[[Client, File], None]:
    def run(client: Client, file: File) -> None:
        client.runtime.set_stop_policy(file.id, policy)
        client.runtime.close_session(file.id)

    return run


def change(policy: str) -> Callable[[Client, File], None]:
    return lambda client, file: client.runtime.set_stop_policy(file.id, policy)


EVENTS: dict[str, Callable[[Client, File], None]] = {
    "revive": lambda c, f: c.runtime.revive(f.id),
    "revive, token expired": lambda c, f: c.runtime.revive(f.id, token_expired=True),
    "resume": lambda c, f: c.runtime.resume(f.id),
    "resume, token expired": lambda c, f: c.runtime.resume(f.id, token_expired=True),
    "pause": lambda c, f: c.runtime.pause(f.id),
    "force close": lambda c, f: c.runtime.force_close(f.id),
    "close, immediately": close("immediately"),
    "close, after upload": close("after-upload"),
    "close, never": close("never"),
    "change, immediately": change("immediately"),
    "change, never": change("never"),
    "new token": lambda c, f: c.runtime.set_access_token("u", "fresh"),
    "no new token": lambda c, f: c.runtime.token_refresh_failed(f.id, False, 4309, "late"),
    "log out": lambda c, f: c.runtime.log_out("u"),
    "error, ends the session": fail(True, "ApplicationBug"),
    "error, fatal": fail(True, "Warning"),
    "error, passes": fail(False, "Warning"),
    "reconnect": lambda c, f: c.runtime.reconnect(f.id),
    "restart": lambda c, f: c.runtime.set_route(f.id, "ws://elsewhere:1/sync", "t", True),
    "shutdown": lambda c, f: c.runtime.shutdown(),
}
STATES = (A, D, I, W, P)
TABLE = {
    "revive": (A, A, A, W, P),
    "revive, token expired": (A, W, W, W, P),
    "resume": (A, D, A, W, A),  # nobody uses a dying one: the specification revives it
    "resume, token expired": (A, D, W, W, W),
    "pause": (P, P, P, P, P),
    "force close": (I, I, I, I, P),
    "close, immediately": (I, I, I, I, P),  # of a dying one it is the change that counts
    "close, after upload": (D, D, I, I, P),
    "close, never": (A, D, I, I, P),
    "change, immediately": (A, I, I, W, P),
    "change, never": (A, D, I, W, P),
    "new token": (A, D, A, A, P),  # the same
    "no new token": (A, D, I, A, P),
    "log out": (I, I, I, I, P),
    "error, ends the session": (I, I, I, W, P),
    "error, fatal": (A, I, I, W, P),
    "error, passes": (A, D, I, W, P),
    "reconnect": (A, D, I, W, P),
    "restart": (A, D, I, W, P),
    "shutdown": (I, I, I, I, P),
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_table(state: int, event: str) -> None:
    client, file = in_state(state)
    connection = client.runtime.snapshot(file.id)[1]
    EVENTS[event](client, file)
    expected = TABLE[event][STATES.index(state)]
    after = client.runtime.snapshot(file.id)
    assert after[0] == expected
    client.run()
    changes = [new for new, _ in file.of("connection")]
    if expected in (INACTIVE, PAUSED):  # told at once, and once
        assert after[1] == "disconnected"
        assert changes == (["disconnected"] if connection == "connected" else [])
        assert file.of("error") == [] or state == ACTIVE
    if state in (INACTIVE, PAUSED, WAITING):  # nobody is told of an error then
        assert file.of("error") == []
    states = [new for (new,) in file.of("lifecycle")]
    assert states == [] or states[-1] == expected


@pytest.mark.parametrize("twice", ["pause", "resume", "force close", "close, immediately"])
@pytest.mark.parametrize("state", STATES)
def test_twice_is_once(state: int, twice: str) -> None:
    client, file = in_state(state)
    EVENTS[twice](client, file)
    once = client.runtime.snapshot(file.id)
    client.run()
    file.events.clear()
    EVENTS[twice](client, file)
    client.run()
    assert client.runtime.snapshot(file.id) == once
    assert file.of("lifecycle") == file.of("connection") == []


@pytest.mark.parametrize("state", [ACTIVE, INACTIVE, WAITING, PAUSED])
def test_pause_pause_resume(state: int) -> None:
    client, file = in_state(state)
    for event in ("pause", "pause", "resume"):
        EVENTS[event](client, file)
    assert client.runtime.snapshot(file.id)[0] == ACTIVE
    client.run()
    assert "bind 2 3 0 0 0" in client.heads()


@pytest.mark.parametrize("state", [INACTIVE, PAUSED])
@pytest.mark.parametrize("policy", ["immediately", "after-upload", "never"])
def test_close_of_a_stopped_session_only_lets_go_of_it(state: int, policy: str) -> None:
    client, file = in_state(state)
    client.take()
    client.receive("unbound 1\n")
    file.events.clear()
    close(policy)(client, file)
    client.run()
    assert file.events == [("released", file.id)]
    assert client.take() == []


def test_offline_it_stays_dying_until_the_server_appears() -> None:
    client = Client(reconnect_jitter_divisor=0)
    file = client.open()
    version = file.commit(CHANGESET, 1)
    client.runtime.close_session(file.id)
    client.run()
    for step in range(1, 5):
        client.runtime.connect_failed(client.socket, "tcp", 0, "refused", client.now)
        client.sleep(2**step * 1000)
        assert client.runtime.snapshot(file.id)[0] == DYING
    client.connect()
    client.bind(file)
    assert [head.split()[0] for head in client.heads()] == ["upload"]
    client.receive(f"download 1 1 {version} 1 5 {version} 0 0 0 0 0\n")
    assert client.runtime.snapshot(file.id)[0] == INACTIVE
    assert client.heads() == ["unbind 1"]
    client.receive("unbound 1\n")
    assert file.of("released") == [()]


def test_immediately_needs_no_server() -> None:
    client = Client()
    file = client.open(stop_policy="immediately")
    file.commit(CHANGESET, 1)
    client.runtime.connect_failed(client.socket, "tcp", 0, "refused", client.now)
    client.runtime.close_session(file.id)
    client.run()
    assert client.runtime.snapshot(file.id)[0] == INACTIVE
    assert file.of("released") == [()]


def test_an_error_that_passes_leaves_it_dying() -> None:
    client, file = in_state(DYING)
    client.take()  # the UPLOAD
    client.error(1, 201, True, "Transient")
    assert client.runtime.snapshot(file.id)[:2] == (DYING, "disconnected")
    assert client.heads() == ["unbind 1"]
    client.sleep(1_000)
    assert client.runtime.snapshot(file.id)[:2] == (DYING, "connected")
    assert client.heads()[0] == "bind 1 3 0 0 0"


def test_a_dying_session_uploads_with_a_new_token() -> None:
    client, file = in_state(DYING)
    client.runtime.closed(client.socket, 4001, "expired", client.now)
    client.run()
    assert file.of("refresh_token") == [()]
    client.runtime.set_access_token("u", "fresh")
    client.run()
    assert client.urls[-1].endswith("?baas_at=fresh")
    assert client.runtime.snapshot(file.id)[0] == DYING


def test_resume_ends_the_delay_of_a_dying_session_and_no_more() -> None:
    """It would run for ever: nobody is left to close it."""
    client, file = in_state(DYING)
    client.runtime.closed(client.socket, None, "gone", client.now)
    client.run()
    client.runtime.resume(file.id)
    client.run()
    assert len(client.sockets) == 2
    assert client.runtime.snapshot(file.id)[0] == DYING


@pytest.mark.parametrize("stop", ["force close", "pause"])
def test_resume_brings_no_closed_session_back(stop: str) -> None:
    """Whoever hears that it has let go of the file believes it."""
    client, file = in_state(DYING)
    EVENTS[stop](client, file)
    stopped = client.runtime.snapshot(file.id)
    client.runtime.resume(file.id)
    assert client.runtime.snapshot(file.id) == stopped
    client.run()
    client.take()
    client.receive("unbound 1\n")
    assert file.of("released") == [()]


def test_a_pause_abandons_the_upload_of_a_dying_session() -> None:
    client, file = in_state(DYING)
    client.runtime.pause(file.id)
    client.run()
    assert "unbind 1" in client.heads()
    client.receive("unbound 1\n")
    assert file.of("released") == [()]
    assert client.runtime.snapshot(file.id)[0] == PAUSED


def test_waiting_for_a_token_when_it_is_paused() -> None:
    """The token that comes afterwards starts nothing; resume uses it."""
    client, file = in_state(WAITING)
    client.runtime.pause(file.id)
    client.runtime.set_access_token("u", "fresh")
    client.sleep(60_000)
    assert client.runtime.snapshot(file.id)[:2] == (PAUSED, "disconnected")
    client.runtime.resume(file.id)
    client.run()
    assert client.urls[-1].endswith("?baas_at=fresh")


@pytest.mark.parametrize("opened_as", ["after-upload", "never"])
def test_a_change_to_immediately_counts_at_once(opened_as: str) -> None:
    client = Client()
    file = client.open(stop_policy=opened_as)
    client.runtime.set_stop_policy(file.id, "immediately")
    assert client.runtime.snapshot(file.id)[0] == ACTIVE  # it is in use
    client.runtime.close_session(file.id)
    assert client.runtime.snapshot(file.id)[0] == INACTIVE


@pytest.mark.parametrize(("policy", "then"), [("immediately", INACTIVE), ("after-upload", DYING)])
def test_a_change_counts_for_one_that_was_closed_and_lives_on(policy: str, then: int) -> None:
    client = Client()
    file = client.open(stop_policy="never")
    file.commit(CHANGESET, 1)
    client.runtime.close_session(file.id)
    assert client.runtime.snapshot(file.id)[0] == ACTIVE
    client.runtime.set_stop_policy(file.id, policy)
    assert client.runtime.snapshot(file.id)[0] == then


def test_a_policy_that_is_none() -> None:
    client, file = online()
    with pytest.raises(ValueError, match="stop policy"):
        client.runtime.set_stop_policy(file.id, "sometimes")
