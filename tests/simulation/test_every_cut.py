"""A small conversation of two clients with the server, cut at each byte that the first one sends
and at each that it is sent: whatever the ends know of the cut, all arrives once (client-session.md
9, server-behaviour.md 20)."""

from __future__ import annotations

import pytest

from simulation.device import Device
from simulation.network import Link, Weather
from simulation.world import HOUR, World

# What the client and the server learn of a cut, in ms: at once, later, or nothing.
KNOWN: list[tuple[int | None, int | None]] = [(0, 0), (0, 30_000), (30_000, 0), (None, None)]


class Conversation(World):
    """The first connection of the first device is cut; nothing else goes wrong."""

    def __init__(self, cut: Weather) -> None:
        self.first: Link | None = None
        self.cut = cut
        super().__init__(seed=1)

    def _draw_options(self) -> None:
        self.population, self.partitions = 2, ['"p"']
        self.multiplexing, self.is_slow = True, False
        self.client_tuning, self.server_tuning = {}, {}
        self.pairs = self.roughness = 0.0

    def dial(self, device: Device, socket: int) -> None:
        is_first = self.first is None and device.number == 0
        link = Link(self, device, socket, self.cut if is_first else Weather(1))
        if is_first:
            self.first = link
        self.links.append(link)

    def talk(self) -> None:
        first, second = self.devices
        for device in (first, second, first):
            (replica,) = device.replicas
            device.write(replica)
            device.wait(replica, "upload")
            self.run(50)
            device.wait(replica, "download")
            self.run(HOUR, until=lambda replica=replica: not replica.waits)
            assert not replica.waits


def length(direction: str) -> int:
    """Of the conversation that is not cut, in bytes."""
    world = Conversation(Weather(1))
    world.talk()
    assert world.first is not None
    return (world.first.up if direction == "up" else world.first.down).sent


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_cut_at_every_byte(direction: str, scale: int) -> None:
    bytes = length(direction)
    assert bytes > 400, "three changes, and what goes with them"
    for byte in range(bytes):
        # All four with `--long`; else in turn, so that every message has them.
        for known in KNOWN if scale > 1 else [KNOWN[byte % len(KNOWN)]]:
            up, down = (byte, None) if direction == "up" else (None, byte)
            weather = Weather(1, 1 << 20, "", 0, up, down, *known)
            world = Conversation(weather)
            try:
                world.talk()
                world.end()
            except Exception as error:
                raise AssertionError(
                    f"cut at byte {byte}, {direction}, known after {known} ms"
                ) from error
            assert world.counts["cuts"] >= 1
