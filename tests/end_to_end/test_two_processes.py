"""Two client programs and a server, each a process of its own: what one writes the other sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from client_program import ClientProgram, query
from realmsync.testing import ServerProcess

pytestmark = pytest.mark.no_asan

Pair = tuple[ClientProgram, ClientProgram]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def programs() -> Iterator[Pair]:
    with ClientProgram() as one, ClientProgram() as two:
        yield one, two


@pytest.fixture
def pair(programs: Pair, server: ServerProcess, tmp_path: Path) -> Pair:
    """Both programs with a realm of the same partition, new for each test."""
    for name, program in zip(("one", "two"), programs, strict=True):
        program.ask("open", server.url, str(tmp_path / name), tmp_path.name)
    return programs


def settle(*clients: ClientProgram) -> None:
    for client in clients:
        assert client.ask("upload")
    for client in clients:
        assert client.ask("download")


def person(key: int, **values: object) -> dict[str, object]:
    empty = {"name": "", "age": 0, "best": None, "tags": [], "friends": []}
    return {"_id": key, **empty, **values}


def test_writes_of_one_are_seen_by_the_other(pair: Pair) -> None:
    one, two = pair
    one.ask("write", [{"_id": 1, "name": "Ann", "age": 30, "tags": ["a", "b"]}], [])
    settle(one, two)
    assert two.people() == {1: person(1, name="Ann", age=30, tags=["a", "b"])}


def test_edits_deletes_links_and_lists_both_ways(pair: Pair) -> None:
    one, two = pair
    one.ask("write", [{"_id": key, "name": f"one {key}"} for key in range(10)], [])
    two.ask("write", [{"_id": key, "name": f"two {key}"} for key in range(10, 20)], [])
    settle(one, two)
    assert one.people() == two.people()
    assert len(one.people()) == 20

    # At the same time, each on objects of the other's making.
    one.ask("write", [{"_id": 10, "age": 10, "best": 11, "friends": [12, 13]}], [18, 19])
    two.ask("write", [{"_id": 0, "tags": ["x", "y", "z"], "best": 1, "friends": [2, 2]}], [8, 9])
    settle(one, two)
    expected = {key: person(key, name=f"one {key}") for key in range(8)}
    expected |= {key: person(key, name=f"two {key}") for key in range(10, 18)}
    expected[10] |= {"age": 10, "best": 11, "friends": [12, 13]}
    expected[0] |= {"tags": ["x", "y", "z"], "best": 1, "friends": [2, 2]}
    assert one.people() == expected
    assert two.people() == expected

    # A deleted target takes links to it along.
    one.ask("write", [{"_id": 0, "tags": ["x", "z"], "friends": [3]}], [])
    settle(one, two)
    two.ask("write", [], [11, 12])
    settle(two, one)
    del expected[11], expected[12]
    expected[10] |= {"best": None, "friends": [13]}
    expected[0] |= {"tags": ["x", "z"], "friends": [3]}
    assert one.people() == expected
    assert two.people() == expected


def test_restart_of_all_three(pair: Pair, server: ServerProcess, tmp_path: Path) -> None:
    one, two = pair
    one.ask("write", [{"_id": 1, "name": "Ann"}], [])
    settle(one, two)
    one.kill()
    server.stop()
    two.ask("write", [{"_id": 2, "name": "Bob", "best": 1}], [])
    two.kill()
    server.start()
    with ClientProgram() as one, ClientProgram() as two:
        path = one.ask("open", server.url, str(tmp_path / "one"), tmp_path.name)
        two.ask("open", server.url, str(tmp_path / "two"), tmp_path.name)
        settle(two, one)
        expected = {1: person(1, name="Ann"), 2: person(2, name="Bob", best=1)}
        assert one.people() == expected
        assert two.people() == expected
    assert query(path, 'SELECT _id, name, best FROM "Person" ORDER BY _id') == [
        [[1, "Ann", None], [2, "Bob", 1]]
    ]
