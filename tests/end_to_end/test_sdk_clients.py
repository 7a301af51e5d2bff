"""Clients as strict as real SDKs against a server process: everyday use, and what networks, users
and operators do to it, at random from a seed. Nothing may be lost or come twice."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from instructions import add_column, add_table, create, erase, update
from realmsync.testing import ServerProcess
from sdk_client import Client, HttpClient, RealmFile, settle

SCHEMA = [
    add_table("Dog"),
    add_column("Dog", "name", 3, nullable=True),
    add_column("Dog", "age"),
    add_table("Person"),
    add_column("Person", "dog", 9, nullable=True, target="Dog"),
]


# Each with users and data of its own.
APPS = [f"--open-app={name}" for name in ("app", "other", "erased", "large", "pings", "schema")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, *APPS, durability="process") as server:
        yield server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """For tests that leave it running; each has an app of its own."""
    with ServerProcess(tmp_path_factory.mktemp("shared"), *APPS, durability="process") as server:
        yield server


def log_in(server: ServerProcess, client: Client, *, anonymous: bool = True) -> None:
    api = HttpClient("127.0.0.1", server.port, client.app_id)
    email = None if anonymous else f"client{client.name}@example.org"
    if email is not None:
        api.register(email)
    client.tokens = api.log_in(email)
    api.refresh(client.tokens)
    api.close()


def new_client(server: ServerProcess, name: int, app_id: str = "app") -> Client:
    client = Client(name, app_id)
    log_in(server, client)
    return client


def close(*clients: Client) -> None:
    for client in clients:
        client.close()


def assert_equal(files: list[RealmFile]) -> None:
    for file in files[1:]:
        assert file.objects == files[0].objects
        assert file.schema == files[0].schema


def assert_ends(socket: ClientConnection) -> None:
    """The server has ended it, without a word that an SDK would take amiss."""
    try:
        while True:
            socket.recv(timeout=5)
    except ConnectionClosed as closed:
        assert closed.rcvd is None or closed.rcvd.code == 1011


class World:
    """Some clients of one server, and what a seed does with them."""

    def __init__(self, server: ServerProcess, seed: int) -> None:
        self.server = server
        self.rng = random.Random(seed)
        self.keys = 0
        self.clock = 330_000_000_000
        # Who created what: by app and partition, then client.
        self.created: dict[tuple[str, str], dict[int, set[tuple[str, int]]]] = defaultdict(dict)
        self.zombies: list[ClientConnection] = []
        self.clients = [Client(n, "other" if n == 3 else "app") for n in range(4)]
        for client in self.clients:
            log_in(server, client, anonymous=client.name % 2 == 1)
            for partition in "abcde" if client.name == 0 else "ab":
                session = client.open(partition)
                if client.name != 2:  # the third opens by downloading
                    self.write(client, session.file, SCHEMA)

    def write(self, client: Client, file: RealmFile, instructions: list[dict[str, Any]]) -> None:
        self.clock += self.rng.randrange(-5, 50)
        mine = self.created[client.app_id, file.partition].setdefault(client.name, set())
        mine |= {(i["table"], i["pk"]["v"]) for i in instructions if i["op"] == "CreateObject"}
        file.write(instructions, self.clock)

    def write_something(self, client: Client) -> None:
        session = self.rng.choice(list(client.sessions.values()))
        file = session.file
        if "Dog" not in file.schema:
            return
        mine = self.created[client.app_id, file.partition].setdefault(client.name, set())
        alive = sorted(key for key in mine if key in file.objects)
        instructions: list[dict[str, Any]] = []
        for _ in range(self.rng.choice([1, 1, 3, 200])):
            self.keys += 1
            name = None if self.rng.random() < 0.2 else "x" * self.rng.randrange(200)
            instructions += [create("Dog", self.keys), update("Dog", self.keys, "name", name)]
        if alive and self.rng.random() < 0.5:
            table, key = self.rng.choice(alive)
            instructions.append(update(table, key, "age", self.rng.randrange(1 << 40)))
        if alive and self.rng.random() < 0.3:
            instructions.append(erase(*self.rng.choice(alive)))
        if self.rng.random() < 0.1:  # an app update, the same for everybody
            field = f"extra{self.rng.randrange(3)}"
            if field not in file.schema["Dog"]:
                instructions.append(add_column("Dog", field))
        self.write(client, file, instructions)

    def reconnect(self, client: Client) -> None:
        """The network fails; the server may take long to notice."""
        silently = self.rng.random() < 0.5
        bound = any(s.downloads and not s.deactivating for s in client.sessions.values())
        socket = client.lose(silently=silently)
        if silently and socket is not None and bound:
            self.zombies.append(socket)
        client.connect()

    def pause_and_resume(self, client: Client) -> None:
        session = self.rng.choice(list(client.sessions.values()))
        if not session.deactivating:
            client.pause(session)
            client.open(session.file.partition)

    def restart(self) -> None:
        if self.rng.random() < 0.5:
            assert self.server.stop() == 0
        else:
            self.server.kill()
        self.server.start()

    def run(self, steps: int, restarts: int) -> None:
        restart_at = set(self.rng.sample(range(steps // 10, steps), restarts))
        for step in range(steps):
            client = self.rng.choice(self.clients)
            action = self.rng.random()
            if step in restart_at:
                self.restart()
            elif client.socket is None:
                if action < 0.2:
                    client.connect()
            elif action < 0.15:
                self.write_something(client)
            elif action < 0.50:
                client.send(self.rng.choice([1, 5, 20]))
            elif action < 0.94:
                client.receive(self.rng.choice([0, 0.001, 0.003]))
            elif action < 0.96:
                client.send_ping()
            elif action < 0.98:
                self.pause_and_resume(client)
            else:
                self.reconnect(client)

    def check(self) -> None:
        settle(self.clients)
        newcomer = new_client(self.server, 9)
        for partition in "abcde":
            newcomer.open(partition)
        settle([newcomer])
        everybody = [*self.clients, newcomer]
        for (app_id, partition), created in self.created.items():
            holders = [c for c in everybody if c.app_id == app_id and partition in c.files]
            assert_equal([client.files[partition] for client in holders])
            for client in holders:
                others = {key for n, keys in created.items() if n != client.name for key in keys}
                file = client.files[partition]
                assert file.downloadable == 0
                assert file.received >= others & file.objects.keys(), "lost"
                assert file.received <= others, "from nowhere"
        for socket in self.zombies:
            assert_ends(socket)
        close(*everybody)


@pytest.mark.parametrize("seed", range(3))
def test_everyday_life(server: ServerProcess, seed: int) -> None:
    world = World(server, seed)
    world.run(steps=800, restarts=2)
    world.check()


def test_same_schema_at_the_same_time(shared: ServerProcess) -> None:
    """Each uploads before it has seen the others, then an app update adds a property everywhere."""
    clients = [new_client(shared, n, "schema") for n in range(5)]
    for client in clients:
        file = client.open("p").file
        file.write([*SCHEMA, create("Dog", client.name)], 5)
        client.connect()
        while not next(iter(client.sessions.values())).uploads_allowed:
            client.send()
            client.receive(1)
    settle(clients)
    files = [client.files["p"] for client in clients]
    assert_equal(files)
    assert len(files[0].objects) == 5
    for client, file in zip(clients, files, strict=True):
        added = add_column("Dog", "tags", 3, collection=1)
        file.write([added, update("Dog", client.name, "age", 7)], 6)
        client.send(3)
    settle(clients)
    assert_equal(files)
    assert "tags" in files[0].schema["Dog"]
    close(*clients)


def test_erased_class_is_refused(shared: ServerProcess) -> None:
    """An error of that session alone: its siblings, and a later session of the file, go on."""
    client, other = new_client(shared, 0, "erased"), new_client(shared, 1, "erased")
    session, sibling = client.open("p"), client.open("q")
    session.file.write([*SCHEMA, create("Dog", 1)], 5)
    settle([client])
    file = session.file
    file.write([{"op": "EraseTable", "table": "Dog"}], 6)
    client.expected_errors = {225}
    while session.error is None:
        client.send()
        client.receive(1)
    assert (session.error["action"], session.error["tryAgain"]) == ("ApplicationBug", False)
    sibling.file.write([*SCHEMA, create("Dog", 2)], 7)
    settle([client])
    assert list(client.sessions) == [sibling.ident]
    other.open("p")
    settle([other])
    assert other.files["p"].objects == {("Dog", 1): {}}
    close(client, other)


def test_large_changeset(shared: ServerProcess) -> None:
    """One transaction of more than the 16 MiB that the original service took."""
    client, other = new_client(shared, 0, "large"), new_client(shared, 1, "large")
    file = client.open("p").file
    text = "y" * (1 << 20)
    rows = [i for key in range(18) for i in (create("Dog", key), update("Dog", key, "name", text))]
    file.write([*SCHEMA, *rows], 5)
    assert len(file.history[0].changeset) > 18 << 20
    other.open("p")
    settle([client])
    settle([other])
    assert_equal([file, other.files["p"]])
    close(client, other)


def test_pipelined_pings(shared: ServerProcess) -> None:
    client = new_client(shared, 0, "pings")
    client.connect()
    assert client.socket is not None
    for timestamp in (1, 2, 3):
        client.socket.send(b"ping %d 0\n" % timestamp)
    answers = []
    while len(answers) < 3:
        message = client.socket.recv(timeout=5)
        if not bytes(message).startswith(b"log_message "):
            answers.append(message)
    assert answers == [b"pong 1\n", b"pong 2\n", b"pong 3\n"]
    close(client)


def test_restart_keeps_log_ins(server: ServerProcess) -> None:
    client = new_client(server, 0)
    file = client.open("p").file
    file.write([*SCHEMA, create("Dog", 1)], 5)
    with ExitStack() as stack:
        for end in (server.kill, server.stop):
            settle([client])
            end()
            server.start()
            assert client.tokens is not None
            api = HttpClient("127.0.0.1", server.port, "app")
            stack.callback(api.close)
            api.refresh(client.tokens)
            file.write([create("Dog", 2 if end == server.kill else 3)], 6)
    while client.socket is not None:
        client.receive(1)
    settle([client])
    client.close()
