"""Which connections a server keeps, and whose address is whose."""

from __future__ import annotations

import pytest

from realmsync.server.addresses import Proxies, is_loopback, neighbourhood
from realmsync.server.config import HttpLimits
from realmsync.server.connections import (
    Accepted,
    ConnectionLimits,
    Connections,
    connection_limits,
)


class Crowd:
    """Connections of a server with room for six, three of an address."""

    def __init__(self, *shared: str) -> None:
        limits = ConnectionLimits(
            http=6, http_per_address=3, websockets=4, websockets_per_address=2
        )
        self.connections = Connections(limits, lambda address: address in shared)
        self.closed: list[str] = []

    def come(self, name: str, address: str) -> Accepted | None:
        if not self.connections.make_room(address):
            return None
        accepted = Accepted(address)
        accepted.close = lambda: self.closed.append(name)
        self.connections.add(accepted)
        return accepted


def test_the_longest_silent_one_of_an_address_gives_way() -> None:
    crowd = Crowd()
    first = [crowd.come(name, "10.0.0.1") for name in "abc"]
    assert first[0] is not None
    crowd.connections.works(first[0])
    crowd.connections.waits_for_client(first[0])  # has been answered: now the least silent
    assert crowd.come("d", "10.0.0.1")
    assert crowd.closed == ["b"]
    assert crowd.come("other", "10.0.0.2")
    assert crowd.closed == ["b"]
    assert crowd.connections.http == 4


def test_an_address_that_waits_for_the_server_gets_no_more() -> None:
    crowd = Crowd()
    for name in "abc":
        accepted = crowd.come(name, "10.0.0.1")
        assert accepted is not None
        crowd.connections.works(accepted)
    assert crowd.come("d", "10.0.0.1") is None
    assert crowd.come("e", "10.0.0.2")
    assert crowd.closed == []


def test_the_longest_silent_one_of_all_gives_way() -> None:
    crowd = Crowd()
    for number in range(7):
        assert crowd.come(str(number), f"10.0.0.{number}")
    assert crowd.closed == ["0"]


def test_operators_come_in_when_all_wait_for_the_server() -> None:
    crowd = Crowd()
    for number in range(6):
        accepted = crowd.come(str(number), f"10.0.0.{number}")
        assert accepted is not None
        crowd.connections.works(accepted)
    assert crowd.come("stranger", "10.0.0.9") is None
    assert crowd.come("operator", "127.0.0.1")
    assert crowd.closed == []


def test_a_proxy_is_not_one_address() -> None:
    crowd = Crowd("10.0.0.1")
    for name in "abcde":
        assert crowd.come(name, "10.0.0.1")
    assert crowd.closed == []


def test_websockets_leave_room_for_http() -> None:
    crowd = Crowd()
    websockets = [crowd.come(str(n), f"10.0.0.{n}") for n in range(4)]
    for number, websocket in enumerate(websockets):
        assert websocket is not None
        client = f"10.1.0.{number // 2}"
        assert crowd.connections.may_be_websocket(client)
        crowd.connections.becomes_websocket(websocket, client)
        assert crowd.connections.may_be_websocket(client) == (number == 0 or number == 2)
    assert not crowd.connections.may_be_websocket("10.2.0.1")
    assert (crowd.connections.http, crowd.connections.websockets) == (0, 4)
    for websocket in websockets:
        assert websocket is not None
        crowd.connections.remove(websocket)
        crowd.connections.remove(websocket)  # whoever notices tells it
    assert crowd.connections.websockets == 0
    assert crowd.connections.may_be_websocket("10.1.0.0")


@pytest.mark.parametrize("descriptors", [64, 256, 1024, 20_000, 1 << 20])
def test_limits_fit_into_the_descriptors(descriptors: int) -> None:
    limits = connection_limits(HttpLimits(), descriptors)
    assert limits.http + limits.websockets <= descriptors
    assert 0 < limits.http_per_address <= limits.http
    assert limits.websockets_per_address <= limits.websockets


def test_ipv6_is_counted_by_its_networks() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("::ffff:10.0.0.1") == neighbourhood("10.0.0.1") == "10.0.0.1"
    assert neighbourhood("nobody") == "nobody"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "[::1]"])
def test_loopback(address: str) -> None:
    assert is_loopback(address)
    assert not is_loopback("10.0.0.1")
    assert not is_loopback("localhost")


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),  # the first one is the client's claim
        ("127.0.0.1", "203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, unknown", "127.0.0.1"),
        ("127.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("203.0.113.5", "127.0.0.1", "203.0.113.5"),
    ],
)
def test_only_proxies_name_clients(peer: str, header: str, client: str) -> None:
    assert Proxies({"127.0.0.1", "10.0.0.0/8"}).client_of(peer, header) == client
