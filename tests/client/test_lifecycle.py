"""Life cycle of sync sessions: states, pause, stop policies, tokens.

client-session.md sections 2, 3 and 11.
"""

from __future__ import annotations

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
from realmsync._testbed import connection_count
from told import told


def state(client: Client, file: File) -> int:
    return client.runtime.snapshot(file.id)[0]


def test_pause_is_visible_on_return_and_fails_waits() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    client.runtime.pause(file.id)
    assert client.runtime.snapshot(file.id)[:2] == (PAUSED, "disconnected")
    client.run()
    assert file.of("connection")[-1] == ("disconnected", "connected")
    assert file.of("wait") == [(wait, 1027, "Sync session became inactive")]


def test_pause_is_sticky_and_does_not_count() -> None:
    client, file = online()
    for _ in range(3):
        client.runtime.pause(file.id)
    client.runtime.revive(file.id)
    client.runtime.set_access_token("u", "fresh")
    assert state(client, file) == PAUSED
    client.runtime.resume(file.id)
    assert state(client, file) == ACTIVE
    client.runtime.resume(file.id)
    assert state(client, file) == ACTIVE


def test_pause_of_a_stopped_session_says_nothing() -> None:
    client, file = online()
    client.runtime.force_close(file.id)
    client.run()
    count = len(file.of("connection"))
    client.runtime.pause(file.id)
    client.run()
    assert state(client, file) == PAUSED and len(file.of("connection")) == count


def test_wait_while_paused_survives() -> None:
    client, file = online()
    client.runtime.pause(file.id)
    client.take()
    client.receive("unbound 1\n")
    wait = client.wait(file, "download")
    client.runtime.resume(file.id)
    client.run()
    assert client.heads() == ["bind 2 3 0 0 0", "ident 2 7 99 0 0 0 0", "mark 2 2"]
    client.receive(download(2))
    client.receive("mark 2 2\n")
    assert file.of("wait") == [(wait, 0, "")]


def test_pause_before_bind_sends_nothing() -> None:
    client = Client()
    file = client.open()
    client.connect()
    client.runtime.pause(file.id)
    client.run()
    assert client.heads() == []
    assert file.of("released") == [()]


def test_a_file_with_a_job_on_its_way_is_not_released() -> None:
    """The engine has let go of the binding with its socket; the job began before that."""
    client, file = online()
    sibling = client.open('"q"')
    wait = client.runtime.wait(sibling.id, "upload")  # the jobs that read both files are done,
    client.runtime.wait(file.id, "upload")  # and their outcomes looked at one after the other
    client.runtime.pause(file.id)
    client.runtime.closed(client.socket, None, "", client.now)
    told_in_order = [told(event) for event in client.runtime.drain(client.now)]
    assert ("wait", sibling.id, wait, 0, "") in told_in_order
    assert told_in_order[-1] == ("released", file.id)


def test_siblings_go_on() -> None:
    client, file = online()
    sibling = client.open('"q"')
    client.runtime.pause(file.id)
    client.run()
    assert client.heads() == ["bind 2 3 0 1 0", "unbind 1"]
    client.receive("unbound 1\n")
    assert client.runtime.snapshot(sibling.id)[:2] == (ACTIVE, "connected")


def test_unsent_uploads_are_sent_again() -> None:
    client, file = online()
    version = file.commit(CHANGESET, 1)
    client.run()
    assert len(client.take()) == 1
    client.runtime.pause(file.id)
    client.take()
    client.receive("unbound 1\n")
    client.runtime.resume(file.id)
    client.run()
    client.take()
    client.receive(download(2))
    client.receive("mark 2 1\n")
    assert [h.split()[:2] for h in client.heads()] == [["upload", "2"]]
    client.receive(download(2, dsv=1, dcv=version, ucv=version))
    assert file.state()["upload"] == (version, 0)


def test_close_after_upload() -> None:
    client, file = online()
    version = file.commit(CHANGESET, 1)
    client.run()
    client.runtime.close_session(file.id)
    assert state(client, file) == DYING
    client.take()
    client.receive(download(1, dsv=1, dcv=version, ucv=version))
    assert state(client, file) == INACTIVE
    assert "unbind 1" in client.heads()
    client.receive("unbound 1\n")
    assert file.of("released") == [()]
    client.runtime.remove_session(file.id)
    assert client.runtime.snapshot(file.id) == (INACTIVE, "disconnected", 0)


