"""How a failed or closed socket is classified (client-session.md 9.9), row by row: what is told and
asked for, which waits fail, and that everything is tried again. The clock is virtual."""

from __future__ import annotations

import pytest

from client_driver import (
    ACTIVE,
    CHANGESET,
    INACTIVE,
    Client,
    File,
    download,
    idle_changeset,
    numbers,
    online,
    words,
)

TOKEN, PLACE, LOG_OUT = "refresh_token", "refresh_location", "log_out"
CLOSED, CONNECT, TIMEOUT, INVARIANT, NEGOTIATION, TLS, AUTH = (
    *(1030, 1034, 1035, 1038, 1039, 1042),
    4346,
)


def told(file: File) -> list[tuple[int, bool]]:
    """Code and fatality of every error."""
    return [(facts["code"], facts["is_fatal"]) for (facts,) in file.of("error")]


def asked(file: File) -> list[str]:
    return [event[0] for event in file.events if event[0] in (TOKEN, PLACE, LOG_OUT)]


def failed_waits(file: File) -> list[int]:
    return [number for number, status, _ in file.of("wait") if status]


def bound(*, cancels: bool) -> tuple[Client, File]:
    client = Client()
    file = client.open(verified=True, cancel_waits=cancels)
    client.connect()
    client.bind(file)
    client.take()
    return client, file


NOT_KNOWN = [1001, 1002, 1003, 1004, 1005, 1007, 1008, 1010, 1012, 1013, 1014, 4000, 4004, 4999]
CLOSES: dict[int | None, tuple[int | None, str | None]] = {  # error told and not fatal, asked for
    None: (None, None),  # without a close frame
    1000: (None, None),
    **dict.fromkeys(NOT_KNOWN, (INVARIANT, None)),
    1006: (None, TOKEN),
    1011: (CLOSED, None),
    1015: (TLS, None),
    4001: (None, TOKEN),
    4003: (None, PLACE),
}


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("code", CLOSES)
def test_closed(code: int | None, cancels: bool) -> None:
    status, request = CLOSES[code]
    client, file = bound(cancels=cancels)
    wait = client.wait(file, "download")
    client.cut(code)
    assert told(file) == ([] if status is None else [(status, False)])
    assert asked(file) == ([] if request is None else [request])
    # Waits outlive what the session outlives, unless non-fatal errors that are told end them.
    assert failed_waits(file) == ([wait] if cancels and status is not None else [])
    assert client.runtime.snapshot(file.id)[0] == ACTIVE
    assert file.of("connection")[-1] == ("disconnected", "connected")
    client.sleep(1_000)
    assert len(client.sockets) == 2


def test_closed_for_a_user_who_is_locked_out() -> None:
    client, file = online()
    wait = client.wait(file, "download")
    client.cut(4002)
    assert told(file) == [(AUTH, True)] and asked(file) == [LOG_OUT]
    assert failed_waits(file) == [wait]
    assert client.runtime.snapshot(file.id)[0] == INACTIVE
    client.sleep(1_000_000)
    assert len(client.sockets) == 1


# Failure and HTTP status; what it is on a verified route, and on one that nobody knows to be right:
# error told or None, whether it is fatal, what is asked for.
Outcome = tuple[int | None, bool, str | None]
UNVERIFIED: Outcome = (None, False, PLACE)
OTHER: tuple[Outcome, Outcome] = ((CONNECT, True, None), UNVERIFIED)


def either(status: int | None, fatal: bool, request: str | None) -> tuple[Outcome, Outcome]:
    """The route makes no difference."""
    return (status, fatal, request), (status, fatal, request)


