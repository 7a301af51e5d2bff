"""A world from a seed: devices with real realm files, our server with its real database, and a bad
network between them, on one virtual clock.

A run has two parts. In the first everything may go wrong at any time: connections are slow, half
open, cut at any byte; processes and machines stop, also in the middle of a write; clocks jump;
users pause, log out, close and open. In the second all of it is well again, and within an hour of
virtual time everybody has to have everything, exactly once (client-session.md 5,
server-behaviour.md 7.7).
All along, a wait that has succeeded has to have told the truth (device.py).
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from realmsync import _testbed
from simulation.device import BrokenPromiseError, Device, Replica
from simulation.network import Link, Weather
from told import told

HOUR = 3_600_000
BUSY = 200_000  # events of one run; more are a loop
APP = "app"
# What happens in every few worlds, or they test nothing; and what does in every few hundred.
OUTCOMES = ["cuts", "failed commits", "uploads", "downloads", "waits aborted", "errors"]
RARE = ["failed commits that stayed"]


class World:
    def __init__(self, seed: int, steps: int = 60) -> None:
        self.seed, self.steps = seed, steps
        self.random = random.Random(f"world {seed}")
        self.now = 1_000
        self.counts: Counter[str] = Counter()
        self.trace: list[str] = []
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._events = self._tokens = 0
        self.links: list[Link] = []
        self._draw_options()
        self.storage = _testbed.ServerStorage(seed, self.random.choice([4, 64, 8192]))
        self.is_well = self.is_server_up = False
        self.start_server()
        self.visible: dict[str, set[int]] = {p: set() for p in self.partitions}
        self.devices = [Device(self, n, self.partitions) for n in range(self.population)]

    def _draw_options(self) -> None:
        """What kind of world it is: many different ones find more than an average one."""
        chance = self.random
        self.population = chance.randint(2, 4)
        self.partitions = ['"a"', '"b"'][: chance.randint(1, 2)]
        self.multiplexing = chance.random() < 0.5
        self.is_slow = chance.random() < 0.3
        self.client_tuning = chance.choice(
            [{}, {"upload_soft_bytes": 100}, {"fast_reconnect_limit_ms": 0, "linger_ms": 1_000}]
        )
        self.server_tuning = chance.choice(
            [{}, {"page_bytes": 60, "shared_page_bytes": 60}, {"commit_jobs": 1}]
        )
        self.faults = {name: chance.choice([0, 1, 1, 5]) for name in FAULTS}
        self.users = {name: chance.choice([1, 5, 20]) for name in USERS}
        # Misfortunes come in pairs: who has just come back stops again.
        self.pairs = chance.choice([0.0, 0.5, 0.9])
        self.roughness = chance.choice([0.0, 0.2, 0.6])  # of the weather

    def next_token(self) -> int:
        self._tokens += 1
        return self._tokens

    # time

    def at(self, time: int, action: Callable[[], None]) -> None:
        self._events += 1
        heapq.heappush(self._queue, (max(time, self.now), self._events, action))

    def run(self, ms: int, until: Callable[[], bool] = lambda: False) -> None:
        end = self.now + ms
        self._settle()
        while not until():
            time = self._next_time()
            if time is None or time > end:
                self.now = end
                break
            self.now = max(self.now, time)
            while self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
                if self._events > BUSY:
                    raise BrokenPromiseError("does not come to rest")
            self._settle()
        self._settle()

    def _next_time(self) -> int | None:
        times = [self._queue[0][0]] if self._queue else []
        for device in self.devices:
            if device.is_running and (due := device.process.runtime.deadline()) is not None:
                times.append(max(due, device.asleep_until))
        if self.is_server_up and (due := self.server.deadline()) is not None:
            times.append(due)
        return min(times, default=None)

    def _settle(self) -> None:
        """Until nobody has anything to do at this moment."""
        moved = True
        while moved:
            for device in self.devices:
                if device.is_awake():
                    device.run()
            self._run_server()
            moves = sum(link.carry() for link in self.links)
            moved = moves != 0
            self._events += moves
            if self._events > BUSY:
                raise BrokenPromiseError("does not come to rest")
        self.links = [link for link in self.links if not link.is_gone()]

    # the server

    def start_server(self) -> None:
        self.server = _testbed.start_server(
            self.storage, seed=self.random.getrandbits(31), tuning=self.server_tuning
        )
        self.is_server_up = True

    def stop_server(self, power: bool) -> None:
        """Kills it, or takes its machine's power. Some clients are not told."""
        self.is_server_up = False
        self._end_faults()
        if power:
            self.storage.cut_power(self.random.choice([0, self.random.getrandbits(63)]))
        else:
            self.storage.kill()
        self.at(self.now + self.random.choice([0, 1_000, 60_000]), self.restart_server)
        for link in self.links:
            link.connection = None
            link.up.end()
            if self.random.random() < 0.8:
                self.at(self.now + self.random.choice([0, 50, 5_000]), link.lost_at_client)

    def _end_faults(self) -> None:
        for end in (self.storage.doom, self.storage.fail_write, self.storage.fail_sync):
            end(0)

    def restart_server(self) -> None:
        if not self.is_server_up:
            self.start_server()
            if self.again():
                power, server = self.random.random() < 0.7, self.server

                def stop() -> None:
                    if self.is_server_up and self.server is server and not self.is_well:
                        self.stop_server(power)

                self.at(self.now + self.random.choice([50, 1_000, 3_000, 10_000]), stop)

    def again(self) -> bool:
        return not self.is_well and self.random.random() < self.pairs

    def accept(self, link: Link) -> int:
        return self.server.open_connection(
            APP, link.device.user, "com.mongodb.realm-sync#14", self.now
        )

    def _run_server(self) -> None:
        if not self.is_server_up:
            return
        for event in map(told, self.server.drain(self.now)):
            if event[0] in ("drop", "close"):
                for link in self.links:
                    if link.connection == event[1] and link.server is self.server:
                        self._end_at_server(link, event)
            elif event[0] == "storage_failed":
                self.stop_server(power=self.random.random() < 0.3)
                return

    def _end_at_server(self, link: Link, event: tuple[Any, ...]) -> None:
        link.carry()
        connection = link.connection
        link.closed_by_server(event[2] if event[0] == "close" and event[2] else None)
        if connection is not None:
            self.server.closed(connection, self.now)

    # connections

    def dial(self, device: Device, socket: int) -> None:
        self.links.append(Link(self, device, socket, self._weather()))

    def close(self, device: Device, socket: int) -> None:
        for link in self.links:
            if link.device is device and link.socket == socket and link.client_end != "over":
                link.carry()
                link.closed_by_client()

    def hang_up(self, device: Device) -> None:
        """The device's process is gone; the server may hear of it late."""
        for link in self.links:
            if link.device is device:
                link.client_end = "over"
                link.down.end()
                delay = self.random.choice([0, 50, 5_000, None])
                if delay is not None:
                    self.at(self.now + delay, link.lost_at_server)

    def _weather(self) -> Weather:
        chance, weather = self.random, Weather()
        if self.is_well or chance.random() >= self.roughness:
            return weather
        weather.delay = chance.choice([0, 5, 300, 20_000])
        weather.rate = chance.choice([1, 40, 1 << 20, 1 << 20, 1 << 20])
        weather.refusal = chance.choice(["", "", "", "", "", "tcp", "http", "silence"])
        weather.status = chance.choice([401, 503])
        weather.cut_up, weather.cut_down = (
            chance.choice([None, None, chance.randrange(400), chance.randrange(3_000)])
            for _ in range(2)
        )
        weather.client_learns = chance.choice([0, 0, 30_000, None])
        weather.server_learns = chance.choice([0, 0, 30_000, None])
        return weather

    # what happens

    def step(self) -> None:
        chance = self.random
        kinds = self.users | self.faults
        (name,) = chance.choices(list(kinds), list(kinds.values()))
        device = chance.choice(self.devices)
        self.trace.append(f"{self.now} ms: {name}, device {device.number}")
        self.counts[name] += 1
        (USERS | FAULTS)[name](self, device)
        for other in self.devices:
            if other.is_awake():
                other.run()
                other.check_explanations()
        self.run(chance.choice([0, 0, 1, 30, 1_000, 10_000, 200_000]))

    def make(self) -> None:
        """The whole run; raises BrokenPromiseError, or what the product raises."""
        for _ in range(self.steps):
            self.step()
        self.end()

    # the end

    def end(self) -> None:
        """All becomes well, and then everybody has to have everything."""
        self.heal()
        self._wait_for_all("upload")
        self._wait_for_all("download")
        self._check_end()

    def heal(self) -> None:
        self.trace.append(f"{self.now} ms: everything is well again")
        self.is_well, self.is_slow = True, False
        self._end_faults()
        self.restart_server()
        for device in self.devices:
            if device.is_doomed and device.is_running:
                device.stop(power=self.random.random() < 0.5)
            if not device.is_running:
                device.start()
            device.asleep_until = 0
            device.log_in()
            for replica in device.replicas:
                device.open(replica)
                if replica.file is not None:
                    device.process.runtime.resume(replica.file.id)
        for link in self.links:
            link.heal()
        self.run(0)

    def _wait_for_all(self, direction: str) -> None:
        for device in self.devices:
            for replica in device.replicas:
                if replica.file is None:  # its session has just come to its end
                    device.open(replica)
                device.wait(replica, direction)
        everybody = [(d, r) for d in self.devices for r in d.replicas]
        self.run(HOUR, until=lambda: not any(r.waits for _, r in everybody))
        for device, replica in everybody:
            if replica.waits:
                reason = device.explain(replica)
                raise BrokenPromiseError(f"{device.name(replica)}: {direction} hangs: {reason}")

    def _check_end(self) -> None:
        newcomer = Device(self, len(self.devices), self.partitions)
        self.devices.append(newcomer)
        self._wait_for_all("download")
        for p, partition in enumerate(self.partitions):
            replicas = [device.replicas[p] for device in self.devices]
            self._check_tokens(partition, replicas)
            objects = [_testbed.objects(replica.storage.file) for replica in replicas]
            if objects[1:] != objects[:-1]:
                raise BrokenPromiseError(f"{partition}: the replicas differ: {objects}")

    def _check_tokens(self, partition: str, replicas: list[Replica]) -> None:
        found = replicas[-1].tokens()
        written = set().union(*(replica.written for replica in replicas))
        doubtful = set().union(*(replica.in_doubt for replica in replicas))
        lost = sorted(written - found.keys())
        doubled = sorted(token for token, count in found.items() if count != 1)
        invented = sorted(found.keys() - written - doubtful)
        if lost or doubled or invented:
            raise BrokenPromiseError(f"{partition}: {lost=} {doubled=} {invented=}")
        added = sum(replica.added for replica in replicas)
        shared = replicas[-1].things().get(0, {"count": 0})
        if shared["count"] != added:
            raise BrokenPromiseError(f"{partition}: counted {shared['count']}, added {added}")


