"""A device of a simulated world: disks with realm files, and a process that synchronises them,
which may sleep, die and come back. It knows what its user has written and what its waits have
promised (client-session.md 5), and checks it when a wait ends and when a file is opened again. What
is done to it, and when, is decided in world.py."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from client_driver import INACTIVE, PAUSED, Client, File
from instructions import add_column, add_table, changeset, create, erase, insert, on, update
from realmsync import _testbed
from realmsync.errors import StorageError
from realmsync.sync.explanation import explain

if TYPE_CHECKING:
    from simulation.world import World

CLASS = (
    add_table("Thing"),
    add_column("Thing", "name", 3, nullable=True),
    add_column("Thing", "count"),
    add_column("Thing", "tokens", 1, collection=1),
    add_column("Thing", "notes", 1, collection=1),
)
SHARED = 0  # key of the object that is never erased
KEYS = 5  # of those that come and go
# What may end a wait but success: paused, logged out or closed.
ABORTED = 1027


class BrokenPromiseError(AssertionError):
    """The product has not kept what it says."""


def plain(thing: Any) -> Any:
    """Without the types of its integers."""
    match thing:
        case dict() if "$numberLong" in thing:
            return int(thing["$numberLong"])
        case dict():
            return {name: plain(value) for name, value in thing.items()}
        case list():
            return [plain(value) for value in thing]
    return thing


@dataclass
class Wait:
    """Of an upload: what it makes visible. Of a download: what it has to show."""

    direction: str
    tokens: frozenset[int]


@dataclass
class Replica:
    """One realm file of a device, whose session may have ended."""

    partition: str
    storage: _testbed.ClientStorage
    file: File | None = None
    waits: dict[int, Wait] = field(default_factory=dict)
    written: set[int] = field(default_factory=set)  # tokens whose commit has returned
    in_doubt: set[int] = field(default_factory=set)  # whose commit has failed
    added: int = 0  # to the counter
    is_closing: bool = False

    def things(self) -> dict[int, dict[str, Any]]:
        objects = _testbed.objects(self.storage.file).get("Thing", [])
        return {thing["_id"]: thing for thing in map(plain, objects)}

    def tokens(self) -> Counter[int]:
        shared = self.things().get(SHARED)
        return Counter(shared["tokens"] if shared else ())

    def check_own(self) -> int:
        """What the user has written is here, whatever has happened. How much of what was in doubt
        is here, too."""
        found = self.tokens()
        if missing := sorted(token for token in self.written if found[token] != 1):
            raise BrokenPromiseError(f"{self.partition}: committed, and not here once: {missing}")
        # Whoever opens the file sees these, so from now on they have to stay.
        stayed = self.in_doubt & found.keys()
        self.in_doubt -= stayed
        self.written |= stayed
        return len(stayed)


class Device:
    def __init__(self, world: World, number: int, partitions: list[str]) -> None:
        self.world, self.number, self.user = world, number, f"user {number}"
        self.random = random.Random(f"device {number} of {world.seed}")
        self.skew = 0  # of its wall clock, in ms
        self.asleep_until = 0
        self.is_logged_in = True
        self.is_doomed = False
        self.is_running = False
        self.pages = self.random.choice([4, 40, 2000])  # of log that start a checkpoint
        self.replicas = [Replica(p, _testbed.ClientStorage(self.pages)) for p in partitions]
        self.processes = 0
        self.start()

    # the process

    def start(self) -> None:
        self.processes += 1
        seed = self.world.seed * 1000 + self.number * 100 + self.processes
        self.process = Client(seed, self.world.multiplexing, **self.world.client_tuning)
        self.process.now = self.world.now
        self.is_running, self.is_doomed, self.is_logged_in = True, False, True
        self.asleep_until = self.heard = 0
        for replica in self.replicas:
            self.world.counts["failed commits that stayed"] += replica.check_own()
            self.open(replica)
        if self.world.again():
            self.stop_later(self.random.choice([0, 20, 500]), power=self.random.random() < 0.8)

    def stop(self, power: bool) -> None:
        """Kills the process, or takes the whole device's power."""
        self.is_running = False
        self.world.hang_up(self)
        for replica in self.replicas:
            replica.storage.fail_sync(0)
            if power:
                replica.storage.cut_power(self.random.choice([0, self.random.getrandbits(63)]))
            replica.storage = replica.storage.reopen()
            replica.file = None
            replica.is_closing = False
            replica.waits.clear()

    def stop_later(self, ms: int, power: bool) -> None:
        """Unless it has stopped by then, or all is well again."""
        process = self.process

        def stop() -> None:
            if self.process is process and self.is_running and not self.world.is_well:
                self.stop(power)

        self.world.at(self.world.now + ms, stop)

    def is_awake(self) -> bool:
        return self.is_running and self.asleep_until <= self.world.now

    def wake(self) -> None:
        """Lets the process take in what has happened; a slow one does so later."""
        if self.is_awake() and not (self.world.is_slow and self.random.random() < 0.3):
            self.run()

    def run(self) -> None:
        process = self.process
        process.now = self.world.now
        process.run()
        while self.heard < len(process.sockets):
            socket = process.sockets[self.heard]
            self.heard += 1
            self.world.dial(self, socket)
        while process.closed:
            self.world.close(self, process.closed.pop())
        for replica in self.replicas:
            if replica.file is not None and replica.file.events:
                self.listen(replica, replica.file)

    # sessions

    def open(self, replica: Replica) -> None:
        replica.is_closing = False
        if replica.file is not None:  # it has not ended yet
            self.process.runtime.open_session(replica.file.id)
            if self.is_logged_in:
                self.process.runtime.revive(replica.file.id)
        else:
            file = self.process.open(replica.partition, user=self.user, store=replica.storage)
            if not self.is_logged_in:
                self.process.runtime.log_out(self.user)
            self.process.runtime.open_session(file.id)
            replica.file = file

    def close(self, replica: Replica) -> None:
        if replica.file is not None and not replica.is_closing:
            replica.is_closing = True
            self.process.runtime.close_session(replica.file.id)

    def log_out(self) -> None:
        self.is_logged_in = False
        self.process.runtime.log_out(self.user)

    def log_in(self) -> None:
        self.is_logged_in = True
        self.process.runtime.set_access_token(self.user, "fresh")

    def listen(self, replica: Replica, file: File) -> None:
        """What was told about a session."""
        events, file.events = file.events, []
        is_released = False
        for event in events:
            kind, *facts = event
            match kind:
                case "wait":
                    self.settle(replica, *facts[1:3])
                case "error":
                    self.world.counts["errors"] += 1
                    if not self.is_doomed and (facts[1]["is_fatal"] or facts[1]["client_reset"]):
                        raise BrokenPromiseError(f"{self.name(replica)}: {facts[1]}")
                case "reset_required":
                    raise BrokenPromiseError(f"{self.name(replica)}: a client reset, {facts[3]}")
                case "refresh_token":
                    self.process.runtime.set_access_token(self.user, "fresh")
                case "released":
                    is_released = replica.is_closing
        if is_released:
            # What a paused or logged-out session kept, sync/session.py ends with the session.
            self.world.counts["waits aborted"] += len(replica.waits)
            replica.waits.clear()
            self.process.runtime.remove_session(file.id)
            replica.file = None
            replica.is_closing = False

    def name(self, replica: Replica) -> str:
        return f"device {self.number}, {replica.partition}"

    def explain(self, replica: Replica) -> str:
        if replica.file is None:
            return "closed"
        id = replica.file.id
        end = self.process.runtime.end(id)
        return explain(
            self.process.runtime.situation(id),
            None if end is None else end[1],
            is_logged_in=self.is_logged_in,
        )

    # waits

    def wait(self, replica: Replica, direction: str) -> None:
        if replica.file is None:
            return
        tokens = replica.written if direction == "upload" else self.world.visible[replica.partition]
        promise = Wait(direction, frozenset(tokens))
        number = self.process.runtime.wait(replica.file.id, direction)
        replica.waits[number] = promise
        self.world.counts["waits"] += 1

    def settle(self, replica: Replica, number: int, status: int) -> None:
        wait = replica.waits.pop(number, None)
        if wait is None:
            raise BrokenPromiseError(f"{self.name(replica)}: a wait ends twice, or was never begun")
        if status != 0:
            self.world.counts["waits aborted"] += 1
            if status != ABORTED and not self.is_doomed:
                raise BrokenPromiseError(f"{self.name(replica)}: a wait ends with {status}")
        elif wait.direction == "upload":
            self.world.counts["uploads"] += 1
            self.world.visible[replica.partition] |= wait.tokens
        elif not self.is_doomed:  # else it cannot be read
            self.world.counts["downloads"] += 1
            if missing := sorted(wait.tokens - set(replica.tokens())):
                raise BrokenPromiseError(f"{self.name(replica)}: all downloaded, but not {missing}")

    def check_explanations(self) -> None:
        """Of each wait that waits, the session says what for."""
        for replica in self.replicas:
            if not replica.waits or replica.file is None:
                continue
            facts = self.process.runtime.situation(replica.file.id)
            lifecycle, has_attempt = facts["lifecycle"], facts["next_attempt_ms"] is not None
            is_idle = facts["connection"] == "disconnected" or facts["is_suspended"]
            if lifecycle in (INACTIVE, PAUSED) or facts["needs_refresh"]:
                continue
            if is_idle and not has_attempt:
                raise BrokenPromiseError(f"{self.name(replica)}: waits, {self.explain(replica)}")

    # writes

    def write(self, replica: Replica) -> None:
        """One transaction of a few changes that fit what is here."""
        token = self.world.next_token()
        # What may be there or not is not counted: a sum could not tell.
        amount = 0 if self.is_doomed else self.random.randrange(10)
        try:
            instructions = self.edit(replica.things(), token, amount)
            file = replica.storage.file
            _testbed.commit_changeset(file, changeset(*instructions), self.wall())
        except StorageError:
            if not self.is_doomed:
                raise
            self.world.counts["failed commits"] += 1
            replica.in_doubt.add(token)
            return
        replica.written.add(token)
        replica.added += amount
        self.world.counts["writes"] += 1

    def edit(self, things: dict[int, Any], token: int, amount: int) -> list[dict[str, Any]]:
        chance = self.random
        instructions = [] if SHARED in things else [*CLASS, create("Thing", SHARED)]
        shared = things.get(SHARED, {"tokens": [], "notes": []})
        size = len(shared["tokens"])
        at = chance.randint(0, size)
        instructions.append(insert("Thing", SHARED, "tokens", at, token, size))
        if amount:
            instructions.append(on("AddInteger", "Thing", SHARED, "count") | {"value": amount})
        if chance.random() < 0.3:
            instructions.append(update("Thing", SHARED, "name", f"token {token}"))
        if chance.random() < 0.5:
            instructions += self.edit_notes(shared["notes"], token)
        if chance.random() < 0.5:
            instructions += self.edit_others(things, token)
        return instructions

    def edit_notes(self, notes: list[int], token: int) -> list[dict[str, Any]]:
        size, choice = len(notes), self.random.random()
        at = self.random.randrange(size) if size else 0
        if not size or choice < 0.5:
            return [insert("Thing", SHARED, "notes", at, token, size)]
        if choice < 0.8:
            return [on("ArrayErase", "Thing", SHARED, "notes", at) | {"prior_size": size}]
        return [update("Thing", SHARED, "notes", token, at) | {"prior_size": size}]

    def edit_others(self, things: dict[int, Any], token: int) -> list[dict[str, Any]]:
        key = self.random.randint(1, KEYS)
        if key not in things:
            return [create("Thing", key), update("Thing", key, "name", f"made by {token}")]
        if self.random.random() < 0.3:
            return [erase("Thing", key)]
        return [update("Thing", key, "name", f"changed by {token}")]

    def wall(self) -> int:
        return max(1, 100_000_000_000 + self.world.now + self.skew)