ATTEMPTS: dict[tuple[str, int], tuple[Outcome, Outcome]] = {
    ("resolve", 0): ((CONNECT, False, None), UNVERIFIED),
    ("tcp", 0): ((CONNECT, False, None), UNVERIFIED),
    ("timeout", 0): ((TIMEOUT, False, None), UNVERIFIED),
    ("tls", 0): either(TLS, False, None),
    **dict.fromkeys([("http", status) for status in (301, 308)], either(None, False, PLACE)),
    **dict.fromkeys(
        [("http", status) for status in (300, 302, 303, 307)], either(CLOSED, False, None)
    ),
    ("http", 401): either(None, False, TOKEN),
    ("http", 403): either(AUTH, True, LOG_OUT),
    **dict.fromkeys(
        [("http", status) for status in (500, 502, 503, 504, 599)], either(CLOSED, False, None)
    ),
    # 0: no HTTP, or a bad answer to the handshake
    **dict.fromkeys(
        [("http", status) for status in (0, 200, 204, 400, 402, 404, 407, 410, 429)], OTHER
    ),
    ("protocol", 101): either(NEGOTIATION, True, None),
}


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize(("failure", "http"), ATTEMPTS)
def test_failed_attempt(failure: str, http: int, verified: bool, cancels: bool) -> None:
    status, fatal, request = ATTEMPTS[failure, http][not verified]
    client = Client()
    file = client.open(verified=verified, cancel_waits=cancels)
    wait = client.wait(file, "download")
    client.fail(failure, http)
    assert told(file) == ([] if status is None else [(status, fatal)])
    assert asked(file) == ([] if request is None else [request])
    assert failed_waits(file) == ([wait] if fatal or (cancels and status is not None) else [])
    if http == 403:
        assert client.runtime.snapshot(file.id)[0] == INACTIVE
        return
    # Fatal ends the waits and nothing else.
    assert client.runtime.snapshot(file.id)[0] == ACTIVE
    client.sleep(1_000)
    assert len(client.sockets) == 2
    client.connect()
    assert client.runtime.snapshot(file.id)[1] == "connected"
    assert client.runtime.end(file.id) is None


def test_what_a_failed_attempt_says() -> None:
    texts: dict[tuple[str, int], str] = {
        ("tcp", 0): "Failed to connect to sync: because",
        ("tls", 0): "TLS handshake failed: because",
        ("timeout", 0): "Sync connection was not fully established in time",
        ("http", 404): "Failed to connect to sync: HTTP 404: because",
        ("http", 403): "Websocket was closed because of an authentication issue: HTTP 403: because",
        ("http", 503): "HTTP 503: because",
    }
    for (failure, http), text in texts.items():
        client = Client()
        file = client.open(verified=True)
        client.fail(failure, http)
        assert [facts["message"] for (facts,) in file.of("error")] == [text]


def test_an_error_without_a_reason_ends_with_none() -> None:
    texts: dict[tuple[str, int], str] = {
        ("tls", 0): "TLS handshake failed",
        ("tcp", 0): "Failed to connect to sync",
    }
    for (failure, http), text in texts.items():
        client = Client()
        file = client.open(verified=True)
        client.fail(failure, http, "")
        assert [facts["message"] for (facts,) in file.of("error")] == [text]


@pytest.mark.parametrize("verified", [True, False])
def test_watchdog(verified: bool) -> None:
    """The engine has one of its own, should the transport never answer."""
    client = Client()
    file = client.open(verified=verified)
    client.sleep(119_999)
    assert client.closed == []
    client.sleep(1)
    assert client.closed == [1]
    assert told(file) == ([(TIMEOUT, False)] if verified else [])
    assert asked(file) == ([] if verified else [PLACE])


def test_a_connection_verifies_its_route() -> None:
    client = Client()
    file = client.open(verified=False)
    client.fail()
    assert asked(file) == [PLACE] and told(file) == []
    client.sleep(1_000)
    client.connect()
    client.cut()
    client.sleep(1_000)
    client.fail()
    assert asked(file) == [PLACE] and told(file) == [(CONNECT, False)]


