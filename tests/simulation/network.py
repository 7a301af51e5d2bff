"""The network of a simulated world, with everything that networks do wrong.

Connections are two pipes, each in order and without loss, as TCP is: what varies is when something
arrives, how much of it before a cut, and which end learns of the cut when, if ever. Messages arrive
with their last byte. Time and order are the world's (world.py); which faults strike is decided
there, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from client_driver import PROTOCOL

if TYPE_CHECKING:
    from simulation.device import Device
    from simulation.world import World

ROOM = 1 << 16  # bytes that may be on their way in one direction: the buffers of both ends
FRAME = 6  # bytes of a frame around a message


@dataclass
class Weather:
    """What a connection will be like. Times in ms, sizes in bytes."""

    delay: int = 5
    rate: int = 1 << 20  # bytes per second
    refusal: str = ""  # of the attempt: tcp, http; "silence": never answered
    status: int = 0  # of the HTTP response that refuses it
    cut_up: int | None = None  # position in the stream at which it is cut
    cut_down: int | None = None
    client_learns: int | None = 0  # how long after a cut; None: by nothing but silence
    server_learns: int | None = 0


class Pipe:
    """One direction of a connection."""

    def __init__(
        self, world: World, weather: Weather, cut_at: int | None, take: Callable[[bytes], None]
    ) -> None:
        self._world, self._weather, self._take = world, weather, take
        self._waiting: deque[bytes] = deque()  # on their way, the next first
        self._free_at = 0
        self.sent = 0  # bytes
        self.cut_at = cut_at
        self.on_cut: Callable[[], None] = lambda: None
        self.busy_until: Callable[[], int] = lambda: 0  # the receiver reads nothing before
        self.is_stalled = self.is_over = False

    @property
    def idle_at(self) -> int:
        """When everything sent so far will have arrived."""
        return max(self._world.now, self._free_at) + self._weather.delay

    def has_room(self) -> bool:
        return not self.is_over and sum(map(len, self._waiting)) < min(
            ROOM, 64 + self._weather.rate
        )

    def send(self, message: bytes) -> None:
        start = max(self._world.now, self._free_at)
        self._free_at = start + (len(message) + FRAME) * 1000 // self._weather.rate
        self._waiting.append(message)
        self.sent += len(message) + FRAME
        is_cut = self.cut_at is not None and self.cut_at < self.sent
        self._world.at(self._free_at + self._weather.delay, self._cut if is_cut else self._arrive)

    def stall(self) -> None:
        """Half-open: whoever sends goes on, and nothing arrives any more."""
        self.is_stalled = True

    def go_on(self) -> None:
        if self.is_stalled:
            self.is_stalled = False
            for _ in self._waiting:
                self._world.at(self._world.now, self._arrive)

    def _cut(self) -> None:
        self.is_over = True
        self.on_cut()

    def end(self) -> None:
        """Nothing that is on its way arrives any more."""
        self.is_over = True
        self._waiting.clear()

    def _arrive(self) -> None:
        if self.is_over or self.is_stalled or not self._waiting:
            return
        if (ready := self.busy_until()) > self._world.now:
            self._world.at(ready, self._arrive)
        else:
            self._take(self._waiting.popleft())


class Link:
    """One attempt of a client to connect, and the connection that comes of it."""

    def __init__(self, world: World, device: Device, socket: int, weather: Weather) -> None:
        self.world, self.device, self.socket, self.weather = world, device, socket, weather
        self.process = device.process
        self.server = world.server
        self.connection: int | None = None  # at the server, while that has it open
        self.client_end = "dialing"  # then open, then over
        self.up = Pipe(world, weather, weather.cut_up, self._at_server)
        self.down = Pipe(world, weather, weather.cut_down, self._at_client)
        self.up.on_cut = self.down.on_cut = self.break_off
        self.down.busy_until = lambda: device.asleep_until
        if weather.refusal != "silence":
            world.at(world.now + weather.delay, self._reach_server)

    # connecting

    def _reach_server(self) -> None:
        if self.client_end == "over":
            return
        if self.weather.refusal or not self.world.is_server_up:
            self.world.at(self.world.now + self.weather.delay, self._refuse)
            return
        self.server = self.world.server
        self.connection = self.world.accept(self)
        self.world.at(self.world.now + self.weather.delay, self._connected)

    def _refuse(self) -> None:
        if self.client_end == "dialing":
            self.client_end = "over"
            failure = self.weather.refusal or "tcp"
            self.process.runtime.connect_failed(
                self.socket, failure, self.weather.status, "refused", self.world.now
            )
            self.device.wake()

    def _connected(self) -> None:
        if self.client_end == "dialing":
            self.client_end = "open"
            self.process.runtime.connected(self.socket, PROTOCOL, self.world.now)
            self.device.wake()

    # messages

    def carry(self) -> bool:
        """Lets each end send what there is room for. Whether anything was sent."""
        moved = False
        now = self.world.now
        if self.client_end == "open" and self.device.is_awake():
            while self.up.has_room() or self.up.is_over:
                message = self.process.runtime.next_message(self.socket, now)
                if message is None:
                    break
                moved = True
                if not self.up.is_over:  # else it is lost, as nobody has noticed the cut yet
                    self.up.send(message)
        if self.connection is not None:
            while self.down.has_room() or self.down.is_over:
                message = self.server.next_message(self.connection, now)
                if message is None:
                    break
                moved = True
                if not self.down.is_over:
                    self.down.send(message)
        return moved

    def _at_server(self, message: bytes) -> None:
        if self.connection is not None:
            self.server.receive(self.connection, message, self.world.now)

    def _at_client(self, message: bytes) -> None:
        if self.client_end == "open":
            self.process.runtime.receive(self.socket, message, self.world.now)
            self.device.wake()

    # ends

    def break_off(self) -> None:
        """Nothing passes any more; the ends learn of it as the weather says."""
        self.world.counts["cuts"] += 1
        self.up.end()
        self.down.end()
        now = self.world.now
        if self.weather.client_learns is not None:
            self.world.at(now + self.weather.client_learns, self.lost_at_client)
        if self.weather.server_learns is not None:
            self.world.at(now + self.weather.server_learns, self.lost_at_server)

    def lost_at_client(self, code: int | None = None) -> None:
        if self.client_end != "open":
            return
        if not self.device.is_awake():
            self.world.at(self.device.asleep_until, lambda: self.lost_at_client(code))
        else:
            self.client_end = "over"
            self.down.end()
            self.process.runtime.closed(self.socket, code, "cut", self.world.now)
            self.device.wake()

    def lost_at_server(self) -> None:
        if self.connection is not None:
            connection, self.connection = self.connection, None
            self.up.end()
            self.server.closed(connection, self.world.now)

    def closed_by_client(self) -> None:
        """What it has sent before still arrives, unless the link is cut."""
        self.client_end = "over"
        self.down.end()
        if not self.up.is_over and not self.up.is_stalled:
            self.world.at(self.up.idle_at, self.lost_at_server)

    def closed_by_server(self, code: int | None) -> None:
        """The same in the other direction."""
        self.connection = None
        self.up.end()
        if not self.down.is_over and not self.down.is_stalled:
            self.world.at(self.down.idle_at, lambda: self.lost_at_client(code))

    def heal(self) -> None:
        """What was held back arrives; a cut that nobody was told of is told."""
        if self.up.is_over or self.down.is_over or self.weather.refusal == "silence":
            self._tell_all()
        self.up.cut_at = self.down.cut_at = None
        self.up.go_on()
        self.down.go_on()

    def _tell_all(self) -> None:
        self._refuse()
        self.lost_at_client()
        self.lost_at_server()

    def is_gone(self) -> bool:
        return self.connection is None and self.client_end == "over"
