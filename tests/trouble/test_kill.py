"""kill -9 of clients and server amid uploads and downloads: nothing is lost, nothing doubled.

Every transaction of the programs makes objects and appends a unique token to a list, so that one
applied twice or half shows. The points of the kills come from a seed; what happens on the other
side at that moment does not matter for the outcome.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_program import ClientProgram, query
from realmsync.testing import ServerProcess

pytestmark = pytest.mark.no_asan

TRANSACTIONS = 30
OBJECTS = 20
# The writers' own persons; the objects of each follow with the next numbers.
ONE, TWO = 0, 10_000_000

PERSONS = 'SELECT _id, name, age, best, tags, friends FROM "Person" ORDER BY _id'
DOUBLED = """
SELECT pid, via_ident, client_version FROM rs_history WHERE via_ident <> 0
GROUP BY 1, 2, 3 HAVING count(*) > 1"""
VERSIONS = "SELECT count(*), min(version), max(version) FROM rs_history"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server") as server:
        yield server


def start(server: ServerProcess, folder: Path) -> tuple[ClientProgram, str]:
    program = ClientProgram()
    return program, program.ask("open", server.url, str(folder), "bulk")


def run_until(program: ClientProgram, what: str, number: int) -> bool:
    """Reads the program's reports up to that one; whether it came before the answer."""
    return any(report.get(what, -1) >= number for report in program.reports())


def expected_tags(name: int) -> list[str]:
    return [f"{name}-{i}" for i in range(TRANSACTIONS)]


def check_outcome(server: ServerProcess, folder: Path, names: list[int], files: list[str]) -> None:
    """Every object once at a new client, the same tables everywhere, a sound history."""
    fresh, path = start(server, folder / "fresh")
    with fresh:
        assert fresh.ask("download")
        persons = fresh.people()
    for name in names:
        assert persons[name]["tags"] == expected_tags(name)
        for number in range(TRANSACTIONS):
            first = name + 1 + number * OBJECTS
            for key in range(first, first + OBJECTS):
                assert persons[key]["name"] == f"{number}" * 100
    assert len(persons) == len(names) * (TRANSACTIONS * OBJECTS + 1)

    assert server.stop() == 0
    database = server.data / "sync" / "partitions.sqlite"
    rows, doubled, [[count, first, last]], [[sound]] = query(
        database, PERSONS, DOUBLED, VERSIONS, "PRAGMA integrity_check"
    )
    assert sound == "ok"
    assert doubled == []
    assert last - first + 1 == count
    for file in [path, *files]:
        [client_rows, [[sound]]] = query(file, PERSONS, "PRAGMA integrity_check")
        assert sound == "ok"
        assert client_rows == rows


def test_uploading_client(server: ServerProcess, tmp_path: Path) -> None:
    """One writer is killed again and again, another goes on all the time."""
    rng = random.Random(1)
    steady, steady_file = start(server, tmp_path / "steady")
    with steady:
        steady.tell("fill", TWO, TRANSACTIONS, OBJECTS)
        for _ in range(3):
            victim, _ = start(server, tmp_path / "victim")
            with victim:
                victim.tell("fill", ONE, TRANSACTIONS, OBJECTS)
                # Some reports on; it may have written further, even all, when it is killed.
                for _ in itertools.islice(victim.reports(), rng.randint(1, TRANSACTIONS // 5)):
                    pass
                time.sleep(rng.random() * 0.02)
        victim, victim_file = start(server, tmp_path / "victim")
        with victim:
            victim.ask("fill", ONE, TRANSACTIONS, OBJECTS)
            assert victim.ask("upload")
            steady.answer()
            assert steady.ask("upload")
            assert victim.ask("download")
            assert steady.ask("download")
    check_outcome(server, tmp_path, [ONE, TWO], [steady_file, victim_file])


def test_server(server: ServerProcess, tmp_path: Path) -> None:
    """The server is killed amid the uploads of one client and the downloads of another."""
    rng = random.Random(2)
    writer, writer_file = start(server, tmp_path / "writer")
    follower, follower_file = start(server, tmp_path / "follower")
    with writer, follower:
        follower.tell("follow", ONE, TRANSACTIONS)
        writer.tell("fill", ONE, TRANSACTIONS, OBJECTS)
        acknowledged = 0
        points = sorted(rng.sample(range(2, TRANSACTIONS), 2))
        for report in writer.reports():
            acknowledged = max(acknowledged, report.get("acknowledged", 0))
            if points and report.get("written") == points[0]:
                points.pop(0)
                time.sleep(rng.random() * 0.02)
                server.kill()
                [rows] = query(
                    server.data / "sync" / "partitions.sqlite", "SELECT count(*) FROM rs_history"
                )
                assert rows[0][0] >= acknowledged
                server.start()
        assert not points
        follower.answer()
        assert writer.ask("upload")
        assert writer.ask("download")
        assert follower.ask("download")
    check_outcome(server, tmp_path, [ONE], [writer_file, follower_file])


def test_downloading(server: ServerProcess, tmp_path: Path) -> None:
    """A new client and the server are killed in turn while the client downloads."""
    writer, writer_file = start(server, tmp_path / "writer")
    with writer:
        writer.ask("fill", ONE, TRANSACTIONS, OBJECTS)
        assert writer.ask("upload")
    rng = random.Random(3)
    for point in (0, 1, 2):
        reader, _ = start(server, tmp_path / "reader")
        with reader:
            reader.tell("follow", ONE, TRANSACTIONS)
            run_until(reader, "seen", point)
            time.sleep(rng.random() * 0.02)
            if point == 1:
                server.kill()
                server.start()
    reader, reader_file = start(server, tmp_path / "reader")
    with reader:
        reader.ask("follow", ONE, TRANSACTIONS)
        assert reader.ask("download")
    check_outcome(server, tmp_path, [ONE], [writer_file, reader_file])


def test_acknowledged_is_durable(server: ServerProcess, tmp_path: Path) -> None:
    """What an upload wait has confirmed survives the immediate death of both sides."""
    for number in range(2):
        client, _ = start(server, tmp_path / f"client{number}")
        with client:
            client.ask("write", [{"_id": number, "name": f"{number}"}], [])
            assert client.ask("upload")
            server.kill()
        [rows] = query(server.data / "sync" / "partitions.sqlite", PERSONS)
        assert [row[0] for row in rows] == list(range(number + 1))
        server.start()
