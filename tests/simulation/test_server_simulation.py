"""Many clients, random interleavings, cut connections, failed commits and crashed servers: every
change is integrated exactly once, in order, and reaches everybody (server-behaviour.md 7.7, 20)."""

from __future__ import annotations

import random

import pytest

from server_driver import Connection, Server


def token(client: int, number: int) -> bytes:
    """A changeset that adds a class with a unique name."""
    name = b"T%03d_%06d" % (client, number)
    return b"\x3f\x00\x0b" + name + b"\x3f\x01\x03_id\x00\x00\x00\x01\x01\x00"


class Client:
    """A client file with what it persists: its cursors and its own changes."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.file: tuple[int, int] | None = None
        self.version = 1
        self.download = (0, 0)
        self.latest = (0, 0)
        self.acknowledged = (0, 0)
        self.own: list[tuple[int, int, int, bytes]] = []
        self.foreign: list[bytes] = []
        self.connection: Connection | None = None
        self.session = 0
        self.sent = 0  # client version uploaded in this binding

    def write(self) -> None:
        self.version += 1
        change = token(self.number, len(self.own))
        self.own.append((self.version, self.download[0], self.version, change))

    def connect(self, server: Server) -> None:
        self.connection = server.connect()
        self.session += 1
        self.connection.bind(self.session, need_ident=self.file is None)
        if self.file is not None:
            self.identify()

    def identify(self) -> None:
        connection = self.connection
        assert connection is not None and self.file is not None
        binding = connection.bindings[self.session]
        binding.newest_client_version = self.version
        binding.upload = self.acknowledged
        connection.ident(self.session, self.file, self.download, self.latest)
        connection.mark(self.session, 1)
        self.sent = 0

    def cut(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def upload(self, rng: random.Random) -> None:
        connection = self.connection
        if connection is None or not connection.bindings[self.session].sent_ident:
            return
        after = max(self.sent, self.acknowledged[0])
        waiting = [change for change in self.own if change[0] > after]
        if waiting and rng.random() < 0.5:
            waiting = waiting[: rng.randrange(len(waiting)) + 1]
            progress = waiting[-1][:2]
        else:
            progress = (self.version, self.download[0])
        if progress[0] >= after:
            connection.upload(self.session, progress, waiting, locked=self.download[0])
            self.sent = progress[0]

    def take(self) -> bool:
        """Receives and persists one message, if there is one."""
        connection = self.connection
        if connection is None:
            return False
        if connection.gone:  # superseded, or dropped
            self.connection = None
            return False
        if self.session in connection.bindings:
            connection.bindings[self.session].newest_client_version = self.version
        message = connection.take()
        if message is None:
            return False
        if connection.error is not None:
            assert connection.error.json["tryAgain"], connection.error
            self.cut()
            return True
        assert message.type != "json_error", message
        if message.type == "ident":
            self.file = (message.fields[1], message.fields[2])
            self.identify()
        elif message.type == "download":
            binding = connection.bindings[self.session]
            self.download, self.latest = binding.download, binding.latest
            self.acknowledged = binding.upload
            self.foreign += [entry.changeset for entry in message.entries]
            self.version += 1  # storing it is a commit
        return True


def settle(server: Server, clients: list[Client], rng: random.Random) -> None:
    """Until every client has sent everything and has been sent everything."""
    for _ in range(1_000):
        for client in clients:
            if client.connection is None:
                client.connect(server)
            client.upload(rng)
        taken = [client.take() for client in clients]
        server.run()
        done = all(
            client.connection is not None
            and client.acknowledged[0] >= (client.own[-1][0] if client.own else 0)
            and client.download[0] == len(server.store.entries("app", '"p"'))
            for client in clients
        )
        if done and not any(taken):
            return
    raise AssertionError("does not come to rest")


@pytest.mark.parametrize("seed", range(25))
def test_exactly_once(seed: int) -> None:
    rng = random.Random(seed)
    tuning = {"page_bytes": 60, "shared_page_bytes": 60, "commit_jobs": rng.choice([1, 3, 1000])}
    server = Server(seed=seed, tuning=tuning)
    store = server.store
    clients = [Client(number) for number in range(4)]
    for _ in range(600):
        client = rng.choice(clients)
        action = rng.random()
        if action < 0.25:
            client.write()
        elif action < 0.45:
            client.upload(rng)
        elif action < 0.70:
            client.take()
        elif action < 0.90:
            server.run()
        elif action < 0.94:
            if client.connection is None or rng.random() < 0.5:
                # The old connection may live on at the server: the zombie is superseded.
                client.connection = None
                client.connect(server)
        elif action < 0.97:
            client.cut()
        elif action < 0.975:
            store.fail_commit(stored=rng.random() < 0.5)
        elif action < 0.98:
            rng.choice([store.fail_write, store.fail_sync])(rng.randrange(1, 20))
        elif action < 0.985:
            store.fail_append()
        elif action < 0.99:
            store.fail_page()
        else:  # the server dies, or its machine: nothing but committed state is left
            for other in clients:
                other.connection = None
            if rng.random() < 0.5:
                store.cut_power()
            server = Server(store, seed=seed, tuning=tuning)
    store.fail_write(0)
    store.fail_sync(0)
    settle(server, clients, rng)

    entries = store.entries("app", '"p"')
    assert len(entries) == sum(len(client.own) for client in clients)
    for client in clients:
        assert client.file is not None or not client.own
        mine = [(version, data) for ident, version, data in entries if ident == client.file[0]]
        assert mine == [(change[0], change[3]) for change in client.own], "once and in order"
        assert client.foreign == [data for ident, _, data in entries if ident != client.file[0]]
    newcomer = Client(9)
    settle(server, [newcomer], rng)
    assert newcomer.foreign == [data for _, _, data in entries]
