"""Clients and the server engine joined in memory, each on its real store: any interleaving of
writes, messages, pauses and cuts, from a seed, ends with every change at every client exactly once
and the same objects everywhere."""

from __future__ import annotations

import random

import pytest

from client_driver import PROTOCOL, Client, File
from instructions import add_column, add_table, changeset, create, update
from realmsync import _testbed
from realmsync._testbed import ServerStorage, start_server

PARTITIONS = ['"a"', '"b"']


def write(number: int) -> bytes:
    """Declares the class, as every client does for itself, and makes an object of its own."""
    return changeset(
        add_table("Thing"),
        add_column("Thing", "name", 3, nullable=True),
        create("Thing", number),
        update("Thing", number, "name", f"thing {number}"),
    )


class World:
    """Several client engines, one server engine, and sockets that can be cut."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 1_000
        self.store = ServerStorage(seed=seed)
        self.server = start_server(self.store, seed=seed)
        self.clients = [Client(seed=seed + n) for n in range(3)]
        self.files: list[list[File]] = []
        self.links: dict[tuple[int, int], int] = {}  # client and socket: server's connection
        self.number = 0
        self.written = [0] * len(PARTITIONS)  # per partition
        for n, client in enumerate(self.clients):
            client.now = self.now
            self.files.append([client.open(partition, user=f"u{n}") for partition in PARTITIONS])

    def connect(self) -> None:
        """Accepts every attempt that waits."""
        for n, client in enumerate(self.clients):
            client.now = self.now
            client.run()
            for socket in client.sockets:
                if (n, socket) not in self.links and socket not in client.closed:
                    self.links[n, socket] = self.server.open_connection(
                        "app", f"u{n}", PROTOCOL, self.now
                    )
                    client.runtime.connected(socket, PROTOCOL, self.now)
            client.run()
            for key in [k for k in self.links if k[0] == n and k[1] in client.closed]:
                self.hang_up(key, tell_client=False)

    def hang_up(self, key: tuple[int, int], tell_client: bool = True) -> None:
        connection = self.links[key]
        if connection < 0:
            return
        self.links[key] = -1
        self.server.closed(connection, self.now)
        if tell_client:
            self.clients[key[0]].runtime.closed(key[1], None, "cut", self.now)

    def pump(self, limit: int) -> bool:
        """Carries up to so many messages each way. Whether anything moved."""
        moved = False
        self.server.drain(self.now)
        for (n, socket), connection in list(self.links.items()):
            if connection < 0:
                continue
            client = self.clients[n]
            client.run()
            for _ in range(limit):
                up = client.runtime.next_message(socket, self.now)
                if up is not None:
                    self.server.receive(connection, up, self.now)
                self.server.drain(self.now)
                down = self.server.next_message(connection, self.now)
                if down is not None:
                    client.runtime.receive(socket, down, self.now)
                client.run()
                if up is None and down is None:
                    break
                moved = True
        return moved

    def step(self) -> None:
        choice, n = self.random.random(), self.random.randrange(len(self.clients))
        p = self.random.randrange(len(PARTITIONS))
        client, file = self.clients[n], self.files[n][p]
        if choice < 0.35:
            self.number += 1
            self.written[p] += 1
            file.commit(write(self.number), self.number)
        elif choice < 0.40:
            client.runtime.pause(file.id)
        elif choice < 0.50:
            client.runtime.resume(file.id)
        elif choice < 0.55:
            live = [k for k, connection in self.links.items() if connection >= 0]
            if live:
                self.hang_up(self.random.choice(live))
        elif choice < 0.60:
            self.now += self.random.randrange(70_000)
        elif choice < 0.62:
            client.runtime.notify_network_change()
        elif choice < 0.64:
            client.runtime.reconnect(file.id)
        else:
            self.pump(self.random.randrange(4))
        self.connect()

    def settle(self) -> None:
        """Lets everything go through."""
        for n, client in enumerate(self.clients):
            for file in self.files[n]:
                client.runtime.resume(file.id)
                client.runtime.wait(file.id, "upload")
        for _ in range(50):
            self.now += 1_000
            self.connect()
            while self.pump(100):
                self.connect()


@pytest.mark.parametrize("seed", range(20))
def test_everything_arrives_once(seed: int) -> None:
    world = World(seed)
    for _ in range(150):
        world.step()
    world.settle()
    for n in range(len(world.clients)):
        for file in world.files[n]:
            assert not file.of("error"), file.of("error")
            state = file.state()
            assert state["uploaded_version"] == state["version"]
            assert all(status in (0, 1027) for _, status, _ in file.of("wait"))
    for p, partition in enumerate(PARTITIONS):
        entries = world.store.entries("app", partition)
        for n in range(len(world.clients)):
            file = world.files[n][p]
            own = file.state()["file_ident"]
            expected = [
                (version, origin)
                for version, (origin, _, content) in enumerate(entries, 1)
                if origin != own and content
            ]
            assert [(v, origin) for v, _, origin, _ in file.store.received()] == expected
        assert sum(1 for _, _, content in entries if content) == world.written[p]
        objects = [_testbed.objects(files[p].store.file) for files in world.files]
        assert objects[1:] == objects[:-1]
        assert sum(map(len, objects[0].values())) == world.written[p]
