"""A server of flexible sync and its clients, message by message (flexible-sync.md 6 to 9, 17)."""

from __future__ import annotations

import json
import random

import pytest

import people
from flexible_peer import FlexibleClient
from server_driver import Server

ALL = {"Person": "TRUEPREDICATE"}


def connected(server: Server, user: str = "ann", version: int = 14) -> FlexibleClient:
    """A new client file, behind its first bootstrap."""
    client = FlexibleClient(server, user, version)
    client.connect()
    client.mark()
    client.run()
    assert client.marks == [1]
    assert client.completed == ([0] if version == 14 else client.completed)
    return client


def subscribed(client: FlexibleClient, queries: dict[str, str]) -> FlexibleClient:
    """Behind the bootstrap of a new query set."""
    version = max([0, *client.asked]) + 1
    client.query(version, queries)
    mark = client.mark()
    client.run()
    assert client.completed[-1] == version
    assert client.marks[-1] == mark
    return client


def with_schema(server: Server) -> FlexibleClient:
    client = connected(server, "admin")
    client.write(*people.schema())
    client.upload()
    client.run()
    return subscribed(client, ALL)


def ages(client: FlexibleClient) -> dict[int, int]:
    return {one["_id"]: one["age"] for one in people.read(client)}


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_new_file_gets_the_schema_and_may_then_subscribe(server: Server) -> None:
    admin = with_schema(server)
    admin.write(*people.create(1, age=20), *people.create(2, age=5))
    admin.upload()
    admin.run()
    reader = subscribed(connected(server, "bob"), {"Person": "age > 10"})
    assert ages(reader) == {1: 20}


def test_objects_enter_leave_and_stay(server: Server) -> None:
    admin = with_schema(server)
    reader = subscribed(connected(server, "bob"), {"Person": "age > 10"})
    for edit, expected in [
        (people.create(1, age=20), {1: 20}),
        (people.change(1, age=30), {1: 30}),
        (people.change(1, age=3), {}),
        (people.change(1, age=4), {}),
        (people.change(1, age=40), {1: 40}),
        (people.erase(1), {}),
    ]:
        admin.write(*edit)
        admin.upload()
        admin.run()
        reader.run()
        assert ages(reader) == expected


def test_a_write_outside_of_the_view_is_taken_back(server: Server) -> None:
    with_schema(server)
    writer = subscribed(connected(server, "bob"), {"Person": "age > 10"})
    writer.write(*people.create(1, age=5), *people.create(2, age=50))
    writer.upload()
    writer.run()
    assert ages(writer) == {2: 50}
    (rejection,) = writer.rejections
    assert [update["reason"] for update in rejection.updates] == [
        'write to 1 in table "Person" not allowed; object is outside of the current query view'
    ]
    assert rejection.version == writer.download[0]


def test_an_own_change_may_leave_the_view(server: Server) -> None:
    admin = with_schema(server)
    writer = subscribed(connected(server, "bob"), {"Person": "age > 10"})
    writer.write(*people.create(1, age=50))
    writer.upload()
    writer.run()
    writer.write(*people.change(1, age=5))
    writer.upload()
    writer.run()
    admin.run()
    assert ages(writer) == {}
    assert ages(admin) == {1: 5}
    assert writer.rejections == []


def test_a_refused_set_leaves_the_one_before(server: Server) -> None:
    admin = with_schema(server)
    reader = subscribed(connected(server, "bob"), ALL)
    reader.query(2, {"Nobody": "TRUEPREDICATE"})
    mark = reader.mark()
    reader.run()
    assert list(reader.refused) == [2]
    assert reader.marks[-1] == mark
    admin.write(*people.create(1, age=1))
    admin.upload()
    admin.run()
    reader.run()
    assert ages(reader) == {1: 1}


