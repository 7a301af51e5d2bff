"""When the next attempt is made: growing delays, what ends them, what the server asks for, and news
of the network (client-session.md 3.4, 9.1 to 9.5, 9.7 and 10.4). The clock is virtual."""

from __future__ import annotations

import pytest

from client_driver import ACTIVE, Client, File, download, online


def pings(client: Client) -> list[str]:
    return [head for head in client.heads() if head.startswith("ping")]


def pong(client: Client, ping: str) -> None:
    client.receive(f"pong {ping.split()[1]}\n")


def to_deadline(client: Client) -> None:
    deadline = client.runtime.deadline()
    assert deadline is not None
    client.sleep(deadline - client.now)


def is_offline(client: Client, file: File) -> bool:
    return client.runtime.snapshot(file.id)[1] == "disconnected"


def due(client: Client, file: File) -> int | None:
    delay: int | None = client.runtime.situation(file.id)["next_attempt_ms"]
    return delay


# delays


def test_backoff_series_and_reconnect() -> None:
    client = Client(reconnect_jitter_divisor=0)
    file = client.open(verified=True)
    for step in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        count = len(client.sockets)
        client.fail()
        client.sleep(step * 1000 - 1)
        assert len(client.sockets) == count
        client.sleep(1)
        assert len(client.sockets) == count + 1
    client.fail()
    count = len(client.sockets)
    client.runtime.reconnect(file.id)
    client.run()
    assert len(client.sockets) == count + 1


def test_success_does_not_reset_the_series() -> None:
    client, _ = online(reconnect_jitter_divisor=0)
    for step in (1, 2, 4):
        client.cut()
        count = len(client.sockets)
        client.sleep(step * 1000 - 1)
        assert len(client.sockets) == count
        client.sleep(1)
        client.connect()


def test_resume_cuts_the_delay() -> None:
    client, file = online()
    sibling = client.open('"q"')
    client.cut()
    assert len(client.sockets) == 1
    client.runtime.pause(file.id)
    client.runtime.resume(file.id)
    client.run()
    assert len(client.sockets) == 2
    assert client.runtime.snapshot(sibling.id)[1] == "connecting"


@pytest.mark.parametrize("multiplexing", [True, False])
def test_a_connection_that_is_made_anew(multiplexing: bool) -> None:
    """Shared ones leave their delays to their successors, others do not (8.1)."""
    client = Client(multiplexing=multiplexing, reconnect_jitter_divisor=0)
    file = client.open(verified=True)
    for _ in range(3):
        client.fail()
        client.sleep(due(client, file) or 0)
    client.fail()  # 8 s
    client.runtime.force_close(file.id)
    client.run()
    other = client.open('"other"', verified=True)
    assert due(client, other) == (16_000 if multiplexing else None)
    assert is_offline(client, other) == multiplexing


def test_another_reason_begins_anew() -> None:
    client = Client(reconnect_jitter_divisor=0)
    file = client.open(verified=True)
    for failure, delay in [("tcp", 1), ("tcp", 2), ("tls", 1), ("tls", 2), ("tcp", 1)]:
        client.fail(failure)
        assert due(client, file) == delay * 1000
        client.sleep(delay * 1000)


def test_jitter_takes_a_quarter_at_most() -> None:
    delays = set()
    for seed in range(200):
        client = Client(seed)
        file = client.open(verified=True)
        client.fail()
        delays.add(due(client, file))
    assert min(delays) < 800 and max(delays) > 950
    assert all(750 <= delay <= 1000 for delay in delays if delay is not None)


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


SERVERS = {"backoffIntervalSec": 900, "backoffMaxDelaySec": 2_000, "backoffMultiplier": 2}


def test_the_server_gives_the_delays_of_a_connection() -> None:
    """They hold for their trigger: the same again goes on, whatever it gives (9.2, 9.3)."""
    client, file = online(reconnect_jitter_divisor=0)
    other = SERVERS | {"backoffIntervalSec": 5}
    for given, delay in ((SERVERS, 900_000), (other, 1_800_000), (other, 2_000_000)):
        client.error(0, 101, True, "Transient", **given)
        assert is_offline(client, file) and due(client, file) == delay
        client.sleep(delay - 1)
        count = len(client.sockets)
        client.sleep(1)
        assert len(client.sockets) == count + 1
        client.connect()
    client.cut()  # another reason: our own delays
    assert due(client, file) == 1_000


def test_jitter_of_delays_that_the_server_gives() -> None:
    delays = set()
    for seed in range(100):
        client = Client(seed)
        file = client.open()
        client.connect()
        client.error(0, 101, True, "Transient", **SERVERS)
        delays.add(due(client, file))
    assert all(675_000 <= delay <= 900_000 for delay in delays if delay is not None)
    assert len(delays) > 50