# What users do: to a device, or to one of its files.


def _write(world: World, device: Device) -> None:
    replica = world.random.choice(device.replicas)
    if device.is_running and device.is_awake():
        for _ in range(world.random.choice([1, 1, 1, 4])):
            device.write(replica)


def _wait(direction: str) -> Callable[[World, Device], None]:
    def wait(world: World, device: Device) -> None:
        if device.is_awake():
            device.wait(world.random.choice(device.replicas), direction)

    return wait


def _with_session(use: Callable[[Any, int], None]) -> Callable[[World, Device], None]:
    def act(world: World, device: Device) -> None:
        replica = world.random.choice(device.replicas)
        if device.is_awake() and replica.file is not None:
            use(device.process.runtime, replica.file.id)

    return act


def _log_out_or_in(world: World, device: Device) -> None:
    if device.is_awake():
        (device.log_out if device.is_logged_in else device.log_in)()


def _hear_of_network(world: World, device: Device) -> None:
    if device.is_awake():
        device.process.runtime.notify_network_change()


def _close_or_open(world: World, device: Device) -> None:
    if device.is_awake():
        replica = world.random.choice(device.replicas)
        is_open = replica.file is not None and not replica.is_closing
        (device.close if is_open else device.open)(replica)


USERS: dict[str, Callable[[World, Device], None]] = {
    "write": _write,
    "wait for the upload": _wait("upload"),
    "wait for the download": _wait("download"),
    "pause": _with_session(lambda runtime, id: runtime.pause(id)),
    "resume": _with_session(lambda runtime, id: runtime.resume(id)),
    "reconnect": _with_session(lambda runtime, id: runtime.reconnect(id)),
    "news of the network": _hear_of_network,
    "log out or in": _log_out_or_in,
    "close or open": _close_or_open,
}

