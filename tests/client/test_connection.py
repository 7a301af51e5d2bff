"""Connections: multiplexing, timers, reconnecting, classification of failures
(client-session.md 8 and 9, wire-protocol.md 13). The clock is virtual."""

from __future__ import annotations

import pytest

from client_driver import (
    ACTIVE,
    CHANGESET,
    INACTIVE,
    Client,
    download,
    idle_changeset,
    numbers,
    online,
    words,
)
from realmsync._testbed import connection_count


def cut(client: Client, code: int | None = None) -> None:
    client.runtime.closed(client.socket, code, "gone", client.now)
    client.run()


def test_sessions_of_a_user_share_a_connection() -> None:
    client = Client()
    for partition in ('"a"', '"b"', '"c"'):
        client.open(partition)
    client.open('"d"', user="other")
    assert len(client.sockets) == 2 and connection_count(client.runtime) == 2


def test_without_multiplexing() -> None:
    client = Client(multiplexing=False)
    first = client.open('"a"')
    client.open('"b"')
    assert len(client.sockets) == 2
    assert client.runtime.enable_multiplexing(True) is False
    client.connect()
    client.runtime.pause(first.id)
    client.run()
    assert connection_count(client.runtime) == 2 or client.closed == [client.sockets[0]]
    client.sleep(2_000)
    assert client.sockets[1] not in client.closed


def test_turns_are_fair() -> None:
    client = Client()
    files = [client.open(f'"{n}"') for n in range(3)]
    client.connect()
    assert client.heads() == [f"bind {n} 3 0 1 0" for n in (1, 2, 3)]
    for n in (1, 2, 3):
        client.receive(f"ident {n} 7 9\n")
    # One message per turn each.
    assert [h.split()[0] for h in client.heads()] == ["ident"] * 3 + ["mark"] * 3
    assert all(client.runtime.snapshot(f.id)[2] == 7 for f in files)


def test_linger_and_reuse() -> None:
    client, file = online()
    client.runtime.pause(file.id)
    client.run()
    assert client.heads() == ["unbind 1"]
    client.receive("unbound 1\n")
    client.sleep(29_000)
    client.runtime.resume(file.id)
    client.run()
    assert len(client.sockets) == 1
    assert client.heads() == ["bind 2 3 0 0 0", "ident 2 7 99 0 0 0 0", "mark 2 1"]
    client.runtime.pause(file.id)
    client.run()
    client.take()
    client.receive("unbound 2\n")
    client.sleep(30_000)
    assert client.closed == [1] and connection_count(client.runtime) == 0
    client.runtime.resume(file.id)
    client.run()
    assert len(client.sockets) == 2  # at once: the end was voluntary


def test_backoff_series_and_reconnect() -> None:
    client = Client(reconnect_jitter_divisor=0)
    file = client.open(verified=True)
    for step in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        count = len(client.sockets)
        client.runtime.connect_failed(client.socket, "tcp", 0, "refused", client.now)
        client.run()
        client.sleep(step * 1000 - 1)
        assert len(client.sockets) == count
        client.sleep(1)
        assert len(client.sockets) == count + 1
    client.runtime.connect_failed(client.socket, "tcp", 0, "refused", client.now)
    client.run()
    count = len(client.sockets)
    client.runtime.reconnect(file.id)
    client.run()
    assert len(client.sockets) == count + 1


def test_success_does_not_reset_the_series() -> None:
    client, _ = online(reconnect_jitter_divisor=0)
    for step in (1, 2, 4):
        cut(client)
        count = len(client.sockets)
        client.sleep(step * 1000 - 1)
        assert len(client.sockets) == count
        client.sleep(1)
        client.connect()


def test_resume_cuts_the_delay() -> None:
    client, file = online()
    sibling = client.open('"q"')
    cut(client)
    assert len(client.sockets) == 1
    client.runtime.pause(file.id)
    client.runtime.resume(file.id)
    client.run()
    assert len(client.sockets) == 2
    assert client.runtime.snapshot(sibling.id)[1] == "connecting"


def test_connect_timeout() -> None:
    client = Client()
    file = client.open(verified=True)
    client.sleep(119_999)
    assert client.closed == []
    client.sleep(1)
    assert client.closed == [1]
    assert file.of("error")[0][0]["code"] == 1035


def test_heartbeat() -> None:
    client, _ = online()
    sent = []
    for _ in range(6):
        for _ in range(61):
            client.sleep(1_000)
            pings = [h for h in client.heads() if h.startswith("ping")]
            if pings:
                sent.append(client.now)
                client.sleep(200)
                client.receive(f"pong {pings[0].split()[1]}\n")
                assert int(pings[0].split()[2]) in (0, 200)
    assert len(sent) >= 5
    assert all(53_000 <= b - a <= 62_000 for a, b in zip(sent[1:], sent[2:], strict=False))


def test_missing_pong() -> None:
    client, file = online()
    client.sleep(60_000)
    assert client.heads()[0].startswith("ping")
    client.sleep(120_000)
    assert client.closed == [1]
    assert file.of("error") == []
    assert file.of("connection")[2] == ("disconnected", "connected")


def test_wrong_pong() -> None:
    client, file = online()
    client.sleep(60_000)
    client.take()
    client.receive("pong 1\n")
    assert file.of("error")[0][0]["code"] == 1038


def test_reconnect_request_on_a_healthy_link() -> None:
    client, file = online()
    client.runtime.reconnect(file.id)
    client.run()
    (ping,) = client.heads()
    client.receive(f"pong {ping.split()[1]}\n")
    cut(client)
    assert len(client.sockets) == 1  # healthy: the delay applies


def test_reconnect_request_on_a_dead_link() -> None:
    client, file = online()
    client.runtime.reconnect(file.id)
    client.run()
    client.take()
    cut(client)
    assert len(client.sockets) == 2