@pytest.mark.parametrize(
    ("given", "delay"),
    [
        ({"backoffIntervalSec": 0}, None),  # at once
        ({"backoffIntervalSec": -5}, None),
        ({"backoffIntervalSec": 2**62}, 86_400_000),
        ({"backoffIntervalSec": 10, "backoffMultiplier": 0}, 10_000),
    ],
)
def test_nonsense_as_a_delay(given: dict[str, int], delay: int | None) -> None:
    client, file = online(reconnect_jitter_divisor=0)
    client.error(0, 101, True, "Transient", **(SERVERS | given))
    assert due(client, file) == delay
    assert is_offline(client, file) == (delay is not None)


# requests to reconnect (9.5)


def test_reconnect_request_on_a_healthy_link() -> None:
    client, file = online()
    client.runtime.reconnect(file.id)
    client.run()
    (ping,) = client.heads()
    client.receive(f"pong {ping.split()[1]}\n")
    client.cut()
    assert len(client.sockets) == 1  # healthy: the delay applies


def test_reconnect_request_on_a_dead_link() -> None:
    client, file = online()
    client.runtime.reconnect(file.id)
    client.run()
    client.take()
    client.cut()
    assert len(client.sockets) == 2


@pytest.mark.parametrize("healthy", [True, False])
def test_reconnect_request_while_connecting(healthy: bool) -> None:
    """The attempt goes on; the link is checked at once, and should it fail, there is no delay."""
    client = Client()
    file = client.open(verified=True)
    client.runtime.reconnect(file.id)
    client.run()
    assert len(client.sockets) == 1 and client.closed == []
    if not healthy:
        client.fail()
        assert len(client.sockets) == 2
        client.fail()  # the request has had its attempt
        assert len(client.sockets) == 2 and (due(client, file) or 0) > 0
        return
    client.connect()
    client.sleep(0)
    (ping,) = pings(client)
    pong(client, ping)
    client.cut()
    assert len(client.sockets) == 1 and due(client, file) is not None


def test_reconnect_request_during_a_ping() -> None:
    """Only the PONG to one that was sent later shows that the link is healthy."""
    client, file = online()
    client.sleep(60_000)
    (ping,) = client.heads()
    client.runtime.reconnect(file.id)
    client.run()
    assert client.heads() == []
    client.receive(f"pong {ping.split()[1]}\n")
    client.sleep(0)
    (urgent,) = client.heads()
    assert urgent.startswith("ping")
    client.cut()
    assert len(client.sockets) == 2  # at once: it had not been answered


@pytest.mark.parametrize("session", [0, 1])
def test_reconnect_request_in_a_delay_of_the_server(session: int) -> None:
    client, file = online(reconnect_jitter_divisor=0)
    client.error(session, 101 if session == 0 else 201, True, "Transient", **SERVERS)
    client.take()
    assert due(client, file) == 900_000
    client.sleep(1_000)
    client.runtime.reconnect(file.id)
    client.run()
    if session == 0:
        assert len(client.sockets) == 2
        client.connect()
    assert "bind 1 3 0 0 0" in client.heads()
    assert client.runtime.snapshot(file.id)[:2] == (ACTIVE, "connected")


def test_reconnect_request_while_suspended_for_good() -> None:
    client, file = online()
    client.error(1, 206, False, "Warning")
    client.take()
    assert due(client, file) is None
    client.runtime.reconnect(file.id)
    client.run()
    assert "bind 1 3 0 0 0" in client.heads()
    assert client.runtime.snapshot(file.id)[:2] == (ACTIVE, "connected")


# the heartbeat (9.7)


def test_the_first_ping_is_spread_over_a_period() -> None:
    times = []
    for seed in range(300):
        client = Client(seed)
        client.open()
        client.connect()
        client.heads()
        start = client.now
        while not pings(client):
            to_deadline(client)
        times.append(client.now - start)
    assert 0 <= min(times) < 2_000 and 58_000 < max(times) <= 60_000
    assert 25_000 < sum(times) / len(times) < 35_000


def test_what_a_ping_says_and_when_the_next_one_is_due() -> None:
    """The last round-trip time, which also shortens the pause to the next one (9.7)."""
    client, _ = online()
    client.sleep(60_000)
    (first,) = pings(client)
    assert first.split()[2] == "0"
    client.sleep(50_000)
    pong(client, first)
    client.sleep(10_000)  # at most: of a period of 54 to 60 s
    (second,) = pings(client)
    assert int(second.split()[2]) >= 50_000
    client.sleep(70_000)
    pong(client, second)
    client.sleep(0)  # longer than a period: at once
    (third,) = pings(client)
    pong(client, third)
    client.cut()
    client.sleep(2_000)
    client.connect()
    client.sleep(60_000)
    (after,) = pings(client)
    assert after.split()[2] == "0"