# What goes wrong.


def _stop_device(world: World, device: Device) -> None:
    if device.is_running:
        device.stop(power=world.random.random() < 0.5)
    else:
        device.start()


def _doom_device(world: World, device: Device) -> None:
    """One of its disks fails at a write or a sync, and soon after all of it stops."""
    if device.is_running and not device.is_doomed:
        device.is_doomed = True
        replica = world.random.choice(device.replicas)
        if world.random.random() < 0.3:
            replica.storage.fail_sync()
        else:
            replica.storage.doom(world.random.randrange(1, 12))
        if device.is_awake():
            device.write(replica)

        device.stop_later(world.random.choice([0, 100, 5_000]), power=world.random.random() < 0.3)


def _sleep(world: World, device: Device) -> None:
    device.asleep_until = world.now + world.random.choice([500, 10_000, 400_000])


def _stop_server(world: World, device: Device) -> None:
    if world.is_server_up:
        world.stop_server(power=world.random.random() < 0.5)


def _doom_server(world: World, device: Device) -> None:
    if world.is_server_up:
        world.storage.doom(world.random.randrange(1, 25))


def _fail_storage(world: World, device: Device) -> None:
    chance, storage = world.random, world.storage
    if not world.is_server_up:
        return
    match chance.randrange(5):
        case 0:
            storage.fail_commit(stored=chance.random() < 0.5)
        case 1:
            storage.fail_append()
        case 2:
            storage.fail_page()
        case _:
            chance.choice([storage.fail_write, storage.fail_sync])(chance.randrange(1, 20))


