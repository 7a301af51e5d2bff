"""Access tokens in the engine: what a new one does in each state, refusals, failures that pass.

client-session.md sections 2.5 and 11, wire-protocol.md 3.4 and 4.4. The clock is virtual.
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
    download,
    online,
)

REFUSED = (4346, "Unable to refresh the user access token: unauthorized")


def state(client: Client, file: File) -> int:
    return client.runtime.snapshot(file.id)[0]


def refuse(client: Client, *files: File) -> None:
    """The account layer's answer to those who have asked, and what follows from it."""
    for file in files:
        client.runtime.token_refresh_failed(file.id, True, *REFUSED)
    client.runtime.log_out("u")
    client.run()


def offline(client: Client) -> None:
    client.runtime.closed(client.socket, 4001, "expired", client.now)
    client.run()


def active(client: Client, file: File) -> None:
    offline(client)


def dying(client: Client, file: File) -> None:
    file.commit(CHANGESET, 1)
    client.run()
    client.runtime.close_session(file.id)
    offline(client)


def waiting(client: Client, file: File) -> None:
    inactive(client, file)
    client.runtime.revive(file.id, token_expired=True)
    client.run()


def inactive(client: Client, file: File) -> None:
    client.runtime.force_close(file.id)
    offline(client)


def paused(client: Client, file: File) -> None:
    client.runtime.pause(file.id)
    offline(client)


Bring = Callable[[Client, File], None]


@pytest.mark.parametrize(
    ("bring", "before", "after"),
    [
        (active, ACTIVE, ACTIVE),
        (dying, DYING, DYING),
        (waiting, WAITING, ACTIVE),
        (inactive, INACTIVE, ACTIVE),
        (paused, PAUSED, PAUSED),
    ],
)
def test_a_new_token_in_each_state(bring: Bring, before: int, after: int) -> None:
    """It is used at once, whatever the delay; who is paused uses it when it is resumed."""
    client, file = online()
    bring(client, file)
    assert state(client, file) == before
    attempts = len(client.urls)
    client.runtime.set_access_token("u", "fresh")
    client.run()
    assert state(client, file) == after
    if bring is paused:
        assert len(client.urls) == attempts
        client.runtime.resume(file.id)
        client.run()
    assert len(client.urls) > attempts and client.urls[-1].endswith("?baas_at=fresh")


@pytest.mark.parametrize(
    ("bring", "connects"),
    [(active, True), (dying, True), (waiting, False), (inactive, False), (paused, False)],
)
def test_a_token_that_nobody_has_asked_for_moves_nothing(bring: Bring, connects: bool) -> None:
    """It waits for the next handshake, be that after a delay, a resumption or an answer."""
    client, file = online()
    bring(client, file)
    client.run()
    attempts, before = len(client.urls), state(client, file)
    client.runtime.keep_access_token("u", "fresh")
    client.run()
    assert state(client, file) == before and len(client.urls) == attempts
    client.sleep(2_000)
    assert (len(client.urls) > attempts) == connects
    client.runtime.token_refresh_failed(file.id, False, 4309, "no answer")
    client.runtime.resume(file.id)
    client.run()
    assert client.urls[-1].endswith("?baas_at=fresh")


def test_a_token_that_nobody_has_asked_for_resumes_no_suspended_session() -> None:
    client, file = online()
    client.error(1, 206, False, "Warning")
    client.take()
    client.runtime.keep_access_token("u", "fresh")
    client.sleep(1_000_000)
    assert client.runtime.end(file.id) is not None
    assert not any(head.startswith("bind") for head in client.heads())
    client.runtime.set_access_token("u", "asked for")
    client.run()
    assert client.runtime.end(file.id) is None


def test_a_closed_realm_is_uploaded_with_a_new_token() -> None:
    """Its session had asked for one and did not get it: nobody else uses the file."""
    client, file = online()
    version = file.commit(CHANGESET, 1)
    client.run()
    client.runtime.close_session(file.id)
    offline(client)
    assert file.of("refresh_token") == [()]
    client.runtime.set_access_token("u", "fresh")
    client.run()
    client.connect()
    assert [head.split()[0] for head in client.heads()] == ["bind", "ident", "upload"]
    client.receive(download(1, dsv=1, dcv=version, ucv=version))
    assert state(client, file) == INACTIVE and file.of("error") == []


