"""Hostile clients of flexible sync at the engine: storms of query sets, queries built to be slow,
bootstraps that are begun and never finished. Whoever does it is slowed or told; nobody else is
hurt.

Specification: flexible-sync.md 17.10 (limits), 7.5 (interruption).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import people
from flexible_peer import FlexibleClient
from realmsync import _core
from server_driver import Server
from test_flexible_server import ALL, ages, connected, subscribed, with_schema

OTHER_SESSION_ERROR, BAD_QUERY, EXPIRED = 201, 226, 222
COME_AGAIN = {OTHER_SESSION_ERROR}


@pytest.fixture
def server() -> Server:
    return Server()


class Sibling:
    """Another user's writer and reader, who must not notice anything."""

    def __init__(self, server: Server) -> None:
        self.writer = subscribed(connected(server, "writer"), {"Person": "_id >= 1000000"})
        self.reader = subscribed(connected(server, "reader"), {"Person": "_id >= 1000000"})
        self.written = 1_000_000

    def goes_on(self, **values: int | str | None) -> None:
        """One write, acknowledged and delivered."""
        self.written += 1
        values = {"age": -1, "name": "n", **values}
        self.writer.write(*people.create(self.written, **values))
        self.writer.upload()
        self.writer.run()
        assert self.writer.upload_cursor[0] == self.writer.uploaded, self.writer.errors
        self.reader.run()
        for client in (self.writer, self.reader):
            assert not client.errors and client.connection is not None
            assert not client.rejections
        assert self.written in ages(self.reader)


def test_a_storm_ends_the_session_that_makes_it(server: Server) -> None:
    with_schema(server)
    sibling, attacker = Sibling(server), connected(server, "attacker")
    for version in range(1, 1_001):
        attacker.query(version, {"Person": f"age > {version}"})
    sibling.goes_on()
    attacker.run()
    ((code, info),) = attacker.errors
    assert code in COME_AGAIN and info["try_again"]
    assert "Too many query sets" in info["message"]
    sibling.goes_on()


def with_sixty_people(path: str | None = None) -> tuple[Server, FlexibleClient]:
    """Their ages are their keys. Bootstraps of them have many parts. And who has written them."""
    server = Server(path, tuning={"page_bytes": 500, "shared_page_bytes": 500})
    admin = with_schema(server)
    for person in range(60):
        admin.write(*people.create(person, age=person, name="n" * 20))
    admin.upload()
    admin.run()
    return server, admin


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("takes", [0, 1])
def test_query_sets_that_overtake_each_other_end_with_the_last(
    tmp_path: Path, takes: int, same: bool
) -> None:
    server, admin = with_sixty_people(str(tmp_path / "data"))
    sibling, attacker = Sibling(server), connected(server, "attacker")
    for version in range(1, 401):
        bound = 10 if same else version % 50
        attacker.query(version, {"Person": "age >" if version % 7 == 3 else f"age > {bound}"})
        server.run()
        attacker.run(most=takes)
        if version % 100 == 0:
            sibling.goes_on()
    mark = attacker.mark()
    attacker.run()
    assert attacker.marks[-1] == mark and not attacker.errors
    assert set(attacker.refused) <= {v for v in range(1, 401) if v % 7 == 3}
    assert attacker.completed[-1] == 400
    last = 10 if same else 0
    assert sorted(ages(attacker)) == [p for p in range(60) if p > last]
    admin.run()
    sibling.goes_on()
    kept = 0
    for path in (tmp_path / "data").rglob("*.sqlite"):
        with sqlite3.connect(path) as database:
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'rs_view'").fetchone():
                kept += database.execute("SELECT count(*) FROM rs_view").fetchone()[0]
    assert 0 < kept <= 210


@pytest.mark.parametrize("alike", [True, False])
def test_bootstraps_that_are_never_finished_cost_neither_memory_nor_data(
    alike: bool,
) -> None:
    """A file that has parts of too many is told to begin anew."""
    server, admin = with_sixty_people()
    sibling, client = Sibling(server), connected(server, "comes and goes")
    resets = 0
    for turn in range(150):
        version = 1 if alike else turn + 1
        client.query(version, {"Person": f"age > {turn % 20}"})
        client.run(most=2)
        if turn % 50 == 0:
            sibling.goes_on()
        client.cut()
        client.connect()
        client.run(most=1)
        if client.errors:
            ((code, info),) = client.errors
            assert code == EXPIRED and info["should_client_reset"]
            resets += 1
            client = connected(server, "comes and goes")
    assert resets
    client.restart()
    client.connect()
    subscribed(client, {"Person": "age > 30"})
    assert sorted(ages(client)) == list(range(31, 60))
    sibling.goes_on()


def test_the_same_set_cut_off_any_number_of_times_is_one() -> None:
    server, admin = with_sixty_people()
    client = connected(server, "comes and goes")
    for _ in range(150):
        client.query(1, {"Person": "age >= 10"})
        client.run(most=2)
        client.cut()
        client.connect()
    subscribed(client, {"Person": "age >= 20"})
    assert sorted(ages(client)) == list(range(20, 60)) and not client.errors


def test_a_file_bound_twice_hurts_nobody_else(server: Server) -> None:
    """What one of its sessions is about to conclude has gone with the other's beginning."""
    with_schema(server)
    sibling = Sibling(server)
    for _ in range(5):
        first = connected(server, "attacker")
        first.query(1, ALL)
        first.run(most=1)
        second = FlexibleClient(server, "attacker", file=first.file, peer=first.peer)
        second.asked, second.active = dict(first.asked), first.active
        second.connect()
        second.query(1, ALL)
        for client in (first, second, first, second):
            data = server.runtime.next_message(client.connection, server.now)
            if data is not None and client is second:
                client.take(_core.decode_message(data, False, "flexible", client.version))
        sibling.goes_on()
        second.cut()