def _jump_clocks(world: World, device: Device) -> None:
    device.skew += world.random.choice([-1, 1]) * world.random.choice([1_000, HOUR, 9_000 * HOUR])
    world.storage.jump_clock(world.random.choice([-1, 1]) * world.random.choice([1_000, HOUR]))


def _cut(world: World, device: Device) -> None:
    for link in world.links:
        if link.device is device:
            chance = world.random
            link.weather.client_learns = chance.choice([0, 0, 30_000, None])
            link.weather.server_learns = chance.choice([0, 0, 30_000, None])
            link.break_off()


def _lose_tail(world: World, device: Device) -> None:
    """A cut at one of the next bytes, in one direction or in both."""
    for link in world.links:
        if link.device is device:
            for pipe in world.random.sample([link.up, link.down], world.random.randint(1, 2)):
                pipe.cut_at = pipe.sent + world.random.randrange(600)


def _half_open(world: World, device: Device) -> None:
    for link in world.links:
        if link.device is device:
            for pipe in world.random.sample([link.up, link.down], world.random.randint(1, 2)):
                pipe.stall()


def _clog(world: World, device: Device) -> None:
    """The same for a while, after which all of it arrives: also what an old connection has left."""
    _half_open(world, device)
    for link in world.links:
        if link.device is device:
            for pipe in (link.up, link.down):
                world.at(world.now + world.random.choice([100, 20_000]), pipe.go_on)


FAULTS: dict[str, Callable[[World, Device], None]] = {
    "a process or a device stops, or starts": _stop_device,
    "a device stops in the middle of a write": _doom_device,
    "a process sleeps": _sleep,
    "the server stops": _stop_server,
    "the server stops in the middle of a write": _doom_server,
    "the server's storage fails": _fail_storage,
    "clocks jump": _jump_clocks,
    "cut": _cut,
    "cut at a byte": _lose_tail,
    "half open": _half_open,
    "clogged": _clog,
}
