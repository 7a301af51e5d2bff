"""Waits of a session: what completes them, what fails them, and what leaves them alone; with and
without cancel_waits_on_non_fatal_error (client-session.md 5, 11.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from client_driver import ACTIVE, CHANGESET, WAITING, Client, File, download, online, words

KINDS = ["upload", "download"]


def serve(client: Client) -> None:
    """Plays a server that has nothing and takes everything, until the client is content."""
    while messages := client.take():
        for message in messages:
            kind, session, *rest = words(message)
            number = int(session)
            if kind == "bind" and rest[2] == "1":
                client.receive(f"ident {session} 7 99\n")
            elif kind == "ident":
                client.receive(download(number))
            elif kind == "unbind":
                client.receive(f"unbound {session}\n")
            elif kind == "mark":
                client.receive(f"mark {session} {rest[0]}\n")
            elif kind == "upload":
                client.receive(download(number, ucv=int(rest[3])))


def heal(client: Client) -> None:
    """The network works again: the next attempt to connect succeeds."""
    attempts = len(client.sockets)
    while len(client.sockets) == attempts:
        client.sleep(1_000)
    client.connect()
    serve(client)


def outcomes(file: File) -> dict[int, int]:
    return {number: status for number, status, _ in file.of("wait")}


# The cancel matrix of 18.4


def refuse_the_socket(client: Client, failure: str, status: int = 0) -> None:
    client.runtime.connect_failed(client.socket, failure, status, "no", client.now)
    client.run()


def token_request_fails(status: int) -> Callable[[Client, File], int]:
    def fail(client: Client, file: File) -> int:
        refuse_the_socket(client, "http", 401)
        assert file.of("refresh_token") == [()]
        client.runtime.token_refresh_failed(file.id, False, status, "no token")
        client.run()
        assert file.of("error") == []  # it is tried again with the next attempt
        return status

    return fail


def connecting_fails(failure: str, status: int, code: int) -> Callable[[Client, File], int]:
    def fail(client: Client, file: File) -> int:
        refuse_the_socket(client, failure, status)
        ((error,),) = file.of("error")
        assert (error["code"], error["is_fatal"]) == (code, False)
        return code

    return fail


def connecting_takes_too_long(client: Client, file: File) -> int:
    client.sleep(120_000)
    ((error,),) = file.of("error")
    assert (error["code"], error["is_fatal"]) == (1035, False)
    return 1035


def location_request_fails(client: Client, file: File) -> int:
    """The generated route leads nowhere, and the place where it is asked is silent."""
    refuse_the_socket(client, "tcp")
    assert file.of("refresh_location") == [()]
    client.runtime.token_refresh_failed(file.id, False, 4309, "no location")
    client.run()
    assert file.of("error") == []
    return 4309


FAULTS = {
    "token, HTTP 5xx": (token_request_fails(4350), True),
    "token, time-out": (token_request_fails(4309), True),
    "location": (location_request_fails, False),
    "no connection": (connecting_fails("tcp", 0, 1034), True),
    "no name": (connecting_fails("resolve", 0, 1034), True),
    "TLS": (connecting_fails("tls", 0, 1042), True),
    "websocket, HTTP 5xx": (connecting_fails("http", 503, 1030), True),
    "connecting, time-out": (connecting_takes_too_long, True),
}


@pytest.mark.parametrize("direction", KINDS)
@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_errors_that_are_not_fatal(fault: str, cancels: bool, direction: str) -> None:
    fail, verified = FAULTS[fault]
    client = Client()
    file = client.open(cancel_waits=cancels, verified=verified)
    file.commit(CHANGESET, 1)
    wait = client.wait(file, direction)
    status = fail(client, file)
    assert outcomes(file) == ({wait: status} if cancels else {})
    # The session goes on in any case, and so do waits that nobody has cancelled.
    assert client.runtime.snapshot(file.id)[0] == ACTIVE
    later = client.wait(file, direction)
    heal(client)
    assert outcomes(file) == {wait: status if cancels else 0, later: 0}


@pytest.mark.parametrize("direction", KINDS)
@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("status", [4350, 4309])
def test_a_token_that_the_session_waits_for(status: int, cancels: bool, direction: str) -> None:
    """Its request may fail: the server has the last word about the old one, and waits go on."""
    client = Client()
    file = client.open(cancel_waits=cancels, verified=True)
    client.runtime.force_close(file.id)
    client.run()
    client.runtime.revive(file.id, token_expired=True)
    file.commit(CHANGESET, 1)
    wait = client.wait(file, direction)
    assert client.runtime.snapshot(file.id)[0] == WAITING
    client.runtime.token_refresh_failed(file.id, False, status, "no token")
    client.run()
    assert outcomes(file) == {} and client.runtime.snapshot(file.id)[0] == ACTIVE
    client.connect()
    serve(client)
    assert outcomes(file) == {wait: 0}


@pytest.mark.parametrize("direction", KINDS)
def test_a_token_that_is_refused(direction: str) -> None:
    """Waits fail with that also between the refusal and the log-out, and after it."""
    client, file = online()
    file.commit(CHANGESET, 1)
    waits = [client.wait(file, direction)]
    client.runtime.token_refresh_failed(file.id, True, 4346, "refused")
    waits.append(client.wait(file, direction))
    client.runtime.log_out("u")
    waits.append(client.wait(file, direction))
    assert file.of("wait") == [(wait, 4346, "refused") for wait in waits]
    assert [error["code"] for (error,) in file.of("error")] == [4346]
    client.runtime.set_access_token("u", "of the next log-in")
    later = client.wait(file, direction)
    serve(client)
    assert outcomes(file)[later] == 0


@pytest.mark.parametrize("cancels", [False, True])
def test_lost_connections_cancel_nothing(cancels: bool) -> None:
    client = Client()
    file = client.open(cancel_waits=cancels, verified=True)
    client.connect()
    client.bind(file)
    client.take()
    wait = client.wait(file, "download")
    client.runtime.closed(client.socket, None, "", client.now)
    client.run()
    assert outcomes(file) == {} and file.of("error") == []
    heal(client)
    client.sleep(60_000)  # a PING goes out, and nothing comes back
    client.take()
    later = client.wait(file, "download")
    client.sleep(120_000)
    assert client.closed and outcomes(file) == {wait: 0}
    heal(client)
    assert outcomes(file) == {wait: 0, later: 0}


def test_a_suspension_for_good_ends_with_resume() -> None:
    client, file = online()
    client.error(1, 206, False, "Warning")
    assert client.heads() == ["unbind 1"]
    client.runtime.resume(file.id)
    wait = client.wait(file, "download")
    serve(client)
    assert outcomes(file) == {wait: 0}


# MARK (5.2)


def test_an_unanswered_mark_is_sent_again_after_a_cut() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    assert client.heads() == ["mark 1 2"]
    client.runtime.closed(client.socket, None, "", client.now)
    client.sleep(1_000)
    client.connect()
    assert client.heads() == ["bind 1 3 0 0 0", "ident 1 7 99 0 0 0 0", "mark 1 2"]
    client.receive(download(1))
    assert outcomes(file) == {}
    client.receive("mark 1 2\n")
    assert outcomes(file) == {wait: 0}


@pytest.mark.parametrize("stale", [0, 1])
def test_the_echo_of_an_older_mark_is_refused(stale: int) -> None:
    client, file = online()
    client.wait(file, "download")
    client.take()
    client.runtime.closed(client.socket, None, "", client.now)
    client.sleep(1_000)
    client.connect()
    client.take()
    client.receive(download(1))
    client.receive(f"mark 1 {stale}\n")
    ((error,),) = file.of("error")
    assert error["code"] == 1038 and "MARK" in error["message"]


def test_only_the_newest_mark_counts() -> None:
    client, file = online()
    old = client.wait(file, "download")
    assert client.heads() == ["mark 1 2"]
    new = client.wait(file, "download")
    client.receive("mark 1 2\n")
    assert outcomes(file) == {}
    assert client.heads() == ["mark 1 3"]
    client.receive("mark 1 3\n")
    assert [number for number, *_ in file.of("wait")] == [new, old]


# Uploads (5.1)


@pytest.mark.parametrize("is_online", [False, True])
def test_empty_commits_do_not_block_an_upload_wait(is_online: bool) -> None:
    client, file = online()
    if not is_online:
        client.runtime.closed(client.socket, None, "", client.now)
        client.run()
    for timestamp in range(3):
        file.commit(b"", timestamp)
    wait = client.wait(file, "upload")
    assert outcomes(file) == {wait: 0} and client.heads() == []


def test_empty_commits_behind_a_change_need_no_acknowledgement() -> None:
    client, file = online()
    version = file.commit(CHANGESET, 1)
    file.commit(b"", 2)
    wait = client.wait(file, "upload")
    client.take()
    assert outcomes(file) == {}
    client.receive(download(1, ucv=version))
    assert outcomes(file) == {wait: 0}
