"""Whose address a connection or a request comes from, behind proxies too.

A proxy that is trusted names its client in X-Forwarded-For; from anybody else the header means
nothing. What is limited per address goes by these.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_address(text: str) -> Address | None:
    """An IP address, with IPv4 inside of IPv6 unwrapped; None when it is none."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def is_loopback(text: str) -> bool:
    """Whether an address is this machine's own."""
    address = parse_address(text)
    return address is not None and address.is_loopback


def neighbourhood(text: str) -> str:
    """What counts as one address: of IPv6 the first half, since one host may have all of a /64."""
    address = parse_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return text if address is None else str(address)


class Proxies:
    """The proxies that are believed. `trusted` are addresses or networks, "*" is everybody."""

    def __init__(self, trusted: Collection[str]) -> None:
        self._everybody = "*" in trusted
        self._networks = [ipaddress.ip_network(t, strict=False) for t in trusted if t != "*"]

    def is_trusted(self, text: str) -> bool:
        """Whether a proxy may stand at this address."""
        if self._everybody:
            return True
        address = parse_address(text)
        return address is not None and any(address in network for network in self._networks)

    def client_of(self, peer: str, forwarded_for: str) -> str:
        """The client's address: the last one in X-Forwarded-For that is no trusted proxy's.

        That of the peer when it is no proxy.
        """
        client = peer
        for name in reversed(forwarded_for.split(",")):
            address = parse_address(name)
            if address is None or not self.is_trusted(client):
                break
            client = str(address)
        return client


def is_network(text: str) -> bool:
    """Whether this names addresses that Proxies can trust."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text == "*"
    return True