def test_equal_meaning_after_a_reconnection_is_no_bootstrap(server: Server) -> None:
    with_schema(server)
    reader = subscribed(connected(server, "bob"), {"Person": "age > 10 and name != 'x'"})
    reader.cut()
    reader.active = (7, b'{"Person":"(name != \\"x\\") and (age > 10)"}')
    completed = list(reader.completed)
    reader.connect()
    reader.mark()
    reader.run()
    assert reader.completed == completed
    assert reader.log[-1]["type"] == "mark"


class History:
    """Random clients on one server, checked whenever everything is quiet."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.server = Server(
            seed=seed, tuning={"page_bytes": self.random.choice((1, 200, 1 << 20))}
        )
        self.truth = with_schema(self.server)
        self.clients = [connected(self.server, f"user{i}") for i in range(3)]

    def queries(self) -> dict[str, str]:
        bound = self.random.randrange(0, 100, 10)
        return {
            "Person": self.random.choice(
                (
                    f"age > {bound}",
                    f"age < {bound}",
                    f"owner == '{self.random.choice('ab')}'",
                    f"age == {bound} or name == 'x'",
                    "TRUEPREDICATE",
                    "FALSEPREDICATE",
                )
            )
        }

    def edit(self, client: FlexibleClient) -> None:
        known = list(ages(client))
        values = {
            "age": self.random.randrange(100),
            "owner": self.random.choice("ab"),
            "name": self.random.choice("xyz"),
        }
        name = self.random.choice(sorted(values))
        choice = self.random.random()
        if choice < 0.4 or not known:
            client.write(*people.create(self.random.randrange(12), **values))
        elif choice < 0.85:
            client.write(*people.change(self.random.choice(known), **{name: values[name]}))
        else:
            client.write(*people.erase(self.random.choice(known)))

    def step(self) -> None:
        client = self.random.choice([self.truth, *self.clients])
        choice = self.random.random()
        if choice < 0.4:
            self.edit(client)
        elif choice < 0.6:
            if client.bound:
                client.upload()
        elif choice < 0.75:
            client.run(self.random.choice((1, 2, 5, None)))
        elif choice < 0.85 and client is not self.truth:
            if client.bound and client.download[0]:
                self.subscribe(client)
        elif choice < 0.9:
            client.cut() if self.random.random() < 0.6 else client.restart()
        elif client.connection is None:
            self.connect(client)

    def subscribe(self, client: FlexibleClient) -> None:
        client.upload()  # in its place before the query set
        client.query(max([0, *client.asked]) + 1, self.queries())
        client.mark()

    def connect(self, client: FlexibleClient) -> None:
        client.connect()
        waiting = {v: q for v, q in client.asked.items() if v > client.active[0]}
        for version, query in sorted(waiting.items()):
            if version not in client.refused:
                client.send(type="query", session=1, query_version=version, query=query)
        client.mark()

    def settle(self) -> None:
        everybody = [self.truth, *self.clients]
        for client in everybody:
            if client.connection is None:
                self.connect(client)
        for _ in range(6):
            for client in everybody:
                client.upload()
                client.mark()
                client.run()
        for client in everybody:
            assert client.marks[-1] == client.last_mark, client.user
            assert not client.errors, client.errors

    def check(self) -> None:
        for client in self.clients:
            query = client.active[1].decode()
            expected = [one for one in people.read(self.truth) if matches(one, query)]
            assert people.read(client) == expected, (client.user, query)


def matches(person: dict[str, object], body: str) -> bool:
    """What the few query texts of these tests mean."""
    if body == "{}":
        return False
    text = json.loads(body)["Person"]
    for word, value in (("TRUEPREDICATE", "True"), ("FALSEPREDICATE", "False")):
        text = text.replace(word, value)
    return bool(eval(text, {}, dict(person)))


@pytest.mark.parametrize("seed", range(40))
def test_every_copy_is_what_its_query_selects(seed: int) -> None:
    history = History(seed)
    for _ in range(4):
        for _ in range(40):
            history.step()
        history.settle()
        history.check()