def test_uploads_from_before_too_many_query_sets_are_not_guessed_at(server: Server) -> None:
    """The file has seen them all, and has never said so."""
    admin = with_schema(server)
    admin.write(*people.create(1, age=5))
    admin.upload()
    admin.run()
    sibling, client = Sibling(server), connected(server, "attacker")
    subscribed(client, {"Person": "age > 0"})
    client.write(*people.change(1, age=7))
    for version in range(2, 130):
        client.query(version, {"Person": f"age > {version % 3}"})
        client.run()
        assert client.completed[-1] == version
    client.upload()
    client.run()
    ((code, info),) = client.errors
    assert code == EXPIRED and info["should_client_reset"]
    admin.run()
    assert ages(admin)[1] == 5
    sibling.goes_on()


LONG = "ab" * 10_000
STARS = "name LIKE '" + "*a*b" * 40 + "*c'"
SLOW = {
    "stars": STARS,
    "stars without case": STARS.replace("LIKE", "LIKE[c]"),
    "searches": " or ".join(f"name CONTAINS 'abab{n}'" for n in range(300)),
    "searches without case": " or ".join(f"name CONTAINS[c] 'ABAB{n}'" for n in range(300)),
    "alternatives": " or ".join(f"(age > {n} and age < {n - 1})" for n in range(2_500)),
    "nested": "(" * 90 + f"age > 1 or {STARS}" + ")" * 90,
    "negations": "!(" * 60 + STARS + ")" * 60,
    "one of many": "_id IN {" + ",".join(str(n) for n in range(15_000)) + "}",
}


@pytest.mark.parametrize("slow", SLOW)
def test_slow_queries_of_one_user_refuse_no_write_of_another(server: Server, slow: str) -> None:
    with_schema(server)
    sibling = Sibling(server)
    attackers = [connected(server, f"attacker {n}") for n in range(5)]
    for number, attacker in enumerate(attackers):
        attacker.query(1, {"Person": f"({SLOW[slow]}) or age == {number + 900}"})
        attacker.mark()
        attacker.run()
        assert attacker.completed[-1] == 1 or attacker.refused or attacker.errors
    for _ in range(3):
        sibling.goes_on(name=LONG, age=7)
    for attacker in attackers:
        if attacker.connection is not None:
            attacker.run()
        assert {code for code, _ in attacker.errors} <= {BAD_QUERY, *COME_AGAIN}
    sibling.goes_on(name=LONG)


@pytest.mark.parametrize("slow", ["stars", "searches"])
def test_who_has_a_slow_view_pays_for_his_uploads(server: Server, slow: str) -> None:
    with_schema(server)
    sibling, attacker = Sibling(server), connected(server, "attacker")
    subscribed(attacker, {"Person": f"({SLOW[slow]}) or _id >= 0"})
    attacker.write(*(i for n in range(200) for i in people.create(n, name=LONG[: 10_000 + n])))
    attacker.upload()
    sibling.goes_on()
    attacker.run()
    if attacker.errors:
        ((_, info),) = attacker.errors
        assert "too long" in info["message"] or "too much work" in info["message"]
    else:
        assert attacker.upload_cursor[0] == attacker.uploaded
    sibling.goes_on()


def test_a_query_set_has_a_size(server: Server) -> None:
    with_schema(server)
    attacker = connected(server, "attacker")
    attacker.query(1, {"Person": "age == 1 or " * 30_000 + "age == 2"})
    attacker.query(2, {f"C{n}": "age == 1 or " * 20_000 for n in range(5)})
    attacker.query(3, {f"C{n}": "TRUEPREDICATE" for n in range(1_001)})
    attacker.query(4, {"Person": "age == 1 or " * 15_000 + "age == 2"})
    attacker.mark()
    attacker.run()
    assert "bytes" in attacker.refused[1]
    assert "more than 1048576 bytes" in attacker.refused[2]
    assert "more than 1000 classes" in attacker.refused[3]
    assert "predicates" in attacker.refused[4]
    assert not attacker.errors


def test_a_query_set_behind_a_large_upload_does_not_judge_it() -> None:
    """Which is integrated in parts, between which other jobs have their turn."""
    server = Server(tuning={"transaction_work": 1, "part_bytes": 1})
    admin = with_schema(server)
    writer = subscribed(connected(server, "writer"), ALL)
    for person in range(20):
        writer.write(*people.create(person, age=5))
    writer.upload()
    writer.query(2, {"Person": "age > 100"})
    writer.mark()
    writer.run()
    admin.run()
    assert not writer.rejections
    assert sorted(ages(admin)) == list(range(20)) and ages(writer) == {}


def test_everybody_may_have_everything() -> None:
    server = Server()
    admin = with_schema(server)
    for person in range(1_000):
        admin.write(*people.create(person, age=5))
    admin.upload()
    admin.run()
    sibling = Sibling(server)
    clients = [connected(server, f"user {n % 20}") for n in range(200)]
    for client in clients:
        client.query(1, ALL)
        client.mark()
    sibling.goes_on()
    for _ in range(3):
        for client in clients:
            client.run()
        server.advance(10_000)
    for client in clients:
        client.run()
        assert not client.errors and len(ages(client)) >= 1_000
    sibling.goes_on()
