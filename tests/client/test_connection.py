"""Connections: multiplexing, timers, reconnecting, classification of failures
(client-session.md 8 and 9, wire-protocol.md 13). The clock is virtual."""

from __future__ import annotations

import pytest

from client_driver import (
    ACTIVE,
    CHANGESET,
    URL,
    Client,
    download,
    online,
)
from realmsync._testbed import connection_count


def test_sessions_of_a_user_share_a_connection() -> None:
    client = Client()
    for partition in ('"a"', '"b"', '"c"'):
        client.open(partition)
    client.open('"d"', user="other")
    assert len(client.sockets) == 2 and connection_count(client.runtime) == 2


def test_other_settings_are_another_connection() -> None:
    client = Client()
    for partition, settings in (('"a"', "x"), ('"b"', "y"), ('"c"', "x")):
        client.open(partition, connection_settings=settings)
    assert len(client.sockets) == 2
    assert client.owners == [1, 2]


def test_a_connection_is_asked_for_by_a_session_that_is_there() -> None:
    client, first = online()
    second = client.open('"q"')
    client.runtime.force_close(first.id)
    client.run()
    client.cut()
    client.sleep(1_000)
    assert client.owners == [first.id, second.id]


@pytest.mark.parametrize(("scheme", "port"), [("ws", 80), ("wss", 443)])
def test_default_ports(scheme: str, port: int) -> None:
    client = Client()
    client.open('"a"', url=f"{scheme}://host/path")
    client.open('"b"', url=f"{scheme}://host:{port}/path")
    assert len(client.sockets) == 1
    client.open('"c"', url=f"{scheme}://host:{port + 1}/path")
    client.open('"d"', url=f"{'ws' if scheme == 'wss' else 'wss'}://host:{port}/path")
    assert len(client.sockets) == 3


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


@pytest.mark.parametrize(("gap", "fast"), [(60_000, True), (60_001, False)])
def test_fast_reconnect(gap: int, fast: bool) -> None:
    client, file = online()
    client.cut()
    client.sleep(5_000)  # the attempt has begun
    file.commit(CHANGESET, 1)
    client.sleep(gap - 5_000)
    client.connect()
    heads = [h.split()[0] for h in client.heads()]
    assert heads == (["bind", "ident", "upload"] if fast else ["bind", "ident", "mark"])


def test_new_token_ends_the_delay_and_is_used() -> None:
    client, _ = online()
    client.cut(4001)
    client.runtime.set_access_token("u", "fresh")
    client.run()
    assert client.urls[-1].endswith("?baas_at=fresh")


def test_who_joins_gives_the_next_attempt_its_token() -> None:
    """And its path, but no socket of its own (8.2)."""
    client, file = online()
    client.open('"q"', url=URL + "-elsewhere", token="fresh")
    assert len(client.sockets) == 1
    client.cut()
    client.runtime.reconnect(file.id)
    client.run()
    assert client.urls == [f"{URL}?baas_at=token", f"{URL}-elsewhere?baas_at=fresh"]


def test_late_news_of_a_given_up_socket_are_ignored() -> None:
    client, file = online()
    client.cut()
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
    client.cut()
    assert all(client.runtime.snapshot(f.id)[1] == "disconnected" for f in files)