def test_a_dead_link_is_noticed() -> None:
    """The socket is open, nobody is behind it: it goes a period and a time-out later at most."""
    client, file = online(reconnect_jitter_divisor=0)
    wait = client.wait(file, "download")
    start = client.now
    while not is_offline(client, file):
        to_deadline(client)
        client.take()
        silence = client.runtime.situation(file.id)["unanswered_ms"]
        assert silence is None or 0 <= silence <= 120_000
    assert client.now - start <= 180_000
    assert client.closed == [1] and file.of("error") == []
    assert due(client, file) == 1_000
    client.sleep(1_000)
    client.connect()
    assert [head.split()[0] for head in client.heads()] == ["bind", "ident", "mark"]
    client.receive(download(1))
    client.receive("mark 1 2\n")
    assert file.of("wait") == [(wait, 0, "")]


# news of the network


def hint(client: Client) -> None:
    client.runtime.notify_network_change()
    client.run()


def test_news_of_the_network_end_a_delay() -> None:
    client = Client(reconnect_jitter_divisor=0)
    first, second = client.open('"a"', verified=True), client.open('"b"', user="v", verified=True)
    for socket in list(client.sockets):
        client.runtime.connect_failed(socket, "tcp", 0, "", client.now)
    client.run()
    assert is_offline(client, first) and is_offline(client, second)
    hint(client)
    assert len(client.sockets) == 4  # both connections
    client.fail()
    assert due(client, second) == 1_000  # the series has begun anew


def test_news_of_the_network_check_an_open_link() -> None:
    client, file = online()
    hint(client)
    (ping,) = pings(client)
    pong(client, ping)
    client.sleep(30_000)
    hint(client)
    client.take()
    client.cut()
    assert len(client.sockets) == 2 and not is_offline(client, file)


def test_news_of_the_network_do_not_change_the_servers_mind() -> None:
    for code, again, delay in ((101, True, 900_000), (113, False, None)):
        client, file = online(reconnect_jitter_divisor=0)
        client.error(0, code, again, "Transient" if again else "Warning", **SERVERS)
        hint(client)
        assert is_offline(client, file) and due(client, file) == delay
        client.runtime.reconnect(file.id)  # the application's order does
        client.run()
        assert not is_offline(client, file)
    client, file = online(reconnect_jitter_divisor=0)
    client.error(1, 201, True, "Transient", **SERVERS)
    client.take()
    hint(client)
    assert due(client, file) == 900_000
    assert not any(head.startswith("bind") for head in client.heads())


@pytest.mark.parametrize("asked", ["reconnect", "hint"])
@pytest.mark.parametrize(("code", "again", "delay"), [(101, True, 900_000), (113, False, None)])
def test_an_error_answers_whether_the_link_is_alive(
    asked: str, code: int, again: bool, delay: int | None
) -> None:
    """As well as a PONG: what is asked for after the question, counts."""
    client, file = online(reconnect_jitter_divisor=0)
    if asked == "hint":
        hint(client)
    else:
        client.runtime.reconnect(file.id)
        client.run()
    assert len(pings(client)) == 1
    client.error(0, code, again, "Transient" if again else "Warning", **SERVERS)
    assert is_offline(client, file) and due(client, file) == delay
    assert len(client.sockets) == 1


def test_a_loop_of_news_does_not_hammer_the_server() -> None:
    client = Client(reconnect_jitter_divisor=0)
    file = client.open(verified=True)
    client.fail()
    for _ in range(600):  # one a second for ten minutes
        hint(client)
        if not is_offline(client, file):
            client.fail()
        client.sleep(1_000)
        if not is_offline(client, file):
            client.fail()
    assert len(client.sockets) <= 5 * 20 + 2


def test_news_in_between_count_at_the_end_of_the_interval() -> None:
    client, _ = online()
    hint(client)
    (ping,) = pings(client)
    pong(client, ping)  # the next one by itself is due in 54 s
    client.sleep(10_000)
    for _ in range(100):
        hint(client)
    client.sleep(19_999)
    assert pings(client) == []
    client.sleep(1)
    (ping,) = pings(client)
    pong(client, ping)
    client.sleep(30_000)
    assert pings(client) == []


def test_news_of_the_network_to_nobody() -> None:
    client = Client()
    hint(client)
    assert client.runtime.deadline() is None
    file = client.open(verified=True)
    client.fail()
    hint(client)  # the first that counts
    assert not is_offline(client, file)