@pytest.mark.parametrize(("gap", "fast"), [(60_000, True), (60_001, False)])
def test_fast_reconnect(gap: int, fast: bool) -> None:
    client, file = online()
    cut(client)
    client.sleep(5_000)  # the attempt has begun
    file.commit(CHANGESET, 1)
    client.sleep(gap - 5_000)
    client.connect()
    heads = [h.split()[0] for h in client.heads()]
    assert heads == (["bind", "ident", "upload"] if fast else ["bind", "ident", "mark"])


CLOSES = [  # code, status, fatal, reported, what else
    (None, None, False, None),
    (1000, None, False, None),
    (1002, 1038, False, None),
    (1006, None, False, "refresh_token"),
    (1011, 1030, False, None),
    (1015, 1042, False, None),
    (4001, None, False, "refresh_token"),
    (4002, 4346, True, "log_out"),
    (4003, None, False, "refresh_location"),
    (4999, 1038, False, None),
]


@pytest.mark.parametrize(("code", "status", "fatal", "request_"), CLOSES)
def test_close_codes(
    code: int | None, status: int | None, fatal: bool, request_: str | None
) -> None:
    client, file = online()
    cut(client, code)
    errors = [e[0] for e in file.of("error")]
    assert [e["code"] for e in errors] == ([] if status is None else [status])
    assert all(e["is_fatal"] is fatal for e in errors)
    asked = {e[0] for e in file.events} & {"refresh_token", "refresh_location", "log_out"}
    assert asked == ({request_} if request_ else set())
    assert client.runtime.snapshot(file.id)[0] == (INACTIVE if code == 4002 else ACTIVE)


FAILURES = [  # failure, HTTP status, verified, status, fatal, what else
    ("tcp", 0, True, 1034, False, None),
    ("tcp", 0, False, None, False, "refresh_location"),
    ("resolve", 0, False, None, False, "refresh_location"),
    ("tls", 0, True, 1042, False, None),
    ("http", 301, True, None, False, "refresh_location"),
    ("http", 302, True, 1030, False, None),
    ("http", 401, True, None, False, "refresh_token"),
    ("http", 403, True, 4346, True, "log_out"),
    ("http", 503, True, 1030, False, None),
    ("http", 404, True, 1034, True, None),
    ("http", 404, False, None, False, "refresh_location"),
    ("protocol", 101, True, 1039, True, None),
]


@pytest.mark.parametrize(("failure", "http", "verified", "status", "fatal", "request_"), FAILURES)
def test_failed_attempts(
    failure: str, http: int, verified: bool, status: int | None, fatal: bool, request_: str | None
) -> None:
    client = Client()
    file = client.open(verified=verified)
    wait = client.wait(file, "download")
    client.runtime.connect_failed(client.socket, failure, http, "because", client.now)
    client.run()
    errors = [e[0] for e in file.of("error")]
    assert [e["code"] for e in errors] == ([] if status is None else [status])
    asked = {e[0] for e in file.events} & {"refresh_token", "refresh_location", "log_out"}
    assert asked == ({request_} if request_ else set())
    assert [w[0] for w in file.of("wait")] == ([wait] if fatal else [])
    client.sleep(1_000)
    assert len(client.sockets) == (1 if http == 403 else 2)  # it keeps trying


def test_server_says_do_not_reconnect() -> None:
    client, file = online()
    client.error(0, 113, False, "Warning")
    client.sleep(1_000_000)
    assert len(client.sockets) == 1
    client.runtime.reconnect(file.id)
    client.run()
    assert len(client.sockets) == 2


def test_server_says_later() -> None:
    client, _ = online(reconnect_jitter_divisor=0)
    client.error(0, 100, True, "Transient")
    client.sleep(999)
    assert len(client.sockets) == 1
    client.sleep(1)
    assert len(client.sockets) == 2


def test_bad_subprotocol() -> None:
    client = Client()
    file = client.open()
    client.runtime.connected(client.socket, "com.mongodb.realm-sync#15", client.now)
    client.run()
    assert file.of("error")[0][0]["code"] == 1039


def test_new_token_ends_the_delay_and_is_used() -> None:
    client, _ = online()
    cut(client, 4001)
    client.runtime.set_access_token("u", "fresh")
    client.run()
    assert client.urls[-1].endswith("?baas_at=fresh")


def test_late_news_of_a_given_up_socket_are_ignored() -> None:
    client, file = online()
    cut(client)
    client.runtime.receive(client.sockets[0], download(1), client.now)
    client.runtime.closed(client.sockets[0], 4002, "", client.now)
    client.run()
    assert client.runtime.snapshot(file.id)[0] == ACTIVE


def test_reading_pauses_above_the_backlog() -> None:
    # Inline workers leave no backlog, so the pause and its end come together.
    client, _ = online(download_backlog_bytes=4)
    client.receive(download(1, dsv=1, body=b"1 0 1 3 0 0 "))
    assert [e[0] for e in client.other if e[0] != "writable"] == [
        "pause_reading",
        "resume_reading",
    ]


def test_thousand_sessions() -> None:
    client = Client()
    files = [client.open(f'"{n}"') for n in range(1_000)]
    client.connect()
    assert len(client.heads()) == 1_000
    for n in range(1, 1_001):
        client.receive(f"ident {n} 7 9\n")
    assert len(client.heads()) == 2_000
    assert connection_count(client.runtime) == 1
    cut(client)
    assert all(client.runtime.snapshot(f.id)[1] == "disconnected" for f in files)


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
    cut(client, 1009)
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
    cut(client, 1009)
    assert file.of("error") == [] and len(file.of("reset_required")) == 1