def test_a_refusal_is_told_once_by_each_session() -> None:
    client, first = online()
    files = [first, client.open('"q"'), client.open('"r"')]
    waits = {file.id: client.wait(file, "download") for file in files}
    offline(client)
    assert [file.of("refresh_token") for file in files] == [[()]] * 3
    refuse(client, *files)
    refuse(client, *files)  # whoever has asked once more meanwhile
    for file in files:
        assert state(client, file) == INACTIVE
        assert file.of("wait") == [(waits[file.id], *REFUSED)]
        assert [(e[0]["code"], e[0]["is_fatal"]) for e in file.of("error")] == [(4346, True)]
        assert client.runtime.end(file.id) == REFUSED
        kinds = [event[0] for event in file.events]
        assert kinds.index("wait") < kinds.index("log_out") < kinds.index("error")
    client.sleep(1_000_000)
    assert len(client.urls) == 1  # nobody connects
    client.runtime.set_access_token("u", "of the next log-in")
    client.run()
    assert {state(client, file) for file in files} == {ACTIVE}
    assert client.runtime.end(first.id) is None


@pytest.mark.parametrize(
    ("bring", "told"), [(active, 1), (dying, 0), (waiting, 1), (inactive, 0), (paused, 0)]
)
def test_a_refusal_in_each_state(bring: Bring, told: int) -> None:
    """The user is logged out; whoever is stopped or about to end says nothing (12.4)."""
    client, file = online()
    bring(client, file)
    refuse(client, file)
    assert file.of("log_out") == [()] and len(file.of("error")) == told
    assert state(client, file) == (PAUSED if bring is paused else INACTIVE)
    client.sleep(1_000_000)
    assert len(client.urls) == 1


def test_a_wait_that_began_while_paused_outlives_a_refusal() -> None:
    client, file = online()
    paused(client, file)
    wait = client.wait(file, "upload")
    refuse(client, file)
    assert file.of("wait") == []
    client.runtime.set_access_token("u", "of the next log-in")
    client.runtime.resume(file.id)
    client.run()
    assert file.of("wait") == [(wait, 0, "")]


@pytest.mark.parametrize("how", ["http", "close"])
def test_failures_that_pass_are_tried_again_with_a_growing_delay(how: str) -> None:
    """The server wants another token, and none is to be had: 401 or 4001, and 5xx for it."""
    client = Client(reconnect_jitter_divisor=0)
    file = client.open()
    wait = client.wait(file, "download")
    times = []
    for _ in range(11):
        attempts = len(client.urls)
        if how == "http":
            client.runtime.connect_failed(client.socket, "http", 401, "expired", client.now)
        else:
            client.connect()
            offline(client)
        client.run()
        client.runtime.token_refresh_failed(file.id, False, 4309, "503")
        client.run()
        began = client.now
        while len(client.urls) == attempts:
            client.sleep(1_000)
        times.append((client.now - began) // 1_000)
    assert times == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert len(file.of("refresh_token")) == 11
    assert state(client, file) == ACTIVE
    assert file.of("wait") == [] and file.of("error") == [] and file.of("log_out") == []
    client.runtime.set_access_token("u", "fresh")
    client.run()
    client.connect()
    assert client.heads() == ["bind 1 3 0 1 0"]
    client.receive("ident 1 7 99\n")
    mark = client.heads()[-1]
    client.receive(download(1))
    client.receive(f"{mark}\n")
    assert file.of("wait") == [(wait, 0, "")]


def test_failures_that_pass_at_the_gate() -> None:
    """A session that waits for a token goes on with the old one: the server has the last word."""
    client, file = online()
    waiting(client, file)
    assert len(client.urls) == 1
    client.runtime.token_refresh_failed(file.id, False, 4309, "503")
    client.sleep(1_000)
    assert state(client, file) == ACTIVE and len(client.urls) == 2
    assert client.urls[-1].endswith("?baas_at=token")
    client.runtime.connect_failed(client.socket, "http", 401, "expired", client.now)
    client.run()
    assert len(file.of("refresh_token")) == 2


@pytest.mark.parametrize("event", ["log_out", "refuse"])
def test_who_waits_for_a_token_is_stopped_by_a_log_out(event: str) -> None:
    client, file = online()
    waiting(client, file)
    wait = client.wait(file, "download")
    if event == "refuse":
        refuse(client, file)
        assert file.of("wait") == [(wait, *REFUSED)]
    else:
        client.runtime.log_out("u")
        client.run()
        assert file.of("wait") == [(wait, 1027, "Sync session became inactive")]
    assert state(client, file) == INACTIVE and len(client.urls) == 1
