"""Operators change the schema, reset and terminate while clients write and the server dies: idents
stay unique, nobody is left with a history that is not the server's, nothing stored is half."""

from __future__ import annotations

import random

import pytest

from instructions import add_column, add_table, changeset, create, update
from realmsync._testbed import ServerStorage
from realmsync.inspect import decode_changeset
from server_driver import APP, Binding, Connection, Server

KEY = ("_id", "int", False, None, None)
REALM = ("realm", "string", True, None, None)
PROPERTIES = [("age", "int", False, None, None), ("name", "string", True, None, None)]
COLUMNS = {"age": 1, "name": 3, "realm": 3}


class Device:
    """A client file of one partition, which takes part again after each loss."""

    def __init__(self, partition: str) -> None:
        self.partition = partition
        self.file: tuple[int, int] | None = None
        self.version = 1
        self.connection: Connection | None = None
        self.binding: Binding | None = None
        self.past: Binding | None = None

    def connect(self, server: Server) -> None:
        self.connection = server.connect()
        self.binding = self.connection.bind(1, self.partition, need_ident=self.file is None)
        self.connection.take_all()
        if self.binding.ended:  # to come again later
            return
        past = self.past or self.binding
        self.file = self.file or self.binding.file
        assert self.file is not None
        self.binding.newest_client_version = self.version
        self.connection.ident(1, self.file, past.download, past.latest)
        self.connection.take_all()
        self.look()

    def look(self) -> None:
        """What an error makes of the client."""
        if self.connection is None or self.binding is None:
            return
        self.connection.take_all()
        if self.binding.error in (208, 217):
            self.file, self.past, self.version = None, None, 1
        elif self.binding.sent_ident:
            self.past = self.binding
        if self.binding.ended or self.connection.gone:
            self.connection.close()
            self.connection = self.binding = None

    def upload(self, key: int, names: list[str]) -> None:
        assert self.connection is not None and self.binding is not None
        body = [add_table("Dog"), create("Dog", key)]
        for name in names:
            column = add_column("Dog", name, COLUMNS[name], nullable=name != "age")
            body += [column, update("Dog", key, name, key if name == "age" else "x")]
        self.version += 1
        base = self.binding.download[0]
        self.connection.upload(
            1, (self.version, base), [(self.version, base, key, changeset(*body))]
        )


def administer(server: Server, chance: random.Random) -> list[str]:
    """Does one thing; gives the properties that clients may use from then on."""
    chosen = chance.sample(PROPERTIES, chance.randrange(3))
    classes = [("Dog", "top", "_id", [KEY, REALM, *chosen])]
    what = chance.randrange(4)
    if what == 0:
        server.runtime.terminate(APP, server.now)
    elif what == 1:
        server.runtime.force_reset(APP, chance.randrange(2, 20), server.now)
    elif what == 2:
        server.runtime.replace_schema(APP, classes, server.now)
    else:
        server.runtime.install_schema(APP, classes, server.now)
    server.run()
    server.advance(chance.choice([0, 5_000]))
    return [p[0] for p in chosen]


def started(store: ServerStorage) -> Server:
    server = Server(store)
    server.runtime.configure_app(
        APP, partition_key="realm", development_mode=True, now_ms=server.now
    )
    return server


@pytest.mark.parametrize("seed", range(25))
def test_administration_at_random(seed: int, scale: int) -> None:
    chance = random.Random(seed)
    store = ServerStorage(seed)
    server = started(store)
    devices = [Device(partition) for partition in ("p", "p", "q")]
    idents: set[int] = set()
    for step in range(60 * scale):
        device = chance.choice(devices)
        what = chance.random()
        if device.connection is None or what < 0.2:
            if device.connection is not None:
                device.connection.close()
            before = device.file
            device.connect(server)
            if device.file is not None and before is None:
                assert device.file[0] not in idents, "an ident that another client file has"
                idents.add(device.file[0])
        elif what < 0.7:
            device.upload(step, chance.sample(["age", "name"], chance.randrange(3)))
        elif what < 0.9:
            administer(server, chance)
        else:
            if chance.random() < 0.5:
                store.fail_commit(stored=chance.random() < 0.5)
                device.upload(step, [])
                server.run()
            server = started(store)
            for each in devices:
                each.connection = each.binding = None
        for each in devices:
            each.look()
    for partition in "pq":
        readers = [Device(partition), Device(partition)]
        for reader in readers:
            server.advance(10_000)
            reader.connect(server)
            assert reader.binding is not None and not reader.binding.ended
        first, second = (r.binding.received for r in readers if r.binding is not None)
        assert [e.changeset for e in first] == [e.changeset for e in second]
        assert all_have_their_partition([e.changeset for e in first], partition)


def all_have_their_partition(history: list[bytes], partition: str) -> bool:
    """Once the class has the property: by what a client that begins now is sent."""
    has, values = False, {}
    for data in history:
        for i in decode_changeset(data):
            if i["op"] == "AddColumn" and i["field"] == "realm":
                has = True
            elif i["op"] == "CreateObject" and has:
                values.setdefault(i["pk"]["v"], None)
            elif i["op"] == "Update" and i["field"] == "realm":
                values[i["pk"]["v"]] = i["value"].get("v")
    return all(value in (partition, None) for value in values.values())