def test_close_with_nothing_unsent() -> None:
    client, file = online()
    client.runtime.close_session(file.id)
    client.run()
    assert state(client, file) == INACTIVE


@pytest.mark.parametrize(("policy", "after"), [("immediately", INACTIVE), ("never", ACTIVE)])
def test_other_stop_policies(policy: str, after: int) -> None:
    client = Client()
    file = client.open(stop_policy=policy)
    client.runtime.close_session(file.id)
    assert state(client, file) == after


def test_revived_while_dying() -> None:
    client, file = online()
    version = file.commit(CHANGESET, 1)
    client.run()
    client.runtime.close_session(file.id)
    client.runtime.revive(file.id)
    client.take()
    client.receive(download(1, dsv=1, dcv=version, ucv=version))
    assert state(client, file) == ACTIVE  # the earlier death does not count any more
    assert not any(h.startswith("unbind") for h in client.heads())


def test_fatal_error_while_dying_is_not_reported() -> None:
    client, file = online()
    file.commit(CHANGESET, 1)
    client.run()
    client.runtime.close_session(file.id)
    client.error(1, 206, False, "ApplicationBug")
    assert state(client, file) == INACTIVE and file.of("error") == []


def test_token_gate() -> None:
    client = Client()
    file = client.open()
    client.runtime.force_close(file.id)
    client.run()
    client.runtime.revive(file.id, token_expired=True)
    client.run()
    assert state(client, file) == WAITING and file.of("refresh_token") == [()]
    client.runtime.token_refresh_failed(file.id, False, 4309, "timed out")
    assert state(client, file) == ACTIVE  # with the old token


def test_refused_token() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    client.runtime.token_refresh_failed(file.id, True, 4346, "no such user")
    client.runtime.log_out("u")
    client.run()
    assert file.of("wait") == [(wait, 4346, "no such user")]
    assert file.of("log_out") == [()]
    assert file.of("error")[0][0]["code"] == 4346 and file.of("error")[0][0]["is_fatal"]
    assert state(client, file) == INACTIVE


def test_wait_after_log_out_completes_after_log_in() -> None:
    client, file = online()
    client.runtime.log_out("u")
    client.take()
    client.receive("unbound 1\n")
    wait = client.wait(file, "upload")
    assert file.of("wait") == []
    client.runtime.set_access_token("u", "fresh")
    client.run()
    assert file.of("wait") == [(wait, 0, "")]


def test_restart_with_a_new_route_keeps_waits() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    client.runtime.set_route(file.id, "ws://elsewhere:1/sync", "t2", True)
    client.run()
    assert client.urls[-1] == "ws://elsewhere:1/sync?baas_at=t2"
    client.connect()
    assert client.heads() == ["bind 2 3 0 0 0", "ident 2 7 99 0 0 0 0", "mark 2 2"]
    client.receive(download(2))
    client.receive("mark 2 2\n")
    assert file.of("wait") == [(wait, 0, "")]


def test_cancelling_waits_on_other_errors() -> None:
    client = Client()
    file = client.open(cancel_waits=True, verified=True)
    wait = client.wait(file, "download")
    client.runtime.connect_failed(client.socket, "tcp", 0, "refused", client.now)
    client.run()
    assert [w[:2] for w in file.of("wait")] == [(wait, 1034)]


def test_progress_after_resume_waits_for_a_download() -> None:
    client, file = online()
    client.runtime.add_notifier(file.id, "download", True)
    client.runtime.pause(file.id)
    client.take()
    client.receive("unbound 1\n")
    client.runtime.resume(file.id)
    client.run()
    client.take()
    assert file.of("progress") == []
    client.receive(download(2))
    assert len(file.of("progress")) == 1  # though no number has changed


def test_shutdown_fails_waits_and_closes_sockets() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    client.runtime.shutdown()
    client.run()
    assert [w[:2] for w in file.of("wait")] == [(wait, 1027)]
    assert client.closed == [client.socket]
    assert connection_count(client.runtime) == 0


def test_shutdown_ends_waits_of_stopped_sessions() -> None:
    client, file = online()
    client.runtime.pause(file.id)
    wait = client.wait(file, "upload")
    client.runtime.shutdown()
    client.run()
    assert [w[:2] for w in file.of("wait")] == [(wait, 1027)]