@pytest.mark.parametrize(
    "subprotocol",
    [
        "",  # missing
        "com.mongodb.realm-sync",
        "com.mongodb.realm-sync#",
        "com.mongodb.realm-sync#x",
        "com.mongodb.realm-sync#14x",
        "com.mongodb.realm-sync# 14",
        "com.mongodb.realm-sync#+14",
        "com.mongodb.realm-sync#-14",
        "com.mongodb.realm-sync#99999999999999999999",
        "com.mongodb.realm-sync#0",
        "com.mongodb.realm-sync#1",
        "com.mongodb.realm-sync#15",
        "com.mongodb.realm-query-sync#14",
        "query-sync#14",
        "COM.MONGODB.REALM-SYNC#14",
    ],
)
def test_bad_subprotocol(subprotocol: str) -> None:
    client = Client()
    file = client.open(verified=True)
    wait = client.wait(file, "download")
    client.runtime.connected(client.socket, subprotocol, client.now)
    client.run()
    assert told(file) == [(NEGOTIATION, True)] and failed_waits(file) == [wait]
    assert client.closed == [1]
    assert client.runtime.snapshot(file.id)[:2] == (ACTIVE, "disconnected")
    client.sleep(1_000)
    assert len(client.sockets) == 2


@pytest.mark.parametrize("version", range(2, 15))
def test_good_subprotocol(version: int) -> None:
    client = Client()
    file = client.open()
    client.runtime.connected(client.socket, f"com.mongodb.realm-sync#{version}", client.now)
    client.run()
    assert client.runtime.snapshot(file.id)[1] == "connected"


def test_pong_time_out_and_lost_sockets_cancel_nothing() -> None:
    """Transient errors return before the setting is looked at (5.6)."""
    client, file = bound(cancels=True)
    client.wait(file, "download")
    client.sleep(60_000)
    assert any(head.startswith("ping") for head in client.heads())
    client.sleep(120_000)
    assert client.closed == [1]
    client.sleep(1_000)
    client.cut()  # in the middle of the next handshake
    assert file.of("wait") == [] and told(file) == [] and asked(file) == []


def test_a_socket_that_ends_in_the_handshake() -> None:
    """It was read from: a read error, whether the route is verified or not (9.9)."""
    for settings in ({"verified": True}, {"verified": False}):
        client = Client()
        file = client.open(cancel_waits=True, **settings)
        client.wait(file, "download")
        client.cut()
        assert file.of("wait") == [] and told(file) == [] and asked(file) == []
        client.sleep(1_000)
        assert len(client.sockets) == 2


def test_what_the_server_refuses_for_its_size_is_kept_back_alone() -> None:
    """1009 is about one message: its session ends, and says which upload; the other goes on.

    SDKs reset every file of the connection.
    """
    client = Client()
    small, large = client.open('"a"'), client.open('"b"')
    client.connect()
    client.take()
    for ident in (1, 2):
        client.receive(f"ident {ident} {ident + 10} 99\n")
    client.take()
    for ident in (1, 2):
        client.receive(download(ident))
        client.receive(f"mark {ident} 1\n")
    client.take()
    wait = client.wait(large, "upload")
    small.commit(CHANGESET, 1)
    client.run()
    version = large.commit(idle_changeset(1_500), 1)
    client.run()
    assert sorted(words(m)[0] for m in client.take()) == ["upload", "upload"]
    small.commit(CHANGESET, 1)  # after it: the last one sent is not the largest
    client.run()
    client.take()
    client.cut(1009)
    ((error,),) = large.of("error")
    assert error["code"] == 3018 and error["is_fatal"] and not error["client_reset"]
    assert f"the upload up to version {version}" in error["message"]
    assert client.runtime.snapshot(large.id)[0] == INACTIVE
    assert [event[0] for event in large.of("wait")] == [wait]
    assert small.of("error") == [] and client.runtime.snapshot(small.id)[0] == ACTIVE
    client.sleep(1_000)
    client.connect()
    assert {numbers(message)[0] for message in client.take()} == {1}
    client.runtime.resume(large.id)  # the server may take more now
    client.run()
    assert {numbers(message)[0] for message in client.take()} == {3}


def test_a_refused_size_without_an_upload() -> None:
    """Nothing tells whose message it was: as SDKs take it."""
    client, file = online()
    client.cut(1009)
    assert file.of("error") == [] and len(file.of("reset_required")) == 1
